/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors that ioctls of programs return and take; see descriptor.c. All under the
 * lock. */
#ifndef PARADICE_GUESTD_DESCRIPTOR_H
#define PARADICE_GUESTD_DESCRIPTOR_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/proto.h"

struct call;
struct file;
struct guest;
struct node;

/* What of an ioctl is descriptors, by the layout table. */
struct call_descriptors {
	uint64_t made_at; /* where the program finds what the driver makes; 0: none */
	uint32_t n; /* that the program passes; their ranges are the last of the call's */
	int32_t numbers[]; /* as the program calls them */
};

/* Starts the process that gives them to programs, and the node; before any thread. A
 * failure is logged, and such ioctls fail. */
void descriptor_start(struct guest *guest);

/* Notes that an ioctl's argument is a descriptor: call->descriptors. 0 or -ENOMEM. */
int descriptor_argument(struct call *call);

/* Sends an ioctl with call->descriptors, once it is known what those that the program
 * passes lead to, or ends it. */
void descriptor_submit(struct call *call, const void *data, uint32_t size);

/* Why an answer's descriptors cannot be, or NULL. */
const char *descriptor_misfit(const struct call *call, const struct proto_message *message);

/* Ends a detached call, whose driver has made a descriptor over this connection: the
 * program gets it and `result`, or only `result` if that is a negative errno. */
void descriptor_made(struct call *call, uint32_t connection, const struct proto_descriptor *descriptor,
		     int result);

/* True for the node of which descriptors are open files. */
bool descriptor_node(const struct node *node);
/* Serves an open of it. */
void descriptor_open(fuse_req_t request, const struct fuse_file_info *info);

/* Serves a request of the module: which handle is this file? */
void descriptor_named(struct guest *guest, fuse_req_t request, const struct file *file, uint64_t token);

/* The giver has answered, or ended. */
void descriptor_serve(struct guest *guest);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors that ioctls of programs return and take; see descriptor.c. All under the
 * lock. */
#ifndef PARADICE_GUESTD_DESCRIPTOR_H
#define PARADICE_GUESTD_DESCRIPTOR_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/layout_walk.h"
#include "proto/proto.h"

struct call;
struct file;
struct guest;
struct node;

/* What of an ioctl is descriptors, by the layout table. */
struct call_descriptors {
	uint32_t n_made; /* that the driver may make */
	uint64_t made_at[WALK_MADE_MAX]; /* where the program finds them */
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

/* Those that a driver has made. */
struct made {
	uint32_t n;
	struct {
		uint64_t address; /* where the program finds its number */
		struct proto_descriptor descriptor;
	} one[WALK_MADE_MAX];
};

/* Copies an answer's descriptors. Why they cannot be, or NULL. */
const char *descriptor_read(const struct call *call, const struct proto_message *message, struct made *made);

/* Ends a detached call, whose driver has made descriptors over this connection: the
 * program gets them and `result`, or only `result` if that is a negative errno. */
void descriptor_made(struct call *call, uint32_t connection, const struct made *made, int result);

/* True for the node of which descriptors are open files. */
bool descriptor_node(const struct node *node);
/* Serves an open of it. */
void descriptor_open(fuse_req_t request, const struct fuse_file_info *info);

/* Serves a request of the module: which handle is this file? */
void descriptor_named(struct guest *guest, fuse_req_t request, const struct file *file, uint64_t token);

/* The giver has answered, or ended. */
void descriptor_serve(struct guest *guest);

#endif

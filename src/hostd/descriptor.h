/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors that ioctls take and make (proto/layout.h, LAYOUT_DESCRIPTOR).
 *
 * A driver that makes one makes it in this process; it becomes a handle like that of
 * an open device and counts against the same quota. What the guest passes is a
 * handle's number, never one of a descriptor here; it is held while the driver runs.
 *
 * A struct descriptor_call lives for one ioctl. Under the session's lock.
 */
#ifndef PARADICE_HOSTD_DESCRIPTOR_H
#define PARADICE_HOSTD_DESCRIPTOR_H

#include <stdint.h>

#include "proto/layout_walk.h"

struct handle;
struct session;

struct descriptor_call {
	uint32_t n_held;
	struct handle *held[PROTO_RANGES_MAX];
	uint32_t n_made;
	struct proto_range ranges[WALK_MADE_MAX]; /* of what was made */
	struct proto_descriptor made[WALK_MADE_MAX];
};

/* What a guest program called the descriptors that it passed, by our own numbers:
 * drivers tell such numbers again (VIDIOC_DQBUF). */
struct descriptor_numbers {
	int32_t *numbers;
	uint32_t n;
};

/* For descriptors below `n`. 0 or -ENOMEM. */
int descriptor_numbers_init(struct descriptor_numbers *table, uint32_t n);

/* Before walk_link(): puts our numbers in for those in the request, holds their
 * handles, and makes sure that the quota has room for what will be made. 0; -EINVAL
 * when they are not those that the table asks for; -EBADF; -EMFILE (both logged).
 * descriptor_end() in any case. */
int descriptor_take(struct descriptor_call *call, struct session *session,
		    const struct proto_message *message, struct walk *walk);

/* The same for a row of LAYOUT_ROW_ARGUMENT: our number for the argument is *fdp, -1 for
 * one that the program has not open. */
int descriptor_argument(struct descriptor_call *call, struct session *session,
			const struct proto_message *message, int *fdp);

/* After the driver and before walk_unlink(): what it made becomes handles, and call->ranges
 * and call->made tell of them. `handle` is the file of the ioctl. The result for the
 * program. */
int64_t descriptor_make(struct descriptor_call *call, struct session *session, struct walk *walk,
			const struct handle *handle, int64_t result);

/* Lets go of what was held. Gives the lock up. */
void descriptor_end(struct descriptor_call *call, struct session *session);

#endif

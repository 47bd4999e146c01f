/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of the guest's programs that drivers keep after an ioctl (proto/layout.h,
 * LAYOUT_KEPT). The driver gets an address here where the guest's pages are mapped; what
 * it says of it later becomes the program's own address again.
 *
 * Kept memory belongs to an object of a handle: a buffer's plane. It ends when a later
 * call gives the object other memory, when a call frees the objects, or with the handle;
 * and the guest is told. What a call has brought ends with the call if that fails: a
 * driver that has taken it all the same holds the pages by itself. Covered by the
 * session's lock.
 */
#ifndef PARADICE_HOSTD_KEPT_H
#define PARADICE_HOSTD_KEPT_H

#include "proto/layout_walk.h"

struct handle;
struct kept;
struct session;

/* What one call brings: its thread's alone until kept_settle(). */
struct kept_call {
	struct kept *news;
};

/* Checks the pages of a request against the walk, and takes those that are new. 0 or the
 * negative errno for the program. Ends by kept_settle() or kept_drop() in any case. */
int kept_take(struct kept_call *call, struct session *session, const struct proto_message *message,
	      struct walk *walk, const struct handle *handle);

/* Maps what is new, and puts the addresses in the walk. 0 or negative errno. Without the
 * lock, before walk_link(). */
int kept_map(struct kept_call *call, struct session *session, struct walk *walk);

/* After the driver, before walk_unlink(): `result` decides what stays. Addresses become
 * the program's. Gives the lock up if something ends. */
void kept_settle(struct kept_call *call, struct session *session, struct walk *walk,
		 const struct handle *handle, int64_t result);

/* The driver is not called. Gives the lock up if something ends. */
void kept_drop(struct kept_call *call, struct session *session);

/* The handle with this number is closed. Gives the lock up if something ends. */
void kept_forget(struct session *session, uint64_t handle);

#endif

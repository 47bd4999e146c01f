/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ioctls on demand: the driver gets the program's own pointers, and the host asks
 * for the pages that it touches. What it is likely to touch goes with the request.
 */
#ifndef PARADICE_GUESTD_ON_DEMAND_H
#define PARADICE_GUESTD_ON_DEMAND_H

#include "guestd/guest.h"

/* Fills call->body for a request on demand and gathers pages. *datap and *sizep are
 * its payload, in the calling thread's buffer. Gives the lock up. 0, or a negative
 * errno for the program. */
int on_demand_gather(struct call *call, const void **datap, uint32_t *sizep);

/* Writes what the driver changed. Gives the lock up; the caller has taken the call
 * out of every list. 0 or -EFAULT. */
int on_demand_write(struct guest *guest, pid_t pid, const struct proto_message *message);

/* Waits until what earlier messages wrote for the call is in its place. Gives the
 * lock up. False if the call has ended meanwhile. */
bool on_demand_settle(struct guest *guest, uint64_t tag);

/* MEM_WRITE of the host. -EPROTO (fault in the channel) if it fits no call. */
int on_demand_written(struct guest *guest, const struct proto_message *message);

/* MEM_READ of the host. As above. It is answered by on_demand_flush(). */
int on_demand_wanted(struct guest *guest, const struct proto_message *message);

/* Answers what the host wants, as far as there is room. Gives the lock up. */
void on_demand_flush(struct guest *guest);

/* Gives back what the calling thread, which ends, has of its own. */
void on_demand_thread_end(void);

/* Forgets what the host of a lost connection wanted. */
void on_demand_forget(struct guest *guest);

#endif

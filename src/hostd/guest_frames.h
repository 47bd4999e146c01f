/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device memory that a session's guest has mapped, as the supervisor sees it.
 *
 * Pages of RAM are granted by the session itself. Memory of a device only the toolstack's
 * calls of Xen can put into a guest, and those take any frame of the machine: so the
 * session is not believed, but names an offer of the kernel module (mmhelper(4)), which
 * tells what it is. A struct placed is such memory in the guest; the module keeps a
 * record of each that outlives us, by which the next supervisor takes away what is left.
 * Supervisor's main thread only.
 */
#ifndef PARADICE_HOSTD_GUEST_FRAMES_H
#define PARADICE_HOSTD_GUEST_FRAMES_H

#include <stdint.h>

#include "hostd/control.h"

struct guest;
struct placed;

/* The kernel module's file, which owns the records. */
struct frames {
	int helper_fd; /* -1: not opened yet */
};

/* Takes away what a supervisor that is gone has left in guests. */
void guest_frames_start(struct frames *frames);

void guest_frames_stop(struct frames *frames);

/* Serves a CONTROL_PLACE or CONTROL_UNPLACE. 0, or negative errno when it cannot be
 * answered and the session must be ended. */
int guest_frames_serve(struct guest *guest, const struct control_message *request);

/* Takes all away that the guest's session has placed. */
void guest_frames_end_all(struct guest *guest);

/* guest_frames_xen.c: the calls of Xen, for `n` frames. 0 or negative errno: -ENOSYS
 * when built without Xen, -ESRCH for a domain that is gone. */
int guest_frames_xen_permit(uint32_t domid, uint64_t frame, uint64_t n, bool allow);
int guest_frames_xen_map(uint32_t domid, uint64_t guest_frame, uint64_t frame, uint64_t n, bool add);

#endif

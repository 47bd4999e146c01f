/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of programs that a driver of the host keeps after an ioctl (proto/layout.h,
 * LAYOUT_KEPT): pinned from the first call that passes it until the host has let go.
 * Under the lock.
 */
#ifndef PARADICE_GUESTD_KEPT_H
#define PARADICE_GUESTD_KEPT_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/layout_walk.h"

struct call;
struct guest;

/* Pins what the walk has found, as far as the host has it not already, and adds to the
 * call's ranges, which have room, and to their bytes. Gives the lock up. 0 or the
 * negative errno for the program. */
int kept_gather(struct call *call, struct walk *walk, uint8_t *bytes, uint32_t *sizep);

/* On one kernel: passes the descriptors of what is new in the call. 0 or negative
 * errno. */
int kept_pass(struct call *call);

/* The driver has taken what is new in the call. */
void kept_taken(const struct call *call);

/* The call ends: what is new in it and was not taken goes. */
void kept_call_end(const struct call *call);

/* The host has let go of one. */
void kept_let_go(struct guest *guest, uint64_t id);

/* The connection is lost. */
void kept_all_lost(struct guest *guest);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a thread runs, seen from whom it serves.
 *
 * Near: guestd on the program's processor, and a session that does not spin on guestd's.
 * The two never run at the same time: one waits for the other. On one processor each
 * wake-up is a context switch; on two it is an interrupt to a processor that has just
 * gone idle, which costs 15 times as much in a virtual machine (30 µs and 2). The
 * scheduler prefers an idle processor, so a thread is tied to the busy one, as long as
 * it serves nobody else; if a third one wants that processor, the scheduler can move
 * that one.
 *
 * Apart: a scheduler that packs threads puts two sides of which one spins on one
 * processor, where it spins in the other's way.
 *
 * Each is about the calling thread, and does nothing if that is so already. A processor
 * that does not exist, or that the process may not use, does nothing.
 */
#ifndef PARADICE_PROTO_NEAR_H
#define PARADICE_PROTO_NEAR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Once, before any other: where the process may run is where this thread may. */
void near_init(void);

/* A thread has been made, perhaps by a tied one, whose tie it would keep. */
void near_begin(void);

/* It serves this thread, and nobody else meanwhile. Looks where that runs once in a
 * while, as looking is dear. */
void near_thread(pid_t thread);

/* The same, for somebody who runs on this processor. */
void near_processor(uint32_t processor);

/* It is going to spin for somebody who runs on this processor. False if it must not, because
 * it has no other one. */
bool near_apart(uint32_t processor);

/* It does not spin any more. */
void near_apart_end(void);

/* It serves several, or what may take long: anywhere. If it was near, it is not so again
 * before some more calls. */
void near_end(void);

#endif

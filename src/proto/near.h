/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps a thread on the processor of whom it serves: guestd on the program's, and a
 * session that does not spin on guestd's.
 *
 * The two never run at the same time: one waits for the other. On one processor each
 * wake-up is a context switch; on two it is an interrupt to a processor that has just
 * gone idle, which costs 15 times as much in a virtual machine (30 µs and 2). The
 * scheduler prefers an idle processor, and stays with what it has.
 */
#ifndef PARADICE_PROTO_NEAR_H
#define PARADICE_PROTO_NEAR_H

#include <sched.h>
#include <stdint.h>
#include <sys/types.h>

/* The calling thread serves this thread, or somebody who runs on this processor, and
 * nobody else meanwhile. Once in a while it moves there; the scheduler may move it on.
 * `all`: where it may run in all. A processor that does not exist does nothing. */
void near_thread(pid_t thread, const cpu_set_t *all);
void near_processor(uint32_t processor, const cpu_set_t *all);

#endif

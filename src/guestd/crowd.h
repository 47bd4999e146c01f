/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether many call at once.
 *
 * Where several threads call, the next thing to do is there soon anyway: who spins for an
 * answer then, or takes one request at a time, keeps the processor from those who would
 * make the next one. A thread that waits in a read for long does not count.
 */
#ifndef PARADICE_GUESTD_CROWD_H
#define PARADICE_GUESTD_CROWD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CROWD_THREADS 6 /* from so many on it is one: with four, spinning was as good */

/* Zero at first. The threads that called lately, a bit for each, by their numbers. */
struct crowd {
	uint64_t since_ns;
	uint64_t threads; /* since then */
	uint64_t before; /* in the span before */
};

/* This thread calls now; who called more than two spans ago is forgotten. */
void crowd_note(struct crowd *crowd, pid_t thread, uint64_t now_ns, uint64_t span_ns);

bool crowd_is_one(const struct crowd *crowd);

#endif

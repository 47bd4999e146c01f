/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread that sleeps in the read(2) of one FUSE descriptor.
 *
 * The loop (guest.c) waits in epoll_wait(2) and then reads. Where one program at a time
 * uses one node, which is the common case in which latency counts, that is a system call
 * too many: so after a while the node's descriptor is taken out of the loop, and the
 * reader alone waits in it. It serves a request, spins for its answer as the loop would,
 * and sleeps in the next read. All else stays with the loop, also an answer that takes
 * longer.
 *
 * The reader gives the descriptor back when more than one operation is in flight (the
 * loop serves many at once better), when spinning does not pay (two threads that sleep,
 * one for the request and one for the answer, stand in each other's way), when another
 * node is used more, and when it is itself stuck in a program's memory (lead.h, a
 * second).
 *
 * Everything here is called under the lock.
 */
#ifndef PARADICE_GUESTD_READER_H
#define PARADICE_GUESTD_READER_H

#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct guest;

/* A FUSE descriptor of the loop. */
struct source {
	struct fuse_session *session;
	int fd; /* does not block, except while it is the reader's */
	void *what; /* as in guest_watch() */
};

struct reader {
	bool started;
	pthread_t thread;
	pthread_cond_t given; /* a source */
	struct source source; /* session is NULL: none */
	bool idle; /* it waits for one */
	bool inside; /* atomic: in its read */
	bool recalled; /* the source is wanted back */
	const struct fuse_session *last; /* whose requests the loop served last, */
	uint32_t streak; /* and how many of them in a row */
};

/* The loop has served a request of this source while nothing else was in flight. Gives
 * the source to the reader when it has been the only one for a while. */
void reader_consider(struct guest *guest, const struct source *source);
/* Before a session is destroyed: the reader will not touch it any more. */
void reader_leave(struct guest *guest, const struct fuse_session *session);
/* The reader does not come back: its source is the loop's again. */
void reader_relieve(struct guest *guest);
/* The guest is stopping: the reader ends. */
void reader_stop(struct guest *guest);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process of our own that serves a floor: started, waited for until it is
 * ready, and ended by its pid.
 *
 * Lifetime: child_fork() … child_stop(). When the parent dies first, the kernel
 * sends the child SIGTERM, so it can clean up.
 */
#ifndef PARADICE_BENCH_CHILD_H
#define PARADICE_BENCH_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

struct child {
	pid_t pid; /* 0: none; in the child itself its own */
	int ready_fd; /* parent: to read from; child: to write to; -1 once used */
};

/* Forks. 0 in the child (which must end with _exit()), 1 in the parent, or
 * negative errno. The child ignores SIGINT and leaves SIGTERM as it is by
 * default. */
int child_fork(struct child *child);

/* In the child: tells the parent 0 (ready) or a negative errno, once. */
void child_ready(struct child *child, int result);

/* In the parent: waits for that. 0, the child's negative errno, -ECHILD when it
 * died without a word, or -ETIMEDOUT. */
int child_await(struct child *child);

/* Ends the child and waits for it: SIGTERM, repeated because it may just miss
 * one, then SIGKILL. For no child, does nothing. */
void child_stop(struct child *child);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Answers to the kernel that are held, and then written in a row.
 *
 * Each answer wakes a program's thread, mostly on another processor. Where many call at
 * once (crowd.h), several answers have come when guestd looks; a processor that gets one
 * while it is still busy with the one before does not go idle, from where waking it takes
 * longest. So the ones that are small and quickly made are written when all have been
 * looked at (docs/PERFORMANCE.md has what that is worth).
 *
 * Each thread has its own. What is held must not wait for anything: outbox_send() goes
 * before each call that may block (guest_away()), and before a descriptor is closed.
 */
#ifndef PARADICE_GUESTD_OUTBOX_H
#define PARADICE_GUESTD_OUTBOX_H

#include <stdbool.h>
#include <sys/uio.h>

/* Whether the calling thread's next answers are held. Nobody may want to know whether such
 * an answer still found its program. */
void outbox_hold(bool hold);

/* writev(2) of an answer, for libfuse; a held one counts as written. */
ssize_t outbox_writev(int fd, const struct iovec *iov, int n);

/* Writes what the calling thread holds. A program that has died meanwhile is no error. */
void outbox_send(void);

#endif

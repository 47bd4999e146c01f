/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Readiness: one thread with an io_uring waits for everything that is not the
 * ring: devices that become ready, the supervisor, the end of the peer, and the
 * moment to repeat an interrupt. It alone submits to the io_uring, because the
 * kernel completes polls by interrupting the thread that submitted them, and that
 * must never be a thread inside a driver.
 *
 * A poll that is armed holds the open file, so a handle is closed only after its
 * poll was taken back (readiness_forget).
 */
#ifndef PARADICE_HOSTD_READINESS_H
#define PARADICE_HOSTD_READINESS_H

#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* What a guest may watch; the kernel adds POLLERR and POLLHUP. */
#define READINESS_EVENTS                                                           \
	(POLLIN | POLLPRI | POLLOUT | POLLRDNORM | POLLRDBAND | POLLWRNORM | POLLWRBAND | \
	 POLLRDHUP | POLLERR | POLLHUP)

struct session;
struct handle;

struct readiness {
	struct io_uring ring;
	int wake_fd;
	int crowd_fd; /* an epoll with the handles that the io_uring does not take */
	pthread_t thread;
	pthread_cond_t disarmed; /* a handle's poll was taken back */
	bool changed; /* some handle's `events` or `released` differs from `armed` */
};

/* Sets the io_uring up and forbids it every operation but polls (so that it is no
 * way around seccomp). Before the sandbox. 0 or negative errno. */
int readiness_init(struct session *session);

/* Starts the thread. 0 or negative errno. */
int readiness_start(struct session *session);

/* Under the lock: wakes the thread, to look at handles and interrupts. */
void readiness_wake(struct session *session);

/* Under the lock, by the thread that holds the last reference of a released
 * handle: returns when no poll holds the file any more. Gives the lock up, as
 * lead_wait() does. */
void readiness_forget(struct session *session, struct handle *handle);

/* Under the lock, by an operation that then uses the handle, which is watched: returns
 * when nobody but the program polls it, until the guest asks again. Gives the lock up
 * like that. */
void readiness_unwatch(struct session *session, struct handle *handle);

#endif

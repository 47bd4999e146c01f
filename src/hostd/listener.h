/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The listening socket of a guest of the unix transport.
 *
 * Lifetime: listener_open() … listener_close(), which removes the file unless
 * somebody else listens there by then. Supervisor's main thread only.
 */
#ifndef PARADICE_HOSTD_LISTENER_H
#define PARADICE_HOSTD_LISTENER_H

struct listener {
	int fd; /* -1: not listening */
};

#define LISTENER_CLOSED ((struct listener){ .fd = -1 })

/* Listens at `path` (SOCK_SEQPACKET, mode 0600, non-blocking), making folders
 * above it with mode 0755, and replacing the socket of a dead daemon. 0,
 * -EADDRINUSE when somebody listens there, -EEXIST when the file is no socket,
 * or another negative errno. */
int listener_open(struct listener *listener, const char *path);
void listener_close(struct listener *listener, const char *path);

/* Takes one connection. A descriptor, -EAGAIN when there is none, or another
 * negative errno. */
int listener_accept(const struct listener *listener);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting a session process: this program again, with --session. No state. */
#ifndef PARADICE_HOSTD_LAUNCH_H
#define PARADICE_HOSTD_LAUNCH_H

#include <sys/types.h>

/* The control socket's descriptor in the session. */
#define LAUNCH_CONTROL_FD 3

/* Starts /proc/self/exe --session, under a name that tells `guest`, with one end
 * of a new control socket. It is killed when the calling thread (which must be
 * the main thread) ends. 0, *pidp, and *controlp, which the caller owns; or
 * negative errno. */
int launch_session(const char *guest, pid_t *pidp, int *controlp);

#endif

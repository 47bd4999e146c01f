/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting a process of a guest: this program again, with --session or --mirror. No
 * state. */
#ifndef PARADICE_HOSTD_LAUNCH_H
#define PARADICE_HOSTD_LAUNCH_H

#include <stdint.h>
#include <sys/types.h>

/* The socket's descriptor in the new process. */
#define LAUNCH_SOCKET_FD 3

/* Starts /proc/self/exe under a name that tells `guest`, with one end of a new
 * SOCK_SEQPACKET pair. It is killed when the calling thread (which must be the main
 * thread) ends. 0, *pidp, and the other end in *socketp, which the caller owns; or
 * negative errno. */
int launch_session(const char *guest, pid_t *pidp, int *socketp);

/* The same for a mirror, which becomes user `uid` (0: stays) and can use `capabilities`
 * (rights.h). */
int launch_mirror(const char *guest, uint32_t uid, uint64_t capabilities, pid_t *pidp, int *socketp);

#endif

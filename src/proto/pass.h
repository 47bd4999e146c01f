/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets with descriptors, over a SOCK_SEQPACKET socket of this machine. No state. */
#ifndef PARADICE_PASS_H
#define PARADICE_PASS_H

#include <stddef.h>
#include <stdint.h>

#define PASS_MAX 3u /* descriptors in a packet */

/* Sends one packet with `n` descriptors, which stay the caller's. `flags` of sendmsg(2).
 * 0 or negative errno. */
int pass_send(int socket, const void *data, size_t size, const int *fds, uint32_t n, int flags);

/* Receives one packet of exactly this size with at most `max` descriptors (up to PASS_MAX),
 * which are the caller's then (CLOEXEC); *np tells how many. `flags` of recvmsg(2). 1, 0
 * when the other end is gone, -EPROTO for any other packet, whose descriptors are closed,
 * or another negative errno (-EINTR included). */
int pass_receive(int socket, void *data, size_t size, int *fds, uint32_t max, uint32_t *np, int flags);

/* The same for one with exactly `n`; -EPROTO for any other. */
int pass_receive_exactly(int socket, void *data, size_t size, int *fds, uint32_t n, int flags);

#endif

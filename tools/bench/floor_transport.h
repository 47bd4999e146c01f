/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ping-pong of 64-byte messages over the same unix transport that the daemons
 * use, between two processes that do nothing else.
 *
 * Lifetime: floor_transport_new() … floor_transport_free(). One caller.
 */
#ifndef PARADICE_BENCH_FLOOR_TRANSPORT_H
#define PARADICE_BENCH_FLOOR_TRANSPORT_H

#include "bench/measure.h"

struct floor_transport;

/* Starts the other process and connects to it; both wait as `poll_us` says
 * (CHANNEL_POLL_AUTO, or microseconds). 0 or negative errno. */
int floor_transport_new(int poll_us, struct floor_transport **transportp);
void floor_transport_free(struct floor_transport *transport);

/* Runs one slice of round trips and adds it to *sample. 0, or a negative errno
 * when the other process is gone. */
int floor_transport_slice(struct floor_transport *transport, const struct limit *limit,
			  struct sample *sample);

#endif

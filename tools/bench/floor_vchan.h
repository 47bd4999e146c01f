/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ping-pong of 64-byte messages over plain libxenvchan, blocking on both sides,
 * between two Xen domains: what the transport costs without Paradice.
 *
 * The server stands in the driver domain, the client in the guest. Its path in
 * xenstore is data/paradice-bench/<guest's domid> of the server's domain.
 *
 * Lifetime: floor_vchan_new() … floor_vchan_free(). One caller.
 */
#ifndef PARADICE_BENCH_FLOOR_VCHAN_H
#define PARADICE_BENCH_FLOOR_VCHAN_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/measure.h"

struct floor_vchan;

/* True if this build has Xen. */
bool floor_vchan_built(void);

/* Server: echoes messages of domain `domid` until it leaves, or until measure_stop.
 * 0, -ENOSYS without Xen, or a negative errno. */
int floor_vchan_serve(uint32_t domid);

/* Client: connects to the server in domain `domid`. 0, -ENOENT when there is no
 * server, -ENODEV when this is no Xen domain, -ENOSYS without Xen, or another
 * negative errno. */
int floor_vchan_new(uint32_t domid, struct floor_vchan **vchanp);
void floor_vchan_free(struct floor_vchan *vchan);

/* Runs one slice of round trips and adds it to *sample. 0, or -EPIPE when the
 * server is gone. */
int floor_vchan_slice(struct floor_vchan *vchan, const struct limit *limit, struct sample *sample);

/* This domain's number, or a negative errno. */
int floor_vchan_domid(void);

#endif

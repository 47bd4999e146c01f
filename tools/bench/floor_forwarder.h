/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The naive forwarder: hands one request at a time to a second process over a
 * seqpacket socket and sleeps until the answer is there. The second process does
 * the operation on the native node. No more and no less than the obvious program.
 *
 * Lifetime: forwarder_new() … forwarder_free(); the second process ends when the
 * socket does. Not locked: one caller.
 */
#ifndef PARADICE_BENCH_FLOOR_FORWARDER_H
#define PARADICE_BENCH_FLOOR_FORWARDER_H

#include <stdint.h>

#define FORWARD_DATA_MAX (64u * 1024)

enum forward_kind {
	FORWARD_OPEN, /* argument: open flags; the result is the descriptor */
	FORWARD_CLOSE,
	FORWARD_READ,
	FORWARD_WRITE,
	FORWARD_IOCTL,
	FORWARD_POLL,
};

/* A request, as it is on the socket; FORWARD_WRITE's bytes follow it. */
struct forward {
	uint32_t kind;
	int32_t fd; /* in the second process */
	uint32_t size;
	uint32_t command;
	uint64_t argument;
};

struct forwarder;

/* Starts the second process for the node at `native`. 0 or negative errno. */
int forwarder_new(const char *native, struct forwarder **forwarderp);
void forwarder_free(struct forwarder *forwarder);

/* Forwards one request and waits. `data` is what FORWARD_WRITE sends or where
 * FORWARD_READ puts the answer, of forward->size bytes. The operation's result:
 * a negative errno, or what the call returned. -EIO when the process is gone. */
int64_t forwarder_call(struct forwarder *forwarder, const struct forward *forward, void *data);

#endif

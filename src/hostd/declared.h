/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a driver works in for a nested ioctl: private copies of all the memory that
 * the layout table says the command uses, linked with each other, and what of them
 * goes back. Knows no session.
 *
 * A struct declared belongs to one thread and serves one ioctl after the other:
 * declared_walk(), the ioctl on declared_argument(), declared_collect(). It borrows
 * the message until then.
 */
#ifndef PARADICE_HOSTD_DECLARED_H
#define PARADICE_HOSTD_DECLARED_H

#include <stdint.h>
#include <sys/uio.h>

#include "proto/layout_walk.h"

struct declared;

/* NULL when memory is short. declared_free() takes NULL. */
struct declared *declared_new(void);
void declared_free(struct declared *declared);

/* Checks `ranges` (`n`, with `bytes` behind them) against what `need` says of the
 * command and makes the copies. `limit` as for a walk. 0; WALK_VARIANT; -EINVAL when the
 * ranges are not those that the table asks for; or as walk_run(). */
int declared_walk(struct declared *declared, const struct layout_need *need,
		  const struct layout_facts *facts, uint32_t limit, uint64_t argument,
		  const struct proto_range *ranges, uint32_t n, const uint8_t *bytes);

/* After declared_walk(): the structure at the argument, and what its pointer at offset
 * `at` leads to; NULL when there is none. */
const struct walk_segment *declared_root(const struct declared *declared);
const struct walk_segment *declared_target(const struct declared *declared, uint16_t at);

/* True if what the caller has at `memory`, in one of the copies, is a pointer or a
 * descriptor for which the driver gets one of ours. */
bool declared_replaces(const struct declared *declared, const uint8_t *memory);

/* Puts the addresses in. What to give the driver as its argument: an address that
 * faults if the caller has no memory there. */
void *declared_argument(struct declared *declared);

/* The walk, for the descriptors that are in it. */
struct walk *declared_walked(struct declared *declared);

/* After the driver: takes the addresses out. *payloadp is what goes into an answer,
 * ranges first and then a piece for each; returns how many ranges. Those of the `n_made`
 * descriptors that the driver has made come last. */
uint32_t declared_collect(struct declared *declared, const struct proto_range *ranges,
			  const struct proto_descriptor *made, uint32_t n_made, const struct iovec **payloadp);

#endif

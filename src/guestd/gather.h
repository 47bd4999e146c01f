/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory of callers of nested ioctls: gathered for the request, and written
 * from the answer. */
#ifndef PARADICE_GUESTD_GATHER_H
#define PARADICE_GUESTD_GATHER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/layout.h"
#include "proto/proto.h"

struct call;
struct gather;

/* What one thread gathers in, for guest_gather(). NULL when memory is short. */
struct gather *gather_new(void);

/* Reads what `need`, a row with a type, says of an ioctl at `argument` of process `pid`.
 * As walk_run(); -EPERM or -ESRCH: its memory cannot be read. May block. */
int gather_walk(struct gather *gather, pid_t pid, const struct layout_need *need,
		const struct layout_facts *facts, uint32_t limit, uint64_t argument);

/* What was read: ranges[PROTO_RANGES_MAX], and their bytes, which live until the next
 * walk. Returns how many ranges. */
uint32_t gather_ranges(const struct gather *gather, struct proto_range *ranges, const uint8_t **bytesp,
		       uint32_t *sizep);

/* The same for a call, under the lock, which it gives up meanwhile. 0, or
 * WALK_VARIANT (which the host refuses by itself, and says so),
 * with the ranges in the call, and their bytes, which live until the thread's next
 * call; or a negative errno, also -EPERM and -ESRCH. Sets call->carries in any case. */
int gather_nested(struct call *call, const struct layout_need *need, const uint8_t **bytesp, uint32_t *sizep);

/* True if an answer may write all of these. */
bool scatter_check(const struct call *call, const struct proto_range *ranges, uint32_t n);

/* Writes them in the caller. 0, or -EFAULT if not all could be written. May block:
 * away from the lock. */
int scatter_write(pid_t pid, const struct proto_range *ranges, uint32_t n, const uint8_t *bytes);

#endif

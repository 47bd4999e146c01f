/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nested ioctls on the guest's side: the caller's memory that the layout table says
 * a command uses is read, one system call for each level of pointers, and packed
 * without gaps, as the message has it.
 *
 * A struct gather belongs to a thread (guest_gather()), made at its first nested
 * ioctl. Large, touched only as far as calls reach.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "guestd/descriptor.h"
#include "guestd/gather.h"
#include "guestd/guest.h"
#include "proto/layout_walk.h"

struct gather {
	struct walk walk; /* first: fetch() gets from one to the other */
	pid_t pid;
	uint32_t used; /* of bytes */
	uint8_t bytes[PROTO_MESSAGE_MAX];
};

struct gather *gather_new(void)
{
	void *memory = mmap(NULL, sizeof(struct gather), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* Each by itself, because one of them is not all there. */
static int fetch_singly(struct gather *at, uint32_t first, uint32_t n)
{
	for (uint32_t i = first; i < first + n; i++) {
		struct walk_segment *segment = &at->walk.segments[i];
		ssize_t got = memory_read(at->pid, segment->address, at->bytes + at->used, segment->length);

		if (got == -EPERM || got == -ESRCH)
			return got;
		segment->memory = at->bytes + at->used;
		walk_present(segment, got < 0 ? 0 : got);
		at->used += segment->present;
	}
	return 0;
}

static int caller_fetch(struct walk *walk, uint32_t first, uint32_t n)
{
	struct gather *at = (struct gather *)walk;
	struct memory_piece pieces[PROTO_RANGES_MAX] = { 0 };
	uint64_t total = 0;
	bool exact = true;

	for (uint32_t i = 0; i < n; i++) {
		const struct walk_segment *segment = &walk->segments[first + i];

		pieces[i] = (struct memory_piece){ segment->address, segment->length };
		total += segment->length;
		exact &= !(segment->flags & LAYOUT_STRING) &&
			 !(segment->type && segment->type->n_parts &&
			   segment->length % segment->type->size);
	}
	/* The walk's limit is that of a message, and so total fits. */
	if (!exact || memory_read_pieces(at->pid, pieces, n, at->bytes + at->used) != (ssize_t)total)
		return fetch_singly(at, first, n);
	for (uint32_t i = first; i < first + n; i++) {
		walk->segments[i].memory = at->bytes + at->used;
		walk_present(&walk->segments[i], walk->segments[i].length);
		at->used += walk->segments[i].length;
	}
	return 0;
}

int gather_walk(struct gather *at, pid_t pid, const struct layout_need *need,
		const struct layout_facts *facts, uint32_t limit, uint64_t argument)
{
	at->pid = pid;
	at->used = 0;
	at->walk.fetch = caller_fetch;
	at->walk.facts = facts;
	at->walk.limit = limit;
	return walk_run(&at->walk, need, argument);
}

uint32_t gather_ranges(const struct gather *at, struct proto_range *ranges, const uint8_t **bytesp,
		       uint32_t *sizep)
{
	for (uint32_t i = 0; i < at->walk.n_segments; i++)
		ranges[i] = (struct proto_range){
			.address = at->walk.segments[i].address,
			.length = at->walk.segments[i].present,
			.direction = at->walk.segments[i].direction,
		};
	*bytesp = at->bytes;
	*sizep = at->used;
	return at->walk.n_segments;
}

/* Notes the descriptors that the walk has found, and adds ranges for those that the
 * program passes. 0 or -ENOMEM. */
static int gather_descriptors(struct call *call, struct walk *walk)
{
	struct call_descriptors *found = calloc(1, sizeof(*found) + walk->n_taken * sizeof(found->numbers[0]));
	struct walk_fixup *fixup;
	uint32_t at = 0;

	if (!found)
		return -ENOMEM;
	call->descriptors = found;
	while ((fixup = walk_descriptor(walk, &at, LAYOUT_IN))) {
		found->numbers[found->n++] = (int32_t)fixup->original;
		call->ranges[call->body.ioctl.n_ranges++] = (struct proto_range){
			.address = walk_address(walk, fixup),
			.length = sizeof(struct proto_descriptor),
			.direction = PROTO_RANGE_DESCRIPTOR,
		};
	}
	at = 0;
	fixup = walk_descriptor(walk, &at, LAYOUT_OUT);
	if (fixup)
		found->made_at = walk_address(walk, fixup);
	return 0;
}

int gather_nested(struct call *call, const struct layout_need *need, const uint8_t **bytesp, uint32_t *sizep)
{
	struct guest *guest = call->guest;
	struct gather *at = guest_gather(guest);
	/* What may change while the lock is given up. */
	struct layout_facts facts = call->file->facts;
	uint32_t limit;
	int r;

	if (!at || !guest->channel)
		return at ? -EIO : -ENOMEM;
	limit = walk_limit(guest->channel->max_message);
	lead_away(&guest->lead, true);
	r = gather_walk(at, call->pid, need, &facts, limit, call->body.ioctl.argument);
	lead_back(&guest->lead);
	if (r < 0)
		return r;
	call->ranges = calloc(at->walk.n_segments + at->walk.n_taken + 1, sizeof(call->ranges[0]));
	if (!call->ranges)
		return -ENOMEM;
	call->body.ioctl.n_ranges = gather_ranges(at, call->ranges, bytesp, sizep);
	if (r == 0 && (at->walk.n_taken || at->walk.n_made))
		r = gather_descriptors(call, &at->walk);
	return r;
}

/* True if an answer may write `range`: it lies in one that was offered for that. */
static bool scatter_allowed(const struct call *call, const struct proto_range *range)
{
	for (uint32_t i = 0; i < call->body.ioctl.n_ranges; i++) {
		const struct proto_range *offered = &call->ranges[i];

		if ((offered->direction & PROTO_RANGE_OUT) && range->address >= offered->address &&
		    range->length <= offered->length &&
		    range->address - offered->address <= offered->length - range->length)
			return true;
	}
	return false;
}

bool scatter_check(const struct call *call, const struct proto_range *ranges, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (ranges[i].direction != PROTO_RANGE_OUT || !scatter_allowed(call, &ranges[i]))
			return false;
	return true;
}

int scatter_write(pid_t pid, const struct proto_range *ranges, uint32_t n, const uint8_t *bytes)
{
	struct memory_piece pieces[PROTO_RANGES_MAX] = { 0 };
	ssize_t total = 0;

	for (uint32_t i = 0; i < n; i++) {
		pieces[i] = (struct memory_piece){ ranges[i].address, ranges[i].length };
		total += ranges[i].length;
	}
	return memory_write_pieces(pid, pieces, n, bytes) == total ? 0 : -EFAULT;
}

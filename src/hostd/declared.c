/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Private copies for nested ioctls; see declared.h. The bytes that the walk checks
 * are the copies in the image, which are those that the driver sees.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hostd/declared.h"
#include "hostd/image.h"

#define STRIDE 64u /* bytes compared at once */

struct declared {
	struct walk walk; /* first: fetch() gets from one to the other */
	struct image image;
	const struct proto_range *ranges; /* the request's */
	const uint8_t *bytes; /* of the range that comes next */
	uint32_t n_ranges;
	bool learnt; /* the guest learns from the structure, so it gets all of it */
	const uint8_t *sent[PROTO_RANGES_MAX]; /* the request's bytes of each segment */
	struct proto_range changed[PROTO_RANGES_MAX];
	struct iovec payload[1 + PROTO_RANGES_MAX];
};

struct declared *declared_new(void)
{
	struct declared *declared = malloc(sizeof(*declared));

	if (declared && image_init(&declared->image) < 0) {
		free(declared);
		return NULL;
	}
	return declared;
}

void declared_free(struct declared *declared)
{
	if (declared)
		image_fini(&declared->image);
	free(declared);
}

/* Gives a segment its place. Where the caller has less than the layout asks for, it
 * ends at a guard. What follows the structure follows it here too. */
static int place(struct declared *declared, struct walk_segment *segment, uint32_t n)
{
	struct walk_segment *before = segment->joined ? segment - 1 : NULL;
	bool edge = n < segment->length || (segment->flags & LAYOUT_UP_TO);
	uint32_t size = n;
	uint8_t *memory;

	/* Nothing has looked into the structure but for the length of this. */
	if (before)
		size += before->length;
	else if (!n)
		return 0;
	memory = edge || !n ? image_edge(&declared->image, size) : image_piece(&declared->image, size);
	if (!memory)
		return -EFAULT;
	if (before) {
		memcpy(memory, before->memory, before->length);
		before->memory = memory;
		memory += before->length;
	}
	segment->memory = memory;
	return 0;
}

/* Takes the segments from the message; each must be what the walk expects. */
static int message_fetch(struct walk *walk, uint32_t first, uint32_t n)
{
	struct declared *declared = (struct declared *)walk;
	int r;

	for (uint32_t i = first; i < first + n; i++) {
		const struct proto_range *range = &declared->ranges[i];
		struct walk_segment *segment = &walk->segments[i];

		if (i >= declared->n_ranges || range->address != segment->address ||
		    range->length > segment->length || range->direction != segment->direction)
			return -EINVAL;
		/* How much of it counts depends on the bytes themselves. */
		segment->memory = (uint8_t *)declared->bytes;
		walk_present(segment, range->length);
		if (segment->present != range->length)
			return -EINVAL;
		r = place(declared, segment, range->length);
		if (r < 0)
			return r;
		if (range->length)
			memcpy(segment->memory, declared->bytes, range->length);
		declared->sent[i] = declared->bytes;
		declared->bytes += range->length;
	}
	return 0;
}

int declared_walk(struct declared *declared, const struct layout_need *need,
		  const struct layout_facts *facts, uint32_t limit, uint64_t argument,
		  const struct proto_range *ranges, uint32_t n, const uint8_t *bytes)
{
	int r;

	image_reset(&declared->image);
	declared->ranges = ranges;
	declared->n_ranges = n;
	declared->bytes = bytes;
	declared->walk.fetch = message_fetch;
	declared->walk.facts = facts;
	declared->walk.limit = limit;
	declared->learnt = need->row->learn;
	r = walk_run(&declared->walk, need, argument);
	return r == 0 && declared->walk.n_segments != n ? -EINVAL : r;
}

const struct walk_segment *declared_root(const struct declared *declared)
{
	return declared->walk.n_segments ? &declared->walk.segments[0] : NULL;
}

const struct walk_segment *declared_target(const struct declared *declared, uint16_t at)
{
	return walk_target(&declared->walk, declared->walk.segments[0].memory, at);
}

bool declared_replaces(const struct declared *declared, const uint8_t *memory)
{
	const struct walk *walk = &declared->walk;

	for (uint32_t i = 0; i < walk->n_fixups; i++)
		if (walk->fixups[i].memory == memory)
			return true;
	return false;
}

void *declared_argument(struct declared *declared)
{
	const struct walk_segment *root = &declared->walk.segments[0];

	walk_link(&declared->walk);
	if (!declared->walk.n_segments || !root->present)
		return (void *)(uintptr_t)WALK_NOWHERE;
	return root->memory;
}

/* From the first byte that changed to the last, or nothing. */
static struct iovec changed_span(const uint8_t *now, const uint8_t *before, uint32_t n)
{
	uint32_t first = 0;

	if (memcmp(now, before, n) == 0)
		return (struct iovec){ NULL, 0 };
	while (n - first > STRIDE && memcmp(now + first, before + first, STRIDE) == 0)
		first += STRIDE;
	while (now[first] == before[first])
		first++;
	while (n - first > STRIDE && memcmp(now + n - STRIDE, before + n - STRIDE, STRIDE) == 0)
		n -= STRIDE;
	while (now[n - 1] == before[n - 1])
		n--;
	return (struct iovec){ (void *)(now + first), n - first };
}

struct walk *declared_walked(struct declared *declared)
{
	return &declared->walk;
}

uint32_t declared_collect(struct declared *declared, const struct proto_range *ranges,
			  const struct proto_descriptor *made, uint32_t n_made, const struct iovec **payloadp)
{
	const struct walk *walk = &declared->walk;
	uint32_t n = 0;

	walk_unlink(&declared->walk);
	for (uint32_t i = 0; i < walk->n_segments; i++) {
		const struct walk_segment *segment = &walk->segments[i];
		struct iovec span;

		if (!(segment->direction & PROTO_RANGE_OUT) || !segment->present)
			continue;
		if (i == 0 && declared->learnt)
			span = (struct iovec){ segment->memory, segment->present };
		else
			span = changed_span(segment->memory, declared->sent[i], segment->present);
		if (!span.iov_len)
			continue;
		declared->changed[n] = (struct proto_range){
			.address = segment->address + ((uint8_t *)span.iov_base - segment->memory),
			.length = span.iov_len,
			.direction = PROTO_RANGE_OUT,
		};
		declared->payload[++n] = span;
	}
	/* The walk has kept room for them. */
	for (uint32_t i = 0; i < n_made; i++) {
		declared->changed[n] = ranges[i];
		declared->payload[++n] = (struct iovec){ (void *)&made[i], sizeof(made[0]) };
	}
	declared->payload[0] = (struct iovec){ declared->changed, n * sizeof(declared->changed[0]) };
	*payloadp = declared->payload;
	return n;
}

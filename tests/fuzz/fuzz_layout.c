/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The layout tables: what is found for any command, what the predicates make of any
 * bytes, and what hostd's declared engine makes of any message. The first byte says
 * how the command is made: as four bytes, or from a row of the tables with some bits
 * changed; the rest is the caller's memory, and lies about it.
 */
#include "config.h"

#include <linux/ioctl.h>
#include <stdlib.h>

#include "input.h"
#include "layout_seed.h"
#include "proto/layout.h"
#include "proto/proto.h"

#include "hostd/declared.c"
#include "hostd/image.c"

static const struct layout *row_at(uint32_t n)
{
	uint32_t total = 0;

	for (size_t i = 0; layout_tables[i]; i++)
		total += layout_tables[i]->n_rows;
	n %= total;
	for (size_t i = 0;; i++) {
		if (n < layout_tables[i]->n_rows)
			return &layout_tables[i]->rows[n];
		n -= layout_tables[i]->n_rows;
	}
}

/* The predicate must look at need->in bytes and no more, wherever they begin. */
static void flat(struct input *input, const struct layout_need *need)
{
	uint32_t size = need->in > need->out ? need->in : need->out;
	uint32_t cut = input_byte(input);
	uint8_t *memory = malloc(size + 1);

	if (!memory)
		abort();
	input_bytes(input, memory + 1, size);
	(void)layout_need_flat(need, memory + 1, size);
	free(memory);
	if (cut > need->in)
		cut = need->in;
	memory = malloc(need->in - cut + 1);
	if (!memory)
		abort();
	memset(memory, 0xff, need->in - cut + 1);
	if (cut && layout_need_flat(need, memory + 1, need->in - cut))
		abort();
	free(memory);
}

/* ---- nested commands ---- */

/* A guest: walks the table over memory that the input makes up. */
struct maker {
	struct walk walk; /* first: fetch() gets from one to the other */
	struct input *input;
	uint32_t used;
	uint8_t bytes[PROTO_MESSAGE_MAX];
};

static struct maker maker;
static struct declared *declared;

/* Small numbers, and addresses that are none in this process. */
static void numbers_fill(struct input *input, uint8_t *memory, uint32_t size)
{
	uint32_t seed = input_number(input, 2) | 1u;

	for (uint32_t at = 0; at < size;) {
		uint64_t value;
		uint32_t n;

		/* Xorshift (Marsaglia). */
		seed ^= seed << 13;
		seed ^= seed >> 17;
		seed ^= seed << 5;
		value = seed & 3 ? seed >> 28 : UINT64_C(0x700000000000) + (seed & 0xffff);
		n = seed & 2 ? 4 : 8;
		n = n < size - at ? n : size - at;
		memcpy(memory + at, &value, n);
		at += n;
	}
}

static int made_up(struct walk *walk, uint32_t first, uint32_t n)
{
	struct maker *made = (struct maker *)walk;

	for (uint32_t i = first; i < first + n; i++) {
		struct walk_segment *segment = &walk->segments[i];
		uint8_t how = input_byte(made->input);
		uint32_t size = how < 0xe0 ? segment->length : (uint64_t)segment->length * (how & 31) / 32;

		segment->memory = made->bytes + made->used;
		if (how & 1)
			numbers_fill(made->input, segment->memory, size);
		else
			input_bytes(made->input, segment->memory, size);
		walk_present(segment, size);
		made->used += segment->present;
	}
	return 0;
}

/* What a guest may get wrong. */
static void lie(struct input *input, struct proto_range *ranges, uint32_t *np)
{
	uint32_t i = input_byte(input), n = *np;
	uint64_t value = input_number(input, 8);

	if (!n)
		return;
	i %= n;
	switch (input_byte(input) % 6) {
	case 0:
		ranges[i].address = value;
		break;
	case 1:
		ranges[i].length = value < ranges[i].length ? value : ranges[i].length;
		break;
	case 2:
		ranges[i].direction = value & 3;
		break;
	case 3:
		*np = i;
		break;
	case 4:
		ranges[i].address = ranges[n - 1].address;
		break;
	default:
		if (maker.used)
			maker.bytes[value % maker.used] = value >> 32;
	}
}

static bool in_image(uint64_t value)
{
	uint64_t begin = (uintptr_t)declared->image.memory;

	return value >= begin && value < begin + WHOLE;
}

/* The driver sees addresses of the image only, and what is behind them is there. */
static void links_check(void)
{
	const struct walk *walk = &declared->walk;

	for (uint32_t i = 0; i < walk->n_fixups; i++) {
		const struct walk_fixup *fixup = &walk->fixups[i];
		uint64_t value;

		if (fixup->part->kind != LAYOUT_POINTER)
			continue;
		memcpy(&value, fixup->memory, sizeof(value));
		if (value != WALK_NOWHERE && !in_image(value))
			abort();
	}
}

/* A driver that writes all that it may, its pointers as well. */
static void driver_writes(struct input *input)
{
	const struct walk *walk = &declared->walk;
	uint8_t how = input_byte(input);

	for (uint32_t i = 0; i < walk->n_segments; i++) {
		const struct walk_segment *segment = &walk->segments[i];

		if (how & 1 && segment->direction & PROTO_RANGE_OUT && segment->present)
			memset(segment->memory, how, segment->present);
		else
			for (uint32_t at = 0; at < segment->present; at++)
				if (((volatile uint8_t *)segment->memory)[at] == 0x42)
					break;
	}
}

/* Nothing goes back but what was offered, and no address of the image. */
static void answer_check(const struct proto_range *ranges, uint32_t n)
{
	const struct iovec *payload;
	uint32_t n_changed = declared_collect(declared, NULL, NULL, 0, &payload);
	const struct proto_range *changed = payload[0].iov_base;
	uint64_t value;

	for (uint32_t i = 0; i < n_changed; i++) {
		bool offered = false;

		for (uint32_t j = 0; j < n; j++)
			offered = offered || ((ranges[j].direction & PROTO_RANGE_OUT) &&
					      changed[i].address >= ranges[j].address &&
					      changed[i].address + changed[i].length <=
						      ranges[j].address + ranges[j].length);
		if (!offered || payload[1 + i].iov_len != changed[i].length)
			abort();
	}
	for (uint32_t i = 0; i < declared->walk.n_fixups; i++) {
		if (declared->walk.fixups[i].part->kind == LAYOUT_CLAMP ||
		    declared->walk.fixups[i].part->kind == LAYOUT_DESCRIPTOR ||
		    declared->walk.fixups[i].part->kind == LAYOUT_FREES)
			continue;
		memcpy(&value, declared->walk.fixups[i].memory, sizeof(value));
		/* The fuzzer finds out addresses of the image; then they are the guest's. */
		if (in_image(value) && value != declared->walk.fixups[i].original)
			abort();
	}
}

static void nested(struct input *input, const struct layout_need *need)
{
	static struct proto_range ranges[PROTO_RANGES_MAX];
	struct layout_facts facts = {
		.frame_bits = input_byte(input),
		.channels = input_byte(input),
		.in_fence_fd = 1,
		.out_fence_ptr = 2,
	};
	uint64_t argument = UINT64_C(0x600000000000) + input_byte(input);
	uint32_t limit = walk_limit(PROTO_MESSAGE_MAX), n, n_lies = input_byte(input) & 3;
	int r, r_host;

	if (input_byte(input) & 1)
		limit = walk_limit(PROTO_MESSAGE_MIN);
	maker.input = input;
	maker.used = 0;
	maker.walk.fetch = made_up;
	maker.walk.facts = &facts;
	maker.walk.limit = limit;
	r = walk_run(&maker.walk, need, argument);
	n = maker.walk.n_segments;
	for (uint32_t i = 0; i < n; i++)
		ranges[i] = (struct proto_range){ maker.walk.segments[i].address,
						  maker.walk.segments[i].present,
						  maker.walk.segments[i].direction };
	for (uint32_t i = 0; i < n_lies; i++)
		lie(input, ranges, &n);
	if (!declared)
		declared = declared_new();
	r_host = declared_walk(declared, need, &facts, limit, argument, ranges, n, maker.bytes);
	/* Without lies both find the same; hostd has fewer ends. */
	if (!n_lies && r_host != r && !(r == 0 && r_host == -EFAULT))
		abort();
	if (r_host != 0)
		return;
	if (in_image((uintptr_t)declared_argument(declared)) !=
	    (declared->walk.n_segments && declared->walk.segments[0].present))
		abort();
	links_check();
	driver_writes(input);
	answer_check(ranges, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	const struct layout *row = NULL;
	struct layout_need need, again;
	uint8_t how = input_byte(&input);
	uint32_t command;

	if (how & 1) {
		command = input_number(&input, 4);
	} else {
		row = row_at(input_number(&input, 2));
		command = row->command | (input_number(&input, 4) & ~row->mask);
		if (how & 2)
			command ^= 1u << (input_byte(&input) & 31);
	}
	(void)layout_refused(command);
	if (layout_find(command, &need) < 0) {
		/* A row is found, unless the size that it leaves free is too small. */
		if (row && !(how & 2) &&
		    (row->mask & ~(_IOC_SIZEMASK << _IOC_SIZESHIFT)) == row->mask &&
		    _IOC_SIZE(command) >= row->in)
			abort();
		if (row && !(how & 2) && row->mask == UINT32_MAX)
			abort();
		return 0;
	}
	if (layout_find(command, &again) < 0 || again.in != need.in || again.out != need.out)
		abort();
	if (need.in > LAYOUT_SIZE_MAX || need.out > LAYOUT_SIZE_MAX || !need.name || !need.classes)
		abort();
	for (uint32_t class = 0; class < 40; class ++)
		if (layout_need_class(&need, class) && class >= 32)
			abort();
	if (need.row->type)
		nested(&input, &need);
	else
		flat(&input, &need);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

/* For replay.c: every row is a seed. */
size_t fuzz_seed(uint32_t n, uint8_t *data, size_t size)
{
	return size >= LAYOUT_SEED_SIZE && layout_seed(n, data) ? LAYOUT_SEED_SIZE : 0;
}

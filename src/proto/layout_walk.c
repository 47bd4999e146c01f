/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Following the layout table through memory; see layout_walk.h. */
#include "config.h"

#include <errno.h>
#include <linux/ioctl.h>
#include <string.h>

#include "proto/layout_walk.h"

#define ADDRESS_END (UINT64_C(1) << 56) /* no program has memory above (5-level paging) */
#define CLAMP_RESERVE 4096u /* of the limit, for what goes beside clamped data */

const struct layout_type layout_type_bytes = { .size = 1 };

uint32_t walk_limit(uint32_t max_message)
{
	return max_message - sizeof(struct proto_header) - sizeof(struct proto_ioctl);
}

static uint64_t number_get(const uint8_t *at, uint8_t size)
{
	uint64_t value = 0;

	memcpy(&value, at, size); /* little-endian: proto.h */
	return value;
}

static uint64_t pointer_get(const uint8_t *at)
{
	return number_get(at, 8);
}

/* ---- lengths ---- */

/* A structure in the walk's memory, and where it was found. */
struct spot {
	const struct layout_type *type;
	uint8_t *structure;
	const struct layout_type *parent_type;
	uint8_t *parent; /* the structure that points here, or NULL */
	uint64_t sum; /* for LAYOUT_SUM */
	uint32_t element; /* its place in the array that it is in */
	const uint8_t *beside; /* the number there, see layout_type.beside_at, or NULL */
};

static uint64_t part_bits(const struct walk *walk, const struct layout_part *part)
{
	return part->bits ? part->bits(walk->facts) : (uint64_t)part->unit * 8;
}

/* The most elements of a clamped count. */
static uint64_t clamp_most(const struct walk *walk, const struct layout_part *part)
{
	uint64_t bits = part_bits(walk, part);
	uint32_t reserve = walk->limit / 2 < CLAMP_RESERVE ? walk->limit / 2 : CLAMP_RESERVE;

	return bits ? (uint64_t)(walk->limit - reserve) * 8 / bits : UINT64_MAX;
}

/* The count of a part, cut if a CLAMP of the same structure says so. */
static uint64_t count_get(const struct walk *walk, const struct spot *spot, const struct layout_part *part)
{
	bool of_parent = part->flags & LAYOUT_OF_PARENT;
	const struct layout_type *type = of_parent ? spot->parent_type : spot->type;
	const uint8_t *structure = of_parent ? spot->parent : spot->structure;
	uint64_t count = number_get(structure + part->count_at, part->count_size);

	for (uint16_t i = 0; i < type->n_parts; i++) {
		const struct layout_part *clamp = &type->parts[i];
		uint64_t most;

		if (clamp->kind != LAYOUT_CLAMP || clamp->count_at != part->count_at)
			continue;
		most = clamp_most(walk, clamp);
		if (count > most)
			count = most;
	}
	return count;
}

/* Bytes that a part leads to; UINT64_MAX: more than the driver takes, or than there
 * can be. */
static uint64_t part_length(const struct walk *walk, const struct spot *spot, const struct layout_part *part)
{
	uint64_t count = part->most, bits;

	if (part->length)
		return part->length(spot->structure, walk->facts);
	if (part->flags & LAYOUT_SUM)
		count = spot->sum;
	else if (part->count_size)
		count = count_get(walk, spot, part);
	if (part->count_size && part->most && count > part->most)
		return UINT64_MAX;
	if (__builtin_mul_overflow(count, part_bits(walk, part), &bits) || bits > UINT64_MAX - 7)
		return UINT64_MAX;
	return (bits + 7) / 8;
}

/* ---- segments and fixups ---- */

static int segment_push(struct walk *walk, const struct walk_segment *segment, uint64_t length)
{
	if (walk->n_segments + walk->n_taken + walk->n_made + walk->n_kept >= PROTO_RANGES_MAX ||
	    length + sizeof(struct proto_range) > walk->limit - walk->used)
		return -ENOMEM;
	walk->used += length + sizeof(struct proto_range);
	walk->segments[walk->n_segments] = *segment;
	walk->segments[walk->n_segments].length = length;
	walk->segments[walk->n_segments].present = 0;
	walk->segments[walk->n_segments].memory = NULL;
	walk->n_segments++;
	return 0;
}

static int fixup_push(struct walk *walk, const struct layout_part *part, uint8_t *structure,
		      uint8_t *memory, uint64_t original, uint64_t ours)
{
	if (walk->n_fixups == WALK_FIXUPS_MAX)
		return -ENOMEM;
	walk->fixups[walk->n_fixups++] = (struct walk_fixup){
		.memory = memory,
		.original = original,
		.ours = ours,
		.part = part,
		.structure = structure,
		.segment = -1,
	};
	return 0;
}

void walk_present(struct walk_segment *segment, uint32_t n)
{
	const uint8_t *end;

	segment->present = n;
	if (segment->flags & LAYOUT_STRING) {
		end = memchr(segment->memory, 0, n);
		if (end)
			segment->present = end - segment->memory + 1;
	}
	/* A driver that reads its fields one by one would follow a pointer in a
	 * structure whose end is missing, so it gets whole ones only. */
	if (segment->type && segment->type->n_parts)
		segment->present -= n % segment->type->size;
}

/* ---- parts ---- */

static int pointer_walk(struct walk *walk, const struct spot *spot, const struct layout_part *part)
{
	struct walk_segment segment = {
		.address = pointer_get(spot->structure + part->at),
		.direction = part->access & LAYOUT_OUT ? PROTO_RANGE_IN | PROTO_RANGE_OUT : PROTO_RANGE_IN,
		.flags = part->flags & (LAYOUT_STRING | LAYOUT_UP_TO),
		.type = part->type,
		.parent = spot->structure,
		.parent_type = spot->type,
	};
	uint64_t length;
	int r;

	/* A number, NULL above all: drivers ask for it. It faults here as there. */
	if (segment.address < LAYOUT_POINTER_MIN)
		return 0;
	r = fixup_push(walk, part, spot->structure, spot->structure + part->at, segment.address,
		       WALK_NOWHERE);
	if (r < 0)
		return r;
	length = part_length(walk, spot, part);
	/* The driver refuses the count by itself, or does not look. */
	if (length == 0 || length == UINT64_MAX)
		return 0;
	if (length > walk->limit)
		return -ENOMEM;
	if (segment.address > ADDRESS_END - length)
		return 0;
	walk->fixups[walk->n_fixups - 1].segment = walk->n_segments;
	return segment_push(walk, &segment, length);
}

static int follows_walk(struct walk *walk, const struct spot *spot, const struct layout_part *part)
{
	const struct walk_segment *root = &walk->segments[0];
	struct walk_segment segment = {
		.address = root->address + root->length,
		.direction = root->direction,
		.joined = true,
	};
	uint64_t length = part_length(walk, spot, part);

	if (walk->n_segments != 1 || length == 0)
		return 0;
	/* More than the driver takes: it will say so, or run into what is not there. */
	if (length == UINT64_MAX)
		length = 0;
	if (length > walk->limit || segment.address > ADDRESS_END - length)
		return -ENOMEM;
	return segment_push(walk, &segment, length);
}

static int clamp_walk(struct walk *walk, uint8_t *structure, const struct layout_part *part)
{
	uint8_t *memory = structure + part->count_at;
	uint64_t count = number_get(memory, part->count_size);
	uint64_t most = clamp_most(walk, part);

	return count > most ? fixup_push(walk, part, structure, memory, count, most) : 0;
}

/* Room for what tells of something after all memory: a range, and `size` bytes. */
static int extra_push(struct walk *walk, uint64_t size)
{
	if (walk->n_segments + walk->n_taken + walk->n_made + walk->n_kept >= PROTO_RANGES_MAX ||
	    size + sizeof(struct proto_range) > walk->limit - walk->used)
		return -ENOMEM;
	walk->used += size + sizeof(struct proto_range);
	return 0;
}

static int kept_walk(struct walk *walk, const struct spot *spot, const struct layout_part *part)
{
	const uint8_t *object = part->flags & LAYOUT_OBJECT_OF_PARENT ? spot->parent : spot->structure;
	uint64_t address = pointer_get(spot->structure + part->at);
	uint64_t length = part->access ? part_length(walk, spot, part) : 0;
	struct walk_fixup *fixup;
	int r;

	/* A number the driver may see; what it leaves there may be an address all the same. */
	r = fixup_push(walk, part, spot->structure, spot->structure + part->at, address,
		       address < LAYOUT_POINTER_MIN ? address : WALK_NOWHERE);
	if (r < 0 || !part->access || address < LAYOUT_POINTER_MIN)
		return r;
	if (length > ADDRESS_END || address > ADDRESS_END - length)
		length = 0;
	fixup = &walk->fixups[walk->n_fixups - 1];
	fixup->length = length;
	fixup->object = (struct walk_object){
		.group = number_get(object + part->group_at, 4),
		.index = number_get(object + part->index_at, 4),
		.element = spot->element,
	};
	/* With a reference for each page. */
	r = extra_push(walk, sizeof(struct proto_pages) +
			       ((address % PROTO_PAGE + length + PROTO_PAGE - 1) / PROTO_PAGE) * sizeof(uint32_t));
	walk->n_kept += r == 0;
	return r;
}

static int frees_walk(struct walk *walk, const struct spot *spot, const struct layout_part *part)
{
	uint8_t *memory = spot->structure + part->group_at;
	int r = fixup_push(walk, part, spot->structure, memory, 0, 0);

	if (r == 0)
		walk->fixups[walk->n_fixups - 1].object.group = number_get(memory, 4);
	return r;
}

static int descriptor_walk(struct walk *walk, uint8_t *structure, const struct layout_part *part)
{
	uint8_t *memory = structure + part->at;
	uint64_t value = number_get(memory, 4);
	int r = 0;

	/* What is no descriptor the driver may see. */
	if (part->access == LAYOUT_IN && (int32_t)value < 0)
		return 0;
	if (part->access)
		r = extra_push(walk, sizeof(struct proto_descriptor));
	if (r < 0)
		return r;
	if ((part->access & LAYOUT_OUT) && walk->n_made++ == WALK_MADE_MAX)
		return -ENOMEM;
	if ((part->access & LAYOUT_IN) && (int32_t)value >= 0)
		walk->n_taken++;
	return fixup_push(walk, part, structure, memory, value,
			  part->flags & LAYOUT_ZERO ? 0 : (uint32_t)-1);
}

static bool beside_says(const struct walk *walk, const struct spot *spot, const struct layout_part *part)
{
	return spot->beside && part->when_beside(number_get(spot->beside, 4), walk->facts);
}

static int structure_walk(struct walk *walk, const struct spot *spot);

static int part_walk(struct walk *walk, const struct spot *spot, const struct layout_part *part)
{
	struct spot inner = { .type = part->type, .parent = spot->structure, .parent_type = spot->type };
	uint8_t *structure = spot->structure;
	int r = 0;

	/* What the condition of these says counts after the call. */
	if (part->kind == LAYOUT_DESCRIPTOR && !part->access)
		return descriptor_walk(walk, structure, part);
	if (part->kind == LAYOUT_OPAQUE)
		return fixup_push(walk, part, structure, structure + part->at,
				  pointer_get(structure + part->at), 0);
	if ((part->when && !part->when(structure)) || (part->when_beside && !beside_says(walk, spot, part)))
		return 0;
	switch (part->kind) {
	case LAYOUT_POINTER:
		return pointer_walk(walk, spot, part);
	case LAYOUT_FOLLOWS:
		return follows_walk(walk, spot, part);
	case LAYOUT_EMBEDS:
		for (uint32_t i = 0; r == 0 && i < part->most; i++) {
			inner.structure = structure + part->at + i * part->unit;
			r = structure_walk(walk, &inner);
		}
		return r;
	case LAYOUT_CLAMP:
		return clamp_walk(walk, structure, part);
	case LAYOUT_KEPT:
		return kept_walk(walk, spot, part);
	case LAYOUT_FREES:
		return frees_walk(walk, spot, part);
	case LAYOUT_UNDECLARED:
		return WALK_VARIANT;
	case LAYOUT_INVALID:
		return -EINVAL;
	default:
		return descriptor_walk(walk, structure, part);
	}
}

static int structure_walk(struct walk *walk, const struct spot *spot)
{
	int r = 0;

	for (uint16_t i = 0; r == 0 && i < spot->type->n_parts; i++)
		r = part_walk(walk, spot, &spot->type->parts[i]);
	return r;
}

/* What an array of numbers says about other parts of the structure it belongs to. */
static int after_walk(struct walk *walk, const struct walk_segment *segment)
{
	struct spot spot = { .type = segment->parent_type, .structure = segment->parent };
	uint32_t number;
	int r = 0;

	for (uint32_t at = 0; at + sizeof(number) <= segment->present; at += sizeof(number)) {
		memcpy(&number, segment->memory + at, sizeof(number));
		spot.sum += number;
	}
	for (uint16_t i = 0; r == 0 && i < segment->type->n_after; i++)
		r = part_walk(walk, &spot, &segment->type->after[i]);
	return r;
}

const struct walk_segment *walk_target(const struct walk *walk, const uint8_t *structure, uint16_t at)
{
	for (uint32_t i = 0; i < walk->n_fixups; i++) {
		const struct walk_fixup *fixup = &walk->fixups[i];

		if (fixup->structure == structure && fixup->part->at == at && fixup->segment >= 0)
			return &walk->segments[fixup->segment];
	}
	return NULL;
}

/* Follows what is in a segment that has been fetched. Pushing does not move it. */
static int segment_walk(struct walk *walk, const struct walk_segment *segment)
{
	struct spot spot = {
		.type = segment->type,
		.parent = segment->parent,
		.parent_type = segment->parent_type,
	};
	const struct walk_segment *beside = NULL;
	int r = 0;

	if (!spot.type || !(spot.type->n_parts || spot.type->n_after))
		return 0;
	/* What is beside was fetched with it. */
	if (spot.type->beside_at)
		beside = walk_target(walk, segment->parent, spot.type->beside_at);
	for (uint32_t at = 0; spot.type->n_parts && r == 0 && at < segment->present; at += spot.type->size) {
		spot.structure = segment->memory + at;
		spot.element = at / spot.type->size;
		spot.beside = beside && spot.element < beside->present / 4 ? beside->memory + spot.element * 4 : NULL;
		r = structure_walk(walk, &spot);
	}
	if (r == 0 && spot.type->n_after)
		r = after_walk(walk, segment);
	return r;
}

static int root_push(struct walk *walk, const struct layout_need *need, uint64_t argument)
{
	const struct layout *row = need->row;
	uint32_t length = need->in > need->out ? need->in : need->out;
	struct walk_segment root = {
		.address = argument,
		.direction = need->out ? PROTO_RANGE_IN | PROTO_RANGE_OUT : PROTO_RANGE_IN,
		.type = row->type,
	};

	if (row->flags & LAYOUT_ROW_UP_TO)
		root.flags |= LAYOUT_UP_TO;
	if (row->flags & LAYOUT_ROW_STRING)
		root.flags |= LAYOUT_STRING;
	if (argument > ADDRESS_END - length)
		return 0;
	return segment_push(walk, &root, length);
}

int walk_run(struct walk *walk, const struct layout_need *need, uint64_t argument)
{
	uint32_t begin = 0, end, depth = 0;
	int r;

	walk->used = 0;
	walk->n_segments = 0;
	walk->n_fixups = 0;
	walk->n_taken = 0;
	walk->n_made = 0;
	walk->n_kept = 0;
	r = root_push(walk, need, argument);
	/* All that one level points to is fetched at once. */
	for (; r == 0 && begin < walk->n_segments; begin = end) {
		if (++depth > WALK_DEPTH_MAX)
			return -E2BIG;
		end = walk->n_segments;
		r = walk->fetch(walk, begin, end - begin);
		for (uint32_t i = begin; r == 0 && i < end; i++)
			r = segment_walk(walk, &walk->segments[i]);
	}
	return r;
}

/* ---- descriptors ---- */

struct walk_fixup *walk_descriptor(struct walk *walk, uint32_t *atp, uint8_t access)
{
	for (; *atp < walk->n_fixups; ++*atp) {
		struct walk_fixup *fixup = &walk->fixups[*atp];

		if (fixup->part->kind != LAYOUT_DESCRIPTOR ||
		    (access ? !(fixup->part->access & access) : fixup->part->access))
			continue;
		if (access == LAYOUT_IN && (int32_t)fixup->original < 0)
			continue;
		++*atp;
		return fixup;
	}
	return NULL;
}

bool walk_carries(const struct walk *walk)
{
	for (uint32_t i = 0; i < walk->n_fixups; i++)
		if (layout_part_carries(walk->fixups[i].part))
			return true;
	return false;
}

struct walk_fixup *walk_kept(struct walk *walk, uint32_t *atp)
{
	while (*atp < walk->n_fixups) {
		struct walk_fixup *fixup = &walk->fixups[(*atp)++];

		if (fixup->part->kind == LAYOUT_KEPT && fixup->part->access &&
		    fixup->original >= LAYOUT_POINTER_MIN)
			return fixup;
	}
	return NULL;
}

uint64_t walk_address(const struct walk *walk, const struct walk_fixup *fixup)
{
	const struct walk_segment *segment = walk->segments;

	/* It lies in one of them. */
	while (fixup->memory < segment->memory || fixup->memory >= segment->memory + segment->present)
		segment++;
	return segment->address + (fixup->memory - segment->memory);
}

/* ---- hostd's addresses ---- */

static uint8_t fixup_size(const struct walk_fixup *fixup)
{
	switch (fixup->part->kind) {
	case LAYOUT_CLAMP:
		return fixup->part->count_size;
	case LAYOUT_DESCRIPTOR:
	case LAYOUT_FREES:
		return 4;
	default:
		return 8;
	}
}

/* False for what the driver sees as the caller left it, and leaves as it likes. */
static bool is_changed(const struct layout_part *part)
{
	return !layout_part_carries(part) || part->access;
}

void walk_link(struct walk *walk)
{
	for (uint32_t i = 0; i < walk->n_fixups; i++) {
		struct walk_fixup *fixup = &walk->fixups[i];
		uint8_t size = fixup_size(fixup);

		if (!is_changed(fixup->part))
			continue;
		/* Whether the driver's bytes there are a pointer shows after the call. */
		if (fixup->part->kind == LAYOUT_OPAQUE && fixup->part->when)
			continue;
		if (fixup->segment >= 0 && walk->segments[fixup->segment].present)
			fixup->ours = (uintptr_t)walk->segments[fixup->segment].memory;
		memcpy(fixup->memory, &fixup->ours, size);
	}
}

/* The caller's address for one of ours, the end of a segment included, or the value
 * as it is. */
static uint64_t address_back(const struct walk *walk, uint64_t value)
{
	uint64_t back = value;

	for (uint32_t i = 0; i < walk->n_segments; i++) {
		const struct walk_segment *segment = &walk->segments[i];
		uint64_t begin = (uintptr_t)segment->memory;

		if (!segment->present || value < begin || value - begin > segment->length)
			continue;
		back = segment->address + (value - begin);
		if (value - begin < segment->length)
			break;
	}
	return back;
}

void walk_unlink(struct walk *walk)
{
	/* Conditions are asked about what the driver left, before anything is put back. */
	for (uint32_t i = 0; i < walk->n_fixups; i++) {
		struct walk_fixup *fixup = &walk->fixups[i];
		const struct layout_part *part = fixup->part;
		uint8_t size = fixup_size(fixup);
		uint64_t value = number_get(fixup->memory, size);

		if (!is_changed(part))
			continue;
		if (part->kind == LAYOUT_DESCRIPTOR) {
			if ((int32_t)value < 0 && value != fixup->ours)
				continue;
			value = fixup->original;
		} else if (part->kind == LAYOUT_OPAQUE) {
			if (part->when && !part->when(fixup->structure))
				continue;
			value = fixup->original;
		} else if (value == fixup->ours) {
			value = fixup->original;
		} else if (part->kind == LAYOUT_POINTER) {
			value = address_back(walk, value);
		}
		memcpy(fixup->memory, &value, size);
	}
}

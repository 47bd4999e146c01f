/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The walk over the memory that a declared command uses: from the structure at the
 * argument along all that the layout table says it points to.
 *
 * Both daemons walk the same table over the same bytes and so find the same
 * segments in the same order: guestd fetches them from the calling program and
 * sends them as ranges, hostd fetches them from the message, checking each against
 * what its own walk expects. Every length is computed from bytes that are in the
 * walk's own memory already; nothing is read twice.
 *
 * Then hostd alone goes on: walk_link() puts its own addresses where the pointers
 * are, the driver runs, and walk_unlink() puts the caller's back. So no address of
 * the caller reaches a driver, and none of hostd's reaches the caller.
 *
 * Where the caller has no memory, or less than the layout asks for, the driver gets
 * an address that faults at the same byte, and decides for itself what to answer.
 *
 * A struct walk belongs to one thread and lives for one ioctl. It is large and its
 * arrays need no clearing: walk_run() sets it up.
 */
#ifndef PARADICE_LAYOUT_WALK_H
#define PARADICE_LAYOUT_WALK_H

#include "proto/layout.h"
#include "proto/proto.h"

/* A list, or pointers in pointers, end here. */
#define WALK_DEPTH_MAX 64u
#define WALK_FIXUPS_MAX 2048u
#define WALK_MADE_MAX 8u /* descriptors that one command makes: fences of a commit for as many screens */
/* No page is there (vm.mmap_min_addr), and as little in any other process. */
#define WALK_NOWHERE 8u
/* What walk_run() returns for what the table does not cover. */
#define WALK_VARIANT 2

/* One piece of the caller's memory. */
struct walk_segment {
	uint64_t address; /* the caller's */
	uint32_t length; /* bytes, as the layout says */
	uint32_t present; /* those of them, from the first, that the caller has */
	uint8_t *memory; /* where `present` bytes of them are here; set by fetch */
	uint8_t direction; /* PROTO_RANGE_… */
	uint8_t flags; /* LAYOUT_STRING, LAYOUT_UP_TO */
	bool joined; /* memory must follow that of the segment before */
	const struct layout_type *type; /* of its elements, or NULL */
	uint8_t *parent; /* the structure that points here, or NULL */
	const struct layout_type *parent_type;
};

/* Of an open file: what a driver keeps memory for. */
struct walk_object {
	uint32_t group;
	uint32_t index;
	uint32_t element;
};

/* A place in a structure where the driver must not see the caller's value. */
struct walk_fixup {
	uint8_t *memory;
	uint64_t original;
	uint64_t ours; /* set by hostd, DESCRIPTOR: the driver's number for one that it takes;
			* KEPT: the address where it finds the memory */
	uint64_t length; /* KEPT with access: bytes; 0: the driver refuses by itself */
	struct walk_object object; /* KEPT with access; FREES: the group */
	const struct layout_part *part;
	uint8_t *structure;
	int32_t segment; /* POINTER: what it points to, or -1: nowhere */
};

struct walk {
	/* Set by the caller of walk_run(). fetch() gets `n` segments from `first` on,
	 * sets memory of each and calls walk_present(): 0 or a negative errno. */
	int (*fetch)(struct walk *walk, uint32_t first, uint32_t n);
	const struct layout_facts *facts;
	uint32_t limit; /* bytes for all segments, each with its struct proto_range */
	/* The walk's. */
	uint32_t used; /* of limit */
	uint32_t n_segments;
	uint32_t n_fixups;
	uint32_t n_taken; /* fixups that are descriptors which the driver takes */
	uint32_t n_made; /* that are for one which it makes: at most WALK_MADE_MAX */
	uint32_t n_kept; /* that are memory which the driver keeps */
	struct walk_segment segments[PROTO_RANGES_MAX];
	struct walk_fixup fixups[WALK_FIXUPS_MAX];
};

/* Walks all that a command uses at `argument`, an address of LAYOUT_POINTER_MIN or
 * more. `need` comes from layout_find() and has a type. 0; WALK_VARIANT; -ENOMEM when
 * it is more than the limit or than the arrays hold; -E2BIG for a list longer than
 * WALK_DEPTH_MAX; -EINVAL where the table says so; or what fetch() returned. */
int walk_run(struct walk *walk, const struct layout_need *need, uint64_t argument);

/* For fetch(): `n` bytes are at segment->memory. Sets segment->present, which may be
 * less: a string ends at its zero byte, and of structures with parts only whole
 * ones count. */
void walk_present(struct walk_segment *segment, uint32_t n);

/* The next fixup at or after *atp that is a descriptor with this access (LAYOUT_IN or
 * LAYOUT_OUT; 0: a number that the driver remembers), and *atp goes behind it; NULL
 * when there is no more. Both daemons see them in the same order. */
struct walk_fixup *walk_descriptor(struct walk *walk, uint32_t *atp, uint8_t access);

/* The same for memory that the driver keeps. */
struct walk_fixup *walk_kept(struct walk *walk, uint32_t *atp);

/* True if what was walked, up to a failure if there was one, has a part of
 * layout_part_carries(): with these bytes, or perhaps with those that the driver
 * leaves. */
bool walk_carries(const struct walk *walk);

/* What the pointer at offset `at` of this structure, in the walk's memory, leads to; NULL
 * when there is none. It may not have been fetched yet: then nothing of it is present. */
const struct walk_segment *walk_target(const struct walk *walk, const uint8_t *structure, uint16_t at);

/* The caller's address of the field of a fixup. */
uint64_t walk_address(const struct walk *walk, const struct walk_fixup *fixup);

/* Puts this process's addresses, and counts that were cut, into the structures, and
 * the numbers of descriptors; -1 where none is known, and where one will be made. */
void walk_link(struct walk *walk);

/* After the driver: what it left alone has the caller's value again; an address of
 * ours that it moved within a segment becomes the caller's. No number of a descriptor
 * of ours stays. */
void walk_unlink(struct walk *walk);

/* The most that all segments and their ranges may take in an IOCTL message of at
 * most `max_message` bytes; the same on both sides. */
uint32_t walk_limit(uint32_t max_message);

#endif

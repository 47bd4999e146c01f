/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nested ioctls on the guest's side: the caller's memory that the layout table says
 * a command uses is read, one system call for each level of pointers, and packed
 * without gaps, as the message has it.
 *
 * A program mostly repeats a call with the same structure and buffers. So the thread
 * remembers where the last call of a command led, and reads all of that with the
 * structure, in one system call; what the structure then points to decides whether
 * it is used. Only the walk's own segments are ever sent.
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
#include "guestd/kept.h"
#include "proto/layout_walk.h"

#define GUESSES 16u /* commands that a thread remembers */
#define GUESS_PIECES 8u
#define GUESS_SIZE 16384u /* bytes of one; more is not worth reading in vain */
#define GUESS_MISSES 2u /* in a row: this caller uses other buffers each time */

/* Where a command led, the last time: what it used, by address. What lies in one page
 * is one piece, because the page is what costs. */
struct guess {
	const struct layout *row; /* NULL: free */
	pid_t pid;
	uint64_t argument;
	uint32_t n_misses;
	uint32_t n; /* 0: not worth it */
	struct memory_piece pieces[GUESS_PIECES];
};

struct gather {
	struct walk walk; /* first: fetch() gets from one to the other */
	pid_t pid;
	uint32_t used; /* of bytes */
	const struct guess *ahead; /* what is in ahead_bytes, or NULL */
	bool missed; /* something was not in it */
	struct memory_piece pieces[PROTO_RANGES_MAX]; /* of one fetch */
	struct guess guesses[GUESSES];
	uint8_t ahead_bytes[GUESS_SIZE];
	uint8_t bytes[PROTO_MESSAGE_MAX];
};

struct gather *gather_new(void)
{
	void *memory = mmap(NULL, sizeof(struct gather), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* ---- reading ahead ---- */

static struct guess *guess_of(struct gather *at, const struct layout *row)
{
	return &at->guesses[(row->command ^ row->command >> 8) % GUESSES];
}

/* Reads what the call would use if it led where the last one did. */
static void ahead_read(struct gather *at, const struct layout *row, uint64_t argument)
{
	const struct guess *guess = guess_of(at, row);

	at->ahead = NULL;
	at->missed = false;
	if (guess->row != row || guess->pid != at->pid || guess->argument != argument ||
	    !guess->n || guess->n_misses >= GUESS_MISSES)
		return;
	if (memory_read_pieces(at->pid, guess->pieces, guess->n, at->ahead_bytes))
		at->ahead = guess;
	else
		at->missed = true;
}

/* The bytes of a segment, if they were read ahead. */
static const uint8_t *ahead_find(const struct gather *at, const struct walk_segment *segment)
{
	const uint8_t *bytes = at->ahead_bytes;

	for (uint32_t i = 0; at->ahead && i < at->ahead->n; i++) {
		const struct memory_piece *piece = &at->ahead->pieces[i];

		if (segment->address >= piece->address && segment->length <= piece->size &&
		    segment->address - piece->address <= piece->size - segment->length)
			return bytes + (segment->address - piece->address);
		bytes += piece->size;
	}
	return NULL;
}

/* Adds memory to the pieces, which stay in order. False if there is no room. */
static bool guess_add(struct guess *guess, uint64_t address, uint32_t size)
{
	uint32_t i = guess->n;

	if (guess->n == GUESS_PIECES)
		return false;
	for (; i && guess->pieces[i - 1].address > address; i--)
		guess->pieces[i] = guess->pieces[i - 1];
	guess->pieces[i] = (struct memory_piece){ address, size };
	guess->n++;
	return true;
}

/* Joins pieces where one begins in the page in which the one before ends. */
static void guess_join(struct guess *guess)
{
	uint32_t n = 0, total = 0;

	for (uint32_t i = 0; i < guess->n; i++) {
		struct memory_piece *last = n ? &guess->pieces[n - 1] : NULL, *piece = &guess->pieces[i];
		uint64_t end = piece->address + piece->size;

		if (last && piece->address <= ((last->address + last->size - 1) | 4095)) {
			if (end > last->address + last->size)
				last->size = end - last->address;
		} else {
			guess->pieces[n++] = *piece;
		}
	}
	guess->n = n;
	for (uint32_t i = 0; i < n; i++)
		total += guess->pieces[i].size;
	if (total > GUESS_SIZE)
		guess->n = 0;
}

/* Remembers where this call led. */
static void guess_learn(struct gather *at, const struct layout *row, uint64_t argument)
{
	struct guess *guess = guess_of(at, row);
	bool same = guess->row == row && guess->pid == at->pid && guess->argument == argument;

	if (!same || (!at->missed && guess->n_misses < GUESS_MISSES))
		guess->n_misses = 0;
	guess->n_misses += at->missed;
	guess->row = row;
	guess->pid = at->pid;
	guess->argument = argument;
	guess->n = 0;
	/* With the structure alone there is nothing to gain. */
	for (uint32_t i = 0; i < at->walk.n_segments && at->walk.n_segments > 1; i++) {
		const struct walk_segment *segment = &at->walk.segments[i];

		if (!segment->length)
			continue;
		if (segment->present < segment->length || segment->length > GUESS_SIZE ||
		    !guess_add(guess, segment->address, segment->length)) {
			guess->n = 0;
			return;
		}
	}
	guess_join(guess);
}

/* ---- the walk ---- */

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

/* True if all of these were read ahead, and are put in their places. */
static bool fetch_ahead(struct gather *at, uint32_t first, uint32_t n)
{
	uint32_t used = at->used;

	for (uint32_t i = first; i < first + n; i++) {
		struct walk_segment *segment = &at->walk.segments[i];
		const uint8_t *bytes = ahead_find(at, segment);

		if (!bytes)
			return false;
		segment->memory = at->bytes + used;
		memcpy(segment->memory, bytes, segment->length);
		walk_present(segment, segment->length);
		used += segment->present;
	}
	at->used = used;
	return true;
}

static int caller_fetch(struct walk *walk, uint32_t first, uint32_t n)
{
	struct gather *at = (struct gather *)walk;
	bool exact = true;

	if (at->ahead && fetch_ahead(at, first, n))
		return 0;
	at->missed |= at->ahead != NULL;
	for (uint32_t i = 0; i < n; i++) {
		const struct walk_segment *segment = &walk->segments[first + i];

		at->pieces[i] = (struct memory_piece){ segment->address, segment->length };
		exact &= !(segment->flags & LAYOUT_STRING) &&
			 !(segment->type && segment->type->n_parts &&
			   segment->length % segment->type->size);
	}
	/* The walk's limit is that of a message, and so all of it fits. */
	if (!exact || !memory_read_pieces(at->pid, at->pieces, n, at->bytes + at->used))
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
	int r;

	at->pid = pid;
	at->used = 0;
	at->walk.fetch = caller_fetch;
	at->walk.facts = facts;
	at->walk.limit = limit;
	ahead_read(at, need->row, argument);
	r = walk_run(&at->walk, need, argument);
	if (r == 0)
		guess_learn(at, need->row, argument);
	return r;
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
	while ((fixup = walk_descriptor(walk, &at, LAYOUT_OUT)))
		found->made_at[found->n_made++] = walk_address(walk, fixup);
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
	guest_away(guest);
	r = gather_walk(at, call->pid, need, &facts, limit, call->body.ioctl.argument);
	lead_back(&guest->lead);
	call->carries = walk_carries(&at->walk);
	if (r < 0)
		return r;
	call->ranges = calloc(at->walk.n_segments + at->walk.n_kept + at->walk.n_taken + 1,
			      sizeof(call->ranges[0]));
	if (!call->ranges)
		return -ENOMEM;
	call->body.ioctl.n_ranges = gather_ranges(at, call->ranges, bytesp, sizep);
	if (r == 0 && at->walk.n_kept)
		r = kept_gather(call, &at->walk, at->bytes, sizep);
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

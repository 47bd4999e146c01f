/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands without a row, observed while they run on demand: which bytes the driver
 * touched first on each page, and which it changed. From the pointers in the argument
 * that lead there, and numbers in it that explain how much it was, comes a row in the
 * tables' own language. It is a guess: reads do not show how far they went.
 */
#include "config.h"

#include <errno.h>
#include <linux/ioctl.h>
#include <stdlib.h>
#include <string.h>

#include "hostd/session.h"
#include "hostd/verify.h"
#include "hostd/verify_guess.h"

#define POINTS_MAX 64u
#define OLD_MAX 64u /* bytes of the argument, where the number tells no size */
#define REACH (1u << 20) /* bytes that may belong to one pointer */

/* Bytes that the driver touched. */
struct point {
	uint64_t address;
	uint32_t length;
	bool write;
};

struct verify_observed {
	struct point points[POINTS_MAX];
	uint32_t n_points;
	uint8_t after[GUESS_ARGUMENT_MAX]; /* of the argument, where `changed` says so */
	bool changed[GUESS_ARGUMENT_MAX];
};

/* ---- observing ---- */

struct verify_call *verify_observe(struct session *session, uint64_t argument)
{
	struct verify_call *call;

	if (!session->verify || argument < LAYOUT_POINTER_MIN)
		return NULL;
	call = calloc(1, sizeof(*call));
	if (!call)
		return NULL;
	call->argument = argument;
	call->observed = calloc(1, sizeof(*call->observed));
	if (call->observed)
		return call;
	free(call);
	return NULL;
}

static void point_add(struct verify_observed *observed, uint64_t address, uint32_t length, bool write)
{
	if (observed->n_points < POINTS_MAX)
		observed->points[observed->n_points++] = (struct point){ address, length, write };
}

void verify_observe_fault(struct verify_call *call, uint64_t address, bool write)
{
	point_add(call->observed, address, 1, write);
}

void verify_observe_change(struct verify_call *call, uint64_t address, const uint8_t *bytes, uint32_t length)
{
	struct verify_observed *observed = call->observed;
	uint64_t offset = address - call->argument;

	point_add(observed, address, length, true);
	if (address >= call->argument && offset < GUESS_ARGUMENT_MAX) {
		uint32_t n = length < GUESS_ARGUMENT_MAX - offset ? length : GUESS_ARGUMENT_MAX - offset;

		memcpy(observed->after + offset, bytes, n);
		memset(observed->changed + offset, 1, n);
	}
}

/* ---- understanding ---- */

/* The argument's bytes as the guest sent them, as far as the driver had its pages. */
static void argument_get(struct guess *guess, const struct mirror *mirror, uint64_t argument, uint32_t most)
{
	while (guess->n_bytes < most) {
		uint64_t at = argument + guess->n_bytes, page = at & ~(uint64_t)(PROTO_PAGE - 1);
		uint32_t n = PROTO_PAGE - at % PROTO_PAGE, i = 0;

		while (i < mirror->n_pages && mirror->pages[i].address != page)
			i++;
		if (i == mirror->n_pages)
			return;
		if (n > most - guess->n_bytes)
			n = most - guess->n_bytes;
		memcpy(guess->bytes + guess->n_bytes, mirror->pages[i].snapshot + at % PROTO_PAGE, n);
		guess->n_bytes += n;
	}
}

static uint64_t number_at(const uint8_t *bytes, uint32_t at, uint32_t size)
{
	uint64_t value = 0;

	memcpy(&value, bytes + at, size);
	return value;
}

static struct lead_to *lead_get(struct guess *guess, uint32_t at)
{
	for (uint32_t i = 0; i < guess->n_leads; i++)
		if (guess->leads[i].at == at)
			return &guess->leads[i];
	if (guess->n_leads == GUESS_LEADS_MAX)
		return NULL;
	guess->leads[guess->n_leads] = (struct lead_to){ .at = at, .address = number_at(guess->bytes, at, 8), .count_at = -1 };
	return &guess->leads[guess->n_leads++];
}

/* The pointer in the argument that is nearest below the point. */
static bool lead_take(struct guess *guess, const struct point *point)
{
	uint64_t nearest = REACH;
	uint32_t found = UINT32_MAX;
	struct lead_to *lead;

	for (uint32_t at = 0; at + 8 <= guess->n_bytes; at += 4) {
		uint64_t value = number_at(guess->bytes, at, 8);

		if (value >= LAYOUT_POINTER_MIN && value <= point->address && point->address - value < nearest) {
			nearest = point->address - value;
			found = at;
		}
	}
	lead = found == UINT32_MAX ? NULL : lead_get(guess, found);
	if (!lead)
		return false;
	if (nearest + point->length > lead->extent)
		lead->extent = nearest + point->length;
	lead->read |= !point->write;
	lead->written |= point->write;
	return true;
}

static bool at_pointer(const struct guess *guess, uint32_t at, uint32_t size)
{
	for (uint32_t i = 0; i < guess->n_leads; i++)
		if (at < guess->leads[i].at + 8 && at + size > guess->leads[i].at)
			return true;
	return false;
}

/* Takes a number of the argument for the count if the extent is that many elements of
 * a likely size. What was written last may have been zero before, so up to 7 bytes
 * may be missing. */
static bool count_fits(struct lead_to *lead, uint64_t count)
{
	uint64_t unit;

	if (!count || count > lead->extent)
		return false;
	unit = (lead->extent + count - 1) / count;
	if (unit > 4)
		unit = (unit + 3) & ~UINT64_C(3);
	else if (unit == 3)
		unit = 4;
	if (unit * count - lead->extent > 7)
		return false;
	lead->unit = unit;
	return true;
}

/* The number that is nearest to the pointer is the likeliest to be its count. Drivers
 * may put the count there, so both of before and after the call are tried. */
static void count_find(const struct guess *guess, struct lead_to *lead)
{
	uint32_t nearest = UINT32_MAX;

	if (!lead->written || lead->extent < 2)
		return;
	for (uint32_t at = 0; at + 2 <= guess->n_bytes && at + 2 <= guess->size; at += 2) {
		uint32_t away = at > lead->at ? at - lead->at : lead->at - at;
		uint32_t size = at % 4 == 0 && at + 4 <= guess->n_bytes ? 4 : 2;
		struct lead_to fits = *lead;

		if (away >= nearest || at_pointer(guess, at, size))
			continue;
		if (!count_fits(&fits, number_at(guess->bytes, at, size)) &&
		    !count_fits(&fits, number_at(guess->after, at, size)))
			continue;
		nearest = away;
		lead->count_at = at;
		lead->count_size = size;
		lead->unit = fits.unit;
	}
}

static void points_sort(struct guess *guess, const struct verify_observed *observed, uint64_t argument)
{
	uint32_t most = guess->size ? guess->size : OLD_MAX;

	for (uint32_t i = 0; i < observed->n_points; i++) {
		const struct point *point = &observed->points[i];
		uint64_t offset = point->address - argument;

		if (point->address < argument || offset >= most) {
			if (!lead_take(guess, point))
				guess->n_lost++;
			continue;
		}
		guess->read |= !point->write;
		guess->written |= point->write;
		if (!guess->size_known && point->write && offset + point->length > guess->size)
			guess->size = offset + point->length;
	}
}

static void guess_make(struct guess *guess, const struct verify_observed *observed,
		       const struct mirror *mirror, const struct proto_ioctl *request)
{
	guess->command = request->command;
	guess->size = _IOC_SIZE(request->command);
	guess->size_known = guess->size != 0;
	argument_get(guess, mirror, request->argument,
		     guess->size_known && guess->size < GUESS_ARGUMENT_MAX ? guess->size :
		     guess->size_known ? GUESS_ARGUMENT_MAX : OLD_MAX);
	for (uint32_t i = 0; i < guess->n_bytes; i++)
		guess->after[i] = observed->changed[i] ? observed->after[i] : guess->bytes[i];
	points_sort(guess, observed, request->argument);
	for (uint32_t i = 0; i < guess->n_leads; i++)
		if (guess->size < guess->leads[i].at + 8)
			guess->size = guess->leads[i].at + 8;
	for (uint32_t i = 0; i < guess->n_leads; i++)
		count_find(guess, &guess->leads[i]);
}

static struct verify_guess *guess_record(struct verify *verify, uint32_t class, uint32_t command)
{
	struct verify_guess *record = verify->guesses;

	while (record && (record->class != class || record->sum.command != command))
		record = record->next;
	if (record)
		return record;
	record = calloc(1, sizeof(*record));
	if (record) {
		record->class = class;
		record->sum.command = command;
		record->next = verify->guesses;
		verify->guesses = record;
	}
	return record;
}

static void lead_merge(struct guess *sum, const struct lead_to *lead)
{
	for (uint32_t i = 0; i < sum->n_leads; i++) {
		struct lead_to *known = &sum->leads[i];

		if (known->at != lead->at)
			continue;
		known->read |= lead->read;
		known->written |= lead->written;
		/* More bytes written make a better count. */
		if (lead->extent > known->extent) {
			known->extent = lead->extent;
			known->count_at = lead->count_at;
			known->count_size = lead->count_size;
			known->unit = lead->unit;
		}
		return;
	}
	if (sum->n_leads < GUESS_LEADS_MAX)
		sum->leads[sum->n_leads++] = *lead;
}

static void guess_merge(struct guess *sum, const struct guess *guess)
{
	if (guess->size > sum->size)
		sum->size = guess->size;
	sum->size_known = guess->size_known;
	sum->read |= guess->read;
	sum->written |= guess->written;
	if (guess->n_lost > sum->n_lost)
		sum->n_lost = guess->n_lost;
	for (uint32_t i = 0; i < guess->n_leads; i++)
		lead_merge(sum, &guess->leads[i]);
}

void verify_observe_end(struct session *session, struct verify_call *call, const struct mirror *mirror,
			const struct handle *handle, const struct proto_ioctl *request, int64_t result)
{
	struct verify_guess *record = guess_record(session->verify, handle->class, request->command);
	struct guess guess = { 0 };

	/* A 32-bit program's structures are not those of the tables, and a driver that does
	 * not know the command tells nothing. */
	if (record && !(request->flags & PROTO_IOCTL_COMPAT) && result != -ENOTTY) {
		guess_make(&guess, call->observed, mirror, request);
		/* One that failed tells of a part at most. */
		if (result >= 0)
			guess_merge(&record->sum, &guess);
		verify_guess_say(session, record, result < 0 ? &guess : &record->sum, result);
	}
	free(call->observed);
	free(call);
}

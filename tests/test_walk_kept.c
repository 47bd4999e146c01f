/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nested ioctls that pass memory for the driver to keep: which it is, and that no
 * address of either side is seen by the other. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#include "proto/layout_rows.h"
#include "walk_cases.h"
#include "walk_trip.h"

#define COMMAND(n, type) _IOWR('?', n, type)
#define THERE UINT64_C(0x123456789000) /* where the host has it */

/* A buffer with planes, each of which has memory; and one with its own. */
struct plane {
	uint64_t memory;
	uint32_t length;
	uint32_t pad;
};
struct buffer {
	uint32_t kind;
	uint32_t number;
	uint64_t own;
	uint32_t own_length;
	uint32_t n;
	struct plane *planes;
};
static const struct layout_part plane_parts[] = {
	KEPT_OF_PARENT(struct plane, memory, length, struct buffer, kind, number, INOUT),
};
LAYOUT_TYPE(plane, struct plane, plane_parts);
static bool has_own(const void *in)
{
	return ((const struct buffer *)in)->own_length != 0;
}
static const struct layout_part buffer_parts[] = {
	KEPT(struct buffer, own, own_length, kind, number, IN, .when = has_own),
	POINTER_TO(struct buffer, planes, n, plane, INOUT),
};
LAYOUT_TYPE(buffer, struct buffer, buffer_parts);
static const struct layout buffer_row = NESTED(COMMAND(40, struct buffer), struct buffer, buffer);

static const struct layout_part told_parts[] = {
	KEPT_ADDRESS(struct buffer, own),
	FREES(struct buffer, kind),
};
LAYOUT_TYPE(told, struct buffer, told_parts);
static const struct layout told_row = NESTED(COMMAND(41, struct buffer), struct buffer, told);

static struct buffer seen;
static struct plane planes_seen[3];

static int buffer_driver(uint64_t argument)
{
	if (driver_read(&seen, argument, sizeof(seen)) < 0 ||
	    driver_read(planes_seen, (uintptr_t)seen.planes, sizeof(planes_seen)) < 0)
		return -EFAULT;
	planes_seen[2].pad = 77;
	return driver_write((uintptr_t)seen.planes, planes_seen, sizeof(planes_seen));
}

/* What nobody has pinned leads nowhere; what the host has put there is not seen by the
 * caller. */
START_TEST(kept_addresses)
{
	struct plane planes[3] = { { 0x7f0000000010, 4096, 0 }, { 3, 4096, 0 }, { 0x7f0000010000, 1, 0 } };
	struct buffer buffer = { .kind = 5, .number = 6, .own = 0x7f0000020000, .own_length = 8192, .n = 3,
				 .planes = planes };
	struct trip_message message;

	ck_assert_int_eq(trip(&buffer_row, &buffer, buffer_driver), 0);
	ck_assert_uint_eq(seen.own, WALK_NOWHERE);
	ck_assert_uint_eq(planes_seen[0].memory, WALK_NOWHERE);
	/* A number, as the caller wrote it. */
	ck_assert_uint_eq(planes_seen[1].memory, 3);
	ck_assert_uint_eq(planes[2].pad, 77);
	ck_assert_uint_eq(buffer.own, 0x7f0000020000);
	ck_assert_uint_eq(planes[0].memory, 0x7f0000000010);

	ck_assert_int_eq(trip_gather(&buffer_row, &buffer, &message), 0);
	ck_assert_int_eq(trip_declare(&buffer_row, &buffer, &message), 0);
	trip_kept = THERE;
	ck_assert_int_eq(trip_drive(&message, buffer_driver), 0);
	ck_assert_uint_eq(planes_seen[0].memory, THERE);
	ck_assert_uint_eq(buffer.own, 0x7f0000020000);
	ck_assert_uint_eq(planes[0].memory, 0x7f0000000010);
}
END_TEST

START_TEST(kept_objects)
{
	static const struct {
		uint64_t address, length;
		struct walk_object object;
	} expected[] = {
		{ 0x7f0000020000, 8192, { 5, 6, 0 } },
		{ 0x7f0000000010, 4096, { 5, 6, 0 } },
		{ 0x7f0000010000, 1, { 5, 6, 2 } },
	};
	struct plane planes[3] = { { 0x7f0000000010, 4096, 0 }, { 3, 4096, 0 }, { 0x7f0000010000, 1, 0 } };
	struct buffer buffer = { .kind = 5, .number = 6, .own = 0x7f0000020000, .own_length = 8192, .n = 3,
				 .planes = planes };
	struct trip_message message;
	struct walk_fixup *fixup;
	uint32_t at = 0, n = 0;

	ck_assert_int_eq(trip_gather(&buffer_row, &buffer, &message), 0);
	ck_assert_int_eq(trip_declare(&buffer_row, &buffer, &message), 0);
	for (; (fixup = walk_kept(trip_walk(), &at)); n++) {
		ck_assert_uint_lt(n, 3);
		ck_assert_uint_eq(fixup->original, expected[n].address);
		ck_assert_uint_eq(fixup->length, expected[n].length);
		ck_assert_int_eq(memcmp(&fixup->object, &expected[n].object, sizeof(fixup->object)), 0);
	}
	ck_assert_uint_eq(n, 3);
	ck_assert_uint_eq(trip_walk()->n_kept, 3);
	/* Where there can be no memory, the driver finds none. */
	buffer.own = UINT64_MAX - 4095;
	ck_assert_int_eq(trip_gather(&buffer_row, &buffer, &message), 0);
	ck_assert_int_eq(trip_declare(&buffer_row, &buffer, &message), 0);
	at = 0;
	ck_assert_uint_eq(walk_kept(trip_walk(), &at)->length, 0);
	/* More pages than a message has room for references. */
	buffer.own = 0x7f0000020000;
	buffer.own_length = UINT32_MAX;
	ck_assert_int_eq(trip_gather(&buffer_row, &buffer, &message), -ENOMEM);
}
END_TEST

static int telling_driver(uint64_t argument)
{
	if (driver_read(&seen, argument, sizeof(seen)) < 0)
		return -EFAULT;
	seen.own = THERE;
	return driver_write(argument, &seen, sizeof(seen));
}

/* What the driver tells is left to hostd, which knows what it has kept. */
START_TEST(kept_told)
{
	struct buffer buffer = { .kind = 5, .own = 42 };

	ck_assert_int_eq(trip(&told_row, &buffer, telling_driver), 0);
	ck_assert_uint_eq(seen.kind, 5);
	ck_assert_uint_eq(buffer.own, THERE);
	ck_assert_uint_eq(buffer.kind, 5);
	ck_assert_uint_eq(trip_walk()->n_fixups, 2);
	ck_assert_uint_eq(trip_walk()->fixups[1].object.group, 5);
	ck_assert_uint_eq(trip_walk()->n_kept, 0);
}
END_TEST

TCase *case_kept(void)
{
	TCase *tcase = tcase_create("kept");

	tcase_add_checked_fixture(tcase, trip_setup, trip_teardown);
	tcase_add_test(tcase, kept_addresses);
	tcase_add_test(tcase, kept_objects);
	tcase_add_test(tcase, kept_told);
	return tcase;
}

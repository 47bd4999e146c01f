/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nested ioctls, each construct of the layout language: what the driver sees, what
 * comes back to the caller, and what happens where memory is missing.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/layout_rows.h"
#include "walk_cases.h"
#include "walk_trip.h"

#define COMMAND(n, type) _IOWR('?', n, type)

/* ---- a counted pointer, in and out ---- */

struct counted {
	uint32_t n;
	uint16_t n_out;
	uint8_t n_strings;
	uint8_t pad;
	uint32_t *in;
	uint64_t out; /* uint64_t[n_out] */
};
static const struct layout_part counted_parts[] = {
	POINTER(struct counted, in, n, uint32_t, IN),
	POINTER(struct counted, out, n_out, uint64_t, OUT),
};
LAYOUT_TYPE(counted, struct counted, counted_parts);
static const struct layout counted_row = NESTED(COMMAND(1, struct counted), struct counted, counted);

/* Writes twice each number, as far as there is room, and how many there are. */
static int counted_driver(uint64_t argument)
{
	struct counted counted;

	if (driver_read(&counted, argument, sizeof(counted)) < 0)
		return -EFAULT;
	for (uint32_t i = 0; i < counted.n && i < counted.n_out; i++) {
		uint32_t number;
		uint64_t twice;

		if (driver_read(&number, (uintptr_t)(counted.in + i), sizeof(number)) < 0)
			return -EFAULT;
		twice = 2 * (uint64_t)number;
		if (driver_write(counted.out + i * sizeof(twice), &twice, sizeof(twice)) < 0)
			return -EFAULT;
	}
	counted.n_out = counted.n;
	return driver_write(argument, &counted, sizeof(counted));
}

START_TEST(counted_pointers)
{
	uint32_t in[3] = { 5, 6, 0xffffffff };
	uint64_t out[4] = { 1, 2, 3, 77 };
	struct counted counted = { .n = 3, .n_out = 4, .in = in, .out = (uintptr_t)out };

	ck_assert_int_eq(trip(&counted_row, &counted, counted_driver), 0);
	ck_assert_uint_eq(out[0], 10);
	ck_assert_uint_eq(out[1], 12);
	ck_assert_uint_eq(out[2], 0x1fffffffe);
	ck_assert_uint_eq(out[3], 77);
	ck_assert_uint_eq(counted.n_out, 3);
	ck_assert_ptr_eq(counted.in, in);
	ck_assert_uint_eq(counted.out, (uintptr_t)out);
}
END_TEST

/* The count first: no room yet, and a pointer that leads nowhere. */
START_TEST(count_first)
{
	uint32_t in[3] = { 5, 6, 7 };
	struct counted counted = { .n = 3, .n_out = 0, .in = in, .out = 0 };

	ck_assert_int_eq(trip(&counted_row, &counted, counted_driver), 0);
	ck_assert_uint_eq(counted.n_out, 3);
	counted.n_out = 0;
	counted.out = UINT64_C(0xdead000000000000);
	ck_assert_int_eq(trip(&counted_row, &counted, counted_driver), 0);
	ck_assert_uint_eq(counted.n_out, 3);
	ck_assert_uint_eq(counted.out, UINT64_C(0xdead000000000000));
}
END_TEST

static int look_driver(uint64_t argument);
static uint64_t looked_in, looked_out;
static int look_driver(uint64_t argument)
{
	looked_in = driver_pointer(argument + offsetof(struct counted, in));
	looked_out = driver_pointer(argument + offsetof(struct counted, out));
	return 3;
}

/* The driver never sees the caller's addresses, but for numbers. */
START_TEST(pointers_are_ours)
{
	uint32_t in[2] = { 1, 2 };
	uint64_t out[2] = { 3, 4 };
	struct counted counted = { .n = 2, .n_out = 2, .in = in, .out = (uintptr_t)out };
	uint64_t value;

	ck_assert_int_eq(trip(&counted_row, &counted, look_driver), 3);
	ck_assert_uint_ne(looked_in, (uintptr_t)in);
	ck_assert_uint_ne(looked_out, (uintptr_t)out);
	ck_assert_uint_ge(looked_in, LAYOUT_POINTER_MIN);
	ck_assert_uint_eq(trip_changed, 0);
	/* Nothing is counted, or nothing can be there: a place where there is none. */
	counted.n = 0;
	counted.out = UINT64_MAX - 7;
	ck_assert_int_eq(trip(&counted_row, &counted, look_driver), 3);
	ck_assert_int_eq(driver_read(&value, looked_in, 1), -EFAULT);
	ck_assert_int_eq(driver_read(&value, looked_out, 1), -EFAULT);
	ck_assert_uint_lt(looked_in, LAYOUT_POINTER_MIN);
	ck_assert_uint_lt(looked_out, LAYOUT_POINTER_MIN);
	ck_assert_uint_ne(looked_in, 0);
	/* Numbers stay: drivers ask for NULL. */
	counted.n = 2;
	counted.in = NULL;
	counted.out = 42;
	ck_assert_int_eq(trip(&counted_row, &counted, look_driver), 3);
	ck_assert_uint_eq(looked_in, 0);
	ck_assert_uint_eq(looked_out, 42);
}
END_TEST

START_TEST(missing_memory_is_efault)
{
	uint32_t in[2] = { 1, 2 };
	uint64_t out[2] = { 3, 4 };
	struct counted counted = { .n = 2, .n_out = 2, .in = page_end(0), .out = (uintptr_t)out };

	ck_assert_int_eq(trip(&counted_row, &counted, counted_driver), -EFAULT);
	ck_assert_uint_eq(out[0], 3);
	counted.in = in;
	counted.out = (uintptr_t)page_end(0);
	ck_assert_int_eq(trip(&counted_row, &counted, counted_driver), -EFAULT);
	ck_assert_int_eq(trip(&counted_row, page_end(0), counted_driver), -EFAULT);
	ck_assert_int_eq(trip(&counted_row, page_end(sizeof(counted) - 1), counted_driver), -EFAULT);
	ck_assert_int_eq(trip(&counted_row, (void *)(UINTPTR_MAX - 8), counted_driver), -EFAULT);
	ck_assert_uint_eq(counted.n_out, 2);
}
END_TEST

/* What the driver does before it meets the end of memory is done. */
START_TEST(partial_effects)
{
	uint32_t in[4] = { 1, 2, 3, 4 };
	/* Not aligned, so that an element is there in part. */
	uint8_t *end = page_end(2 * sizeof(uint64_t) + 3);
	uint64_t out[2];
	struct counted counted = { .n = 4, .n_out = 4, .in = in, .out = (uintptr_t)end };

	ck_assert_int_eq(trip(&counted_row, &counted, counted_driver), -EFAULT);
	memcpy(out, end, sizeof(out));
	ck_assert_uint_eq(out[0], 2);
	ck_assert_uint_eq(out[1], 4);
	ck_assert_uint_eq(counted.n_out, 4);
	/* As much as the driver asks for is there. */
	counted.n = 2;
	memset(end, 0, sizeof(out));
	ck_assert_int_eq(trip(&counted_row, &counted, counted_driver), 0);
	memcpy(out, end, sizeof(out));
	ck_assert_uint_eq(out[1], 4);
	ck_assert_uint_eq(counted.n_out, 2);
}
END_TEST

START_TEST(too_much_is_enomem)
{
	uint64_t out[2];
	struct counted counted = { .n = UINT32_MAX, .n_out = 2, .out = (uintptr_t)out };

	counted.in = page_end(64);
	ck_assert_int_eq(trip(&counted_row, &counted, counted_driver), -ENOMEM);
	counted.n = PROTO_MESSAGE_MAX / 4;
	ck_assert_int_eq(trip(&counted_row, &counted, counted_driver), -ENOMEM);
	/* A peer that takes small messages only. */
	trip_limit = walk_limit(PROTO_MESSAGE_MIN);
	counted.n = trip_limit / 8;
	ck_assert_int_eq(trip(&counted_row, &counted, counted_driver), 0);
	ck_assert_uint_eq(counted.n_out, trip_limit / 8);
	ck_assert_int_eq(trip(&counted_row, &counted, counted_driver), -ENOMEM);
}
END_TEST

/* The guest's side remembers where a call led; what counts is where this one leads. */
START_TEST(buffers_change_between_calls)
{
	uint32_t first[2] = { 1, 2 }, second[2] = { 10, 20 }, *third = page_end(8);
	uint64_t out[2] = { 0 }, other[2] = { 0 };
	struct counted counted = { .n = 2, .n_out = 2, .in = first, .out = (uintptr_t)out };

	for (int i = 0; i < 5; i++) {
		first[0] = i;
		ck_assert_int_eq(trip(&counted_row, &counted, counted_driver), 0);
		ck_assert_uint_eq(out[0], 2 * i);
	}
	counted.in = second;
	ck_assert_int_eq(trip(&counted_row, &counted, counted_driver), 0);
	ck_assert_uint_eq(out[0], 20);
	counted.out = (uintptr_t)other;
	counted.n = counted.n_out = 1;
	ck_assert_int_eq(trip(&counted_row, &counted, counted_driver), 0);
	ck_assert_uint_eq(other[0], 20);
	ck_assert_uint_eq(other[1], 0);
	/* What it remembers may be gone. */
	third[0] = 100;
	third[1] = 200;
	counted.n = counted.n_out = 2;
	counted.in = third;
	ck_assert_int_eq(trip(&counted_row, &counted, counted_driver), 0);
	ck_assert_uint_eq(other[1], 400);
	page_end_take(third);
	ck_assert_int_eq(trip(&counted_row, &counted, counted_driver), -EFAULT);
	counted.in = first;
	ck_assert_int_eq(trip(&counted_row, &counted, counted_driver), 0);
	ck_assert_uint_eq(other[1], 4);
	for (int i = 0; i < 10; i++) {
		counted.in = i & 1 ? first : second;
		ck_assert_int_eq(trip(&counted_row, &counted, counted_driver), 0);
		ck_assert_uint_eq(other[1], 2 * (i & 1 ? first[1] : second[1]));
	}
}
END_TEST

/* Only what changed comes back. */
START_TEST(only_changes_come_back)
{
	uint32_t in[2] = { 1, 2 };
	uint64_t out[2] = { 2, 4 };
	struct counted counted = { .n = 2, .n_out = 2, .in = in, .out = (uintptr_t)out };

	ck_assert_int_eq(trip(&counted_row, &counted, counted_driver), 0);
	ck_assert_uint_eq(trip_changed, 0);
	out[1] = 5;
	ck_assert_int_eq(trip(&counted_row, &counted, counted_driver), 0);
	ck_assert_uint_eq(trip_changed, 1);
	ck_assert_uint_eq(out[1], 4);
}
END_TEST

/* ---- structures with pointers in an array, a union by its discriminator ---- */

struct item {
	uint32_t kind; /* 0: value, 1: pointer to `size` bytes */
	uint32_t size;
	union {
		uint64_t value;
		uint8_t *bytes;
	};
} __attribute__((packed));

struct items {
	uint8_t n;
	uint8_t pad[7];
	struct item *items;
};

static bool item_is_pointer(const void *in)
{
	struct item item;

	memcpy(&item, in, sizeof(item));
	return item.kind == 1;
}

static const struct layout_part item_parts[] = {
	POINTER(struct item, bytes, size, uint8_t, INOUT, .when = item_is_pointer, .most = 1000),
};
LAYOUT_TYPE(item, struct item, item_parts);
static const struct layout_part items_parts[] = {
	POINTER_TO(struct items, items, n, item, INOUT),
};
LAYOUT_TYPE(items, struct items, items_parts);
static const struct layout items_row = NESTED(COMMAND(2, struct items), struct items, items);

/* Adds one to each value, and to each byte that a pointer leads to. */
static int items_driver(uint64_t argument)
{
	struct items items;
	struct item item;
	uint8_t byte;

	if (driver_read(&items, argument, sizeof(items)) < 0)
		return -EFAULT;
	for (uint32_t i = 0; i < items.n; i++) {
		uint64_t at = (uintptr_t)(items.items + i);

		if (driver_read(&item, at, sizeof(item)) < 0)
			return -EFAULT;
		if (item.kind == 1 && item.size > 1000)
			return -EINVAL;
		for (uint32_t j = 0; item.kind == 1 && j < item.size; j++) {
			if (driver_read(&byte, (uintptr_t)(item.bytes + j), 1) < 0)
				return -EFAULT;
			byte++;
			if (driver_write((uintptr_t)(item.bytes + j), &byte, 1) < 0)
				return -EFAULT;
		}
		if (item.kind == 0)
			item.value++;
		if (driver_write(at, &item, sizeof(item)) < 0)
			return -EFAULT;
	}
	return items.n;
}

START_TEST(array_of_structures_with_pointers)
{
	uint8_t bytes[2][100] = { { 1, 2, 3 }, { 4, 5, 6 } };
	uint64_t big = UINT64_C(0x7fff00000000);
	struct item array[4] = {
		{ .kind = 1, .size = 3, .bytes = bytes[0] },
		{ .kind = 0, .size = 4, .value = big },
		{ .kind = 1, .size = 0, .bytes = bytes[1] + 1 },
		{ .kind = 1, .size = 99, .bytes = bytes[1] + 1 },
	};
	struct items items = { .n = 4, .items = array };

	ck_assert_int_eq(trip(&items_row, &items, items_driver), 4);
	ck_assert_uint_eq(bytes[0][0], 2);
	ck_assert_uint_eq(bytes[0][2], 4);
	ck_assert_uint_eq(bytes[0][3], 0);
	ck_assert_uint_eq(bytes[1][0], 4);
	ck_assert_uint_eq(bytes[1][1], 6);
	ck_assert_uint_eq(bytes[1][99], 1);
	ck_assert_uint_eq(array[1].value, big + 1);
	ck_assert_ptr_eq(array[0].bytes, bytes[0]);
	ck_assert_ptr_eq(array[2].bytes, bytes[1] + 1);
	ck_assert_ptr_eq(array[3].bytes, bytes[1] + 1);
	ck_assert_ptr_eq(items.items, array);
}
END_TEST

/* Above what the driver takes it is the driver that refuses, before it looks. */
START_TEST(driver_refuses_the_count)
{
	uint8_t bytes[8];
	struct item item = { .kind = 1, .size = 1001, .bytes = bytes };
	struct items items = { .n = 1, .items = &item };

	ck_assert_int_eq(trip(&items_row, &items, items_driver), -EINVAL);
	ck_assert_ptr_eq(item.bytes, bytes);
}
END_TEST

/* A structure whose end is missing is not there: its pointer must not reach the
 * driver, which could read it alone. */
static uint64_t half_pointer;
static int half_driver(uint64_t argument)
{
	uint64_t at = driver_pointer(argument + offsetof(struct items, items));

	return driver_read(&half_pointer, at + sizeof(struct item), 1);
}

START_TEST(half_a_structure_is_none)
{
	uint8_t bytes[8] = { 0 };
	struct item *array = page_end(2 * sizeof(struct item) - 1);
	struct items items = { .n = 2, .items = array };

	array[0] = (struct item){ .kind = 1, .size = 8, .bytes = bytes };
	memset(&array[1], 1, sizeof(struct item) - 1);
	ck_assert_int_eq(trip(&items_row, &items, half_driver), -EFAULT);
	ck_assert_int_eq(trip(&items_row, &items, items_driver), -EFAULT);
	ck_assert_uint_eq(bytes[7], 1);
}
END_TEST

START_TEST(too_many_pieces_are_enomem)
{
	static struct item array[255];
	static uint8_t bytes[255];
	struct items items = { .n = 253, .items = array };

	for (int i = 0; i < 255; i++)
		array[i] = (struct item){ .kind = 1, .size = 1, .bytes = &bytes[i] };
	ck_assert_int_eq(trip(&items_row, &items, items_driver), 253);
	ck_assert_uint_eq(bytes[252], 1);
	items.n = 255;
	ck_assert_int_eq(trip(&items_row, &items, items_driver), -ENOMEM);
	ck_assert_uint_eq(bytes[0], 1);
}
END_TEST

/* ---- lists ---- */

struct link {
	struct link *next;
	uint64_t number;
};
LAYOUT_TYPE_LIST(link, struct link);
static const struct layout_part link_parts[] = { POINTER_ONE(struct link, next, link, INOUT) };
LAYOUT_TYPE(link, struct link, link_parts);
static const struct layout link_row = NESTED(COMMAND(3, struct link), struct link, link);

static int list_driver(uint64_t argument)
{
	struct link link;
	int n = 0;

	for (; argument; argument = (uintptr_t)link.next, n++) {
		if (driver_read(&link, argument, sizeof(link)) < 0)
			return -EFAULT;
		link.number *= 10;
		if (driver_write(argument, &link, sizeof(link)) < 0)
			return -EFAULT;
	}
	return n;
}

START_TEST(lists_end)
{
	struct link links[WALK_DEPTH_MAX + 1];

	for (uint32_t i = 0; i <= WALK_DEPTH_MAX; i++)
		links[i] = (struct link){ .next = i == WALK_DEPTH_MAX ? NULL : &links[i + 1], .number = i };
	ck_assert_int_eq(trip(&link_row, &links[0], list_driver), -E2BIG);
	ck_assert_int_eq(trip(&link_row, &links[1], list_driver), WALK_DEPTH_MAX);
	ck_assert_uint_eq(links[WALK_DEPTH_MAX].number, 10 * WALK_DEPTH_MAX);
	ck_assert_ptr_eq(links[1].next, &links[2]);
	/* Endless. */
	links[5].next = &links[5];
	ck_assert_int_eq(trip(&link_row, &links[1], list_driver), -E2BIG);
	links[5].next = &links[3];
	ck_assert_int_eq(trip(&link_row, &links[1], list_driver), -E2BIG);
	links[5].next = page_end(0);
	ck_assert_int_eq(trip(&link_row, &links[5], list_driver), -EFAULT);
	ck_assert_uint_eq(links[5].number, 500);
}
END_TEST

/* Address of a segment that the driver has moved on. */
static int moving_driver(uint64_t argument)
{
	uint64_t next = driver_pointer(argument) + 8;

	return driver_write(argument, &next, sizeof(next));
}

START_TEST(moved_pointers_are_the_callers)
{
	struct link links[2] = { { .next = &links[1] } };

	ck_assert_int_eq(trip(&link_row, &links[0], moving_driver), 0);
	ck_assert_ptr_eq(links[0].next, (char *)&links[1] + 8);
}
END_TEST

static int writing_driver(uint64_t argument)
{
	uint64_t next = 0x1122334455667788;

	return driver_write(argument, &next, sizeof(next));
}

START_TEST(what_the_driver_writes_is_kept)
{
	struct link links[2] = { { .next = &links[1] } };

	ck_assert_int_eq(trip(&link_row, &links[0], writing_driver), 0);
	ck_assert_uint_eq((uintptr_t)links[0].next, 0x1122334455667788);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("layout_walk");
	TCase *tcase = tcase_create("pointers");
	SRunner *runner;
	int n_failed;

	tcase_add_checked_fixture(tcase, trip_setup, trip_teardown);
	tcase_add_test(tcase, counted_pointers);
	tcase_add_test(tcase, count_first);
	tcase_add_test(tcase, pointers_are_ours);
	tcase_add_test(tcase, missing_memory_is_efault);
	tcase_add_test(tcase, partial_effects);
	tcase_add_test(tcase, too_much_is_enomem);
	tcase_add_test(tcase, buffers_change_between_calls);
	tcase_add_test(tcase, only_changes_come_back);
	tcase_add_test(tcase, array_of_structures_with_pointers);
	tcase_add_test(tcase, driver_refuses_the_count);
	tcase_add_test(tcase, half_a_structure_is_none);
	tcase_add_test(tcase, too_many_pieces_are_enomem);
	tcase_add_test(tcase, lists_end);
	tcase_add_test(tcase, moved_pointers_are_the_callers);
	tcase_add_test(tcase, what_the_driver_writes_is_kept);
	suite_add_tcase(suite, tcase);
	suite_add_tcase(suite, case_constructs());
	suite_add_tcase(suite, case_kept());
	suite_add_tcase(suite, case_rows());
	suite_add_tcase(suite, case_lies());

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

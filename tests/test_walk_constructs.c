/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nested ioctls: strings, data behind a structure, cut counts, and the rest of the
 * layout language. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/layout_rows.h"
#include "walk_cases.h"
#include "walk_trip.h"

#define COMMAND(n, type) _IOWR('?', n, type)

/* ---- data behind the structure ---- */

struct tail {
	uint32_t id;
	uint32_t length;
	uint8_t data[];
};
static const struct layout_part tail_parts[] = { FOLLOWS(struct tail, length, uint8_t, INOUT, .most = 6000) };
LAYOUT_TYPE(tail, struct tail, tail_parts);
static const struct layout tail_row = NESTED(COMMAND(1, struct tail), struct tail, tail);

/* Turns the bytes around one by one, up to the first that is not there. */
static int tail_driver(uint64_t argument)
{
	struct tail tail;
	uint8_t byte;

	if (driver_read(&tail, argument, sizeof(tail)) < 0)
		return -EFAULT;
	for (uint32_t i = 0; i < tail.length; i++) {
		uint64_t at = argument + sizeof(tail) + i;

		if (driver_read(&byte, at, 1) < 0)
			return -EFAULT;
		byte = ~byte;
		if (driver_write(at, &byte, 1) < 0)
			return -EFAULT;
	}
	tail.id = 99;
	return driver_write(argument, &tail, sizeof(tail));
}

START_TEST(data_behind_the_structure)
{
	struct tail *tail = calloc(1, sizeof(*tail) + 16);

	*tail = (struct tail){ .id = 1, .length = 15 };
	tail->data[14] = 0x0f;
	tail->data[15] = 0x55;
	ck_assert_int_eq(trip(&tail_row, tail, tail_driver), 0);
	ck_assert_uint_eq(tail->id, 99);
	ck_assert_uint_eq(tail->data[0], 0xff);
	ck_assert_uint_eq(tail->data[14], 0xf0);
	ck_assert_uint_eq(tail->data[15], 0x55);
	tail->length = 0;
	ck_assert_int_eq(trip(&tail_row, tail, tail_driver), 0);
	ck_assert_uint_eq(tail->data[0], 0xff);
	free(tail);
}
END_TEST

START_TEST(data_behind_that_is_missing)
{
	struct tail *tail = page_end(sizeof(*tail) + 4);

	tail->length = 10;
	ck_assert_int_eq(trip(&tail_row, tail, tail_driver), -EFAULT);
	ck_assert_uint_eq(tail->data[3], 0xff);
	ck_assert_uint_eq(tail->id, 0);
	tail = page_end(sizeof(*tail));
	tail->length = 1;
	ck_assert_int_eq(trip(&tail_row, tail, tail_driver), -EFAULT);
	tail = page_end(4);
	tail->id = 5;
	ck_assert_int_eq(trip(&tail_row, tail, tail_driver), -EFAULT);
	/* More than the driver takes: nothing is behind it, if the driver looks after all. */
	tail = page_end(4096);
	tail->length = 6001;
	ck_assert_int_eq(trip(&tail_row, tail, tail_driver), -EFAULT);
	ck_assert_uint_eq(tail->data[0], 0);
	tail->length = UINT32_MAX;
	ck_assert_int_eq(trip(&tail_row, tail, tail_driver), -EFAULT);
}
END_TEST

/* ---- strings ---- */

struct named {
	char *name;
};
static const struct layout_part named_parts[] = {
	POINTER_FIXED(struct named, name, 32, char, IN, .flags = LAYOUT_STRING),
};
LAYOUT_TYPE(named, struct named, named_parts);
static const struct layout named_row = NESTED(COMMAND(2, struct named), struct named, named);

static char seen[64];
static int string_at(uint64_t at)
{
	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < 32; i++) {
		if (driver_read(&seen[i], at + i, 1) < 0)
			return -EFAULT;
		if (!seen[i])
			return i;
	}
	return -EINVAL;
}

static int named_driver(uint64_t argument)
{
	return string_at(driver_pointer(argument));
}

START_TEST(strings)
{
	struct trip_message message;
	struct named named = { .name = page_end(4) };

	memcpy(named.name, "abc", 4);
	ck_assert_int_eq(trip(&named_row, &named, named_driver), 3);
	ck_assert_str_eq(seen, "abc");
	/* No byte behind its end goes to the host. */
	named.name = (char[]){ "ab\0secret secret secret secret secret" };
	ck_assert_int_eq(trip(&named_row, &named, named_driver), 2);
	ck_assert_int_eq(trip_gather(&named_row, &named, &message), 0);
	ck_assert_uint_eq(message.ranges[1].length, 3);
	/* Without an end. */
	named.name = page_end(4);
	memcpy(named.name, "abcd", 4);
	ck_assert_int_eq(trip(&named_row, &named, named_driver), -EFAULT);
	ck_assert_str_eq(seen, "abcd");
	named.name = (char[]){ "0123456789012345678901234567890123456789" };
	ck_assert_int_eq(trip(&named_row, &named, named_driver), -EINVAL);
}
END_TEST

static const struct layout string_row = STRING_IN(_IOW('?', 3, char *), 32);

static int string_driver(uint64_t argument)
{
	return string_at(argument);
}

START_TEST(string_at_the_argument)
{
	char *at = page_end(6);

	memcpy(at, "hello", 6);
	ck_assert_int_eq(trip(&string_row, at, string_driver), 5);
	ck_assert_str_eq(seen, "hello");
	memcpy(at, "hello!", 6);
	ck_assert_int_eq(trip(&string_row, at, string_driver), -EFAULT);
	ck_assert_int_eq(trip(&string_row, page_end(0), string_driver), -EFAULT);
}
END_TEST

/* ---- the driver knows the length ---- */

static const struct layout up_to_row = UP_TO_OUT(_IOR('?', 4, uint64_t), 5000);
static uint32_t n_write;

static int up_to_driver(uint64_t argument)
{
	static const uint8_t data[6000] = { [0] = 1, [4999] = 2, [5000] = 3 };

	return driver_write(argument, data, n_write);
}

START_TEST(up_to_what_the_driver_knows)
{
	uint8_t memory[6000], *few = page_end(10);

	memset(memory, 7, sizeof(memory));
	n_write = 5000;
	ck_assert_int_eq(trip(&up_to_row, memory, up_to_driver), 0);
	ck_assert_uint_eq(memory[0], 1);
	ck_assert_uint_eq(memory[4999], 2);
	ck_assert_uint_eq(memory[5000], 7);
	/* A row that is wrong does not let the driver go on. */
	n_write = 5001;
	ck_assert_int_eq(trip(&up_to_row, memory, up_to_driver), -EFAULT);
	ck_assert_uint_eq(memory[5000], 7);
	n_write = 10;
	ck_assert_int_eq(trip(&up_to_row, few, up_to_driver), 0);
	ck_assert_uint_eq(few[0], 1);
	n_write = 11;
	ck_assert_int_eq(trip(&up_to_row, few, up_to_driver), -EFAULT);
}
END_TEST

/* ---- counts that are cut ---- */

struct frames {
	int64_t result;
	void *data;
	uint64_t n;
};

static uint32_t bits_of_frame(const struct layout_facts *facts)
{
	return facts->frame_bits;
}

static const struct layout_part frames_parts[] = {
	CLAMP_BITS(struct frames, n, bits_of_frame),
	POINTER_BITS(struct frames, data, n, bits_of_frame, OUT),
};
LAYOUT_TYPE(frames, struct frames, frames_parts);
static const struct layout frames_row = NESTED(COMMAND(5, struct frames), struct frames, frames);

static uint64_t frames_asked;
static int frames_driver(uint64_t argument)
{
	static uint8_t sound[PROTO_MESSAGE_MAX];
	struct frames frames;
	uint64_t size;

	if (driver_read(&frames, argument, sizeof(frames)) < 0)
		return -EFAULT;
	frames_asked = frames.n;
	size = frames.n * trip_facts.frame_bits / 8;
	ck_assert_uint_le(size, sizeof(sound));
	memset(sound, 0x33, sizeof(sound));
	if (driver_write((uintptr_t)frames.data, sound, size) < 0)
		return -EFAULT;
	frames.result = frames.n;
	return driver_write(argument, &frames, sizeof(frames.result));
}

START_TEST(counts_are_cut)
{
	static uint8_t sound[1024 * 1024];
	struct frames frames = { .data = sound, .n = sizeof(sound) / 4 };

	trip_facts.frame_bits = 32;
	memset(sound, 0, sizeof(sound));
	ck_assert_int_eq(trip(&frames_row, &frames, frames_driver), 0);
	ck_assert_uint_lt(frames_asked, sizeof(sound) / 4);
	ck_assert_uint_gt(frames_asked * 4, 100 * 1024);
	ck_assert_int_eq(frames.result, frames_asked);
	ck_assert_uint_eq(frames.n, sizeof(sound) / 4);
	ck_assert_ptr_eq(frames.data, sound);
	ck_assert_uint_eq(sound[frames_asked * 4 - 1], 0x33);
	ck_assert_uint_eq(sound[frames_asked * 4], 0);
	/* What fits goes whole; frames of less than a byte too. */
	frames.n = 1001;
	ck_assert_int_eq(trip(&frames_row, &frames, frames_driver), 0);
	ck_assert_int_eq(frames.result, 1001);
	trip_facts.frame_bits = 4;
	ck_assert_int_eq(trip(&frames_row, &frames, frames_driver), 0);
	ck_assert_int_eq(frames.result, 1001);
	frames.n = UINT64_MAX;
	trip_facts.frame_bits = 1024;
	ck_assert_int_eq(trip(&frames_row, &frames, frames_driver), 0);
	ck_assert_int_eq(frames.result, frames_asked);
	ck_assert_uint_eq(frames.n, UINT64_MAX);
}
END_TEST

/* ---- pointers that nobody follows ---- */

struct carried {
	uint32_t has_pointer;
	uint32_t pad;
	void *always;
	union {
		void *perhaps;
		uint64_t number;
	};
};

static bool carries_pointer(const void *in)
{
	struct carried carried;

	memcpy(&carried, in, sizeof(carried));
	return carried.has_pointer;
}

static const struct layout_part carried_parts[] = {
	OPAQUE(struct carried, always),
	OPAQUE(struct carried, perhaps, .when = carries_pointer),
};
LAYOUT_TYPE(carried, struct carried, carried_parts);
static const struct layout carried_row = NESTED(COMMAND(6, struct carried), struct carried, carried);

static struct carried carried_seen, carried_written;
static int carried_driver(uint64_t argument)
{
	if (driver_read(&carried_seen, argument, sizeof(carried_seen)) < 0)
		return -EFAULT;
	return driver_write(argument, &carried_written, sizeof(carried_written));
}

START_TEST(opaque_pointers_stay)
{
	struct carried carried = { .always = seen, .perhaps = seen + 1 };

	carried_written = (struct carried){ .has_pointer = 1, .always = &carried_seen, .perhaps = &carried_seen };
	ck_assert_int_eq(trip(&carried_row, &carried, carried_driver), 0);
	ck_assert_ptr_null(carried_seen.always);
	ck_assert_ptr_eq(carried.always, seen);
	ck_assert_ptr_eq(carried.perhaps, seen + 1);
	ck_assert_uint_eq(carried.has_pointer, 1);
	/* By what the driver says it is a number. */
	carried_written.has_pointer = 0;
	carried_written.number = 12345;
	ck_assert_int_eq(trip(&carried_row, &carried, carried_driver), 0);
	ck_assert_uint_eq(carried.number, 12345);
	ck_assert_ptr_eq(carried.always, seen);
}
END_TEST

/* ---- descriptors, structures inside structures ---- */

struct outer {
	uint64_t before;
	struct {
		int32_t fd;
		uint32_t use;
	} inner[2];
};
struct inner {
	int32_t fd;
	uint32_t use;
};

static bool uses_descriptor(const void *in)
{
	struct inner inner;

	memcpy(&inner, in, sizeof(inner));
	return inner.use;
}

static const struct layout_part inner_parts[] = {
	DESCRIPTOR_IN(struct inner, fd, .when = uses_descriptor),
};
LAYOUT_TYPE(inner, struct inner, inner_parts);
static const struct layout_part outer_parts[] = { EMBEDS(struct outer, inner[0], inner), EMBEDS(struct outer, inner[1], inner) };
LAYOUT_TYPE(outer, struct outer, outer_parts);
static const struct layout outer_row = NESTED(COMMAND(7, struct outer), struct outer, outer);

static struct outer given;
static int fd_driver(uint64_t argument)
{
	return driver_read(&given, argument, sizeof(given));
}

START_TEST(descriptors_are_the_hosts)
{
	struct outer outer = { .inner = { { .fd = 3 }, { .fd = -1, .use = 1 } } };

	trip_number = 1234;
	ck_assert_int_eq(trip(&outer_row, &outer, fd_driver), 0);
	ck_assert_int_eq(given.inner[0].fd, 3);
	ck_assert_int_eq(given.inner[1].fd, -1);
	outer.inner[1].fd = 0;
	ck_assert_int_eq(trip(&outer_row, &outer, fd_driver), 0);
	ck_assert_int_eq(given.inner[1].fd, 1234);
	ck_assert_int_eq(outer.inner[1].fd, 0);
	trip_number = -1;
	ck_assert_int_eq(trip(&outer_row, &outer, fd_driver), 0);
	ck_assert_int_eq(given.inner[1].fd, -1);
}
END_TEST

/* ---- an array that tells how long others are ---- */

struct sums {
	uint32_t n;
	uint32_t pad;
	uint64_t counts; /* uint32_t[n] */
	uint64_t ids; /* uint32_t[sum of counts] */
	uint64_t values; /* uint64_t[sum of counts] */
};
static const struct layout_part sums_after[] = {
	POINTER_SUM(struct sums, ids, uint32_t, IN),
	POINTER_SUM(struct sums, values, uint64_t, OUT),
};
LAYOUT_TYPE_AFTER(sums_counts, uint32_t, sums_after);
static const struct layout_part sums_parts[] = { POINTER_TO(struct sums, counts, n, sums_counts, IN) };
LAYOUT_TYPE(sums, struct sums, sums_parts);
static const struct layout sums_row = NESTED(COMMAND(8, struct sums), struct sums, sums);

static int sums_driver(uint64_t argument)
{
	struct sums sums;
	uint32_t total = 0, n, id;

	if (driver_read(&sums, argument, sizeof(sums)) < 0)
		return -EFAULT;
	for (uint32_t i = 0; i < sums.n; i++) {
		if (driver_read(&n, sums.counts + i * sizeof(n), sizeof(n)) < 0)
			return -EFAULT;
		for (uint32_t j = 0; j < n; j++, total++) {
			uint64_t value;

			if (driver_read(&id, sums.ids + total * sizeof(id), sizeof(id)) < 0)
				return -EFAULT;
			value = id + 1;
			if (driver_write(sums.values + total * sizeof(value), &value, sizeof(value)) < 0)
				return -EFAULT;
		}
	}
	return total;
}

START_TEST(sum_of_an_array)
{
	uint32_t counts[3] = { 2, 0, 3 }, ids[6] = { 1, 2, 3, 4, 5, 6 };
	uint64_t values[6] = { 0 };
	struct sums sums = { .n = 3, .counts = (uintptr_t)counts, .ids = (uintptr_t)ids, .values = (uintptr_t)values };

	ck_assert_int_eq(trip(&sums_row, &sums, sums_driver), 5);
	ck_assert_uint_eq(values[4], 6);
	ck_assert_uint_eq(values[5], 0);
	ck_assert_uint_eq(sums.values, (uintptr_t)values);
	counts[1] = UINT32_MAX;
	ck_assert_int_eq(trip(&sums_row, &sums, sums_driver), -ENOMEM);
	counts[1] = 0;
	sums.counts = (uintptr_t)page_end(0);
	ck_assert_int_eq(trip(&sums_row, &sums, sums_driver), -EFAULT);
}
END_TEST

/* ---- what a value is, the number beside it tells ---- */

static bool beside_descriptor(uint32_t number, const struct layout_facts *facts)
{
	return number == facts->in_fence_fd;
}

static bool beside_pointer(uint32_t number, const struct layout_facts *facts)
{
	return number == facts->out_fence_ptr;
}

struct made {
	int32_t fd;
};
static const struct layout_part made_parts[] = {
	DESCRIPTOR_OUT(struct made, fd, SYNC_FILE, .flags = LAYOUT_ZERO),
};
LAYOUT_TYPE(made, struct made, made_parts);

struct value {
	union {
		uint64_t number;
		int32_t fd;
	};
};
static const struct layout_part value_parts[] = {
	DESCRIPTOR_IN(struct value, fd, .when_beside = beside_descriptor),
	POINTER_ONE(struct value, number, made, OUT, .when_beside = beside_pointer),
};
LAYOUT_TYPE_BESIDE(value, struct value, struct sums, ids, value_parts);
static const struct layout_part beside_after[] = {
	POINTER_SUM(struct sums, ids, uint32_t, IN),
	POINTER_SUM_TO(struct sums, values, value, IN),
};
LAYOUT_TYPE_AFTER(beside_counts, uint32_t, beside_after);
static const struct layout_part beside_parts[] = { POINTER_TO(struct sums, counts, n, beside_counts, IN) };
LAYOUT_TYPE(beside, struct sums, beside_parts);
static const struct layout beside_row = NESTED(COMMAND(9, struct sums), struct sums, beside);

static uint64_t beside_given[3];

/* Notes the values that it gets; puts -1 where the second points to. */
static int beside_driver(uint64_t argument)
{
	int32_t none = -1;
	struct sums sums;

	if (driver_read(&sums, argument, sizeof(sums)) < 0 ||
	    driver_read(beside_given, sums.values, sizeof(beside_given)) < 0)
		return -EFAULT;
	return beside_given[1] == 9 ? 0 : driver_write(beside_given[1], &none, sizeof(none));
}

START_TEST(values_by_the_number_beside)
{
	uint32_t counts[2] = { 1, 2 }, ids[3] = { 41, 42, 43 };
	int32_t fence = -7;
	uint64_t values[3] = { 5, (uintptr_t)&fence, 5 };
	struct sums sums = {
		.n = 2, .counts = (uintptr_t)counts, .ids = (uintptr_t)ids, .values = (uintptr_t)values
	};

	trip_facts.in_fence_fd = 41;
	trip_facts.out_fence_ptr = 42;
	trip_number = 1234;
	ck_assert_int_eq(trip(&beside_row, &sums, beside_driver), 0);
	ck_assert_uint_eq(beside_given[0], 1234);
	ck_assert_uint_ne(beside_given[1], (uintptr_t)&fence);
	ck_assert_uint_eq(beside_given[2], 5);
	ck_assert_int_eq(fence, -1);
	ck_assert_uint_eq(values[0], 5);
	/* Others are numbers, and so are all without an array beside. */
	values[1] = 9;
	ids[0] = 40;
	ids[1] = 40;
	ck_assert_int_eq(trip(&beside_row, &sums, beside_driver), 0);
	ck_assert_uint_eq(beside_given[0], 5);
	ids[0] = 41;
	ids[1] = 42;
	sums.ids = (uintptr_t)page_end(0);
	ck_assert_int_eq(trip(&beside_row, &sums, beside_driver), 0);
	ck_assert_uint_eq(beside_given[0], 5);
	/* The last number of an array that is cut has its value, the next has none. */
	sums.ids = (uintptr_t)page_end(4);
	*(uint32_t *)(uintptr_t)sums.ids = 41;
	ck_assert_int_eq(trip(&beside_row, &sums, beside_driver), 0);
	ck_assert_uint_eq(beside_given[0], 1234);
	ck_assert_uint_eq(beside_given[1], 9);
	trip_facts = (struct layout_facts){ 0 };
}
END_TEST

TCase *case_constructs(void)
{
	TCase *tcase = tcase_create("constructs");

	tcase_add_checked_fixture(tcase, trip_setup, trip_teardown);
	tcase_add_test(tcase, data_behind_the_structure);
	tcase_add_test(tcase, data_behind_that_is_missing);
	tcase_add_test(tcase, strings);
	tcase_add_test(tcase, string_at_the_argument);
	tcase_add_test(tcase, up_to_what_the_driver_knows);
	tcase_add_test(tcase, counts_are_cut);
	tcase_add_test(tcase, opaque_pointers_stay);
	tcase_add_test(tcase, descriptors_are_the_hosts);
	tcase_add_test(tcase, sum_of_an_array);
	tcase_add_test(tcase, values_by_the_number_beside);
	return tcase;
}

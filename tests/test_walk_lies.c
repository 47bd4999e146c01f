/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nested ioctls: a guest that lies. Each lie is told about every range of a good
 * message; hostd refuses it, or the driver meets the end of memory, and nothing
 * outside of what came with the message is ever read or written.
 */
#include "config.h"

#include <errno.h>
#include <libdrm/drm.h>
#include <linux/videodev2.h>
#include <sound/asound.h>
#include <stdlib.h>
#include <string.h>

#include "proto/layout_rows.h"
#include "walk_cases.h"
#include "walk_trip.h"

/* A good message: extended controls, two with payloads. */
static struct {
	const struct layout *row;
	uint8_t payloads[2][40];
	struct v4l2_ext_control array[3];
	struct v4l2_ext_controls controls;
	struct trip_message message;
	uint8_t bytes[1024]; /* a copy to lie in */
} good;

#define N_RANGES 4 /* controls, array, two payloads */

static void good_make(void)
{
	struct layout_need need;

	ck_assert_int_eq(layout_find(VIDIOC_S_EXT_CTRLS, &need), 0);
	good.row = need.row;
	good.array[0] = (struct v4l2_ext_control){ .id = 1, .size = 40, .ptr = good.payloads[0] };
	good.array[1] = (struct v4l2_ext_control){ .id = 2, .value64 = 1234567890123 };
	good.array[2] = (struct v4l2_ext_control){ .id = 3, .size = 40, .ptr = good.payloads[1] };
	good.controls = (struct v4l2_ext_controls){ .count = 3, .controls = good.array };
	memset(good.payloads, 1, sizeof(good.payloads));
	ck_assert_int_eq(trip_gather(good.row, &good.controls, &good.message), 0);
	ck_assert_uint_eq(good.message.n, N_RANGES);
	ck_assert_uint_le(good.message.size, sizeof(good.bytes));
	memcpy(good.bytes, good.message.bytes, good.message.size);
	good.message.bytes = good.bytes;
}

static void setup(void)
{
	trip_setup();
	good_make();
}

static int declare(void)
{
	return trip_declare(good.row, &good.controls, &good.message);
}

/* A driver that reads and writes all that it is told of, and counts what was there. */
static uint32_t touched;
static void touch(uint64_t at, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++) {
		uint8_t byte;

		if (driver_read(&byte, at + i, 1) < 0)
			return;
		byte ^= 0xff;
		if (driver_write(at + i, &byte, 1) < 0)
			ck_abort_msg("memory that can be read and not written");
		touched++;
	}
}

static int touching_driver(uint64_t argument)
{
	struct v4l2_ext_controls controls;
	struct v4l2_ext_control control;

	if (driver_read(&controls, argument, sizeof(controls)) < 0)
		return -EFAULT;
	for (uint32_t i = 0; i < controls.count && i < 2000; i++) {
		if (driver_read(&control, (uintptr_t)(controls.controls + i), sizeof(control)) < 0)
			return -EFAULT;
		if (control.size)
			touch((uintptr_t)control.ptr, control.size < 100000 ? control.size : 100000);
	}
	return 0;
}

START_TEST(the_truth_is_served)
{
	touched = 0;
	ck_assert_int_eq(declare(), 0);
	ck_assert_int_eq(trip_drive(&good.message, touching_driver), 0);
	ck_assert_uint_eq(touched, 80);
	ck_assert_uint_eq(good.payloads[1][39], 0xfe);
}
END_TEST

START_TEST(addresses_that_miss)
{
	static const int64_t offsets[] = { 1, -1, 4096, -4096, INT64_MIN, 1 << 30 };

	for (uint32_t i = 0; i < N_RANGES; i++)
		for (size_t j = 0; j < sizeof(offsets) / sizeof(offsets[0]); j++) {
			good.message.ranges[i].address += offsets[j];
			ck_assert_int_eq(declare(), -EINVAL);
			good.message.ranges[i].address -= offsets[j];
		}
	good.message.ranges[2].address = good.message.ranges[3].address; /* overlap */
	ck_assert_int_eq(declare(), -EINVAL);
	good.message.ranges[2].address = 0;
	ck_assert_int_eq(declare(), -EINVAL);
	good.message.ranges[2].address = UINT64_MAX - 8; /* wraps */
	ck_assert_int_eq(declare(), -EINVAL);
}
END_TEST

START_TEST(directions_that_lie)
{
	for (uint32_t i = 0; i < N_RANGES; i++)
		for (uint32_t direction = 0; direction < 8; direction++) {
			uint32_t truth = good.message.ranges[i].direction;

			if (direction == truth)
				continue;
			good.message.ranges[i].direction = direction;
			ck_assert_int_eq(declare(), -EINVAL);
			good.message.ranges[i].direction = truth;
		}
}
END_TEST

START_TEST(ranges_that_are_missing_or_too_many)
{
	for (uint32_t n = 0; n < N_RANGES; n++) {
		good.message.n = n;
		ck_assert_int_eq(declare(), -EINVAL);
	}
	good.message.n = N_RANGES + 1;
	good.message.ranges[N_RANGES] = good.message.ranges[N_RANGES - 1];
	ck_assert_int_eq(declare(), -EINVAL);
	for (uint32_t i = 0; i + 1 < N_RANGES; i++) {
		struct proto_range swap;

		good_make();
		swap = good.message.ranges[i];
		good.message.ranges[i] = good.message.ranges[i + 1];
		good.message.ranges[i + 1] = swap;
		ck_assert_int_eq(declare(), -EINVAL);
	}
}
END_TEST

START_TEST(lengths_that_are_too_long)
{
	static const uint32_t more[] = { 1, 8, 4096, UINT32_MAX / 2 };

	for (uint32_t i = 0; i < N_RANGES; i++)
		for (size_t j = 0; j < sizeof(more) / sizeof(more[0]); j++) {
			good.message.ranges[i].length += more[j];
			ck_assert_int_eq(declare(), -EINVAL);
			good.message.ranges[i].length -= more[j];
		}
}
END_TEST

/* A guest may always say that its program has less: the driver meets an end there. */
START_TEST(lengths_that_are_too_short)
{
	for (uint32_t i = 2; i < N_RANGES; i++)
		for (uint32_t length = 0; length < 40; length++) {
			good_make();
			good.message.ranges[i].length = length;
			touched = 0;
			ck_assert_int_eq(declare(), 0);
			trip_drive(&good.message, touching_driver);
			ck_assert_uint_eq(touched, 40 + length);
		}
	/* Of structures with pointers only whole ones count. */
	for (uint32_t length = 0; length < 60; length++) {
		int r;

		good_make();
		good.message.ranges[1].length = length;
		good.message.n = length < 20 ? 2 : length < 60 ? 3 : 4;
		r = declare();
		ck_assert_int_eq(r, length % 20 ? -EINVAL : 0);
		if (r == 0)
			ck_assert_int_eq(trip_drive(&good.message, touching_driver), -EFAULT);
	}
	good_make();
	good.message.n = 1;
	good.message.ranges[0].length = 0;
	ck_assert_int_eq(declare(), 0);
	ck_assert_int_eq(trip_drive(&good.message, touching_driver), -EFAULT);
	good.message.ranges[0].length = sizeof(good.controls) - 1;
	ck_assert_int_eq(declare(), -EINVAL);
}
END_TEST

static void put32(size_t at, uint32_t value)
{
	memcpy(good.bytes + at, &value, sizeof(value));
}

/* Counts in the bytes that do not go with the ranges. */
START_TEST(counts_that_lie)
{
	size_t count = offsetof(struct v4l2_ext_controls, count);
	size_t size = sizeof(good.controls) + offsetof(struct v4l2_ext_control, size);

	for (uint32_t n = 0; n < 2; n++) { /* fewer than the array has */
		put32(count, n);
		ck_assert_int_eq(declare(), -EINVAL);
	}
	put32(count, 4); /* more: the fourth is not there */
	ck_assert_int_eq(declare(), 0);
	ck_assert_int_eq(trip_drive(&good.message, touching_driver), -EFAULT);
	put32(count, 1025); /* more than the driver takes */
	ck_assert_int_eq(declare(), -EINVAL);
	put32(count, UINT32_MAX);
	ck_assert_int_eq(declare(), -EINVAL);
	put32(count, 3);
	put32(size, 39);
	ck_assert_int_eq(declare(), -EINVAL);
	put32(size, 41);
	ck_assert_int_eq(declare(), 0);
	touched = 0;
	trip_drive(&good.message, touching_driver);
	ck_assert_uint_eq(touched, 80);
	put32(size, UINT32_MAX);
	ck_assert_int_eq(declare(), -ENOMEM);
	put32(size, PROTO_MESSAGE_MAX);
	ck_assert_int_eq(declare(), -ENOMEM);
}
END_TEST

/* Every byte of the structures, with every value that matters: served or refused. */
START_TEST(bytes_that_lie)
{
	static const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff };

	for (uint32_t at = 0; at < sizeof(good.controls) + sizeof(good.array); at++)
		for (size_t i = 0; i < sizeof(values); i++) {
			uint8_t truth = good.bytes[at];
			int r;

			good.bytes[at] = values[i];
			r = declare();
			ck_assert(r == 0 || r == -EINVAL || r == -ENOMEM);
			if (r == 0) {
				touched = 0;
				trip_drive(&good.message, touching_driver);
				ck_assert_uint_le(touched, 80);
			}
			good.bytes[at] = truth;
		}
}
END_TEST

/* More ends than there are guards are refused, not served without. */
START_TEST(many_ends)
{
	static struct v4l2_ext_control array[20];
	static uint8_t bytes[4096];
	struct v4l2_ext_controls controls = { .count = 20, .controls = array };
	struct trip_message message;

	for (int i = 0; i < 20; i++)
		array[i] = (struct v4l2_ext_control){ .size = 8, .ptr = good.payloads[0] };
	ck_assert_int_eq(trip_gather(good.row, &controls, &message), 0);
	memcpy(bytes, message.bytes, message.size);
	message.bytes = bytes;
	for (uint32_t i = 2; i < message.n; i++) {
		message.ranges[i].length = 4;
		ck_assert_int_eq(trip_declare(good.row, &controls, &message), i < 6 ? 0 : -EFAULT);
	}
}
END_TEST

TCase *case_lies(void)
{
	TCase *tcase = tcase_create("lies");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, trip_teardown);
	tcase_add_test(tcase, the_truth_is_served);
	tcase_add_test(tcase, addresses_that_miss);
	tcase_add_test(tcase, directions_that_lie);
	tcase_add_test(tcase, ranges_that_are_missing_or_too_many);
	tcase_add_test(tcase, lengths_that_are_too_long);
	tcase_add_test(tcase, lengths_that_are_too_short);
	tcase_add_test(tcase, counts_that_lie);
	tcase_add_test(tcase, bytes_that_lie);
	tcase_add_test(tcase, many_ends);
	return tcase;
}

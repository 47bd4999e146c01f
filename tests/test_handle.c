/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The handle table: quota, numbers that are never the same, descriptors. */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "entries.h"
#include "hostd/handle.h"
#include "proto/proto.h"

#define N_MAX 8

static struct handle_table table;
static int n_descriptors;

static struct handle *add(uint32_t flags)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC | flags);
	struct handle *handle;

	ck_assert_int_ge(fd, 0);
	handle = handle_add(&table, fd, 1, 2, flags);
	if (!handle)
		close(fd);
	return handle;
}

static void setup(void)
{
	n_descriptors = count_entries("/proc/self/fd");
	ck_assert_int_eq(handle_table_init(&table, N_MAX), 0);
}

static void teardown(void)
{
	handle_table_fini(&table);
	handle_table_fini(&table); /* nothing is closed twice */
	ck_assert_int_eq(count_entries("/proc/self/fd"), n_descriptors);
}

START_TEST(keeps_to_the_quota)
{
	struct handle *handles[N_MAX];

	for (int i = 0; i < N_MAX; i++) {
		handles[i] = add(0);
		ck_assert_ptr_nonnull(handles[i]);
	}
	ck_assert_ptr_null(add(0));
	for (int i = 0; i < 3 * N_MAX; i++) {
		struct handle **one = &handles[i * 5 % N_MAX];

		close(handle_remove(&table, *one));
		*one = add(0);
		ck_assert_ptr_nonnull(*one);
		ck_assert_ptr_null(add(0));
	}
	ck_assert_uint_eq(table.n_used, N_MAX);
}
END_TEST

START_TEST(quota_of_none)
{
	struct handle_table none;

	ck_assert_int_eq(handle_table_init(&none, 0), 0);
	ck_assert_ptr_null(handle_add(&none, -1, 1, 2, 0));
	ck_assert_ptr_null(handle_find(&none, 0));
	ck_assert_ptr_null(handle_find(&none, UINT64_C(1) << 16));
	handle_table_fini(&none);
}
END_TEST

START_TEST(finds_only_what_is_open)
{
	struct handle *handle = add(0);
	uint64_t id = handle->id;

	ck_assert_ptr_eq(handle_find(&table, id), handle);
	handle->released = true;
	ck_assert_ptr_null(handle_find(&table, id));
	ck_assert_ptr_eq(handle_find_any(&table, id), handle);
	close(handle_remove(&table, handle));
	ck_assert_ptr_null(handle_find_any(&table, id));
	ck_assert_ptr_null(handle_find(&table, 0)); /* the mark of a free place */
}
END_TEST

/* A number is not given out again, although its place is. */
START_TEST(numbers_are_fresh)
{
	uint64_t old[64];

	for (int i = 0; i < 64; i++) {
		struct handle *handle = add(0);

		old[i] = handle->id;
		ck_assert_uint_ne(handle->id, 0);
		ck_assert_uint_lt(handle->id, UINT64_C(1) << 48); /* readiness.c counts on it */
		for (int j = 0; j < i; j++) {
			ck_assert_uint_ne(old[j], handle->id);
			ck_assert_ptr_null(handle_find_any(&table, old[j]));
		}
		close(handle_remove(&table, handle));
	}
}
END_TEST

START_TEST(generations_wrap)
{
	struct handle *handle;

	table.generation = UINT32_MAX - 1;
	for (int i = 0; i < 3; i++) {
		handle = add(0);
		ck_assert_uint_ne(handle->id >> 16, 0);
		ck_assert_ptr_eq(handle_find(&table, handle->id), handle);
	}
}
END_TEST

START_TEST(made_up_numbers_find_nothing)
{
	struct handle *handle = add(0);
	uint64_t id = handle->id;

	for (int bit = 0; bit < 64; bit++)
		ck_assert_ptr_null(handle_find_any(&table, id ^ UINT64_C(1) << bit));
	for (uint64_t index = 0; index <= UINT16_MAX; index++)
		ck_assert_ptr_null(handle_find_any(&table, index));
	ck_assert_ptr_null(handle_find_any(&table, UINT64_MAX));
}
END_TEST

/* A quota of more than the numbers can tell apart is cut. */
START_TEST(huge_quota)
{
	struct handle_table huge;

	ck_assert_int_eq(handle_table_init(&huge, UINT32_MAX), 0);
	ck_assert_uint_lt(huge.n_max, 1u << 16);
	handle_table_fini(&huge);
}
END_TEST

START_TEST(closes_what_is_left)
{
	for (int i = 0; i < N_MAX / 2; i++)
		ck_assert_ptr_nonnull(add(0));
	ck_assert_int_eq(count_entries("/proc/self/fd"), n_descriptors + N_MAX / 2);
}
END_TEST

START_TEST(follows_nonblock)
{
	struct handle *handle = add(0);

	ck_assert(!(fcntl(handle->fd, F_GETFL) & O_NONBLOCK));
	handle_follow_flags(handle, O_RDWR | O_NONBLOCK);
	ck_assert(fcntl(handle->fd, F_GETFL) & O_NONBLOCK);
	handle_follow_flags(handle, O_APPEND | O_ASYNC); /* nothing but O_NONBLOCK follows */
	ck_assert_int_eq(fcntl(handle->fd, F_GETFL) & (O_NONBLOCK | O_APPEND | O_ASYNC), 0);
	handle = add(O_NONBLOCK);
	handle_follow_flags(handle, 0);
	ck_assert(!(fcntl(handle->fd, F_GETFL) & O_NONBLOCK));
}
END_TEST

/* Of two samples, the one that began later counts, in whatever order they end. */
START_TEST(later_samples_win)
{
	struct handle *handle = add(0);
	uint32_t first, second, mask;

	handle->events = POLLIN | POLLOUT;
	mask = handle_sample_take(handle, &first);
	ck_assert_uint_eq(mask, POLLIN | POLLOUT);
	handle_sample_take(handle, &second);
	handle_sample_publish(handle, second, POLLOUT);
	handle_sample_publish(handle, first, POLLIN);
	ck_assert_uint_eq(handle->ready, POLLOUT);
	/* The count may wrap. */
	handle->published_serial = UINT32_MAX;
	handle->sample_serial = UINT32_MAX;
	handle_sample_take(handle, &first);
	handle_sample_publish(handle, first, POLLIN);
	ck_assert_uint_eq(handle->ready, POLLIN);
}
END_TEST

/* What began before the watch ended is no news; until then nothing is told. */
START_TEST(unwatched_until_asked)
{
	struct handle *handle = add(0);
	uint32_t serial, mask;

	ck_assert(!handle_tells(handle));
	handle->events = POLLIN;
	ck_assert(handle_tells(handle));
	mask = handle_sample_take(handle, &serial);
	handle_unwatch(handle);
	ck_assert_uint_eq(handle->events, 0);
	handle_sample_publish(handle, serial, mask);
	ck_assert_uint_eq(handle->ready, PROTO_READY_ASK);
	ck_assert(handle_tells(handle) && !handle->told);
	handle->events = POLLIN;
	mask = handle_sample_take(handle, &serial);
	handle_sample_publish(handle, serial, mask);
	ck_assert_uint_eq(handle->ready, POLLIN);
}
END_TEST

START_TEST(notes_plain_commands)
{
	struct handle *handle = handle_add(&table, open("/dev/null", O_RDONLY), 0, 0, 0);

	ck_assert(!handle_plain_has(handle, 0));
	for (uint32_t i = 0; i < 2 * HANDLE_PLAIN_MAX; i++) {
		handle_plain_add(handle, i);
		ck_assert(handle_plain_has(handle, i));
	}
	ck_assert(!handle_plain_has(handle, HANDLE_PLAIN_MAX - 1));
	ck_assert(handle_plain_has(handle, HANDLE_PLAIN_MAX));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hostd/handle");
	TCase *tcase = tcase_create("handle");
	SRunner *runner;
	int n_failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, keeps_to_the_quota);
	tcase_add_test(tcase, quota_of_none);
	tcase_add_test(tcase, finds_only_what_is_open);
	tcase_add_test(tcase, numbers_are_fresh);
	tcase_add_test(tcase, generations_wrap);
	tcase_add_test(tcase, made_up_numbers_find_nothing);
	tcase_add_test(tcase, huge_quota);
	tcase_add_test(tcase, closes_what_is_left);
	tcase_add_test(tcase, follows_nonblock);
	tcase_add_test(tcase, later_samples_win);
	tcase_add_test(tcase, unwatched_until_asked);
	tcase_add_test(tcase, notes_plain_commands);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

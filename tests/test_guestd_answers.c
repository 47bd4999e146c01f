// SPDX-License-Identifier: GPL-2.0-or-later
/* Answers that do not fit their requests; see test_guestd_hostile.c. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guestd_rig.h"

static void expect_failed(struct program *program)
{
	program_join(program);
	ck_assert_int_eq(program->result, -1);
	ck_assert_int_eq(program->error, EIO);
	close(program->fd);
}

START_TEST(answer_of_another_kind)
{
	struct proto_write_answer answer = { .result = 1 };
	struct program program;
	uint64_t tag;

	host_ready();
	program_open(&program, HANDLE);
	tag = program_ask(&program, program_reads, PROTO_READ);
	raw_send(&host, PROTO_WRITE_ANSWER, tag, &answer, sizeof(answer), NULL, 0);
	expect_violation("WRITE_ANSWER: it answers no request");
	expect_failed(&program);
}
END_TEST

START_TEST(answered_twice)
{
	struct proto_read_answer answer = { .result = 1, .ready = PROTO_READY_UNKNOWN };
	struct program program;
	uint64_t tag;

	host_ready();
	program_open(&program, HANDLE);
	tag = program_ask(&program, program_reads, PROTO_READ);
	raw_send(&host, PROTO_READ_ANSWER, tag, &answer, sizeof(answer), "x", 1);
	raw_send(&host, PROTO_READ_ANSWER, tag, &answer, sizeof(answer), "x", 1);
	expect_violation("READ_ANSWER: it answers no request");
	program_join(&program);
	ck_assert_int_eq(program.result, 1);
	close(program.fd);
}
END_TEST

START_TEST(more_read_than_asked_for)
{
	struct proto_read_answer answer = { .result = 17, .ready = PROTO_READY_UNKNOWN };
	struct program program;
	uint64_t tag;

	host_ready();
	program_open(&program, HANDLE);
	tag = program_ask(&program, program_reads, PROTO_READ);
	raw_send(&host, PROTO_READ_ANSWER, tag, &answer, sizeof(answer), "12345678901234567", 17);
	expect_violation("READ_ANSWER: result is more than was asked for");
	expect_failed(&program);
}
END_TEST

START_TEST(more_read_than_asked_for_in_bulk)
{
	struct proto_read_answer answer = { .result = 40001, .ready = PROTO_READY_UNKNOWN };
	struct program program;
	uint64_t tag;

	host_ready();
	program_open(&program, HANDLE);
	program.n = 40000;
	tag = program_ask(&program, program_reads, PROTO_READ);
	raw_send(&host, PROTO_READ_ANSWER, tag, &answer, sizeof(answer), NULL, 0);
	expect_violation("READ_ANSWER: result is more than was asked for");
	expect_failed(&program);
}
END_TEST

START_TEST(read_without_its_data)
{
	struct proto_read_answer answer = { .result = 16, .ready = PROTO_READY_UNKNOWN };
	struct program program;
	uint64_t tag;

	host_ready();
	program_open(&program, HANDLE);
	tag = program_ask(&program, program_reads, PROTO_READ);
	raw_send(&host, PROTO_READ_ANSWER, tag, &answer, sizeof(answer), NULL, 0);
	expect_violation("READ_ANSWER: the data is missing");
	expect_failed(&program);
}
END_TEST

START_TEST(more_written_than_asked_for)
{
	struct proto_write_answer answer = { .result = 17, .ready = PROTO_READY_UNKNOWN };
	struct program program;
	uint64_t tag;

	host_ready();
	program_open(&program, HANDLE);
	tag = program_ask(&program, program_writes, PROTO_WRITE);
	raw_send(&host, PROTO_WRITE_ANSWER, tag, &answer, sizeof(answer), NULL, 0);
	expect_violation("WRITE_ANSWER: result is more than was written");
	expect_failed(&program);
}
END_TEST

/* It must never write where the program offered nothing. */
START_TEST(ioctl_writes_other_memory)
{
	static struct winsize secret = { .ws_row = 1 };
	struct proto_ioctl_answer answer = { .ready = PROTO_READY_UNKNOWN, .n_ranges = 1 };
	uint8_t payload[sizeof(struct proto_range) + 64] = { 0 };
	struct proto_range range = { .direction = PROTO_RANGE_OUT };
	struct program program;
	uint64_t tag;

	host_ready();
	program_open(&program, HANDLE);
	tag = program_ask(&program, program_ioctls, PROTO_IOCTL);
	range.address = (uintptr_t)&program.size;
	range.length = sizeof(program.size);
	if (_i == 0)
		range.address = (uintptr_t)&secret;
	else if (_i == 1)
		range.address -= 1;
	else if (_i == 2)
		range.length += 1;
	else
		range.direction |= PROTO_RANGE_IN;
	memcpy(payload, &range, sizeof(range));
	raw_send(&host, PROTO_IOCTL_ANSWER, tag, &answer, sizeof(answer), payload,
		 sizeof(range) + range.length);
	expect_violation("IOCTL_ANSWER: it writes memory that the program did not offer");
	expect_failed(&program);
	ck_assert_uint_eq(secret.ws_row, 1);
}
END_TEST

START_TEST(ioctl_writes_its_memory)
{
	struct proto_ioctl_answer answer = { .ready = PROTO_READY_UNKNOWN };
	struct winsize *size;
	struct program program;
	uint64_t tag;


	struct {
		struct proto_range range;
		struct winsize size;
	} payload = { .range = { .length = sizeof(*size), .direction = PROTO_RANGE_OUT },
		      .size = { .ws_row = 11, .ws_col = 22 } };

	host_ready();
	program_open(&program, HANDLE);
	tag = program_ask(&program, program_ioctls, PROTO_IOCTL);
	answer.n_ranges = 1;
	payload.range.address = (uintptr_t)&program.size;
	raw_send(&host, PROTO_IOCTL_ANSWER, tag, &answer, sizeof(answer), &payload, sizeof(payload));
	program_join(&program);
	ck_assert_int_eq(program.result, 0);
	ck_assert_uint_eq(program.size.ws_row, 11);
	ck_assert_uint_eq(program.size.ws_col, 22);
	close(program.fd);
	raw_fini(&host);
}
END_TEST

START_TEST(handle_given_twice)
{
	struct proto_open_answer answer = { .handle = HANDLE };
	struct program first, second = { .fd = -1 };

	host_ready();
	program_open(&first, HANDLE);
	program_start(&second, program_does_open);
	raw_expect(&host, PROTO_OPEN);
	raw_send(&host, PROTO_OPEN_ANSWER, host.message.header.tag, &answer, sizeof(answer), NULL, 0);
	expect_violation("OPEN_ANSWER: handle is open already");
	program_join(&second);
	ck_assert_int_lt(second.fd, 0);
	ck_assert_int_eq(second.error, EIO);
	close(first.fd);
}
END_TEST

START_TEST(open_with_a_positive_result)
{
	struct proto_open_answer answer = { .result = 5, .handle = HANDLE };
	struct program program = { .fd = -1 };

	host_ready();
	program_start(&program, program_does_open);
	raw_expect(&host, PROTO_OPEN);
	raw_send(&host, PROTO_OPEN_ANSWER, host.message.header.tag, &answer, sizeof(answer), NULL, 0);
	expect_violation("OPEN_ANSWER");
	program_join(&program);
	ck_assert_int_eq(program.error, EIO);
}
END_TEST

START_TEST(host_that_never_answers_and_dies)
{
	struct program program;

	host_ready();
	program_open(&program, HANDLE);
	program_ask(&program, program_reads, PROTO_READ);
	raw_fini(&host);
	expect_failed(&program);
}
END_TEST

static void program_polls(struct program *program)
{
	struct pollfd pollfd = { .fd = program->fd, .events = POLLIN };

	program->result = poll(&pollfd, 1, RAW_HANG_MS);
	program->error = pollfd.revents;
}

static void poll_answer(uint64_t tag, uint32_t mask)
{
	struct proto_poll_answer answer = { .ready = mask };

	raw_send(&host, PROTO_POLL_ANSWER, tag, &answer, sizeof(answer), NULL, 0);
}

/* A program that waits is woken, and asks again. */
START_TEST(poll_after_the_watch_has_ended)
{
	struct proto_ready ready = { .handle = HANDLE, .ready = PROTO_READY_ASK };
	struct program program;

	host_ready();
	program_open(&program, HANDLE);
	poll_answer(program_ask(&program, program_polls, PROTO_POLL), 0);
	/* Also where the end is told by the answer itself. */
	for (int i = 0; i < 2; i++) {
		raw_send(&host, PROTO_READY, 0, &ready, sizeof(ready), NULL, 0);
		raw_expect(&host, PROTO_POLL);
		poll_answer(host.message.header.tag, i ? PROTO_READY_ASK : 0);
	}
	raw_expect(&host, PROTO_POLL);
	poll_answer(host.message.header.tag, POLLIN);
	program_join(&program);
	ck_assert_int_eq(program.result, 1);
	ck_assert_int_eq(program.error, POLLIN);
	close(program.fd);
	raw_fini(&host);
}
END_TEST

TCase *case_answers(void)
{
	TCase *tcase = tcase_create("answers");

	tcase_add_unchecked_fixture(tcase, rig_setup, rig_teardown);
	tcase_add_checked_fixture(tcase, rig_before, rig_after);
	tcase_add_test(tcase, answer_of_another_kind);
	tcase_add_test(tcase, poll_after_the_watch_has_ended);
	tcase_add_test(tcase, answered_twice);
	tcase_add_test(tcase, more_read_than_asked_for);
	tcase_add_test(tcase, more_read_than_asked_for_in_bulk);
	tcase_add_test(tcase, read_without_its_data);
	tcase_add_test(tcase, more_written_than_asked_for);
	tcase_add_loop_test(tcase, ioctl_writes_other_memory, 0, 4);
	tcase_add_test(tcase, ioctl_writes_its_memory);
	tcase_add_test(tcase, handle_given_twice);
	tcase_add_test(tcase, open_with_a_positive_result);
	tcase_add_test(tcase, host_that_never_answers_and_dies);
	return tcase;
}

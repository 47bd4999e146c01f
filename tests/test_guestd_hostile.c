// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A host that breaks the rules, against a real guestd with a FUSE mount: guestd
 * says which field was wrong, drops the connection, goes on, and connects again.
 */
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

/* ---- before anything works ---- */

START_TEST(other_version)
{
	struct proto_hello hello = { .magic = PROTO_MAGIC, .version_min = 7, .version_max = 9,
				     .max_message = PROTO_MESSAGE_MAX, .max_in_flight = 100 };

	host_accept();
	raw_send(&host, PROTO_HELLO, 0, &hello, sizeof(hello), NULL, 0);
	expect_violation("versions 7 to 9, this side 1 to 1");
}
END_TEST

START_TEST(no_hello)
{
	host_accept();
	host_device(1, 1, "dev", 3);
	expect_violation("DEVICE_ADD came before HELLO");
}
END_TEST

START_TEST(hello_twice)
{
	host_accept();
	raw_hello(&host);
	raw_hello(&host);
	expect_violation("HELLO came twice");
}
END_TEST

START_TEST(listens_and_says_nothing)
{
	host_accept();
	raw_fini(&host);
}
END_TEST

/* ---- announcements ---- */

static const struct {
	const char *name;
	size_t length;
} names[] = {
	{ "../x", 4 },	{ "/etc/x", 6 }, { "a//b", 4 },	  { "a/../b", 6 }, { "", 0 },	{ ".", 1 },
	{ "a/", 2 },	{ "a b", 3 },	 { "a\nb", 3 },	  { "a\0b", 3 },   { "a%b", 3 }, { "\xc3\xa4", 2 },
};

START_TEST(name_that_is_none)
{
	host_accept();
	raw_hello(&host);
	host_device(1, 1, names[_i].name, names[_i].length);
	expect_violation("DEVICE_ADD: name");
}
END_TEST

START_TEST(name_too_long)
{
	char name[PROTO_NAME_MAX + 1];

	memset(name, 'x', sizeof(name));
	host_accept();
	raw_hello(&host);
	host_device(1, 1, name, sizeof(name));
	expect_violation("DEVICE_ADD: name");
}
END_TEST

START_TEST(device_number_twice)
{
	host_ready();
	host_device(1, 2, "other", 5);
	expect_violation("DEVICE_ADD: device 1");
}
END_TEST

START_TEST(device_number_zero)
{
	host_ready();
	host_device(0, 2, "other", 5);
	expect_violation("DEVICE_ADD: device 0");
}
END_TEST

/* Of two devices with one name the later one is served; nothing breaks. */
START_TEST(device_name_twice)
{
	struct program program;

	host_ready();
	for (uint32_t i = 2; i < 20; i++)
		host_device(i, i, "dev", 3);
	host_devices_end();
	/* All of it is served before the open comes. */
	raw_rest_ms(200);
	program_open(&program, HANDLE);
	close(program.fd);
	raw_expect(&host, PROTO_RELEASE);
	raw_fini(&host);
}
END_TEST

/* A name below another device's name. */
START_TEST(device_below_a_device)
{
	struct program program;

	host_ready();
	host_device(2, 2, "dev/below", 9);
	host_devices_end();
	program_open(&program, HANDLE);
	close(program.fd);
	raw_fini(&host);
}
END_TEST

START_TEST(removal_of_what_is_not_there)
{
	struct proto_device_remove remove = { .device = 77 };
	struct program program;

	host_ready();
	raw_send(&host, PROTO_DEVICE_REMOVE, 0, &remove, sizeof(remove), NULL, 0);
	remove.device = 0;
	raw_send(&host, PROTO_DEVICE_REMOVE, 0, &remove, sizeof(remove), NULL, 0);
	program_open(&program, HANDLE);
	close(program.fd);
	raw_fini(&host);
}
END_TEST

/* ---- the form of messages ---- */

static const struct {
	uint16_t opcode;
	uint64_t tag;
	uint8_t bytes[64];
	size_t size;
	const char *text;
} malformed[] = {
	{ 0x7777, 0, { 0 }, 0, "opcode 0x7777 is unknown" },
	{ PROTO_OPEN, 1, { 0 }, 8, "OPEN is not for the host" },
	{ PROTO_READY, 5, { 0 }, 16, "READY: header.tag" },
	{ PROTO_READY, 0, { [12] = 1 }, 16, "READY: pad is 0x1" },
	{ PROTO_READ_ANSWER, 1, { 9 }, 17, "READ_ANSWER: result 9, but 1 bytes" },
	{ PROTO_READ_ANSWER, 1, { 0x18, 0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, [8] = 0 }, 15,
	  "READ_ANSWER: header.length" },
	{ PROTO_OPEN_ANSWER, 1, { 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, 16, "OPEN_ANSWER: result" },
	{ PROTO_IOCTL_ANSWER, 1, { [12] = 9 }, 16, "IOCTL_ANSWER: n_ranges 9" },
	/* Answers to requests that nobody made. */
	{ PROTO_READ_ANSWER, 1, { 0 }, 16, "READ_ANSWER: it answers no request" },
	{ PROTO_OPEN_ANSWER, 0xff00, { 0 }, 16, "OPEN_ANSWER: it answers no request" },
	{ PROTO_IOCTL_ANSWER, UINT64_MAX, { 0 }, 16, "IOCTL_ANSWER: it answers no request" },
};

START_TEST(malformed_message)
{
	host_ready();
	raw_send(&host, malformed[_i].opcode, malformed[_i].tag, malformed[_i].bytes, malformed[_i].size,
		 NULL, 0);
	expect_violation(malformed[_i].text);
}
END_TEST

START_TEST(truncated_message)
{
	struct proto_ready ready = { .handle = HANDLE };
	uint8_t bytes[64];
	size_t size = raw_make(bytes, PROTO_READY, 0, &ready, sizeof(ready), NULL, 0);

	for (size_t cut = 1; cut < size; cut += 5) {
		host_ready();
		raw_put(&host, bytes, cut);
		expect_violation("truncated");
	}
}
END_TEST

START_TEST(producer_index_off)
{
	host_ready();
	raw_publish(&host, host.channel->transport->send.index + 0x80000000);
	expect_violation("producer index is off");
}
END_TEST

START_TEST(readiness_of_an_unknown_handle)
{
	struct proto_ready ready = { .handle = 0xdead, .ready = POLLIN };
	struct program program;

	host_ready();
	program_open(&program, HANDLE);
	for (int i = 0; i < 20; i++)
		raw_send(&host, PROTO_READY, 0, &ready, sizeof(ready), NULL, 0);
	close(program.fd);
	raw_expect(&host, PROTO_RELEASE);
	raw_fini(&host);
}
END_TEST

/* ---- answers that do not fit ---- */

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

#define N_OF(array) ((int)(sizeof(array) / sizeof((array)[0])))

static TCase *case_hostile(void)
{
	TCase *tcase = tcase_create("hostile");

	tcase_add_unchecked_fixture(tcase, rig_setup, rig_teardown);
	tcase_add_checked_fixture(tcase, rig_before, rig_after);
	tcase_add_test(tcase, other_version);
	tcase_add_test(tcase, no_hello);
	tcase_add_test(tcase, hello_twice);
	tcase_add_test(tcase, listens_and_says_nothing);
	tcase_add_loop_test(tcase, name_that_is_none, 0, N_OF(names));
	tcase_add_test(tcase, name_too_long);
	tcase_add_test(tcase, device_number_twice);
	tcase_add_test(tcase, device_number_zero);
	tcase_add_test(tcase, device_name_twice);
	tcase_add_test(tcase, device_below_a_device);
	tcase_add_test(tcase, removal_of_what_is_not_there);
	tcase_add_loop_test(tcase, malformed_message, 0, N_OF(malformed));
	tcase_add_test(tcase, truncated_message);
	tcase_add_test(tcase, producer_index_off);
	tcase_add_test(tcase, readiness_of_an_unknown_handle);
	tcase_add_test(tcase, answer_of_another_kind);
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

static bool fuse_allowed(void)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int main(void)
{
	Suite *suite;
	SRunner *runner;
	int n_failed, n_run;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!fuse_allowed()) {
		printf("SKIP: guestd_hostile: /dev/fuse is missing or not allowed\n");
		return 77;
	}
	suite = suite_create("guestd_hostile");
	suite_add_tcase(suite, case_hostile());
	runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	n_run = srunner_ntests_run(runner);
	srunner_free(runner);
	printf("%d passed, %d failed, 0 skipped\n", n_run - n_failed, n_failed);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

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
	{ "a/", 2 },	{ "a b", 3 },	 { "a\nb", 3 },	  { "a%b", 3 }, { "\xc3\xa4", 2 },
};

START_TEST(name_that_is_none)
{
	host_accept();
	raw_hello(&host);
	host_device(1, 1, names[_i].name, names[_i].length);
	expect_violation("DEVICE_ADD: name");
}
END_TEST

#define PAYLOAD(text) text, sizeof(text) - 1

/* What follows a name and its NUL ends up in a file that udev reads. */
static const struct {
	const char *name;
	size_t length;
} properties[] = {
	{ PAYLOAD("a\0b") }, { PAYLOAD("a\0ID_A=1") }, { PAYLOAD("a\0\n") }, { PAYLOAD("a\0ID_A=1\n\n") }, { PAYLOAD("a\0=1\n") },
	{ PAYLOAD("a\0id=1\n") }, { PAYLOAD("a\0ID_A=1\0\n") }, { PAYLOAD("a\0ID_A=\"1\n") }, { PAYLOAD("a\0ID_A= 1\n") },
	{ PAYLOAD("a\0ID_A=1\r\n") },
};

START_TEST(properties_that_are_none)
{
	host_accept();
	raw_hello(&host);
	host_device(1, 1, properties[_i].name, properties[_i].length);
	expect_violation("DEVICE_ADD: properties");
}
END_TEST

START_TEST(properties_too_long)
{
	char name[2 + PROTO_PROPERTIES_MAX + 1] = "a\0ID_A=";

	memset(name + 7, 'x', sizeof(name) - 7);
	name[sizeof(name) - 1] = '\n';
	host_accept();
	raw_hello(&host);
	host_device(1, 1, name, sizeof(name));
	expect_violation("DEVICE_ADD: properties");
}
END_TEST

/* The node has the group, or root's where nobody knows it; a group that has changed makes it
 * another node. */
static const struct {
	const char *name;
	size_t length;
	gid_t gid;
} odd[] = {
	{ PAYLOAD("dev\0GROUP=no such group\nGROUP=operator\n"), 0 },
	{ PAYLOAD("dev\0ID_EMPTY=\nGROUP=operator\nLINKS=../../x\n"), 37 },
	{ PAYLOAD("dev\0GROUP=\n"), 0 },
	{ PAYLOAD("dev\0"), 0 },
};

START_TEST(properties_that_are_odd)
{
	struct program program;
	struct stat st;

	host_accept();
	raw_hello(&host);
	raw_expect(&host, PROTO_HELLO);
	host_device(1, 1, odd[_i].name, odd[_i].length);
	host_devices_end();
	raw_rest_ms(200);
	program_open(&program, HANDLE);
	ck_assert_int_eq(fstat(program.fd, &st), 0);
	ck_assert_uint_eq(st.st_gid, odd[_i].gid);
	close(program.fd);
	raw_expect(&host, PROTO_RELEASE);
	raw_fini(&host);
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
	tcase_add_loop_test(tcase, properties_that_are_none, 0, N_OF(properties));
	tcase_add_test(tcase, properties_too_long);
	tcase_add_loop_test(tcase, properties_that_are_odd, 0, N_OF(odd));
	tcase_add_test(tcase, device_number_twice);
	tcase_add_test(tcase, device_number_zero);
	tcase_add_test(tcase, device_name_twice);
	tcase_add_test(tcase, device_below_a_device);
	tcase_add_test(tcase, removal_of_what_is_not_there);
	tcase_add_loop_test(tcase, malformed_message, 0, N_OF(malformed));
	tcase_add_test(tcase, truncated_message);
	tcase_add_test(tcase, producer_index_off);
	tcase_add_test(tcase, readiness_of_an_unknown_handle);
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
	suite_add_tcase(suite, case_answers());
	suite_add_tcase(suite, case_on_demand());
	runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	n_run = srunner_ntests_run(runner);
	srunner_free(runner);
	printf("%d passed, %d failed, 0 skipped\n", n_run - n_failed, n_failed);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

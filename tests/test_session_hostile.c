// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest that breaks the rules, against a real hostd: its connection is closed
 * with a message that names it and the field, and nobody else notices.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "session_rig.h"

/* ---- HELLO ---- */

static const struct {
	struct proto_hello hello;
	const char *text;
} hellos[] = {
	{ { .magic = 1, .version_min = 1, .version_max = 1, .max_message = 8192, .max_in_flight = 1 },
	  "magic" },
	/* Both sides' versions. */
	{ { .magic = PROTO_MAGIC, .version_min = 7, .version_max = 9, .max_message = 8192, .max_in_flight = 1 },
	  "versions 7 to 9, this side 1 to 1" },
	{ { .magic = PROTO_MAGIC, .version_min = 0, .version_max = 0, .max_message = 8192, .max_in_flight = 1 },
	  "versions 0 to 0, this side 1 to 1" },
	{ { .magic = PROTO_MAGIC, .version_min = 2, .version_max = 1, .max_message = 8192, .max_in_flight = 1 },
	  "versions 2 to 1" },
	{ { .magic = PROTO_MAGIC, .version_min = 1, .version_max = 1, .pad = 1, .max_message = 8192,
	    .max_in_flight = 1 },
	  "pad is 0x1" },
	{ { .magic = PROTO_MAGIC, .version_min = 1, .version_max = 1, .max_message = 100, .max_in_flight = 1 },
	  "max_message" },
	{ { .magic = PROTO_MAGIC, .version_min = 1, .version_max = 1, .max_message = 8192 },
	  "max_in_flight" },
};

START_TEST(wrong_hello)
{
	static struct raw evil;

	rig_evil_raw(&evil);
	raw_send(&evil, PROTO_HELLO, 0, &hellos[_i].hello, sizeof(hellos[_i].hello), NULL, 0);
	rig_expect_violation(&evil, hellos[_i].text);
}
END_TEST

static size_t tty_payload(uint64_t capabilities, char *payload, size_t size)
{
	struct proto_hello hello = { .magic = PROTO_MAGIC, .version_min = 1, .version_max = 1,
				     .capabilities = capabilities, .max_message = PROTO_MESSAGE_MAX,
				     .max_in_flight = 5 };
	static struct raw evil;
	size_t length = 0;

	rig_evil_raw(&evil);
	raw_send(&evil, PROTO_HELLO, 0, &hello, sizeof(hello), NULL, 0);
	do {
		ck_assert(raw_receive(&evil));
		if (evil.message.header.opcode != PROTO_DEVICE_ADD ||
		    strncmp((const char *)evil.message.payload, "tty", 3) != 0)
			continue;
		length = evil.message.payload_length;
		ck_assert_uint_le(length, size);
		memcpy(payload, evil.message.payload, length);
	} while (evil.message.header.opcode != PROTO_DEVICE_END);
	raw_fini(&evil);
	return length;
}

/* Who does not know properties is not told any. */
START_TEST(properties_as_agreed)
{
	char payload[PROTO_NAME_MAX + PROTO_PROPERTIES_MAX + 1];

	ck_assert_uint_eq(tty_payload(0, payload, sizeof(payload)), 3);
	ck_assert_uint_eq(tty_payload(PROTO_CAP_ALL, payload, sizeof(payload)), 3 + 1 + strlen("GROUP=operator\n"));
	ck_assert_mem_eq(payload, "tty\0GROUP=operator\n", 3 + 1 + strlen("GROUP=operator\n"));
}
END_TEST

/* One of the version after this one, which also speaks ours, is welcome. */
START_TEST(newer_peer_is_served)
{
	struct proto_hello hello = { .magic = PROTO_MAGIC, .version_min = 1, .version_max = 40,
				     .capabilities = UINT64_MAX, .max_message = PROTO_MESSAGE_MAX,
				     .max_in_flight = 5000 };
	static struct raw evil;
	int64_t handle;

	rig_evil_raw(&evil);
	raw_send(&evil, PROTO_HELLO, 0, &hello, sizeof(hello), NULL, 0);
	raw_expect(&evil, PROTO_DEVICE_END);
	handle = rig_open(&evil, "zero", O_RDWR);
	ck_assert_int_gt(handle, 0);
	ck_assert_int_eq(rig_read(&evil, handle, 10), 10);
	raw_fini(&evil);
}
END_TEST

START_TEST(hello_twice)
{
	static struct raw evil;

	rig_evil(&evil);
	raw_hello(&evil);
	rig_expect_violation(&evil, "HELLO came twice");
}
END_TEST

START_TEST(no_hello)
{
	struct proto_open body = { .device = 1 };
	static struct raw evil;

	rig_evil_raw(&evil);
	raw_send(&evil, PROTO_OPEN, 1, &body, sizeof(body), NULL, 0);
	rig_expect_violation(&evil, "OPEN came before HELLO");
}
END_TEST

/* ---- messages that are none ---- */

static const struct {
	uint16_t opcode;
	uint64_t tag;
	uint8_t bytes[80];
	size_t size; /* of body and payload */
	const char *text;
} malformed[] = {
	{ 0x7777, 0, { 0 }, 0, "opcode 0x7777 is unknown" },
	{ 0, 0, { 0 }, 0, "opcode 0x0 is unknown" },
	{ PROTO_DEVICE_ADD, 0, { 1 }, 25, "DEVICE_ADD is not for the guest" },
	{ PROTO_READ_ANSWER, 1, { 0 }, 16, "READ_ANSWER is not for the guest" },
	{ PROTO_READY, 0, { 0 }, 16, "READY is not for the guest" },
	{ PROTO_OPEN, 1, { 1 }, 24, "OPEN: header.length 40, but it has no payload" },
	{ PROTO_OPEN, 1, { 1 }, 4, "OPEN: header.length 20 is less than" },
	{ PROTO_INTERRUPT, 9, { 0 }, 8, "INTERRUPT: header.tag" },
	/* `at`, after handle, size, flags and bulk; and a position without it. */
	{ PROTO_READ, 1, { [16] = 0xff, 0xff, 0xff, 0xff, [20] = 2 }, 32, "READ: at 2, position 0" },
	{ PROTO_READ, 1, { [16] = 0xff, 0xff, 0xff, 0xff, [24] = 7 }, 32, "READ: at 0, position 7" },
	{ PROTO_WRITE, 1, { [16] = 0xff, 0xff, 0xff, 0xff, [20] = 2 }, 32, "WRITE: at 2, position 0" },
	/* POLL's pad. */
	{ PROTO_POLL, 1, { [12] = 1 }, 16, "POLL: pad is 0x1" },
	/* WRITE says 5 bytes, bulk none, but brings 3. */
	{ PROTO_WRITE, 1, { [8] = 5, [16] = 0xff, 0xff, 0xff, 0xff }, 35, "WRITE: size 5, but 3" },
	/* WRITE with a bulk slot and bytes besides. */
	{ PROTO_WRITE, 1, { [8] = 5 }, 37, "WRITE: size 5, but 5" },
	/* IOCTL: n_ranges is at 32. */
	{ PROTO_IOCTL, 1, { [32] = 1, [33] = 1 }, 40, "IOCTL: n_ranges 257 is over 256" },
	{ PROTO_IOCTL, 1, { [32] = 1 }, 40, "IOCTL: n_ranges 1 does not fit" },
	{ PROTO_IOCTL, 1, { [32] = 1, [52] = 0 }, 56, "IOCTL: range 0: direction is 0x0" },
	{ PROTO_IOCTL, 1, { [32] = 1, [52] = 16 }, 56, "IOCTL: range 0: direction is 0x10" },
	{ PROTO_IOCTL, 1, { [32] = 1, [52] = 8 }, 56, "IOCTL: range 0: pages of 0 bytes" },
	{ PROTO_IOCTL, 1, { [32] = 1, [48] = 9, [52] = 8 }, 56, "IOCTL: range 0: pages of 9 bytes" },
	{ PROTO_IOCTL, 1, { [32] = 2, [48] = 8, [52] = 8, [68] = 3 }, 80, "IOCTL: range 1: memory after" },
	{ PROTO_DIRECT, 1, { 0 }, 48, "DIRECT: size 0" },
	{ PROTO_DIRECT, 1, { [16] = 1, [21] = 16 }, 48, "DIRECT: size 1 from 4096 on" },
	{ PROTO_DIRECT, 1, { [16] = 1, [28] = 2 }, 48, "write 2" },
	{ PROTO_DIRECT, 1, { [16] = 1, [32] = 1 }, 48, "n_refs 1 with 0 bytes" },
	{ PROTO_DIRECT, 1, { [16] = 1, [36] = 2 }, 48, "DIRECT: at 2, position 0" },
	{ PROTO_DIRECT, 1, { [16] = 1, [40] = 1 }, 48, "DIRECT: at 0, position 1" },
	{ PROTO_IOCTL, 1, { [32] = 1, [52] = 4 }, 56, "IOCTL: range 0: a descriptor of 0 bytes" },
	{ PROTO_IOCTL, 1, { [32] = 1, [48] = 8, [52] = 1 }, 56, "IOCTL: ranges need 24 bytes" },
	{ PROTO_IOCTL, 1, { [32] = 0 }, 48, "IOCTL: ranges need 0 bytes" },
	{ PROTO_IOCTL, 1, { [32] = 1, [40] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, [48] = 8, [52] = 2 },
	  56, "IOCTL: range 0: address and length wrap around" },
};
#define N_MALFORMED ((int)(sizeof(malformed) / sizeof(malformed[0])))

START_TEST(malformed_message)
{
	static struct raw evil;

	rig_evil(&evil);
	raw_send(&evil, malformed[_i].opcode, malformed[_i].tag, malformed[_i].bytes, malformed[_i].size,
		 NULL, 0);
	rig_expect_violation(&evil, malformed[_i].text);
}
END_TEST

START_TEST(header_pad)
{
	struct proto_header header = { .length = 24, .opcode = PROTO_OPEN, .pad = 3, .tag = 1 };
	uint8_t bytes[24] = { 0 };
	static struct raw evil;

	memcpy(bytes, &header, sizeof(header));
	rig_evil(&evil);
	raw_put(&evil, bytes, sizeof(bytes));
	rig_expect_violation(&evil, "OPEN: header.pad is 0x3");
}
END_TEST

static const uint32_t lengths[] = { 0, 15, 16, 23, PROTO_MESSAGE_MAX + 1, 0x7fffffff, 0xffffffff };
#define N_LENGTHS ((int)(sizeof(lengths) / sizeof(lengths[0])))

START_TEST(length_of_no_message)
{
	struct proto_header header = { .length = lengths[_i], .opcode = PROTO_WRITE, .tag = 1 };
	uint8_t bytes[256] = { 0 };
	static struct raw evil;

	memcpy(bytes, &header, sizeof(header));
	rig_evil(&evil);
	raw_put(&evil, bytes, sizeof(bytes));
	rig_expect_violation(&evil, "WRITE: header.length");
}
END_TEST

/* A message of the largest size that the guest itself did not agree to. */
START_TEST(over_the_agreed_length)
{
	struct proto_hello hello = { .magic = PROTO_MAGIC, .version_min = 1, .version_max = 1,
				     .max_message = PROTO_MESSAGE_MIN, .max_in_flight = 1 };
	static uint8_t body[PROTO_MESSAGE_MIN];
	static struct raw evil;

	rig_evil_raw(&evil);
	raw_send(&evil, PROTO_HELLO, 0, &hello, sizeof(hello), NULL, 0);
	raw_expect(&evil, PROTO_DEVICE_END);
	raw_send(&evil, PROTO_WRITE, 1, body, sizeof(body), NULL, 0);
	rig_expect_violation(&evil, "over the agreed 8192");
}
END_TEST

/* Every message a guest sends, cut off after each number of bytes. */
START_TEST(truncated_message)
{
	const struct proto_desc *desc = &proto_descs[_i];
	uint8_t bytes[PROTO_MESSAGE_MIN] = { 0 };
	static struct raw evil;
	size_t size;

	if (!(desc->from & PROTO_FROM_GUEST) || desc->opcode == PROTO_HELLO)
		return;
	size = raw_make(bytes, desc->opcode, proto_tagged(desc->opcode), bytes + 1000,
			desc->body_size, NULL, 0);
	for (size_t cut = 1; cut < size; cut++) {
		rig_evil(&evil);
		raw_put(&evil, bytes, cut);
		rig_expect_violation(&evil, "truncated");
	}
}
END_TEST

START_TEST(truncated_hello)
{
	uint8_t bytes[64] = { 0 };
	struct proto_hello hello = { .magic = PROTO_MAGIC };
	static struct raw evil;
	size_t size;

	size = raw_make(bytes, PROTO_HELLO, 0, &hello, sizeof(hello), NULL, 0);
	for (size_t cut = 1; cut < size; cut += 3) {
		rig_evil_raw(&evil);
		raw_put(&evil, bytes, cut);
		rig_expect_violation(&evil, "truncated");
	}
}
END_TEST

/* ---- the ring ---- */

static const uint32_t producers[] = { 0x40000 + 1, 0x80000000, 0xffffffff, 0xfffffff0 };

START_TEST(producer_index_off)
{
	static struct raw evil;

	rig_evil(&evil);
	raw_publish(&evil, evil.channel->transport->send.index + producers[_i]);
	rig_expect_violation(&evil, "producer index is off");
}
END_TEST

START_TEST(consumer_index_off)
{
	struct transport *t;
	static struct raw evil;
	int64_t handle;

	rig_evil(&evil);
	handle = rig_open(&evil, "zero", O_RDWR);
	t = evil.channel->transport;
	__atomic_store_n(t->receive.untrusted_cons, t->receive.index + producers[_i],
			 __ATOMIC_SEQ_CST);
	/* hostd looks at it when the ring would be full. */
	for (int i = 0; i < 20; i++)
		rig_read_send(&evil, 1000 + i, handle, 60000, PROTO_BULK_NONE);
	daemon_log_expect(&rig_hostd, rig_evil_name(), "consumer index is off");
	raw_fini(&evil);
}
END_TEST

/* Half a message, and then the guest is gone. */
START_TEST(dies_in_a_message)
{
	uint8_t bytes[24] = { 24, 0, 0, 0, 0x10 };
	struct transport *t;
	static struct raw evil;

	rig_evil(&evil);
	t = evil.channel->transport;
	/* In the ring, but not told. */
	memcpy(t->send.untrusted_buffer + (t->send.index & (t->send.size - 1)), bytes, 12);
	raw_fini(&evil);
	rig_evil_raw(&evil);
	raw_fini(&evil);
}
END_TEST

START_TEST(flood_of_bytes)
{
	static uint8_t noise[64 * 1024];
	uint32_t seed = 12345;
	static struct raw evil;

	for (int i = 0; i < 20; i++) {
		for (size_t j = 0; j < sizeof(noise); j++)
			noise[j] = (seed = seed * 1103515245 + 12345) >> 16;
		rig_evil(&evil);
		raw_put(&evil, noise, sizeof(noise));
		rig_expect_violation(&evil, "protocol violation");
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("session_hostile");
	TCase *tcase = tcase_create("malformed"), *others[] = { case_descriptors(), case_misuse(), case_nested(), case_pages(),
								   case_pressure(), case_on_demand(),
								   case_mirror() };
	SRunner *runner;
	int n_failed, n_run;

	setvbuf(stdout, NULL, _IOLBF, 0);
	tcase_add_unchecked_fixture(tcase, rig_setup, rig_teardown);
	tcase_add_checked_fixture(tcase, rig_before, rig_after);
	tcase_add_loop_test(tcase, wrong_hello, 0, sizeof(hellos) / sizeof(hellos[0]));
	tcase_add_test(tcase, newer_peer_is_served);
	tcase_add_test(tcase, properties_as_agreed);
	tcase_add_test(tcase, hello_twice);
	tcase_add_test(tcase, no_hello);
	tcase_add_loop_test(tcase, malformed_message, 0, N_MALFORMED);
	tcase_add_test(tcase, header_pad);
	tcase_add_loop_test(tcase, length_of_no_message, 0, N_LENGTHS);
	tcase_add_test(tcase, over_the_agreed_length);
	tcase_add_loop_test(tcase, truncated_message, 0, proto_n_descs);
	tcase_add_test(tcase, truncated_hello);
	tcase_add_loop_test(tcase, producer_index_off, 0, 4);
	/* Behind is no fault: then less was read. */
	tcase_add_loop_test(tcase, consumer_index_off, 0, 2);
	tcase_add_test(tcase, dies_in_a_message);
	tcase_add_test(tcase, flood_of_bytes);
	suite_add_tcase(suite, tcase);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		tcase_add_unchecked_fixture(others[i], rig_setup, rig_teardown);
		tcase_add_checked_fixture(others[i], rig_before, rig_after);
		suite_add_tcase(suite, others[i]);
	}
	runner = srunner_create(suite);
	/* One process: hostd and the good guest's connection are shared by all. */
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	n_run = srunner_ntests_run(runner);
	srunner_free(runner);
	printf("%d passed, %d failed, 0 skipped\n", n_run - n_failed, n_failed);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that lies about the memory of a nested ioctl, to a real session: font maps
 * (GIO_UNIMAP) of a terminal that has none, so that whatever reaches its driver is
 * answered ENOTTY, and what the session refuses EINVAL. The lies themselves, one by
 * one, are in test_walk_lies.c.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kd.h>
#include <string.h>

#include "session_rig.h"

#define ARGUMENT UINT64_C(0x555500001000)
#define ENTRIES UINT64_C(0x7f0000002000)

/* A request for `count` entries, with all that belongs to it. */
struct request {
	struct proto_ioctl body;
	uint32_t n;
	struct {
		struct proto_range ranges[4];
		uint8_t bytes[1024];
	} payload;
	uint32_t size; /* of bytes */
};

static struct raw evil;
static int64_t handle;

static struct request request_make(uint16_t count)
{
	struct unimapdesc map = { .entry_ct = count, .entries = (void *)ENTRIES };
	struct request request = {
		.body = { .handle = handle, .command = GIO_UNIMAP, .argument = ARGUMENT, .n_ranges = 2 },
		.payload.ranges = {
			{ ARGUMENT, sizeof(map), PROTO_RANGE_IN | PROTO_RANGE_OUT },
			{ ENTRIES, count * sizeof(struct unipair), PROTO_RANGE_IN | PROTO_RANGE_OUT },
		},
		.size = sizeof(map) + count * sizeof(struct unipair),
	};

	memcpy(request.payload.bytes, &map, sizeof(map));
	return request;
}

/* The ranges, then the bytes; `n` ranges are told of. */
static void request_send(const struct request *request, uint64_t tag)
{
	uint8_t payload[sizeof(request->payload)];
	size_t ranges = request->body.n_ranges * sizeof(struct proto_range);

	memcpy(payload, request->payload.ranges, ranges);
	memcpy(payload + ranges, request->payload.bytes, request->size);
	raw_send(&evil, PROTO_IOCTL, tag, &request->body, sizeof(request->body), payload,
		 ranges + request->size);
}

static int64_t answer(void)
{
	const struct proto_ioctl_answer *body = raw_expect(&evil, PROTO_IOCTL_ANSWER);

	ck_assert_uint_eq(body->n_ranges, 0);
	return body->result;
}

static int64_t ask(const struct request *request)
{
	request_send(request, ++evil.tag);
	return answer();
}

static void evil_begin(void)
{
	rig_evil(&evil);
	handle = rig_open(&evil, "tty", O_RDWR);
	ck_assert_int_gt(handle, 0);
}

START_TEST(truth_reaches_the_driver)
{
	struct request request;

	evil_begin();
	request = request_make(40);
	ck_assert_int_eq(ask(&request), -ENOTTY);
	request = request_make(0); /* no entries: one range */
	request.body.n_ranges = 1;
	ck_assert_int_eq(ask(&request), -ENOTTY);
	raw_fini(&evil);
}
END_TEST

START_TEST(lies_are_invalid)
{
	struct request request;

	evil_begin();
	request = request_make(40);
	request.payload.ranges[1].address += 8;
	ck_assert_int_eq(ask(&request), -EINVAL);
	request = request_make(40);
	request.payload.ranges[1].direction = PROTO_RANGE_IN;
	ck_assert_int_eq(ask(&request), -EINVAL);
	request = request_make(40);
	request.body.argument += 8;
	ck_assert_int_eq(ask(&request), -EINVAL);
	/* A count that is less than what came with it. */
	request = request_make(40);
	request.payload.bytes[0] = 39;
	ck_assert_int_eq(ask(&request), -EINVAL);
	/* Ranges behind the last, and none at all. */
	request = request_make(40);
	request.payload.ranges[2] = (struct proto_range){ ENTRIES, 0, PROTO_RANGE_IN };
	request.body.n_ranges = 3;
	ck_assert_int_eq(ask(&request), -EINVAL);
	request = request_make(0);
	request.size = 0;
	request.body.n_ranges = 0;
	ck_assert_int_eq(ask(&request), -EINVAL);
	/* Served as before. */
	request = request_make(40);
	ck_assert_int_eq(ask(&request), -ENOTTY);
	raw_fini(&evil);
}
END_TEST

/* Less than the count says is what a program may have: the driver sees an end. */
START_TEST(less_memory_is_an_end)
{
	struct request request;

	evil_begin();
	request = request_make(40);
	request.payload.ranges[1].length = 16;
	request.size -= 40 * sizeof(struct unipair) - 16;
	ck_assert_int_eq(ask(&request), -ENOTTY);
	request.payload.bytes[1] = 0xff; /* of 65 320 entries */
	ck_assert_int_eq(ask(&request), -ENOMEM);
	request.payload.bytes[1] = 0x40;
	ck_assert_int_eq(ask(&request), -ENOTTY);
	request = request_make(40);
	request.payload.ranges[0].length = 0;
	request.body.n_ranges = 1;
	request.size = 0;
	ck_assert_int_eq(ask(&request), -ENOTTY);
	raw_fini(&evil);
}
END_TEST

/* All at once: each has its own answer, true or false. */
START_TEST(many_at_once)
{
	struct request truth, lie;

	evil_begin();
	truth = lie = request_make(40);
	lie.payload.ranges[1].address = 0;
	for (int round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < 90; i++)
			request_send(i % 3 ? &truth : &lie, ++evil.tag);
		for (uint32_t i = 0; i < 90; i++) {
			int64_t result = answer();

			ck_assert(result == -ENOTTY || result == -EINVAL);
		}
	}
	raw_fini(&evil);
}
END_TEST

/* The guest goes in the middle of all that. */
START_TEST(gone_in_the_middle)
{
	struct request request;

	evil_begin();
	request = request_make(40);
	for (uint32_t i = 0; i < 90; i++)
		request_send(&request, ++evil.tag);
	raw_fini(&evil);
}
END_TEST

START_TEST(undeclared_names_a_remedy)
{
	struct request request;

	evil_begin();
	request = request_make(0);
	request.body.command = 0xc0107a42;
	request.body.n_ranges = 0;
	request.size = 0;
	ck_assert_int_eq(ask(&request), -ENOTTY);
	daemon_log_expect(&rig_hostd, rig_evil_name(),
			  "device \"tty\": ioctl 0xc0107a42 is not in the layout table: ENOTTY (allow = { 0xc0107a42 }");
	/* Nor on demand: the device's policy counts, not what the guest says. */
	request.body.flags = PROTO_IOCTL_ON_DEMAND;
	ck_assert_int_eq(ask(&request), -ENOTTY);
	raw_fini(&evil);
}
END_TEST

TCase *case_nested(void)
{
	TCase *tcase = tcase_create("nested");

	tcase_add_test(tcase, truth_reaches_the_driver);
	tcase_add_test(tcase, lies_are_invalid);
	tcase_add_test(tcase, less_memory_is_an_end);
	tcase_add_test(tcase, many_at_once);
	tcase_add_test(tcase, gone_in_the_middle);
	tcase_add_test(tcase, undeclared_names_a_remedy);
	return tcase;
}

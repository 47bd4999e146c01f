/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that lies about descriptors, to a real session: TUNSETSTEERINGEBPF, which
 * takes one, of a tun device that is attached to nothing, so that whatever reaches its
 * driver is answered EBADFD. On a machine without tun nothing is checked.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/ioctl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "session_rig.h"

#define ARGUMENT UINT64_C(0x555500001000)

/* One int, and room for what is said of it. */
struct request {
	struct proto_ioctl body;
	struct proto_range ranges[3];
	int32_t number;
	struct proto_descriptor descriptors[2];
};

static struct raw evil;
static int64_t handle;

/* A good one: the program passes what has this handle. */
static struct request request_make(uint64_t passed)
{
	return (struct request){
		.body = { .handle = handle, .command = TUNSETSTEERINGEBPF, .argument = ARGUMENT, .n_ranges = 2 },
		.ranges = {
			{ ARGUMENT, sizeof(int32_t), PROTO_RANGE_IN | PROTO_RANGE_OUT },
			{ ARGUMENT, sizeof(struct proto_descriptor), PROTO_RANGE_DESCRIPTOR },
			{ ARGUMENT, sizeof(struct proto_descriptor), PROTO_RANGE_DESCRIPTOR },
		},
		.number = 5,
		.descriptors = { { .handle = passed }, { .handle = passed } },
	};
}

static int64_t ask(const struct request *request)
{
	const uint32_t n = request->body.n_ranges;
	uint8_t payload[sizeof(*request)];
	const struct proto_ioctl_answer *answer;
	size_t at = n * sizeof(request->ranges[0]);

	memcpy(payload, request->ranges, at);
	memcpy(payload + at, &request->number, sizeof(request->number));
	at += sizeof(request->number);
	memcpy(payload + at, request->descriptors, (n - 1) * sizeof(request->descriptors[0]));
	at += (n - 1) * sizeof(request->descriptors[0]);
	raw_send(&evil, PROTO_IOCTL, ++evil.tag, &request->body, sizeof(request->body), payload, at);
	answer = raw_expect(&evil, PROTO_IOCTL_ANSWER);
	ck_assert_uint_eq(answer->n_ranges, 0);
	return answer->result;
}

static bool evil_begin(void)
{
	if (access(RIG_TUN, R_OK | W_OK) < 0)
		return false;
	rig_evil(&evil);
	handle = rig_open(&evil, "tun", O_RDWR);
	ck_assert_int_gt(handle, 0);
	return true;
}

START_TEST(truth_reaches_the_driver)
{
	struct request request;
	int64_t null;

	if (!evil_begin())
		return;
	null = rig_open(&evil, "null", O_RDWR);
	request = request_make(null);
	ck_assert_int_eq(ask(&request), -EBADFD);
	request = request_make(handle);
	ck_assert_int_eq(ask(&request), -EBADFD);
	request = request_make(0); /* a number that is no descriptor */
	ck_assert_int_eq(ask(&request), -EBADFD);
	request = request_make(0); /* nor is this, and needs no range */
	request.number = -1;
	request.body.n_ranges = 1;
	ck_assert_int_eq(ask(&request), -EBADFD);
	/* Not held any longer. */
	ck_assert_int_eq(rig_release(&evil, null), 0);
	request = request_make(null);
	ck_assert_int_eq(ask(&request), -EBADF);
	raw_fini(&evil);
}
END_TEST

/* The structure is the same; on demand it would be a mirror's descriptor. */
START_TEST(a_32_bit_program_too)
{
	struct request request;

	if (!evil_begin())
		return;
	request = request_make(handle);
	request.body.flags = PROTO_IOCTL_COMPAT;
	ck_assert_int_eq(ask(&request), -EBADFD);
	request.descriptors[0].handle = 0xabc0000;
	ck_assert_int_eq(ask(&request), -EBADF);
	request.body.flags = PROTO_IOCTL_COMPAT | PROTO_IOCTL_ON_DEMAND;
	ck_assert_int_eq(ask(&request), -ENOTTY);
	/* Other commands must come on demand. */
	request = request_make(handle);
	request.body.flags = PROTO_IOCTL_COMPAT;
	request.body.command = TUNGETIFF;
	ck_assert_int_eq(ask(&request), -ENOTTY);
	raw_fini(&evil);
}
END_TEST

/* Handles of nobody and of somebody else. */
START_TEST(made_up_handles)
{
	static const uint64_t made_up[] = { 1, 3, 0xabc0000, UINT64_MAX, (uint64_t)INT64_MAX + 1 };
	struct request request;

	if (!evil_begin())
		return;
	for (size_t i = 0; i < sizeof(made_up) / sizeof(made_up[0]); i++) {
		request = request_make(made_up[i]);
		ck_assert_int_eq(ask(&request), -EBADF);
	}
	for (uint64_t bit = 1; bit; bit <<= 1) {
		if ((uint64_t)handle == bit)
			continue; /* 0 is none */
		request = request_make(handle ^ bit);
		ck_assert_int_eq(ask(&request), -EBADF);
	}
	daemon_log_expect(&rig_hostd, rig_evil_name(), "is not open: EBADF");
	raw_fini(&evil);
}
END_TEST

START_TEST(lies_are_invalid)
{
	struct request request;

	if (!evil_begin())
		return;
	request = request_make(handle);
	request.body.n_ranges = 1;
	ck_assert_int_eq(ask(&request), -EINVAL);
	request = request_make(handle);
	request.body.n_ranges = 3;
	ck_assert_int_eq(ask(&request), -EINVAL);
	request = request_make(handle);
	request.ranges[1].address += 4;
	ck_assert_int_eq(ask(&request), -EINVAL);
	request = request_make(handle);
	request.number = -1;
	ck_assert_int_eq(ask(&request), -EINVAL);
	request = request_make(handle);
	request.descriptors[0].flags = O_CLOEXEC;
	ck_assert_int_eq(ask(&request), -EINVAL);
	request = request_make(handle);
	request.descriptors[0].class = PROTO_CLASS_DMABUF;
	ck_assert_int_eq(ask(&request), -EINVAL);
	/* Among the ranges of a command that takes none. */
	request = request_make(handle);
	request.body.command = TUNGETIFF;
	request.number = 0;
	ck_assert_int_eq(ask(&request), -EINVAL);
	/* Served as before. */
	request = request_make(handle);
	ck_assert_int_eq(ask(&request), -EBADFD);
	raw_fini(&evil);
}
END_TEST

TCase *case_descriptors(void)
{
	TCase *tcase = tcase_create("descriptors");

	tcase_add_test(tcase, truth_reaches_the_driver);
	tcase_add_test(tcase, a_32_bit_program_too);
	tcase_add_test(tcase, made_up_handles);
	tcase_add_test(tcase, lies_are_invalid);
	return tcase;
}

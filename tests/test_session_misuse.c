// SPDX-License-Identifier: GPL-2.0-or-later
/* Messages in order that ask for what a guest may not have; see
 * test_session_hostile.c. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "session_rig.h"

/* ---- tags ---- */

START_TEST(tag_used_twice)
{
	struct raw evil;
	int64_t handle;

	rig_evil(&evil);
	handle = rig_open(&evil, "tty", O_RDWR);
	ck_assert_int_gt(handle, 0);
	/* It blocks, so it is in flight. */
	rig_read_send(&evil, 77, handle, 1, PROTO_BULK_NONE);
	rig_read_send(&evil, 77, handle, 1, PROTO_BULK_NONE);
	rig_expect_violation(&evil, "READ: tag 77 is in use");
}
END_TEST

START_TEST(tag_of_an_answered_request_is_free)
{
	struct raw evil;
	int64_t handle;

	rig_evil(&evil);
	handle = rig_open(&evil, "zero", O_RDWR);
	for (int i = 0; i < 50; i++) {
		rig_read_send(&evil, 5, handle, 10, PROTO_BULK_NONE);
		raw_expect(&evil, PROTO_READ_ANSWER);
		ck_assert_uint_eq(evil.message.header.tag, 5);
	}
	raw_fini(&evil);
}
END_TEST

START_TEST(more_than_the_agreed_in_flight)
{
	static const uint32_t agreed[] = { 4, PROTO_IN_FLIGHT_MAX };
	struct proto_hello hello = { .magic = PROTO_MAGIC, .version_min = 1, .version_max = 1,
				     .max_message = PROTO_MESSAGE_MAX, .max_in_flight = agreed[_i] };
	struct raw evil;
	int64_t handle;
	char text[64];

	rig_evil_raw(&evil);
	raw_send(&evil, PROTO_HELLO, 0, &hello, sizeof(hello), NULL, 0);
	raw_expect(&evil, PROTO_DEVICE_END);
	handle = rig_open(&evil, "tty", O_RDWR);
	for (uint32_t i = 0; i <= agreed[_i]; i++)
		rig_read_send(&evil, 100 + i, handle, 1, PROTO_BULK_NONE);
	snprintf(text, sizeof(text), "more than the agreed %u requests", agreed[_i]);
	rig_expect_violation(&evil, text);
}
END_TEST

START_TEST(as_many_as_agreed)
{
	struct raw evil;
	int64_t handle;

	rig_evil(&evil);
	handle = rig_open(&evil, "tty", O_RDWR);
	for (uint32_t i = 0; i < PROTO_IN_FLIGHT_MAX; i++)
		rig_read_send(&evil, 100 + i, handle, 1, PROTO_BULK_NONE);
	rig_good_works();
	for (uint32_t i = 0; i < PROTO_IN_FLIGHT_MAX; i++) {
		const struct proto_read_answer *answer;

		rig_tty_write("x");
		answer = raw_expect(&evil, PROTO_READ_ANSWER);
		ck_assert_int_eq(answer->result, 1);
	}
	raw_fini(&evil);
}
END_TEST

START_TEST(interrupt_of_nothing)
{
	struct proto_interrupt body = { .target = 0xdeadbeef };
	struct raw evil;

	rig_evil(&evil);
	for (int i = 0; i < 100; i++)
		raw_send(&evil, PROTO_INTERRUPT, 0, &body, sizeof(body), NULL, 0);
	ck_assert_int_gt(rig_open(&evil, "zero", O_RDWR), 0);
	raw_fini(&evil);
}
END_TEST

START_TEST(interrupt_ends_a_read)
{
	struct proto_interrupt body = { .target = 9 };
	const struct proto_read_answer *answer;
	struct raw evil;
	int64_t handle;

	rig_evil(&evil);
	handle = rig_open(&evil, "tty", O_RDWR);
	rig_read_send(&evil, 9, handle, 1, PROTO_BULK_NONE);
	raw_send(&evil, PROTO_INTERRUPT, 0, &body, sizeof(body), NULL, 0);
	answer = raw_expect(&evil, PROTO_READ_ANSWER);
	ck_assert_int_eq(answer->result, -EINTR);
	raw_fini(&evil);
}
END_TEST

/* ---- handles and devices ---- */

START_TEST(handle_of_another_guest)
{
	struct proto_write write = { .handle = rig_good_handle(), .bulk = PROTO_BULK_NONE };
	struct proto_ioctl ioctl = { .handle = rig_good_handle(), .command = TIOCEXCL };
	struct proto_poll poll = { .handle = rig_good_handle(), .events = POLLIN };
	struct raw evil;

	rig_evil(&evil);
	ck_assert_int_eq(rig_read(&evil, rig_good_handle(), 8), -EBADF);
	raw_send(&evil, PROTO_WRITE, 1001, &write, sizeof(write), NULL, 0);
	ck_assert_int_eq(((const struct proto_write_answer *)raw_expect(&evil, PROTO_WRITE_ANSWER))->result,
			 -EBADF);
	raw_send(&evil, PROTO_IOCTL, 1002, &ioctl, sizeof(ioctl), NULL, 0);
	ck_assert_int_eq(((const struct proto_ioctl_answer *)raw_expect(&evil, PROTO_IOCTL_ANSWER))->result,
			 -EBADF);
	raw_send(&evil, PROTO_POLL, 1003, &poll, sizeof(poll), NULL, 0);
	ck_assert_int_eq(((const struct proto_poll_answer *)raw_expect(&evil, PROTO_POLL_ANSWER))->result,
			 -EBADF);
	ck_assert_int_eq(rig_release(&evil, rig_good_handle()), -EBADF);
	daemon_log_expect(&rig_hostd, rig_evil_name(), "READ: handle");
	raw_fini(&evil);
}
END_TEST

START_TEST(made_up_handles)
{
	static const uint64_t handles[] = { 0, 1, 0xffff, 0x10008, UINT64_MAX, UINT64_C(1) << 48 };
	struct raw evil;
	int64_t handle;

	rig_evil(&evil);
	for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++)
		ck_assert_int_eq(rig_read(&evil, handles[i], 8), -EBADF);
	handle = rig_open(&evil, "zero", O_RDWR);
	ck_assert_int_eq(rig_read(&evil, handle + 1, 8), -EBADF);
	ck_assert_int_eq(rig_read(&evil, handle + 0x10000, 8), -EBADF);
	ck_assert_int_eq(rig_release(&evil, handle), 0);
	ck_assert_int_eq(rig_release(&evil, handle), -EBADF);
	ck_assert_int_eq(rig_read(&evil, handle, 8), -EBADF);
	raw_fini(&evil);
}
END_TEST

START_TEST(made_up_devices)
{
	static const uint32_t numbers[] = { 0, 99, UINT32_MAX };
	struct raw evil;

	rig_evil(&evil);
	for (int i = 0; i < 3; i++) {
		struct proto_open body = { .device = numbers[i], .flags = O_RDWR };
		const struct proto_open_answer *answer;

		raw_send(&evil, PROTO_OPEN, 10 + i, &body, sizeof(body), NULL, 0);
		answer = raw_expect(&evil, PROTO_OPEN_ANSWER);
		ck_assert_int_eq(answer->result, -ENODEV);
	}
	raw_fini(&evil);
}
END_TEST

START_TEST(flags_of_no_device_open)
{
	static const uint32_t flags[] = { O_CREAT, O_PATH, O_TMPFILE, O_DIRECTORY, 0x80000000 };
	struct raw evil;

	rig_evil(&evil);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(rig_open(&evil, "zero", O_RDWR | flags[i]), -EINVAL);
	daemon_log_expect(&rig_hostd, rig_evil_name(), "open with flags");
	raw_fini(&evil);
}
END_TEST

START_TEST(opens_until_its_limit)
{
	int64_t handles[RIG_HANDLES];
	struct raw evil;

	rig_evil(&evil);
	for (int i = 0; i < RIG_HANDLES; i++) {
		handles[i] = rig_open(&evil, "zero", O_RDWR);
		ck_assert_int_gt(handles[i], 0);
	}
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(rig_open(&evil, "zero", O_RDWR), -EMFILE);
	daemon_log_expect(&rig_hostd, rig_evil_name(), "max-handles");
	rig_good_works();
	ck_assert_int_eq(rig_release(&evil, handles[3]), 0);
	ck_assert_int_gt(rig_open(&evil, "zero", O_RDWR), 0);
	ck_assert_int_eq(rig_open(&evil, "zero", O_RDWR), -EMFILE);
	raw_fini(&evil);
}
END_TEST

/* All at once, without waiting for answers. */
START_TEST(opens_all_at_once)
{
	struct proto_open body = { .device = rig_device("zero"), .flags = O_RDWR };
	int n_open = 0, n_refused = 0;
	struct raw evil;

	rig_evil(&evil);
	body.device = rig_device("zero");
	for (int i = 0; i < 90; i++)
		raw_send(&evil, PROTO_OPEN, 1 + i, &body, sizeof(body), NULL, 0);
	while (n_open + n_refused < 90) {
		const struct proto_open_answer *answer = raw_expect(&evil, PROTO_OPEN_ANSWER);

		n_open += answer->result == 0;
		n_refused += answer->result == -EMFILE;
		ck_assert(answer->result == 0 || answer->result == -EMFILE);
	}
	ck_assert_int_eq(n_open, RIG_HANDLES);
	raw_fini(&evil);
}
END_TEST

/* ---- sizes and memory ---- */

START_TEST(bulk_slot_out_of_range)
{
	struct proto_write body = { .size = 16, .bulk = PROTO_IN_FLIGHT_MAX };
	struct raw evil;

	rig_evil(&evil);
	body.handle = rig_open(&evil, "zero", O_RDWR);
	if (_i == 0) {
		rig_read_send(&evil, 50, body.handle, 16, PROTO_IN_FLIGHT_MAX);
	} else if (_i == 1) {
		rig_read_send(&evil, 50, body.handle, 16, PROTO_BULK_NONE - 1);
	} else if (_i == 2) {
		/* The slot is there, but not that large. */
		rig_read_send(&evil, 50, body.handle, (1024 * 1024) + 1, 0);
	} else if (_i == 3) {
		rig_read_send(&evil, 50, body.handle, UINT32_MAX, 0);
	} else if (_i == 4) {
		/* Without a slot it must fit a message. */
		rig_read_send(&evil, 50, body.handle, PROTO_MESSAGE_MAX, PROTO_BULK_NONE);
	} else {
		raw_send(&evil, PROTO_WRITE, 50, &body, sizeof(body), NULL, 0);
		rig_expect_violation(&evil, "WRITE: no room for size 16 in bulk slot 100");
		return;
	}
	rig_expect_violation(&evil, "READ: no room for size");
}
END_TEST

static int64_t ioctl_result(struct raw *evil, const struct proto_ioctl *body,
			    const struct proto_range *range, size_t n_bytes)
{
	const struct proto_ioctl_answer *answer;
	uint8_t payload[256] = { 0 };

	memcpy(payload, range, sizeof(*range));
	raw_send(evil, PROTO_IOCTL, ++evil->tag, body, sizeof(*body), payload,
		 body->n_ranges ? sizeof(*range) + n_bytes : 0);
	answer = raw_expect(evil, PROTO_IOCTL_ANSWER);
	/* It never gives back more than was offered. */
	ck_assert_uint_le(answer->n_ranges, body->n_ranges);
	return answer->result;
}

START_TEST(ioctl_memory_that_does_not_fit)
{
	struct proto_ioctl body = { .command = TIOCSWINSZ, .argument = 0x100000, .n_ranges = 1 };
	struct proto_range range = { .address = 0x100000, .length = sizeof(struct winsize),
				     .direction = PROTO_RANGE_IN | PROTO_RANGE_OUT };
	struct proto_range wrong;
	struct raw evil;

	rig_evil(&evil);
	body.handle = rig_open(&evil, "tty", O_RDWR);
	ck_assert_int_eq(ioctl_result(&evil, &body, &range, range.length), 0);
	wrong = range;
	wrong.address += 8;
	ck_assert_int_eq(ioctl_result(&evil, &body, &wrong, wrong.length), -EINVAL);
	wrong = range;
	wrong.length = 100;
	ck_assert_int_eq(ioctl_result(&evil, &body, &wrong, wrong.length), -EINVAL);
	wrong = range;
	wrong.direction = PROTO_RANGE_OUT;
	ck_assert_int_eq(ioctl_result(&evil, &body, &wrong, 0), -EINVAL);
	wrong = range;
	wrong.length = 4;
	ck_assert_int_eq(ioctl_result(&evil, &body, &wrong, 4), -EFAULT);
	body.n_ranges = 0;
	ck_assert_int_eq(ioctl_result(&evil, &body, &range, 0), -EINVAL);
	/* A pointer of the guest's choice never reaches the driver. */
	body.argument = 0x7f0000000000;
	ck_assert_int_eq(ioctl_result(&evil, &body, &range, 0), -EINVAL);
	body.command = 0x12345678;
	ck_assert_int_eq(ioctl_result(&evil, &body, &range, 0), -ENOTTY);
	body.command = TIOCSTI;
	ck_assert_int_eq(ioctl_result(&evil, &body, &range, 0), -ENOTTY);
	raw_fini(&evil);
}
END_TEST

/* ---- guests that do not listen ---- */

START_TEST(never_reads_its_ring)
{
	struct raw evil;
	int64_t handle;

	rig_evil(&evil);
	handle = rig_open(&evil, "zero", O_RDWR);
	/* Far more answers than fit. */
	for (uint32_t i = 0; i < PROTO_IN_FLIGHT_MAX; i++)
		rig_read_send(&evil, 1000 + i, handle, 60000, PROTO_BULK_NONE);
	for (int i = 0; i < 20; i++) {
		rig_good_works();
		raw_rest_ms(10);
	}
	/* When it reads at last, all is there. */
	for (uint32_t i = 0; i < PROTO_IN_FLIGHT_MAX; i++) {
		const struct proto_read_answer *answer = raw_expect(&evil, PROTO_READ_ANSWER);

		ck_assert_int_eq(answer->result, 60000);
	}
	/* And again, but this time it goes without reading. */
	for (uint32_t i = 0; i < PROTO_IN_FLIGHT_MAX; i++)
		rig_read_send(&evil, 2000 + i, handle, 60000, PROTO_BULK_NONE);
	raw_rest_ms(50);
	raw_fini(&evil);
}
END_TEST

START_TEST(dies_with_all_in_flight)
{
	struct raw evil;
	int64_t handle;

	rig_evil(&evil);
	handle = rig_open(&evil, "tty", O_RDWR);
	for (uint32_t i = 0; i < PROTO_IN_FLIGHT_MAX; i++)
		rig_read_send(&evil, 1000 + i, handle, 1, PROTO_BULK_NONE);
	raw_rest_ms(50);
	raw_fini(&evil);
}
END_TEST

START_TEST(comes_and_goes)
{
	struct raw evil;

	for (int i = 0; i < 50; i++) {
		if (i % 2)
			rig_evil_raw(&evil);
		else
			rig_evil(&evil);
		raw_fini(&evil);
	}
}
END_TEST

/* A second connection of the same guest waits; the first one goes on. */
START_TEST(connects_twice)
{
	struct transport *second;
	struct raw evil;

	rig_evil(&evil);
	ck_assert_int_eq(transport_unix_connect(rig_evil_socket(), 300, &second), -ETIMEDOUT);
	ck_assert_int_gt(rig_open(&evil, "zero", O_RDWR), 0);
	raw_fini(&evil);
}
END_TEST

START_TEST(rings_for_nothing)
{
	struct raw evil;

	rig_evil(&evil);
	for (int i = 0; i < 1000; i++)
		raw_ring_doorbell(&evil);
	ck_assert_int_gt(rig_open(&evil, "zero", O_RDWR), 0);
	raw_fini(&evil);
}
END_TEST

TCase *case_misuse(void);

TCase *case_misuse(void)
{
	TCase *tcase = tcase_create("misuse");

	tcase_add_test(tcase, tag_used_twice);
	tcase_add_test(tcase, tag_of_an_answered_request_is_free);
	tcase_add_loop_test(tcase, more_than_the_agreed_in_flight, 0, 2);
	tcase_add_test(tcase, as_many_as_agreed);
	tcase_add_test(tcase, interrupt_of_nothing);
	tcase_add_test(tcase, interrupt_ends_a_read);
	tcase_add_test(tcase, handle_of_another_guest);
	tcase_add_test(tcase, made_up_handles);
	tcase_add_test(tcase, made_up_devices);
	tcase_add_test(tcase, flags_of_no_device_open);
	tcase_add_test(tcase, opens_until_its_limit);
	tcase_add_test(tcase, opens_all_at_once);
	tcase_add_loop_test(tcase, bulk_slot_out_of_range, 0, 6);
	tcase_add_test(tcase, ioctl_memory_that_does_not_fit);
	tcase_add_test(tcase, never_reads_its_ring);
	tcase_add_test(tcase, dies_with_all_in_flight);
	tcase_add_test(tcase, comes_and_goes);
	tcase_add_test(tcase, connects_twice);
	tcase_add_test(tcase, rings_for_nothing);
	return tcase;
}

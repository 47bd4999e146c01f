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
	static struct raw evil;
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
	static struct raw evil;
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
	static struct raw evil;
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
	static struct raw evil;
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
	static struct raw evil;

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
	static struct raw evil;
	int64_t handle;

	rig_evil(&evil);
	handle = rig_open(&evil, "tty", O_RDWR);
	rig_read_send(&evil, 9, handle, 1, PROTO_BULK_NONE);
	raw_send(&evil, PROTO_INTERRUPT, 0, &body, sizeof(body), NULL, 0);
	answer = raw_expect(&evil, PROTO_READ_ANSWER);
	ck_assert_int_eq(answer->result, -PROTO_RESTART); /* a terminal's ERESTARTSYS */
	raw_fini(&evil);
}
END_TEST

/* ---- handles and devices ---- */

static int64_t map(struct raw *raw, uint64_t tag, uint64_t handle, uint64_t offset, uint64_t length)
{
	struct proto_mmap body = {
		.handle = handle,
		.offset = offset,
		.length = length,
		.flags = PROTO_MMAP_READ | PROTO_MMAP_SHARED,
	};

	raw_send(raw, PROTO_MMAP, tag, &body, sizeof(body), NULL, 0);
	return ((const struct proto_mmap_answer *)raw_expect(raw, PROTO_MMAP_ANSWER))->result;
}

/* What the driver does not let itself be mapped is handed to nobody; and nobody takes
 * what is handed over here, so that the socket is full at some time. */
START_TEST(mappings)
{
	static const uint64_t ids[] = { 0, 1, UINT64_MAX };
	static struct raw evil;
	int64_t tty, zero, r = 0;

	rig_evil(&evil);
	tty = rig_open(&evil, "tty", O_RDWR);
	zero = rig_open(&evil, "zero", O_RDWR);
	ck_assert_int_eq(map(&evil, 21, tty, 0, 4096), -ENODEV);
	ck_assert_int_eq(map(&evil, 22, zero, 0, 0), -EINVAL);
	ck_assert_int_eq(map(&evil, 23, zero, 5, 4096), -EINVAL);
	ck_assert_int_lt(map(&evil, 24, zero, 0, UINT64_MAX), 0);
	ck_assert_int_lt(map(&evil, 25, zero, UINT64_MAX - 4095, 4096), 0);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct proto_munmap body = { .mapping = ids[i] };

		raw_send(&evil, PROTO_MUNMAP, 30 + i, &body, sizeof(body), NULL, 0);
		ck_assert_int_eq(((const struct proto_munmap_answer *)raw_expect(&evil, PROTO_MUNMAP_ANSWER))->result,
				 -EINVAL);
	}
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct proto_place body = { .mapping = ids[i], .frame = 0x100000 };

		raw_send(&evil, PROTO_PLACE, 40 + i, &body, sizeof(body), NULL, 0);
		ck_assert_int_eq(((const struct proto_place_answer *)raw_expect(&evil, PROTO_PLACE_ANSWER))->result,
				 -EINVAL);
	}
	for (int i = 0; i < 3000 && r == 0; i++)
		r = map(&evil, 100 + i, zero, 0, 4096);
	ck_assert_msg(r < 0, "3000 descriptors went into a socket that nobody reads");
	ck_assert_int_eq(rig_read(&evil, zero, 8), 8);
	raw_fini(&evil);
}
END_TEST

static int64_t read_at(struct raw *raw, uint64_t handle, int64_t position)
{
	struct proto_read body = { .handle = handle, .size = 8, .bulk = PROTO_BULK_NONE, .at = 1,
				   .position = position };

	raw_send(raw, PROTO_READ, ++raw->tag, &body, sizeof(body), NULL, 0);
	return ((const struct proto_read_answer *)raw_expect(raw, PROTO_READ_ANSWER))->result;
}

static int64_t write_at(struct raw *raw, uint64_t handle, int64_t position)
{
	struct proto_write body = { .handle = handle, .size = 8, .bulk = PROTO_BULK_NONE, .at = 1,
				    .position = position };

	raw_send(raw, PROTO_WRITE, ++raw->tag, &body, sizeof(body), "abcdefgh", 8);
	return ((const struct proto_write_answer *)raw_expect(raw, PROTO_WRITE_ANSWER))->result;
}

static int64_t seek(struct raw *raw, uint64_t handle, int64_t offset, uint32_t whence)
{
	struct proto_lseek body = { .handle = handle, .offset = offset, .whence = whence };

	raw_send(raw, PROTO_LSEEK, ++raw->tag, &body, sizeof(body), NULL, 0);
	return ((const struct proto_lseek_answer *)raw_expect(raw, PROTO_LSEEK_ANSWER))->result;
}

/* The kernel says what it thinks of them. */
START_TEST(positions)
{
	static struct raw evil;
	int64_t zero, tty;

	rig_evil(&evil);
	zero = rig_open(&evil, "zero", O_RDWR);
	tty = rig_open(&evil, "tty", O_RDWR | O_NONBLOCK);
	ck_assert_int_gt(zero, 0);
	ck_assert_int_gt(tty, 0);
	ck_assert_int_eq(seek(&evil, zero, -100000, SEEK_CUR), 0);
	ck_assert_int_eq(seek(&evil, zero, INT64_MIN, SEEK_END), 0);
	ck_assert_int_eq(seek(&evil, tty, 0, SEEK_CUR), -ESPIPE);
	ck_assert_int_eq(read_at(&evil, zero, INT64_MAX / 2), 8);
	ck_assert_int_eq(read_at(&evil, zero, -1), -EINVAL);
	ck_assert_int_eq(write_at(&evil, zero, 5), 8);
	ck_assert_int_eq(write_at(&evil, zero, INT64_MIN), -EINVAL);
	/* A terminal has none. */
	ck_assert_int_eq(read_at(&evil, tty, 5), -ESPIPE);
	ck_assert_int_eq(write_at(&evil, tty, 5), -ESPIPE);
	raw_fini(&evil);
}
END_TEST

START_TEST(handle_of_another_guest)
{
	struct proto_write write = { .handle = rig_good_handle(), .bulk = PROTO_BULK_NONE };
	struct proto_ioctl ioctl = { .handle = rig_good_handle(), .command = TIOCEXCL };
	struct proto_poll poll = { .handle = rig_good_handle(), .events = POLLIN };
	struct proto_lseek lseek = { .handle = rig_good_handle() };
	struct proto_fasync fasync = { .handle = rig_good_handle(), .on = 1 };
	static struct raw evil;

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
	ck_assert_int_eq(map(&evil, 1004, rig_good_handle(), 0, 4096), -EBADF);
	raw_send(&evil, PROTO_LSEEK, 1005, &lseek, sizeof(lseek), NULL, 0);
	ck_assert_int_eq(((const struct proto_lseek_answer *)raw_expect(&evil, PROTO_LSEEK_ANSWER))->result,
			 -EBADF);
	raw_send(&evil, PROTO_FASYNC, 1006, &fasync, sizeof(fasync), NULL, 0);
	ck_assert_int_eq(((const struct proto_fasync_answer *)raw_expect(&evil, PROTO_FASYNC_ANSWER))->result,
			 -EBADF);
	ck_assert_int_eq(rig_release(&evil, rig_good_handle()), -EBADF);
	daemon_log_expect(&rig_hostd, rig_evil_name(), "READ: handle");
	raw_fini(&evil);
}
END_TEST

START_TEST(made_up_handles)
{
	static const uint64_t handles[] = { 0, 1, 0xffff, 0x10008, UINT64_MAX, UINT64_C(1) << 48 };
	static struct raw evil;
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

/* The file is open as long as somebody reads it, and the answer says that it is not. */
START_TEST(release_during_a_read)
{
	struct proto_release body;
	static struct raw evil;

	rig_evil(&evil);
	body.handle = rig_open(&evil, "tty", O_RDWR);
	rig_read_send(&evil, 50, body.handle, 64, PROTO_BULK_NONE);
	raw_send(&evil, PROTO_RELEASE, 51, &body, sizeof(body), NULL, 0);
	raw_rest_ms(100);
	rig_good_works();
	rig_tty_write("late\n");
	ck_assert_int_eq(((const struct proto_read_answer *)raw_expect(&evil, PROTO_READ_ANSWER))->result, 5);
	ck_assert_int_eq(((const struct proto_release_answer *)raw_expect(&evil, PROTO_RELEASE_ANSWER))->result,
			 0);
	raw_fini(&evil);
}
END_TEST

START_TEST(made_up_devices)
{
	static const uint32_t numbers[] = { 0, 99, UINT32_MAX };
	static struct raw evil;

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
	static struct raw evil;

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
	static struct raw evil;

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
	static struct raw evil;

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

TCase *case_misuse(void)
{
	TCase *tcase = tcase_create("misuse");

	tcase_add_test(tcase, tag_used_twice);
	tcase_add_test(tcase, tag_of_an_answered_request_is_free);
	tcase_add_loop_test(tcase, more_than_the_agreed_in_flight, 0, 2);
	tcase_add_test(tcase, as_many_as_agreed);
	tcase_add_test(tcase, interrupt_of_nothing);
	tcase_add_test(tcase, interrupt_ends_a_read);
	tcase_add_test(tcase, positions);
	tcase_add_test(tcase, handle_of_another_guest);
	tcase_add_test(tcase, mappings);
	tcase_add_test(tcase, made_up_handles);
	tcase_add_test(tcase, release_during_a_read);
	tcase_add_test(tcase, made_up_devices);
	tcase_add_test(tcase, flags_of_no_device_open);
	tcase_add_test(tcase, opens_until_its_limit);
	tcase_add_test(tcase, opens_all_at_once);
	return tcase;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers that are held, on a pipe that keeps what each write(2) has written apart. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "guestd/outbox.h"
#include "suite.h"

static int pipe_fds[2];

static void setup(void)
{
	signal(SIGPIPE, SIG_IGN); /* as guestd does */
	ck_assert_int_eq(pipe2(pipe_fds, O_DIRECT | O_NONBLOCK | O_CLOEXEC), 0);
	ck_assert_int_gt(fcntl(pipe_fds[1], F_SETPIPE_SZ, 1024 * 1024), 0);
}

static void teardown(void)
{
	outbox_hold(false);
	outbox_send();
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

/* An answer in two pieces, all of whose bytes are `value`. */
static void answer(uint8_t value, size_t size)
{
	uint8_t bytes[4096];
	struct iovec iov[2] = { { bytes, 16 }, { bytes + 16, size - 16 } };

	memset(bytes, value, size);
	ck_assert_int_eq(outbox_writev(pipe_fds[1], iov, 2), size);
}

static void came(uint8_t value, size_t size)
{
	uint8_t bytes[4096];

	ck_assert_int_eq(read(pipe_fds[0], bytes, sizeof(bytes)), size);
	for (size_t i = 0; i < size; i++)
		ck_assert_uint_eq(bytes[i], value);
}

static void nothing_came(void)
{
	uint8_t byte;

	ck_assert_int_eq(read(pipe_fds[0], &byte, 1), -1);
	ck_assert_int_eq(errno, EAGAIN);
}

START_TEST(holds_until_it_sends)
{
	answer(1, 24);
	came(1, 24);
	outbox_hold(true);
	answer(2, 24);
	answer(3, 100);
	nothing_came();
	/* One that is not held overtakes them. */
	outbox_hold(false);
	answer(4, 24);
	came(4, 24);
	nothing_came();
	outbox_send();
	came(2, 24);
	came(3, 100);
	outbox_send();
	nothing_came();
}
END_TEST

START_TEST(large_ones_go_at_once)
{
	outbox_hold(true);
	answer(1, 4096);
	came(1, 4096);
	nothing_came();
}
END_TEST

/* None is lost where more are held than there is room for. */
START_TEST(as_many_as_come)
{
	outbox_hold(true);
	for (int i = 0; i < 100; i++)
		answer(i, 32);
	outbox_send();
	for (int i = 0; i < 100; i++)
		came(i, 32);
	nothing_came();
}
END_TEST

START_TEST(a_program_that_is_gone)
{
	outbox_hold(true);
	answer(1, 24);
	close(pipe_fds[0]);
	outbox_send();
	close(pipe_fds[1]);
	ck_assert_int_eq(pipe2(pipe_fds, O_DIRECT | O_NONBLOCK | O_CLOEXEC), 0);
	answer(2, 24);
	outbox_send();
	came(2, 24);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("outbox");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, holds_until_it_sends);
	tcase_add_test(tcase, large_ones_go_at_once);
	tcase_add_test(tcase, as_many_as_come);
	tcase_add_test(tcase, a_program_that_is_gone);
	return suite_run("outbox", tcase);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* O_NONBLOCK, at the open and changed later. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "integration.h"

START_TEST(empty_is_eagain)
{
	int fd = terminal_open("tty0", O_RDWR | O_NONBLOCK);
	char byte;

	ck_assert_int_eq(read(fd, &byte, 1), -1);
	ck_assert_int_eq(errno, EAGAIN);
	say(fd, "echo now");
	ck_assert_str_eq(hear(fd), "now");
	ck_assert_int_eq(read(fd, &byte, 1), -1);
	ck_assert_int_eq(errno, EAGAIN);
	close(fd);
}
END_TEST

START_TEST(set_later)
{
	int fd = terminal_open("tty0", O_RDWR);
	int flags = fcntl(fd, F_GETFL);
	char byte;

	ck_assert_int_eq(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
	ck_assert_int_eq(read(fd, &byte, 1), -1);
	ck_assert_int_eq(errno, EAGAIN);
	close(fd);
}
END_TEST

START_TEST(taken_back)
{
	int fd = terminal_open("tty0", O_RDWR | O_NONBLOCK);
	int flags = fcntl(fd, F_GETFL);
	struct reader reader;
	char byte;

	ck_assert_int_eq(read(fd, &byte, 1), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(fcntl(fd, F_SETFL, flags & ~O_NONBLOCK), 0);
	reader_start(&reader, fd, 1);
	rest_ms(REST_MS);
	ck_assert_msg(!reader_done(&reader), "the read did not block: %zd, errno %d", reader.result,
		      reader.error);
	say(fd, "echo ");
	reader_join(&reader);
	ck_assert_int_eq(reader.result, 1);
	ck_assert_int_eq(reader.data[0], '\n');
	close(fd);
}
END_TEST

START_TEST(handles_differ)
{
	int blocking = terminal_open("tty0", O_RDWR), other = node_open("tty0", O_RDWR | O_NONBLOCK);
	struct reader reader;
	char byte;

	reader_start(&reader, blocking, 1);
	rest_ms(REST_MS);
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(read(other, &byte, 1), -1);
		ck_assert_int_eq(errno, EAGAIN);
	}
	ck_assert(!reader_done(&reader));
	say(other, "echo ");
	reader_join(&reader);
	ck_assert_int_eq(reader.result, 1);
	close(other);
	close(blocking);
}
END_TEST

START_TEST(full_is_eagain)
{
	int fd = terminal_open("tty0", O_RDWR | O_NONBLOCK);
	static char data[4096];
	size_t total = 0;
	ssize_t n;

	memset(data, '\n', sizeof(data)); /* empty lines, which the puppet ignores */
	say(fd, "hold");
	/* Its buffers take some first. */
	do {
		n = write(fd, data, sizeof(data));
		total += n > 0 ? n : 0;
	} while (n > 0 && total < 64 * 1024 * 1024);
	ck_assert_int_eq(n, -1);
	ck_assert_int_eq(errno, EAGAIN);
	control_do("@tty0 in 0 unhold\necho done");
	ck_assert_int_ne(wait_ready(fd, POLLOUT) & POLLOUT, 0);
	say(fd, "echo through");
	ck_assert_str_eq(hear(fd), "through");
	close(fd);
}
END_TEST

TCase *case_nonblock(void)
{
	TCase *tcase = tcase_create("nonblock");

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, empty_is_eagain);
	tcase_add_test(tcase, set_later);
	tcase_add_test(tcase, taken_back);
	tcase_add_test(tcase, handles_differ);
	tcase_add_test(tcase, full_is_eagain);
	return tcase;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages between supervisor and session. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "entries.h"
#include "hostd/control.h"

static int pair[2];

static void setup(void)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
				    pair),
			 0);
}

static void teardown(void)
{
	close(pair[0]);
	close(pair[1]);
}

START_TEST(carries_message)
{
	struct control_message sent = { .kind = CONTROL_OPEN, .id = 7, .tag = 1, .flags = 2 };
	struct control_message got;
	int fd;

	strcpy(sent.name, "name");
	ck_assert_int_eq(control_receive(pair[1], &got, &fd), -EAGAIN);
	ck_assert_int_eq(control_send(pair[0], &sent, -1), 0);
	ck_assert_int_eq(control_receive(pair[1], &got, &fd), 1);
	ck_assert_int_eq(fd, -1);
	ck_assert_mem_eq(&sent, &got, sizeof(got));
}
END_TEST

START_TEST(carries_descriptor)
{
	struct control_message message = { .kind = CONTROL_OPENED };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), before = count_entries("/proc/self/fd"), fd;
	struct stat a, b;

	ck_assert_int_eq(control_send(pair[0], &message, null), 0);
	ck_assert_int_eq(control_receive(pair[1], &message, &fd), 1);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fstat(fd, &a) | fstat(null, &b), 0);
	ck_assert(a.st_rdev == b.st_rdev && S_ISCHR(a.st_mode));
	close(fd);
	ck_assert_int_eq(count_entries("/proc/self/fd"), before);
	close(null);
}
END_TEST

START_TEST(tells_end)
{
	struct control_message message = { .kind = CONTROL_UP };
	int fd;

	ck_assert_int_eq(control_send(pair[0], &message, -1), 0);
	shutdown(pair[0], SHUT_RDWR);
	/* What was sent before arrives. */
	ck_assert_int_eq(control_receive(pair[1], &message, &fd), 1);
	ck_assert_int_eq(control_receive(pair[1], &message, &fd), 0);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(control_send(pair[1], &message, -1), -EPIPE);
	close(pair[0]);
	pair[0] = -1;
	ck_assert_int_eq(control_receive(pair[1], &message, &fd), 0);
	ck_assert_int_eq(control_send(pair[1], &message, -1), -EPIPE);
}
END_TEST

START_TEST(tells_full)
{
	struct control_message message = { .kind = CONTROL_UP };
	int n = 0, r, fd;

	while ((r = control_send(pair[0], &message, -1)) == 0)
		n++;
	ck_assert_int_eq(r, -EAGAIN);
	/* Enough for every operation of a session at once. */
	ck_assert_int_gt(n, PROTO_IN_FLIGHT_MAX);
	ck_assert_int_eq(control_receive(pair[1], &message, &fd), 1);
}
END_TEST

/* Sends raw bytes with n descriptors. */
static void send_raw(const void *bytes, size_t size, int n, int fd)
{
	struct iovec iov = { .iov_base = (void *)bytes, .iov_len = size };
	union {
		char bytes[CMSG_SPACE(3 * sizeof(int))];
		struct cmsghdr align;
	} buffer = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[3] = { fd, fd, fd };

	if (n) {
		struct cmsghdr *cmsg = &buffer.align;

		msg.msg_control = &buffer;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, n * sizeof(int));
	}
	ck_assert_int_eq(sendmsg(pair[0], &msg, 0), (ssize_t)size);
}

START_TEST(refuses_other_sizes)
{
	char bytes[sizeof(struct control_message) + 8] = { 0 };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), before = count_entries("/proc/self/fd");
	static const size_t sizes[] = { 1, sizeof(struct control_message) - 1,
					sizeof(struct control_message) + 1, sizeof(bytes) };
	struct control_message message;
	int fd;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (int n = 0; n < 2; n++) {
			send_raw(bytes, sizes[i], n, null);
			ck_assert_int_eq(control_receive(pair[1], &message, &fd), -EPROTO);
			ck_assert_int_eq(fd, -1);
		}
	}
	send_raw(bytes, sizeof(message), 3, null);
	ck_assert_int_eq(control_receive(pair[1], &message, &fd), -EPROTO);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(count_entries("/proc/self/fd"), before);
	close(null);
}
END_TEST

START_TEST(ends_names)
{
	struct control_message message;
	int fd;

	memset(&message, 'x', sizeof(message));
	ck_assert_int_eq(control_send(pair[0], &message, -1), 0);
	ck_assert_int_eq(control_receive(pair[1], &message, &fd), 1);
	ck_assert_uint_eq(strlen(message.name), PROTO_NAME_MAX);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hostd/control");
	TCase *tcase = tcase_create("control");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, carries_message);
	tcase_add_test(tcase, carries_descriptor);
	tcase_add_test(tcase, tells_end);
	tcase_add_test(tcase, tells_full);
	tcase_add_test(tcase, refuses_other_sizes);
	tcase_add_test(tcase, ends_names);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Processes: fork, dup, passing descriptors, and when the host's file closes. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "integration.h"

static bool opens_are(void *context)
{
	return control_ask("@tty5 count-open") == *(long *)context;
}

/* The host closes a little after the guest's close() has returned. */
static void expect_opens(long n)
{
	ck_assert_msg(wait_until(opens_are, &n), "the host has %ld files open, not %ld",
		      control_ask("@tty5 count-open"), n);
}

START_TEST(one_open_is_one_open)
{
	int first, second;

	expect_opens(0);
	first = terminal_open("tty5", O_RDWR);
	expect_opens(1);
	second = node_open("tty5", O_RDWR);
	expect_opens(2);
	close(first);
	expect_opens(1);
	close(second);
	expect_opens(0);
}
END_TEST

START_TEST(dup_shares)
{
	int fd = terminal_open("tty5", O_RDWR), other = dup(fd);

	expect_opens(1);
	close(fd);
	rest_ms(REST_MS);
	expect_opens(1);
	say(other, "echo still");
	ck_assert_str_eq(hear(other), "still");
	close(other);
	expect_opens(0);
}
END_TEST

START_TEST(child_inherits)
{
	int fd = terminal_open("tty5", O_RDWR);
	struct winsize size = { .ws_row = 33, .ws_col = 44 };
	pid_t pid = fork();

	if (pid == 0) {
		say(fd, "echo child");
		child_check(strcmp(hear(fd), "child") == 0);
		/* ioctl memory is the child's own. */
		child_check(ioctl(fd, TIOCSWINSZ, &size) == 0);
		_exit(7);
	}
	child_wait(pid, 7);
	memset(&size, 0, sizeof(size));
	ck_assert_int_eq(ioctl(fd, TIOCGWINSZ, &size), 0);
	ck_assert_uint_eq(size.ws_row, 33);
	expect_opens(1);
	say(fd, "echo parent");
	ck_assert_str_eq(hear(fd), "parent");
	close(fd);
	expect_opens(0);
}
END_TEST

START_TEST(child_outlives_parents_close)
{
	int fd = terminal_open("tty5", O_RDWR), ends[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		child_check(read(ends[0], &byte, 1) == 1);
		say(fd, "echo alone");
		child_check(strcmp(hear(fd), "alone") == 0);
		_exit(0);
	}
	close(fd);
	rest_ms(REST_MS);
	expect_opens(1);
	ck_assert_int_eq(write(ends[1], "x", 1), 1);
	child_wait(pid, 0);
	expect_opens(0);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

static void descriptor_send(int socket, int fd)
{
	struct iovec iov = { (char *)"x", 1 };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS,
				  .cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	ck_assert_int_eq(sendmsg(socket, &message, 0), 1);
}

static int descriptor_receive(int socket)
{
	char byte;
	struct iovec iov = { &byte, 1 };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	int fd = -1;

	if (recvmsg(socket, &message, 0) != 1)
		return -1;
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

START_TEST(descriptor_is_passed)
{
	int pair[2], fd;
	pid_t pid;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	pid = fork();
	if (pid == 0) {
		int got = descriptor_receive(pair[1]);
		struct winsize size = { 0 };

		child_check(got >= 0);
		say(got, "winsize 55 66");
		child_check(strcmp(hear(got), "winsize 55 66") == 0);
		child_check(ioctl(got, TIOCGWINSZ, &size) == 0 && size.ws_row == 55);
		_exit(0);
	}
	fd = terminal_open("tty5", O_RDWR);
	descriptor_send(pair[0], fd);
	close(fd);
	child_wait(pid, 0);
	expect_opens(0);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

START_TEST(exec_closes)
{
	int fd = terminal_open("tty5", O_RDWR);
	pid_t pid;

	expect_opens(1);
	pid = fork();
	if (pid == 0) {
		execl("/bin/sleep", "sleep", "0.5", NULL);
		_exit(127);
	}
	close(fd);
	/* It was opened with O_CLOEXEC. */
	expect_opens(0);
	child_wait(pid, 0);
}
END_TEST

/* What child number `number` does with a file of its own. */
static void child_run(int number)
{
	char name[8], data[1000];
	int tty, zero;

	snprintf(name, sizeof(name), "tty%d", number % 4);
	for (int i = 0; i < test_rounds(100); i++) {
		zero = open(node_path("zero"), O_RDWR | O_CLOEXEC);
		child_check(zero >= 0);
		tty = open(node_path(name), O_RDWR | O_CLOEXEC | O_NOCTTY);
		child_check(tty >= 0);
		memset(data, number, sizeof(data));
		child_check(read(zero, data, sizeof(data)) == sizeof(data) && data[999] == 0);
		child_check(write(tty, "\n", 1) == 1);
		child_check(tcflush(tty, TCIFLUSH) == 0);
		close(tty);
		close(zero);
	}
	_exit(0);
}

START_TEST(many_processes)
{
	pid_t pids[12];

	for (int i = 0; i < 12; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			child_run(i);
	}
	for (int i = 0; i < 12; i++)
		child_wait(pids[i], 0);
}
END_TEST

/* Half of them are killed wherever they are. */
START_TEST(killed_processes_leave_nothing)
{
	pid_t pids[12];

	for (int i = 0; i < 12; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			int fd = open(node_path("tty5"), O_RDWR | O_CLOEXEC | O_NOCTTY);

			child_check(fd >= 0);
			for (;;)
				child_run(i);
		}
	}
	rest_ms(REST_MS);
	for (int i = 0; i < 12; i++) {
		kill(pids[i], SIGKILL);
		ck_assert_int_eq(waitpid(pids[i], NULL, 0), pids[i]);
	}
	expect_opens(0);
}
END_TEST

TCase *case_processes(void)
{
	TCase *tcase = tcase_create("processes");

	tcase_set_timeout(tcase, 180);
	tcase_add_test(tcase, one_open_is_one_open);
	tcase_add_test(tcase, dup_shares);
	tcase_add_test(tcase, child_inherits);
	tcase_add_test(tcase, child_outlives_parents_close);
	tcase_add_test(tcase, descriptor_is_passed);
	tcase_add_test(tcase, exec_closes);
	tcase_add_test(tcase, many_processes);
	tcase_add_test(tcase, killed_processes_leave_nothing);
	return tcase;
}

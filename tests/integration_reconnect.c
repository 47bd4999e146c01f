// SPDX-License-Identifier: GPL-2.0-or-later
/* The other side goes away and comes back, and guestd is not restarted. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "integration.h"

/* What the puppet is told, so that the connection goes away and comes back. The
 * lines take effect later, because no answer could come any more. */
static const char *const breaks[] = {
	"in 500 kill-session",
	"in 500 kill-hostd\nin 1500 start-hostd",
};
#define N_BREAKS 2

static void expect_gone(const char *what, ssize_t result, int error)
{
	ck_assert_msg(result == -1 && (error == EIO || error == ENODEV), "%s: %zd, %s", what, result,
		      strerror(error));
}

/* A call that must fail with what a lost connection gives. */
#define expect_call_gone(call)                        \
	do {                                          \
		ssize_t gone_result = (call);         \
		expect_gone(#call, gone_result, errno); \
	} while (0)

/* Everything that can be done to a file whose connection is lost. */
static void expect_dead(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	struct winsize size;
	char byte = 'x';

	expect_call_gone(read(fd, &byte, 1));
	expect_call_gone(write(fd, &byte, 1));
	expect_call_gone(ioctl(fd, TIOCGWINSZ, &size));
	ck_assert_int_eq(poll(&pfd, 1, HANG_MS), 1);
	ck_assert_msg((pfd.revents & (POLLERR | POLLHUP)) == (POLLERR | POLLHUP), "poll: 0x%x",
		      pfd.revents);
	ck_assert(node_exists("tty0"));
	ck_assert(node_exists("zero"));
}

static void expect_back(void)
{
	int fd = node_open_again("tty0", O_RDWR);

	close(fd);
	fd = terminal_open("tty0", O_RDWR);
	say(fd, "echo back");
	ck_assert_str_eq(hear(fd), "back");
	close(fd);
}

static void *poll_main(void *argument)
{
	struct pollfd *pfd = argument;

	if (poll(pfd, 1, HANG_MS) != 1)
		pfd->revents = 0;
	return NULL;
}

START_TEST(what_is_in_flight_ends)
{
	int fd = terminal_open("tty0", O_RDWR), other = terminal_open("tty1", O_RDWR);
	struct pollfd pfd = { .fd = other, .events = POLLIN };
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct reader readers[3];
	pthread_t poller;

	use_alone(fd);
	ck_assert_int_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, other, &event), 0);
	for (int i = 0; i < 3; i++)
		reader_start(&readers[i], i == 2 ? other : fd, 1);
	ck_assert_int_eq(pthread_create(&poller, NULL, poll_main, &pfd), 0);
	rest_ms(REST_MS);
	say(fd, "%s", breaks[_i]);
	for (int i = 0; i < 3; i++) {
		reader_join(&readers[i]);
		expect_gone("blocked read", readers[i].result, readers[i].error);
	}
	pthread_join(poller, NULL);
	ck_assert_msg((pfd.revents & (POLLERR | POLLHUP)) == (POLLERR | POLLHUP), "blocked poll: 0x%x",
		      pfd.revents);
	ck_assert_int_eq(epoll_wait(epoll, &event, 1, HANG_MS), 1);
	ck_assert_uint_eq(event.events & (EPOLLERR | EPOLLHUP), EPOLLERR | EPOLLHUP);
	expect_dead(fd);
	expect_dead(other);
	close(epoll);
	expect_back();
	/* A file of an earlier connection stays dead, and its close is in order. */
	expect_dead(fd);
	ck_assert_int_eq(close(fd), 0);
	ck_assert_int_eq(close(other), 0);
	expect_back();
}
END_TEST

START_TEST(blocked_write_ends)
{
	int fd = terminal_open("tty2", O_RDWR);
	static char data[256 * 1024];
	ssize_t n;

	memset(data, '\n', sizeof(data));
	say(fd, "hold");
	rest_ms(REST_MS);
	control_do(_i ? "in 700 kill-hostd\nin 1500 start-hostd\necho done" :
			"in 700 kill-session\necho done");
	do
		n = write(fd, data, sizeof(data));
	while (n > 0);
	expect_gone("blocked write", n, errno);
	close(fd);
	expect_back();
	control_do("@tty2 in 0 unhold\necho done");
}
END_TEST

START_TEST(idle_file_dies_too)
{
	int fd = terminal_open("tty0", O_RDWR);
	struct pollfd pfd = { .fd = fd, .events = 0 };

	use_alone(fd);
	say(fd, "%s", breaks[_i]);
	/* POLLERR and POLLHUP come without being asked for. */
	ck_assert_int_eq(poll(&pfd, 1, HANG_MS), 1);
	ck_assert_int_eq(pfd.revents, POLLERR | POLLHUP);
	expect_dead(fd);
	close(fd);
	expect_back();
}
END_TEST

START_TEST(again_and_again)
{
	for (int i = 0; i < 5; i++) {
		int fd = terminal_open("tty0", O_RDWR);

		say(fd, "in 100 kill-session");
		ck_assert_int_eq(wait_ready(fd, POLLIN) & (POLLERR | POLLHUP), POLLERR | POLLHUP);
		close(fd);
		expect_back();
	}
}
END_TEST

static bool one_session(void *context)
{
	return control_ask("sessions") == 1;
}

START_TEST(nothing_is_left_on_the_host)
{
	long before = control_ask("count-fds"), opens = control_ask("@tty3 count-open");
	uint64_t until = now_ms() + HANG_MS;
	int fd;

	for (int i = 0; i < 3; i++) {
		fd = terminal_open("tty3", O_RDWR);
		say(fd, "in 100 kill-session");
		ck_assert_int_eq(wait_ready(fd, POLLIN) & (POLLERR | POLLHUP), POLLERR | POLLHUP);
		close(fd);
		expect_back();
	}
	ck_assert(wait_until(one_session, NULL));
	while (control_ask("count-fds") != before && now_ms() < until)
		rest_ms(50);
	ck_assert_int_eq(control_ask("count-fds"), before);
	ck_assert_int_eq(control_ask("@tty3 count-open"), opens);
}
END_TEST

TCase *case_reconnect(void)
{
	TCase *tcase = tcase_create("reconnect");

	tcase_set_timeout(tcase, 180);
	tcase_add_loop_test(tcase, what_is_in_flight_ends, 0, N_BREAKS);
	tcase_add_loop_test(tcase, blocked_write_ends, 0, N_BREAKS);
	tcase_add_loop_test(tcase, idle_file_dies_too, 0, N_BREAKS);
	tcase_add_test(tcase, again_and_again);
	tcase_add_test(tcase, nothing_is_left_on_the_host);
	return tcase;
}

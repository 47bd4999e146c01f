// SPDX-License-Identifier: GPL-2.0-or-later
/* Readiness, pushed: poll, select and epoll sleep until the device is ready. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

#include "integration.h"

static int mask_now(int fd, int events)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	ck_assert_int_ge(poll(&pfd, 1, 0), 0);
	return pfd.revents;
}

START_TEST(idle_is_writable_only)
{
	int fd = terminal_open("tty2", O_RDWR);

	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(mask_now(fd, POLLIN | POLLOUT), POLLOUT);
	ck_assert_int_eq(mask_now(fd, POLLIN), 0);
	close(fd);
}
END_TEST

START_TEST(always_ready_device)
{
	int fd = node_open("zero", O_RDWR);

	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(mask_now(fd, POLLIN | POLLOUT), POLLIN | POLLOUT);
	close(fd);
}
END_TEST

START_TEST(data_that_was_there_is_seen)
{
	int fd = terminal_open("tty2", O_RDWR);

	say(fd, "echo x");
	rest_ms(REST_MS);
	ck_assert_int_ne(wait_ready(fd, POLLIN) & POLLIN, 0);
	ck_assert_str_eq(hear(fd), "x");
	ck_assert_int_eq(mask_now(fd, POLLIN), 0);
	close(fd);
}
END_TEST

START_TEST(data_wakes_poll)
{
	int fd = terminal_open("tty2", O_RDWR);

	for (int i = 0; i < 5; i++) {
		say(fd, "in 100 echo %d", i);
		ck_assert_int_eq(wait_ready(fd, POLLIN), POLLIN);
		ck_assert_int_eq(hear(fd)[0], '0' + i);
	}
	close(fd);
}
END_TEST

START_TEST(data_wakes_select)
{
	int fd = terminal_open("tty2", O_RDWR);
	struct timeval limit = { .tv_sec = HANG_MS / 1000 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	say(fd, "in 100 echo x");
	ck_assert_int_eq(select(fd + 1, &set, NULL, NULL, &limit), 1);
	ck_assert(FD_ISSET(fd, &set));
	ck_assert_str_eq(hear(fd), "x");
	close(fd);
}
END_TEST

static int epoll_on(int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	ck_assert_int_ge(epoll, 0);
	ck_assert_int_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
	return epoll;
}

START_TEST(data_wakes_epoll)
{
	int fd = terminal_open("tty2", O_RDWR);
	int epoll = epoll_on(fd, EPOLLIN);
	struct epoll_event event;

	ck_assert_int_eq(epoll_wait(epoll, &event, 1, 0), 0);
	for (int i = 0; i < 5; i++) {
		say(fd, "in 100 echo %d", i);
		ck_assert_int_eq(epoll_wait(epoll, &event, 1, HANG_MS), 1);
		ck_assert_uint_eq(event.events, EPOLLIN);
		/* Level triggered: as long as it is not read. */
		ck_assert_int_eq(epoll_wait(epoll, &event, 1, HANG_MS), 1);
		ck_assert_int_eq(hear(fd)[0], '0' + i);
		ck_assert_int_eq(epoll_wait(epoll, &event, 1, 0), 0);
	}
	close(epoll);
	close(fd);
}
END_TEST

START_TEST(data_wakes_edge_triggered_epoll)
{
	int fd = terminal_open("tty2", O_RDWR | O_NONBLOCK);
	int epoll = epoll_on(fd, EPOLLIN | EPOLLET);
	struct epoll_event event;
	char data[64];

	for (int i = 0; i < 5; i++) {
		size_t total = 0;

		say(fd, "in 100 echo %d", i);
		/* Edges may come early; each is followed by reading all there is. */
		while (total < 2) {
			ssize_t n;

			ck_assert_int_eq(epoll_wait(epoll, &event, 1, HANG_MS), 1);
			while ((n = read(fd, data + total, sizeof(data) - total)) > 0)
				total += n;
			ck_assert_int_eq(errno, EAGAIN);
		}
		ck_assert_int_eq(total, 2);
		ck_assert_int_eq(data[0], '0' + i);
	}
	/* No edge without news. */
	while (epoll_wait(epoll, &event, 1, REST_MS) == 1)
		ck_assert_int_eq(read(fd, data, sizeof(data)), -1);
	close(epoll);
	close(fd);
}
END_TEST

START_TEST(room_wakes_poll)
{
	int fd = terminal_open("tty2", O_RDWR | O_NONBLOCK);
	static char data[4096];

	memset(data, '\n', sizeof(data));
	say(fd, "hold");
	/* The terminal moves what it has to its reader's buffer a little later, and then
	 * there is room once more: until that is full too. */
	for (int i = 0; i < 20 && (i == 0 || mask_now(fd, POLLOUT)); i++) {
		while (write(fd, data, sizeof(data)) > 0)
			;
		ck_assert_int_eq(errno, EAGAIN);
		rest_ms(50);
	}
	ck_assert_int_eq(mask_now(fd, POLLOUT), 0);
	control_do("@tty2 in 200 unhold\necho done");
	ck_assert_int_eq(wait_ready(fd, POLLOUT), POLLOUT);
	close(fd);
}
END_TEST

START_TEST(hangup_wakes_poll)
{
	int fd = terminal_open("tty6", O_RDWR);
	char byte;
	int mask;
	ssize_t n;

	control_do("@tty6 in 200 hangup\necho done");
	mask = wait_ready(fd, POLLIN);
	ck_assert_msg(mask & POLLHUP, "mask 0x%x has no POLLHUP", mask);
	/* As n_tty_read() and hung_up_tty_read() have it. */
	n = read(fd, &byte, 1);
	ck_assert_msg(n == 0 || (n < 0 && errno == EIO), "read: %zd, %s", n, strerror(errno));
	ck_assert_int_eq(write(fd, "x", 1), -1);
	ck_assert_int_eq(errno, EIO);
	close(fd);
	control_do("@tty6 renew");
	fd = node_open_renewed("tty6", O_RDWR);
	say(fd, "echo back");
	ck_assert_str_eq(hear(fd), "back");
	close(fd);
}
END_TEST

struct poller {
	pthread_t thread;
	int fd;
	int events;
	int mask;
};

static void *poller_main(void *argument)
{
	struct poller *poller = argument;
	struct pollfd pfd = { .fd = poller->fd, .events = poller->events };

	poller->mask = poll(&pfd, 1, HANG_MS) == 1 ? pfd.revents : 0;
	return NULL;
}

static void poller_start(struct poller *poller, int fd, int events)
{
	*poller = (struct poller){ .fd = fd, .events = events };
	ck_assert_int_eq(pthread_create(&poller->thread, NULL, poller_main, poller), 0);
}

START_TEST(two_pollers_of_one_file)
{
	int fd = terminal_open("tty2", O_RDWR);
	struct poller pollers[2];

	for (int i = 0; i < 2; i++)
		poller_start(&pollers[i], fd, POLLIN);
	rest_ms(REST_MS);
	say(fd, "echo x");
	for (int i = 0; i < 2; i++) {
		pthread_join(pollers[i].thread, NULL);
		ck_assert_msg(pollers[i].mask & POLLIN, "poller %d: 0x%x", i, pollers[i].mask);
	}
	close(fd);
}
END_TEST

START_TEST(two_files_of_one_device)
{
	int first = terminal_open("tty2", O_RDWR), second = node_open("tty2", O_RDWR);
	struct poller pollers[2];

	poller_start(&pollers[0], first, POLLIN);
	poller_start(&pollers[1], second, POLLIN);
	rest_ms(REST_MS);
	say(first, "echo x");
	for (int i = 0; i < 2; i++) {
		pthread_join(pollers[i].thread, NULL);
		ck_assert_msg(pollers[i].mask & POLLIN, "poller %d: 0x%x", i, pollers[i].mask);
	}
	/* What one reads is gone for the other. */
	ck_assert_str_eq(hear(first), "x");
	rest_ms(REST_MS);
	ck_assert_int_eq(mask_now(second, POLLIN), 0);
	close(second);
	close(first);
}
END_TEST

START_TEST(different_events_at_once)
{
	int fd = terminal_open("tty2", O_RDWR);
	struct poller in;

	poller_start(&in, fd, POLLIN);
	rest_ms(REST_MS);
	ck_assert_int_eq(wait_ready(fd, POLLOUT), POLLOUT);
	ck_assert_int_eq(mask_now(fd, POLLIN | POLLOUT | POLLPRI), POLLOUT);
	say(fd, "echo x");
	pthread_join(in.thread, NULL);
	ck_assert_int_eq(in.mask, POLLIN);
	close(fd);
}
END_TEST

START_TEST(many_devices_in_one_poll)
{
	struct pollfd pfds[4];
	char name[8];

	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "tty%d", i);
		pfds[i] = (struct pollfd){ .fd = terminal_open(name, O_RDWR), .events = POLLIN };
	}
	for (int i = 3; i >= 0; i--) {
		say(pfds[i].fd, "in 100 echo x");
		ck_assert_int_eq(poll(pfds, 4, HANG_MS), 1);
		for (int j = 0; j < 4; j++)
			ck_assert_int_eq(pfds[j].revents, j == i ? POLLIN : 0);
		hear(pfds[i].fd);
	}
	for (int i = 0; i < 4; i++)
		close(pfds[i].fd);
}
END_TEST

TCase *case_poll(void)
{
	TCase *tcase = tcase_create("poll");

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, idle_is_writable_only);
	tcase_add_test(tcase, always_ready_device);
	tcase_add_test(tcase, data_that_was_there_is_seen);
	tcase_add_test(tcase, data_wakes_poll);
	tcase_add_test(tcase, data_wakes_select);
	tcase_add_test(tcase, data_wakes_epoll);
	tcase_add_test(tcase, data_wakes_edge_triggered_epoll);
	tcase_add_test(tcase, room_wakes_poll);
	tcase_add_test(tcase, hangup_wakes_poll);
	tcase_add_test(tcase, two_pollers_of_one_file);
	tcase_add_test(tcase, two_files_of_one_device);
	tcase_add_test(tcase, different_events_at_once);
	tcase_add_test(tcase, many_devices_in_one_poll);
	return tcase;
}

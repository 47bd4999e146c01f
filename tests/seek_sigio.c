// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * seek_sigio KEYBOARD KMSG: lseek and SIGIO through nodes of a keyboard with lights
 * (evdev) and of /dev/kmsg, both as their drivers have it (linux/drivers/input/evdev.c,
 * linux/kernel/printk/printk.c).
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/input.h>

#include "suite.h"

static const char *keyboard, *kmsg;

static int node_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	return fd;
}

START_TEST(positions)
{
	int fd = node_open(kmsg, O_RDONLY | O_NONBLOCK);
	char first[8192], again[8192], next[8192];
	ssize_t n, m;

	n = read(fd, first, sizeof(first));
	ck_assert_int_gt(n, 0);
	ck_assert_int_gt(read(fd, next, sizeof(next)), 0);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	m = read(fd, again, sizeof(again));
	ck_assert_int_eq(m, n);
	ck_assert_mem_eq(again, first, n);
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), 0);
	ck_assert_int_eq(read(fd, again, sizeof(again)), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(lseek(fd, 7, SEEK_SET), -1);
	ck_assert_int_eq(errno, ESPIPE);
	ck_assert_int_eq(lseek(fd, 0, 99), -1);
	ck_assert_int_eq(errno, EINVAL);
	close(fd);
}
END_TEST

START_TEST(no_position)
{
	int fd = node_open(keyboard, O_RDONLY);

	ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), -1);
	ck_assert_int_eq(errno, ESPIPE);
	close(fd);
}
END_TEST

/* ---- SIGIO ---- */

static volatile sig_atomic_t n_signals, last_fd, last_code;

static void on_signal(int number, siginfo_t *info, void *context)
{
	n_signals++;
	last_fd = info->si_fd;
	last_code = info->si_code;
}

/* Switches a light, of which the device tells all who have it open. */
static void light(int fd, bool on)
{
	struct input_event events[2] = {
		{ .type = EV_LED, .code = LED_CAPSL, .value = on },
		{ .type = EV_SYN, .code = SYN_REPORT },
	};

	ck_assert_int_eq(write(fd, events, sizeof(events)), sizeof(events));
}

static int signals_after(unsigned int wait_ms, int wanted)
{
	struct timespec ts = { .tv_nsec = 10000000 };

	for (unsigned int i = 0; i < wait_ms / 10 && n_signals < wanted; i++)
		nanosleep(&ts, NULL);
	return n_signals;
}

static void asked(int fd, int number)
{
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART };

	sigaction(number, &action, NULL);
	ck_assert_int_eq(fcntl(fd, F_SETOWN, getpid()), 0);
	ck_assert_int_eq(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC), 0);
}

START_TEST(sigio)
{
	int fd = node_open(keyboard, O_RDWR | O_NONBLOCK), writer = node_open(keyboard, O_RDWR);

	light(writer, false);
	asked(fd, SIGIO);
	light(writer, true);
	ck_assert_int_ge(signals_after(5000, 1), 1);
	/* No more once it is not asked for. */
	ck_assert_int_eq(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_ASYNC), 0);
	signals_after(300, 1000);
	n_signals = 0;
	light(writer, false);
	ck_assert_int_eq(signals_after(500, 1), 0);
	asked(fd, SIGIO);
	light(writer, true);
	ck_assert_int_ge(signals_after(5000, 1), 1);
	light(writer, false);
	close(writer);
	close(fd);
}
END_TEST

START_TEST(signal_with_reason)
{
	int fd = node_open(keyboard, O_RDWR | O_NONBLOCK), writer = node_open(keyboard, O_RDWR);

	light(writer, false);
	ck_assert_int_eq(fcntl(fd, F_SETSIG, SIGRTMIN + 5), 0);
	asked(fd, SIGRTMIN + 5);
	light(writer, true);
	ck_assert_int_ge(signals_after(5000, 1), 1);
	ck_assert_int_eq(last_fd, fd);
	ck_assert_int_eq(last_code, POLL_IN);
	light(writer, false);
	close(writer);
	close(fd);
}
END_TEST

START_TEST(closed_while_asked)
{
	int writer = node_open(keyboard, O_RDWR);

	for (int i = 0; i < 20; i++) {
		int fd = node_open(keyboard, O_RDWR | O_NONBLOCK);

		asked(fd, SIGIO);
		light(writer, i & 1);
		close(fd);
	}
	light(writer, false);
	close(writer);
}
END_TEST

int main(int argc, char **argv)
{
	TCase *tcase = tcase_create("seek_sigio");

	if (argc < 3)
		return 77;
	keyboard = argv[1];
	kmsg = argv[2];
	setvbuf(stdout, NULL, _IOLBF, 0);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, positions);
	tcase_add_test(tcase, no_position);
	tcase_add_test(tcase, sigio);
	tcase_add_test(tcase, signal_with_reason);
	tcase_add_test(tcase, closed_while_asked);
	return suite_run("seek_sigio", tcase);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Threads: one slow operation delays no other, on the same file or elsewhere. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "integration.h"
#include "pattern.h"

#define N_THREADS 16
#define N_ROUNDS 300
#define N_READERS 120 /* more than may be in flight (PROTO_IN_FLIGHT_MAX) */

static void on_signal(int number)
{
}

START_TEST(blocked_read_delays_nothing_on_its_file)
{
	int fd = terminal_open("tty0", O_RDWR);
	struct winsize size = { .ws_row = 1 }, back = { 0 };
	struct reader blocked, second;

	use_alone(fd);
	reader_start(&blocked, fd, 1);
	rest_ms(REST_MS);
	for (int i = 0; i < 20; i++) {
		size.ws_col = i;
		ck_assert_int_eq(ioctl(fd, TIOCSWINSZ, &size), 0);
		ck_assert_int_eq(ioctl(fd, TIOCGWINSZ, &back), 0);
		ck_assert_uint_eq(back.ws_col, i);
		ck_assert_int_eq(wait_ready(fd, POLLOUT) & POLLOUT, POLLOUT);
		ck_assert_int_eq(write(fd, "\n", 1), 1);
	}
	ck_assert(!reader_done(&blocked));
	/* A second read waits beside the first, and both end. */
	reader_start(&second, fd, 1);
	rest_ms(REST_MS);
	say(fd, "echo x");
	reader_join(&blocked);
	reader_join(&second);
	ck_assert_int_eq(blocked.result, 1);
	ck_assert_int_eq(second.result, 1);
	ck_assert_int_eq(blocked.data[0] + second.data[0], 'x' + '\n');
	close(fd);
}
END_TEST

START_TEST(blocked_reads_delay_nothing_elsewhere)
{
	struct reader blocked[4];
	int fds[4], zero = node_open("zero", O_RDONLY), other = terminal_open("tty5", O_RDWR);
	char name[8], data[4096];

	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "tty%d", i);
		fds[i] = terminal_open(name, O_RDWR);
		reader_start(&blocked[i], fds[i], 1);
	}
	rest_ms(REST_MS);
	for (int i = 0; i < 50; i++) {
		ck_assert_int_eq(read(zero, data, sizeof(data)), sizeof(data));
		say(other, "echo %d", i);
		ck_assert_int_eq(atoi(hear(other)), i);
		close(node_open("null", O_RDWR));
	}
	for (int i = 0; i < 4; i++) {
		ck_assert(!reader_done(&blocked[i]));
		say(fds[i], "echo ");
		reader_join(&blocked[i]);
		ck_assert_int_eq(blocked[i].result, 1);
		close(fds[i]);
	}
	close(other);
	close(zero);
}
END_TEST

struct busy {
	pthread_t thread;
	int number;
	int shared; /* a file that all use */
	const char *failure; /* NULL: none */
};

#define busy_check(busy, condition)                    \
	do {                                           \
		if (!(condition)) {                    \
			(busy)->failure = #condition;  \
			return NULL;                   \
		}                                      \
	} while (0)

static void *busy_main(void *argument)
{
	struct busy *busy = argument;
	int flags = O_RDWR | O_CLOEXEC | O_NOCTTY;
	struct winsize size;
	char data[8192];

	for (int i = 0; i < test_rounds(N_ROUNDS); i++) {
		size_t n = 1 + (i * 131 + busy->number * 17) % sizeof(data);
		int own = open(node_path(i % 2 ? "zero" : "full"), flags);

		busy_check(busy, own >= 0);
		memset(data, 0xff, n);
		busy_check(busy, read(own, data, n) == (ssize_t)n);
		busy_check(busy, data[0] == 0 && data[n - 1] == 0);
		if (i % 2)
			busy_check(busy, write(own, data, n) == (ssize_t)n);
		else
			busy_check(busy, write(own, data, n) == -1 && errno == ENOSPC);
		busy_check(busy, ioctl(busy->shared, TIOCGWINSZ, &size) == 0);
		busy_check(busy, size.ws_row == 77 && size.ws_col == 88);
		busy_check(busy, ioctl(own, TIOCGWINSZ, &size) == -1 && errno == ENOTTY);
		busy_check(busy, poll(&(struct pollfd){ own, POLLIN, 0 }, 1, HANG_MS) == 1);
		busy_check(busy, close(own) == 0);
	}
	return NULL;
}

static bool handles_are(void *context)
{
	return control_ask("@tty5 count-open") == *(long *)context;
}

START_TEST(many_threads)
{
	struct busy busy[N_THREADS];
	int fd = terminal_open("tty5", O_RDWR);
	long one = 1;

	say(fd, "winsize 77 88");
	hear(fd);
	for (int i = 0; i < N_THREADS; i++) {
		busy[i] = (struct busy){ .number = i, .shared = fd };
		ck_assert_int_eq(pthread_create(&busy[i].thread, NULL, busy_main, &busy[i]), 0);
	}
	for (int i = 0; i < N_THREADS; i++) {
		pthread_join(busy[i].thread, NULL);
		ck_assert_msg(!busy[i].failure, "thread %d: %s", i, busy[i].failure);
	}
	ck_assert_msg(wait_until(handles_are, &one), "the host has other files open");
	close(fd);
}
END_TEST

/* Big transfers of several threads must not mix. */
static void *stream_main(void *argument)
{
	struct busy *busy = argument;
	size_t size = 300000;
	uint8_t *data = malloc(size), *wanted = malloc(size);
	uint32_t seed = 1 + busy->number;
	char name[8];
	int fd;

	snprintf(name, sizeof(name), "tty%d", busy->number);
	fd = open(node_path(name), O_RDWR | O_CLOEXEC | O_NOCTTY);
	busy_check(busy, fd >= 0);
	say(fd, "source %zu %u", size, seed);
	pattern_fill(&seed, wanted, size);
	read_fully(fd, data, size);
	busy_check(busy, memcmp(data, wanted, size) == 0);
	free(data);
	free(wanted);
	busy_check(busy, close(fd) == 0);
	return NULL;
}

START_TEST(streams_do_not_mix)
{
	struct busy busy[4];
	char name[8];

	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "tty%d", i);
		close(terminal_open(name, O_RDWR));
	}
	for (int i = 0; i < 4; i++) {
		busy[i] = (struct busy){ .number = i };
		ck_assert_int_eq(pthread_create(&busy[i].thread, NULL, stream_main, &busy[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(busy[i].thread, NULL);
		ck_assert_msg(!busy[i].failure, "thread %d: %s", i, busy[i].failure);
	}
}
END_TEST

/* More reads than may be in flight: the rest wait their turn. While they do, no
 * line could be said, so the answer that ends them is asked for before. */
START_TEST(more_readers_than_in_flight)
{
	static struct reader readers[N_READERS];
	int fd = terminal_open("tty0", O_RDWR), n_newlines = 0;
	char text[N_READERS];

	memset(text, 'y', sizeof(text));
	text[N_READERS - 1] = '\0';
	say(fd, "in 2000 echo %s", text);
	for (int i = 0; i < N_READERS; i++)
		reader_start(&readers[i], fd, 1);
	for (int i = 0; i < N_READERS; i++) {
		reader_join(&readers[i]);
		ck_assert_int_eq(readers[i].result, 1);
		ck_assert(readers[i].data[0] == 'y' || readers[i].data[0] == '\n');
		n_newlines += readers[i].data[0] == '\n';
	}
	ck_assert_int_eq(n_newlines, 1);
	say(fd, "echo after");
	ck_assert_str_eq(hear(fd), "after");
	close(fd);
}
END_TEST

/* Reads that wait for their turn are interrupted like the others. */
START_TEST(signals_reach_readers_that_wait)
{
	static struct reader readers[N_READERS];
	struct sigaction action = { .sa_handler = on_signal };
	int fd = terminal_open("tty0", O_RDWR);

	ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
	for (int i = 0; i < N_READERS; i++)
		reader_start(&readers[i], fd, 1);
	rest_ms(2 * REST_MS);
	for (int i = N_READERS - 1; i >= 0; i--) {
		ck_assert(!reader_done(&readers[i]));
		pthread_kill(readers[i].thread, SIGUSR1);
		reader_join(&readers[i]);
		ck_assert_int_eq(readers[i].result, -1);
		ck_assert_int_eq(readers[i].error, EINTR);
	}
	say(fd, "echo after");
	ck_assert_str_eq(hear(fd), "after");
	close(fd);
}
END_TEST

TCase *case_concurrency(void)
{
	TCase *tcase = tcase_create("concurrency");

	tcase_set_timeout(tcase, 180);
	tcase_add_test(tcase, blocked_read_delays_nothing_on_its_file);
	tcase_add_test(tcase, blocked_reads_delay_nothing_elsewhere);
	tcase_add_test(tcase, many_threads);
	tcase_add_test(tcase, streams_do_not_mix);
	tcase_add_test(tcase, more_readers_than_in_flight);
	tcase_add_test(tcase, signals_reach_readers_that_wait);
	return tcase;
}

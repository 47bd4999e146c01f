// SPDX-License-Identifier: GPL-2.0-or-later
/* Operations that block: ended by data, by signals, and by death. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "integration.h"

static void on_signal(int number)
{
}

static void handle_signal_with(int number, int flags)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };

	ck_assert_int_eq(sigaction(number, &action, NULL), 0);
}

/* A handler without SA_RESTART. */
static void handle_signal(int number)
{
	handle_signal_with(number, 0);
}

/* Terminals have reads begun anew (ERESTARTSYS), of which FUSE alone tells the kernel
 * nothing. */
static bool reads_are_begun_anew(void)
{
	return !nodes_are_files() && access("/dev/paradice-mmhelper", F_OK) == 0;
}

START_TEST(read_ends_with_data)
{
	int fd = terminal_open("tty3", O_RDWR);
	char data[16];

	say(fd, "in 200 echo x");
	ck_assert_int_eq(read(fd, data, 1), 1);
	ck_assert_int_eq(data[0], 'x');
	close(fd);
}
END_TEST

START_TEST(read_ends_with_signal)
{
	int fd = terminal_open("tty3", O_RDWR);
	struct reader reader;

	handle_signal(SIGUSR1);
	reader_start(&reader, fd, 1);
	rest_ms(REST_MS);
	ck_assert(!reader_done(&reader));
	pthread_kill(reader.thread, SIGUSR1);
	reader_join(&reader);
	ck_assert_int_eq(reader.result, -1);
	ck_assert_int_eq(reader.error, EINTR);
	/* The file still works, and nothing was lost. */
	say(fd, "echo all here");
	ck_assert_str_eq(hear(fd), "all here");
	close(fd);
}
END_TEST

START_TEST(read_outlasts_signals)
{
	int fd = terminal_open("tty3", O_RDWR);
	struct reader reader;

	if (!reads_are_begun_anew()) {
		test_skip("read_outlasts_signals", "mmhelper does not help these nodes");
		close(fd);
		return;
	}
	handle_signal_with(SIGUSR1, SA_RESTART);
	reader_start(&reader, fd, 5);
	for (int i = 0; i < 20; i++) {
		rest_ms(i * 7 % 50);
		pthread_kill(reader.thread, SIGUSR1);
	}
	rest_ms(REST_MS);
	ck_assert(!reader_done(&reader));
	say(fd, "echo here");
	reader_join(&reader);
	ck_assert_int_eq(reader.result, 5);
	ck_assert_mem_eq(reader.data, "here\n", 5);
	close(fd);
}
END_TEST

/* Ctrl-Z and fg, or a debugger. */
START_TEST(read_outlasts_a_stop)
{
	int fd = terminal_open("tty3", O_RDWR), status;
	char data[8] = "";
	pid_t pid;

	if (!reads_are_begun_anew()) {
		test_skip("read_outlasts_a_stop", "mmhelper does not help these nodes");
		close(fd);
		return;
	}
	pid = fork();
	if (pid == 0) {
		child_check(read(fd, data, 5) == 5);
		child_check(memcmp(data, "here\n", 5) == 0);
		_exit(0);
	}
	for (int i = 0; i < 3; i++) {
		rest_ms(REST_MS);
		ck_assert_int_eq(kill(pid, SIGSTOP), 0);
		ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
		ck_assert(WIFSTOPPED(status));
		ck_assert_int_eq(kill(pid, SIGCONT), 0);
	}
	say(fd, "echo here");
	child_wait(pid, 0);
	close(fd);
}
END_TEST

/* Signals that come at any moment, before, during and after a call. */
START_TEST(signals_at_any_moment)
{
	int fd = terminal_open("tty3", O_RDWR);
	struct reader reader;

	handle_signal(SIGUSR1);
	for (int i = 0; i < 100; i++) {
		reader_start(&reader, fd, 1);
		usleep(i * 37 % 1500);
		while (!reader_done(&reader)) {
			pthread_kill(reader.thread, SIGUSR1);
			usleep(200);
		}
		reader_join(&reader);
		ck_assert_int_eq(reader.result, -1);
		ck_assert_int_eq(reader.error, EINTR);
	}
	say(fd, "echo all here");
	ck_assert_str_eq(hear(fd), "all here");
	close(fd);
}
END_TEST

/* The puppet sends each line once; a read that is interrupted must not eat it. */
START_TEST(signals_lose_no_data)
{
	int fd = terminal_open("tty3", O_RDWR);
	char wanted[16];

	handle_signal(SIGUSR1);
	for (int i = 0; i < 50; i++) {
		struct reader reader;
		size_t total = 0;

		say(fd, "in %d echo %05d", i % 4, i);
		snprintf(wanted, sizeof(wanted), "%05d\n", i);
		while (total < 6) {
			uint64_t until = now_ms() + HANG_MS;

			reader_start(&reader, fd, 6 - total);
			while (!reader_done(&reader) && now_ms() < until) {
				pthread_kill(reader.thread, SIGUSR1);
				usleep(300);
			}
			reader_join(&reader);
			if (reader.result > 0) {
				ck_assert_mem_eq(reader.data, wanted + total, reader.result);
				total += reader.result;
			} else {
				ck_assert_int_eq(reader.error, EINTR);
			}
		}
	}
	close(fd);
}
END_TEST

START_TEST(write_ends_with_room)
{
	int fd = terminal_open("tty3", O_RDWR);
	static char data[256 * 1024];

	memset(data, '\n', sizeof(data));
	say(fd, "hold");
	control_do("@tty3 in 300 unhold\necho done");
	write_fully(fd, data, sizeof(data));
	say(fd, "echo through");
	ck_assert_str_eq(hear(fd), "through");
	close(fd);
}
END_TEST

START_TEST(write_ends_with_signal)
{
	int fd = terminal_open("tty3", O_RDWR);
	pid_t pid;

	say(fd, "hold");
	pid = fork();
	if (pid == 0) {
		static char data[64 * 1024];
		ssize_t n;

		memset(data, '\n', sizeof(data));
		handle_signal(SIGALRM);
		alarm(2);
		do
			n = write(fd, data, sizeof(data));
		while (n == sizeof(data));
		/* write(2): what was written before the signal counts. */
		child_check(n > 0 || errno == EINTR);
		_exit(0);
	}
	child_wait(pid, 0);
	control_do("@tty3 in 0 unhold\necho done");
	say(fd, "echo through");
	ck_assert_str_eq(hear(fd), "through");
	close(fd);
}
END_TEST

static bool closed_on_the_host(void *context)
{
	return control_ask("@tty4 count-open") == *(long *)context;
}

START_TEST(killed_reader_leaves_nothing)
{
	long before = control_ask("@tty4 count-open");
	int status, ends[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		int fd = terminal_open("tty4", O_RDWR);

		child_check(write(ends[1], "x", 1) == 1);
		/* What an earlier test has left does not count. */
		for (;;)
			child_check(read(fd, &byte, 1) == 1);
	}
	ck_assert_int_eq(read(ends[0], &byte, 1), 1);
	rest_ms(REST_MS);
	ck_assert_int_eq(control_ask("@tty4 count-open"), before + 1);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	ck_assert_msg(wait_until(closed_on_the_host, &before), "the host still has the file open");
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(close_while_reading)
{
	long before = control_ask("@tty4 count-open");
	int fd = terminal_open("tty4", O_RDWR), other = dup(fd);
	struct reader reader;

	reader_start(&reader, fd, 1);
	rest_ms(REST_MS);
	/* As natively: the read holds the file. */
	close(fd);
	rest_ms(REST_MS);
	ck_assert(!reader_done(&reader));
	say(other, "echo ");
	reader_join(&reader);
	ck_assert_int_eq(reader.result, 1);
	close(other);
	ck_assert_msg(wait_until(closed_on_the_host, &before), "the host still has the file open");
}
END_TEST

START_TEST(hangup_ends_read)
{
	int fd = terminal_open("tty6", O_RDWR);
	struct reader reader;

	use_alone(fd);
	reader_start(&reader, fd, 1);
	rest_ms(REST_MS);
	control_do("@tty6 hangup\necho done");
	reader_join(&reader);
	ck_assert_msg(reader.result == 0 || reader.error == EIO, "read: %zd, %s", reader.result,
		      strerror(reader.error));
	close(fd);
	control_do("@tty6 renew");
	fd = node_open_renewed("tty6", O_RDWR);
	say(fd, "echo back");
	ck_assert_str_eq(hear(fd), "back");
	close(fd);
}
END_TEST

TCase *case_blocking(void)
{
	TCase *tcase = tcase_create("blocking");

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, read_ends_with_data);
	tcase_add_test(tcase, read_ends_with_signal);
	tcase_add_test(tcase, read_outlasts_signals);
	tcase_add_test(tcase, read_outlasts_a_stop);
	tcase_add_test(tcase, signals_at_any_moment);
	tcase_add_test(tcase, signals_lose_no_data);
	tcase_add_test(tcase, write_ends_with_room);
	tcase_add_test(tcase, write_ends_with_signal);
	tcase_add_test(tcase, killed_reader_leaves_nothing);
	tcase_add_test(tcase, close_while_reading);
	tcase_add_test(tcase, hangup_ends_read);
	return tcase;
}

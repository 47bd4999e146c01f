// SPDX-License-Identifier: GPL-2.0-or-later
/* hostd/driver_call: what a signal makes of a system call, by what the kernel's side of it
 * returns. A pipe's read is begun anew (fs/pipe.c: ERESTARTSYS), ppoll(2) never is. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hostd/driver_call.h"
#include "proto/proto.h"
#include "suite.h"

struct call {
	pthread_t thread;
	int fd;
	bool poll;
	long result;
	char data[4];
	bool begun, done;
};

static void *call_main(void *argument)
{
	struct call *call = argument;
	struct pollfd pfd = { .fd = call->fd, .events = POLLIN };

	__atomic_store_n(&call->begun, true, __ATOMIC_RELEASE);
	if (call->poll)
		call->result = driver_call((long)&pfd, 1, 0, 0, SYS_ppoll);
	else
		call->result = driver_read(call->fd, call->data, sizeof(call->data), false, 0);
	__atomic_store_n(&call->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Sends signals to a thread that makes the call, the first after `us`. */
static void interrupt(struct call *call, unsigned int us)
{
	ck_assert_int_eq(pthread_create(&call->thread, NULL, call_main, call), 0);
	while (!__atomic_load_n(&call->begun, __ATOMIC_ACQUIRE))
		;
	usleep(us);
	while (!__atomic_load_n(&call->done, __ATOMIC_ACQUIRE)) {
		pthread_kill(call->thread, SIGUSR1);
		usleep(100);
	}
	pthread_join(call->thread, NULL);
}

START_TEST(result_as_the_kernel_says)
{
	int ends[2], n = 0;
	char data[4];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(driver_write(ends[1], "abc", 3, false, 0), 3);
	ck_assert_int_eq(driver_ioctl(ends[0], FIONREAD, &n), 0);
	ck_assert_int_eq(n, 3);
	ck_assert_int_eq(driver_read(ends[0], data, sizeof(data), false, 0), 3);
	ck_assert_mem_eq(data, "abc", 3);
	ck_assert_int_eq(driver_read(ends[1], data, 1, false, 0), -EBADF);
	ck_assert_int_eq(driver_read(ends[0], data, 1, true, 0), -ESPIPE);
	ck_assert_int_eq(driver_write(ends[1], data, 1, true, 0), -ESPIPE);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(position_is_the_fourth)
{
	FILE *file = tmpfile();
	char data[4] = "";

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(driver_write(fileno(file), "xyz", 3, true, 5), 3);
	ck_assert_int_eq(driver_read(fileno(file), data, 2, true, 6), 2);
	ck_assert_str_eq(data, "yz");
	fclose(file);
}
END_TEST

/* Also where the signal comes before the call has begun. */
START_TEST(restart_is_told_from_eintr)
{
	int ends[2];

	driver_call_prepare(SIGUSR1);
	ck_assert_int_eq(pipe(ends), 0);
	for (unsigned int i = 0; i < 200; i++) {
		struct call call = { .fd = ends[0], .poll = i & 1 };

		interrupt(&call, i * 37 % 500);
		if (call.poll)
			ck_assert_msg(call.result == -EINTR || call.result == -PROTO_RESTART, "%ld", call.result);
		else
			ck_assert_int_eq(call.result, -PROTO_RESTART);
	}
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(eintr_stays)
{
	struct call call = { .poll = true };
	int ends[2];

	driver_call_prepare(SIGUSR1);
	ck_assert_int_eq(pipe(ends), 0);
	call.fd = ends[0];
	/* It surely sleeps by then. */
	interrupt(&call, 200000);
	ck_assert_int_eq(call.result, -EINTR);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

/* What has come by then is not lost. */
START_TEST(signals_lose_no_data)
{
	int ends[2];

	driver_call_prepare(SIGUSR1);
	ck_assert_int_eq(pipe(ends), 0);
	for (int i = 0; i < 100; i++) {
		struct call call = { .fd = ends[0] };

		ck_assert_int_eq(write(ends[1], &i, sizeof(i)), sizeof(i));
		interrupt(&call, 0);
		if (call.result == -PROTO_RESTART)
			call.result = read(ends[0], call.data, sizeof(call.data));
		ck_assert_int_eq(call.result, sizeof(i));
		ck_assert_mem_eq(call.data, &i, sizeof(i));
	}
	close(ends[0]);
	close(ends[1]);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("driver_call");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, result_as_the_kernel_says);
	tcase_add_test(tcase, position_is_the_fourth);
	tcase_add_test(tcase, restart_is_told_from_eintr);
	tcase_add_test(tcase, eintr_stays);
	tcase_add_test(tcase, signals_lose_no_data);
	return suite_run("driver_call", tcase);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The broker: rights, cancelling, many blocking opens at once, and ends.
 *
 * Linked with -Wl,--wrap=openable_open: a path in FIFO_FOLDER is a FIFO, whose
 * open blocks until there is a writer, like that of a terminal without carrier.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "entries.h"
#include "hostd/broker.h"
#include "hostd/driver_call.h"
#include "hostd/openable.h"
#include "proto/proto.h"

#define FIFO_MARK "/fifo"
#define PATIENCE_MS 10000

int __wrap_openable_open(const char *path, dev_t rdev, uint32_t flags);
int __real_openable_open(const char *path, dev_t rdev, uint32_t flags);

static char folder[64], fifo[80];
static struct broker *broker;
static int session; /* the session's end */
static int n_descriptors;
static unsigned int n_entered; /* blocking opens begun */
static pthread_t opener; /* who did the last open that does not block */

int __wrap_openable_open(const char *path, dev_t rdev, uint32_t flags)
{
	if (!strstr(path, FIFO_MARK)) {
		opener = pthread_self();
		return __real_openable_open(path, rdev, flags);
	}
	__atomic_add_fetch(&n_entered, 1, __ATOMIC_SEQ_CST);
	return driver_open(path, O_RDONLY | O_CLOEXEC);
}

static void nap(void)
{
	struct timespec ms = { .tv_nsec = 1000000 };

	nanosleep(&ms, NULL);
}

/* Threads end a moment after they let go of the broker. */
static void wait_for_threads(int n)
{
	for (int i = 0; i < PATIENCE_MS && count_entries("/proc/self/task") > n; i++)
		nap();
	ck_assert_int_le(count_entries("/proc/self/task"), n);
}

static int n_threads;

static void *no_work(void *argument)
{
	return NULL;
}

static void setup(void)
{
	pthread_t thread;
	int pair[2];

	/* Sanitizers start threads of their own with the first one. */
	ck_assert_int_eq(pthread_create(&thread, NULL, no_work, NULL), 0);
	pthread_join(thread, NULL);

	strcpy(folder, "/tmp/test_broker.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(fifo, sizeof(fifo), "%s" FIFO_MARK, folder);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	__atomic_store_n(&n_entered, 0, __ATOMIC_SEQ_CST);
	n_threads = count_entries("/proc/self/task");
	n_descriptors = count_entries("/proc/self/fd");
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	session = pair[1];
	ck_assert_int_eq(broker_new(pair[0], "test", &broker), 0);
	ck_assert_int_eq(broker_device_add(broker, 1, "/dev/null", makedev(1, 3)), 0);
	ck_assert_int_eq(broker_device_add(broker, 2, fifo, 0), 0);
	ck_assert_int_eq(broker_device_add(broker, 3, "/dev/zero", makedev(1, 3)), 0);
	ck_assert_int_eq(broker_device_add(broker, 4, "/dev/nonexistent", makedev(1, 3)), 0);
	ck_assert_int_eq(broker_device_add(broker, 5, folder, 0), 0);
}

/* Whatever a test did: no thread and no descriptor stays. */
static void teardown(void)
{
	broker_free(broker);
	wait_for_threads(n_threads);
	if (session >= 0)
		close(session);
	ck_assert_int_eq(count_entries("/proc/self/fd"), n_descriptors);
	unlink(fifo);
	rmdir(folder);
}

static void ask_for(uint32_t thread, uint32_t id, uint64_t tag, uint32_t flags)
{
	struct control_message message = { .kind = CONTROL_OPEN, .id = id, .tag = tag,
					   .flags = flags, .thread = thread };

	ck_assert_int_eq(control_send(session, &message, -1), 0);
}

static void ask(uint32_t id, uint64_t tag, uint32_t flags)
{
	ask_for(0, id, tag, flags);
}

static void cancel(uint64_t tag)
{
	struct control_message message = { .kind = CONTROL_OPEN_CANCEL, .tag = tag };

	ck_assert_int_eq(control_send(session, &message, -1), 0);
}

/* The next answer's descriptor, or negative errno. */
static int get_answer(uint64_t *tagp)
{
	struct pollfd pollfd = { .fd = session, .events = POLLIN };
	struct control_message message;
	int fd;

	ck_assert_int_eq(poll(&pollfd, 1, PATIENCE_MS), 1);
	ck_assert_int_eq(control_receive(session, &message, &fd), 1);
	ck_assert_uint_eq(message.kind, CONTROL_OPENED);
	*tagp = message.tag;
	ck_assert_int_eq(message.error == 0, fd >= 0);
	return fd >= 0 ? fd : -message.error;
}

static int open_now(uint32_t id, uint32_t flags)
{
	static uint64_t last_tag = 1000;
	uint64_t tag;
	int fd;

	ask(id, ++last_tag, flags);
	fd = get_answer(&tag);
	ck_assert_uint_eq(tag, last_tag);
	return fd;
}

static void wait_entered(unsigned int n)
{
	for (int i = 0; i < PATIENCE_MS && __atomic_load_n(&n_entered, __ATOMIC_SEQ_CST) < n; i++)
		nap();
	ck_assert_uint_eq(__atomic_load_n(&n_entered, __ATOMIC_SEQ_CST), n);
}

/* Waits for events and returns them. */
static unsigned int get_events(void)
{
	struct pollfd pollfd = { .fd = broker_event_fd(broker), .events = POLLIN };

	ck_assert_int_eq(poll(&pollfd, 1, PATIENCE_MS), 1);
	return broker_events(broker);
}

START_TEST(opens_what_is_allowed)
{
	int fd = open_now(1, O_RDWR | O_NONBLOCK);
	struct stat st;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_uint_eq(st.st_rdev, makedev(1, 3));
	ck_assert_int_eq(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDWR | O_NONBLOCK);
	close(fd);
	fd = open_now(1, O_WRONLY);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_WRONLY);
	close(fd);
}
END_TEST

START_TEST(refuses_the_rest)
{
	ck_assert_int_eq(open_now(0, O_RDWR), -ENODEV);
	ck_assert_int_eq(open_now(99, O_RDWR), -ENODEV);
	ck_assert_int_eq(open_now(UINT32_MAX, O_RDWR), -ENODEV);
	ck_assert_int_eq(open_now(3, O_RDWR), -ENODEV);
	ck_assert_int_eq(open_now(4, O_RDWR), -ENODEV);
	ck_assert_int_eq(open_now(5, O_RDONLY), -ENODEV);
	ck_assert_int_eq(open_now(1, O_CREAT), -EINVAL);
	ck_assert_int_eq(open_now(1, O_TRUNC), -EINVAL);
	ck_assert_int_eq(open_now(1, O_PATH), -EINVAL);
	ck_assert_int_eq(open_now(1, O_DIRECTORY), -EINVAL);
	ck_assert_int_eq(open_now(1, 1u << 31), -EINVAL);
	broker_device_remove(broker, 1);
	broker_device_remove(broker, 1);
	ck_assert_int_eq(open_now(1, O_RDWR), -ENODEV);
	/* And is not ended by it. */
	ck_assert_int_eq(broker_device_add(broker, 6, "/dev/null", makedev(1, 3)), 0);
	close(open_now(6, O_RDWR));
	ck_assert_uint_eq(broker_events(broker), 0);
}
END_TEST

START_TEST(blocking_open_delays_nobody)
{
	uint64_t tag;
	int writer, fd;

	ask(2, 7, O_RDONLY);
	wait_entered(1);
	for (int i = 0; i < 3; i++) {
		fd = open_now(1, O_RDWR);
		ck_assert_int_ge(fd, 0);
		close(fd);
	}
	writer = open(fifo, O_WRONLY | O_CLOEXEC);
	fd = get_answer(&tag);
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(tag, 7);
	close(fd);
	close(writer);
	wait_for_threads(n_threads + 1 + BROKER_OPENERS_KEPT);
}
END_TEST

static pthread_t opener_for(uint32_t thread)
{
	uint64_t tag;

	ask_for(thread, 1, 1, O_RDWR);
	close(get_answer(&tag));
	return opener;
}

/* ALSA's preferred subdevice: a driver knows the thread that opened another file. */
START_TEST(one_thread_opens_for_one)
{
	pthread_t first = opener_for(77), second;

	for (uint32_t i = 1; i < BROKER_OPENERS_KEPT; i++) {
		second = opener_for(100 + i);
		ck_assert(!pthread_equal(first, second));
		ck_assert(pthread_equal(first, opener_for(77)));
		ck_assert(pthread_equal(second, opener_for(100 + i)));
	}
	/* One that is not to be had now is not waited for. */
	ask_for(77, 2, 7, O_RDONLY);
	wait_entered(1);
	ck_assert(!pthread_equal(first, opener_for(77)));
}
END_TEST

START_TEST(cancels)
{
	uint64_t tag;
	int fd;

	ask(2, 7, O_RDONLY);
	ask(2, 8, O_RDONLY);
	wait_entered(2);
	cancel(99);
	cancel(8);
	ck_assert_int_eq(get_answer(&tag), -PROTO_RESTART);
	ck_assert_uint_eq(tag, 8);
	/* The signal hit no other. */
	fd = open_now(1, O_RDWR);
	ck_assert_int_ge(fd, 0);
	close(fd);
	cancel(8);
	cancel(7);
	ck_assert_int_eq(get_answer(&tag), -PROTO_RESTART);
	ck_assert_uint_eq(tag, 7);
}
END_TEST

/* Cancelling straight away, when the open has perhaps not begun. */
START_TEST(cancels_at_any_moment)
{
	uint64_t tag;

	for (int i = 0; i < 200; i++) {
		ask(2, i, O_RDONLY);
		if (i % 2)
			sched_yield();
		cancel(i);
		/* A cancel that came before is for an unknown tag, and is ignored. */
		ck_assert_int_eq(get_answer(&tag), -PROTO_RESTART);
		ck_assert_uint_eq(tag, i);
	}
}
END_TEST

START_TEST(holds_many)
{
	uint64_t tag;

	for (unsigned int i = 0; i < BROKER_OPENS_MAX; i++)
		ask(2, i, O_RDONLY);
	wait_entered(BROKER_OPENS_MAX);
	for (unsigned int i = 0; i < BROKER_OPENS_MAX; i++)
		cancel(i);
	for (unsigned int i = 0; i < BROKER_OPENS_MAX; i++)
		ck_assert_int_eq(get_answer(&tag), -PROTO_RESTART);
	/* All are answered, so all may be used again at once. */
	for (unsigned int i = 0; i < BROKER_OPENS_MAX; i++)
		ask(2, i, O_RDONLY);
	wait_entered(2 * BROKER_OPENS_MAX);
	ck_assert_uint_eq(broker_events(broker), 0);
}
END_TEST

/* However slowly the broker's threads end, answered opens do not count. */
START_TEST(answered_is_done)
{
	uint64_t tag;

	for (int round = 0; round < 20; round++) {
		for (unsigned int i = 0; i < PROTO_IN_FLIGHT_MAX; i++)
			ask(1, i, O_RDWR);
		for (unsigned int i = 0; i < PROTO_IN_FLIGHT_MAX; i++)
			close(get_answer(&tag));
	}
	ck_assert_uint_eq(broker_events(broker), 0);
}
END_TEST

START_TEST(ends_on_too_many)
{
	for (unsigned int i = 0; i <= BROKER_OPENS_MAX; i++)
		ask(2, i, O_RDONLY);
	ck_assert_uint_eq(get_events(), BROKER_VIOLATION);
	wait_for_threads(n_threads);
}
END_TEST

START_TEST(ends_on_same_tag)
{
	ask(2, 7, O_RDONLY);
	wait_entered(1);
	ask(1, 7, O_RDONLY);
	ck_assert_uint_eq(get_events(), BROKER_VIOLATION);
}
END_TEST

START_TEST(ends_on_nonsense)
{
	static const uint32_t kinds[] = { 0, CONTROL_START, CONTROL_OPENED, 99, UINT32_MAX };
	struct control_message message = { .kind = kinds[_i] };

	ck_assert_int_eq(control_send(session, &message, -1), 0);
	ck_assert_uint_eq(get_events(), BROKER_VIOLATION);
	wait_for_threads(n_threads);
}
END_TEST

START_TEST(ends_on_descriptor)
{
	struct control_message message = { .kind = CONTROL_UP };

	ck_assert_int_eq(control_send(session, &message, session), 0);
	ck_assert_uint_eq(get_events(), BROKER_VIOLATION);
}
END_TEST

START_TEST(ends_on_short_message)
{
	ck_assert_int_eq(send(session, "x", 1, 0), 1);
	ck_assert_uint_eq(get_events(), BROKER_VIOLATION);
}
END_TEST

START_TEST(tells_up_and_closed)
{
	struct control_message message = { .kind = CONTROL_UP };

	ck_assert_int_eq(control_send(session, &message, -1), 0);
	ck_assert_uint_eq(get_events(), BROKER_UP);
	ck_assert_uint_eq(broker_events(broker), 0);
	ask(2, 1, O_RDONLY);
	ask(2, 2, O_RDONLY);
	wait_entered(2);
	close(session);
	session = -1;
	ck_assert_uint_eq(get_events(), BROKER_CLOSED);
	wait_for_threads(n_threads);
}
END_TEST

/* broker_free() in teardown has to get all of them out. */
START_TEST(ends_within_opens)
{
	for (int i = 0; i < 10; i++)
		ask(2, i, O_RDONLY);
	if (_i)
		wait_entered(10);
}
END_TEST

START_TEST(removal_during_open)
{
	uint64_t tag;
	int writer;

	ask(2, 7, O_RDONLY);
	wait_entered(1);
	broker_device_remove(broker, 2);
	writer = open(fifo, O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(get_answer(&tag), -ENODEV);
	close(writer);
}
END_TEST

/* A session that does not read: its answers wait, others are not delayed, and
 * broker_free() ends it. */
START_TEST(session_that_does_not_read)
{
	struct control_message message = { .kind = CONTROL_DEVICE_END };
	int r;

	while ((r = broker_send(broker, &message, -1)) == 0)
		;
	ck_assert_int_eq(r, -EAGAIN);
	for (int i = 0; i < 5; i++)
		ask(1, i, O_RDWR);
	nap();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		opens_what_is_allowed, refuses_the_rest, blocking_open_delays_nobody,
		one_thread_opens_for_one, cancels,
		cancels_at_any_moment, holds_many, answered_is_done, ends_on_too_many, ends_on_same_tag,
		ends_on_descriptor, ends_on_short_message, tells_up_and_closed, removal_during_open,
		session_that_does_not_read,
	};
	Suite *suite = suite_create("hostd/broker");
	TCase *tcase = tcase_create("broker");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tcase, tests[i]);
	tcase_add_loop_test(tcase, ends_on_nonsense, 0, 5);
	tcase_add_loop_test(tcase, ends_within_opens, 0, 2);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

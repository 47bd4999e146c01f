/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The leading thread and its standbys, on work that the test makes up: quick pieces,
 * and pieces that block until the test opens the gate.
 */
#include "config.h"

#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "entries.h"
#include "proto/lead.h"

#define MAX_THREADS 8
#define PATIENCE_MS 10000

/* Covered by lead.lock, but for the descriptors. */
static struct {
	struct lead lead;
	pthread_t runner;
	int event_fd; /* as the doorbell: there is new work */
	int gate_fd; /* blocked pieces wait until this is readable */
	uint32_t n_quick;
	uint32_t n_blocking;
	uint32_t n_done;
	uint32_t n_blocked; /* in a blocking piece now */
	uint32_t n_lost; /* came back and led no more */
	uint32_t n_woken;
	uint32_t linger; /* after the stop: calls that serve() still makes */
} work;

/* In other threads than the test's, where check's own cannot be used. */
static void must(bool condition)
{
	if (!condition)
		abort();
}

static void pause_us(long us)
{
	nanosleep(&(struct timespec){ .tv_nsec = us * 1000 }, NULL);
}

/* Waits until *value, under the lock, is `wanted`. */
static void wait_for(const uint32_t *value, uint32_t wanted)
{
	uint32_t now = 0;

	for (int i = 0; i < PATIENCE_MS; i++) {
		pthread_mutex_lock(&work.lead.lock);
		now = *value;
		pthread_mutex_unlock(&work.lead.lock);
		if (now == wanted)
			return;
		pause_us(1000);
	}
	ck_abort_msg("it stays at %u instead of %u", now, wanted);
}

static uint64_t leader_now(void)
{
	uint64_t leader;

	pthread_mutex_lock(&work.lead.lock);
	leader = work.lead.leader;
	pthread_mutex_unlock(&work.lead.lock);
	return leader;
}

/* Adds work and rings, as a peer would. */
static void post(uint32_t n_quick, uint32_t n_blocking)
{
	pthread_mutex_lock(&work.lead.lock);
	work.n_quick += n_quick;
	work.n_blocking += n_blocking;
	pthread_mutex_unlock(&work.lead.lock);
	eventfd_write(work.event_fd, 1);
}

static void blocking_piece(void)
{
	struct pollfd gate = { .fd = work.gate_fd, .events = POLLIN };

	work.n_blocking--;
	work.n_blocked++;
	lead_away(&work.lead, true);
	(void)poll(&gate, 1, -1);
	lead_back(&work.lead);
	work.n_blocked--;
	if (!lead_mine(&work.lead))
		work.n_lost++;
}

static void serve(void *context)
{
	must(context == &work && lead_mine(&work.lead));
	while (lead_mine(&work.lead) && !work.lead.stopping && (work.n_quick || work.n_blocking)) {
		if (work.n_blocking) {
			blocking_piece();
		} else {
			work.n_quick--;
			lead_away(&work.lead, true);
			lead_back(&work.lead);
		}
		work.n_done++;
	}
	while (work.lead.stopping && work.linger) {
		work.linger--;
		lead_away(&work.lead, true);
		pause_us(3 * lead_tick_ns() / 1000);
		lead_back(&work.lead);
	}
}

static void woken(void *context)
{
	eventfd_t count;

	(void)eventfd_read(work.event_fd, &count);
	work.n_woken++;
}

static const struct lead_ops ops = { .serve = serve, .woken = woken };

static void *run(void *context)
{
	must(lead_run(&work.lead) == 0);
	return NULL;
}

static void gate_open(void)
{
	eventfd_write(work.gate_fd, 1);
}

static void setup(void)
{
	memset(&work, 0, sizeof(work));
	work.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	work.gate_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ck_assert_int_eq(lead_init(&work.lead, MAX_THREADS, &ops, &work), 0);
	ck_assert_int_eq(lead_watch(&work.lead, work.event_fd), 0);
	ck_assert_int_eq(pthread_create(&work.runner, NULL, run, NULL), 0);
}

/* Every test ends so: if a thread stays, the suite's time limit tells. */
static void teardown(void)
{
	pthread_mutex_lock(&work.lead.lock);
	lead_stop(&work.lead);
	pthread_mutex_unlock(&work.lead.lock);
	gate_open();
	pthread_join(work.runner, NULL);
	ck_assert_uint_eq(work.lead.n_threads, 0);
	ck_assert_uint_eq(work.lead.n_standby, 0);
	lead_fini(&work.lead);
	close(work.event_fd);
	close(work.gate_fd);
}

START_TEST(serves_when_woken)
{
	for (uint32_t i = 1; i <= 100; i++) {
		post(1, 0);
		wait_for(&work.n_done, i);
	}
}
END_TEST

START_TEST(overtakes_who_blocks)
{
	uint64_t first;

	post(0, 1);
	wait_for(&work.n_blocked, 1);
	first = leader_now();
	post(1000, 0);
	wait_for(&work.n_done, 1000);
	ck_assert_uint_gt(leader_now(), first);
	gate_open();
	wait_for(&work.n_done, 1001);
	ck_assert_uint_eq(work.n_lost, 1);
}
END_TEST

/* Work that was there before the leader went away, and that nobody rings for. */
START_TEST(finds_what_is_left_behind)
{
	post(10, 1);
	wait_for(&work.n_done, 10);
	wait_for(&work.n_blocked, 1);
}
END_TEST

START_TEST(one_after_the_other)
{
	for (uint32_t i = 1; i < MAX_THREADS; i++) {
		post(0, 1);
		wait_for(&work.n_blocked, i);
	}
	post(5, 0);
	wait_for(&work.n_done, 5);
	gate_open();
	wait_for(&work.n_done, 5 + MAX_THREADS - 1);
	/* Of so many threads only a few stay. */
	wait_for(&work.n_blocked, 0);
	post(1, 0);
	wait_for(&work.n_done, 6 + MAX_THREADS - 1);
}
END_TEST

START_TEST(keeps_to_its_threads)
{
	uint32_t n_threads;

	post(3, MAX_THREADS + 5);
	wait_for(&work.n_blocked, MAX_THREADS);
	pause_us(20 * lead_tick_ns() / 1000);
	pthread_mutex_lock(&work.lead.lock);
	n_threads = work.lead.n_threads;
	pthread_mutex_unlock(&work.lead.lock);
	ck_assert_uint_eq(n_threads, MAX_THREADS);
	gate_open();
	wait_for(&work.n_done, MAX_THREADS + 8);
}
END_TEST

/* Quick calls are not worth another thread. A loaded machine may suspend a leader
 * at any moment, so a few changes are allowed. */
START_TEST(leaves_quick_leaders_alone)
{
	uint64_t first;

	post(1, 0);
	wait_for(&work.n_done, 1);
	first = leader_now();
	post(50000, 0);
	wait_for(&work.n_done, 50001);
	ck_assert_uint_le(leader_now() - first, 50);
}
END_TEST

START_TEST(wake_brings_a_standby)
{
	post(0, 1);
	wait_for(&work.n_blocked, 1);
	pause_us(5 * lead_tick_ns() / 1000);
	pthread_mutex_lock(&work.lead.lock);
	work.n_quick = 7; /* and nobody rings */
	lead_wake(&work.lead);
	pthread_mutex_unlock(&work.lead.lock);
	wait_for(&work.n_done, 7);
}
END_TEST

START_TEST(stops_when_idle)
{
	post(1, 0);
	wait_for(&work.n_done, 1);
}
END_TEST

START_TEST(stops_with_blocked_threads)
{
	post(0, 5);
	wait_for(&work.n_blocked, 5);
}
END_TEST

/* A leader that still makes calls after the stop must not keep the others asleep:
 * the stop repeats a timer until all are awake, and calls arm the same timer. */
START_TEST(stops_under_a_busy_leader)
{
	post(0, 4);
	wait_for(&work.n_blocked, 4);
	gate_open();
	wait_for(&work.n_blocked, 0);
	pthread_mutex_lock(&work.lead.lock);
	work.linger = 20;
	work.n_quick = 1000000;
	eventfd_write(work.event_fd, 1);
	pthread_mutex_unlock(&work.lead.lock);
	pause_us(2 * lead_tick_ns() / 1000);
}
END_TEST

/* lead_wait() is away, and back under the lock. */
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static bool condition_met;

static void serve_wait(void *context)
{
	work.n_blocked++;
	while (!condition_met)
		lead_wait(&work.lead, &condition);
	work.n_done++;
	work.n_quick = 0;
}

START_TEST(waits_without_the_lock)
{
	static const struct lead_ops waiting = { .serve = serve_wait, .woken = woken };

	/* The runner has served once by now or will; both read ops under the lock. */
	pthread_mutex_lock(&work.lead.lock);
	work.lead.ops = &waiting;
	pthread_mutex_unlock(&work.lead.lock);
	post(1, 0);
	for (int i = 0; i < PATIENCE_MS; i++) {
		bool there;

		pthread_mutex_lock(&work.lead.lock);
		there = work.n_blocked > 0;
		pthread_mutex_unlock(&work.lead.lock);
		if (there)
			break;
		pause_us(1000);
	}
	pthread_mutex_lock(&work.lead.lock);
	ck_assert_uint_gt(work.n_blocked, 0);
	condition_met = true;
	pthread_cond_broadcast(&condition);
	pthread_mutex_unlock(&work.lead.lock);
	wait_for(&work.n_quick, 0);
}
END_TEST

START_TEST(leaves_nothing_behind)
{
	int n_fds = count_entries("/proc/self/fd");
	int n_tasks = count_entries("/proc/self/task");

	for (uint32_t i = 0; i < 30; i++) {
		setup();
		post(10, i % 5);
		wait_for(&work.n_done, 10);
		teardown();
	}
	/* A detached thread may take a moment more to leave the kernel's list. */
	for (int i = 0; i < PATIENCE_MS && count_entries("/proc/self/task") > n_tasks; i++)
		pause_us(1000);
	ck_assert_int_eq(count_entries("/proc/self/task"), n_tasks);
	ck_assert_int_eq(count_entries("/proc/self/fd"), n_fds);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proto/lead");
	TCase *tcase = tcase_create("lead");
	TCase *life = tcase_create("life");
	SRunner *runner;
	int n_failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, serves_when_woken);
	tcase_add_test(tcase, overtakes_who_blocks);
	tcase_add_test(tcase, finds_what_is_left_behind);
	tcase_add_test(tcase, one_after_the_other);
	tcase_add_test(tcase, keeps_to_its_threads);
	tcase_add_test(tcase, leaves_quick_leaders_alone);
	tcase_add_test(tcase, wake_brings_a_standby);
	tcase_add_test(tcase, stops_when_idle);
	tcase_add_test(tcase, stops_with_blocked_threads);
	tcase_add_test(tcase, stops_under_a_busy_leader);
	tcase_add_test(tcase, waits_without_the_lock);
	suite_add_tcase(suite, tcase);
	tcase_set_timeout(life, 60);
	tcase_add_test(life, leaves_nothing_behind);
	suite_add_tcase(suite, life);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

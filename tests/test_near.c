/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where threads are tied to; needs two processors for most of it. */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/near.h"
#include "suite.h"

#define LOOKS 200 /* calls of near_thread() among which it looks */

static cpu_set_t all;
static int first, second; /* two of them, or the same twice */

static cpu_set_t allowed(void)
{
	cpu_set_t set;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(set), &set), 0);
	return set;
}

static bool is_anywhere(void)
{
	cpu_set_t set = allowed();

	return CPU_EQUAL(&set, &all);
}

static bool is_on(int processor)
{
	cpu_set_t set = allowed();

	return CPU_COUNT(&set) == 1 && CPU_ISSET(processor, &set);
}

static void setup(void)
{
	all = allowed();
	for (first = 0; !CPU_ISSET(first, &all); first++)
		;
	for (second = CPU_SETSIZE - 1; !CPU_ISSET(second, &all); second--)
		;
	near_init();
}

START_TEST(near_and_anywhere_again)
{
	near_processor(second);
	ck_assert(is_on(second));
	ck_assert_int_eq(sched_getcpu(), second);
	near_processor(first);
	ck_assert(is_on(first));
	near_apart_end(); /* is about apart */
	ck_assert(is_on(first));
	near_end();
	ck_assert(is_anywhere());
}
END_TEST

/* Whoever is slow now and again is not tied and untied each time. */
START_TEST(rests_after_an_end)
{
	int n = 0;

	near_processor(first);
	near_end();
	near_end();
	while (is_anywhere() && n < LOOKS) {
		near_processor(second);
		n++;
	}
	ck_assert_int_gt(n, 10);
	ck_assert(is_on(second));
	near_end();
	ck_assert(is_anywhere());
}
END_TEST

START_TEST(apart_and_anywhere_again)
{
	cpu_set_t set;

	near_processor(first);
	ck_assert(near_apart(second + 1)); /* is not where it runs */
	ck_assert(is_on(first));
	if (first == second) {
		ck_assert(!near_apart(first));
		ck_assert(is_on(first));
		return;
	}
	ck_assert(near_apart(first));
	set = allowed();
	ck_assert(!CPU_ISSET(first, &set));
	ck_assert_int_eq(CPU_COUNT(&set), CPU_COUNT(&all) - 1);
	ck_assert_int_ne(sched_getcpu(), first);
	near_apart_end();
	ck_assert(is_anywhere());
}
END_TEST

START_TEST(no_such_processor)
{
	near_processor(CPU_SETSIZE);
	near_processor(UINT32_MAX);
	if (second + 1 < CPU_SETSIZE)
		near_processor(second + 1);
	near_thread(0x7fffffff);
	ck_assert(is_anywhere());
}
END_TEST

/* Says where it is, and stays there. */
static void *peer_main(void *pipes)
{
	pid_t self = gettid();
	cpu_set_t set;
	char byte;

	CPU_ZERO(&set);
	CPU_SET(second, &set);
	sched_setaffinity(0, sizeof(set), &set);
	(void)!write(((int *)pipes)[1], &self, sizeof(self));
	(void)!read(((int *)pipes)[2], &byte, 1);
	return NULL;
}

START_TEST(near_a_thread)
{
	pthread_t peer;
	int pipes[4];
	pid_t thread;

	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_eq(pipe(pipes + 2), 0);
	ck_assert_int_eq(pthread_create(&peer, NULL, peer_main, pipes), 0);
	ck_assert_int_eq(read(pipes[0], &thread, sizeof(thread)), sizeof(thread));
	for (int i = 0; i < LOOKS; i++)
		near_thread(thread);
	ck_assert(is_on(second));
	close(pipes[3]);
	pthread_join(peer, NULL);
}
END_TEST

static void *made_main(void *anywhere)
{
	near_begin();
	*(bool *)anywhere = is_anywhere();
	return NULL;
}

START_TEST(who_is_made_by_a_tied_one)
{
	bool anywhere = false;
	pthread_t made;

	near_processor(second);
	ck_assert_int_eq(pthread_create(&made, NULL, made_main, &anywhere), 0);
	pthread_join(made, NULL);
	ck_assert(anywhere);
	ck_assert(is_on(second));
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("near");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, near_and_anywhere_again);
	tcase_add_test(tcase, rests_after_an_end);
	tcase_add_test(tcase, apart_and_anywhere_again);
	tcase_add_test(tcase, no_such_processor);
	tcase_add_test(tcase, near_a_thread);
	tcase_add_test(tcase, who_is_made_by_a_tied_one);
	return suite_run("near", tcase);
}

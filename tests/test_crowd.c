/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How many threads make a crowd, and for how long. */
#include "config.h"

#include <check.h>

#include "guestd/crowd.h"
#include "suite.h"

#define SPAN 1000u

/* Each of `n` threads calls, one every `step_ns`. Returns when the last one did. */
static uint64_t call(struct crowd *crowd, int n, uint64_t from_ns, uint64_t step_ns)
{
	for (int i = 0; i < n; i++)
		crowd_note(crowd, 4000 + i, from_ns + i * step_ns, SPAN);
	return from_ns + (n - 1) * step_ns;
}

START_TEST(many_threads_at_once)
{
	struct crowd crowd = { 0 };

	ck_assert(!crowd_is_one(&crowd));
	call(&crowd, CROWD_THREADS - 1, 1000000, 10);
	ck_assert(!crowd_is_one(&crowd));
	call(&crowd, CROWD_THREADS, 1000000, 10);
	ck_assert(crowd_is_one(&crowd));
}
END_TEST

START_TEST(one_thread_often)
{
	struct crowd crowd = { 0 };

	for (int i = 0; i < 1000; i++)
		call(&crowd, 1, 1000000 + i * 10, 0);
	ck_assert(!crowd_is_one(&crowd));
}
END_TEST

/* Many, but seldom. */
START_TEST(one_after_the_other)
{
	struct crowd crowd = { 0 };

	call(&crowd, 60, 1000000, SPAN);
	ck_assert(!crowd_is_one(&crowd));
}
END_TEST

START_TEST(lasts_as_long_as_they_call)
{
	struct crowd crowd = { 0 };
	uint64_t now_ns = 1000000;

	/* Also where a new span begins. */
	for (int i = 0; i < 100; i++) {
		now_ns = call(&crowd, 16, now_ns, SPAN / 16);
		ck_assert(crowd_is_one(&crowd));
	}
	/* One is left; or they all paused, and one is back. */
	crowd_note(&crowd, 4000, now_ns + SPAN, SPAN);
	crowd_note(&crowd, 4000, now_ns + 2 * SPAN, SPAN);
	ck_assert(!crowd_is_one(&crowd));
	now_ns = call(&crowd, 16, now_ns + 3 * SPAN, 10);
	ck_assert(crowd_is_one(&crowd));
	crowd_note(&crowd, 4000, now_ns + 50 * SPAN, SPAN);
	ck_assert(!crowd_is_one(&crowd));
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("crowd");

	tcase_add_test(tcase, many_threads_at_once);
	tcase_add_test(tcase, one_thread_often);
	tcase_add_test(tcase, one_after_the_other);
	tcase_add_test(tcase, lasts_as_long_as_they_call);
	return suite_run("crowd", tcase);
}

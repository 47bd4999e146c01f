// SPDX-License-Identifier: GPL-2.0-or-later
/* See pinned.h. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "pinned.h"

long long pinned_at_first;

long long pinned(void)
{
	FILE *refresh = fopen("/proc/sys/vm/stat_refresh", "we"), *file;
	long long acquired = -1, released = -1, value;
	char name[64];

	/* Each processor has counted for itself. */
	ck_assert_ptr_nonnull(refresh);
	fputs("1", refresh);
	fclose(refresh);
	file = fopen("/proc/vmstat", "re");
	ck_assert_ptr_nonnull(file);
	while (fscanf(file, "%63s %lld", name, &value) == 2) {
		if (strcmp(name, "nr_foll_pin_acquired") == 0)
			acquired = value;
		if (strcmp(name, "nr_foll_pin_released") == 0)
			released = value;
	}
	fclose(file);
	ck_assert(acquired >= 0 && released >= 0);
	return acquired - released;
}

void pinned_before(void)
{
	pinned_at_first = pinned();
}

void pinned_after(void)
{
	const struct timespec pause = { .tv_nsec = 50000000 };

	for (int i = 0; i < 200 && pinned() != pinned_at_first; i++)
		nanosleep(&pause, NULL);
	ck_assert_int_eq(pinned(), pinned_at_first);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much a test program has of something that proc(5) lists. */
#ifndef PARADICE_TESTS_ENTRIES_H
#define PARADICE_TESTS_ENTRIES_H

#include <check.h>
#include <dirent.h>

/* Entries of a directory ("/proc/self/fd", "/proc/self/task"), always the same few too
 * many: to be compared with an earlier count. */
static inline int count_entries(const char *listing)
{
	DIR *dir = opendir(listing);
	int n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

#endif

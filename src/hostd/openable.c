/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of a session's devices, and opening one. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostd/driver_call.h"
#include "hostd/openable.h"

void openable_fini(struct openable_table *table)
{
	for (size_t i = 0; i < table->n_entries; i++)
		free(table->entries[i].path);
	free(table->entries);
	*table = (struct openable_table){ 0 };
}

int openable_add(struct openable_table *table, uint32_t id, const char *path, dev_t rdev)
{
	struct openable entry = { .id = id, .rdev = rdev, .path = strdup(path) };
	struct openable *entries;

	if (!entry.path)
		return -ENOMEM;
	entries = reallocarray(table->entries, table->n_entries + 1, sizeof(*entries));
	if (!entries) {
		free(entry.path);
		return -ENOMEM;
	}
	table->entries = entries;
	entries[table->n_entries++] = entry;
	return 0;
}

void openable_remove(struct openable_table *table, uint32_t id)
{
	for (size_t i = 0; i < table->n_entries; i++) {
		struct openable *entry = &table->entries[i];

		if (entry->id != id)
			continue;
		free(entry->path);
		table->n_entries--;
		memmove(entry, entry + 1, (table->n_entries - i) * sizeof(*entry));
		return;
	}
}

const struct openable *openable_find(const struct openable_table *table, uint32_t id)
{
	for (size_t i = 0; i < table->n_entries; i++) {
		if (table->entries[i].id == id)
			return &table->entries[i];
	}
	return NULL;
}

/* The path may be another file by now, so it is looked at before its driver can
 * notice, and then opened by what was looked at (/proc/PID/fd in proc(5)). */
int openable_open(const char *path, dev_t rdev, uint32_t flags)
{
	char link[40];
	struct stat st;
	int place, fd;

	place = open(path, O_PATH | O_CLOEXEC);
	if (place < 0)
		return errno == ENOENT || errno == ENOTDIR ? -ENODEV : -errno;
	if (fstat(place, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != rdev) {
		close(place);
		return -ENODEV;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", place);
	fd = driver_open(link, flags | O_CLOEXEC | O_NOCTTY);
	close(place);
	return fd;
}

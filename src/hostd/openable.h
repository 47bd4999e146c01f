/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The devices that one session may open, by the numbers it was told.
 *
 * A table is zero-initialised, part of a broker, and covered by its lock;
 * openable_fini() ends it. openable_open() has no state.
 */
#ifndef PARADICE_HOSTD_OPENABLE_H
#define PARADICE_HOSTD_OPENABLE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct openable {
	uint32_t id;
	dev_t rdev;
	char *path;
};

struct openable_table {
	struct openable *entries; /* by rising id */
	size_t n_entries;
};

void openable_fini(struct openable_table *table);

/* Adds a device under an id larger than all before. 0 or -ENOMEM. */
int openable_add(struct openable_table *table, uint32_t id, const char *path, dev_t rdev);
void openable_remove(struct openable_table *table, uint32_t id);

/* The device with that number, or NULL; valid until the table changes. */
const struct openable *openable_find(const struct openable_table *table, uint32_t id);

/* Opens `path` with open(2) flags if it is the character device `rdev`, and no
 * terminal becomes ours. It may block, until a signal (driver_call.h). A
 * descriptor (the caller's), -ENODEV when it is not that device any more, the device's
 * own negative errno, or -PROTO_RESTART. */
int openable_open(const char *path, dev_t rdev, uint32_t flags);

#endif

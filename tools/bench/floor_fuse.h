/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file served by the smallest daemon that FUSE or CUSE allows: what anything
 * built on them costs at least. With a forwarder (floor_forwarder.h) the same
 * daemon hands each request to a second process instead, one at a time.
 *
 * Lifetime: floor_file_start() … floor_file_stop(). The daemon is a process of
 * its own with one thread; it unmounts when it ends and when we die.
 */
#ifndef PARADICE_BENCH_FLOOR_FUSE_H
#define PARADICE_BENCH_FLOOR_FUSE_H

#include <stdint.h>

#include "bench/child.h"

enum floor_kind { FLOOR_NONE, FLOOR_FUSE, FLOOR_CUSE };

/* What the daemon has seen; in memory shared with it. */
struct floor_counts {
	uint64_t n_reads;
};

struct floor_file {
	struct child child;
	enum floor_kind kind;
	char mount[64]; /* FUSE: the private folder it is mounted on, else empty */
	char path[80]; /* of the file or node */
	struct floor_counts *counts;
};

/* Starts a daemon of `kind` and waits until its file can be opened. With
 * `native` not NULL, it forwards to a second process that works on that node. 0,
 * -ENODEV when the kernel has no /dev/fuse or /dev/cuse, -EACCES or -EPERM when
 * this user may not use it, or another negative errno; *file is then empty. */
int floor_file_start(struct floor_file *file, enum floor_kind kind, const char *native);

/* Ends it; for an empty one, does nothing. */
void floor_file_stop(struct floor_file *file);

/* How many requests the kernel makes of one read(2) of `size` bytes. 0 when it
 * cannot be told. */
uint64_t floor_file_requests(const struct floor_file *file, uint32_t size);

#endif

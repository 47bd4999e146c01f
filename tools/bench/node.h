/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operations on a device node: the same system calls that a program makes,
 * whoever serves the node. Nothing here knows Paradice.
 *
 * Every thread opens the node for itself, because the kernel serialises the
 * users of one file position. Files and threads live as long as one slice.
 */
#ifndef PARADICE_BENCH_NODE_H
#define PARADICE_BENCH_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/measure.h"

#define NODE_THREADS_MAX 256u

/* Groups of operations, as in --only. */
enum node_group {
	NODE_IOCTL = 1u << 0,
	NODE_READ = 1u << 1,
	NODE_WRITE = 1u << 2,
	NODE_POLL = 1u << 3,
	NODE_OPEN = 1u << 4,
	NODE_THROUGHPUT = 1u << 5,
	NODE_ALL = (1u << 6) - 1,
	NODE_TERMINAL = 1u << 6, /* ioctls of a virtual terminal, in turns (turns.h) */
};

struct node_operation {
	const char *name;
	uint32_t group; /* one NODE_… bit */
	uint32_t size; /* bytes of one operation, or 0 */
	/* One operation. A number of bytes, 0, or a negative errno. `fd` is -1
	 * for an operation that opens the node itself. */
	int64_t (*run)(const char *path, int fd, void *buffer, uint32_t size);
};

extern const struct node_operation node_operations[];
extern const uint32_t node_n_operations;

/* A command that no driver knows, with an argument that is no pointer. */
#define NODE_NOOP_IOCTL 0x507fu /* _IO('P', 0x7f) */

/* Opens a node to read and write where it allows that, else what it allows. The
 * descriptor or negative errno. */
int node_open(const char *path, int flags);

/* Tries `operation` once without blocking, so that a slice cannot hang on it. 0,
 * -EAGAIN when the device would block, or another negative errno. */
int node_probe(const char *path, const struct node_operation *operation);

/* Runs one slice in `n_threads` threads and adds it to *sample; an operation that
 * fails ends the slice with sample->error. 0, or the negative errno of something
 * that is not the device's fault (no threads, no memory). */
int node_slice(const char *path, const struct node_operation *operation, uint32_t n_threads,
	       const struct limit *limit, struct sample *sample);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operations that are compared with each other take turns in one thread, some
 * operations each, so that all meet the machine in the same state: on a shared one a
 * median moves by more from one half second to the next than such operations differ.
 */
#ifndef PARADICE_BENCH_TURNS_H
#define PARADICE_BENCH_TURNS_H

#include "bench/node.h"

#define TURNS_MAX 8u

struct turn {
	const char *path;
	const struct node_operation *operation;
	struct sample *sample;
};

/* One slice of each turn, all of limit->ns (or limit->count) together. What a device
 * refuses is noted in its sample, and ends the slice. 0, or the negative errno of a
 * failure of our own. `n` is at most TURNS_MAX. */
int turns_slice(const struct turn *turns, uint32_t n, const struct limit *limit);

#endif

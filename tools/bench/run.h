/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The run: every operation, in 1, 4, 16… threads, on every subject in turn, in
 * short slices, so that the noise of a shared machine hits all subjects alike.
 *
 * Lifetime: run_start() … run_free(); subjects and options belong to the caller
 * and outlive the run.
 */
#ifndef PARADICE_BENCH_RUN_H
#define PARADICE_BENCH_RUN_H

#include "bench/measure.h"
#include "bench/node.h"

#define RUN_THREADS_MAX 8 /* different numbers of threads */
#define RUN_SUBJECTS_MAX 8

#define RUN_ROUND_TRIP "round-trip" /* the operation of a ping-pong */

/* Something that is measured. */
struct subject {
	const char *name; /* "node", "native", "fuse", "cuse", "naive", "unix-auto", … */
	const char *path; /* a node to work on, or NULL: a ping-pong, below */
	uint32_t groups; /* operations that it takes part in, NODE_… bits */
	/* A slice of round trips; has its turn with the ioctl in one thread. 0 or
	 * negative errno. */
	int (*round_trips)(void *context, const struct limit *limit, struct sample *sample);
	void *context;
};

struct run_options {
	uint32_t groups; /* NODE_… bits */
	uint32_t threads[RUN_THREADS_MAX];
	uint32_t n_threads;
	uint32_t n_slices;
	struct limit limit; /* of a measurement: all slices of one subject together */
	bool quiet; /* no progress on standard error */
};

/* One operation, on one subject, in so many threads. */
struct result {
	const char *operation;
	uint32_t size; /* bytes of one operation */
	bool throughput; /* bytes per second are what matters */
	uint32_t n_threads;
	const struct subject *subject;
	struct sample sample;
};

struct run {
	struct result *results;
	uint32_t n_results;
	uint32_t n_allocated;
};

/* Measures all of it; what a device refuses is noted in the result's sample. 0, or
 * the negative errno of a failure of our own. Stops early on measure_stop. */
int run_start(struct run *run, const struct run_options *options, const struct subject *subjects,
	      uint32_t n_subjects);
void run_free(struct run *run);

/* The result, if there is one that has figures, else NULL. */
const struct result *run_find(const struct run *run, const char *operation, uint32_t n_threads,
			      const char *subject);

#endif

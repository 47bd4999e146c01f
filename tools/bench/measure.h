/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was measured: a histogram of latencies and the rate of each slice.
 *
 * The histogram is log-linear: each power of two is cut in 128 buckets, so a
 * percentile is within 1/256 of the true value, whatever its size, and two
 * histograms are merged by adding. A measurement is run in slices, between which
 * the other subjects have their turn; the rate told is the median of the slices.
 *
 * Plain memory without pointers: zeroed memory is an empty sample. Not locked;
 * each thread fills its own histogram.
 */
#ifndef PARADICE_BENCH_MEASURE_H
#define PARADICE_BENCH_MEASURE_H

#include <signal.h>
#include <stdint.h>

#define HISTOGRAM_BITS 7 /* buckets per power of two, as a power of two */
#define HISTOGRAM_SUB (1u << HISTOGRAM_BITS)
#define HISTOGRAM_TOP 40 /* values from 2^40 ns (18 minutes) on count as the largest */
#define HISTOGRAM_BUCKETS (HISTOGRAM_SUB * (HISTOGRAM_TOP - HISTOGRAM_BITS + 1))

#define MEASURE_SLICES_MAX 64
#define MEASURE_MEDIAN_MAX 512

struct histogram {
	uint64_t n;
	uint64_t min; /* of n values; 0 when there are none */
	uint64_t max;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* One measurement of one subject. */
struct sample {
	struct histogram latency; /* nanoseconds of each operation */
	double operations[MEASURE_SLICES_MAX]; /* per second, of each slice */
	double bytes[MEASURE_SLICES_MAX]; /* per second, of each slice */
	uint32_t n_slices;
	int error; /* positive errno of an operation that failed, or 0 */
	const char *note; /* why there is no figure, where an errno does not say it; static */
};

/* When a slice ends: at the earlier of the two. */
struct limit {
	uint64_t ns;
	uint64_t count; /* operations in all threads together; 0: no bound */
};

/* Set by a signal handler: every slice ends soon. */
extern volatile sig_atomic_t measure_stop;

/* Adds one value. */
void histogram_add(struct histogram *histogram, uint64_t value);

/* Adds all values of `from`. */
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The value that `ten_thousandths` 1/10000 of all values do not exceed:
 * 5000 is the median, 9990 the 99.9th percentile. 0 for an empty histogram. */
uint64_t histogram_percentile(const struct histogram *histogram, uint32_t ten_thousandths);

/* The median of `n` values, which are left in place; 0 for none. n is at most
 * MEASURE_MEDIAN_MAX. */
double measure_median(const double *values, uint32_t n);

/* Notes a slice's end: `n` operations that moved `n_bytes` in `ns` nanoseconds. */
void sample_slice(struct sample *sample, uint64_t n, uint64_t n_bytes, uint64_t ns);

/* Runs one slice of round trips in this thread: ping() makes one, of `n_bytes` in
 * all, and returns 0 or a negative errno, which ends the slice and is returned. */
int measure_round_trips(int (*ping)(void *context), void *context, uint32_t n_bytes,
			const struct limit *limit, struct sample *sample);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t measure_now_ns(void);

#endif

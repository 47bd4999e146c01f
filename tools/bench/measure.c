/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Histograms and medians. See measure.h. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/measure.h"

#define NS_PER_S UINT64_C(1000000000)
#define TEN_THOUSAND 10000u

volatile sig_atomic_t measure_stop;

/* Values below HISTOGRAM_SUB have a bucket each; above, the bucket is the power
 * of two and the HISTOGRAM_BITS bits below the leading one. */
static uint32_t bucket_of(uint64_t value)
{
	uint32_t shift;

	if (value < HISTOGRAM_SUB)
		return value;
	if (value >> HISTOGRAM_TOP)
		return HISTOGRAM_BUCKETS - 1;
	shift = 63 - __builtin_clzll(value) - HISTOGRAM_BITS;
	return shift * HISTOGRAM_SUB + (value >> shift);
}

static uint64_t bucket_middle(uint32_t bucket)
{
	uint32_t shift;

	if (bucket < 2 * HISTOGRAM_SUB)
		return bucket;
	shift = bucket / HISTOGRAM_SUB - 1;
	return ((uint64_t)(bucket - shift * HISTOGRAM_SUB) << shift) + (UINT64_C(1) << shift) / 2;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	if (!histogram->n || value < histogram->min)
		histogram->min = value;
	if (value > histogram->max)
		histogram->max = value;
	histogram->n++;
	histogram->buckets[bucket_of(value)]++;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	if (!from->n)
		return;
	if (!into->n || from->min < into->min)
		into->min = from->min;
	if (from->max > into->max)
		into->max = from->max;
	into->n += from->n;
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
}

uint64_t histogram_percentile(const struct histogram *histogram, uint32_t ten_thousandths)
{
	uint64_t rank, seen = 0, value = histogram->max;

	/* the nearest rank: ceil(n × share), at least the first */
	rank = (histogram->n * ten_thousandths + TEN_THOUSAND - 1) / TEN_THOUSAND;
	if (!rank)
		return histogram->min;
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->buckets[i];
		if (seen >= rank) {
			value = bucket_middle(i);
			break;
		}
	}
	if (value < histogram->min || rank == 1)
		return histogram->min;
	return value > histogram->max || rank == histogram->n ? histogram->max : value;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double measure_median(const double *values, uint32_t n)
{
	double sorted[MEASURE_MEDIAN_MAX];

	if (!n)
		return 0;
	memcpy(sorted, values, n * sizeof(sorted[0]));
	qsort(sorted, n, sizeof(sorted[0]), compare_doubles);
	return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

void sample_slice(struct sample *sample, uint64_t n, uint64_t n_bytes, uint64_t ns)
{
	if (!n || !ns || sample->n_slices == MEASURE_SLICES_MAX)
		return;
	sample->operations[sample->n_slices] = (double)n * NS_PER_S / ns;
	sample->bytes[sample->n_slices] = (double)n_bytes * NS_PER_S / ns;
	sample->n_slices++;
}

uint64_t measure_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int measure_round_trips(int (*ping)(void *context), void *context, uint32_t n_bytes,
			const struct limit *limit, struct sample *sample)
{
	uint64_t begin, before, after, n = 0;
	int r = ping(context); /* not counted: the other side may have to wake up first */

	begin = before = after = measure_now_ns();
	while (!r && after - begin < limit->ns && (!limit->count || n < limit->count) &&
	       !measure_stop) {
		r = ping(context);
		after = measure_now_ns();
		if (r)
			break;
		histogram_add(&sample->latency, after - before);
		before = after;
		n++;
	}
	sample_slice(sample, n, n_bytes * n, after - begin);
	return r;
}

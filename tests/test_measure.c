/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Histograms, percentiles and medians of the bench. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/measure.h"

static struct histogram *histogram_new(void)
{
	struct histogram *histogram = calloc(1, sizeof(*histogram));

	ck_assert_ptr_nonnull(histogram);
	return histogram;
}

START_TEST(empty_has_no_percentile)
{
	struct histogram *h = histogram_new();

	ck_assert_uint_eq(histogram_percentile(h, 5000), 0);
	ck_assert_uint_eq(histogram_percentile(h, 10000), 0);
	free(h);
}
END_TEST

START_TEST(small_values_are_exact)
{
	struct histogram *h = histogram_new();

	for (uint64_t v = 1; v <= 100; v++)
		histogram_add(h, v);
	ck_assert_uint_eq(histogram_percentile(h, 0), 1);
	ck_assert_uint_eq(histogram_percentile(h, 5000), 50);
	ck_assert_uint_eq(histogram_percentile(h, 9000), 90);
	ck_assert_uint_eq(histogram_percentile(h, 9900), 99);
	ck_assert_uint_eq(histogram_percentile(h, 9990), 100);
	ck_assert_uint_eq(histogram_percentile(h, 10000), 100);
	free(h);
}
END_TEST

START_TEST(one_value_is_every_percentile)
{
	struct histogram *h = histogram_new();

	histogram_add(h, 123456789);
	ck_assert_uint_eq(histogram_percentile(h, 1), 123456789);
	ck_assert_uint_eq(histogram_percentile(h, 5000), 123456789);
	ck_assert_uint_eq(histogram_percentile(h, 9990), 123456789);
	free(h);
}
END_TEST

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Values over many powers of two, against the sorted list. */
START_TEST(percentiles_are_near_the_sorted_list)
{
	static const uint32_t shares[] = { 1, 100, 2500, 5000, 7500, 9000, 9900, 9990, 9999 };
	static uint64_t values[20000];
	const uint32_t n = sizeof(values) / sizeof(values[0]);
	struct histogram *h = histogram_new();

	srandom(_i + 1);
	for (uint32_t i = 0; i < n; i++) {
		values[i] = (uint64_t)random() >> random() % 28;
		values[i] <<= random() % 8;
		histogram_add(h, values[i]);
	}
	qsort(values, n, sizeof(values[0]), compare);
	for (uint32_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		uint64_t rank = ((uint64_t)n * shares[i] + 9999) / 10000;
		double exact = values[rank - 1];
		double got = histogram_percentile(h, shares[i]);

		ck_assert_double_le(got, exact * (1 + 1.0 / HISTOGRAM_SUB));
		ck_assert_double_ge(got, exact * (1 - 1.0 / HISTOGRAM_SUB));
	}
	free(h);
}
END_TEST

/* Neighbouring buckets must neither overlap nor leave a hole. */
START_TEST(values_keep_their_order)
{
	struct histogram *h = histogram_new();
	uint64_t before = 0, now;

	for (uint64_t v = 1; v < UINT64_C(1) << 34; v += v / 300 + 1) {
		memset(h, 0, sizeof(*h));
		histogram_add(h, 0);
		histogram_add(h, v);
		histogram_add(h, UINT64_MAX);
		now = histogram_percentile(h, 5000);
		ck_assert_uint_ge(now, before);
		ck_assert_uint_le(now, v + v / HISTOGRAM_SUB);
		ck_assert_uint_ge(now, v - v / HISTOGRAM_SUB);
		before = now;
	}
	free(h);
}
END_TEST

START_TEST(huge_values_count_as_the_largest)
{
	struct histogram *h = histogram_new();

	histogram_add(h, 10);
	histogram_add(h, UINT64_MAX);
	ck_assert_uint_eq(h->n, 2);
	ck_assert_uint_eq(histogram_percentile(h, 5000), 10);
	ck_assert_uint_eq(histogram_percentile(h, 9990), UINT64_MAX);
	free(h);
}
END_TEST

START_TEST(merging_is_adding)
{
	struct histogram *a = histogram_new(), *b = histogram_new(), *all = histogram_new();

	for (uint64_t v = 5; v < 3000000; v = v * 5 / 4 + 1) {
		histogram_add(v % 2 ? a : b, v);
		histogram_add(all, v);
	}
	histogram_merge(a, b);
	ck_assert_int_eq(memcmp(a, all, sizeof(*a)), 0);
	memset(b, 0, sizeof(*b));
	histogram_merge(a, b);
	ck_assert_int_eq(memcmp(a, all, sizeof(*a)), 0);
	histogram_merge(b, all);
	ck_assert_int_eq(memcmp(b, all, sizeof(*b)), 0);
	free(a);
	free(b);
	free(all);
}
END_TEST

START_TEST(median_of_few)
{
	const double odd[] = { 9, 1, 5 }, even[] = { 4, 1, 3, 2 };

	ck_assert_double_eq(measure_median(NULL, 0), 0);
	ck_assert_double_eq(measure_median(odd, 1), 9);
	ck_assert_double_eq(measure_median(odd, 3), 5);
	ck_assert_double_eq(measure_median(even, 4), 2.5);
	ck_assert_double_eq(odd[0], 9);
}
END_TEST

START_TEST(slices_are_rates)
{
	struct sample *sample = calloc(1, sizeof(*sample));

	ck_assert_ptr_nonnull(sample);
	sample_slice(sample, 50, 6400, 500000000);
	ck_assert_uint_eq(sample->n_slices, 1);
	ck_assert_double_eq_tol(sample->operations[0], 100, 1e-6);
	ck_assert_double_eq_tol(sample->bytes[0], 12800, 1e-6);
	/* a slice in which nothing was done says nothing */
	sample_slice(sample, 0, 0, 500000000);
	sample_slice(sample, 1, 1, 0);
	ck_assert_uint_eq(sample->n_slices, 1);
	for (int i = 0; i < 2 * MEASURE_SLICES_MAX; i++)
		sample_slice(sample, 1, 1, 1000);
	ck_assert_uint_eq(sample->n_slices, MEASURE_SLICES_MAX);
	free(sample);
}
END_TEST

/* A ping that fails at the n-th time. */
static int ping_until(void *context)
{
	int *left = context;

	return (*left)-- > 0 ? 0 : -EPIPE;
}

START_TEST(round_trips_end_at_count_and_error)
{
	struct sample *sample = calloc(1, sizeof(*sample));
	const struct limit limit = { .ns = UINT64_C(60000000000), .count = 10 };
	int left = 100;

	ck_assert_ptr_nonnull(sample);
	ck_assert_int_eq(measure_round_trips(ping_until, &left, 128, &limit, sample), 0);
	ck_assert_uint_eq(sample->latency.n, 10);
	ck_assert_int_eq(left, 89); /* one more, to warm up */
	left = 3;
	ck_assert_int_eq(measure_round_trips(ping_until, &left, 128, &limit, sample), -EPIPE);
	ck_assert_uint_eq(sample->latency.n, 12);
	left = 0;
	ck_assert_int_eq(measure_round_trips(ping_until, &left, 128, &limit, sample), -EPIPE);
	ck_assert_uint_eq(sample->latency.n, 12);
	free(sample);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("measure");
	TCase *tcase = tcase_create("measure");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, empty_has_no_percentile);
	tcase_add_test(tcase, small_values_are_exact);
	tcase_add_test(tcase, one_value_is_every_percentile);
	tcase_add_loop_test(tcase, percentiles_are_near_the_sorted_list, 0, 10);
	tcase_add_test(tcase, values_keep_their_order);
	tcase_add_test(tcase, huge_values_count_as_the_largest);
	tcase_add_test(tcase, merging_is_adding);
	tcase_add_test(tcase, median_of_few);
	tcase_add_test(tcase, slices_are_rates);
	tcase_add_test(tcase, round_trips_end_at_count_and_error);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The order of all measurements. See run.h. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/run.h"
#include "bench/turns.h"

/* Adds an empty result, which moves when the next one is added. */
static struct result *result_add(struct run *run)
{
	struct result *results;
	uint32_t n = run->n_allocated ? 2 * run->n_allocated : 16;

	if (run->n_results == run->n_allocated) {
		results = realloc(run->results, n * sizeof(*results));
		if (!results)
			return NULL;
		run->results = results;
		run->n_allocated = n;
	}
	memset(&run->results[run->n_results], 0, sizeof(run->results[0]));
	return &run->results[run->n_results++];
}

static bool takes_part(const struct subject *subject, const struct node_operation *operation,
		       const struct run_options *options, uint32_t n_threads)
{
	if (subject->path)
		return subject->groups & operation->group;
	return operation->group == NODE_IOCTL && n_threads == options->threads[0];
}

/* Adds a result for each subject that takes part, probed. 0 or -ENOMEM. */
static int results_add(struct run *run, const struct node_operation *operation,
		       const struct run_options *options, uint32_t n_threads,
		       const struct subject *subjects, uint32_t n_subjects)
{
	struct result *result;
	int r;

	for (uint32_t i = 0; i < n_subjects; i++) {
		if (!takes_part(&subjects[i], operation, options, n_threads))
			continue;
		result = result_add(run);
		if (!result)
			return -ENOMEM;
		result->subject = &subjects[i];
		result->n_threads = subjects[i].path ? n_threads : 1;
		result->operation = subjects[i].path ? operation->name : RUN_ROUND_TRIP;
		result->size = operation->size;
		result->throughput = operation->group == NODE_THROUGHPUT;
		r = subjects[i].path ? node_probe(subjects[i].path, operation) : 0;
		if (r == -EAGAIN)
			result->sample.note = "would block";
		result->sample.error = -r;
	}
	return 0;
}

static int slice_run(struct result *result, const struct node_operation *operation,
		     const struct limit *limit)
{
	const struct subject *subject = result->subject;
	int r;

	if (result->sample.error)
		return 0;
	if (subject->path)
		return node_slice(subject->path, operation, result->n_threads, limit,
				  &result->sample);
	r = subject->round_trips(subject->context, limit, &result->sample);
	result->sample.error = -r;
	return 0;
}

/* One slice's share of what is measured; of `n` measurements at once. */
static struct limit slice_limit(const struct run_options *options, uint32_t n)
{
	return (struct limit){
		.ns = n * options->limit.ns / options->n_slices,
		.count = (n * options->limit.count + options->n_slices - 1) / options->n_slices,
	};
}

/* All slices of one operation in `n_threads` threads, on all subjects in turn. */
static int measure_operation(struct run *run, const struct node_operation *operation,
			     const struct run_options *options, uint32_t n_threads,
			     const struct subject *subjects, uint32_t n_subjects)
{
	const struct limit limit = slice_limit(options, 1);
	uint32_t first = run->n_results;
	int r;

	if (!options->quiet)
		fprintf(stderr, "paradice-bench: %s, %u thread%s\n", operation->name, n_threads,
			n_threads == 1 ? "" : "s");
	r = results_add(run, operation, options, n_threads, subjects, n_subjects);
	for (uint32_t slice = 0; slice < options->n_slices && !r; slice++)
		for (uint32_t i = first; i < run->n_results && !r && !measure_stop; i++)
			r = slice_run(&run->results[i], operation, &limit);
	return r;
}

/* The operations of a terminal, on all subjects that take part, in turns. */
static int measure_turns(struct run *run, const struct run_options *options, const struct subject *subjects,
			 uint32_t n_subjects)
{
	const struct node_operation *operations[TURNS_MAX];
	struct turn turns[TURNS_MAX];
	uint32_t first = run->n_results, n = 0, n_turns = 0;
	struct limit limit;
	int r = 0;

	if (!options->quiet)
		fprintf(stderr, "paradice-bench: a terminal's ioctls, in turns\n");
	for (uint32_t i = 0; i < node_n_operations && r == 0; i++) {
		if (node_operations[i].group != NODE_TERMINAL)
			continue;
		r = results_add(run, &node_operations[i], options, 1, subjects, n_subjects);
		while (first + n < run->n_results && n < TURNS_MAX)
			operations[n++] = &node_operations[i];
	}
	for (uint32_t i = 0; i < n; i++) {
		struct result *result = &run->results[first + i];

		if (!result->sample.error)
			turns[n_turns++] = (struct turn){ result->subject->path, operations[i], &result->sample };
	}
	limit = slice_limit(options, n_turns);
	for (uint32_t slice = 0; slice < options->n_slices && r == 0 && n_turns && !measure_stop; slice++)
		r = turns_slice(turns, n_turns, &limit);
	return r;
}

int run_start(struct run *run, const struct run_options *options, const struct subject *subjects,
	      uint32_t n_subjects)
{
	int r = 0;

	memset(run, 0, sizeof(*run));
	for (uint32_t i = 0; i < node_n_operations; i++) {
		if (!(node_operations[i].group & options->groups & ~NODE_TERMINAL))
			continue;
		for (uint32_t t = 0; t < options->n_threads && !r && !measure_stop; t++)
			r = measure_operation(run, &node_operations[i], options,
					      options->threads[t], subjects, n_subjects);
	}
	if (r == 0 && (options->groups & NODE_TERMINAL))
		r = measure_turns(run, options, subjects, n_subjects);
	return r;
}

void run_free(struct run *run)
{
	free(run->results);
	memset(run, 0, sizeof(*run));
}

const struct result *run_find(const struct run *run, const char *operation, uint32_t n_threads,
			      const char *subject)
{
	for (uint32_t i = 0; i < run->n_results; i++) {
		const struct result *result = &run->results[i];

		if (result->n_threads == n_threads && !strcmp(result->operation, operation) &&
		    !strcmp(result->subject->name, subject))
			return result->sample.n_slices && !result->sample.error ? result : NULL;
	}
	return NULL;
}

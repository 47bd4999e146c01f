/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the bench says: a table or JSON, and the ratios that the project promises.
 * A ratio is of medians of one run, with the target it is held against.
 */
#ifndef PARADICE_BENCH_REPORT_H
#define PARADICE_BENCH_REPORT_H

#include <stdio.h>

#include "bench/process.h"
#include "bench/run.h"

#define RATIOS_MAX 16

struct ratio {
	const char *name; /* static */
	double value;
	const char *target; /* "<=1.25" or ">=0.7"; static */
};

struct report {
	const char *label; /* or NULL */
	const char *node; /* or NULL */
	const char *floor; /* the bare file's subject name, or NULL */
	bool poll_zero; /* the daemons run with poll-us = 0 */
	uint64_t requests_per_read; /* of 1 MiB on the floor; 0: unknown */
	const struct run *run;
	const struct process *processes;
	uint32_t n_processes;
	double idle_s; /* how long they were watched */
	struct ratio ratios[RATIOS_MAX];
	uint32_t n_ratios;
};

/* Computes every ratio whose parts were measured. */
void report_ratios(struct report *report);

/* True if a ratio keeps to its target. */
bool ratio_met(const struct ratio *ratio);

/* Prints tables, and then a line for each ratio:
 *	RATIO <name> <value> <target> */
void report_print(const struct report *report, FILE *f);

/* Prints all of it as one JSON object. 0 or -ENOMEM. */
int report_print_json(const struct report *report, FILE *f);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the command line says. Lives as long as main(). */
#ifndef PARADICE_BENCH_OPTIONS_H
#define PARADICE_BENCH_OPTIONS_H

#include <stdbool.h>

#include "bench/floor_fuse.h"
#include "bench/process.h"
#include "bench/run.h"

#define DOMID_NONE (-1)

struct options {
	const char *node;
	const char *native;
	const char *declared; /* a virtual terminal with ioctls = declared */
	const char *on_demand; /* and one with ioctls = on-demand */
	const char *terminal; /* the same natively */
	const char *label;
	enum floor_kind floor;
	bool floor_given;
	bool json;
	bool poll_zero;
	int vchan_server; /* a domain, or DOMID_NONE */
	int vchan_client;
	struct process processes[PROCESSES_MAX];
	uint32_t n_processes;
	struct run_options run;
};

/* Reads the command line into *options, with defaults for the rest. Prints why and
 * exits with 64 when it is wrong. */
void options_parse(int argc, char *argv[], struct options *options);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a daemon holds and does: resident memory beside the rings, and processor
 * time while nobody asks anything of it. Read from proc(5).
 */
#ifndef PARADICE_BENCH_PROCESS_H
#define PARADICE_BENCH_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

#define PROCESSES_MAX 16

/* One daemon. */
struct process {
	const char *role; /* "hostd", "guestd" or "session"; static */
	pid_t pid;
	uint64_t resident_kib; /* without the rings */
	uint64_t rings_kib; /* mappings of the rings: memfd:paradice…, /dev/xen/… */
	uint64_t ticks; /* utime + stime over the idle time, in clock ticks */
	uint64_t switches; /* context switches over the idle time */
};

/* Fills in resident memory. 0, -ESRCH, -EACCES or another negative errno. */
int process_memory(struct process *process);

/* Watches `n` processes over `ns` nanoseconds and fills in ticks and switches. 0
 * or negative errno, with *failedp the process it is about. */
int process_idle(struct process *processes, uint32_t n, uint64_t ns,
		 const struct process **failedp);

#endif

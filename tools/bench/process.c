/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Resident memory and idle activity of a process. See process.h. */
#include "config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bench/process.h"

/* Whether a line of smaps begins a mapping, and if so, whether of the rings. */
static bool mapping_begins(const char *line, bool *ringsp)
{
	const char *path;

	if (!isxdigit((unsigned char)line[0]) || !strchr(line, '-') || strstr(line, " kB"))
		return false;
	path = strchr(line, '/');
	*ringsp = path && (strncmp(path, "/memfd:paradice", 15) == 0 ||
			   strncmp(path, "/dev/xen/", 9) == 0);
	return true;
}

int process_memory(struct process *process)
{
	char path[64], line[512];
	unsigned long long kib;
	bool rings = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)process->pid);
	f = fopen(path, "re");
	if (!f)
		return errno == ENOENT ? -ESRCH : -errno;
	process->resident_kib = process->rings_kib = 0;
	while (fgets(line, sizeof(line), f)) {
		if (mapping_begins(line, &rings))
			continue;
		if (sscanf(line, "Rss: %llu kB", &kib) != 1)
			continue;
		if (rings)
			process->rings_kib += kib;
		else
			process->resident_kib += kib;
	}
	fclose(f);
	return 0;
}

/* Fields 14 and 15 of /proc/PID/stat; the name before them may hold blanks. */
static int read_ticks(pid_t pid, uint64_t *ticksp)
{
	unsigned long long user, system;
	char path[64], text[1024], *rest;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return errno == ENOENT ? -ESRCH : -errno;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	rest = strrchr(text, ')');
	if (!rest || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
			    &user, &system) != 2)
		return -EIO;
	*ticksp = user + system;
	return 0;
}

static uint64_t read_switches_of(const char *path)
{
	char line[128];
	unsigned long long n;
	uint64_t sum = 0;
	FILE *f = fopen(path, "re");

	/* a thread that has just ended does nothing more */
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "voluntary_ctxt_switches: %llu", &n) == 1 ||
		    sscanf(line, "nonvoluntary_ctxt_switches: %llu", &n) == 1)
			sum += n;
	fclose(f);
	return sum;
}

/* Of all threads: /proc/PID/status has the first one's only. */
static int read_switches(pid_t pid, uint64_t *switchesp)
{
	char path[320];
	struct dirent *entry;
	DIR *threads;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	threads = opendir(path);
	if (!threads)
		return errno == ENOENT ? -ESRCH : -errno;
	*switchesp = 0;
	while ((entry = readdir(threads))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/status", (int)pid, entry->d_name);
		*switchesp += read_switches_of(path);
	}
	closedir(threads);
	return 0;
}

int process_idle(struct process *processes, uint32_t n, uint64_t ns,
		 const struct process **failedp)
{
	struct timespec pause = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
	uint64_t ticks, switches;
	int r;

	for (uint32_t pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < n; i++) {
			*failedp = &processes[i];
			r = read_ticks(processes[i].pid, &ticks);
			if (!r)
				r = read_switches(processes[i].pid, &switches);
			if (r < 0)
				return r;
			processes[i].ticks = pass ? ticks - processes[i].ticks : ticks;
			processes[i].switches = pass ? switches - processes[i].switches : switches;
		}
		while (!pass && nanosleep(&pause, &pause) < 0 && errno == EINTR)
			continue;
	}
	return 0;
}

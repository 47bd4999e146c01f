/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See near.h. */
#include "config.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/near.h"

#define EVERY 64 /* calls: looking takes about 10 µs, moving more */
#define FIELD 37 /* of /proc/PID/stat, behind the name's bracket: "processor" (proc(5)) */

static bool due(void)
{
	static __thread uint32_t n_calls;

	return ++n_calls % EVERY == 0;
}

/* Where a thread ran last. */
static uint32_t processor_of(pid_t thread)
{
	char path[32], text[1024], *at;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)thread);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return CPU_SETSIZE;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return CPU_SETSIZE;
	text[n] = '\0';
	at = strrchr(text, ')');
	for (int i = 0; at && i < FIELD; i++)
		at = strchr(at + 1, ' ');
	return at ? strtoul(at, NULL, 10) : CPU_SETSIZE;
}

static void move(uint32_t processor, const cpu_set_t *all)
{
	cpu_set_t one;

	if (processor >= CPU_SETSIZE || (int)processor == sched_getcpu())
		return;
	CPU_ZERO(&one);
	CPU_SET(processor, &one);
	if (sched_setaffinity(0, sizeof(one), &one) == 0)
		sched_setaffinity(0, sizeof(*all), all);
}

void near_thread(pid_t thread, const cpu_set_t *all)
{
	if (due())
		move(processor_of(thread), all);
}

void near_processor(uint32_t processor, const cpu_set_t *all)
{
	if (due())
		move(processor, all);
}

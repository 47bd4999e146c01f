/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See near.h. */
#include "config.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/channel.h"
#include "proto/near.h"

#define EVERY 8 /* calls, or more: */
#define SHARE 64 /* looking takes no more of a thread's time than one in so many: 10 µs each 640 */
#define REST 64 /* calls after an end that do nothing: to tie and untie takes as long as a short wait */
#define FIELD 37 /* of /proc/PID/stat, behind the name's bracket: "processor" (proc(5)) */

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

enum tie {
	TIE_NONE, /* it runs where the scheduler likes */
	TIE_ON,
	TIE_OFF,
};

static cpu_set_t all; /* of the process */
static bool only_one;
static pthread_once_t all_once = PTHREAD_ONCE_INIT;

static __thread enum tie tie;
static __thread uint32_t tied; /* the processor */
static __thread uint32_t rest; /* calls that are left of REST */

static void all_find(void)
{
	if (sched_getaffinity(0, sizeof(all), &all) < 0)
		CPU_ZERO(&all);
	only_one = CPU_COUNT(&all) == 1;
}

void near_init(void)
{
	pthread_once(&all_once, all_find);
}

void near_begin(void)
{
	if (CPU_COUNT(&all))
		(void)sched_setaffinity(0, sizeof(all), &all);
}

static void place(enum tie kind, uint32_t processor)
{
	cpu_set_t set = all;

	if (tie == kind && (kind == TIE_NONE || tied == processor))
		return;
	if (kind != TIE_NONE && (processor >= CPU_SETSIZE || !CPU_ISSET(processor, &all)))
		return;
	if (kind == TIE_ON) {
		CPU_ZERO(&set);
		CPU_SET(processor, &set);
	} else if (kind == TIE_OFF) {
		CPU_CLR(processor, &set);
		if (!CPU_COUNT(&set))
			return;
	}
	/* If it may not, it stays where it is, and that is not tried each time. */
	(void)sched_setaffinity(0, sizeof(set), &set);
	tie = kind;
	tied = processor;
}

static bool rests(void)
{
	return rest && rest--;
}

void near_thread(pid_t thread)
{
	static __thread uint32_t n_calls;
	static __thread uint64_t next_ns;
	uint64_t since_ns, looked_ns;

	if (only_one || rests() || ++n_calls < EVERY)
		return;
	since_ns = channel_now_ns();
	if (since_ns < next_ns)
		return;
	n_calls = 0;
	place(TIE_ON, processor_of(thread));
	looked_ns = channel_now_ns();
	next_ns = looked_ns + SHARE * (looked_ns - since_ns);
}

void near_processor(uint32_t processor)
{
	if (!rests())
		place(TIE_ON, processor);
}

bool near_apart(uint32_t processor)
{
	if ((int)processor != sched_getcpu())
		return true;
	place(TIE_OFF, processor);
	return tie == TIE_OFF;
}

void near_apart_end(void)
{
	if (tie == TIE_OFF)
		place(TIE_NONE, 0);
}

void near_end(void)
{
	if (tie == TIE_ON)
		rest = REST;
	place(TIE_NONE, 0);
}

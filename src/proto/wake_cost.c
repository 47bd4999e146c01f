/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two threads wake each other over two eventfds; see wake_cost.h. The measurement
 * lives on the stack of the first call. */
#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "proto/wake_cost.h"

#define ROUNDS 15
#define STACK_SIZE (64 * 1024)

struct measurement {
	int there, back; /* eventfds */
	uint32_t rounds_ns[ROUNDS];
};

static uint32_t cost_ns;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

static void *echo(void *context)
{
	struct measurement *measurement = context;
	uint64_t count;

	for (int i = 0; i < ROUNDS; i++)
		if (read(measurement->there, &count, sizeof(count)) < 0 ||
		    write(measurement->back, &count, sizeof(count)) < 0)
			break;
	return NULL;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void rounds_run(struct measurement *measurement)
{
	uint64_t count = 1, since;

	for (int i = 0; i < ROUNDS; i++) {
		since = now_ns();
		if (write(measurement->there, &count, sizeof(count)) < 0 ||
		    read(measurement->back, &count, sizeof(count)) < 0)
			return;
		measurement->rounds_ns[i] = now_ns() - since;
	}
	qsort(measurement->rounds_ns, ROUNDS, sizeof(measurement->rounds_ns[0]), compare);
	cost_ns = measurement->rounds_ns[ROUNDS / 2];
}

static void measure(void)
{
	struct measurement measurement = { .there = eventfd(0, EFD_CLOEXEC), .back = eventfd(0, EFD_CLOEXEC) };
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	if (measurement.there >= 0 && measurement.back >= 0 &&
	    pthread_create(&thread, &attr, echo, &measurement) == 0) {
		rounds_run(&measurement);
		pthread_join(thread, NULL);
	}
	pthread_attr_destroy(&attr);
	if (measurement.there >= 0)
		close(measurement.there);
	if (measurement.back >= 0)
		close(measurement.back);
}

uint32_t wake_cost_ns(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, measure);
	return cost_ns;
}

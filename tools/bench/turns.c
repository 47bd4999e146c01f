/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See turns.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/turns.h"

#define OPERATIONS 20 /* of one turn */
#define SETTLING 2 /* before them, not counted: what the change to it costs */
#define ALIGNMENT 4096

/* What the slice has of one turn. */
struct opened {
	int fd;
	void *buffer;
	uint64_t n, n_bytes, ns;
};

static int turn_open(const struct turn *turn, struct opened *opened)
{
	uint32_t size = turn->operation->size ? turn->operation->size : 1;

	if (posix_memalign(&opened->buffer, ALIGNMENT, size))
		return -ENOMEM;
	memset(opened->buffer, 0, size);
	opened->fd = node_open(turn->path, 0);
	if (opened->fd < 0)
		turn->sample->error = -opened->fd;
	return 0;
}

static void turn_close(const struct turn *turn, struct opened *opened)
{
	sample_slice(turn->sample, opened->n, opened->n_bytes, opened->ns);
	if (opened->fd >= 0)
		close(opened->fd);
	free(opened->buffer);
}

/* False if the device refused. */
static bool turn_run(const struct turn *turn, struct opened *opened)
{
	const struct node_operation *operation = turn->operation;
	uint64_t before, after = measure_now_ns();
	int64_t r = 0;

	if (turn->sample->error)
		return false;
	for (int i = -SETTLING; i < OPERATIONS && r >= 0; i++) {
		before = after;
		r = operation->run(turn->path, opened->fd, opened->buffer, operation->size);
		after = measure_now_ns();
		if (i < 0 || r < 0)
			continue;
		histogram_add(&turn->sample->latency, after - before);
		opened->n++;
		opened->n_bytes += r;
		opened->ns += after - before;
	}
	if (r < 0)
		turn->sample->error = -r;
	return r >= 0;
}

int turns_slice(const struct turn *turns, uint32_t n, const struct limit *limit)
{
	struct opened opened[TURNS_MAX];
	uint64_t end, count = 0;
	bool goes_on = true;
	int r = 0;

	for (uint32_t i = 0; i < n; i++)
		opened[i] = (struct opened){ .fd = -1 };
	for (uint32_t i = 0; i < n && r == 0; i++)
		r = turn_open(&turns[i], &opened[i]);
	end = measure_now_ns() + limit->ns;
	while (r == 0 && goes_on && !measure_stop) {
		for (uint32_t i = 0; i < n && goes_on; i++)
			goes_on = turn_run(&turns[i], &opened[i]);
		count += n * OPERATIONS;
		goes_on = goes_on && measure_now_ns() < end && (!limit->count || count < limit->count);
	}
	for (uint32_t i = 0; i < n; i++)
		turn_close(&turns[i], &opened[i]);
	return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The handle table; see handle.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostd/handle.h"
#include "hostd/rules.h"
#include "proto/proto.h"

_Static_assert(PROTO_READY_ASK == POLLNVAL, "no driver's");

#define INDEX_BITS 16
#define INDEX_MASK ((1u << INDEX_BITS) - 1)

int handle_table_init(struct handle_table *table, uint32_t n_max)
{
	memset(table, 0, sizeof(*table));
	if (n_max > INDEX_MASK)
		n_max = INDEX_MASK;
	table->handles = calloc(n_max, sizeof(*table->handles));
	table->n_max = n_max;
	return table->handles ? 0 : -ENOMEM;
}

void handle_table_fini(struct handle_table *table)
{
	for (uint32_t i = 0; table->handles && i < table->n_max; i++)
		if (table->handles[i].id)
			close(table->handles[i].fd);
	free(table->handles);
	table->handles = NULL;
}

struct handle *handle_add(struct handle_table *table, int fd, uint32_t device, uint32_t class,
			  uint32_t flags)
{
	struct handle *handle;

	if (table->n_used == table->n_max)
		return NULL;
	while (table->handles[table->next].id)
		table->next = (table->next + 1) % table->n_max;
	handle = &table->handles[table->next];
	memset(handle, 0, sizeof(*handle));
	if (++table->generation == 0)
		table->generation = 1;
	handle->id = (uint64_t)table->generation << INDEX_BITS | table->next;
	handle->fd = fd;
	handle->device = device;
	handle->class = class;
	handle->nonblock = flags & O_NONBLOCK;
	table->n_used++;
	return handle;
}

struct handle *handle_find_any(struct handle_table *table, uint64_t id)
{
	uint32_t index = id & INDEX_MASK;

	if (!id || index >= table->n_max || table->handles[index].id != id)
		return NULL;
	return &table->handles[index];
}

struct handle *handle_find(struct handle_table *table, uint64_t id)
{
	struct handle *handle = handle_find_any(table, id);

	return handle && !handle->released ? handle : NULL;
}

int handle_remove(struct handle_table *table, struct handle *handle)
{
	int fd = handle->fd;

	handle->id = 0;
	rules_put(handle->rules);
	handle->rules = NULL;
	table->n_used--;
	return fd;
}

void handle_plain_add(struct handle *handle, uint32_t command)
{
	handle->plain[handle->n_plain++ % HANDLE_PLAIN_MAX] = command;
}

bool handle_plain_has(const struct handle *handle, uint32_t command)
{
	for (uint32_t i = 0; i < HANDLE_PLAIN_MAX && i < handle->n_plain; i++)
		if (handle->plain[i] == command)
			return true;
	return false;
}

uint32_t handle_sample_take(struct handle *handle, uint32_t *serialp)
{
	struct pollfd pfd = { .fd = handle->fd, .events = handle->events };

	*serialp = __atomic_add_fetch(&handle->sample_serial, 1, __ATOMIC_SEQ_CST);
	if (poll(&pfd, 1, 0) < 0)
		return POLLERR;
	return (uint16_t)pfd.revents;
}

void handle_sample_publish(struct handle *handle, uint32_t serial, uint32_t mask)
{
	if ((int32_t)(serial - handle->published_serial) <= 0)
		return;
	handle->published_serial = serial;
	handle->ready = mask;
}

void handle_unwatch(struct handle *handle)
{
	handle->events = 0;
	handle->published_serial = __atomic_add_fetch(&handle->sample_serial, 1, __ATOMIC_SEQ_CST);
	handle->ready = PROTO_READY_ASK;
	handle->told = false;
}

bool handle_tells(const struct handle *handle)
{
	return handle->events || handle->ready;
}

void handle_follow_flags(struct handle *handle, uint32_t flags)
{
	bool nonblock = flags & O_NONBLOCK;
	int present;

	if (nonblock == handle->nonblock)
		return;
	present = fcntl(handle->fd, F_GETFL);
	if (present < 0)
		return;
	present = nonblock ? present | O_NONBLOCK : present & ~O_NONBLOCK;
	if (fcntl(handle->fd, F_SETFL, present) == 0)
		handle->nonblock = nonblock;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Open files and their readiness; see guest.h. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "guestd/guest.h"

static struct file **bucket(struct guest *guest, uint64_t handle)
{
	return &guest->files[handle % FILE_BUCKETS];
}

struct file *file_new(struct node *node, uint64_t handle)
{
	struct guest *guest = node->guest;
	struct file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->node = node;
	file->class = node->add.class;
	file->handle = handle;
	file->connection = guest->connection;
	file->next = *bucket(guest, handle);
	*bucket(guest, handle) = file;
	node->n_files++;
	return file;
}

void file_free(struct file *file)
{
	struct node *node = file->node;
	struct file **at = bucket(node->guest, file->handle);

	while (*at != file)
		at = &(*at)->next;
	*at = file->next;
	if (file->poll_handle)
		fuse_pollhandle_destroy(file->poll_handle);
	position_forget(file);
	free(file);
	node->n_files--;
	node_put(node);
}

struct file *file_find(struct guest *guest, uint64_t handle)
{
	struct file *file = *bucket(guest, handle);

	while (file && (file->handle != handle || !file_alive(file)))
		file = file->next;
	return file;
}

bool file_alive(const struct file *file)
{
	const struct guest *guest = file->node->guest;

	return guest->channel && file->connection == guest->connection;
}

void file_ready(struct file *file, uint32_t mask, bool pushed, uint64_t now_ns)
{
	uint32_t fresh = mask & ~file->ready;
	struct fuse_pollhandle *handle = file->poll_handle;

	file->ready = mask;
	file->ready_ns = now_ns;
	if (mask & PROTO_READY_ASK)
		file->watched = 0;
	if (!handle || !(pushed || fresh || (mask & PROTO_READY_ASK)))
		return;
	/* The kernel asks again when somebody still waits. */
	file->poll_handle = NULL;
	fuse_lowlevel_notify_poll(handle);
	fuse_pollhandle_destroy(handle);
}

void file_all_dead(struct guest *guest)
{
	for (size_t i = 0; i < FILE_BUCKETS; i++)
		for (struct file *file = guest->files[i]; file; file = file->next)
			file_ready(file, POLLERR | POLLHUP, true, 0);
}

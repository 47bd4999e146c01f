/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pread(2) and pwrite(2), by the kernel module mmhelper(4).
 *
 * CUSE's requests have no position. So the module says beforehand where a thread is
 * about to read or write: a position, which belongs to the file until all its bytes were
 * asked for, or the module says that no more come. CUSE splits what is large; its
 * requests tell how much of the call came before them.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "guestd/guest.h"
#include "kmod-mmhelper/mmhelper.h"

struct position {
	struct position *next;
	pid_t pid; /* the thread */
	int64_t offset; /* of the device */
	uint64_t length;
	uint64_t done; /* bytes that were asked for */
};

static struct position **position_of(struct file *file, pid_t pid)
{
	struct position **at = &file->positions;

	while (*at && (*at)->pid != pid)
		at = &(*at)->next;
	return at;
}

static void position_end(struct position **at)
{
	struct position *position = *at;

	*at = position->next;
	free(position);
}

void position_request(fuse_req_t request, struct file *file, const struct mmhelper_fetch *fetch)
{
	pid_t pid = fuse_req_ctx(request)->pid;
	struct position **at = position_of(file, pid), *position;
	int r = 0;

	if (*at)
		position_end(at);
	if (fetch->length) {
		position = calloc(1, sizeof(*position));
		if (position) {
			position->pid = pid;
			position->offset = fetch->offset;
			position->length = fetch->length;
			position->next = file->positions;
			file->positions = position;
		} else {
			r = -ENOMEM;
		}
	}
	fuse_reply_ioctl(request, r, NULL, 0);
}

bool position_take(struct file *file, pid_t pid, uint64_t done, uint64_t size, int64_t *positionp)
{
	struct position **at = position_of(file, pid);
	bool is_next = *at && (*at)->done == done;

	if (!*at)
		return false;
	if (is_next) {
		*positionp = (*at)->offset + done;
		(*at)->done += size;
	}
	/* Else its call is over, by the death of whoever had this number. */
	if (!is_next || (*at)->done >= (*at)->length)
		position_end(at);
	return is_next;
}

void position_forget(struct file *file)
{
	while (file->positions)
		position_end(&file->positions);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plain requests of programs, open, release, read, write and poll: what goes to the
 * host, and what its answers are to the kernel. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "guestd/guest.h"

#define FRESH_NS 1000000u /* how long "ready" is believed without asking again */

void call_open(struct node *node, fuse_req_t request, const struct fuse_file_info *info)
{
	struct call *call = call_new(node->guest, PROTO_OPEN, request);

	if (!call)
		return;
	call->node = node;
	node->n_files++;
	call->info = *info;
	call->body.open.device = node->removed ? 0 : node->add.device;
	call->body.open.flags = info->flags & (O_ACCMODE | O_NONBLOCK | O_APPEND | O_SYNC);
	call->body.open.thread = fuse_req_ctx(request)->pid;
	if (!call->body.open.device)
		call_end(call, ENODEV);
	else
		call_submit(call, NULL, 0);
}

void call_release(fuse_req_t request, struct file *file)
{
	struct call *call;

	if (!file_alive(file)) {
		file_free(file);
		fuse_reply_err(request, 0);
		return;
	}
	call = call_new(file->node->guest, PROTO_RELEASE, request);
	if (!call)
		return;
	call->file = file;
	call->body.release.handle = file->handle;
	call_submit(call, NULL, 0);
}

void call_read(fuse_req_t request, struct file *file, size_t size, off_t done, uint32_t flags)
{
	struct call *call = call_new_on(file, PROTO_READ, request);

	if (!call)
		return;
	call->file = file;
	call->body.read = (struct proto_read){
		.handle = file->handle,
		.size = size,
		.flags = flags,
		.bulk = PROTO_BULK_NONE,
	};
	call->body.read.at = position_take(file, fuse_req_ctx(request)->pid, done, size,
					   &call->body.read.position);
	call_submit(call, NULL, 0);
}

void call_write(fuse_req_t request, struct file *file, const char *data, size_t size, off_t done,
		uint32_t flags)
{
	struct call *call = call_new_on(file, PROTO_WRITE, request);

	if (!call)
		return;
	call->file = file;
	call->body.write = (struct proto_write){
		.handle = file->handle,
		.size = size,
		.flags = flags,
		.bulk = PROTO_BULK_NONE,
	};
	call->body.write.at = position_take(file, fuse_req_ctx(request)->pid, done, size,
					    &call->body.write.position);
	call_submit(call, data, size);
}

void call_poll(fuse_req_t request, struct file *file, uint32_t events, struct fuse_pollhandle *handle)
{
	struct call *call;
	uint32_t ready;
	bool known;

	if (handle) {
		if (file->poll_handle)
			fuse_pollhandle_destroy(file->poll_handle);
		file->poll_handle = handle;
	}
	/* Never an errno: the kernel would not ask this file again. */
	if (!file_alive(file)) {
		fuse_reply_poll(request, POLLERR | POLLHUP);
		return;
	}
	events |= POLLERR | POLLHUP;
	ready = file->ready & events;
	known = file->watched && !(events & ~file->watched) &&
		!(file->node->add.flags & PROTO_DEVICE_FORWARD_POLL);
	/* "Not ready" is always true: the host tells when it changes. "Ready" may
	 * have been used up by somebody else on the host since it was told. */
	if (known && (!ready || channel_now_ns() - file->ready_ns < FRESH_NS)) {
		fuse_reply_poll(request, ready);
		return;
	}
	call = call_new_on(file, PROTO_POLL, request);
	if (!call)
		return;
	call->file = file;
	call->body.poll = (struct proto_poll){ .handle = file->handle, .events = events };
	call_submit(call, NULL, 0);
}

/* ---- answers ---- */

static __thread bool opening;

bool call_opening(void)
{
	return opening;
}

int request_opened(struct guest *guest, struct call *call, const struct proto_message *message)
{
	const struct proto_open_answer *answer = message->body;
	struct fuse_file_info info = call->info;
	struct file *file;
	fuse_req_t request;
	int r;

	if (answer->result < 0) {
		call_end(call, -answer->result);
		return 0;
	}
	if (answer->result || file_find(guest, answer->handle))
		return call_misfit(guest, message, "handle is open already, or result is positive");
	file = file_new(call->node, answer->handle);
	if (!file) {
		call_end(call, ENOMEM);
		return 0;
	}
	info.fh = (uintptr_t)file;
	info.direct_io = 1;
	info.nonseekable = 1;
	request = call_take(call);
	call_end(call, EIO);
	opening = true;
	r = fuse_reply_open(request, &info);
	opening = false;
	if (r == -ENOENT) {
		/* The program was killed meanwhile: nobody will release it. */
		struct proto_release body = { .handle = file->handle };

		(void)call_send_alone(guest, PROTO_RELEASE, &body);
		file_free(file);
	}
	return 0;
}

int request_read_done(struct guest *guest, struct call *call, const struct proto_message *message)
{
	const struct proto_read_answer *answer = message->body;
	const void *data = message->payload;

	if (answer->result > (int64_t)call->body.read.size)
		return call_misfit(guest, message, "result is more than was asked for");
	if (call->bulk != PROTO_BULK_NONE)
		data = channel_bulk(guest->channel, call->bulk, call->body.read.size);
	else if (answer->result > 0 && answer->result != message->payload_length)
		return call_misfit(guest, message, "the data is missing");
	if (answer->result >= 0)
		fuse_reply_buf(call_take(call), data, answer->result);
	call_end(call, -answer->result);
	return 0;
}

int request_write_done(struct guest *guest, struct call *call, const struct proto_message *message)
{
	const struct proto_write_answer *answer = message->body;

	if (answer->result > (int64_t)call->body.write.size)
		return call_misfit(guest, message, "result is more than was written");
	if (answer->result >= 0)
		fuse_reply_write(call_take(call), answer->result);
	call_end(call, -answer->result);
	return 0;
}

int request_poll_done(struct guest *guest, struct call *call, const struct proto_message *message)
{
	const struct proto_poll_answer *answer = message->body;
	uint32_t events = call->body.poll.events;
	uint32_t ready = answer->result < 0 ? POLLERR : answer->ready & events;

	/* From now on the host tells what becomes of these. */
	if (answer->result == 0 && !(answer->ready & PROTO_READY_ASK))
		call->file->watched |= events;
	fuse_reply_poll(call_take(call), ready);
	call_end(call, EIO);
	return 0;
}

int request_released(struct guest *guest, struct call *call, const struct proto_message *message)
{
	call_end(call, 0);
	return 0;
}

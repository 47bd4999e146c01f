/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nested ioctls of guests; see ioctl_declared.h. */
#include "config.h"

#include <errno.h>
#include <sys/ioctl.h>

#include "hostd/declared.h"
#include "hostd/drm_values.h"
#include "hostd/ioctl.h"
#include "hostd/ioctl_declared.h"
#include "hostd/session.h"

/* 0 with the copies made, or the negative errno for the program. */
static int prepare(struct session *session, struct declared *declared,
		   const struct proto_message *message, const struct handle *handle,
		   const struct layout_need *need)
{
	const struct proto_ioctl *request = message->body;
	const struct proto_range *ranges;
	const uint8_t *bytes, *descriptors;
	uint32_t n, n_descriptors;
	int r;

	ranges = proto_ranges(message, &n, &bytes);
	proto_descriptors(message, &n_descriptors, &descriptors);
	r = declared_walk(declared, need, &handle->facts, walk_limit(session->channel->max_message),
			  request->argument, ranges, n - n_descriptors, bytes);
	if (r == WALK_VARIANT) {
		ioctl_refuse(session, handle, request->command, IOCTL_VARIANT);
		return -ENOTTY;
	}
	return r;
}

bool ioctl_declared_serve(struct session *session, struct workspace *workspace,
			  const struct proto_message *message, struct operation *operation,
			  struct handle *handle, const struct layout_need *need)
{
	const struct proto_ioctl *request = message->body;
	struct descriptor_call *descriptors = &workspace->descriptors;
	const struct iovec *payload;
	void *argument;
	bool plain;
	uint64_t since_ns;
	int64_t result;
	uint32_t n;

	if (!workspace->declared)
		workspace->declared = declared_new();
	result = workspace->declared ? prepare(session, workspace->declared, message, handle, need) : -ENOMEM;
	descriptors->n_held = 0;
	if (result == 0)
		result = descriptor_take(descriptors, session, message, declared_walked(workspace->declared));
	if (result < 0) {
		ioctl_answer(session, operation, handle, result, 0, NULL);
		descriptor_end(descriptors, session);
		return lead_mine(&session->lead);
	}
	since_ns = operation_begin(session, operation, handle);
	plain = !(need->row->flags & LAYOUT_ROW_PROPERTIES) ||
		drm_values_plain(handle->fd, need, workspace->declared);
	argument = declared_argument(workspace->declared);
	result = plain ? ioctl(handle->fd, request->command, argument) : -1;
	result = result < 0 ? -errno : result;
	operation_end(session, operation, handle, since_ns);
	if (!plain) {
		ioctl_refuse(session, handle, request->command, IOCTL_DESCRIPTOR);
		result = -ENOTTY;
	}
	result = descriptor_make(descriptors, session, declared_walked(workspace->declared), handle, result);
	n = declared_collect(workspace->declared, descriptors->made ? &descriptors->range : NULL,
			     &descriptors->descriptor, &payload);
	ioctl_answer(session, operation, handle, result, n, payload);
	descriptor_end(descriptors, session);
	operation_handle_put(session, handle);
	return lead_mine(&session->lead);
}

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
#include "hostd/verify.h"

/* 0 with the copies made, or the negative errno for the program. */
static int prepare(struct session *session, struct declared *declared,
		   const struct proto_message *message, const struct handle *handle,
		   const struct layout_need *need)
{
	const struct proto_ioctl *request = message->body;
	const struct proto_range *ranges;
	const uint8_t *bytes, *others;
	uint32_t n, n_descriptors, n_pages;
	int r;

	ranges = proto_ranges(message, &n, &bytes);
	proto_descriptors(message, &n_descriptors, &others);
	proto_pages(message, &n_pages, &others);
	r = declared_walk(declared, need, &handle->facts, walk_limit(session->channel->max_message),
			  request->argument, ranges, n - n_descriptors - n_pages, bytes);
	if (r == WALK_VARIANT) {
		ioctl_refuse(session, handle, request->command, IOCTL_VARIANT);
		return -ENOTTY;
	}
	return r;
}

/* Without the lock, before declared_argument(). */
static bool values_plain(const struct handle *handle, const struct layout_need *need,
			 const struct declared *declared)
{
	return !(need->row->flags & LAYOUT_ROW_PROPERTIES) || drm_values_plain(handle->fd, need, declared);
}

/* The same in verify mode. `*verifiedp` is false if the driver has not been called. */
static bool verify(struct session *session, struct operation *operation, struct handle *handle,
		   const struct proto_ioctl *request, const struct layout_need *need,
		   struct declared *declared, int64_t *resultp, bool *verifiedp)
{
	bool plain;

	*verifiedp = false;
	handle->n_users++;
	lead_away(&session->lead, true);
	plain = values_plain(handle, need, declared);
	lead_back(&session->lead);
	if (!plain)
		return false;
	(void)declared_argument(declared);
	*verifiedp = verify_nested(session, operation, handle, request, need, declared, resultp);
	handle->n_users--; /* whoever calls the driver holds the handle */
	return true;
}

/* Calls the driver. False if the command sets a property to what must not be passed on.
 * The handle is the caller's to put in any case. */
static bool run(struct session *session, struct operation *operation, struct handle *handle,
		const struct proto_ioctl *request, const struct layout_need *need,
		struct workspace *workspace, int64_t *resultp)
{
	struct declared *declared = workspace->declared;
	bool plain, verified;
	uint64_t since_ns;
	int64_t result;
	void *argument;

	if (session->verify) {
		plain = verify(session, operation, handle, request, need, declared, resultp, &verified);
		if (!plain || verified)
			return plain;
	}
	since_ns = operation_begin(session, operation, handle);
	plain = session->verify || values_plain(handle, need, declared);
	result = kept_map(&workspace->kept, session, declared_walked(declared));
	argument = declared_argument(declared);
	if (plain && result == 0)
		result = ioctl_call(operation, handle, argument);
	*resultp = result;
	operation_end(session, operation, handle, since_ns);
	return plain;
}

/* What a successful call has settled for later ones, if the driver left all of it. */
static void learn(struct handle *handle, const struct layout *row, const struct declared *declared)
{
	const struct walk_segment *root = declared_root(declared);

	if (row->learn && root && root->present == root->length)
		row->learn(&handle->facts, root->memory);
}

bool ioctl_declared_serve(struct session *session, struct workspace *workspace,
			  const struct proto_message *message, struct operation *operation,
			  struct handle *handle, const struct layout_need *need)
{
	const struct proto_ioctl *request = message->body;
	struct descriptor_call *descriptors = &workspace->descriptors;
	const struct iovec *payload;
	int64_t result;
	uint32_t n;

	if (!workspace->declared)
		workspace->declared = declared_new();
	result = workspace->declared ? prepare(session, workspace->declared, message, handle, need) : -ENOMEM;
	descriptors->n_held = 0;
	if (result == 0)
		result = descriptor_take(descriptors, session, message, declared_walked(workspace->declared));
	if (result == 0)
		result = kept_take(&workspace->kept, session, message, declared_walked(workspace->declared),
				   handle);
	if (result < 0) {
		ioctl_answer(session, operation, handle, result, 0, NULL);
		kept_drop(&workspace->kept, session);
		descriptor_end(descriptors, session);
		return lead_mine(&session->lead);
	}
	if (!run(session, operation, handle, request, need, workspace, &result)) {
		ioctl_refuse(session, handle, request->command, IOCTL_DESCRIPTOR);
		result = -ENOTTY;
	}
	if (result >= 0)
		learn(handle, need->row, workspace->declared);
	kept_settle(&workspace->kept, session, declared_walked(workspace->declared), handle, result);
	result = descriptor_make(descriptors, session, declared_walked(workspace->declared), handle, result);
	n = declared_collect(workspace->declared, descriptors->ranges, descriptors->made, descriptors->n_made,
			     &payload);
	ioctl_answer(session, operation, handle, result, n, payload);
	descriptor_end(descriptors, session);
	operation_handle_put(session, handle);
	return lead_mine(&session->lead);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ioctl(2) on the real devices; see ioctl.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hostd/driver_call.h"
#include "hostd/ioctl.h"
#include "hostd/ioctl_declared.h"
#include "hostd/rights.h"
#include "hostd/rules.h"
#include "hostd/session.h"
#include "hostd/verify.h"
#include "proto/layout.h"

#define TAIL 0xa5 /* in the image where the caller has no memory */

/* Whoever wonders why root's program is refused shall find it in the log. */
static void ioctl_hint(struct session *session, const struct operation *operation, struct handle *handle,
		       int64_t result)
{
	const struct device *device = handle ? session_device(session, handle->device) : NULL;

	if (!device || handle->capabilities || handle->told_rights ||
	    !log_limit_pass(&session->limit, session->guest))
		return;
	handle->told_rights = true;
	log_info("guest \"%s\": device \"%s\": ioctl 0x%08x: %s; if its driver asks for a capability of the "
		 "caller, name that in its device section of hostd.conf: capabilities = { \"CAP_…\" }",
		 session->guest, device->name, operation->command, strerror(-result));
}

void ioctl_answer(struct session *session, struct operation *operation, struct handle *handle,
		  int64_t result, uint32_t n, const struct iovec *payload)
{
	struct proto_ioctl_answer answer = {
		.result = result,
		.ready = PROTO_READY_UNKNOWN,
		.n_ranges = n,
	};
	uint64_t tag = operation->tag;

	if (result == -EPERM || result == -EACCES)
		ioctl_hint(session, operation, handle, result);
	operation_leave(session, operation);
	session_answer(session, PROTO_IOCTL_ANSWER, tag, &answer, &answer.ready, handle, payload,
		       n ? n + 1 : 0);
}

/* The same with the one structure of a flat command, or without. */
static void flat_answer(struct session *session, struct operation *operation, struct handle *handle,
			int64_t result, const struct proto_range *range, void *bytes)
{
	struct iovec payload[2] = {
		{ (void *)range, sizeof(*range) },
		{ bytes, range ? range->length : 0 },
	};

	ioctl_answer(session, operation, handle, result, range ? 1 : 0, payload);
}

void ioctl_refuse(struct session *session, const struct handle *handle, uint32_t command,
		  enum ioctl_refusal why)
{
	/* %08x is the command. */
	static const char *const reasons[] = {
		[IOCTL_UNDECLARED] = "is not in the layout table: ENOTTY (allow = { 0x%08x }, or ioctls = "
				     "\"any\", in its device section of hostd.conf lets it run on demand)",
		[IOCTL_VARIANT] = "is not declared for what its structure says: ENOTTY (allow = { 0x%08x }, "
				  "or ioctls = \"any\", in its device section of hostd.conf lets it run on demand)",
		[IOCTL_DESCRIPTOR] = "passes a file descriptor, which cannot be carried in this way: ENOTTY",
		[IOCTL_INSTALLED] = "made a file descriptor, which needs a row in the layout table to be "
				    "carried: ENOTTY (the descriptor is closed)",
		[IOCTL_DENIED] = "is denied: ENOTTY (deny in its device section of hostd.conf names 0x%08x)",
	};
	const struct device *device = session_device(session, handle->device);
	struct layout_need need;
	char text[200];

	/* isatty(3) asks every file; what is no terminal has nothing to allow. */
	if (_IOC_TYPE(command) == 'T' && handle->class != PROTO_CLASS_TTY && why == IOCTL_UNDECLARED)
		return;
	if (!log_limit_pass(&session->limit, session->guest))
		return;
	snprintf(text, sizeof(text), reasons[why], command);
	if (layout_find(command, &need) < 0 || !layout_need_class(&need, handle->class))
		need.name = "";
	log_warning("guest \"%s\": device \"%s\": ioctl 0x%08x%s%s %s", session->guest,
		    device ? device->name : "?", command, need.name[0] ? " " : "", need.name, text);
}

/* Checks an ioctl against the table and makes the driver's private image of the
 * caller's memory. 0, or the negative errno that the program gets. */
static int ioctl_prepare(struct session *session, struct workspace *workspace,
			 const struct proto_message *message, const struct handle *handle,
			 const struct layout_need *need, struct proto_range *range)
{
	const struct proto_ioctl *request = message->body;
	const struct proto_range *ranges;
	const uint8_t *bytes;
	uint32_t n, size;

	memset(range, 0, sizeof(*range));
	if (layout_refused(request->command))
		return -ENOTTY;
	if (request->argument < LAYOUT_POINTER_MIN)
		return 0;
	/* Of a 32-bit program, none but nested ones come this way. */
	if (!need->row || (request->flags & PROTO_IOCTL_COMPAT)) {
		ioctl_refuse(session, handle, request->command, IOCTL_UNDECLARED);
		return -ENOTTY;
	}
	if (!need->in && !need->out)
		return 0;
	ranges = proto_ranges(message, &n, &bytes);
	size = need->in > need->out ? need->in : need->out;
	if (n != 1 || ranges[0].address != request->argument || ranges[0].length > size ||
	    ranges[0].direction != (PROTO_RANGE_IN | PROTO_RANGE_OUT) || size > workspace->image.size / 2)
		return -EINVAL;
	/* The caller's memory ends before the structure does. */
	if (need->in > ranges[0].length)
		return -EFAULT;
	*range = ranges[0];
	memcpy(workspace->image.memory, bytes, range->length);
	memset((uint8_t *)workspace->image.memory + range->length, TAIL, size - range->length);
	if (!layout_need_flat(need, workspace->image.memory, size)) {
		ioctl_refuse(session, handle, request->command, IOCTL_VARIANT);
		return -ENOTTY;
	}
	return 0;
}

/* What the driver wrote beyond the caller's memory, or nothing at all, does not go
 * back. The result to give. */
static int64_t ioctl_outcome(const struct workspace *workspace, const struct proto_message *message,
			     const struct layout_need *need, struct proto_range *range, int64_t result)
{
	const uint8_t *image = workspace->image.memory;
	const uint8_t *bytes;
	uint32_t n;

	if (!range->length)
		return result;
	range->direction = PROTO_RANGE_OUT;
	for (uint32_t at = range->length; at < need->out; at++)
		if (image[at] != TAIL)
			return -EFAULT;
	proto_ranges(message, &n, &bytes);
	/* The guest learns from the bytes, so it gets them all. */
	if (!need->row->learn && memcmp(image, bytes, range->length) == 0)
		range->length = 0;
	return result;
}

/* The row that declares the command for the handle's device, also that of a 32-bit
 * program, or NULL. *need is what it needs, with a row only where the caller's structures
 * are the row's: a 32-bit program's may differ under the same number. */
static const struct layout *ioctl_row(const struct proto_ioctl *request, const struct handle *handle,
				      struct layout_need *need)
{
	bool compat = request->flags & PROTO_IOCTL_COMPAT;

	if (layout_find(request->command, need) == 0 && layout_need_class(need, handle->class) &&
	    layout_row_serves(need->row, compat))
		return need->row;
	*need = (struct layout_need){ 0 };
	return compat ? layout_find_compat(request->command, handle->class) : NULL;
}

/* True if the command has memory of the caller, as a row with a type says. */
static bool ioctl_nested(const struct proto_ioctl *request, const struct layout_need *need)
{
	return request->argument >= LAYOUT_POINTER_MIN && !layout_refused(request->command) && need->row &&
	       need->row->type;
}

/* True if the device's section lets the command run on demand. */
static bool on_demand_allowed(const struct proto_ioctl *request, const struct handle *handle, bool declared)
{
	bool compat = request->flags & PROTO_IOCTL_COMPAT;

	/* A 32-bit program has no other way to what is declared. */
	if (compat && declared)
		return true;
	return (handle->device_flags & (PROTO_DEVICE_IOCTL_ANY | PROTO_DEVICE_IOCTL_ON_DEMAND)) &&
	       rules_on_demand(handle->rules, request->command, handle->class, compat);
}

/* What the device's section says of the command, and of running it on demand. */
static enum ioctl_refusal ioctl_refusal(const struct proto_ioctl *request, const struct handle *handle,
					const struct layout *row)
{
	if (rules_deny(handle->rules, request->command, handle->class, request->flags & PROTO_IOCTL_COMPAT))
		return IOCTL_DENIED;
	if (!(request->flags & PROTO_IOCTL_ON_DEMAND))
		return IOCTL_SERVED;
	if (!on_demand_allowed(request, handle, row))
		return IOCTL_UNDECLARED;
	/* It would act on the descriptors of a mirror. */
	if (row && (row->flags & LAYOUT_ROW_DESCRIPTOR))
		return IOCTL_DESCRIPTOR;
	return IOCTL_SERVED;
}

/* True if it shall be seen in a mirror what the command does with its number, which
 * nobody knows without a row: a descriptor that it makes or takes must not be one of the
 * session's. */
static bool ioctl_unknown(const struct session *session, const struct proto_ioctl *request,
			  const struct handle *handle, const struct layout *row)
{
	return request->argument < LAYOUT_POINTER_MIN && !layout_refused(request->command) && !row &&
	       !handle_plain_has(handle, request->command) && !session->mirrors.none;
}

int64_t ioctl_call(const struct operation *operation, const struct handle *handle, void *argument)
{
	int64_t result;

	if (operation->capabilities)
		rights_use(operation->capabilities);
	result = driver_ioctl(handle->fd, operation->command, argument);
	if (operation->capabilities)
		rights_use(0);
	return result;
}

/* Calls the driver. */
static int64_t ioctl_run(struct session *session, struct operation *operation, struct handle *handle,
			 const struct proto_ioctl *request, const struct layout_need *need,
			 const struct proto_range *range, uint8_t *image)
{
	bool number = request->argument < LAYOUT_POINTER_MIN;
	uint64_t since_ns;
	int64_t result;

	if (session->verify && !number &&
	    verify_flat(session, operation, handle, request, need, image, range->length, &result))
		return result;
	since_ns = operation_begin(session, operation, handle);
	/* A small argument is a number; a driver that follows it meets no page. */
	result = ioctl_call(operation, handle,
			    range->address ? image : (void *)(uintptr_t)request->argument);
	operation_end(session, operation, handle, since_ns);
	if (session->verify && number)
		verify_number(session, handle, request, result);
	return result;
}

/* A command whose argument is a descriptor. */
static bool ioctl_argument_serve(struct session *session, struct workspace *workspace,
				 const struct proto_message *message, struct operation *operation,
				 struct handle *handle)
{
	struct descriptor_call *descriptors = &workspace->descriptors;
	uint64_t since_ns;
	int64_t result;
	int fd;

	result = descriptor_argument(descriptors, session, message, &fd);
	if (result < 0) {
		ioctl_answer(session, operation, handle, result, 0, NULL);
		descriptor_end(descriptors, session);
		return lead_mine(&session->lead);
	}
	since_ns = operation_begin(session, operation, handle);
	result = ioctl_call(operation, handle, (void *)(intptr_t)fd);
	operation_end(session, operation, handle, since_ns);
	ioctl_answer(session, operation, handle, result, 0, NULL);
	descriptor_end(descriptors, session);
	operation_handle_put(session, handle);
	return lead_mine(&session->lead);
}

bool ioctl_serve(struct session *session, struct workspace *workspace,
			const struct proto_message *message, struct operation *operation)
{
	const struct proto_ioctl *request = message->body;
	struct handle *handle = operation_handle(session, message, request->handle);
	const struct layout *row;
	struct layout_need need;
	struct proto_range range;
	enum ioctl_refusal refusal;
	int64_t result;

	if (!handle) {
		ioctl_answer(session, operation, NULL, -EBADF, 0, NULL);
		return lead_mine(&session->lead);
	}
	if (request->flags & PROTO_IOCTL_FLAGS)
		handle_follow_flags(handle, request->flags & PROTO_IOCTL_NONBLOCK ? O_NONBLOCK : 0);
	operation->command = request->command;
	operation->capabilities = request->flags & PROTO_IOCTL_CAPABLE ? handle->capabilities : 0;
	row = ioctl_row(request, handle, &need);
	refusal = ioctl_refusal(request, handle, row);
	if (refusal != IOCTL_SERVED) {
		ioctl_refuse(session, handle, request->command, refusal);
		ioctl_answer(session, operation, handle, -ENOTTY, 0, NULL);
		return lead_mine(&session->lead);
	}
	/* No poll of ours may follow it. */
	if (handle->events && row && (row->flags & LAYOUT_ROW_UNWATCHED))
		readiness_unwatch(session, handle);
	if ((request->flags & PROTO_IOCTL_ON_DEMAND) && !layout_refused(request->command))
		return ioctl_on_demand(session, message, operation, handle);
	if (ioctl_unknown(session, request, handle, row) && ioctl_on_trial(session, message, operation, handle))
		return lead_mine(&session->lead);
	if (row && (row->flags & LAYOUT_ROW_ARGUMENT))
		return ioctl_argument_serve(session, workspace, message, operation, handle);
	if (ioctl_nested(request, &need))
		return ioctl_declared_serve(session, workspace, message, operation, handle, &need);
	result = ioctl_prepare(session, workspace, message, handle, &need, &range);
	if (result < 0) {
		ioctl_answer(session, operation, handle, result, 0, NULL);
		return lead_mine(&session->lead);
	}
	result = ioctl_run(session, operation, handle, request, &need, &range, workspace->image.memory);
	result = ioctl_outcome(workspace, message, &need, &range, result);
	if (result >= 0 && range.length && need.row->learn)
		need.row->learn(&handle->facts, workspace->image.memory);
	flat_answer(session, operation, handle, result, range.length ? &range : NULL,
		    workspace->image.memory);
	operation_handle_put(session, handle);
	return lead_mine(&session->lead);
}

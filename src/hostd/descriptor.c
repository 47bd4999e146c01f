/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors that ioctls take and make; see descriptor.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostd/descriptor.h"
#include "hostd/session.h"

int descriptor_numbers_init(struct descriptor_numbers *table, uint32_t n)
{
	table->numbers = calloc(n, sizeof(table->numbers[0]));
	table->n = table->numbers ? n : 0;
	return table->numbers ? 0 : -ENOMEM;
}

/* The place for what descriptor `fd` is called, or NULL. */
static int32_t *number_of(struct session *session, int32_t fd)
{
	struct descriptor_numbers *table = &session->descriptor_numbers;

	return fd >= 0 && (uint32_t)fd < table->n ? &table->numbers[fd] : NULL;
}

static const char *device_name(struct session *session, const struct handle *handle)
{
	const struct device *device = session_device(session, handle->device);

	return device ? device->name : "?";
}

static int take_one(struct descriptor_call *call, struct session *session,
		    const struct proto_message *message, struct walk_fixup *fixup,
		    const struct proto_descriptor *descriptor)
{
	struct handle *handle;
	int32_t *number;

	if (descriptor->flags || descriptor->class)
		return -EINVAL;
	/* The program's number is none: the driver shall say what it thinks of that. */
	if (!descriptor->handle)
		return 0;
	handle = operation_handle(session, message, descriptor->handle);
	if (!handle)
		return -EBADF;
	handle->n_users++;
	call->held[call->n_held++] = handle;
	fixup->ours = (uint32_t)handle->fd;
	number = number_of(session, handle->fd);
	if (number)
		*number = (int32_t)fixup->original;
	return 0;
}

int descriptor_take(struct descriptor_call *call, struct session *session,
		    const struct proto_message *message, struct walk *walk)
{
	const struct handle_table *handles = &session->handles;
	const struct proto_range *ranges;
	struct walk_fixup *fixup;
	const uint8_t *bytes;
	uint32_t n, i = 0, at = 0;
	int r = 0;

	call->n_held = 0;
	call->n_made = 0;
	ranges = proto_descriptors(message, &n, &bytes);
	for (; r == 0 && (fixup = walk_descriptor(walk, &at, LAYOUT_IN)); i++) {
		struct proto_descriptor descriptor;

		if (i == n || ranges[i].address != walk_address(walk, fixup))
			return -EINVAL;
		memcpy(&descriptor, bytes + i * sizeof(descriptor), sizeof(descriptor));
		r = take_one(call, session, message, fixup, &descriptor);
	}
	if (r == 0 && i != n)
		r = -EINVAL;
	/* Before the driver has done anything that could not be undone. */
	if (r == 0 && walk->n_made && handles->n_used + session->n_opening + walk->n_made > handles->n_max) {
		if (log_limit_pass(&session->limit, session->guest))
			log_warning("guest \"%s\": ioctl: all %u handles are open: EMFILE (max-handles in "
				    "hostd.conf)", session->guest, handles->n_max);
		r = -EMFILE;
	}
	return r;
}

int descriptor_argument(struct descriptor_call *call, struct session *session,
			const struct proto_message *message, int *fdp)
{
	const struct proto_ioctl *request = message->body;
	struct walk_fixup fixup = { .original = (uint32_t)request->argument, .ours = UINT32_MAX };
	struct proto_descriptor descriptor;
	const uint8_t *bytes;
	uint32_t n;
	int r;

	call->n_held = 0;
	call->n_made = 0;
	proto_descriptors(message, &n, &bytes);
	if (n != 1 || request->n_ranges != 1)
		return -EINVAL;
	memcpy(&descriptor, bytes, sizeof(descriptor));
	r = take_one(call, session, message, &fixup, &descriptor);
	*fdp = (int32_t)fixup.ours;
	return r;
}

/* True if it is a descriptor of something else already. */
static bool is_known(const struct session *session, int fd)
{
	const struct handle_table *table = &session->handles;

	for (uint32_t i = 0; i < table->n_max; i++)
		if (table->handles[i].id && table->handles[i].fd == fd)
			return true;
	return false;
}

static bool is_among(int fd, const int *fds, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (fds[i] == fd)
			return true;
	return false;
}

/* True if the driver's new descriptors can all become handles. */
static bool all_fit(const struct session *session, const int *fds, uint32_t n)
{
	const struct handle_table *handles = &session->handles;

	for (uint32_t i = 0; i < n; i++)
		if (is_known(session, fds[i]) || is_among(fds[i], fds, i) || fcntl(fds[i], F_GETFD) < 0)
			return false;
	return handles->n_used + n <= handles->n_max;
}

/* A handle for one that fits. */
static void made_add(struct descriptor_call *call, struct session *session, struct walk *walk,
		     const struct walk_fixup *fixup, const struct handle *handle, int fd)
{
	int status = fcntl(fd, F_GETFL), flags = fcntl(fd, F_GETFD);
	uint32_t class = fixup->part->most;
	struct handle *made;

	fcntl(fd, F_SETFD, FD_CLOEXEC);
	made = handle_add(&session->handles, fd, handle->device,
			  class == LAYOUT_CLASS_SAME ? handle->class : class, status);
	call->ranges[call->n_made] = (struct proto_range){
		.address = walk_address(walk, fixup),
		.length = sizeof(call->made[0]),
		.direction = PROTO_RANGE_DESCRIPTOR,
	};
	call->made[call->n_made++] = (struct proto_descriptor){
		.handle = made->id,
		.flags = (status & (O_ACCMODE | O_NONBLOCK)) | (flags & FD_CLOEXEC ? O_CLOEXEC : 0),
		.class = made->class,
	};
}

/* The numbers that the driver remembers become what the program knows. */
static void numbers_back(struct session *session, struct walk *walk)
{
	struct walk_fixup *fixup;
	uint32_t at = 0;

	while ((fixup = walk_descriptor(walk, &at, 0))) {
		const int32_t *number;
		int32_t value;

		if (fixup->part->when && !fixup->part->when(fixup->structure))
			continue;
		memcpy(&value, fixup->memory, sizeof(value));
		number = number_of(session, value);
		if (number)
			memcpy(fixup->memory, number, sizeof(*number));
	}
}

int64_t descriptor_make(struct descriptor_call *call, struct session *session, struct walk *walk,
			const struct handle *handle, int64_t result)
{
	const struct walk_fixup *fixups[WALK_MADE_MAX];
	struct walk_fixup *fixup;
	int fds[WALK_MADE_MAX];
	uint32_t at = 0, n = 0;

	if (result < 0)
		return result;
	numbers_back(session, walk);
	while ((fixup = walk_descriptor(walk, &at, LAYOUT_OUT))) {
		memcpy(&fds[n], fixup->memory, sizeof(fds[0]));
		fixups[n] = fixup;
		/* The driver found our number of what it took there, or -1: one that it has
		 * left alone is not its own. */
		n += fds[n] >= 0 && (uint32_t)fds[n] != fixup->ours;
	}
	if (!all_fit(session, fds, n)) {
		for (uint32_t i = 0; i < n; i++)
			if (!is_known(session, fds[i]) && !is_among(fds[i], fds, i))
				close(fds[i]);
		if (log_limit_pass(&session->limit, session->guest))
			log_warning("guest \"%s\": device \"%s\": ioctl: the driver's descriptors cannot become "
				    "handles: EMFILE", session->guest, device_name(session, handle));
		return -EMFILE;
	}
	for (uint32_t i = 0; i < n; i++)
		made_add(call, session, walk, fixups[i], handle, fds[i]);
	return result;
}

void descriptor_end(struct descriptor_call *call, struct session *session)
{
	while (call->n_held)
		operation_handle_put(session, call->held[--call->n_held]);
}

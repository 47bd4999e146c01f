/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mappings of the guest's programs; see mapping.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hostd/mapping.h"
#include "hostd/session.h"
#include "kmod-mmhelper/mmhelper.h"

#define PAGE_SHIFT 12
#define PAGE_MASK ((UINT64_C(1) << PAGE_SHIFT) - 1)

_Static_assert((int)MMHELPER_CACHE_NORMAL == PROTO_CACHE_NORMAL &&
	       (int)MMHELPER_CACHE_COMBINE == PROTO_CACHE_COMBINE &&
	       (int)MMHELPER_CACHE_NONE == PROTO_CACHE_NONE, "they travel as they are");

void mapping_init(struct mapping_table *table, uint32_t domid, uint32_t max_mib)
{
	struct mmhelper_bind bind = { .domid = domid, .max_pages = (uint64_t)max_mib << (20 - PAGE_SHIFT) };

	table->helper_error = 0;
	pthread_cond_init(&table->answered, NULL);
	table->helper_fd = open(MMHELPER_PATH, O_RDWR | O_CLOEXEC);
	if (table->helper_fd < 0) {
		table->helper_error = -errno;
		return;
	}
	if (ioctl(table->helper_fd, MMHELPER_BIND, &bind) < 0) {
		table->helper_error = -errno;
		close(table->helper_fd);
		table->helper_fd = -1;
	}
}

static const char *device_name(struct session *session, const struct handle *handle)
{
	const struct device *device = session_device(session, handle->device);

	return device ? device->name : "?";
}

static void mmap_answer(struct session *session, struct operation *operation,
			const struct proto_mmap_answer *answer, const uint32_t *refs)
{
	struct iovec payload = { (void *)refs, answer->n_refs * sizeof(*refs) };
	uint64_t tag = operation->tag;

	operation_leave(session, operation);
	session_send(session, PROTO_MMAP_ANSWER, tag, answer, &payload, answer->n_refs ? 1 : 0);
}

/* Maps the device as the program does: what a driver refuses, or which of its buffers it
 * maps, may depend on whether it is to be written. Only then what may be written later,
 * by mprotect(2), is made writable, if the driver lets it. 0 or negative errno. */
static int device_map(int fd, const struct proto_mmap *request, void **memoryp, bool *writablep)
{
	int flags = request->flags & PROTO_MMAP_SHARED ? MAP_SHARED : MAP_PRIVATE;
	int protection = (request->flags & PROTO_MMAP_READ ? PROT_READ : 0) |
			 (request->flags & PROTO_MMAP_WRITE ? PROT_WRITE : 0);
	int r;

	*memoryp = mmap(NULL, request->length, protection, flags, fd, request->offset);
	if (*memoryp == MAP_FAILED)
		return -errno;
	*writablep = (request->flags & (PROTO_MMAP_WRITE | PROTO_MMAP_MAY_WRITE)) &&
		     mprotect(*memoryp, request->length, PROT_READ | PROT_WRITE) == 0;
	if (*writablep || mprotect(*memoryp, request->length, PROT_READ) == 0)
		return 0;
	r = -errno;
	munmap(*memoryp, request->length);
	return r;
}

/* On one kernel: the guest maps the device itself, once the driver has shown that it
 * can be mapped so: what cannot is handed to nobody. */
static void mmap_pass(struct session *session, const struct proto_mmap *request,
		      struct operation *operation, struct handle *handle)
{
	struct transport *transport = session->channel->transport;
	struct proto_mmap_answer answer = { 0 };
	uint64_t since_ns;
	bool writable;
	void *memory;

	since_ns = operation_begin(session, operation, handle);
	answer.result = device_map(handle->fd, request, &memory, &writable);
	if (answer.result == 0)
		munmap(memory, request->length);
	operation_end(session, operation, handle, since_ns);
	if (answer.result == 0)
		answer.result = transport->ops->pass(transport, operation->tag, handle->fd);
	if (answer.result == 0)
		answer.flags = PROTO_MAPPED_DESCRIPTOR;
	mmap_answer(session, operation, &answer, NULL);
	operation_handle_put(session, handle);
}

/* What a failure of the module means. */
static const char *export_why(int error)
{
	if (error == -ERANGE || error == -ENOSPC)
		return "the guest has as much mapped as it may (max-mapped in hostd.conf), or Xen has no grants left";
	return "it cannot be granted";
}

/* Grants what is mapped, or offers it as device memory. 0 or negative errno with
 * *whyp. */
static int memory_export(int helper_fd, struct mapping *mapping, struct mmhelper_export *export,
			 const char **whyp)
{
	int r = ioctl(helper_fd, MMHELPER_EXPORT, export) < 0 ? -errno : 0;

	if (r == -EACCES && export->flags) {
		/* A driver may take the permission away while it maps. */
		export->flags = 0;
		r = ioctl(helper_fd, MMHELPER_EXPORT, export) < 0 ? -errno : 0;
	}
	if (r == -EREMOTEIO)
		r = place_offer(helper_fd, mapping, &export->cache);
	*whyp = place_why(r);
	if (!*whyp)
		*whyp = export_why(r);
	mapping->export = export->id;
	return r;
}

/* Maps and exports. 0 and *mapping, or the negative errno for the program, with *whyp if
 * it is not the driver's. Without the lock. */
static int device_export(int helper_fd, int fd, const struct proto_mmap *request, uint32_t *refs,
			 struct mapping *mapping, struct mmhelper_export *export, const char **whyp)
{
	bool writable;
	int r;

	r = device_map(fd, request, &mapping->memory, &writable);
	if (r < 0)
		return r;
	mapping->length = request->length;
	*export = (struct mmhelper_export){
		.address = (uintptr_t)mapping->memory,
		.length = request->length,
		.refs = (uintptr_t)refs,
		.flags = writable ? MMHELPER_EXPORT_WRITE : 0,
	};
	r = memory_export(helper_fd, mapping, export, whyp);
	if (r == 0)
		return 0;
	munmap(mapping->memory, request->length);
	return r == -ERANGE || r == -ENOSPC ? -ENOMEM : -ENODEV;
}

/* Whether the guest can have it at all: 0, or the negative errno, logged. */
static int mmap_possible(struct session *session, const struct proto_mmap *request,
			 const struct handle *handle)
{
	const struct mapping_table *table = &session->mappings;
	uint64_t most = (session->channel->max_message - sizeof(struct proto_header) -
			 sizeof(struct proto_mmap_answer)) / sizeof(uint32_t);

	if (table->helper_fd < 0) {
		if (log_limit_pass(&session->limit, session->guest))
			log_warning("guest \"%s\": device \"%s\": mmap: " MMHELPER_PATH ": %s: ENODEV "
				    "(modprobe mmhelper, then restart paradice-hostd)",
				    session->guest, device_name(session, handle),
				    strerror(-table->helper_error));
		return -ENODEV;
	}
	if (!request->length || (request->length & PAGE_MASK) || (request->offset & PAGE_MASK) ||
	    (request->flags & ~PROTO_MMAP_ALL))
		return -EINVAL;
	/* What a program writes to its private copy could not be kept apart from the
	 * driver's pages. */
	if ((request->flags & (PROTO_MMAP_SHARED | PROTO_MMAP_WRITE)) == PROTO_MMAP_WRITE) {
		if (log_limit_pass(&session->limit, session->guest))
			log_warning("guest \"%s\": device \"%s\": mmap: a writable MAP_PRIVATE mapping cannot "
				    "cross to another domain: EINVAL",
				    session->guest, device_name(session, handle));
		return -EINVAL;
	}
	if (request->length >> PAGE_SHIFT > most) {
		if (log_limit_pass(&session->limit, session->guest))
			log_warning("guest \"%s\": device \"%s\": mmap: %llu bytes are more than a message's "
				    "references cover: ENOMEM", session->guest, device_name(session, handle),
				    (unsigned long long)request->length);
		return -ENOMEM;
	}
	return 0;
}

static void mmap_grant(struct session *session, struct workspace *workspace,
		       const struct proto_mmap *request, struct operation *operation,
		       struct handle *handle)
{
	struct proto_mmap_answer answer = { .result = mmap_possible(session, request, handle) };
	struct mapping *mapping = calloc(1, sizeof(*mapping));
	uint32_t *refs = workspace->image.memory;
	int helper_fd = session->mappings.helper_fd;
	struct mmhelper_export export;
	const char *why = NULL;
	uint64_t since_ns;

	if (!mapping && answer.result == 0)
		answer.result = -ENOMEM;
	if (answer.result == 0) {
		since_ns = operation_begin(session, operation, handle);
		answer.result = device_export(helper_fd, handle->fd, request, refs, mapping, &export, &why);
		operation_end(session, operation, handle, since_ns);
		if (answer.result < 0 && why && log_limit_pass(&session->limit, session->guest))
			log_warning("guest \"%s\": device \"%s\": mmap: %s", session->guest,
				    device_name(session, handle), why);
		operation_handle_put(session, handle);
	}
	if (answer.result == 0) {
		mapping->id = ++session->mappings.last_id;
		mapping->next = session->mappings.mappings;
		session->mappings.mappings = mapping;
		answer.mapping = mapping->id;
		answer.flags = export.flags & MMHELPER_EXPORT_WRITE ? 0 : PROTO_MAPPED_READONLY;
		answer.cache = export.cache;
		if (mapping->token)
			answer.flags = PROTO_MAPPED_DEVICE;
		else
			answer.n_refs = request->length >> PAGE_SHIFT;
	} else {
		free(mapping);
	}
	mmap_answer(session, operation, &answer, refs);
}

bool mapping_serve(struct session *session, struct workspace *workspace,
		   const struct proto_message *message, struct operation *operation)
{
	const struct proto_mmap *request = message->body;
	struct handle *handle = operation_handle(session, message, request->handle);
	struct proto_mmap_answer answer = { .result = -EBADF };

	if (!handle)
		mmap_answer(session, operation, &answer, NULL);
	else if (session->channel->transport->ops->pass)
		mmap_pass(session, request, operation, handle);
	else
		mmap_grant(session, workspace, request, operation, handle);
	return lead_mine(&session->lead);
}

struct mapping *mapping_find(struct session *session, uint64_t id)
{
	struct mapping *mapping = session->mappings.mappings;

	while (mapping && mapping->id != id)
		mapping = mapping->next;
	return mapping;
}

static void mapping_remove(struct session *session, struct mapping *mapping)
{
	struct mapping **at = &session->mappings.mappings;
	struct mmhelper_unexport unexport = { .id = mapping->export };

	while (*at != mapping)
		at = &(*at)->next;
	*at = mapping->next;
	/* A driver's own end of a mapping may take long. */
	channel_arm(session->channel, false);
	lead_away(&session->lead, true);
	if (!mapping->token)
		(void)ioctl(session->mappings.helper_fd, MMHELPER_UNEXPORT, &unexport);
	munmap(mapping->memory, mapping->length);
	free(mapping);
	lead_back(&session->lead);
	if (lead_mine(&session->lead))
		channel_disarm(session->channel);
}

bool mapping_serve_end(struct session *session, const struct proto_message *message)
{
	const struct proto_munmap *request = message->body;
	struct proto_munmap_answer answer = { .result = -EINVAL, .mapping = request->mapping };
	struct mapping *mapping = mapping_find(session, request->mapping);
	uint64_t tag = message->header.tag;

	if (mapping && !mapping->busy) {
		answer.result = mapping->token ? place_end(session, mapping) : 0;
		mapping_remove(session, mapping);
	}
	session_send(session, PROTO_MUNMAP_ANSWER, tag, &answer, NULL, 0);
	return lead_mine(&session->lead);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's requests on the real devices; see operation.h. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "hostd/async.h"
#include "hostd/direct.h"
#include "hostd/driver_call.h"
#include "hostd/ioctl.h"
#include "hostd/mapping.h"
#include "hostd/rules.h"
#include "hostd/session.h"
#include "proto/near.h"

#define CLOSES_MAX (SESSION_SPARE_THREADS / 2) /* at once */

static struct operation *operation_find(struct operation_table *table, uint64_t tag)
{
	for (uint32_t i = 0, seen = 0; i < PROTO_IN_FLIGHT_MAX && seen < table->n_used; i++) {
		if (!table->operations[i].used)
			continue;
		seen++;
		if (table->operations[i].tag == tag)
			return &table->operations[i];
	}
	return NULL;
}

/* Enters a request, or ends the session if the guest broke the rules for tags. */
static struct operation *operation_enter(struct session *session, const struct proto_message *message)
{
	struct operation_table *table = &session->operations;
	struct proto_fault *fault = &session->channel->fault;
	struct operation *operation = table->operations;

	if (operation_find(table, message->header.tag)) {
		proto_fault_set(fault, "%s: tag %llu is in use", message->desc->name,
				(unsigned long long)message->header.tag);
		session_violation(session);
	}
	if (table->n_used >= session->channel->max_in_flight) {
		proto_fault_set(fault, "%s: more than the agreed %u requests are in flight",
				message->desc->name, session->channel->max_in_flight);
		session_violation(session);
	}
	while (operation->used)
		operation++;
	*operation = (struct operation){
		.used = true,
		.opcode = message->header.opcode,
		.tag = message->header.tag,
		.thread = pthread_self(),
	};
	table->n_used++;
	return operation;
}

void operation_leave(struct session *session, struct operation *operation)
{
	if (operation->interrupted) {
		session->operations.n_interrupted--;
		/* A signal may still be on its way to this thread: a system call takes
		 * it, so that it cannot hit the next operation. */
		if (operation->opcode != PROTO_OPEN)
			(void)getppid();
	}
	operation->used = false;
	session->operations.n_used--;
}

uint64_t operation_begin(struct session *session, struct operation *operation, struct handle *handle)
{
	bool covered = false;

	handle->n_users++;
	operation->running = true;
	if (handle->slow)
		near_end();
	/* Where it will take long, or where nobody spins anyway, a peer that sends
	 * more must ring, so that a standby looks after it; for what has already
	 * come nobody rings. Where it is quick the asking would cost more than it;
	 * then lead.h's timer tells. */
	if (handle->slow || !channel_spin_budget_ns(session->channel)) {
		covered = !channel_arm(session->channel, false);
		if (!covered && handle->slow) {
			lead_wake(&session->lead);
			covered = true;
		}
	}
	return lead_away(&session->lead, !covered);
}

void operation_end(struct session *session, struct operation *operation, struct handle *handle,
		    uint64_t since_ns)
{
	uint32_t serial = 0, mask = 0;
	bool watched = handle->events != 0;

	if (watched)
		mask = handle_sample_take(handle, &serial);
	lead_back(&session->lead);
	if (lead_mine(&session->lead))
		channel_disarm(session->channel);
	if (watched)
		handle_sample_publish(handle, serial, mask);
	handle->slow = channel_now_ns() - since_ns > lead_away_max_ns();
	operation->running = false;
}

/* Closes the device, and answers the release only then: who opens an exclusive one again
 * right after it must not find it busy. */
static void handle_close(struct session *session, struct handle *handle)
{
	struct proto_release_answer answer = { .result = 0 };
	uint64_t id = handle->id, tag = handle->release_tag;
	int fd;

	handle->n_users++; /* nobody else may take it for the last */
	readiness_forget(session, handle);
	mirror_forget(session, handle);
	fd = handle_remove(&session->handles, handle);
	channel_arm(session->channel, false);
	lead_away(&session->lead, true);
	close(fd);
	lead_back(&session->lead);
	if (lead_mine(&session->lead))
		channel_disarm(session->channel);
	kept_forget(session, id);
	session_send(session, PROTO_RELEASE_ANSWER, tag, &answer, NULL, 0);
}

void operation_handle_put(struct session *session, struct handle *handle)
{
	if (--handle->n_users || !handle->released)
		return;
	/* Releases that block must leave threads for the rest. */
	if (session->n_closing == CLOSES_MAX) {
		session->close_waits = true;
		return;
	}
	session->n_closing++;
	handle_close(session, handle);
	session->n_closing--;
	if (session->close_waits) {
		session->close_waits = false;
		session->reap = true;
		lead_wake(&session->lead);
	}
}

void operation_reap(struct session *session)
{
	struct handle_table *table = &session->handles;

	session->reap = false;
	for (uint32_t i = 0; i < table->n_max; i++) {
		struct handle *handle = &table->handles[i];

		if (handle->id && handle->released && !handle->n_users) {
			handle->n_users++;
			operation_handle_put(session, handle);
		}
	}
}

struct handle *operation_handle(struct session *session, const struct proto_message *message,
				     uint64_t id)
{
	struct handle *handle = handle_find(&session->handles, id);

	if (!handle && log_limit_pass(&session->limit, session->guest))
		log_warning("guest \"%s\": %s: handle 0x%llx is not open: EBADF", session->guest,
			    message->desc->name, (unsigned long long)id);
	return handle;
}

static void read_answer(struct session *session, struct operation *operation, struct handle *handle,
			int64_t result, const void *data)
{
	struct proto_read_answer answer = { .result = result, .ready = PROTO_READY_UNKNOWN };
	struct iovec payload = { (void *)data, data && result > 0 ? result : 0 };
	uint64_t tag = operation->tag;

	operation_leave(session, operation);
	session_answer(session, PROTO_READ_ANSWER, tag, &answer, &answer.ready, handle, &payload, 1);
}

void operation_position_check(struct session *session, const char *name, uint32_t at, int64_t position)
{
	if (at > 1 || (!at && position)) {
		proto_fault_set(&session->channel->fault, "%s: at %u, position %lld", name, at,
				(long long)position);
		session_violation(session);
	}
}

static bool serve_read(struct session *session, struct workspace *workspace,
		       const struct proto_message *message, struct operation *operation)
{
	const struct proto_read *request = message->body;
	struct handle *handle = operation_handle(session, message, request->handle);
	bool bulk = request->bulk != PROTO_BULK_NONE;
	uint8_t *data = workspace->image.memory;
	uint64_t since_ns;
	int64_t n;

	if (bulk)
		data = channel_bulk(session->channel, request->bulk, request->size);
	else if (request->size > session->channel->max_message - PROTO_READ_OVERHEAD)
		data = NULL;
	if (!data) {
		proto_fault_set(&session->channel->fault, "READ: no room for size %u in bulk slot %d",
				request->size, (int)request->bulk);
		session_violation(session);
	}
	operation_position_check(session, "READ", request->at, request->position);
	if (!handle) {
		read_answer(session, operation, NULL, -EBADF, NULL);
		return lead_mine(&session->lead);
	}
	handle_follow_flags(handle, request->flags);
	since_ns = operation_begin(session, operation, handle);
	n = driver_read(handle->fd, data, request->size, request->at, request->position);
	operation_end(session, operation, handle, since_ns);
	read_answer(session, operation, handle, n, bulk ? NULL : data);
	operation_handle_put(session, handle);
	return lead_mine(&session->lead);
}

static void write_answer(struct session *session, struct operation *operation, struct handle *handle,
			 int64_t result)
{
	struct proto_write_answer answer = { .result = result, .ready = PROTO_READY_UNKNOWN };
	uint64_t tag = operation->tag;

	operation_leave(session, operation);
	session_answer(session, PROTO_WRITE_ANSWER, tag, &answer, &answer.ready, handle, NULL, 0);
}

static bool serve_write(struct session *session, struct workspace *workspace,
			const struct proto_message *message, struct operation *operation)
{
	const struct proto_write *request = message->body;
	struct handle *handle = operation_handle(session, message, request->handle);
	const uint8_t *data = message->payload;
	uint64_t since_ns;
	int64_t n;

	if (request->bulk != PROTO_BULK_NONE)
		data = channel_bulk(session->channel, request->bulk, request->size);
	if (!data) {
		proto_fault_set(&session->channel->fault, "WRITE: no room for size %u in bulk slot %d",
				request->size, (int)request->bulk);
		session_violation(session);
	}
	operation_position_check(session, "WRITE", request->at, request->position);
	if (!handle) {
		write_answer(session, operation, NULL, -EBADF);
		return lead_mine(&session->lead);
	}
	handle_follow_flags(handle, request->flags);
	since_ns = operation_begin(session, operation, handle);
	n = driver_write(handle->fd, data, request->size, request->at, request->position);
	operation_end(session, operation, handle, since_ns);
	write_answer(session, operation, handle, n);
	operation_handle_put(session, handle);
	return lead_mine(&session->lead);
}

static bool serve_poll(struct session *session, struct workspace *workspace,
		       const struct proto_message *message, struct operation *operation)
{
	const struct proto_poll *request = message->body;
	struct handle *handle = operation_handle(session, message, request->handle);
	struct proto_poll_answer answer = { .result = -EBADF };
	uint64_t tag = operation->tag;
	uint64_t since_ns;

	if (!handle) {
		operation_leave(session, operation);
		session_send(session, PROTO_POLL_ANSWER, tag, &answer, NULL, 0);
		return lead_mine(&session->lead);
	}
	if (!handle->events || (request->events & READINESS_EVENTS & ~handle->events)) {
		handle->events |= (request->events & READINESS_EVENTS) | POLLERR | POLLHUP;
		readiness_wake(session);
	}
	since_ns = operation_begin(session, operation, handle);
	operation_end(session, operation, handle, since_ns);
	operation_leave(session, operation);
	answer.result = 0;
	session_answer(session, PROTO_POLL_ANSWER, tag, &answer, &answer.ready, handle, NULL, 0);
	operation_handle_put(session, handle);
	return lead_mine(&session->lead);
}

static bool serve_lseek(struct session *session, struct workspace *workspace,
			const struct proto_message *message, struct operation *operation)
{
	const struct proto_lseek *request = message->body;
	struct handle *handle = operation_handle(session, message, request->handle);
	struct proto_lseek_answer answer = { .result = -EBADF };
	uint64_t tag = operation->tag;
	uint64_t since_ns;

	if (handle) {
		since_ns = operation_begin(session, operation, handle);
		answer.result = lseek(handle->fd, request->offset, request->whence);
		answer.result = answer.result < 0 ? -errno : answer.result;
		operation_end(session, operation, handle, since_ns);
	}
	operation_leave(session, operation);
	session_send(session, PROTO_LSEEK_ANSWER, tag, &answer, NULL, 0);
	if (handle)
		operation_handle_put(session, handle);
	return lead_mine(&session->lead);
}

static bool serve_release(struct session *session, const struct proto_message *message)
{
	const struct proto_release *request = message->body;
	struct handle *handle = operation_handle(session, message, request->handle);
	struct proto_release_answer answer = { .result = -EBADF };

	if (handle) {
		handle->n_users++;
		handle->released = true;
		handle->release_tag = message->header.tag;
		operation_handle_put(session, handle);
	} else {
		session_send(session, PROTO_RELEASE_ANSWER, message->header.tag, &answer, NULL, 0);
	}
	return lead_mine(&session->lead);
}

static void open_answer(struct session *session, struct operation *operation, int64_t result,
			uint64_t handle)
{
	struct proto_open_answer answer = { .result = result, .handle = handle };
	uint64_t tag = operation->tag;

	operation_leave(session, operation);
	session_send(session, PROTO_OPEN_ANSWER, tag, &answer, NULL, 0);
}

static bool serve_open(struct session *session, struct workspace *workspace,
		       const struct proto_message *message, struct operation *operation)
{
	const struct proto_open *request = message->body;
	struct device *device = session_device(session, request->device);
	struct control_message control = {
		.kind = CONTROL_OPEN,
		.id = request->device,
		.tag = operation->tag,
		.flags = request->flags,
		.thread = request->thread,
	};

	operation->device = request->device;
	operation->flags = request->flags;
	if (!device || device->removed) {
		open_answer(session, operation, -ENODEV, 0);
	} else if (session->handles.n_used + ++session->n_opening > session->handles.n_max) {
		session->n_opening--;
		if (log_limit_pass(&session->limit, session->guest))
			log_warning("guest \"%s\": device \"%s\": all %u handles are open: EMFILE "
				    "(max-handles in hostd.conf)",
				    session->guest, device->name, session->handles.n_max);
		open_answer(session, operation, -EMFILE, 0);
	} else {
		operation->class = device->add.class;
		operation->device_flags = device->add.flags;
		operation->capabilities = device->add.capabilities;
		operation->rules = rules_get(device->rules);
		if (control_send(session->control_fd, &control, -1) < 0)
			session_end(session, "the supervisor is gone");
	}
	return lead_mine(&session->lead);
}

void operation_opened(struct session *session, uint64_t tag, int error, int fd)
{
	struct operation *operation = operation_find(&session->operations, tag);
	struct handle *handle;

	if (!operation || operation->opcode != PROTO_OPEN) {
		if (fd >= 0)
			close(fd);
		return;
	}
	session->n_opening--;
	if (fd < 0) {
		rules_put(operation->rules);
		open_answer(session, operation, -(error > 0 ? error : EIO), 0);
		return;
	}
	handle = handle_add(&session->handles, fd, operation->device, operation->class, operation->flags);
	if (handle) {
		handle->device_flags = operation->device_flags;
		handle->capabilities = operation->capabilities;
		handle->rules = operation->rules;
	} else {
		rules_put(operation->rules);
		close(fd);
	}
	open_answer(session, operation, handle ? 0 : -EMFILE, handle ? handle->id : 0);
}

static void interrupt(struct session *session, const struct proto_message *message)
{
	const struct proto_interrupt *request = message->body;
	struct operation *operation = operation_find(&session->operations, request->target);
	struct control_message cancel = { .kind = CONTROL_OPEN_CANCEL, .tag = request->target };

	/* Its answer may be under way already: then that is the result. */
	if (!operation || operation->interrupted)
		return;
	operation->interrupted = true;
	session->operations.n_interrupted++;
	if (operation->opcode == PROTO_OPEN)
		(void)control_send(session->control_fd, &cancel, -1);
	else
		readiness_wake(session);
}

bool operation_signal(struct session *session)
{
	struct operation_table *table = &session->operations;
	bool any = false;

	if (!table->n_interrupted)
		return false;
	for (uint32_t i = 0; i < PROTO_IN_FLIGHT_MAX; i++) {
		struct operation *operation = &table->operations[i];

		if (!operation->used || !operation->interrupted || operation->opcode == PROTO_OPEN)
			continue;
		any = true;
		if (operation->mirror)
			mirror_interrupt(operation->mirror);
		else if (operation->running)
			pthread_kill(operation->thread, OPERATION_SIGNAL);
	}
	return any;
}

static const struct {
	uint16_t opcode;
	operation_run_fn run;
} runs[] = {
	{ PROTO_OPEN, serve_open },   { PROTO_READ, serve_read }, { PROTO_WRITE, serve_write },
	{ PROTO_IOCTL, ioctl_serve }, { PROTO_POLL, serve_poll }, { PROTO_MMAP, mapping_serve },
	{ PROTO_LSEEK, serve_lseek }, { PROTO_FASYNC, async_serve },
	{ PROTO_DIRECT, direct_serve },
	{ PROTO_PLACE, place_serve },
};

bool operation_serve(struct session *session, struct workspace *workspace,
		     const struct proto_message *message)
{
	if (message->header.opcode == PROTO_INTERRUPT) {
		interrupt(session, message);
		return true;
	}
	if (message->header.opcode == PROTO_MEM_READ_ANSWER) {
		mirror_answered(session, message);
		return lead_mine(&session->lead);
	}
	if (message->header.opcode == PROTO_PROCESS_END) {
		mirror_end_process(session, ((const struct proto_process_end *)message->body)->process);
		return true;
	}
	/* Closing needs no place among the operations: it must work when all are
	 * taken by operations that block. */
	if (message->header.opcode == PROTO_RELEASE)
		return serve_release(session, message);
	if (message->header.opcode == PROTO_MUNMAP)
		return mapping_serve_end(session, message);
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++)
		if (runs[i].opcode == message->header.opcode)
			return runs[i].run(session, workspace, message,
					   operation_enter(session, message));
	session_violation(session); /* HELLO again: channel_hello_settle has the text */
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Transfers without copies; see direct.h. */
#include "config.h"

#include <errno.h>

#include "hostd/direct.h"
#include "hostd/driver_call.h"
#include "hostd/session.h"

/* 0 or the negative errno of what could not be had. Without the lock. */
static int direct_run(struct session *session, const struct proto_direct *request, int fd, struct pages *pages,
		      int64_t *resultp)
{
	int r = pages_map(session, pages, !request->write, false);
	uint8_t *memory;

	if (r < 0)
		return r;
	memory = pages->memory + request->first;
	if (request->write)
		*resultp = driver_write(fd, memory, request->size, request->at, request->position);
	else
		*resultp = driver_read(fd, memory, request->size, request->at, request->position);
	pages_unmap(session, pages);
	return 0;
}

static void direct_check(struct session *session, const struct proto_message *message)
{
	const struct proto_direct *request = message->body;

	if (!request->size || request->first >= PROTO_PAGE || request->write > 1 ||
	    message->payload_length != (uint64_t)request->n_refs * sizeof(uint32_t)) {
		proto_fault_set(&session->channel->fault,
				"DIRECT: size %u from %u on, write %u, n_refs %u with %u bytes of payload",
				request->size, request->first, request->write, request->n_refs,
				message->payload_length);
		session_violation(session);
	}
}

static void direct_answer(struct session *session, struct operation *operation, struct handle *handle,
			  struct proto_direct_answer *answer)
{
	uint64_t tag = operation->tag;

	answer->ready = PROTO_READY_UNKNOWN;
	operation_leave(session, operation);
	session_answer(session, PROTO_DIRECT_ANSWER, tag, answer, &answer->ready, handle, NULL, 0);
}

bool direct_serve(struct session *session, struct workspace *workspace,
		  const struct proto_message *message, struct operation *operation)
{
	const struct proto_direct *request = message->body;
	struct handle *handle = operation_handle(session, message, request->handle);
	struct proto_direct_answer answer = { .result = -EBADF };
	uint64_t since_ns, n_pages;
	struct pages pages;
	int r;

	direct_check(session, message);
	operation_position_check(session, "DIRECT", request->at, request->position);
	if (!handle) {
		direct_answer(session, operation, NULL, &answer);
		return lead_mine(&session->lead);
	}
	handle_follow_flags(handle, request->flags);
	n_pages = ((uint64_t)request->first + request->size + PROTO_PAGE - 1) / PROTO_PAGE;
	r = pages_take(session, &pages, request->pages, n_pages, message->payload, request->n_refs);
	since_ns = operation_begin(session, operation, handle);
	if (r == 0)
		r = direct_run(session, request, handle->fd, &pages, &answer.result);
	operation_end(session, operation, handle, since_ns);
	if (r < 0)
		answer = (struct proto_direct_answer){ .result = r, .flags = PROTO_DIRECT_NOT_RUN };
	pages_put(session, &pages);
	direct_answer(session, operation, handle, &answer);
	operation_handle_put(session, handle);
	return lead_mine(&session->lead);
}

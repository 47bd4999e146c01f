/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls: the requests of programs on their way to the host and back. A call is
 * new, then waits (for one of the slots that bound operations in flight, or for
 * room in the ring) or is sent, and ends with exactly one answer to the kernel:
 * call_end() gives one if nobody has.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "guestd/guest.h"
#include "guestd/kept.h"
#include "kmod-mmhelper/mmhelper.h"

#define INLINE_MAX 16384u /* larger data goes through a bulk slot, where there are any */
#define SLOT_BITS 8
#define CROWD_SPINS 5 /* threads count as calling at once for as long as so many of the longest spins */

/* ---- life ---- */

struct call *call_new(struct guest *guest, uint16_t opcode, fuse_req_t request)
{
	struct call *call = calloc(1, sizeof(*call));

	if (!call && opcode == PROTO_POLL)
		fuse_reply_poll(request, POLLERR | POLLHUP);
	else if (!call)
		fuse_reply_err(request, ENOMEM);
	if (!call)
		return NULL;
	call->guest = guest;
	call->opcode = opcode;
	call->request = request;
	call->slot = NO_SLOT;
	call->bulk = PROTO_BULK_NONE;
	return call;
}

struct call *call_new_on(struct file *file, uint16_t opcode, fuse_req_t request)
{
	if (!file_alive(file)) {
		fuse_reply_err(request, ENODEV);
		return NULL;
	}
	return call_new(file->node->guest, opcode, request);
}

static void waiting_remove(struct guest *guest, struct call *call)
{
	struct call **at = &guest->waiting;

	while (*at && *at != call)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = call->next;
	if (!*at)
		guest->waiting_tail = at;
}

void call_detach(struct call *call)
{
	struct guest *guest = call->guest;
	struct call **at = &guest->releases;

	if (call->state == CALL_WAITING)
		waiting_remove(guest, call);
	if (call->slot != NO_SLOT) {
		guest->slots[call->slot] = NULL;
		guest->free_slots[guest->n_free_slots++] = call->slot;
		call->slot = NO_SLOT;
		guest->n_sent--;
	} else if (call->state == CALL_SENT) {
		while (*at && *at != call)
			at = &(*at)->next;
		if (*at)
			*at = call->next;
	}
	call->state = CALL_NEW;
	if (call->request)
		fuse_req_interrupt_func(call->request, NULL, NULL);
}

int64_t call_restart(const struct call *call, int64_t result)
{
	return result == -PROTO_RESTART && !call->interrupted ? -EINTR : result;
}

/* FUSE takes no errno of 512 or above; the module knows what another one means. */
static int restart_errno(const struct call *call)
{
	bool passes = call->opcode == PROTO_READ || call->opcode == PROTO_WRITE || call->opcode == PROTO_OPEN;
	const struct node *node = call->file ? call->file->node : call->node;

	return passes && node->adopted && call->interrupted ? MMHELPER_RESTART : EINTR;
}

static void call_refuse(struct call *call, int error)
{
	/* Poll never gets an errno: the kernel would not ask this file again. */
	if (call->opcode == PROTO_POLL)
		fuse_reply_poll(call->request, error == PROTO_RESTART ? 0 : POLLERR | POLLHUP);
	else if ((call->opcode == PROTO_IOCTL || call->opcode == PROTO_DIRECT) && error == PROTO_RESTART)
		fuse_reply_ioctl(call->request, call_restart(call, -PROTO_RESTART), NULL, 0);
	else if (call->opcode == PROTO_RELEASE)
		fuse_reply_err(call->request, 0);
	else
		fuse_reply_err(call->request, error == PROTO_RESTART ? restart_errno(call) : error);
}

void call_end(struct call *call, int error)
{
	call_detach(call);
	if (call->request)
		call_refuse(call, error);
	if (call->opcode == PROTO_RELEASE)
		file_free(call->file);
	if (call->opcode == PROTO_PLACE)
		place_end(call);
	if (call->opcode == PROTO_OPEN) {
		call->node->n_files--;
		node_put(call->node);
	}
	pin_end(call->guest, &call->pin);
	if (call->opcode == PROTO_IOCTL)
		kept_call_end(call);
	free(call->payload);
	free(call->ranges);
	free(call->descriptors);
	free(call);
}

fuse_req_t call_take(struct call *call)
{
	fuse_req_t request = call->request;

	fuse_req_interrupt_func(request, NULL, NULL);
	call->request = NULL;
	return request;
}

/* ---- sending ---- */

static bool wants_bulk(const struct call *call)
{
	const struct transport *t = call->guest->channel->transport;

	if (call->opcode == PROTO_READ)
		return t->n_bulk && call->body.read.size > INLINE_MAX;
	return call->opcode == PROTO_WRITE && t->n_bulk && call->body.write.size > INLINE_MAX;
}

static int slot_take(struct call *call)
{
	struct guest *guest = call->guest;

	if (guest->n_sent >= guest->channel->max_in_flight || !guest->n_free_slots)
		return -EAGAIN;
	call->slot = guest->free_slots[--guest->n_free_slots];
	guest->slots[call->slot] = call;
	guest->n_sent++;
	return 0;
}

/* A read without a slot is cut to what an answer can carry: a short read, where the
 * host would take the size for a violation. */
static void read_limit(struct call *call)
{
	uint32_t most = call->guest->channel->max_message - sizeof(struct proto_header) -
			sizeof(struct proto_read_answer);

	if (call->opcode == PROTO_READ && call->body.read.size > most)
		call->body.read.size = most;
}

/* Puts data of a large transfer, or its place, into the bulk slot. */
static void bulk_use(struct call *call, const void *data)
{
	uint8_t *bulk;

	if (!wants_bulk(call)) {
		read_limit(call);
		return;
	}
	bulk = channel_bulk(call->guest->channel, call->slot,
			    call->opcode == PROTO_READ ? call->body.read.size : call->body.write.size);
	if (!bulk) {
		read_limit(call);
		return;
	}
	call->bulk = call->slot;
	if (call->opcode == PROTO_READ) {
		call->body.read.bulk = call->bulk;
	} else {
		call->body.write.bulk = call->bulk;
		memcpy(bulk, data, call->body.write.size);
	}
}

/* A call has gone: how long to spin for its answer. */
static void expect(struct guest *guest, struct call *call)
{
	struct channel *channel = guest->channel;
	uint64_t now_ns = channel_now_ns();
	uint32_t budget_ns;

	if (call->request)
		crowd_note(&guest->crowd, fuse_req_ctx(call->request)->pid, now_ns,
			   CROWD_SPINS * (uint64_t)channel->spin_max_ns);
	channel->crowd = crowd_is_one(&guest->crowd);
	budget_ns = channel_spin_budget_ns(channel);
	call->sent_ns = channel->crowd ? 0 : now_ns;
	guest->spin_until_ns = budget_ns ? now_ns + budget_ns : 0;
	guest->spun_ns = now_ns;
}

/* Sends a call if it can go now: 0, -EAGAIN to wait, or another negative errno. */
static int call_send(struct call *call, const void *data, uint32_t size)
{
	struct guest *guest = call->guest;
	struct iovec payload[2] = { { &call->range, 0 }, { (void *)data, size } };
	int r;

	if (call->opcode != PROTO_RELEASE && call->slot == NO_SLOT) {
		r = slot_take(call);
		if (r < 0)
			return r;
		bulk_use(call, data);
	}
	if (call->bulk != PROTO_BULK_NONE)
		payload[1].iov_len = 0;
	if (call->opcode == PROTO_IOCTL && call->ranges)
		payload[0] = (struct iovec){ call->ranges, call->body.ioctl.n_ranges * sizeof(call->range) };
	else if (call->opcode == PROTO_IOCTL && call->range.direction)
		payload[0].iov_len = sizeof(call->range);
	call->tag = ++guest->tag << SLOT_BITS | (call->slot == NO_SLOT ? 0xff : call->slot);
	r = call->opcode == PROTO_IOCTL ? kept_pass(call) : pin_pass(guest, &call->pin);
	if (r < 0)
		return r;
	r = channel_send(guest->channel, call->opcode, call->tag, &call->body, payload, 2);
	if (r < 0)
		return r;
	call->state = CALL_SENT;
	expect(guest, call);
	if (call->slot == NO_SLOT) {
		call->next = guest->releases;
		guest->releases = call;
	}
	return 0;
}

static void on_interrupt(fuse_req_t request, void *data);

void call_submit(struct call *call, const void *data, uint32_t size)
{
	struct guest *guest = call->guest;
	int r = -EAGAIN;

	if (!guest->channel || !guest->settled) {
		call_end(call, ENODEV);
		return;
	}
	if (!guest->waiting)
		r = call_send(call, data, size);
	if (r == -EAGAIN) {
		if (size && call->bulk == PROTO_BULK_NONE && !call->payload) {
			call->payload = malloc(size);
			if (!call->payload) {
				call_end(call, ENOMEM);
				return;
			}
			memcpy(call->payload, data, size);
			call->payload_size = size;
		}
		call->state = CALL_WAITING;
		call->next = NULL;
		*guest->waiting_tail = call;
		guest->waiting_tail = &call->next;
	} else if (r < 0) {
		call_end(call, r == -EMSGSIZE ? EMSGSIZE : EIO);
		return;
	}
	/* The kernel may call back at once, if the signal came before. */
	fuse_req_interrupt_func(call->request, on_interrupt, call);
}

static bool interrupt_send(struct call *call)
{
	struct proto_interrupt body = { .target = call->tag };

	return channel_send(call->guest->channel, PROTO_INTERRUPT, 0, &body, NULL, 0) == 0;
}

static void on_interrupt(fuse_req_t request, void *data)
{
	struct call *call = data;

	if (call->interrupted || call->opcode == PROTO_RELEASE)
		return;
	call->interrupted = true;
	if (call->state == CALL_SENT && !interrupt_send(call))
		call->guest->interrupts_due = true;
	/* One that waits cannot be ended here: libfuse still holds the request. */
	if (call->state == CALL_WAITING)
		call->guest->interrupts_due = true;
}

/* Interrupts that could not be served at once. */
static void interrupts_flush(struct guest *guest)
{
	struct call *next;

	if (!guest->interrupts_due)
		return;
	guest->interrupts_due = false;
	for (struct call *call = guest->waiting; call; call = next) {
		next = call->next;
		if (call->interrupted)
			call_end(call, PROTO_RESTART);
	}
	for (uint32_t i = 0; i < PROTO_IN_FLIGHT_MAX; i++) {
		struct call *call = guest->slots[i];

		/* Said twice does no harm: the host ignores it. */
		if (call && call->state == CALL_SENT && call->interrupted && !interrupt_send(call))
			guest->interrupts_due = true;
	}
}

int call_send_alone(struct guest *guest, uint16_t opcode, const void *body)
{
	return channel_send(guest->channel, opcode, ++guest->tag << SLOT_BITS | 0xff, body, NULL, 0);
}

void call_flush(struct guest *guest)
{
	struct call *call;

	if (!guest->channel || !guest->settled)
		return;
	interrupts_flush(guest);
	mapping_flush(guest);
	while ((call = guest->waiting)) {
		int r;

		/* Sending may put it into another list. */
		waiting_remove(guest, call);
		r = call_send(call, call->payload, call->payload_size);
		if (r == -EAGAIN) {
			call->next = guest->waiting;
			if (!guest->waiting)
				guest->waiting_tail = &call->next;
			guest->waiting = call;
			break;
		}
		if (r < 0)
			call_end(call, EIO);
	}
}

void call_fail_all(struct guest *guest, int error)
{
	for (uint32_t i = 0; i < PROTO_IN_FLIGHT_MAX; i++)
		if (guest->slots[i])
			call_end(guest->slots[i], error);
	while (guest->releases)
		call_end(guest->releases, error);
	while (guest->waiting)
		call_end(guest->waiting, error);
}

/* ---- answers ---- */

int call_misfit(struct guest *guest, const struct proto_message *message, const char *why)
{
	return proto_fault_set(&guest->channel->fault, "%s: %s", message->desc->name, why);
}

static const struct {
	uint16_t opcode;
	int (*done)(struct guest *guest, struct call *call, const struct proto_message *message);
} answers[] = {
	{ PROTO_OPEN, request_opened }, { PROTO_READ, request_read_done },
	{ PROTO_WRITE, request_write_done }, { PROTO_POLL, request_poll_done },
	{ PROTO_RELEASE, request_released }, { PROTO_IOCTL, call_ioctl_done },
	{ PROTO_MMAP, mapping_mmap_done }, { PROTO_LSEEK, mapping_lseek_done },
	{ PROTO_FASYNC, mapping_fasync_done }, { PROTO_DIRECT, direct_done },
	{ PROTO_PLACE, place_done },
};

static struct call *call_find(struct guest *guest, uint64_t tag)
{
	uint32_t slot = tag & ((1u << SLOT_BITS) - 1);
	struct call *call = slot < PROTO_IN_FLIGHT_MAX ? guest->slots[slot] : guest->releases;

	while (call && call->tag != tag)
		call = slot < PROTO_IN_FLIGHT_MAX ? NULL : call->next;
	return call && call->state == CALL_SENT ? call : NULL;
}

struct call *call_on_demand(struct guest *guest, uint64_t tag)
{
	struct call *call = call_find(guest, tag);

	return call && call->opcode == PROTO_IOCTL && (call->body.ioctl.flags & PROTO_IOCTL_ON_DEMAND) ? call : NULL;
}

static bool is_of_process(const struct call *call, uint64_t process)
{
	return call && call->opcode == PROTO_IOCTL && call->body.ioctl.process == process;
}

bool call_of_process(const struct guest *guest, uint64_t process)
{
	for (uint32_t i = 0; i < PROTO_IN_FLIGHT_MAX; i++)
		if (is_of_process(guest->slots[i], process))
			return true;
	for (const struct call *call = guest->waiting; call; call = call->next)
		if (is_of_process(call, process))
			return true;
	return false;
}

/* The readiness that rides on an answer. */
static uint32_t answer_ready(const struct proto_message *message)
{
	switch (message->header.opcode) {
	case PROTO_READ_ANSWER:
		return ((const struct proto_read_answer *)message->body)->ready;
	case PROTO_WRITE_ANSWER:
		return ((const struct proto_write_answer *)message->body)->ready;
	case PROTO_IOCTL_ANSWER:
		return ((const struct proto_ioctl_answer *)message->body)->ready;
	case PROTO_DIRECT_ANSWER:
		return ((const struct proto_direct_answer *)message->body)->ready;
	case PROTO_POLL_ANSWER:
		return ((const struct proto_poll_answer *)message->body)->ready;
	default:
		return PROTO_READY_UNKNOWN;
	}
}

int call_answered(struct guest *guest, const struct proto_message *message)
{
	struct call *call = call_find(guest, message->header.tag);
	uint32_t ready = answer_ready(message);
	uint64_t sent_ns, now_ns;
	int r = 0;

	/* What was sent alone has no call. */
	if (!call && message->header.opcode == PROTO_MUNMAP_ANSWER)
		mapping_munmap_done(guest, message);
	if (!call && (message->header.opcode == PROTO_RELEASE_ANSWER ||
		      message->header.opcode == PROTO_MUNMAP_ANSWER))
		return 0;
	if (!call || (call->opcode | PROTO_ANSWER) != message->header.opcode)
		return call_misfit(guest, message, "it answers no request");
	sent_ns = call->sent_ns;
	now_ns = channel_now_ns();
	guest->spun_ns = 0;
	if (call->file && ready != PROTO_READY_UNKNOWN)
		file_ready(call->file, ready, false, now_ns);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if ((answers[i].opcode | PROTO_ANSWER) == message->header.opcode) /* not call->: it ends */
			r = answers[i].done(guest, call, message);
	/* Serving it may have ended the connection. */
	if (r == 0 && guest->channel && sent_ns)
		channel_waited(guest->channel, now_ns - sent_ns);
	return r;
}

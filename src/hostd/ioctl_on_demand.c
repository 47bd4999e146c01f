/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An ioctl on demand: the raw call with the program's own pointers, in a mirror.
 * What the driver changed goes back to the guest: the bytes that differ from what
 * it sent and no others, so that what another thread of the program wrote beside
 * them stays.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "hostd/ioctl.h"
#include "hostd/session.h"
#include "hostd/verify.h"

#define STRIDE 64u /* bytes compared at once */
#define COLLECT_MS 5000 /* how long a mirror may take to copy a few pages */

/* Runs of changed bytes that wait to be sent. They point into the window. */
struct changes {
	struct session *session;
	uint64_t tag;
	struct proto_range ranges[PROTO_RANGES_MAX];
	struct iovec payload[PROTO_RANGES_MAX + 1]; /* the ranges themselves come first */
	uint32_t n;
	uint32_t bytes;
	struct verify_call *observed; /* verify mode, or NULL */
};

static void changes_close(struct changes *changes)
{
	changes->payload[0] = (struct iovec){ changes->ranges, changes->n * sizeof(changes->ranges[0]) };
}

/* Sends what has gathered ahead of the answer. */
static void changes_send(struct changes *changes)
{
	struct proto_mem_write body = { .call = changes->tag, .n_ranges = changes->n };

	if (!changes->n)
		return;
	changes_close(changes);
	session_send(changes->session, PROTO_MEM_WRITE, 0, &body, changes->payload, 1 + changes->n);
	changes->n = changes->bytes = 0;
}

static void changes_add(struct changes *changes, uint64_t address, const uint8_t *bytes, uint32_t length)
{
	/* An answer's body is no larger than this message's. */
	uint32_t most = changes->session->channel->max_message - sizeof(struct proto_header) -
			sizeof(struct proto_ioctl_answer) - sizeof(changes->ranges);

	if (changes->observed)
		verify_observe_change(changes->observed, address, bytes, length);
	if (changes->n == PROTO_RANGES_MAX || changes->bytes + length > most)
		changes_send(changes);
	changes->ranges[changes->n] = (struct proto_range){ address, length, PROTO_RANGE_OUT };
	changes->payload[++changes->n] = (struct iovec){ (void *)bytes, length };
	changes->bytes += length;
}

static void page_compare(struct changes *changes, const struct mirror_page *page, const uint8_t *now)
{
	const uint8_t *then = page->snapshot;
	uint32_t at = 0, begin;

	while (at < PROTO_PAGE) {
		if (at % STRIDE == 0 && memcmp(then + at, now + at, STRIDE) == 0) {
			at += STRIDE;
			continue;
		}
		if (then[at] == now[at]) {
			at++;
			continue;
		}
		/* The mirror may go on writing: look at each byte once. */
		for (begin = at++; at < PROTO_PAGE && then[at] != now[at];)
			at++;
		changes_add(changes, page->address + begin, now + begin, at - begin);
	}
}

/* The worker has `n` of the call's pages, from `first` on, in the window. */
static void window_compare(struct changes *changes, struct mirror *mirror, uint32_t first, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (mirror->pages[first + i].writable)
			page_compare(changes, &mirror->pages[first + i],
				     mirror->untrusted_window + i * MIRROR_PAGE);
}

/* Has the worker collect pages from `first` on. False when the mirror died. */
static bool window_fill(struct mirror *mirror, uint32_t first, uint32_t n)
{
	struct mirror_shared *shared = mirror->shared;

	for (uint32_t i = 0; i < n; i++) {
		const struct mirror_page *page = &mirror->pages[first + i];

		shared->pages[i] = page->address | page->bits;
	}
	shared->n_pages = n;
	shared->job = MIRROR_COLLECT;
	return mirror_run(mirror, COLLECT_MS);
}

/* Collects all pages of the call; changes of the last ones stay in *changes. False
 * when the mirror died. No page comes any more. Gives the lock up. */
static bool collect(struct changes *changes, struct mirror *mirror)
{
	uint32_t done = mirror->shared->n_collected;

	if (done > mirror->n_pages)
		done = mirror->n_pages;
	if (done > MIRROR_WINDOW_PAGES)
		done = MIRROR_WINDOW_PAGES;
	window_compare(changes, mirror, 0, done);
	while (done < mirror->n_pages) {
		uint32_t n = mirror->n_pages - done;
		bool alive;

		if (n > MIRROR_WINDOW_PAGES)
			n = MIRROR_WINDOW_PAGES;
		changes_send(changes); /* the window is overwritten */
		lead_away(&changes->session->lead, true);
		alive = window_fill(mirror, done, n);
		lead_back(&changes->session->lead);
		if (!alive) {
			mirror_end(changes->session, mirror);
			return false;
		}
		window_compare(changes, mirror, done, n);
		done += n;
	}
	return true;
}

/* The pages that came with the request. 0 or negative errno. */
static int prefetched(struct session *session, struct mirror *mirror, const struct proto_message *message)
{
	const struct proto_range *runs;
	const uint8_t *bytes;
	uint32_t n;
	int r = 0;

	runs = proto_ranges(message, &n, &bytes);
	for (uint32_t i = 0; r == 0 && i < n; i++) {
		if (runs[i].address % PROTO_PAGE || runs[i].length % PROTO_PAGE ||
		    !(runs[i].direction & PROTO_RANGE_IN)) {
			proto_fault_set(&session->channel->fault, "IOCTL: range %u: not whole pages", i);
			session_violation(session);
		}
		r = mirror_supply(session, mirror, &runs[i], bytes, false);
		bytes += runs[i].length;
		/* A driver that needs more most likely goes on behind it. */
		if (runs[i].length) {
			mirror->ahead_address = runs[i].address + runs[i].length;
			mirror->ahead_pages = runs[i].length / PROTO_PAGE;
		}
	}
	return r;
}

static void answer(struct session *session, struct operation *operation, struct handle *handle,
		   int64_t result, struct changes *changes)
{
	struct proto_ioctl_answer body = {
		.result = result,
		.ready = PROTO_READY_UNKNOWN,
		.n_ranges = changes ? changes->n : 0,
	};
	uint64_t tag = operation->tag;

	operation_leave(session, operation);
	if (changes)
		changes_close(changes);
	session_answer(session, PROTO_IOCTL_ANSWER, tag, &body, &body.ready, handle,
		       changes ? changes->payload : NULL, changes ? 1 + changes->n : 0);
}

/* Runs the ioctl in the mirror and answers. */
static void run(struct session *session, const struct proto_message *message, struct operation *operation,
		struct handle *handle, struct mirror *mirror, int fd)
{
	const struct proto_ioctl *request = message->body;
	struct mirror_shared *shared = mirror->shared;
	struct changes changes;
	uint64_t since_ns;
	int64_t result;
	bool alive, interrupted;
	int r;

	changes.session = session;
	changes.tag = operation->tag;
	changes.observed = mirror->verify = verify_observe(session, request->argument);
	changes.n = changes.bytes = 0;
	shared->job = MIRROR_CALL;
	shared->fd = fd;
	shared->command = request->command;
	shared->compat = request->flags & PROTO_IOCTL_COMPAT;
	shared->capabilities = operation->capabilities;
	shared->argument = request->argument;
	shared->n_pages = shared->n_collected = 0;
	mirror->operation = operation;
	mirror->tag = operation->tag;
	/* Observed, the driver shall meet no page that it did not ask for. */
	r = changes.observed ? 0 : prefetched(session, mirror, message);
	mirror_keep_begin(mirror);
	operation->mirror = mirror;
	since_ns = operation_begin(session, operation, handle);
	alive = r == 0 && mirror_run(mirror, 0);
	operation_end(session, operation, handle, since_ns);
	/* What comes from now on comes too late. */
	mirror->operation = NULL;
	mirror->n_wanted = 0;
	operation->mirror = NULL;
	interrupted = operation->interrupted;
	mirror->verify = NULL;
	result = r < 0 ? r : alive ? shared->result : -EFAULT;
	if (result < -4095 || result > INT32_MAX)
		result = -EIO;
	/* Without the job, it holds what stayed from the last one. */
	if (r < 0)
		mirror_end(session, mirror);
	if (alive && !collect(&changes, mirror))
		result = -EFAULT;
	/* The program must not take the number for a descriptor of its own. */
	if (alive && shared->installed) {
		ioctl_refuse(session, handle, request->command, IOCTL_INSTALLED);
		result = -ENOTTY;
		changes.n = changes.bytes = 0;
	} else if (alive && request->argument < LAYOUT_POINTER_MIN && (result >= 0 || result == -ENOTTY)) {
		handle_plain_add(handle, request->command);
	}
	if (changes.observed)
		verify_observe_end(session, changes.observed, mirror, handle, request, result);
	answer(session, operation, handle, result, &changes);
	mirror_keep_end(mirror);
	mirror_memory_end(session, mirror);
	if (interrupted)
		mirror_interrupt_end(session, mirror);
	operation_handle_put(session, handle);
}

/* Runs the request in a mirror and answers it, with a hold on the handle which is the
 * caller's to put. 0, or a negative errno and it is not answered. */
static int run_mirrored(struct session *session, const struct proto_message *message,
			struct operation *operation, struct handle *handle)
{
	const struct proto_ioctl *request = message->body;
	struct mirror *mirror = NULL;
	int fd, r;

	handle->n_users++;
	r = mirror_take(session, request->process, &mirror);
	if (r == 0)
		r = mirror_attach(session, mirror, handle, &fd);
	if (r == 0)
		run(session, message, operation, handle, mirror, fd);
	if (mirror)
		mirror_give(session, mirror);
	return r;
}

bool ioctl_on_demand(struct session *session, const struct proto_message *message,
		     struct operation *operation, struct handle *handle)
{
	int r = run_mirrored(session, message, operation, handle);

	if (r < 0)
		answer(session, operation, handle, r, NULL);
	operation_handle_put(session, handle);
	return lead_mine(&session->lead);
}

bool ioctl_on_trial(struct session *session, const struct proto_message *message,
		    struct operation *operation, struct handle *handle)
{
	int r = run_mirrored(session, message, operation, handle);

	if (r < 0 && session->mirrors.none) {
		handle->n_users--; /* whoever calls the driver holds the handle */
		return false;
	}
	if (r < 0)
		answer(session, operation, handle, r, NULL);
	operation_handle_put(session, handle);
	return true;
}

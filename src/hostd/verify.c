/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Declared commands in a mirror, piece by piece; see verify.h. */
#include "config.h"

#include <errno.h>
#include <linux/ioctl.h>
#include <stdlib.h>
#include <string.h>

#include "hostd/declared.h"
#include "hostd/session.h"
#include "hostd/verify.h"

static void call_free(struct verify_call *call)
{
	for (uint32_t i = 0; i < call->n_pages; i++)
		free(call->pages[i].bytes);
	free(call->pages);
	free(call);
}

/* ---- the call ---- */

static int64_t mirror_call(struct session *session, struct operation *operation, struct handle *handle,
			   struct mirror *mirror, struct verify_call *call, int fd, uint32_t command)
{
	struct mirror_shared *shared = mirror->shared;
	uint64_t since_ns;
	bool alive;

	shared->job = MIRROR_CALL;
	shared->fd = fd;
	shared->command = command;
	shared->compat = 0;
	shared->capabilities = operation->capabilities;
	shared->argument = call->argument;
	shared->n_pages = shared->n_collected = 0;
	mirror_keep_begin(mirror);
	mirror->verify = call;
	operation->mirror = mirror;
	since_ns = operation_begin(session, operation, handle);
	alive = mirror_run(mirror, 0);
	operation_end(session, operation, handle, since_ns);
	operation->mirror = NULL;
	mirror->verify = NULL;
	if (!alive)
		return -EFAULT;
	return shared->result < -4095 || shared->result > INT32_MAX ? -EIO : shared->result;
}

/* Runs it. The handle is the caller's to put in any case. *ranp: the driver was
 * called; else the result is a failure of ours. */
static int64_t call_run(struct session *session, struct operation *operation, struct handle *handle,
			struct verify_call *call, uint32_t command, bool *ranp)
{
	struct mirror *mirror;
	int64_t result;
	bool interrupted;
	int fd = -1, r;

	*ranp = false;
	handle->n_users++;
	r = mirror_take(session, 0, &mirror);
	if (r < 0)
		return r;
	r = mirror_attach(session, mirror, handle, &fd);
	if (r < 0) {
		mirror_give(session, mirror);
		return r;
	}
	result = mirror_call(session, operation, handle, mirror, call, fd, command);
	interrupted = operation->interrupted;
	*ranp = mirror->state != MIRROR_DEAD && verify_collect(mirror, call);
	mirror_memory_end(session, mirror);
	if (interrupted)
		mirror_interrupt_end(session, mirror);
	mirror_give(session, mirror);
	operation_handle_put(session, handle);
	return *ranp ? result : -EFAULT;
}

/* ---- flat commands ---- */

static struct verify_call *call_new(uint64_t argument)
{
	struct verify_call *call = calloc(1, sizeof(*call));

	if (call)
		call->argument = argument;
	return call;
}

/* A piece without its place. NULL when memory is short. */
static struct verify_piece *piece_add(struct verify_call *call, struct verify_node *node, uint8_t *memory,
				      uint32_t size, uint32_t length)
{
	struct verify_piece *piece = &call->pieces[call->n_pieces];

	if (!node)
		return NULL;
	call->n_pieces++;
	piece->node = node;
	piece->memory = memory;
	piece->size = size;
	piece->whole = size == length;
	/* Bytes of an array of another length are others. */
	if (node->length != length)
		node->touched = node->untouched = 0;
	node->length = length;
	return piece;
}

/* The argument's node. The end of a structure whose size the number gives must be
 * reached; where the caller chooses the size, the driver may have less to say. */
static struct verify_node *root_get(struct verify_row *row, const struct layout_need *need)
{
	struct verify_node *root = verify_node_get(row, NULL, NULL);
	bool chosen = need->row->mask != UINT32_MAX && !(need->row->mask & _IOC_SIZEMASK << _IOC_SIZESHIFT);

	if (!root)
		return NULL;
	root->access = (need->in ? LAYOUT_IN : 0) | (need->out ? LAYOUT_OUT : 0);
	root->required = !chosen && !(need->row->flags & (LAYOUT_ROW_UP_TO | LAYOUT_ROW_STRING));
	return root;
}

static void call_end(struct session *session, struct verify_row *row, struct verify_call *call, bool ran,
		     int64_t result)
{
	if (ran)
		verify_row_note(session, row, call, result);
	call_free(call);
}

bool verify_flat(struct session *session, struct operation *operation, struct handle *handle,
		 const struct proto_ioctl *request, const struct layout_need *need, uint8_t *image,
		 uint32_t present, int64_t *resultp)
{
	struct verify_row *row = verify_row_get(session->verify, need, handle->class);
	uint32_t size = need->in > need->out ? need->in : need->out;
	struct verify_call *call;
	bool ran;

	if (!row || present < size)
		return false;
	call = call_new(request->argument);
	if (!call)
		return false;
	if (size && piece_add(call, root_get(row, need), image, size, size)) {
		verify_place(call);
		call->argument = call->pieces[0].address;
	}
	*resultp = call_run(session, operation, handle, call, request->command, &ran);
	call_end(session, row, call, ran, *resultp);
	return true;
}

void verify_number(struct session *session, const struct handle *handle,
		   const struct proto_ioctl *request, int64_t result)
{
	struct layout_need need;
	struct verify_row *row;
	struct verify_call *call;

	/* A structure's row says nothing of numbers, and a number nothing of it. */
	if (layout_find(request->command, &need) < 0 || !layout_need_class(&need, handle->class) ||
	    need.in || need.out)
		return;
	row = verify_row_get(session->verify, &need, handle->class);
	call = row ? call_new(request->argument) : NULL;
	if (call)
		call_end(session, row, call, true, result);
}

/* ---- nested commands ---- */

/* The piece whose memory has this byte. */
static struct verify_piece *piece_of(struct verify_call *call, const uint8_t *memory)
{
	for (uint32_t i = 0; i < call->n_pieces; i++)
		if (memory >= call->pieces[i].memory && memory < call->pieces[i].memory + call->pieces[i].size)
			return &call->pieces[i];
	return NULL;
}

/* The part that led to a segment, and the node of the structure that it is in. */
static struct verify_node *segment_node(struct verify_row *row, struct verify_call *call,
					const struct walk *walk, uint32_t segment)
{
	for (uint32_t i = 0; i < walk->n_fixups; i++) {
		const struct walk_fixup *fixup = &walk->fixups[i];
		struct verify_piece *parent;
		struct verify_node *node;

		if (fixup->segment != (int32_t)segment)
			continue;
		parent = piece_of(call, fixup->structure);
		node = parent ? verify_node_get(row, parent->node, fixup->part) : NULL;
		if (node) {
			node->access = fixup->part->access;
			/* A driver may have less to write than the caller has room for. */
			node->required = (node->access & LAYOUT_IN) &&
					 !(fixup->part->flags & (LAYOUT_STRING | LAYOUT_UP_TO));
		}
		return node;
	}
	return NULL;
}

/* Makes a piece of each segment. False if some of the caller's memory is not there,
 * which the driver must meet as it is, or memory is short. */
static bool pieces_make(struct verify_row *row, const struct layout_need *need, struct verify_call *call,
			const struct walk *walk)
{
	for (uint32_t i = 0; i < walk->n_segments; i++) {
		const struct walk_segment *segment = &walk->segments[i];
		bool ends_early = segment->flags & (LAYOUT_STRING | LAYOUT_UP_TO);
		struct verify_piece *piece;

		if (segment->present < segment->length && !ends_early)
			return false;
		if (!segment->present)
			continue;
		if (segment->joined) {
			piece = &call->pieces[call->n_pieces - 1];
			piece->size += segment->present;
			piece->node->length += segment->length;
			/* What follows the structure may be more room than the driver uses. */
			piece->node->required = false;
			continue;
		}
		piece = piece_add(call, i ? segment_node(row, call, walk, i) : root_get(row, need),
				  segment->memory, segment->present, segment->length);
		if (!piece)
			return false;
		piece->ends_early = segment->present < segment->length || (segment->flags & LAYOUT_STRING);
	}
	return call->n_pieces > 0;
}

/* True if the driver takes or makes descriptors, or keeps memory: those are the
 * session's. */
static bool has_others(const struct walk *walk)
{
	return walk->n_taken || walk->n_made || walk->n_kept;
}

/* Exchanges the session's addresses in the structures for the mirror's, or back. */
static void pointers_move(const struct verify_call *call, const struct walk *walk, bool back)
{
	for (uint32_t i = 0; i < walk->n_fixups; i++) {
		const struct walk_fixup *fixup = &walk->fixups[i];
		uint64_t value;

		if (fixup->part->kind != LAYOUT_POINTER)
			continue;
		memcpy(&value, fixup->memory, sizeof(value));
		if (back)
			value = verify_address_here(call, value);
		else
			(void)verify_address_there(call, (const uint8_t *)(uintptr_t)value, &value);
		memcpy(fixup->memory, &value, sizeof(value));
	}
}

bool verify_nested(struct session *session, struct operation *operation, struct handle *handle,
		   const struct proto_ioctl *request, const struct layout_need *need,
		   struct declared *declared, int64_t *resultp)
{
	struct verify_row *row = verify_row_get(session->verify, need, handle->class);
	struct verify_call *call = row ? call_new(request->argument) : NULL;
	const struct walk *walk = declared_walked(declared);
	bool ran;

	if (!call)
		return false;
	if (has_others(walk) || !pieces_make(row, need, call, walk)) {
		call_free(call);
		return false;
	}
	verify_place(call);
	call->argument = call->pieces[0].address;
	pointers_move(call, walk, false);
	*resultp = call_run(session, operation, handle, call, request->command, &ran);
	pointers_move(call, walk, true);
	call_end(session, row, call, ran, *resultp);
	return true;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Declared commands in a mirror, piece by piece; see verify.h. */
#include "config.h"

#include <errno.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hostd/declared.h"
#include "hostd/session.h"
#include "hostd/verify.h"

/* Where pieces lie: programs have nothing there, and mirrors neither (mirror_main.c). */
#define SLOTS UINT64_C(0x180000000000)
#define BEFORE_PAGES 16u /* of a slot, before its piece */
#define BEHIND_PAGES 64u
#define COLLECT_MS 5000 /* how long a mirror may take to copy a few pages */
#define BEYOND_MAX 1024u /* pages that are nobody's: a driver that wants more is ended */

static uint64_t page_of(uint64_t address)
{
	return address & ~(uint64_t)(PROTO_PAGE - 1);
}

/* ---- placing ---- */

/* The byte behind which the driver may have nothing to do: the last one, or half way
 * to it once it is known that there the driver does not get. */
static uint32_t split_choose(const struct verify_node *node, uint32_t size)
{
	uint32_t split = size - 1;

	if (node->untouched && node->untouched < size && node->touched < node->untouched &&
	    node->untouched - node->touched > 1)
		split = node->touched + (node->untouched - node->touched) / 2;
	return split ? split : 1;
}

static uint64_t piece_place(struct verify_piece *piece, uint64_t slot)
{
	uint64_t begin = slot + BEFORE_PAGES * PROTO_PAGE;

	piece->place = piece->node->n_turns++ % VERIFY_PLACES;
	if (piece->place == VERIFY_TAIL && piece->size < 2)
		piece->place = VERIFY_END;
	piece->split = piece->size;
	if (piece->place == VERIFY_TAIL) {
		piece->split = split_choose(piece->node, piece->size);
		begin += (PROTO_PAGE - piece->split % PROTO_PAGE) % PROTO_PAGE;
	} else if (piece->place == VERIFY_END) {
		begin += (PROTO_PAGE - piece->size % PROTO_PAGE) % PROTO_PAGE;
	}
	piece->address = begin;
	piece->slot = slot;
	piece->slot_end = page_of(begin + piece->size + PROTO_PAGE - 1) + BEHIND_PAGES * PROTO_PAGE;
	return piece->slot_end;
}

static void pieces_place(struct verify_call *call)
{
	uint64_t slot = SLOTS;

	for (uint32_t i = 0; i < call->n_pieces; i++)
		slot = piece_place(&call->pieces[i], slot);
}

/* The address in the mirror of one of the session's, if it is in a piece. */
static bool address_there(const struct verify_call *call, const uint8_t *memory, uint64_t *addressp)
{
	for (uint32_t i = 0; i < call->n_pieces; i++) {
		const struct verify_piece *piece = &call->pieces[i];

		if (memory < piece->memory || memory >= piece->memory + piece->size)
			continue;
		*addressp = piece->address + (memory - piece->memory);
		return true;
	}
	return false;
}

/* The session's address of one in the mirror, ends included, or the value as it is. */
static uint64_t address_here(const struct verify_call *call, uint64_t address)
{
	for (uint32_t i = 0; i < call->n_pieces; i++) {
		const struct verify_piece *piece = &call->pieces[i];

		if (address >= piece->address && address <= piece->address + piece->size)
			return (uintptr_t)piece->memory + (address - piece->address);
	}
	return address;
}

/* ---- faults ---- */

static struct verify_piece *piece_find(struct verify_call *call, uint64_t address)
{
	for (uint32_t i = 0; i < call->n_pieces; i++)
		if (address >= call->pieces[i].slot && address < call->pieces[i].slot_end)
			return &call->pieces[i];
	return NULL;
}

/* Which field led the driver to memory of nobody. */
static void stray_find(struct verify_call *call, struct verify_stray *stray, uint64_t address)
{
	uint64_t nearest = UINT64_MAX, value;

	for (uint32_t i = 0; i < call->n_pieces; i++) {
		const struct verify_piece *piece = &call->pieces[i];

		for (uint32_t at = 0; at + sizeof(value) <= piece->size; at += 4) {
			memcpy(&value, piece->memory + at, sizeof(value));
			if (value > address || address - value >= nearest ||
			    address - value > LAYOUT_SIZE_MAX || value < LAYOUT_POINTER_MIN)
				continue;
			nearest = address - value;
			stray->node = piece->node;
			stray->offset = at;
		}
	}
	stray->extent = stray->node ? nearest + 1 : 1;
}

static void stray_note(struct verify_call *call, uint64_t address, bool write)
{
	for (uint32_t i = 0; i < call->n_strays; i++)
		if (page_of(address) - call->stray_pages[i] <= PROTO_PAGE)
			return;
	if (call->n_strays == VERIFY_STRAYS_MAX)
		return;
	call->strays[call->n_strays] = (struct verify_stray){ .write = write };
	stray_find(call, &call->strays[call->n_strays], address);
	call->stray_pages[call->n_strays++] = page_of(address);
}

/* The driver got to the byte at `address`, which is in the piece's slot. */
static void piece_note(struct verify_piece *piece, uint64_t address, bool write)
{
	uint64_t end = piece->address + piece->size;

	if (address < piece->address) {
		if (piece->address - address > piece->before)
			piece->before = piece->address - address;
		return;
	}
	if (address >= end) {
		if (address - end + 1 > piece->beyond)
			piece->beyond = address - end + 1;
		return;
	}
	if (address - piece->address + 1 > piece->touched)
		piece->touched = address - piece->address + 1;
	if (address - piece->address >= piece->split)
		piece->tail = true;
	if (write)
		piece->written = true;
	else
		piece->read = true;
}

/* The page as the driver shall find it: the piece's bytes, and zeros around them. A
 * zero disturbs least: it ends strings and lists, and makes no pointer. */
static struct verify_page *page_make(struct verify_call *call, struct verify_piece *piece, uint64_t address)
{
	struct verify_page *page;
	uint64_t begin, end;

	if (call->n_pages == call->max_pages) {
		uint32_t n = call->max_pages ? call->max_pages * 2 : 16;
		struct verify_page *pages = reallocarray(call->pages, n, sizeof(*pages));

		if (!pages)
			return NULL;
		call->pages = pages;
		call->max_pages = n;
	}
	page = &call->pages[call->n_pages];
	*page = (struct verify_page){ .address = address, .piece = piece, .bytes = calloc(1, PROTO_PAGE) };
	if (!page->bytes)
		return NULL;
	call->n_pages++;
	if (!piece)
		return page;
	begin = piece->address > address ? piece->address : address;
	end = piece->address + piece->size;
	if (end > address + PROTO_PAGE)
		end = address + PROTO_PAGE;
	if (begin < end)
		memcpy(page->bytes + (begin - address), piece->memory + (begin - piece->address), end - begin);
	return page;
}

/* Puts the page there. Writes to it are seen, too, if it was read first. */
static bool page_put(struct mirror *mirror, struct verify_call *call, struct verify_piece *piece,
		     uint64_t address, bool write)
{
	struct uffdio_copy copy = {
		.dst = address,
		.len = PROTO_PAGE,
		.mode = write ? 0 : UFFDIO_COPY_MODE_WP,
	};
	struct uffdio_range range = { address, PROTO_PAGE };
	struct verify_page *page;

	for (uint32_t i = 0; i < call->n_pages; i++) {
		if (call->pages[i].address != address)
			continue;
		/* Two threads of the kernel wanted it. */
		ioctl(mirror->watcher, UFFDIO_WAKE, &range);
		return true;
	}
	if (call->n_pages >= BEYOND_MAX + PROTO_MESSAGE_MAX / PROTO_PAGE)
		return false;
	page = page_make(call, piece, address);
	if (!page)
		return false;
	copy.src = (uintptr_t)page->bytes;
	return ioctl(mirror->watcher, UFFDIO_COPY, &copy) == 0;
}

bool verify_fault(struct session *session, struct mirror *mirror, uint64_t address, uint64_t flags)
{
	struct verify_call *call = mirror->verify;
	bool write = flags & (UFFD_PAGEFAULT_FLAG_WRITE | UFFD_PAGEFAULT_FLAG_WP);
	struct uffdio_writeprotect open = { .range = { page_of(address), PROTO_PAGE } };
	struct verify_piece *piece;

	if (!call)
		return false;
	if (call->observed) {
		if (!(flags & UFFD_PAGEFAULT_FLAG_WP))
			verify_observe_fault(call, address, write);
		return false;
	}
	piece = piece_find(call, address);
	if (piece)
		piece_note(piece, address, write);
	else
		stray_note(call, address, write);
	if (flags & UFFD_PAGEFAULT_FLAG_WP) {
		if (ioctl(mirror->watcher, UFFDIO_WRITEPROTECT, &open) < 0)
			mirror_end(session, mirror);
	} else if (!page_put(mirror, call, piece, page_of(address), write)) {
		/* Its end gets the driver out of the call. */
		mirror_end(session, mirror);
	}
	return true;
}

/* ---- what the driver left ---- */

static void page_changes(const struct verify_page *page, const uint8_t *now)
{
	struct verify_piece *piece = page->piece;
	uint64_t end = piece->address + piece->size;

	for (uint32_t at = 0; at < PROTO_PAGE; at++) {
		uint64_t address = page->address + at;

		if (now[at] == page->bytes[at])
			continue;
		piece_note(piece, address, true);
		if (address >= piece->address && address < end)
			piece->memory[address - piece->address] = now[at];
	}
}

/* Takes the pages back. False when the mirror died. */
static bool pages_collect(struct mirror *mirror, struct verify_call *call)
{
	struct mirror_shared *shared = mirror->shared;

	for (uint32_t done = 0, n; done < call->n_pages; done += n) {
		n = call->n_pages - done < MIRROR_WINDOW_PAGES ? call->n_pages - done : MIRROR_WINDOW_PAGES;
		for (uint32_t i = 0; i < n; i++)
			shared->pages[i] = call->pages[done + i].address;
		shared->n_pages = n;
		shared->job = MIRROR_COLLECT;
		if (!mirror_run(mirror, COLLECT_MS))
			return false;
		for (uint32_t i = 0; i < n; i++)
			if (call->pages[done + i].piece)
				page_changes(&call->pages[done + i], mirror->untrusted_window + i * MIRROR_PAGE);
	}
	return true;
}

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
	*ranp = mirror->state != MIRROR_DEAD && pages_collect(mirror, call);
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
		pieces_place(call);
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
			value = address_here(call, value);
		else
			(void)address_there(call, (const uint8_t *)(uintptr_t)value, &value);
		memcpy(fixup->memory, &value, sizeof(value));
	}
}

bool verify_nested(struct session *session, struct operation *operation, struct handle *handle,
		   const struct proto_ioctl *request, const struct layout_need *need,
		   struct declared *declared, int64_t *resultp)
{
	struct verify_row *row = verify_row_get(session->verify, need, handle->class);
	struct verify_call *call = row ? call_new(request->argument) : NULL;
	const struct walk *walk = declared_segments(declared);
	bool ran;

	if (!call)
		return false;
	if (!pieces_make(row, need, call, walk)) {
		call_free(call);
		return false;
	}
	pieces_place(call);
	call->argument = call->pieces[0].address;
	pointers_move(call, walk, false);
	*resultp = call_run(session, operation, handle, call, request->command, &ran);
	pointers_move(call, walk, true);
	call_end(session, row, call, ran, *resultp);
	return true;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the pieces of a verified call lie, and what of them is touched; see verify.h. */
#include "config.h"

#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

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

void verify_place(struct verify_call *call)
{
	uint64_t slot = SLOTS;

	for (uint32_t i = 0; i < call->n_pieces; i++)
		slot = piece_place(&call->pieces[i], slot);
}

bool verify_address_there(const struct verify_call *call, const uint8_t *memory, uint64_t *addressp)
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

uint64_t verify_address_here(const struct verify_call *call, uint64_t address)
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

bool verify_collect(struct mirror *mirror, struct verify_call *call)
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

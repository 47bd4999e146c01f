/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory that drivers keep; see kept.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hostd/kept.h"
#include "hostd/session.h"

struct kept {
	struct kept *next;
	uint64_t id; /* the guest's number */
	uint64_t handle;
	struct walk_object object;
	uint64_t address; /* the program's */
	uint64_t length;
	bool write;
	struct pages pages;
};

static bool same_object(const struct walk_object *a, const struct walk_object *b)
{
	return a->group == b->group && a->index == b->index && a->element == b->element;
}

/* Where the driver finds it. */
static uint64_t kept_here(const struct kept *kept)
{
	return (uintptr_t)kept->pages.memory + kept->address % PROTO_PAGE;
}

static struct kept *kept_find(struct kept *kept, uint64_t id)
{
	while (kept && kept->id != id)
		kept = kept->next;
	return kept;
}

static bool kept_fits(const struct kept *kept, const struct handle *handle, const struct walk_fixup *fixup)
{
	return kept->handle == handle->id && same_object(&kept->object, &fixup->object) &&
	       kept->address == fixup->original && kept->length == fixup->length;
}

/* ---- a call ---- */

/* Memory that the session has not. 0 or negative errno. */
static int take_new(struct kept_call *call, struct session *session, const struct handle *handle,
		    const struct walk_fixup *fixup, uint64_t id, const uint8_t *refs, uint32_t n_refs)
{
	uint64_t n = (fixup->original % PROTO_PAGE + fixup->length + PROTO_PAGE - 1) / PROTO_PAGE;
	struct kept *kept;
	int r;

	if (!fixup->length || n > UINT32_MAX)
		return -EINVAL;
	kept = calloc(1, sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	r = pages_take(session, &kept->pages, id, n, refs, n_refs);
	if (r < 0) {
		free(kept);
		return r;
	}
	kept->id = id;
	kept->handle = handle->id;
	kept->object = fixup->object;
	kept->address = fixup->original;
	kept->length = fixup->length;
	kept->write = fixup->part->access & LAYOUT_OUT;
	kept->next = call->news;
	call->news = kept;
	return 0;
}

static int take_one(struct kept_call *call, struct session *session, const struct handle *handle,
		    struct walk_fixup *fixup, const struct proto_range *range, const uint8_t *bytes)
{
	struct proto_pages pages;
	struct kept *known;

	memcpy(&pages, bytes, sizeof(pages));
	/* The driver shall find nothing there. */
	if (!pages.pages)
		return 0;
	known = kept_find(session->kept, pages.pages);
	if (!known)
		return take_new(call, session, handle, fixup, pages.pages, bytes + sizeof(pages),
				(range->length - sizeof(pages)) / sizeof(uint32_t));
	if (!kept_fits(known, handle, fixup) || range->length != sizeof(pages))
		return -EINVAL;
	fixup->ours = kept_here(known);
	pages_fetch(&known->pages, known->address % PROTO_PAGE, known->length);
	return 0;
}

int kept_take(struct kept_call *call, struct session *session, const struct proto_message *message,
	      struct walk *walk, const struct handle *handle)
{
	const struct proto_range *ranges;
	struct walk_fixup *fixup;
	const uint8_t *bytes;
	uint32_t n, i = 0, at = 0;
	int r = 0;

	ranges = proto_pages(message, &n, &bytes);
	for (; r == 0 && (fixup = walk_kept(walk, &at)); i++) {
		if (i == n || ranges[i].address != walk_address(walk, fixup))
			return -EINVAL;
		r = take_one(call, session, handle, fixup, &ranges[i], bytes);
		bytes += ranges[i].length;
	}
	return r == 0 && i != n ? -EINVAL : r;
}

int kept_map(struct kept_call *call, struct session *session, struct walk *walk)
{
	struct walk_fixup *fixup;
	uint32_t at;
	int r = 0;

	for (struct kept *kept = call->news; r == 0 && kept; kept = kept->next) {
		r = pages_map(session, &kept->pages, kept->write, true);
		if (r == 0)
			pages_fetch(&kept->pages, kept->address % PROTO_PAGE, kept->length);
		at = 0;
		while (r == 0 && (fixup = walk_kept(walk, &at)))
			if (same_object(&fixup->object, &kept->object) && fixup->original == kept->address)
				fixup->ours = kept_here(kept);
	}
	return r == 0 || r == -ENOMEM ? r : -EFAULT;
}

/* ---- ends ---- */

/* Ends what is in a list of its own, and tells the guest. */
static void kept_end(struct session *session, struct kept *list)
{
	struct kept *kept;

	if (!list)
		return;
	channel_arm(session->channel, false);
	lead_away(&session->lead, true);
	for (kept = list; kept; kept = kept->next)
		pages_unmap(session, &kept->pages);
	lead_back(&session->lead);
	if (lead_mine(&session->lead))
		channel_disarm(session->channel);
	while ((kept = list)) {
		struct proto_let_go body = { .pages = kept->id };

		list = kept->next;
		pages_put(session, &kept->pages);
		free(kept);
		session_send(session, PROTO_LET_GO, 0, &body, NULL, 0);
	}
}

/* Moves one from the session's list to another. */
static void kept_move(struct kept **at, struct kept **list)
{
	struct kept *kept = *at;

	*at = kept->next;
	kept->next = *list;
	*list = kept;
}

/* The address that the driver has for the object of a fixup now: what it says, or what it
 * was given if it says nothing. (videobuf2 goes on with what a prepared buffer has.) */
static uint64_t in_use(const struct walk_fixup *fixup)
{
	uint64_t value;

	memcpy(&value, fixup->memory, sizeof(value));
	return pages_here(value) ? value : fixup->ours;
}

/* True if the call has given its object other memory, or freed it. */
static bool is_over(const struct kept *kept, struct walk *walk)
{
	for (uint32_t i = 0; i < walk->n_fixups; i++) {
		const struct walk_fixup *fixup = &walk->fixups[i];

		if (fixup->part->kind == LAYOUT_FREES && fixup->object.group == kept->object.group)
			return true;
		if (fixup->part->kind == LAYOUT_KEPT && fixup->part->access &&
		    same_object(&fixup->object, &kept->object) && pages_here(in_use(fixup)) &&
		    in_use(fixup) != kept_here(kept))
			return true;
	}
	return false;
}

/* The memory that the handle has at this address, or NULL. */
static const struct kept *kept_at(const struct session *session, const struct handle *handle, uint64_t here)
{
	const struct kept *kept = session->kept;

	while (kept && (kept->handle != handle->id || here - kept_here(kept) > kept->length))
		kept = kept->next;
	return kept;
}

/* What the driver says of kept memory. */
static void addresses_back(const struct session *session, const struct handle *handle, struct walk *walk)
{
	for (uint32_t i = 0; i < walk->n_fixups; i++) {
		const struct walk_fixup *fixup = &walk->fixups[i];
		const struct kept *kept;
		uint64_t value, back = 0;

		if (fixup->part->kind != LAYOUT_KEPT)
			continue;
		memcpy(&value, fixup->memory, sizeof(value));
		/* What it has left alone is for walk_unlink(). */
		if (!pages_here(value) || (fixup->part->access && value == fixup->ours))
			continue;
		kept = kept_at(session, handle, value);
		if (kept)
			back = kept->address + (value - kept_here(kept));
		if (kept && kept->write && (fixup->part->flags & LAYOUT_DONE))
			pages_store(&kept->pages, kept->address % PROTO_PAGE, kept->length);
		memcpy(fixup->memory, &back, sizeof(back));
	}
}

void kept_settle(struct kept_call *call, struct session *session, struct walk *walk,
		 const struct handle *handle, int64_t result)
{
	struct kept **at = &session->kept, *over = NULL;

	while (call->news)
		kept_move(&call->news, result < 0 ? &over : &session->kept);
	while (*at && result >= 0) {
		if ((*at)->handle == handle->id && is_over(*at, walk))
			kept_move(at, &over);
		else
			at = &(*at)->next;
	}
	addresses_back(session, handle, walk);
	kept_end(session, over);
}

void kept_drop(struct kept_call *call, struct session *session)
{
	struct kept *over = call->news;

	call->news = NULL;
	kept_end(session, over);
}

void kept_forget(struct session *session, uint64_t handle)
{
	struct kept **at = &session->kept, *over = NULL;

	while (*at) {
		if ((*at)->handle == handle)
			kept_move(at, &over);
		else
			at = &(*at)->next;
	}
	kept_end(session, over);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory that drivers keep; see kept.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guestd/guest.h"
#include "guestd/kept.h"

struct kept {
	struct kept *next;
	struct pin pin;
	const struct call *call; /* new in it; NULL: the driver has it */
	uint64_t handle;
	struct walk_object object;
	uint64_t address;
	uint64_t length;
};

static void kept_free(struct guest *guest, struct kept **at)
{
	struct kept *kept = *at;

	*at = kept->next;
	pin_end(guest, &kept->pin);
	free(kept);
}

/* What the driver has at this place for this object, or NULL. */
static struct kept *kept_find(const struct call *call, const struct walk_fixup *fixup)
{
	struct kept *kept = call->guest->kept;

	while (kept && (kept->call || kept->handle != call->file->handle ||
			memcmp(&kept->object, &fixup->object, sizeof(kept->object)) != 0 ||
			kept->address != fixup->original || kept->length != fixup->length))
		kept = kept->next;
	return kept;
}

/* Pins memory. *keptp is NULL if the driver shall find nothing there. 0 or the negative
 * errno for the program. */
static int kept_new(const struct call *call, const struct walk_fixup *fixup, struct kept **keptp)
{
	struct guest *guest = call->guest;
	struct kept *kept;
	int r;

	*keptp = NULL;
	if (!fixup->length)
		return 0;
	kept = calloc(1, sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	kept->call = call;
	kept->handle = call->file->handle;
	kept->object = fixup->object;
	kept->address = fixup->original;
	kept->length = fixup->length;
	r = pin_make(guest, call->pid, kept->address, kept->length, fixup->part->access & LAYOUT_OUT, &kept->pin);
	if (r < 0) {
		free(kept);
		return r == -EFAULT ? 0 : r;
	}
	kept->next = guest->kept;
	guest->kept = kept;
	*keptp = kept;
	return 0;
}

/* 0, or the negative errno for the program, logged. */
static int kept_failed(const struct call *call, int error)
{
	struct guest *guest = call->guest;
	const char *why = strerror(-error);

	if (error == -EOPNOTSUPP)
		why = guest->helper_fd < 0 ? "modprobe mmhelper, then restart paradice-guestd" :
					     "see the log of paradice-guestd's start";
	else if (error == -ENOMEM)
		why = "too much is pinned (max-pinned in guestd.conf)";
	if (log_limit_pass(&guest->limit, "guestd"))
		log_warning("node \"%s\": ioctl 0x%08x: the driver would keep memory of thread %d: %s",
			    call->file->node->name, call->body.ioctl.command, (int)call->pid, why);
	return error == -EOPNOTSUPP ? -ENOTTY : error;
}

int kept_gather(struct call *call, struct walk *walk, uint8_t *bytes, uint32_t *sizep)
{
	struct walk_fixup *fixup;
	uint32_t at = 0;

	while ((fixup = walk_kept(walk, &at))) {
		struct kept *kept = kept_find(call, fixup);
		struct proto_pages pages = { 0 };
		uint32_t n_refs = 0;
		int r = 0;

		if (!kept) {
			r = kept_new(call, fixup, &kept);
			if (r < 0)
				return kept_failed(call, r);
			if (kept && kept->pin.refs)
				n_refs = kept->pin.n;
		}
		pages.pages = kept ? kept->pin.id : 0;
		/* The walk has kept room. */
		memcpy(bytes + *sizep, &pages, sizeof(pages));
		if (n_refs)
			memcpy(bytes + *sizep + sizeof(pages), kept->pin.refs, n_refs * sizeof(uint32_t));
		call->ranges[call->body.ioctl.n_ranges++] = (struct proto_range){
			.address = walk_address(walk, fixup),
			.length = sizeof(pages) + n_refs * sizeof(uint32_t),
			.direction = PROTO_RANGE_PAGES,
		};
		*sizep += sizeof(pages) + n_refs * sizeof(uint32_t);
	}
	return 0;
}

int kept_pass(struct call *call)
{
	int r = 0;

	for (struct kept *kept = call->guest->kept; r == 0 && kept; kept = kept->next)
		if (kept->call == call)
			r = pin_pass(call->guest, &kept->pin);
	return r;
}

void kept_taken(const struct call *call)
{
	for (struct kept *kept = call->guest->kept; kept; kept = kept->next)
		if (kept->call == call)
			kept->call = NULL;
}

void kept_call_end(const struct call *call)
{
	struct kept **at = &call->guest->kept;

	while (*at) {
		if ((*at)->call == call)
			kept_free(call->guest, at);
		else
			at = &(*at)->next;
	}
}

void kept_let_go(struct guest *guest, uint64_t id)
{
	for (struct kept **at = &guest->kept; *at; at = &(*at)->next) {
		if ((*at)->pin.id == id) {
			kept_free(guest, at);
			return;
		}
	}
}

void kept_all_lost(struct guest *guest)
{
	struct kept **at = &guest->kept;

	while (*at)
		kept_free(guest, at);
}

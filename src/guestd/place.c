/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device memory of the host, mapped by programs: the module reserves address space at
 * which this machine has nothing, the host is asked by PLACE to put the memory there,
 * and then it backs the program's mapping; see mapping.h.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "guestd/mapping.h"
#include "kmod-mmhelper/mmhelper.h"

static void place_failed(struct guest *guest, const struct call *call, const char *what, int error)
{
	if (log_limit_pass(&guest->limit, "guestd"))
		log_warning("node \"%s\": mmap: device memory: %s: %s", call->file->node->name, what,
			    strerror(error));
}

static int reserve(struct guest *guest, struct mapping *mapping, uint64_t length)
{
	struct mmhelper_reserve reserve = {
		.length = length,
		.host = guest->config->domid,
		.cache = mapping->cache,
	};

	if (ioctl(guest->helper_fd, MMHELPER_RESERVE, &reserve) < 0)
		return -errno;
	mapping->fd = reserve.fd;
	mapping->frame = reserve.frame;
	return 0;
}

void place_begin(struct guest *guest, struct call *call, const struct proto_mmap_answer *answer)
{
	struct mapping *mapping = mapping_new(guest, call, answer);
	struct call *place;
	int r;

	if (!mapping) {
		mapping_answer(call, -ENOMEM);
		return;
	}
	mapping->cache = answer->cache;
	r = reserve(guest, mapping, call->body.mmap.length);
	if (r < 0) {
		place_failed(guest, call, r == -EOPNOTSUPP ? "only a PVH or HVM guest can have it" :
							     "no address space for it", -r);
		mapping_end(guest, mapping);
		mapping_answer(call, r == -EOPNOTSUPP ? -ENODEV : -ENOMEM);
		return;
	}
	place = call_new_on(call->file, PROTO_PLACE, call_take(call));
	if (place) {
		place->file = call->file;
		place->token = call->token;
		place->body.place = (struct proto_place){ .mapping = mapping->id, .frame = mapping->frame };
	} else {
		mapping_end(guest, mapping);
	}
	call_end(call, EIO);
	if (place)
		call_submit(place, NULL, 0);
}

int place_done(struct guest *guest, struct call *call, const struct proto_message *message)
{
	const struct proto_place_answer *answer = message->body;
	struct mapping *mapping = mapping_find(guest, call->token);
	struct mmhelper_supply what = { .token = call->token, .flags = MMHELPER_SUPPLY_TRACKED };
	int64_t result = answer->result;

	if (result > 0)
		return call_misfit(guest, message, "result is positive");
	if (result < 0) {
		place_failed(guest, call, "the host cannot put it there, its log says why", -result);
	} else {
		what.fd = mapping->fd;
		what.cache = mapping->cache;
		result = mapping_supply(guest, mapping, &what);
		if (result < 0 && result != -ENOENT)
			place_failed(guest, call, "cannot back the mapping", -result);
	}
	mapping_answer(call, result);
	return 0;
}

void place_end(struct call *call)
{
	struct mapping *mapping = mapping_find(call->guest, call->token);

	if (mapping && !mapping->supplied)
		mapping_end(call->guest, mapping);
}

void place_vacate(struct guest *guest, uint64_t frame)
{
	struct mmhelper_vacate vacate = { .frame = frame, .host = guest->config->domid };

	(void)ioctl(guest->helper_fd, MMHELPER_VACATE, &vacate);
}

void place_connected(struct guest *guest)
{
	if (guest->helper_fd >= 0 && guest->config->host == HOST_XEN)
		place_vacate(guest, 0);
}

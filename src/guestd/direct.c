/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Large read(2), pread(2) and the like: the host's driver works in the program's own
 * pages, in one call whatever the size.
 *
 * The kernel module hands the call over before CUSE splits it. Whatever stands in the
 * way here (memory that cannot be pinned, a quota, a host that cannot map the pages)
 * ends with no result for the module, and CUSE serves the call by copies.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "guestd/guest.h"
#include "kmod-mmhelper/mmhelper.h"

void direct_request(fuse_req_t request, struct file *file, const struct mmhelper_fetch *fetch)
{
	struct guest *guest = file->node->guest;
	bool write = fetch->kind == MMHELPER_WRITE;
	bool at = fetch->offset != MMHELPER_OWN_POSITION;
	struct pin pin = { 0 };
	struct call *call;

	if (file_alive(file) &&
	    pin_make(guest, fuse_req_ctx(request)->pid, fetch->address, fetch->length, !write, &pin) < 0) {
		fuse_reply_ioctl(request, 0, NULL, 0);
		return;
	}
	call = call_new_on(file, PROTO_DIRECT, request);
	if (!call) {
		pin_end(guest, &pin);
		return;
	}
	call->file = file;
	call->token = fetch->token;
	call->pin = pin;
	call->body.direct = (struct proto_direct){
		.handle = file->handle,
		.pages = pin.id,
		.size = fetch->length,
		.first = fetch->address & (PIN_PAGE - 1),
		.flags = fetch->flags,
		.write = write,
		.n_refs = pin.refs ? pin.n : 0,
		.at = at,
		.position = at ? fetch->offset : 0,
	};
	call_submit(call, pin.refs, pin.refs ? pin.n * sizeof(*pin.refs) : 0);
}

int direct_done(struct guest *guest, struct call *call, const struct proto_message *message)
{
	const struct proto_direct_answer *answer = message->body;
	struct mmhelper_result result = { .token = call->token, .value = call_restart(call, answer->result) };
	int r = 0;

	if (answer->result > (int64_t)call->body.direct.size)
		return call_misfit(guest, message, "result is more than was asked for");
	/* The program goes on when the pages are its own again. */
	pin_end(guest, &call->pin);
	if (!(answer->flags & PROTO_DIRECT_NOT_RUN) &&
	    ioctl(guest->helper_fd, MMHELPER_RESULT, &result) < 0)
		r = -errno;
	fuse_reply_ioctl(call_take(call), r, NULL, 0);
	call_end(call, EIO);
	return 0;
}

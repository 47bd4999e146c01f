/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ioctl(2) of programs: what of their memory goes with the request, and what comes
 * back. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guestd/descriptor.h"
#include "guestd/gather.h"
#include "guestd/kept.h"
#include "guestd/on_demand.h"
#include "kmod-mmhelper/mmhelper.h"
#include "proto/layout_walk.h"

/* Reads the caller's structure for a flat ioctl. 0 or a negative errno; call->range
 * tells what was there. */
static int flat_gather(struct call *call, uint8_t *data, const struct layout_need *need)
{
	struct guest *guest = call->guest;
	uint32_t size = need->in > need->out ? need->in : need->out;
	ssize_t n;

	guest_away(guest);
	n = memory_read(call->pid, call->body.ioctl.argument, data, size);
	lead_back(&guest->lead);
	if (n < 0)
		return n;
	/* Sent also where the driver only writes: what it leaves alone must come
	 * back as it was. */
	call->range = (struct proto_range){
		.address = call->body.ioctl.argument,
		.length = n,
		.direction = PROTO_RANGE_IN | PROTO_RANGE_OUT,
	};
	call->body.ioctl.n_ranges = 1;
	return 0;
}

/* Reads what a declared ioctl uses, into `image` or elsewhere. As gather_nested(), with
 * an errno for the caller. */
static int declared_gather(struct call *call, const struct layout_need *need, uint8_t *image,
			   const void **datap, uint32_t *sizep)
{
	const uint8_t *bytes = image;
	int r;

	if (need->row->type) {
		r = gather_nested(call, need, &bytes, sizep);
	} else {
		r = flat_gather(call, image, need);
		*sizep = call->range.length;
	}
	*datap = bytes;
	if (r == -EPERM && log_limit_pass(&call->guest->limit, "guestd"))
		log_warning("node \"%s\": cannot read the memory of thread %d: guestd needs CAP_SYS_PTRACE",
			    call->file->node->name, (int)call->pid);
	return r == -EPERM || r == -ESRCH ? -EFAULT : r;
}

/* True if a device that may do so should serve a declared command on demand after
 * all: there is more of it than a message carries, or its row does not cover what the
 * structure says. `r` is what gathering it gave. */
static bool outgrows(const struct call *call, const struct layout_need *need, int r, const uint8_t *bytes)
{
	if (call->carries)
		return false;
	if (need->row->type)
		return r == -ENOMEM || r == -E2BIG || r == WALK_VARIANT;
	return r == 0 && !layout_need_flat(need, bytes, call->range.length);
}

/* How the command is served: whether its driver gets the program's own pointers. */
static bool is_on_demand(const struct call *call, const struct layout_need *need)
{
	uint32_t flags = call->file->node->add.flags;

	/* A 32-bit program's structures are known to the kernel's compat entry only. */
	if ((call->body.ioctl.flags & PROTO_IOCTL_COMPAT) && !(need && layout_row_serves(need->row, true)))
		return true;
	if (!(flags & (PROTO_DEVICE_IOCTL_ANY | PROTO_DEVICE_IOCTL_ON_DEMAND)))
		return false;
	if (call->body.ioctl.argument < LAYOUT_POINTER_MIN)
		return false;
	/* A mirror has none of the program's descriptors. */
	if (need && (need->row->flags & LAYOUT_ROW_DESCRIPTOR))
		return false;
	return !need || (flags & PROTO_DEVICE_IOCTL_ON_DEMAND);
}

/* True if the bytes of this call decide whether it must go the declared way all the
 * same: a mirror has none of the program's descriptors, and memory that the driver
 * keeps would be a mirror's. */
static bool may_carry(const struct call *call, const struct layout_need *need)
{
	return need && need->may_carry && !(call->body.ioctl.flags & PROTO_IOCTL_COMPAT);
}

/* The row that declares the command for this device, or NULL. */
static const struct layout_need *declared(const struct call *call, struct layout_need *need)
{
	if (layout_find(call->body.ioctl.command, need) < 0 ||
	    !layout_need_class(need, call->file->class))
		return NULL;
	return need;
}

/* Forgets what was gathered. */
static void ranges_drop(struct call *call)
{
	free(call->ranges);
	call->ranges = NULL;
	free(call->descriptors);
	call->descriptors = NULL;
	call->range = (struct proto_range){ 0 };
	call->body.ioctl.n_ranges = 0;
}

/* Gathers the memory that goes with the request. A negative errno for the program, or
 * something else. */
static int gather(struct call *call, uint8_t *image, const void **datap, uint32_t *sizep)
{
	struct layout_need row;
	const struct layout_need *need = declared(call, &row);
	bool on_demand = is_on_demand(call, need);
	int r;

	if (on_demand && !may_carry(call, need))
		return on_demand_gather(call, datap, sizep);
	if (need && (need->row->flags & LAYOUT_ROW_ARGUMENT)) {
		*datap = image;
		return descriptor_argument(call);
	}
	/* A command without a row goes without its memory: the host refuses it and
	 * says so, in one place for all guests. */
	if (call->body.ioctl.argument < LAYOUT_POINTER_MIN || !need || (!need->in && !need->out))
		return 0;
	r = declared_gather(call, need, image, datap, sizep);
	if (on_demand ? !call->carries : is_on_demand(call, NULL) && outgrows(call, need, r, *datap)) {
		ranges_drop(call);
		*sizep = 0; /* as it stays if the program is gone */
		return on_demand_gather(call, datap, sizep);
	}
	return r;
}

/* True if a driver may find the capabilities that it asks for. */
static bool is_capable(const struct call *call)
{
	uint64_t capabilities = call->file->node->add.capabilities;

	return capabilities && process_capable(call->pid, capabilities);
}

void call_ioctl(fuse_req_t request, struct file *file, uint32_t command, uint64_t argument,
		unsigned int flags)
{
	struct call *call = call_new_on(file, PROTO_IOCTL, request);
	uint8_t image[LAYOUT_SIZE_MAX];
	const void *data = NULL;
	uint32_t size = 0;
	int r;

	if (!call)
		return;
	call->file = file;
	call->pid = fuse_req_ctx(request)->pid;
	call->body.ioctl = (struct proto_ioctl){
		.handle = file->handle,
		.command = command,
		.argument = argument,
		.flags = (flags & FUSE_IOCTL_COMPAT ? PROTO_IOCTL_COMPAT : 0) |
			 (flags & MMHELPER_IOCTL_FLAGS ? PROTO_IOCTL_FLAGS : 0) |
			 (flags & MMHELPER_IOCTL_NONBLOCK ? PROTO_IOCTL_NONBLOCK : 0) |
			 (is_capable(call) ? PROTO_IOCTL_CAPABLE : 0),
	};
	r = gather(call, image, &data, &size);
	if (r < 0) {
		fuse_reply_ioctl(call_take(call), r, NULL, 0);
		call_end(call, EIO);
	} else if (!file_alive(file)) {
		call_end(call, EIO);
	} else if (call->descriptors) {
		descriptor_submit(call, data, size);
	} else {
		call_submit(call, data, size);
	}
}

/* Ends a call as the driver did. */
static void ioctl_end(struct call *call, int64_t result)
{
	if (result == -ENOSYS && (call->body.ioctl.flags & PROTO_IOCTL_FLAGS))
		result = MMHELPER_IOCTL_NOSYS;
	fuse_reply_ioctl(call_take(call), call_restart(call, result), NULL, 0);
	call_end(call, EIO);
}

/* The answer to a call on demand: writes what the driver changed. */
static int on_demand_done(struct guest *guest, struct call *call, const struct proto_message *message)
{
	const struct proto_ioctl_answer *answer = message->body;
	int64_t result = answer->result;

	if (result > INT32_MAX)
		return call_misfit(guest, message, "result is no int");
	/* The program goes on when all is there. */
	if (!on_demand_settle(guest, call->tag))
		return 0;
	call_detach(call);
	if (on_demand_write(guest, call->pid, message) < 0 || call->write_failed)
		result = -EFAULT;
	ioctl_end(call, result);
	return 0;
}

/* What a successful call on the file has settled, as the host learns it too. */
static void ioctl_learn(const struct call *call, const struct proto_range *range, const uint8_t *bytes)
{
	struct layout_need need;

	if (declared(call, &need) && need.row->learn && range->address == call->body.ioctl.argument &&
	    range->length >= need.in && range->length >= need.out)
		need.row->learn(&call->file->facts, bytes);
}

/* True if an answer writes only what the program has offered. */
static bool answer_fits(const struct call *call, const struct proto_range *ranges, uint32_t n)
{
	if (call->ranges)
		return scatter_check(call, ranges, n);
	return n == 0 || (n == 1 && ranges->direction == PROTO_RANGE_OUT &&
			  ranges->address == call->range.address && ranges->length <= call->range.length);
}

int call_ioctl_done(struct guest *guest, struct call *call, const struct proto_message *message)
{
	const struct proto_ioctl_answer *answer = message->body;
	const struct proto_range *ranges;
	uint32_t connection = guest->connection;
	int64_t result = answer->result;
	const uint8_t *bytes;
	const char *misfit;
	struct made made;
	uint32_t n;

	if (call->body.ioctl.flags & PROTO_IOCTL_ON_DEMAND)
		return on_demand_done(guest, call, message);
	misfit = descriptor_read(call, message, &made);
	if (misfit)
		return call_misfit(guest, message, misfit);
	ranges = proto_ranges(message, &n, &bytes);
	n -= made.n;
	if (result > INT32_MAX || !answer_fits(call, ranges, n))
		return call_misfit(guest, message, "it writes memory that the program did not offer");
	if (n && result >= 0)
		ioctl_learn(call, ranges, bytes);
	if (result >= 0)
		kept_taken(call);
	/* From here on nobody else finds the call: the lock is given up. */
	call_detach(call);
	if (n) {
		guest_away(guest);
		if (scatter_write(call->pid, ranges, n, bytes) < 0)
			result = -EFAULT;
		lead_back(&guest->lead);
	}
	if (made.n) {
		descriptor_made(call, connection, &made, result);
		return 0;
	}
	ioctl_end(call, result);
	return 0;
}

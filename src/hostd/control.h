/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket between the supervisor (root) and one session (its own
 * user, no file system): a SOCK_SEQPACKET pair, native structures, because both
 * ends are the same program. The session is the less trusted end: the
 * supervisor checks every number that comes from it.
 */
#ifndef PARADICE_HOSTD_CONTROL_H
#define PARADICE_HOSTD_CONTROL_H

#include <stdint.h>

#include "proto/proto.h"

enum control_kind {
	/* supervisor → session */
	CONTROL_START = 1, /* first: what the session is */
	CONTROL_RINGS, /* second, for CONTROL_VCHAN: the file of the rings' memory */
	CONTROL_DEVICE_ADD, /* a device this guest may open, and a file of its properties; also after the start */
	CONTROL_DEVICE_REMOVE, /* device `id` is gone */
	CONTROL_DEVICE_END, /* all that were there at the start are told */
	CONTROL_OPENED, /* answer to CONTROL_OPEN; error, or 0 with the descriptor */
	CONTROL_MIRROR_STARTED, /* answer to CONTROL_MIRROR; error, or 0 with its socket */
	CONTROL_MIRROR_ENDED, /* the process of mirror `tag` has ended, for whatever reason */
	CONTROL_PLACED, /* answer to CONTROL_PLACE or _UNPLACE: error */
	/* session → supervisor */
	CONTROL_OPEN, /* open device `id` with `flags`; answered by CONTROL_OPENED */
	CONTROL_OPEN_CANCEL, /* interrupt the open with this tag, if it still runs */
	CONTROL_MIRROR, /* start a mirror, named `tag` (1…, never used again) */
	CONTROL_MIRROR_END, /* kill mirror `tag`, if it has not ended */
	CONTROL_PLACE, /* device memory, named `tag`: the module's offer `token`, to guest frame `frame` */
	CONTROL_UNPLACE, /* take `tag` away again */
	CONTROL_UP, /* a guest is connected and settled its HELLO */
};

/* control_message.flags of CONTROL_START. */
#define CONTROL_VERIFY 1u /* verify mode: verify.h */

/* How the session reaches its guest. */
enum control_transport {
	CONTROL_UNIX = 1, /* the connected socket comes as descriptor with CONTROL_START */
	CONTROL_VCHAN, /* domid says which domain; the event channels come with CONTROL_START */
};

/* An ioctl that a device's section names: the commands that are equal to `command` in
 * the bits of `mask`. */
struct control_rule {
	uint32_t command;
	uint32_t mask;
};

#define CONTROL_RULES_MAX 32u /* deny and allow of one device together: opens must fit the socket */

struct control_rules {
	uint16_t n_deny; /* the first of rules[] */
	uint16_t n_allow; /* those behind them */
	uint32_t only_allowed; /* nothing but those of allow runs on demand */
	struct control_rule rules[CONTROL_RULES_MAX];
};

struct control_message {
	uint32_t kind; /* enum control_kind */
	uint32_t id; /* device number: 1…, never used again in one session */
	uint64_t tag; /* CONTROL_OPEN…: chosen by the session */
	int32_t error; /* CONTROL_OPENED, CONTROL_PLACED: 0, a positive errno or PROTO_RESTART */
	uint32_t flags; /* CONTROL_OPEN: open(2) flags; DEVICE_ADD: PROTO_DEVICE_…; START */
	uint32_t thread; /* CONTROL_OPEN: who opens, as the guest numbers its threads; 0: unknown */
	/* CONTROL_PLACE */
	uint64_t token;
	uint64_t frame;
	/* CONTROL_START */
	uint32_t transport; /* enum control_transport */
	uint32_t domid;
	uint32_t event_port; /* CONTROL_VCHAN */
	int32_t poll_us;
	uint32_t uid; /* user and group to become; 0 = stay (not root anyway) */
	uint32_t max_mapped; /* quota, MiB */
	uint32_t max_pinned; /* quota, MiB */
	uint32_t max_handles; /* quota */
	uint32_t log_level;
	uint32_t max_call_pages; /* quota of memory for calls on demand */
	uint32_t page_timeout_ms;
	/* CONTROL_START: those that it shall be able to use; DEVICE_ADD: those of the device */
	uint64_t capabilities;
	/* CONTROL_DEVICE_ADD */
	uint32_t class, major, minor, mode;
	struct control_rules rules;
	char name[PROTO_NAME_MAX + 1]; /* the guest's name for the device; or START: the guest's own name */
};

/* Sends one message, with descriptor `fd` unless it is -1. 0 or negative errno;
 * -EPIPE when the other end is gone. */
int control_send(int socket, const struct control_message *message, int fd);

/* Receives one message, waiting for it unless the socket is non-blocking. *fdp is
 * a descriptor that came with it (the caller owns it), or -1. 1, 0 when the
 * other end is gone, -EAGAIN, -EPROTO for a message of another size, or another
 * negative errno (-EINTR included). */
int control_receive(int socket, struct control_message *message, int *fdp);

#endif

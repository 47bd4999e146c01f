/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session: the unprivileged process that serves one guest.
 *
 * Everything that a guest can cause happens here: its bytes are decoded, its
 * handles live, and its operations run in this process, which opens no file
 * itself and ends with the connection. One lock (lead.lock) covers all of it.
 * Threads: those of lead.h serve the ring and run operations; one more, the
 * readiness thread (readiness.c), owns the io_uring and the control socket.
 */
#ifndef PARADICE_HOSTD_SESSION_H
#define PARADICE_HOSTD_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "hostd/control.h"
#include "hostd/descriptor.h"
#include "hostd/handle.h"
#include "hostd/kept.h"
#include "hostd/mapping.h"
#include "hostd/mirror.h"
#include "hostd/operation.h"
#include "hostd/pages.h"
#include "hostd/readiness.h"
#include "proto/channel.h"
#include "proto/lead.h"
#include "proto/log.h"

#define SESSION_CONTROL_FD 3
#define SESSION_SPARE_THREADS 16 /* beyond the operations in flight: leader, standbys, closes */

/* What a READ_ANSWER needs besides its data, in bytes. */
#define PROTO_READ_OVERHEAD (sizeof(struct proto_header) + sizeof(struct proto_read_answer))

/* A device that the guest may open, as the supervisor told. */
struct device {
	struct device *next;
	uint32_t id;
	struct proto_device_add add;
	struct rules *rules; /* a holder */
	char name[PROTO_NAME_MAX + 1 + PROTO_PROPERTIES_MAX]; /* and a NUL, then its properties */
	size_t name_length;
	size_t name_size; /* with the properties, if any */
	bool announced; /* the guest knows of it */
	bool removed; /* and must be told that it is gone, if announced */
};

/* What one serving thread works in: a message, and the private image that a
 * driver reads and writes. Kept in a list, one for each thread that serves. */
struct workspace {
	struct workspace *next;
	struct channel_buffer message;
	struct channel_buffer image;
	struct declared *declared; /* declared.h; NULL before its first use */
	struct descriptor_call descriptors;
	struct kept_call kept;
};

struct session {
	struct lead lead;
	struct channel *channel;
	int control_fd;
	int async_fd; /* SIGIO of drivers */
	char guest[PROTO_NAME_MAX + 1];
	struct handle_table handles;
	struct descriptor_numbers descriptor_numbers;
	struct operation_table operations;
	struct mapping_table mappings;
	struct page_table pages;
	struct kept *kept; /* memory that drivers keep */
	uint32_t domid; /* vchan: the guest's */
	struct readiness readiness;
	struct mirror_table mirrors;
	struct device *devices;
	struct workspace *workspaces; /* free ones */
	uint32_t n_devices_announced;
	bool up; /* HELLO is settled */
	bool devices_told; /* the supervisor has told all that there were at the start */
	bool end_announced;
	uint32_t n_opening; /* opens that the supervisor has not answered */
	uint32_t n_sending; /* threads that wait for room in the ring */
	uint32_t n_closing; /* threads that close handles */
	bool close_waits; /* a released handle waits until one of them is done */
	bool reap; /* released handles are to be closed */
	bool backlog; /* something could not be sent: the ring was full */
	uint64_t idle_since_ns;
	uint32_t n_served; /* messages since the ring was empty */
	uint32_t crowd; /* waits in which it does not spin: see guestd/crowd.h */
	struct log_limit limit;
	struct verify *verify; /* verify.h; NULL in any other mode */
};

/* Runs a session over the supervisor's socket `control_fd` and returns the exit
 * status: 0 when the guest or the supervisor ended it, 1 on a failure that was
 * logged. A violation of the protocol ends the process from within. */
int session_main(int control_fd);

/* Ends the process: the connection is over. Logs the reason, unless NULL; the
 * kernel closes what was open and wakes the guest. Any thread. */
void session_end(struct session *session, const char *reason) __attribute__((noreturn));

/* Logs a violation of the protocol (in channel->fault) and ends the process. */
void session_violation(struct session *session) __attribute__((noreturn));

/* Sends a message to the guest; under the lock, which it gives up while the ring
 * is full. */
void session_send(struct session *session, uint16_t opcode, uint64_t tag, const void *body,
		  const struct iovec *payload, int n);

/* The same for an answer that tells readiness: *readyp, in the body, is filled in
 * from `handle` (NULL: unknown) at the moment of sending, so that the guest never
 * hears old news after new. */
void session_answer(struct session *session, uint16_t opcode, uint64_t tag, const void *body,
		    uint32_t *readyp, struct handle *handle, const struct iovec *payload, int n);

/* A message of the supervisor, with its descriptor or -1. Under the lock. */
void session_control(struct session *session, const struct control_message *message, int fd);

/* Under the lock: sends what can be sent of announcements and readiness without
 * waiting. What does not fit stays in the backlog, until the guest has read. */
void session_push(struct session *session);

/* The device with this number, or NULL. Under the lock. */
struct device *session_device(struct session *session, uint32_t id);

#endif

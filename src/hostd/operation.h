/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operations: the requests of the guest that are under way, by tag, and what runs
 * them on the real device. Each belongs to the thread that runs it, except opens,
 * which wait for the supervisor. Covered by the session's lock; the system call
 * itself runs without.
 */
#ifndef PARADICE_HOSTD_OPERATION_H
#define PARADICE_HOSTD_OPERATION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/proto.h"

struct handle;
struct rules;
struct mirror;
struct session;
struct workspace;

struct operation {
	bool used;
	bool interrupted; /* the guest wants it to end: signals are sent until it does */
	bool running; /* `thread` is in its system call */
	uint16_t opcode;
	uint64_t tag;
	uint32_t device; /* OPEN */
	uint32_t class; /* OPEN: of the device */
	uint32_t device_flags; /* OPEN */
	struct rules *rules; /* OPEN: of the device; a holder */
	uint64_t capabilities; /* OPEN: of the device; IOCTL: in effect during the call (rights.h) */
	uint32_t command; /* IOCTL */
	uint32_t flags; /* OPEN */
	pthread_t thread;
	struct mirror *mirror; /* it runs there, or NULL */
};

struct operation_table {
	struct operation operations[PROTO_IN_FLIGHT_MAX];
	uint32_t n_used;
	uint32_t n_interrupted;
};

/* What one request does. Called under the lock with the operation entered; gives
 * the lock up while it runs; answers and leaves the operation. Returns whether
 * the thread still leads. */
typedef bool (*operation_run_fn)(struct session *session, struct workspace *workspace,
				 const struct proto_message *message, struct operation *operation);

/* Serves one decoded request, or ends the session for a violation. Returns whether
 * the thread still leads. */
bool operation_serve(struct session *session, struct workspace *workspace,
		     const struct proto_message *message);

/* The supervisor has answered an open: `fd`, or -1 and a positive errno. */
void operation_opened(struct session *session, uint64_t tag, int error, int fd);

/* Sends a signal to each interrupted operation that still runs. True if any does,
 * so that it is called again soon: a signal that comes just before the system
 * call would be lost. */
bool operation_signal(struct session *session);

/* Closes released handles that nobody uses: their last user was the readiness thread,
 * or they wait for their turn. */
void operation_reap(struct session *session);

/* For what runs operations, under the lock. */

/* The handle of a request, or NULL; then says so once in a while. */
struct handle *operation_handle(struct session *session, const struct proto_message *message,
				uint64_t id);

/* Ends the session if message `name` has a position that none can be. */
void operation_position_check(struct session *session, const char *name, uint32_t at, int64_t position);

/* Around the system call of an operation on `handle`, which it holds until
 * operation_handle_put(). The first gives the lock up and returns channel_now_ns(),
 * for the second, which takes it again and looks at readiness. */
uint64_t operation_begin(struct session *session, struct operation *operation, struct handle *handle);
void operation_end(struct session *session, struct operation *operation, struct handle *handle,
		   uint64_t since_ns);

/* Lets go of a handle. The last user of a released one closes it: without the
 * lock, because a driver's release may take long. While a number of threads do, it
 * waits for operation_reap(). */
void operation_handle_put(struct session *session, struct handle *handle);

/* Takes the operation out of the table; its tag may be used again. */
void operation_leave(struct session *session, struct operation *operation);

/* The signal that interrupts an operation (driver_call.h). */
#define OPERATION_SIGNAL SIGUSR1

#endif

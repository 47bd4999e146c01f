/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SIGIO: a guest's program that asks for it (O_ASYNC) has the session ask the driver
 * for it, with a real-time signal that tells which file and why (fcntl(2), F_SETSIG).
 * The readiness thread reads the signals from a descriptor and passes them on.
 * Covered by the session's lock.
 */
#ifndef PARADICE_HOSTD_ASYNC_H
#define PARADICE_HOSTD_ASYNC_H

#include "hostd/operation.h"

/* Blocks the signals in this thread, and so in those that it starts, and makes
 * session->async_fd. 0 or negative errno. */
int async_init(struct session *session);

/* Runs a FASYNC; see operation_run_fn. */
bool async_serve(struct session *session, struct workspace *workspace,
		 const struct proto_message *message, struct operation *operation);

/* Under the lock: notes the signals that have come, for session_push(). */
void async_read(struct session *session);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ioctl(2) for guests. A command that the layout tables declare works on a private
 * image of the caller's memory, in the session; another one, where the device's
 * policy allows it, runs on demand in a mirror (ioctl_on_demand.c).
 */
#ifndef PARADICE_HOSTD_IOCTL_H
#define PARADICE_HOSTD_IOCTL_H

#include "hostd/operation.h"

/* Serves one IOCTL request; an operation_run_fn. */
bool ioctl_serve(struct session *session, struct workspace *workspace,
		 const struct proto_message *message, struct operation *operation);

/* Runs the request on demand, on a device whose policy allows that. Under the lock,
 * which it gives up; answers and leaves the operation. Returns whether the thread
 * still leads. */
bool ioctl_on_demand(struct session *session, const struct proto_message *message,
		     struct operation *operation, struct handle *handle);

#endif

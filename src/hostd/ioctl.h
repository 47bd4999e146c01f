/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ioctl(2) for guests. A command that the layout tables declare works on a private
 * image of the caller's memory, in the session; another one, where the device's
 * policy allows it, runs on demand in a mirror (ioctl_on_demand.c).
 */
#ifndef PARADICE_HOSTD_IOCTL_H
#define PARADICE_HOSTD_IOCTL_H

#include <sys/uio.h>

#include "hostd/operation.h"

/* Serves one IOCTL request; an operation_run_fn. */
bool ioctl_serve(struct session *session, struct workspace *workspace,
		 const struct proto_message *message, struct operation *operation);

/* For the engines. Answers an IOCTL and leaves the operation: `n` ranges, which are
 * payload[0], and their bytes in as many more pieces. */
void ioctl_answer(struct session *session, struct operation *operation, struct handle *handle,
		  int64_t result, uint32_t n, const struct iovec *payload);

/* Why an ioctl is answered ENOTTY. */
enum ioctl_refusal {
	IOCTL_SERVED, /* it is not */
	IOCTL_UNDECLARED, /* no row declares it for this device */
	IOCTL_VARIANT, /* its row does not cover what the structure says */
	IOCTL_DESCRIPTOR, /* it makes or takes a descriptor */
	IOCTL_INSTALLED, /* it made a descriptor, and no row says where that is told */
	IOCTL_DENIED, /* hostd.conf denies it */
};

/* Says so once for a while, and what would help. */
void ioctl_refuse(struct session *session, const struct handle *handle, uint32_t command,
		  enum ioctl_refusal why);

/* ioctl(2) of the operation's command, with its capabilities in effect. The driver's
 * result or negative errno. Without the lock. */
int64_t ioctl_call(const struct operation *operation, const struct handle *handle, void *argument);

/* Runs the request on demand, on a device whose policy allows that. Under the lock,
 * which it gives up; answers and leaves the operation. Returns whether the thread
 * still leads. */
bool ioctl_on_demand(struct session *session, const struct proto_message *message,
		     struct operation *operation, struct handle *handle);
/* The same for a command without a row that has a number. If it makes no descriptor there,
 * the handle notes it as a plain one, for the session to run. False if this machine has no
 * mirrors: then nothing was done. */
bool ioctl_on_trial(struct session *session, const struct proto_message *message,
		    struct operation *operation, struct handle *handle);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ioctl(2) for guests. A command that the layout tables declare works on a private
 * image of the caller's memory, in the session.
 */
#ifndef PARADICE_HOSTD_IOCTL_H
#define PARADICE_HOSTD_IOCTL_H

#include "hostd/operation.h"

/* Serves one IOCTL request; an operation_run_fn. */
bool ioctl_serve(struct session *session, struct workspace *workspace,
		 const struct proto_message *message, struct operation *operation);

#endif

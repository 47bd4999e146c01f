/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The declared engine for nested structures: the driver works on private copies of
 * all that the layout table says a command uses, in the session.
 */
#ifndef PARADICE_HOSTD_IOCTL_DECLARED_H
#define PARADICE_HOSTD_IOCTL_DECLARED_H

#include "hostd/operation.h"
#include "proto/layout.h"

/* Serves an IOCTL whose row has a type, on an open handle; the caller has checked
 * that the row holds for it. Returns as an operation_run_fn does. */
bool ioctl_declared_serve(struct session *session, struct workspace *workspace,
			  const struct proto_message *message, struct operation *operation,
			  struct handle *handle, const struct layout_need *need);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* read(2) and write(2) of the guest's programs in their own pages. */
#ifndef PARADICE_HOSTD_DIRECT_H
#define PARADICE_HOSTD_DIRECT_H

#include "hostd/operation.h"

/* Runs a DIRECT; see operation_run_fn. */
bool direct_serve(struct session *session, struct workspace *workspace,
		  const struct proto_message *message, struct operation *operation);

#endif

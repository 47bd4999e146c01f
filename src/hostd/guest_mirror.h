/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mirror processes of a session, as the supervisor sees them. */
#ifndef PARADICE_HOSTD_GUEST_MIRROR_H
#define PARADICE_HOSTD_GUEST_MIRROR_H

#include "hostd/control.h"

struct guest;
struct guest_session;

/* Serves a CONTROL_MIRROR or CONTROL_MIRROR_END. 0, or negative errno when it cannot be
 * answered and the session must be ended. */
int guest_mirror_serve(struct guest *guest, const struct control_message *request);

/* Kills them all. Their records go when they have ended. */
void guest_mirror_end_all(struct guest_session *session);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mirror processes of a session, as the supervisor sees them. */
#ifndef PARADICE_HOSTD_GUEST_MIRROR_H
#define PARADICE_HOSTD_GUEST_MIRROR_H

struct guest;
struct guest_session;

/* Serves what the session asks about mirrors. 0, or negative errno when it cannot be
 * answered and must be ended. */
int guest_mirror_serve(struct guest *guest);

/* Kills them all. Their records go when they have ended. */
void guest_mirror_end_all(struct guest_session *session);

#endif

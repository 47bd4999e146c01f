/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rings of one guest that is a Xen domain: granted once, and served by one session
 * after the other.
 *
 * A session that granted its own would, each time that one ends, leave 129 grants to Linux,
 * which gets back some a second of those that the domain still maps (grant-table.c), and none
 * that it never lets go. By default there are 32,768 for all guests.
 *
 * Lifetime: vchan_rings_new() … vchan_rings_free() by the supervisor, for a domain that
 * runs. Between vchan_rings_renew() and vchan_rings_withdraw() a session has them.
 * Supervisor's main thread only. If the supervisor and the session die, Linux tells the
 * guest (UNMAP_NOTIFY in xen/gntalloc.h).
 */
#ifndef PARADICE_HOSTD_VCHAN_RINGS_H
#define PARADICE_HOSTD_VCHAN_RINGS_H

#include <stdbool.h>
#include <stdint.h>

struct vchan_rings;

/* Grants rings to domain `domid`. 0 and *ringsp, -ENOSYS when built without Xen, or
 * another negative errno. */
int vchan_rings_new(uint32_t domid, struct vchan_rings **ringsp);
/* NULL is allowed. */
void vchan_rings_free(struct vchan_rings *rings);

uint32_t vchan_rings_domid(const struct vchan_rings *rings);

/* What transport_vchan_serve() wants; the descriptors remain the rings'. */
int vchan_rings_memory_fd(const struct vchan_rings *rings);
int vchan_rings_event_fd(const struct vchan_rings *rings);
uint32_t vchan_rings_port(const struct vchan_rings *rings);

/* False while a guest of an earlier session has them mapped, as it says itself. */
bool vchan_rings_let_go(const struct vchan_rings *rings);

/* Makes them as new. Before a session has them: it goes on from the indices that it finds. */
void vchan_rings_renew(struct vchan_rings *rings);

/* Tells the domain in the xenstore where they are. 0 or negative errno. */
int vchan_rings_offer(struct vchan_rings *rings);

/* The session is gone: the guest is told, and the xenstore says no more. */
void vchan_rings_withdraw(struct vchan_rings *rings);

#endif

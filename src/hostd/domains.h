/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which Xen domains run, by the xenstore.
 *
 * Lifetime: domains_new() … domains_free() by the supervisor, whose event loop
 * calls `changed` whenever the list may be another. It outlives xenstored and
 * connects again. Supervisor's main thread only.
 */
#ifndef PARADICE_HOSTD_DOMAINS_H
#define PARADICE_HOSTD_DOMAINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct domain {
	uint32_t domid;
	char *name; /* may be NULL */
	char *uuid; /* may be NULL */
};

/* The running domains. An unprivileged driver domain may not see the others: then
 * `blind` is set, and a domain is only known by its number. */
struct domain_list {
	struct domain *domains;
	size_t n_domains;
	bool blind;
};

struct domains;

/* Starts to watch. `changed` is called from the event loop, also when xenstored
 * went away (the list is then empty). 0 and *domainsp, -ENOSYS when built
 * without Xen, or another negative errno. An absent xenstored is no failure: it
 * is tried again every few seconds, and logged once. */
int domains_new(sd_event *event, void (*changed)(void *context), void *context,
		struct domains **domainsp);
void domains_free(struct domains *domains);

/* The domains that run now, as of the last `changed`. */
const struct domain_list *domains_list(const struct domains *domains);

/* How many running domains `address` (a name, a domain number in digits, or a
 * UUID) matches; domids[2] gets the first two of them. */
size_t domains_match(const struct domain_list *list, const char *address, uint32_t *domids);

#endif

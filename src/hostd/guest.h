/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One configured guest: where it connects, and the session that serves it.
 *
 * Lifetime: made by guest_new() when the configuration names it. guest_remove()
 * ends its session, and when nothing is left of it supervisor_guest_gone() is
 * called, which frees it. At most one session of a guest runs at a time.
 * Supervisor's main thread only.
 */
#ifndef PARADICE_HOSTD_GUEST_H
#define PARADICE_HOSTD_GUEST_H

#include <systemd/sd-event.h>

#include "hostd/conf.h"
#include "hostd/guest_session.h"
#include "hostd/listener.h"
#include "hostd/vchan_rings.h"

struct supervisor;

struct guest {
	struct supervisor *supervisor;
	char *name;
	enum control_transport transport;
	char *address;
	uint32_t max_mapped; /* MiB */
	uint32_t max_pinned; /* MiB */
	uint32_t max_handles;
	uint32_t max_call_memory; /* MiB */
	bool unwanted; /* guest_remove() was called */
	struct listener listener; /* CONTROL_UNIX */
	sd_event_source *connection; /* on only while a connection would be taken */
	bool present; /* CONTROL_VCHAN: domain `domid` runs and is this guest */
	uint32_t domid;
	struct vchan_rings *rings; /* CONTROL_VCHAN: of the domain that was served last, or NULL */
	unsigned int n_waited; /* for a domain to let go of them, WAIT_US each */
	bool ambiguous; /* two domains match: logged */
	unsigned int n_failures; /* sessions in a row that ended soon */
	int listen_error; /* logged */
	sd_event_source *retry_timer; /* on: nothing is started before */
	struct guest_session session;
};

/* Makes a guest and has it wait for its peer. 0 and *guestp, or negative errno. A
 * socket that cannot be listened on is logged and tried again. */
int guest_new(struct supervisor *supervisor, const struct conf_guest *conf,
	      struct guest **guestp);
void guest_free(struct guest *guest);

/* Takes over what may change without a new session: it counts from the next. */
void guest_update(struct guest *guest, const struct conf_guest *conf);

/* Stops serving the guest for good. It may call supervisor_guest_gone() at once. */
void guest_remove(struct guest *guest);

/* CONTROL_VCHAN: tells whether the guest's domain runs. */
void guest_domain(struct guest *guest, bool present, uint32_t domid);

/* For guest_session.c: the session is over and cleaned up. `fine`: it did not
 * fail. lasted_us is UINT64_MAX when we ended it. It may free the guest. */
void guest_session_gone(struct guest *guest, bool fine, uint64_t lasted_us);

/* True if a session runs. */
bool guest_busy(const struct guest *guest);

#endif

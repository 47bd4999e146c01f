/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The supervisor: the privileged process that holds the configuration, starts
 * one session per guest and decides what may be opened.
 *
 * One struct supervisor lives as long as supervisor_run(). It owns everything in
 * it; guests point back to it. Main thread only: the brokers' threads never see
 * it.
 */
#ifndef PARADICE_HOSTD_SUPERVISOR_H
#define PARADICE_HOSTD_SUPERVISOR_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "hostd/conf.h"
#include "hostd/domains.h"
#include "hostd/guest_frames.h"
#include "hostd/policy.h"
#include "hostd/watch.h"

struct guest;

struct supervisor {
	sd_event *event;
	const char *conf_path;
	bool level_fixed; /* --log-level: the file does not change it */
	bool change_user; /* root: each session becomes a user of its own */
	bool verify; /* --verify-layouts: sessions compare drivers with the layout tables */
	bool stopping;
	struct conf *conf;
	struct policy *policy; /* borrows from conf */
	struct watch *watch;
	struct domains *domains; /* NULL while no guest is a Xen domain */
	struct guest **guests; /* those that are removed stay until their session has ended */
	size_t n_guests;
	struct frames frames;
};

/* Runs the daemon with `conf`, which it takes over, until SIGTERM or SIGINT. SIGHUP
 * reads `conf_path` again. `verify`: verify mode, see verify.h. 0, or negative errno when it could not start (logged).
 * SIGTERM, SIGINT, SIGHUP and SIGCHLD must be blocked in all threads. */
int supervisor_run(struct conf *conf, const char *conf_path, bool level_fixed, bool verify);

/* For guests: two users that no session and no mirror runs as (0: as this one). 0 or
 * -EUSERS. */
int supervisor_uids_choose(const struct supervisor *supervisor, uint32_t *sessionp, uint32_t *mirrorp);

/* For guests: nothing is left of a removed guest. Frees it. */
void supervisor_guest_gone(struct supervisor *supervisor, struct guest *guest);

/* For guests: tells the service manager how things stand. */
void supervisor_status(const struct supervisor *supervisor);

#endif

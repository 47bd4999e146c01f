/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The session process of a guest, as the supervisor sees it.
 *
 * Lifetime: a struct guest_session is part of its guest, and is in use from
 * guest_session_start() until the process is gone; then guest_session_gone() of
 * guest.h is called. Supervisor's main thread only.
 */
#ifndef PARADICE_HOSTD_GUEST_SESSION_H
#define PARADICE_HOSTD_GUEST_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "hostd/announce.h"
#include "hostd/broker.h"
#include "proto/log.h"

struct guest;

/* A mirror process of the session. Freed when it has ended, which may be later. */
struct guest_mirror {
	struct guest_mirror *next;
	uint64_t id; /* the session's */
	pid_t pid;
	sd_event_source *child;
	struct guest_session *session; /* NULL when that has ended */
};

struct guest_session {
	pid_t pid; /* 0: none */
	uint32_t uid;
	uint32_t mirror_uid;
	uint64_t capabilities; /* of its devices, as they were at its start; the mirrors' too */
	struct guest_mirror *mirrors;
	struct log_limit mirror_limit; /* of lines about them */
	struct placed *placed; /* device memory in the guest: guest_frames.h */
	struct log_limit frames_limit; /* of lines about it */
	uint32_t domid; /* CONTROL_VCHAN: whom it was started for */
	bool up; /* a guest is connected */
	bool ending; /* it was told to end */
	bool violated; /* it broke the rules of its control socket */
	uint64_t started_us; /* CLOCK_MONOTONIC */
	struct broker *broker; /* NULL when it is cut off */
	struct announce announce;
	sd_event_source *child;
	sd_event_source *news; /* the broker's events */
	sd_event_source *room; /* off, unless the control socket was full */
	sd_event_source *kill_timer;
};

/* Starts the guest's session; `connection` (CONTROL_UNIX, else -1) stays the
 * caller's. 0 when there is a process: guest_session_gone() follows, whatever
 * happens to it. Else negative errno, -EUSERS when there is no user for it. */
int guest_session_start(struct guest *guest, int connection);

/* Cuts the session off, tells its process to end, and kills it soon. */
void guest_session_end(struct guest *guest);

/* Tells the session, if there is one, what changed in the supervisor's policy. */
void guest_session_sync(struct guest *guest);

/* Frees what the record holds; for guest_free(). */
void guest_session_fini(struct guest *guest);

#endif

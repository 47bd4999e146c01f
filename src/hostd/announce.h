/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one session has been told about devices, and how to tell it the rest.
 *
 * Instead of a queue of messages there is a difference between what is wanted
 * (a policy) and what was sent; announce_sync() sends it as far as the session's
 * socket has room, and can be called again at any time.
 *
 * Lifetime: announce_init() … announce_fini() within a guest's session record.
 * Supervisor's main thread only.
 */
#ifndef PARADICE_HOSTD_ANNOUNCE_H
#define PARADICE_HOSTD_ANNOUNCE_H

#include <stdbool.h>

#include "hostd/broker.h"
#include "hostd/policy.h"

struct announce_device {
	uint32_t id;
	char *path;
	char name[PROTO_NAME_MAX + 1];
	dev_t rdev;
	ino_t inode;
	uint32_t mode;
	uint32_t flags; /* PROTO_DEVICE_… */
	struct control_rules rules;
	uint64_t capabilities;
	char *group; /* as configured; or NULL */
};

struct announce {
	const char *guest; /* borrowed */
	struct announce_device *devices;
	size_t n_devices;
	uint32_t last_id; /* counted up, never used again */
	bool complete; /* CONTROL_DEVICE_END was sent */
};

void announce_init(struct announce *announce, const char *guest);
void announce_fini(struct announce *announce);

/* Tells the session what changed, and the broker what may be opened. 0 when all
 * is told, -EAGAIN when the socket is full, or another negative errno. */
int announce_sync(struct announce *announce, struct broker *broker, const struct policy *policy);

#endif

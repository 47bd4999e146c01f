/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tells when files appear or vanish where devices are configured (inotify).
 *
 * A folder that does not exist yet is watched through its nearest ancestor that
 * does. Lifetime: watch_new() … watch_free() by the supervisor; its main thread
 * only.
 */
#ifndef PARADICE_HOSTD_WATCH_H
#define PARADICE_HOSTD_WATCH_H

#include <systemd/sd-event.h>

#include "hostd/conf.h"

struct watch;

/* `changed` is called from the event loop, a moment after something changed:
 * what changes together is told once. 0 and *watchp, or negative errno. */
int watch_new(sd_event *event, void (*changed)(void *context), void *context,
	      struct watch **watchp);
void watch_free(struct watch *watch);

/* Watches the folders that matter to `conf` as they are now. Call it before each
 * scan, so that nothing is missed between. 0, -ENOSPC when the user's limit of
 * watches is reached, or another negative errno. */
int watch_update(struct watch *watch, const struct conf *conf);

/* Has `changed` called in a moment as if something had changed, for what no file tells. */
void watch_again(struct watch *watch);

#endif

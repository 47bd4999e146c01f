/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * deny and allow of a device's section: which ioctls a guest may not issue, and which
 * it may although no row declares them.
 *
 * A struct rules never changes; the device and the handles of its open files hold it,
 * under the session's lock.
 */
#ifndef PARADICE_HOSTD_RULES_H
#define PARADICE_HOSTD_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "hostd/control.h"

struct rules;

/* A copy with one holder; NULL when there is nothing in it, or when memory is short
 * and *failedp becomes true. */
struct rules *rules_new(const struct control_rules *control, bool *failedp);

/* One more holder, or one less. Both take NULL. */
struct rules *rules_get(struct rules *rules);
void rules_put(struct rules *rules);

/* True if `command` must not be issued on a device of PROTO_CLASS_… `class`. A 32-bit
 * program's command (`compat`) may have another size than the one in the rule. */
bool rules_deny(const struct rules *rules, uint32_t command, uint32_t class, bool compat);

/* True if `command` may run on demand, on a device whose flags allow that to some
 * commands. */
bool rules_on_demand(const struct rules *rules, uint32_t command, uint32_t class, bool compat);

#endif

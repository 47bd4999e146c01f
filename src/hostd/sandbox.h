/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a session gives up before it reads the guest's first byte. */
#ifndef PARADICE_HOSTD_SANDBOX_H
#define PARADICE_HOSTD_SANDBOX_H

#include <stdint.h>

/* An empty root directory, the user and group `uid` (0: stay, when not root
 * anyway), no capability, no new privileges, and only the system calls that a
 * session makes. Before any other thread is started. 0 or negative errno; *whatp
 * then names the step. */
int sandbox_enter(uint32_t uid, const char **whatp);

#endif

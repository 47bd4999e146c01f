/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a session gives up before it reads the guest's first byte. */
#ifndef PARADICE_HOSTD_SANDBOX_H
#define PARADICE_HOSTD_SANDBOX_H

#include <stdint.h>

/* The part of sandbox_enter() before the filter, for a process that brings its own.
 * The same result. */
int sandbox_drop(uint32_t uid, uint64_t capabilities, const char **whatp);

/* An empty root directory, the user and group `uid` (0: stay, when not root
 * anyway), no capability in effect and only `capabilities` to be had (rights.h), no new
 * privileges, and only the system calls that a session makes. Before any other thread
 * is started. 0 or negative errno; *whatp then names the step. */
int sandbox_enter(uint32_t uid, uint64_t capabilities, const char **whatp);

#endif

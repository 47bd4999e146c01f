/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Capabilities that a session or a mirror keeps, for drivers that ask for the caller's
 * in an ioctl (`capabilities` in hostd.conf).
 *
 * Kept means permitted, not effective: a thread puts them into effect for one call of
 * one device. A set is a number with the bit of each (linux/capability.h).
 */
#ifndef PARADICE_HOSTD_RIGHTS_H
#define PARADICE_HOSTD_RIGHTS_H

#include <stdint.h>

/* Gives all capabilities of the process up but those of `capabilities` that it has, none
 * of which is in effect then. Once, before other threads are started. 0 or negative
 * errno. */
int rights_keep(uint64_t capabilities);

/* What rights_keep() kept. */
uint64_t rights_kept(void);

/* Puts those of `capabilities` that were kept into effect for the calling thread, and no
 * others; 0: none. */
void rights_use(uint64_t capabilities);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What it costs on this machine to wake a thread that sleeps. */
#ifndef PARADICE_WAKE_COST_H
#define PARADICE_WAKE_COST_H

#include <stdint.h>

/* Nanoseconds that two sleeping threads need to wake each other once, there and
 * back: the median of some rounds, measured at the first call and kept. 0 if it
 * cannot be measured. Any thread; takes some milliseconds at most where machines are
 * real, and some tens of them where they are emulated. */
uint32_t wake_cost_ns(void);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the programs have in common that measure speed. */
#ifndef PARADICE_TESTS_SPEED_H
#define PARADICE_TESTS_SPEED_H

#include <stdint.h>
#include <time.h>

static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

#endif

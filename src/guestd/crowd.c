/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See crowd.h. */
#include "config.h"

#include "guestd/crowd.h"

void crowd_note(struct crowd *crowd, pid_t thread, uint64_t now_ns, uint64_t span_ns)
{
	uint64_t gone_ns = now_ns - crowd->since_ns;

	if (gone_ns >= span_ns) {
		crowd->before = gone_ns < 2 * span_ns ? crowd->threads : 0;
		crowd->since_ns = now_ns;
		crowd->threads = 0;
	}
	crowd->threads |= UINT64_C(1) << thread % 64;
}

bool crowd_is_one(const struct crowd *crowd)
{
	return __builtin_popcountll(crowd->threads | crowd->before) >= CROWD_THREADS;
}

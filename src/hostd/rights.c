/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Capabilities for single calls; see rights.h. */
#include "config.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hostd/rights.h"

static uint64_t kept; /* set once, before other threads are started */

int rights_keep(uint64_t capabilities)
{
	uint64_t kept_now = 0;

	if (capng_get_caps_process() < 0)
		return -EPERM;
	for (unsigned int i = 0; i < 64; i++)
		if ((capabilities >> i & 1) && capng_have_capability(CAPNG_PERMITTED, i) == 1)
			kept_now |= UINT64_C(1) << i;
	capng_clear(CAPNG_SELECT_CAPS);
	for (unsigned int i = 0; i < 64; i++)
		if (kept_now >> i & 1)
			capng_update(CAPNG_ADD, CAPNG_PERMITTED, i);
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return -EPERM;
	kept = kept_now;
	return 0;
}

uint64_t rights_kept(void)
{
	return kept;
}

void rights_use(uint64_t capabilities)
{
	/* libcap-ng reads files of /proc, which are out of reach by now. */
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	uint64_t effective = capabilities & kept;
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
		{ .effective = effective, .permitted = kept },
		{ .effective = effective >> 32, .permitted = kept >> 32 },
	};

	/* It can only fail for capabilities that were not kept. */
	if (kept)
		(void)syscall(SYS_capset, &header, data);
}

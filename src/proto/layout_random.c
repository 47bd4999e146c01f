/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: /dev/random. Checked against drivers/char/random.c.
 *
 * Left out: RNDADDTOENTCNT and RNDGETPOOL; the first would credit a
 * guest's word for entropy, the second is gone from Linux.
 */
#include "config.h"

#include <linux/random.h>

#include "proto/layout_rows.h"

static const struct layout_part pool_parts[] = {
	FOLLOWS(struct rand_pool_info, buf_size, __u8, IN, .most = INT32_MAX),
};
LAYOUT_TYPE(pool, struct rand_pool_info, pool_parts);

static const struct layout rows[] = {
	FLAT(RNDGETENTCNT, int),
	NESTED(RNDADDENTROPY, struct rand_pool_info, pool),
	NO_ARGUMENT(RNDZAPENTCNT),
	NO_ARGUMENT(RNDCLEARPOOL),
	NO_ARGUMENT(RNDRESEEDCRNG),
};

LAYOUT_TABLE(layout_random, "linux/random.h", LAYOUT_CLASS(OTHER));

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: /dev/random. Checked against drivers/char/random.c.
 *
 * Not flat: RNDADDENTROPY (the buffer goes on after the eight bytes of the
 * number). Left out: RNDADDTOENTCNT and RNDGETPOOL; the first would credit a
 * guest's word for entropy, the second is gone from Linux.
 */
#include "config.h"

#include <linux/random.h>

#include "proto/layout_rows.h"

static const struct layout rows[] = {
	FLAT(RNDGETENTCNT, int),
	NO_ARGUMENT(RNDZAPENTCNT),
	NO_ARGUMENT(RNDCLEARPOOL),
	NO_ARGUMENT(RNDRESEEDCRNG),
};

LAYOUT_TABLE(layout_random, "linux/random.h", LAYOUT_CLASS(OTHER));

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: watchdogs. Checked against drivers/watchdog/watchdog_dev.c.
 */
#include "config.h"

#include <linux/watchdog.h>

#include "proto/layout_rows.h"

static const struct layout rows[] = {
	FLAT(WDIOC_GETSUPPORT, struct watchdog_info),
	FLAT(WDIOC_GETSTATUS, int),
	FLAT(WDIOC_GETBOOTSTATUS, int),
	FLAT(WDIOC_GETTEMP, int),
	/* _IOR, but get_user(). */
	FLAT_IN(WDIOC_SETOPTIONS, int),
	/* _IOR, but nothing is read or written. */
	NO_ARGUMENT(WDIOC_KEEPALIVE),
	FLAT(WDIOC_SETTIMEOUT, int),
	FLAT(WDIOC_GETTIMEOUT, int),
	FLAT(WDIOC_SETPRETIMEOUT, int),
	FLAT(WDIOC_GETPRETIMEOUT, int),
	FLAT(WDIOC_GETTIMELEFT, int),
};

LAYOUT_TABLE(layout_watchdog, "linux/watchdog.h", LAYOUT_CLASS(OTHER));

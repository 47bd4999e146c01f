/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: hidraw. Checked against drivers/hid/hidraw.c, which takes reports
 * of any size and refuses those of less than two bytes.
 */
#include "config.h"

#include <linux/hidraw.h>

#include "proto/layout_rows.h"

static const struct layout rows[] = {
	FLAT(HIDIOCGRDESCSIZE, int),
	/* _IOR, but the member `size` is read from the argument first. */
	FLAT_INOUT(HIDIOCGRDESC, struct hidraw_report_descriptor),
	FLAT(HIDIOCGRAWINFO, struct hidraw_devinfo),
	FLAT_LENGTH(HIDIOCGRAWNAME, 1),
	FLAT_LENGTH(HIDIOCGRAWPHYS, 1),
	FLAT_LENGTH(HIDIOCGRAWUNIQ, 1),
	FLAT_LENGTH(HIDIOCSFEATURE, 2),
	FLAT_LENGTH(HIDIOCGFEATURE, 2),
	FLAT_LENGTH(HIDIOCSINPUT, 2),
	FLAT_LENGTH(HIDIOCGINPUT, 2),
	FLAT_LENGTH(HIDIOCSOUTPUT, 2),
	FLAT_LENGTH(HIDIOCGOUTPUT, 2),
};

LAYOUT_TABLE(layout_hidraw, "linux/hidraw.h", LAYOUT_CLASS(HIDRAW));

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: /dev/uinput. Checked against drivers/input/misc/uinput.c.
 *
 * Not flat: UI_SET_PHYS (a string), UI_BEGIN_FF_UPLOAD and UI_END_FF_UPLOAD
 * (struct ff_effect has custom_data). UI_SET_…BIT take a small number.
 */
#include "config.h"

#include <linux/uinput.h>

#include "proto/layout_rows.h"

static const struct layout rows[] = {
	NO_ARGUMENT(UI_DEV_CREATE),
	NO_ARGUMENT(UI_DEV_DESTROY),
	FLAT(UI_DEV_SETUP, struct uinput_setup),
	FLAT(UI_ABS_SETUP, struct uinput_abs_setup),
	FLAT(UI_BEGIN_FF_ERASE, struct uinput_ff_erase),
	FLAT(UI_END_FF_ERASE, struct uinput_ff_erase),
	FLAT_LENGTH(UI_GET_SYSNAME, 1),
	FLAT(UI_GET_VERSION, unsigned int),
};

/* The node belongs to the misc subsystem, so it may be of no class of its own. */
LAYOUT_TABLE(layout_uinput, "linux/uinput.h", LAYOUT_CLASS(INPUT) | LAYOUT_CLASS(OTHER));

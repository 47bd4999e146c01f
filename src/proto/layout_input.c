/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: event devices and joysticks. Checked against drivers/input/evdev.c
 * and joydev.c.
 *
 * Not flat: EVIOCSFF (struct ff_effect has custom_data), EVIOCGMASK and
 * EVIOCSMASK (codes_ptr), JSIOCGCORR and JSIOCSCORR (the driver copies one
 * struct js_corr per axis, whatever the number says).
 */
#include "config.h"

#include <linux/input.h>
#include <linux/joystick.h>

#include "proto/layout_rows.h"

static const struct layout rows[] = {
	FLAT(EVIOCGVERSION, int),
	FLAT(EVIOCGID, struct input_id),
	FLAT(EVIOCGREP, unsigned int[2]),
	FLAT(EVIOCSREP, unsigned int[2]),
	/* _IOR, but the scan code is read from the argument first. */
	FLAT_INOUT(EVIOCGKEYCODE, unsigned int[2]),
	FLAT_INOUT(EVIOCGKEYCODE_V2, struct input_keymap_entry),
	FLAT(EVIOCSKEYCODE, unsigned int[2]),
	FLAT(EVIOCSKEYCODE_V2, struct input_keymap_entry),
	FLAT_LENGTH(EVIOCGNAME, 1),
	FLAT_LENGTH(EVIOCGPHYS, 1),
	FLAT_LENGTH(EVIOCGUNIQ, 1),
	FLAT_LENGTH(EVIOCGPROP, 1),
	/* The first word is read whatever the size: evdev_handle_mt_request(). */
	FLAT_LENGTH(EVIOCGMTSLOTS, sizeof(__u32)),
	FLAT_LENGTH(EVIOCGKEY, 1),
	FLAT_LENGTH(EVIOCGLED, 1),
	FLAT_LENGTH(EVIOCGSND, 1),
	FLAT_LENGTH(EVIOCGSW, 1),
	FLAT_INDEX_LENGTH(EVIOCGBIT, EV_MAX, 1),
	FLAT_INDEX(EVIOCGABS, ABS_MAX, struct input_absinfo),
	FLAT_INDEX(EVIOCSABS, ABS_MAX, struct input_absinfo),
	FLAT(EVIOCGEFFECTS, int),
	/* The pointer itself is the truth value; some programs pass one. */
	NUMBER(EVIOCGRAB),
	NUMBER(EVIOCREVOKE),
	FLAT(EVIOCSCLOCKID, int),

	FLAT(JSIOCGVERSION, __u32),
	FLAT(JSIOCGAXES, __u8),
	FLAT(JSIOCGBUTTONS, __u8),
	FLAT_LENGTH(JSIOCGNAME, 1),
	/* joydev_ioctl_common() takes these in any size, for programs built with
	 * another KEY_MAX. */
	FLAT_ANY_SIZE(JSIOCSAXMAP, 1),
	FLAT_ANY_SIZE(JSIOCGAXMAP, 1),
	FLAT_ANY_SIZE(JSIOCSBTNMAP, 1),
	FLAT_ANY_SIZE(JSIOCGBTNMAP, 1),
};

_Static_assert(EV_MAX == 0x1f && ABS_MAX == 0x3f, "the indices fill their bits");

LAYOUT_TABLE(layout_input, "linux/input.h, linux/joystick.h", LAYOUT_CLASS(INPUT));

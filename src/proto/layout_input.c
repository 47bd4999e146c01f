/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: event devices and joysticks. Checked against drivers/input/evdev.c
 * and joydev.c.
 */
#include "config.h"

#include <linux/input.h>
#include <linux/joystick.h>
#include <string.h>

#include "proto/layout_rows.h"

static bool effect_is_custom(const void *in)
{
	struct ff_effect effect;

	memcpy(&effect, in, sizeof(effect));
	return effect.type == FF_PERIODIC && effect.u.periodic.waveform == FF_CUSTOM;
}

static const struct layout_part effect_parts[] = {
	POINTER(struct ff_effect, u.periodic.custom_data, u.periodic.custom_len, __s16, IN,
		.when = effect_is_custom),
};
LAYOUT_TYPE(effect, struct ff_effect, effect_parts);

static const struct layout_part get_mask_parts[] = {
	POINTER(struct input_mask, codes_ptr, codes_size, __u8, OUT),
};
LAYOUT_TYPE(get_mask, struct input_mask, get_mask_parts);

static const struct layout_part set_mask_parts[] = {
	POINTER(struct input_mask, codes_ptr, codes_size, __u8, IN),
};
LAYOUT_TYPE(set_mask, struct input_mask, set_mask_parts);

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
	/* _IOW, but the effect's number is written. */
	NESTED_INOUT(EVIOCSFF, struct ff_effect, effect),
	FLAT(EVIOCGEFFECTS, int),
	/* _IOR, but the driver reads the structure and writes elsewhere. */
	NESTED_IN(EVIOCGMASK, struct input_mask, get_mask),
	NESTED(EVIOCSMASK, struct input_mask, set_mask),
	/* The pointer itself is the truth value; some programs pass one. */
	NUMBER(EVIOCGRAB),
	NUMBER(EVIOCREVOKE),
	FLAT(EVIOCSCLOCKID, int),

	FLAT(JSIOCGVERSION, __u32),
	FLAT(JSIOCGAXES, __u8),
	FLAT(JSIOCGBUTTONS, __u8),
	FLAT_LENGTH(JSIOCGNAME, 1),
	/* One for each axis, whatever the number says. */
	UP_TO_IN(JSIOCSCORR, ABS_CNT * sizeof(struct js_corr)),
	UP_TO_OUT(JSIOCGCORR, ABS_CNT * sizeof(struct js_corr)),
	/* joydev_ioctl_common() takes these in any size, for programs built with
	 * another KEY_MAX. */
	FLAT_ANY_SIZE(JSIOCSAXMAP, 1),
	FLAT_ANY_SIZE(JSIOCGAXMAP, 1),
	FLAT_ANY_SIZE(JSIOCSBTNMAP, 1),
	FLAT_ANY_SIZE(JSIOCGBTNMAP, 1),
};

_Static_assert(EV_MAX == 0x1f && ABS_MAX == 0x3f, "the indices fill their bits");

LAYOUT_TABLE(layout_input, "linux/input.h, linux/joystick.h", LAYOUT_CLASS(INPUT));

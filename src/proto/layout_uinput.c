/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: /dev/uinput. Checked against drivers/input/misc/uinput.c.
 * UI_SET_…BIT take a small number.
 */
#include "config.h"

#include <linux/uinput.h>
#include <string.h>

#include "proto/layout_rows.h"

/* custom_data is an address of the program that uploads the effect. */
static bool effect_is_custom(const void *in)
{
	struct ff_effect effect;

	memcpy(&effect, in, sizeof(effect));
	return effect.type == FF_PERIODIC && effect.u.periodic.waveform == FF_CUSTOM;
}

static const struct layout_part effect_parts[] = {
	OPAQUE(struct ff_effect, u.periodic.custom_data, .when = effect_is_custom),
};
LAYOUT_TYPE(effect, struct ff_effect, effect_parts);

static const struct layout_part upload_parts[] = {
	EMBEDS(struct uinput_ff_upload, effect, effect),
	EMBEDS(struct uinput_ff_upload, old, effect),
};
LAYOUT_TYPE(upload, struct uinput_ff_upload, upload_parts);

static const struct layout rows[] = {
	NO_ARGUMENT(UI_DEV_CREATE),
	NO_ARGUMENT(UI_DEV_DESTROY),
	FLAT(UI_DEV_SETUP, struct uinput_setup),
	FLAT(UI_ABS_SETUP, struct uinput_abs_setup),
	STRING_IN(UI_SET_PHYS, 1024),
	NESTED(UI_BEGIN_FF_UPLOAD, struct uinput_ff_upload, upload),
	/* Of the structure only request_id and retval are used. */
	FLAT(UI_END_FF_UPLOAD, struct uinput_ff_upload),
	FLAT(UI_BEGIN_FF_ERASE, struct uinput_ff_erase),
	FLAT(UI_END_FF_ERASE, struct uinput_ff_erase),
	FLAT_LENGTH(UI_GET_SYSNAME, 1),
	FLAT(UI_GET_VERSION, unsigned int),
};

/* The node belongs to the misc subsystem, so it may be of no class of its own. */
LAYOUT_TABLE(layout_uinput, "linux/uinput.h", LAYOUT_CLASS(INPUT) | LAYOUT_CLASS(OTHER));

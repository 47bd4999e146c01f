/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: media controllers. Checked against drivers/media/mc/mc-device.c.
 *
 * Not flat: MEDIA_IOC_ENUM_LINKS (pads, links), MEDIA_IOC_G_TOPOLOGY (four
 * pointers), MEDIA_IOC_REQUEST_ALLOC (a new descriptor).
 */
#include "config.h"

#include <linux/media.h>

#include "proto/layout_rows.h"

static const struct layout rows[] = {
	FLAT(MEDIA_IOC_DEVICE_INFO, struct media_device_info),
	FLAT(MEDIA_IOC_ENUM_ENTITIES, struct media_entity_desc),
	FLAT(MEDIA_IOC_SETUP_LINK, struct media_link_desc),
};

LAYOUT_TABLE(layout_media, "linux/media.h", LAYOUT_CLASS(MEDIA));

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: media controllers. Checked against drivers/media/mc/mc-device.c.
 */
#include "config.h"

#include <linux/media.h>

#include "proto/layout_rows.h"

/* The driver knows how many an entity has, and the program from ENUM_ENTITIES. */
static const struct layout_part links_parts[] = {
	POINTER_UP_TO(struct media_links_enum, pads, 256, struct media_pad_desc, OUT),
	POINTER_UP_TO(struct media_links_enum, links, 512, struct media_link_desc, OUT),
};
LAYOUT_TYPE(links, struct media_links_enum, links_parts);

static const struct layout_part topology_parts[] = {
	POINTER(struct media_v2_topology, ptr_entities, num_entities, struct media_v2_entity, OUT),
	POINTER(struct media_v2_topology, ptr_interfaces, num_interfaces, struct media_v2_interface, OUT),
	POINTER(struct media_v2_topology, ptr_pads, num_pads, struct media_v2_pad, OUT),
	POINTER(struct media_v2_topology, ptr_links, num_links, struct media_v2_link, OUT),
};
LAYOUT_TYPE(topology, struct media_v2_topology, topology_parts);

static const struct layout_part request_parts[] = {
	{ .kind = LAYOUT_DESCRIPTOR, .access = LAYOUT_OUT, .most = PROTO_CLASS_MEDIA_REQUEST },
};
LAYOUT_TYPE(request, int, request_parts);

static const struct layout rows[] = {
	FLAT(MEDIA_IOC_DEVICE_INFO, struct media_device_info),
	FLAT(MEDIA_IOC_ENUM_ENTITIES, struct media_entity_desc),
	NESTED(MEDIA_IOC_ENUM_LINKS, struct media_links_enum, links),
	FLAT(MEDIA_IOC_SETUP_LINK, struct media_link_desc),
	NESTED(MEDIA_IOC_G_TOPOLOGY, struct media_v2_topology, topology),
	DESCRIPTOR(MEDIA_IOC_REQUEST_ALLOC, int, request),
};

LAYOUT_TABLE(layout_media, "linux/media.h", LAYOUT_CLASS(MEDIA));

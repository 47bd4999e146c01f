/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The property values that are more than numbers; see drm_values.h. */
#include "config.h"

#include <libdrm/drm.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hostd/drm_values.h"
#include "proto/layout_walk.h"

static bool name_ends(const char *name, size_t length, const char *end)
{
	size_t n = strlen(end);

	return length >= n && memcmp(name + length - n, end, n) == 0;
}

/* A property that the device does not know is refused by the core. */
static bool value_plain(int fd, uint32_t property, uint64_t value)
{
	struct drm_mode_get_property get = { .prop_id = property };
	size_t length;

	/* What turns the special ones off, and most numbers are not worth asking for. */
	if (value == 0)
		return true;
	if (ioctl(fd, DRM_IOCTL_MODE_GETPROPERTY, &get) < 0)
		return true;
	length = strnlen(get.name, sizeof(get.name));
	/* WRITEBACK_OUT_FENCE_PTR as well. At a number no process has memory. */
	if (name_ends(get.name, length, "OUT_FENCE_PTR"))
		return value < LAYOUT_POINTER_MIN;
	if (name_ends(get.name, length, "IN_FENCE_FD"))
		return (int32_t)value < 0;
	return true;
}

/* One property and its value, the value first: the same in both structures. */
static bool structure_plain(int fd, const struct walk_segment *root)
{
	struct drm_mode_connector_set_property set;

	_Static_assert(offsetof(struct drm_mode_obj_set_property, value) ==
			       offsetof(struct drm_mode_connector_set_property, value) &&
		       offsetof(struct drm_mode_obj_set_property, prop_id) ==
			       offsetof(struct drm_mode_connector_set_property, prop_id),
		       "one layout");
	memcpy(&set, root->memory, sizeof(set));
	return value_plain(fd, set.prop_id, set.value);
}

/* As many as are there of both arrays: the core reads them one by one. */
static bool arrays_plain(int fd, const struct declared *declared)
{
	const struct walk_segment *properties =
		declared_target(declared, offsetof(struct drm_mode_atomic, props_ptr));
	const struct walk_segment *values =
		declared_target(declared, offsetof(struct drm_mode_atomic, prop_values_ptr));
	uint32_t property;
	uint64_t value;

	for (size_t i = 0; properties && values && (i + 1) * sizeof(property) <= properties->present &&
			   (i + 1) * sizeof(value) <= values->present;
	     i++) {
		memcpy(&property, properties->memory + i * sizeof(property), sizeof(property));
		memcpy(&value, values->memory + i * sizeof(value), sizeof(value));
		if (!declared_replaces(declared, values->memory + i * sizeof(value)) &&
		    !value_plain(fd, property, value))
			return false;
	}
	return true;
}

bool drm_values_plain(int fd, const struct layout_need *need, const struct declared *declared)
{
	const struct walk_segment *root = declared_root(declared);

	/* The core copies the structure whole, or not. */
	if (!root || root->present < root->length)
		return true;
	return need->row->command == DRM_IOCTL_MODE_ATOMIC ? arrays_plain(fd, declared) :
							      structure_plain(fd, root);
}

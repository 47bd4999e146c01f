/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Properties from udev's database. */
#include "config.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-device.h>
#include <time.h>
#include <unistd.h>

#include "hostd/udev.h"
#include "proto/proto.h"

#define UDEVD_SOCKET "/run/udev/control"
#define PROCESSING_MAX 10 /* seconds from the last change of the file on */

struct text {
	char bytes[PROTO_PROPERTIES_MAX + 1];
	size_t length;
};

/* What a device is, not where it is in this domain. */
static bool is_told(const char *key)
{
	static const char *const left_out[] = { "ID_PATH", "ID_FOR_SEAT", "ID_NET_", "ID_SEAT" };

	for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
		if (strncmp(key, left_out[i], strlen(left_out[i])) == 0)
			return false;
	return proto_property_describes(key);
}

static void append(struct text *text, const char *key, const char *value)
{
	char *at = text->bytes + text->length;
	size_t room = PROTO_PROPERTIES_MAX - text->length;
	int n = snprintf(at, room + 1, "%s=%s\n", key, value);

	if (n > 0 && (size_t)n <= room && proto_property_valid(at, n - 1))
		text->length += n;
	else
		*at = '\0';
}

static void append_group(struct text *text, gid_t gid)
{
	const struct group *group = gid ? getgrgid(gid) : NULL;

	if (group)
		append(text, "GROUP", group->gr_name);
}

/* Names below /dev that do not tell a place: by-id/ and the like. */
static void append_links(struct text *text, sd_device *device)
{
	char links[PROTO_PROPERTIES_MAX] = "";
	size_t used = 0;

	for (const char *link = sd_device_get_devlink_first(device); link;
	     link = sd_device_get_devlink_next(device)) {
		size_t length = strlen(link);

		if (strncmp(link, "/dev/", 5) != 0 || strstr(link, "/by-path/") || strchr(link, ' ') ||
		    strncmp(link, "/dev/char/", 10) == 0 || used + length - 5 + 2 > sizeof(links))
			continue;
		used += snprintf(links + used, sizeof(links) - used, "%s%s", used ? " " : "", link + 5);
	}
	if (used)
		append(text, "LINKS", links);
}

static void append_properties(struct text *text, sd_device *device)
{
	const char *key, *value;

	for (key = sd_device_get_property_first(device, &value); key;
	     key = sd_device_get_property_next(device, &value))
		if (is_told(key))
			append(text, key, value);
}

/* A device that is known to udev keeps an entry, even without properties. */
static bool is_processing(const struct stat *st, sd_device *device)
{
	time_t age = time(NULL) - st->st_ctime;

	return sd_device_get_is_initialized(device) == 0 && access(UDEVD_SOCKET, F_OK) == 0 && age >= 0 &&
	       age < PROCESSING_MAX;
}

int udev_look(const struct stat *st, const char *group, char **propertiesp)
{
	struct text text = { .length = 0 };
	sd_device *device = NULL;

	/* Not everything is a device of the kernel's model: terminals in /dev/pts are not. */
	if (sd_device_new_from_stat_rdev(&device, st) >= 0) {
		if (is_processing(st, device)) {
			sd_device_unref(device);
			return -EAGAIN;
		}
	}
	if (group)
		append(&text, "GROUP", group);
	else
		append_group(&text, st->st_gid);
	if (device) {
		append_links(&text, device);
		append_properties(&text, device);
		sd_device_unref(device);
	}
	*propertiesp = strdup(text.bytes);
	return *propertiesp ? 0 : -ENOMEM;
}

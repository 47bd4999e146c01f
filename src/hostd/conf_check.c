/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What may stand in hostd.conf. Pure functions over a parsed configuration. */
#include "config.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "hostd/conf_check.h"
#include "proto/layout.h"

#define UID_NOBODY 65534
#define UID_16BIT_NONE 65535

static int refuse(char *reason, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int refuse(char *reason, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reason, CONF_REASON_MAX, format, args);
	va_end(args);
	return -EINVAL;
}

static bool only_digits(const char *s, size_t n)
{
	return n > 0 && strspn(s, "0123456789") >= n;
}

int conf_check_uids(const char *value, uint32_t *firstp, uint32_t *lastp, char *reason)
{
	const char *dash = strchr(value, '-');
	unsigned long first, last;

	if (!dash || !only_digits(value, dash - value) || !only_digits(dash + 1, strlen(dash + 1)))
		return refuse(reason, "\"%s\" is no range, write FIRST-LAST", value);
	errno = 0;
	first = strtoul(value, NULL, 10);
	last = strtoul(dash + 1, NULL, 10);
	if (errno || last >= UINT32_MAX)
		return refuse(reason, "\"%s\" is too large, user ids have 32 bits", value);
	if (first > last)
		return refuse(reason, "\"%s\" is empty, write the smaller id first", value);
	if (first == 0)
		return refuse(reason, "\"%s\" contains root, choose ids that nobody uses", value);
	if (first <= UID_16BIT_NONE && last >= UID_NOBODY)
		return refuse(reason, "\"%s\" contains %d or %d, choose ids that nobody uses", value,
			      UID_NOBODY, UID_16BIT_NONE);
	*firstp = first;
	*lastp = last;
	return 0;
}

int conf_check_mode(const char *value, uint32_t *modep, char *reason)
{
	char *end;
	unsigned long mode;

	if (!only_digits(value, strlen(value)))
		return refuse(reason, "\"%s\" is no mode, write permission bits in octal, like 0660",
			      value);
	mode = strtoul(value, &end, 8);
	if (*end || mode > 0777)
		return refuse(reason, "\"%s\" is no mode, write permission bits in octal up to 0777",
			      value);
	*modep = mode;
	return 0;
}

int conf_check_group(const char *value, char *reason)
{
	size_t length = strlen(value);

	if (length == 0 || length > CONF_GROUP_MAX || value[0] == '-' || strpbrk(value, ": ,/\t\n\"'"))
		return refuse(reason, "\"%s\" is no name of a group, write one like video", value);
	return 0;
}

int conf_check_ioctls(const char *value, enum conf_ioctls *ioctlsp, char *reason)
{
	static const struct {
		const char *word;
		enum conf_ioctls ioctls;
	} words[] = {
		{ "declared", CONF_IOCTLS_DECLARED },
		{ "any", CONF_IOCTLS_ANY },
		{ "on-demand", CONF_IOCTLS_ON_DEMAND },
	};

	*ioctlsp = CONF_IOCTLS_DEFAULT;
	if (!value)
		return 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(value, words[i].word) == 0) {
			*ioctlsp = words[i].ioctls;
			return 0;
		}
	}
	return refuse(reason, "\"%s\" is no policy, write declared, any or on-demand", value);
}

int conf_check_ioctl(const char *value, struct control_rule *rule, char *reason)
{
	char *end;

	if (value[0] >= '0' && value[0] <= '9') {
		unsigned long long number;

		errno = 0;
		number = strtoull(value, &end, 0);
		if (errno || *end || number > UINT32_MAX)
			return refuse(reason, "\"%s\" is no number of an ioctl, write it like 0xc0205647", value);
		*rule = (struct control_rule){ .command = number, .mask = UINT32_MAX };
		return 0;
	}
	if (layout_find_name(value, &rule->command, &rule->mask) < 0)
		return refuse(reason, "\"%s\" is in no layout table, write its number like 0xc0205647", value);
	return 0;
}

int conf_check_capability(const char *value, uint64_t *capabilitiesp, char *reason)
{
	int number = strncasecmp(value, "CAP_", 4) == 0 ? capng_name_to_capability(value + 4) : -1;

	if (number < 0 || number >= 64)
		return refuse(reason, "\"%s\" is no capability, write it like CAP_SYS_ADMIN", value);
	*capabilitiesp |= UINT64_C(1) << number;
	return 0;
}

bool conf_check_is_glob(const char *path)
{
	return strpbrk(path, "*?[") != NULL;
}

int conf_check_path(const char *path, char *reason)
{
	if (path[0] != '/')
		return refuse(reason, "\"%s\" is relative, write the whole path", path);
	if (path[strlen(path) - 1] == '/')
		return refuse(reason, "\"%s\" is a folder, name the device files in it", path);
	return 0;
}

int conf_check_socket(const char *path, char *reason)
{
	struct sockaddr_un address;

	if (path[0] != '/')
		return refuse(reason, "\"%s\" is relative, write the whole path", path);
	if (path[strlen(path) - 1] == '/')
		return refuse(reason, "\"%s\" is a folder, name the socket in it", path);
	if (strlen(path) >= sizeof(address.sun_path))
		return refuse(reason, "the path is too long, use at most %zu characters",
			      sizeof(address.sun_path) - 1);
	return 0;
}

int conf_check_guest_name(const char *name, char *reason)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";
	size_t n = strlen(name);

	if (n == 0 || n > CONF_GUEST_NAME_MAX || strspn(name, allowed) != n)
		return refuse(reason,
			      "this is no name for a guest, use 1 to %d letters, digits and . _ -",
			      CONF_GUEST_NAME_MAX);
	return 0;
}

static int check_addresses(const struct conf *conf, struct conf_finding *finding)
{
	for (size_t i = 0; i < conf->n_guests; i++) {
		const struct conf_guest *a = &conf->guests[i];
		bool is_unix = a->transport == CONTROL_UNIX;

		for (size_t j = 0; j < i; j++) {
			const struct conf_guest *b = &conf->guests[j];

			/* UUIDs may differ in case; domain names that do are best told apart too. */
			if (a->transport != b->transport ||
			    (is_unix ? strcmp(a->address, b->address) :
				       strcasecmp(a->address, b->address)) != 0)
				continue;
			finding->place = CONF_PLACE_GUEST;
			finding->index = i;
			finding->key = is_unix ? "socket" : "xen";
			return refuse(finding->reason,
				      "\"%s\" is guest \"%s\" already, give each guest its own",
				      a->address, b->name);
		}
	}
	return 0;
}

/* The name pattern with its '*' filled in must be a name. */
static int check_name(const struct conf_device *device, struct conf_finding *finding)
{
	char name[PROTO_NAME_MAX + 1];
	const char *star;

	finding->key = "name";
	if (!device->name) {
		finding->key = "path";
		if (strncmp(device->path, "/dev/", 5) != 0)
			return refuse(finding->reason,
				      "\"%s\" is not below /dev, say with name = what the guest shall see",
				      device->path);
		if (!device->is_glob && conf_device_name(device, device->path, name) < 0)
			return refuse(finding->reason,
				      "\"%s\" gives no valid name in the guest, set name =",
				      device->path);
		return 0;
	}
	star = strchr(device->name, '*');
	if (device->is_glob && !star)
		return refuse(finding->reason,
			      "\"%s\" has no '*' but path is a pattern, put '*' where the file's name goes",
			      device->name);
	if (star && strchr(star + 1, '*'))
		return refuse(finding->reason, "\"%s\" has more than one '*', use one",
			      device->name);
	if (conf_device_name(device, device->is_glob ? "/dev/x" : device->path, name) < 0)
		return refuse(finding->reason,
			      "\"%s\" is no valid name, write it relative to the guest's /dev, "
			      "without blanks and . or .. parts",
			      device->name);
	return 0;
}

static int check_guests(const struct conf *conf, const struct conf_device *device,
			struct conf_finding *finding)
{
	finding->key = "guests";
	for (size_t i = 0; i < device->n_guests; i++) {
		if (!conf_guest_find(conf, device->guests[i]))
			return refuse(finding->reason,
				      "guest \"%s\" is not defined, add guest \"%s\" { … }",
				      device->guests[i], device->guests[i]);
	}
	return 0;
}

/* A guest that both devices are for, or NULL. */
static const char *common_guest(const struct conf *conf, const struct conf_device *a,
				const struct conf_device *b)
{
	for (size_t i = 0; i < conf->n_guests; i++) {
		const char *name = conf->guests[i].name;

		if (conf_device_allows(a, name) && conf_device_allows(b, name))
			return name;
	}
	return NULL;
}

/* What patterns match is only known later: policy_scan() looks again. */
static int check_twice(const struct conf *conf, size_t index, struct conf_finding *finding)
{
	const struct conf_device *device = &conf->devices[index];
	char name[PROTO_NAME_MAX + 1], other[PROTO_NAME_MAX + 1];

	if (device->is_glob || conf_device_name(device, device->path, name) < 0)
		return 0;
	for (size_t j = 0; j < index; j++) {
		const struct conf_device *b = &conf->devices[j];
		const char *guest;

		if (b->is_glob || conf_device_name(b, b->path, other) < 0 ||
		    strcmp(name, other) != 0)
			continue;
		guest = common_guest(conf, device, b);
		if (!guest)
			continue;
		finding->key = device->name ? "name" : "path";
		return refuse(finding->reason,
			      "\"%s\" is device \"%s\" already for guest \"%s\", set another name =",
			      name, b->title, guest);
	}
	return 0;
}

int conf_check_whole(const struct conf *conf, struct conf_finding *finding)
{
	int r = check_addresses(conf, finding);

	for (size_t i = 0; r == 0 && i < conf->n_devices; i++) {
		finding->place = CONF_PLACE_DEVICE;
		finding->index = i;
		r = check_name(&conf->devices[i], finding);
		if (r == 0)
			r = check_guests(conf, &conf->devices[i], finding);
		if (r == 0)
			r = check_twice(conf, i, finding);
	}
	return r;
}

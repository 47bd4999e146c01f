/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file with a device's properties for udev, and its group. */
#include "config.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guestd/properties.h"
#include "proto/log.h"
#include "proto/proto.h"

#define GROUP "GROUP="
#define LINKS "LINKS="

/* Behind the line that begins at `at`; each has its newline. */
static const char *line_end(const char *at, const char *end)
{
	return (const char *)memchr(at, '\n', end - at) + 1;
}

gid_t properties_group(const char *properties, size_t length)
{
	const char *at = properties, *end = properties + length;
	char name[LOGIN_NAME_MAX] = "";
	struct group *group;

	while (at < end && strncmp(at, GROUP, strlen(GROUP)) != 0)
		at = line_end(at, end);
	if (at == end)
		return 0;
	at += strlen(GROUP);
	length = line_end(at, end) - at - 1;
	if (length < sizeof(name))
		memcpy(name, at, length);
	group = getgrnam(name);
	if (!group)
		log_debug("group \"%s\" of the host is not known here", name);
	return group ? group->gr_gid : 0;
}

static void path_of(const char *name, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s", PROPERTIES_FOLDER, name);
}

/* The folders that a path leads through. */
static void folders_make(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
}

/* For our rules. Names that no node could have are left out. */
static void links_write(FILE *file, const char *at, const char *end)
{
	fputs("PARADICE_LINKS=", file);
	while (at < end) {
		const char *blank = memchr(at, ' ', end - at), *link_end = blank ? blank : end;

		if (proto_name_valid(at, link_end - at))
			fprintf(file, "%.*s ", (int)(link_end - at), at);
		at = link_end + 1;
	}
	fputc('\n', file);
}

void properties_store(const char *name, const char *properties, size_t length)
{
	const char *at = properties, *end = properties + length, *next;
	char path[PATH_MAX];
	FILE *file;

	if (length == 0) {
		properties_forget(name); /* of an earlier guestd */
		return;
	}
	path_of(name, path);
	folders_make(path);
	file = fopen(path, "we");
	if (!file) {
		log_warning("node \"%s\": %s: %s: udev knows nothing of it", name, path, strerror(errno));
		return;
	}
	for (; at < end; at = next) {
		next = line_end(at, end);
		if (proto_property_describes(at))
			fprintf(file, "%.*s", (int)(next - at), at);
		else if (strncmp(at, LINKS, strlen(LINKS)) == 0)
			links_write(file, at + strlen(LINKS), next - 1);
	}
	if (ferror(file) | (fclose(file) != 0))
		log_warning("node \"%s\": %s: cannot be written", name, path);
}

void properties_forget(const char *name)
{
	char path[PATH_MAX];

	path_of(name, path);
	unlink(path);
}

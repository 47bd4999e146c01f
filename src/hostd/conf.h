/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostd.conf: which guests there are, and which devices each may open.
 *
 * A struct conf is made whole by conf_load() or not at all and never changes
 * afterwards. It belongs to whoever loaded it. Only the supervisor's main thread
 * reads it: brokers get copies of what they need. (Not config.h, which is the
 * build's.)
 */
#ifndef PARADICE_HOSTD_CONF_H
#define PARADICE_HOSTD_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hostd/control.h"
#include "proto/log.h"

#define CONF_UIDS_DEFAULT "61000-61127"
#define CONF_MAX_HANDLES_DEFAULT 256
#define CONF_MAX_HANDLES_MAX 65536
#define CONF_MAX_MAPPED_DEFAULT 64
#define CONF_MAX_MAPPED_MAX 4096
#define CONF_MAX_PINNED_DEFAULT 64
#define CONF_MAX_PINNED_MAX 4096
#define CONF_MODE_DEFAULT 0600
#define CONF_MAX_CALL_MEMORY_DEFAULT 64
#define CONF_MAX_CALL_MEMORY_MAX 65536
#define CONF_PAGE_TIMEOUT_DEFAULT 200
#define CONF_PAGE_TIMEOUT_MAX 60000
#define CONF_GUEST_NAME_MAX 64
#define CONF_GROUP_MAX 32 /* groupadd(8) */

struct conf_guest {
	char *name;
	enum control_transport transport;
	char *address; /* CONTROL_UNIX: path of the socket; CONTROL_VCHAN: name, domid or UUID */
	uint32_t max_mapped; /* MiB */
	uint32_t max_pinned; /* MiB */
	uint32_t max_handles;
	uint32_t max_call_memory; /* MiB */
};

/* Which ioctls a guest may issue. */
enum conf_ioctls {
	CONF_IOCTLS_DEFAULT, /* declared for classes that have a table, any for others */
	CONF_IOCTLS_DECLARED, /* those with a row in the layout tables */
	CONF_IOCTLS_ANY, /* others too, on demand */
	CONF_IOCTLS_ON_DEMAND, /* all, and all on demand */
};

struct conf_device {
	char *title; /* of the section, for logs */
	char *path; /* absolute; a glob(7) pattern if is_glob */
	char *name; /* below the guest's /dev, may hold one '*'; NULL: the path below /dev */
	enum conf_ioctls ioctls;
	struct control_rules rules; /* deny and allow; only_allowed is left to policy.h */
	uint64_t capabilities; /* in effect in its ioctls: a bit for each (rights.h) */
	bool is_glob;
	bool all_guests;
	uint32_t mode;
	char *group; /* of the file in the guest; NULL: named as that of the file here */
	char **guests;
	size_t n_guests;
};

struct conf {
	int poll_us;
	enum log_level log_level;
	uint32_t uid_first;
	uint32_t uid_last;
	uint32_t page_timeout_ms;
	struct conf_guest *guests;
	size_t n_guests;
	struct conf_device *devices;
	size_t n_devices;
};

/* Why a file was refused: "FILE:LINE: section: what is wrong, what to do". */
struct conf_fault {
	char text[512];
};

/* Reads and checks `path`. 0 and *confp, which the caller frees; -EINVAL when
 * the file is refused, or another negative errno when it cannot be read; both
 * with the reason in *fault. Not for two threads at once: libconfuse's scanner
 * is global. */
int conf_load(const char *path, struct conf **confp, struct conf_fault *fault);
void conf_free(struct conf *conf);

/* The guest of that name, or NULL. */
const struct conf_guest *conf_guest_find(const struct conf *conf, const char *name);

/* True if `guest` (a configured guest's name) may use the device. */
bool conf_device_allows(const struct conf_device *device, const char *guest);

/* The capabilities of all devices that `guest` may use. */
uint64_t conf_guest_capabilities(const struct conf *conf, const char *guest);

/* Writes the name that the guest sees for `path`, a file that the device's path
 * matches, to name[PROTO_NAME_MAX + 1]. 0, or -EINVAL when it is no valid name. */
int conf_device_name(const struct conf_device *device, const char *path, char *name);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guestd's configuration: guestd.conf, overridden by the command line. Constant
 * once the daemon runs. */
#ifndef PARADICE_GUESTD_CONF_H
#define PARADICE_GUESTD_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/log.h"

enum guest_host { HOST_NONE, HOST_XEN, HOST_UNIX };
enum guest_frontend { FRONTEND_CUSE, FRONTEND_FUSE };

struct guest_config {
	enum guest_host host;
	uint32_t domid; /* HOST_XEN */
	char *path; /* HOST_UNIX: the socket */
	enum guest_frontend frontend;
	char *mount; /* FRONTEND_FUSE: where */
	int poll_us;
	uint64_t direct_from; /* bytes: calls without copies from this size up; 0: none */
	uint32_t max_pinned; /* pages of programs' memory at a time */
	bool replace_static; /* files in /dev without a driver make room for nodes */
	enum log_level log_level;
};

void config_init(struct guest_config *config);
void config_fini(struct guest_config *config);

/* Reads `path`. Errors are logged with file and line. 0, -ENOENT when there is no
 * such file (not logged), or another negative errno. */
int config_read(struct guest_config *config, const char *path);

/* Sets one key from its text, as in the file. 0, or -EINVAL with a text for the
 * user in *whyp. */
int config_set(struct guest_config *config, const char *key, const char *value, const char **whyp);

/* True if the configuration can be run; else *whyp says what is missing. */
bool config_complete(const struct guest_config *config, const char **whyp);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guestd.conf, read with libconfuse; see conf.h and guestd.conf(5). */
#include "config.h"
#include "guestd/conf.h"

#include <confuse.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/channel.h"

static const char *const keys[] = { "host", "frontend", "mount", "poll-us", "log-level",
				    "zero-copy", "max-pinned", "static-nodes" };
#define DIRECT_FROM_DEFAULT (128u * 1024) /* where CUSE would split it */
#define PAGES_PER_MIB 256u
#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

void config_init(struct guest_config *config)
{
	*config = (struct guest_config){
		.poll_us = CHANNEL_POLL_AUTO,
		.log_level = LOG_LEVEL_INFO,
		.direct_from = DIRECT_FROM_DEFAULT,
		.max_pinned = 64 * PAGES_PER_MIB,
	};
}

void config_fini(struct guest_config *config)
{
	free(config->path);
	free(config->mount);
}

static int set_host(struct guest_config *config, const char *value, const char **whyp)
{
	char *end;

	if (strncmp(value, "unix:/", 6) == 0) {
		free(config->path);
		config->path = strdup(value + 5);
		config->host = HOST_UNIX;
		return config->path ? 0 : -ENOMEM;
	}
	if (strncmp(value, "xen:", 4) == 0 && value[4] >= '0' && value[4] <= '9') {
		config->domid = strtoul(value + 4, &end, 10);
		config->host = HOST_XEN;
		if (!*end && config->domid < 0x7ff0)
			return 0;
	}
	*whyp = "write unix:/PATH/OF/SOCKET or xen:DOMID (xen:0 for dom0)";
	return -EINVAL;
}

/* One of two words. */
static int set_choice(const char *value, const char *no, const char *yes, bool *choicep)
{
	*choicep = strcmp(value, yes) == 0;
	return *choicep || strcmp(value, no) == 0 ? 0 : -EINVAL;
}

static int set_frontend(struct guest_config *config, const char *value, const char **whyp)
{
	bool fuse;

	*whyp = "write cuse or fuse";
	if (set_choice(value, "cuse", "fuse", &fuse) < 0)
		return -EINVAL;
	config->frontend = fuse ? FRONTEND_FUSE : FRONTEND_CUSE;
	return 0;
}

static int set_mount(struct guest_config *config, const char *value, const char **whyp)
{
	*whyp = "write an absolute path of a directory";
	if (value[0] != '/')
		return -EINVAL;
	free(config->mount);
	config->mount = strdup(value);
	return config->mount ? 0 : -ENOMEM;
}

/* A number of at most `most`. */
static int number_parse(const char *text, uint64_t most, uint64_t *valuep)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*valuep = strtoull(text, &end, 10);
	return *end || errno || *valuep > most ? -EINVAL : 0;
}

static int set_direct(struct guest_config *config, const char *value, const char **whyp)
{
	*whyp = "write off, or a size from 4096 to 134217728 bytes";
	if (strcmp(value, "off") == 0)
		config->direct_from = 0;
	else if (number_parse(value, UINT64_C(134217728), &config->direct_from) < 0 ||
		 config->direct_from < 4096)
		return -EINVAL;
	return 0;
}

static int set_pinned(struct guest_config *config, const char *value, const char **whyp)
{
	uint64_t mib;

	*whyp = "write 1 to 4096 MiB";
	if (number_parse(value, 4096, &mib) < 0 || !mib)
		return -EINVAL;
	config->max_pinned = mib * PAGES_PER_MIB;
	return 0;
}

int config_set(struct guest_config *config, const char *key, const char *value, const char **whyp)
{
	if (strcmp(key, "host") == 0)
		return set_host(config, value, whyp);
	if (strcmp(key, "frontend") == 0)
		return set_frontend(config, value, whyp);
	if (strcmp(key, "mount") == 0)
		return set_mount(config, value, whyp);
	if (strcmp(key, "poll-us") == 0) {
		*whyp = "write auto, or 0 to 1000 microseconds";
		return channel_poll_parse(value, &config->poll_us);
	}
	if (strcmp(key, "zero-copy") == 0)
		return set_direct(config, value, whyp);
	if (strcmp(key, "max-pinned") == 0)
		return set_pinned(config, value, whyp);
	if (strcmp(key, "static-nodes") == 0) {
		*whyp = "write keep or replace";
		return set_choice(value, "keep", "replace", &config->replace_static);
	}
	if (strcmp(key, "log-level") == 0) {
		*whyp = "write error, warning, info, debug or trace";
		return log_level_parse(value, &config->log_level);
	}
	*whyp = "there is no such key";
	return -EINVAL;
}

static void on_error(cfg_t *cfg, const char *format, va_list args)
{
	char text[256];

	vsnprintf(text, sizeof(text), format, args);
	log_error("%s:%d: %s", cfg->filename ? cfg->filename : "guestd.conf", cfg->line, text);
}

int config_read(struct guest_config *config, const char *path)
{
	cfg_opt_t options[N_KEYS + 1];
	const char *why = "";
	cfg_t *cfg;
	int r = 0;

	if (access(path, R_OK) < 0)
		return -errno;
	for (size_t i = 0; i < N_KEYS; i++)
		options[i] = (cfg_opt_t)CFG_STR(keys[i], NULL, CFGF_NONE);
	options[N_KEYS] = (cfg_opt_t)CFG_END();
	cfg = cfg_init(options, CFGF_NONE);
	if (!cfg)
		return -ENOMEM;
	cfg_set_error_function(cfg, on_error);
	if (cfg_parse(cfg, path) != CFG_SUCCESS)
		r = -EINVAL;
	for (size_t i = 0; r == 0 && i < N_KEYS; i++) {
		const char *value = cfg_getstr(cfg, keys[i]);

		if (!value)
			continue;
		r = config_set(config, keys[i], value, &why);
		if (r < 0)
			log_error("%s: %s = \"%s\": %s", path, keys[i], value, why);
	}
	cfg_free(cfg);
	return r;
}

bool config_complete(const struct guest_config *config, const char **whyp)
{
	if (config->host == HOST_NONE)
		*whyp = "host is not set: --host xen:0, or host = \"xen:0\" in guestd.conf";
	else if (config->frontend == FRONTEND_FUSE && !config->mount)
		*whyp = "frontend fuse needs mount: --mount DIR, or mount = \"DIR\" in guestd.conf";
	else
		return true;
	return false;
}

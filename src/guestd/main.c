/* SPDX-License-Identifier: GPL-2.0-or-later */
/* paradice-guestd: command line and start; see paradice-guestd(8). */
#include "config.h"

#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guestd/guest.h"

const char *argp_program_version = "paradice-guestd " PACKAGE_VERSION;

enum { KEY_FRONTEND = 256, KEY_MOUNT, KEY_POLL_US, KEY_LOG_LEVEL, KEY_HOST, KEY_ZERO_COPY, KEY_MAX_PINNED,
       KEY_STATIC_NODES, KEY_FOREGROUND };

static const struct argp_option options[] = {
	{ "config", 'c', "FILE", 0, "Read FILE instead of " SYSCONFDIR "/paradice/guestd.conf", 0 },
	{ "host", KEY_HOST, "WHERE", 0, "The host: xen:DOMID (xen:0 is dom0) or unix:SOCKET", 0 },
	{ "frontend", KEY_FRONTEND, "cuse|fuse", 0, "Character devices in /dev (cuse), or files in a mount", 0 },
	{ "mount", KEY_MOUNT, "DIR", 0, "Where to mount with --frontend fuse", 0 },
	{ "poll-us", KEY_POLL_US, "auto|N", 0, "How long to spin for an answer before sleeping", 0 },
	{ "log-level", KEY_LOG_LEVEL, "LEVEL", 0, "error, warning, info, debug or trace", 0 },
	{ "zero-copy", KEY_ZERO_COPY, "off|BYTES", 0, "Reads and writes of this size and more are not copied", 0 },
	{ "max-pinned", KEY_MAX_PINNED, "MIB", 0, "Most memory of programs that the host works in", 0 },
	{ "static-nodes", KEY_STATIC_NODES, "keep|replace", 0,
	  "Whether a file in /dev whose driver is not loaded makes room for a node", 0 },
	{ "foreground", KEY_FOREGROUND, NULL, 0, "Stay in the foreground", 0 },
	{ 0 },
};

struct arguments {
	const char *config;
	const char *values[8]; /* of the keys that override the file */
	bool foreground;
};

/* Options that are keys of the file, in the order of their numbers. */
static const char *const overrides[] = { "frontend", "mount", "poll-us", "log-level", "host",
					 "zero-copy", "max-pinned", "static-nodes" };

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	if (key == 'c')
		arguments->config = arg;
	else if (key == KEY_FOREGROUND)
		arguments->foreground = true;
	else if (key >= KEY_FRONTEND && key <= KEY_STATIC_NODES)
		arguments->values[key - KEY_FRONTEND] = arg;
	else if (key == ARGP_KEY_ARG)
		argp_error(state, "\"%s\" is not an option; what to serve is said in the host's hostd.conf", arg);
	else
		return ARGP_ERR_UNKNOWN;
	return 0;
}

static int configure(struct guest_config *config, const struct arguments *arguments)
{
	const char *path = arguments->config ? arguments->config : SYSCONFDIR "/paradice/guestd.conf";
	const char *why = "";
	int r = config_read(config, path);

	if (r == -ENOENT && !arguments->config)
		r = 0;
	else if (r == -ENOENT || r == -EACCES)
		log_error("%s: %s", path, strerror(-r));
	for (size_t i = 0; r == 0 && i < sizeof(overrides) / sizeof(overrides[0]); i++) {
		if (!arguments->values[i])
			continue;
		r = config_set(config, overrides[i], arguments->values[i], &why);
		if (r < 0)
			log_error("--%s %s: %s", overrides[i], arguments->values[i], why);
	}
	if (r == 0 && !config_complete(config, &why)) {
		log_error("%s", why);
		r = -EINVAL;
	}
	return r;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "Offers the devices of another domain to the programs of this one.",
	};
	struct arguments arguments = { 0 };
	struct guest_config config;
	int status = EXIT_FAILURE;

	log_init("guestd", LOG_LEVEL_INFO);
	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	config_init(&config);
	if (configure(&config, &arguments) == 0) {
		log_level_set(config.log_level);
		signal(SIGPIPE, SIG_IGN);
		if (!arguments.foreground && !getenv("NOTIFY_SOCKET") && daemon(0, 1) < 0)
			log_error("cannot go to the background: %s", strerror(errno));
		else
			status = guest_run(&config);
	}
	config_fini(&config);
	return status;
}

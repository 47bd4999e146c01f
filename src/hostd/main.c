/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * paradice-hostd: the daemon of the driver domain.
 *
 * One program, three processes: the supervisor, and those that it starts, with
 * --session the session of one guest and with --mirror a mirror of it.
 */
#include "config.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostd/conf.h"
#include "hostd/launch.h"
#include "hostd/session.h"
#include "hostd/supervisor.h"
#include "proto/log.h"

#define CONF_PATH SYSCONFDIR "/paradice/hostd.conf"

const char *argp_program_version = "paradice-hostd " PACKAGE_VERSION;

enum { OPTION_SESSION = 256, OPTION_MIRROR, OPTION_CHECK, OPTION_VERIFY };

struct arguments {
	const char *conf_path;
	bool foreground;
	bool check;
	bool session;
	bool mirror;
	bool verify;
	uint32_t mirror_uid;
	uint64_t mirror_capabilities;
	bool level_set;
	enum log_level level;
};

static const struct argp_option options[] = {
	{ "config", 'c', "FILE", 0, "read FILE instead of " CONF_PATH, 0 },
	{ "foreground", 'f', NULL, 0, "stay in the foreground", 0 },
	{ "log-level", 'l', "LEVEL", 0,
	  "error, warning, info, debug or trace; goes before the file's", 0 },
	{ "check-config", OPTION_CHECK, NULL, 0, "check the file and end", 0 },
	{ "verify-layouts", OPTION_VERIFY, NULL, 0, "compare what drivers do with the layout tables; slow", 0 },
	{ "session", OPTION_SESSION, NULL, OPTION_HIDDEN, NULL, 0 },
	{ "mirror", OPTION_MIRROR, "UID:CAPABILITIES", OPTION_HIDDEN, NULL, 0 },
	{ 0 },
};

static error_t on_option(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case 'c':
		arguments->conf_path = argument;
		return 0;
	case 'f':
		arguments->foreground = true;
		return 0;
	case 'l':
		if (log_level_parse(argument, &arguments->level) < 0)
			argp_error(state, "--log-level: \"%s\" is no level, use error, warning, info, debug or trace",
				   argument);
		arguments->level_set = true;
		return 0;
	case OPTION_CHECK:
		arguments->check = true;
		return 0;
	case OPTION_VERIFY:
		arguments->verify = true;
		return 0;
	case OPTION_SESSION:
		arguments->session = true;
		return 0;
	case OPTION_MIRROR:
		arguments->mirror = true;
		arguments->mirror_uid = strtoul(argument, &argument, 10);
		arguments->mirror_capabilities = *argument ? strtoull(argument + 1, NULL, 16) : 0;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp parser = {
	.options = options,
	.parser = on_option,
	.doc = "Gives the device files of this domain to guests.\v"
	       "See paradice-hostd(8) and hostd.conf(5).",
};

/* The daemon changes its folder, and reads the file again later. */
static const char *absolute(const char *path, char *buffer, size_t size)
{
	char folder[PATH_MAX];

	if (path[0] == '/' || !getcwd(folder, sizeof(folder)))
		return path;
	if (snprintf(buffer, size, "%s/%s", folder, path) >= (int)size)
		return path;
	return buffer;
}

/* Standard error stays: that is where the log goes. */
static int go_to_background(void)
{
	int null;

	if (daemon(0, 1) < 0)
		return -errno;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return -errno;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	if (null > STDERR_FILENO)
		close(null);
	return 0;
}

/* Descriptors 0 to 2 must be taken: others would be lost to the log otherwise. */
static void fill_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* Before any thread exists, so that all inherit it. */
static void block_signals(void)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int run_supervisor(const struct arguments *arguments)
{
	struct conf_fault fault;
	struct conf *conf;
	int r;

	r = conf_load(arguments->conf_path, &conf, &fault);
	if (r < 0) {
		log_error("%s", fault.text[0] ? fault.text : strerror(-r));
		return EXIT_FAILURE;
	}
	if (arguments->check) {
		conf_free(conf);
		return EXIT_SUCCESS;
	}
	if (!arguments->level_set)
		log_level_set(conf->log_level);
	umask(077);
	if (!arguments->foreground && !getenv("NOTIFY_SOCKET")) {
		r = go_to_background();
		if (r < 0) {
			log_error("going to the background: %s", strerror(-r));
			conf_free(conf);
			return EXIT_FAILURE;
		}
	}
	block_signals();
	r = supervisor_run(conf, arguments->conf_path, arguments->level_set, arguments->verify);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct arguments arguments = { .conf_path = CONF_PATH, .level = LOG_LEVEL_INFO };
	char path[PATH_MAX];

	fill_standard_descriptors();
	argp_parse(&parser, argc, argv, ARGP_NO_ARGS, NULL, &arguments);
	if (arguments.session) {
		log_init("session", arguments.level);
		prctl(PR_SET_NAME, "paradice-sessio");
		return session_main(LAUNCH_SOCKET_FD);
	}
	if (arguments.mirror) {
		log_init("mirror", arguments.level);
		prctl(PR_SET_NAME, "paradice-mirror");
		return mirror_main(LAUNCH_SOCKET_FD, arguments.mirror_uid, arguments.mirror_capabilities);
	}
	log_init("hostd", arguments.level);
	arguments.conf_path = absolute(arguments.conf_path, path, sizeof(path));
	return run_supervisor(&arguments);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The other side of the integration tests: it makes pseudo-terminals in the
 * driver domain, writes the device sections that offer them to a guest, and does
 * what lines say that the guest writes to them. So the tests in the guest drive
 * the driver domain over the devices themselves, on every rig.
 *
 * A line is "[@NAME ]COMMAND [ARGUMENTS]"; NAME is the terminal that it is about,
 * else the one that it came in by. Answers go back where the line came from:
 *	echo TEXT		TEXT
 *	in MS COMMAND …		COMMAND, MS milliseconds later
 *	sink N			reads N bytes, then "sum HEX" (pattern.h)
 *	source N SEED		N bytes of the stream
 *	hold, unhold		stop and go on reading this terminal
 *	winsize [R C]		set it, if given; "winsize R C"
 *	hangup, renew		close the master; make the terminal anew
 *	reset TOKEN		forget all of the above; "reset TOKEN"
 *	count-open		"open N": descriptors of hostd's processes on NAME
 *	count-fds		"fds N": all descriptors of the supervisor
 *	sessions		"sessions N"
 *	kill-session, kill-hostd, start-hostd	"done"
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "puppet.h"

#define MAX_TTYS 30

static void write_conf(const char *path, const char *prefix, const char *guest, const char *ioctls)
{
	static const struct {
		const char *name, *path, *mode, *more;
	} others[] = {
		{ "null", "/dev/null", "0666", "" },
		{ "zero", "/dev/zero", "0666", "" },
		{ "full", "/dev/full", "0666", "" },
		{ "urandom", "/dev/urandom", "0666", "" },
		{ "hwrng", "/dev/hwrng", "0666", "" },
		{ "private", "/dev/zero", "0600", "" },
		{ "operators", "/dev/zero", "0640", "group = operator" },
		{ "random", "/dev/random", "0666", "" },
		{ "random-capable", "/dev/random", "0666", "capabilities = { CAP_SYS_ADMIN, CAP_NET_ADMIN }" },
		{ "console", "/dev/tty1", "0666", "" },
		{ "console-strict", "/dev/tty1", "0666", "deny = { GIO_UNIMAP, VT_GETSTATE, KDGKBMODE }" },
		{ "console-open", "/dev/tty1", "0666", /* 0x541c is TIOCLINUX */
		  "deny = { VT_GETSTATE } allow = { VT_GETSTATE, \"0x541c\" }" },
		/* It has no driver for a process without a terminal: ENXIO. */
		{ "nobody", "/dev/tty", "0666", "" },
		/* It is not there. */
		{ "missing", "/dev/paradice-is-not-there", "0666", "" },
	};
	FILE *file = fopen(path, "a");

	if (!file)
		die(path);
	terminals_conf(file, prefix, guest, ioctls);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		/* Without root, hwrng is nobody's to open. */
		if (strcmp(others[i].name, "missing") && access(others[i].path, R_OK) < 0)
			continue;
		fprintf(file, "device \"%s-%s\" { path = \"%s\" name = \"%s/%s\" mode = %s guests = { \"%s\" } ioctls = \"%s\" %s }\n",
			prefix, others[i].name, others[i].path, prefix, others[i].name, others[i].mode,
			guest, ioctls, others[i].more);
	}
	if (fclose(file))
		die(path);
}

static void write_line(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	if (!file || fprintf(file, "%s\n", text) < 0 || fclose(file))
		die(path);
}

/* Says one line to a puppet's terminal and prints one line of answer. */
static int ask(const char *path, const char *line)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char byte = 0;

	if (fd < 0)
		die(path);
	tcflush(fd, TCIFLUSH);
	dprintf(fd, "%s\n", line);
	while (byte != '\n' && poll(&pfd, 1, 20000) == 1 && read(fd, &byte, 1) == 1)
		putchar(byte);
	return byte == '\n' ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int signals_block(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

enum { CONF, PREFIX, GUEST, TERMINALS, PIDFILE, CONTROL, COMMAND, SERVICE, ASK, IOCTLS, N_OPTIONS };

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "conf", required_argument, NULL, CONF },
		{ "prefix", required_argument, NULL, PREFIX },
		{ "guest", required_argument, NULL, GUEST },
		{ "terminals", required_argument, NULL, TERMINALS },
		{ "pidfile", required_argument, NULL, PIDFILE },
		{ "control", required_argument, NULL, CONTROL },
		{ "hostd-command", required_argument, NULL, COMMAND },
		{ "hostd-service", required_argument, NULL, SERVICE },
		{ "ask", required_argument, NULL, ASK },
		{ "ioctls", required_argument, NULL, IOCTLS },
		{ 0 },
	};
	const char *values[N_OPTIONS] = { [PREFIX] = "ptest", [GUEST] = "guest", [TERMINALS] = "8",
					  [IOCTLS] = "declared" };
	char text[32];
	int key, signals, n;

	while ((key = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (key == '?')
			return EXIT_FAILURE;
		values[key] = optarg;
	}
	if (values[ASK])
		return ask(values[ASK], optind < argc ? argv[optind] : "");
	signals = signals_block();
	hostd_set(values[COMMAND], values[SERVICE]);
	terminal_fillers(true);
	terminal_add("control", false);
	terminal_add("locked", true);
	n = atoi(values[TERMINALS]);
	for (int i = 0; i < n && i < MAX_TTYS; i++) {
		snprintf(text, sizeof(text), "tty%d", i);
		terminal_add(text, false);
	}
	terminal_fillers(false);
	if (values[CONF])
		write_conf(values[CONF], values[PREFIX], values[GUEST], values[IOCTLS]);
	snprintf(text, sizeof(text), "%d", (int)getpid());
	if (values[PIDFILE])
		write_line(values[PIDFILE], text);
	/* Last: who waits for this file finds the others. */
	if (values[CONTROL])
		write_line(values[CONTROL], terminal_path());
	terminals_serve(signals);
	hostd_end();
	return EXIT_SUCCESS;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The puppet's terminals: commands that come in by them, and the loop. Objects: the
 * table of terminals and the list of timers, for the process's life. One thread.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "pattern.h"
#include "puppet.h"

#define MAX_TERMINALS 32
#define LINE_MAX_BYTES 512
#define N_FILLERS 12

struct terminal {
	char name[16];
	char path[64]; /* of the slave */
	int master; /* -1: hung up */
	int slave; /* kept open, so that the settings stay */
	bool held;
	bool locked; /* never to be opened */
	char line[LINE_MAX_BYTES];
	size_t n_line;
	uint8_t *out; /* what is still to be written */
	size_t n_out;
	uint64_t n_sink; /* bytes still to be swallowed */
	uint64_t sum;
};

struct timer {
	struct timer *next;
	uint64_t at_ms;
	struct terminal *from;
	char line[LINE_MAX_BYTES];
};

static struct terminal terminals[MAX_TERMINALS];
static size_t n_terminals;
static struct timer *timers;

void die(const char *what)
{
	fprintf(stderr, "puppet: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * UINT64_C(1000) + ts.tv_nsec / 1000000;
}

/* ---- terminals ---- */

static int master_open(char *path, size_t size)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || ptsname_r(fd, path, size))
		die("posix_openpt");
	return fd;
}

/* The kernel gives the lowest number that is free. So that a terminal can be made
 * anew under its number, some lower ones are left free for whoever else wants one
 * meanwhile: taken before the terminals, and given back afterwards. */
void terminal_fillers(bool take)
{
	static int fds[N_FILLERS];
	char path[64];

	for (int i = 0; i < N_FILLERS; i++) {
		if (take)
			fds[i] = master_open(path, sizeof(path));
		else
			close(fds[i]);
	}
}

/* Opens masters until one has the path that the terminal had before. */
static int master_open_again(const struct terminal *terminal)
{
	int fds[4 * N_FILLERS], n = 0, found = -1;
	char path[sizeof(terminal->path)];

	while (found < 0 && n < 4 * N_FILLERS) {
		fds[n] = master_open(path, sizeof(path));
		if (strcmp(path, terminal->path) == 0)
			found = fds[n];
		else
			n++;
	}
	while (n)
		close(fds[--n]);
	return found;
}

static void terminal_make(struct terminal *terminal)
{
	struct termios raw;

	if (terminal->path[0])
		terminal->master = master_open_again(terminal);
	else
		terminal->master = master_open(terminal->path, sizeof(terminal->path));
	terminal->slave = -1;
	if (terminal->master < 0)
		return;
	if (terminal->locked)
		return;
	if (unlockpt(terminal->master) < 0)
		die("unlockpt");
	terminal->slave = open(terminal->path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (terminal->slave < 0 || tcgetattr(terminal->slave, &raw) < 0)
		die(terminal->path);
	cfmakeraw(&raw);
	if (tcsetattr(terminal->slave, TCSANOW, &raw) < 0)
		die("tcsetattr");
}

void terminal_add(const char *name, bool locked)
{
	struct terminal *terminal = &terminals[n_terminals++];

	snprintf(terminal->name, sizeof(terminal->name), "%s", name);
	terminal->locked = locked;
	terminal_make(terminal);
}

static struct terminal *terminal_find(const char *name, size_t length)
{
	for (size_t i = 0; i < n_terminals; i++)
		if (strlen(terminals[i].name) == length && memcmp(terminals[i].name, name, length) == 0)
			return &terminals[i];
	return NULL;
}

static void out_add(struct terminal *terminal, const void *data, size_t size)
{
	terminal->out = realloc(terminal->out, terminal->n_out + size);
	if (!terminal->out && size)
		die("realloc");
	memcpy(terminal->out + terminal->n_out, data, size);
	terminal->n_out += size;
}

static void answer(struct terminal *terminal, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void answer(struct terminal *terminal, const char *format, ...)
{
	char text[LINE_MAX_BYTES + 2];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text) - 1, format, args);
	va_end(args);
	text[n++] = '\n';
	out_add(terminal, text, n);
}

static void timers_forget(const struct terminal *from)
{
	for (struct timer **at = &timers; *at;) {
		struct timer *timer = *at;

		if (timer->from != from) {
			at = &timer->next;
			continue;
		}
		*at = timer->next;
		free(timer);
	}
}

/* ---- commands ---- */

struct request {
	struct terminal *from;
	struct terminal *on;
	const char *arguments;
};

static void do_echo(const struct request *request)
{
	answer(request->from, "%s", request->arguments);
}

static void do_in(const struct request *request)
{
	struct timer *timer = calloc(1, sizeof(*timer));
	char *rest;

	if (!timer)
		die("calloc");
	timer->at_ms = now_ms() + strtoul(request->arguments, &rest, 10);
	timer->from = request->from;
	if (*rest == ' ')
		rest++;
	if (request->on != request->from)
		snprintf(timer->line, sizeof(timer->line), "@%s %s", request->on->name, rest);
	else
		snprintf(timer->line, sizeof(timer->line), "%s", rest);
	timer->next = timers;
	timers = timer;
}

static void do_sink(const struct request *request)
{
	request->on->n_sink = strtoull(request->arguments, NULL, 10);
	request->on->sum = PATTERN_SUM_START;
}

static void do_source(const struct request *request)
{
	unsigned long size = 0;
	uint32_t seed = 1;
	uint8_t *data;

	sscanf(request->arguments, "%lu %u", &size, &seed);
	data = malloc(size + 1);
	if (!data)
		die("malloc");
	pattern_fill(&seed, data, size);
	out_add(request->on, data, size);
	free(data);
}

static void do_hold(const struct request *request)
{
	request->on->held = true;
}

static void do_unhold(const struct request *request)
{
	request->on->held = false;
}

static void do_winsize(const struct request *request)
{
	struct winsize size = { 0 };

	if (sscanf(request->arguments, "%hu %hu", &size.ws_row, &size.ws_col) == 2)
		ioctl(request->on->master, TIOCSWINSZ, &size);
	if (ioctl(request->on->master, TIOCGWINSZ, &size) < 0)
		answer(request->from, "error %d", errno);
	else
		answer(request->from, "winsize %hu %hu", size.ws_row, size.ws_col);
}

static void terminal_clear(struct terminal *terminal)
{
	terminal->n_out = terminal->n_line = terminal->n_sink = 0;
	terminal->held = false;
}

static void do_hangup(const struct request *request)
{
	if (request->on->master >= 0)
		close(request->on->master);
	if (request->on->slave >= 0)
		close(request->on->slave);
	request->on->master = request->on->slave = -1;
	terminal_clear(request->on);
}

static void do_renew(const struct request *request)
{
	if (request->on->master < 0)
		terminal_make(request->on);
	answer(request->from, request->on->master < 0 ? "its number is taken" : "done");
}

static void do_reset(const struct request *request)
{
	timers_forget(request->on);
	terminal_clear(request->on);
	answer(request->from, "reset %s", request->arguments);
}

static void do_count_open(const struct request *request)
{
	answer(request->from, "open %d", hostd_count_open(request->on->path));
}

static void do_count_fds(const struct request *request)
{
	answer(request->from, "fds %d", hostd_count_descriptors());
}

static void do_sessions(const struct request *request)
{
	answer(request->from, "sessions %d", hostd_sessions(0));
}

static void do_kill_session(const struct request *request)
{
	hostd_sessions(SIGKILL);
	answer(request->from, "done");
}

static void do_kill_hostd(const struct request *request)
{
	hostd_kill();
	answer(request->from, "done");
}

static void do_start_hostd(const struct request *request)
{
	hostd_start();
	answer(request->from, "done");
}

static const struct {
	const char *name;
	void (*run)(const struct request *request);
} commands[] = {
	{ "echo", do_echo },
	{ "in", do_in },
	{ "sink", do_sink },
	{ "source", do_source },
	{ "hold", do_hold },
	{ "unhold", do_unhold },
	{ "winsize", do_winsize },
	{ "hangup", do_hangup },
	{ "renew", do_renew },
	{ "reset", do_reset },
	{ "count-open", do_count_open },
	{ "count-fds", do_count_fds },
	{ "sessions", do_sessions },
	{ "kill-session", do_kill_session },
	{ "kill-hostd", do_kill_hostd },
	{ "start-hostd", do_start_hostd },
};

static void run_line(struct terminal *from, const char *line)
{
	struct request request = { .from = from, .on = from };
	size_t n;

	if (line[0] == '@') {
		n = strcspn(line + 1, " ");
		request.on = terminal_find(line + 1, n);
		line += 1 + n + strspn(line + 1 + n, " ");
	}
	n = strcspn(line, " ");
	request.arguments = line + n + (line[n] == ' ');
	for (size_t i = 0; request.on && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strlen(commands[i].name) == n && memcmp(commands[i].name, line, n) == 0) {
			commands[i].run(&request);
			return;
		}
	}
	if (line[0])
		answer(from, "what? %s", line);
}

/* ---- the loop ---- */

static void take_byte(struct terminal *terminal, uint8_t byte)
{
	if (terminal->n_sink) {
		terminal->sum = pattern_sum(terminal->sum, &byte, 1);
		if (--terminal->n_sink == 0)
			answer(terminal, "sum %016llx", (unsigned long long)terminal->sum);
		return;
	}
	if (byte != '\n') {
		if (terminal->n_line < sizeof(terminal->line) - 1)
			terminal->line[terminal->n_line++] = byte;
		return;
	}
	terminal->line[terminal->n_line] = '\0';
	terminal->n_line = 0;
	run_line(terminal, terminal->line);
}

static void terminal_read(struct terminal *terminal)
{
	uint8_t data[4096];
	ssize_t n = read(terminal->master, data, sizeof(data));

	for (ssize_t i = 0; i < n && terminal->master >= 0; i++)
		take_byte(terminal, data[i]);
}

static void terminal_write(struct terminal *terminal)
{
	ssize_t n = write(terminal->master, terminal->out, terminal->n_out);

	if (n <= 0)
		return;
	terminal->n_out -= n;
	memmove(terminal->out, terminal->out + n, terminal->n_out);
}

static int timers_run(void)
{
	uint64_t now = now_ms(), next = UINT64_MAX;

	for (struct timer **at = &timers; *at;) {
		struct timer *timer = *at;

		if (timer->at_ms > now) {
			next = timer->at_ms < next ? timer->at_ms : next;
			at = &timer->next;
			continue;
		}
		*at = timer->next;
		run_line(timer->from, timer->line);
		free(timer);
		return 0;
	}
	return next == UINT64_MAX ? -1 : (int)(next - now);
}

void terminals_serve(int signals)
{
	struct pollfd pfds[MAX_TERMINALS + 1];
	struct signalfd_siginfo info;

	for (;;) {
		int timeout = timers_run();

		for (size_t i = 0; i < n_terminals; i++) {
			struct terminal *terminal = &terminals[i];

			/* poll(2) leaves out negative descriptors. */
			pfds[i].fd = terminal->locked ? -1 : terminal->master;
			pfds[i].events = (terminal->held ? 0 : POLLIN) | (terminal->n_out ? POLLOUT : 0);
		}
		pfds[n_terminals] = (struct pollfd){ .fd = signals, .events = POLLIN };
		if (poll(pfds, n_terminals + 1, timeout) < 0 && errno != EINTR)
			die("poll");
		if (pfds[n_terminals].revents && read(signals, &info, sizeof(info)) > 0) {
			if (info.ssi_signo != SIGCHLD)
				return;
			hostd_reap();
		}
		for (size_t i = 0; i < n_terminals; i++) {
			if (terminals[i].master >= 0 && pfds[i].fd >= 0 && (pfds[i].revents & POLLIN))
				terminal_read(&terminals[i]);
			if (terminals[i].master >= 0 && pfds[i].fd >= 0 && (pfds[i].revents & POLLOUT))
				terminal_write(&terminals[i]);
		}
	}
}

void terminals_conf(FILE *file, const char *prefix, const char *guest, const char *ioctls)
{
	for (size_t i = 0; i < n_terminals; i++)
		fprintf(file, "device \"%s-%s\" { path = \"%s\" name = \"%s/%s\" mode = 0666 guests = { \"%s\" } ioctls = \"%s\" }\n",
			prefix, terminals[i].name, terminals[i].path, prefix, terminals[i].name, guest, ioctls);
}

const char *terminal_path(void)
{
	return terminals[0].path;
}

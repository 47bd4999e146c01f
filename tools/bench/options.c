/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line. See options.h. */
#include "config.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/options.h"

#define N_SLICES 16
#define SECONDS_MIN 0.01
#define SECONDS_MAX 600.0
#define DOMID_MAX 0x7fef /* the last that can be a domain (xen.h, DOMID_FIRST_RESERVED) */
#define NS_PER_S 1e9

enum key {
	KEY_NATIVE = 256,
	KEY_DECLARED,
	KEY_ON_DEMAND,
	KEY_TERMINAL,
	KEY_FLOOR,
	KEY_ONLY,
	KEY_JSON,
	KEY_LABEL,
	KEY_POLL_US,
	KEY_VCHAN_SERVER,
	KEY_VCHAN_CLIENT,
	KEY_PID_HOSTD,
	KEY_PID_GUESTD,
	KEY_PID_SESSION,
};

const char *argp_program_version = PACKAGE_STRING;

static const char doc[] =
	"Measures a device node: latencies of a no-op ioctl, 64-byte read and write, poll and "
	"open+close, and throughput of reads and writes, next to what they cost at least."
	"\vNODE is opened for reading and writing, read from, and zeros are written to it. "
	"RATIO lines compare medians of this run with the project's targets.";

static const struct argp_option argp_options[] = {
	{ "native", KEY_NATIVE, "PATH", 0,
	  "the same device natively; also measures a naive forwarder to it", 0 },
	{ "declared", KEY_DECLARED, "PATH", 0,
	  "a virtual terminal's node (/dev/tty0) with ioctls = \"declared\": also measures a flat and "
	  "a nested ioctl there", 0 },
	{ "on-demand", KEY_ON_DEMAND, "PATH", 0, "the same with ioctls = \"on-demand\"", 0 },
	{ "terminal", KEY_TERMINAL, "PATH", 0,
	  "the same terminal natively: what its driver takes longer for the nested one does not count", 0 },
	{ "floor", KEY_FLOOR, "KIND", 0,
	  "bare file to compare with: fuse, cuse or none (by default what NODE is)", 0 },
	{ "threads", 't', "N,...", 0, "numbers of threads (default 1,4,16)", 0 },
	{ "seconds", 's', "S", 0, "time of each measurement of each subject (default 1)", 0 },
	{ "count", 'n', "N", 0,
	  "end each measurement after N operations, if that comes first", 0 },
	{ "only", KEY_ONLY, "WHAT,...", 0,
	  "only these: ioctl, read, write, poll, open, throughput", 0 },
	{ "json", KEY_JSON, NULL, 0, "print JSON instead of a table", 0 },
	{ "label", KEY_LABEL, "TEXT", 0, "title of the output", 0 },
	{ "poll-us", KEY_POLL_US, "auto|0", 0,
	  "what the daemons behind NODE were started with: selects the ratio", 0 },
	{ "quiet", 'q', NULL, 0, "no progress lines", 0 },
	{ NULL, 0, NULL, 0, "On Xen:", 1 },
	{ "vchan-server", KEY_VCHAN_SERVER, "DOMID", 0,
	  "in the driver domain: answer the guest DOMID's --vchan-client, then end", 1 },
	{ "vchan-client", KEY_VCHAN_CLIENT, "DOMID", 0,
	  "in the guest: measure plain libxenvchan to the driver domain DOMID", 1 },
	{ NULL, 0, NULL, 0, "Daemons, watched while idle after everything else:", 2 },
	{ "pid-hostd", KEY_PID_HOSTD, "PID", 0, "idle time of this hostd supervisor", 2 },
	{ "pid-guestd", KEY_PID_GUESTD, "PID", 0, "memory and idle time of this guestd", 2 },
	{ "pid-session", KEY_PID_SESSION, "PID", 0, "memory and idle time of this session", 2 },
	{ 0 },
};

static long parse_number(struct argp_state *state, const char *what, const char *text, long min,
			 long max)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || end == text || *end || n < min || n > max)
		argp_error(state, "%s: \"%s\" is not a number from %ld to %ld", what, text, min, max);
	return n;
}

static void parse_threads(struct argp_state *state, char *text, struct run_options *run)
{
	char *save = NULL;

	run->n_threads = 0;
	for (char *s = strtok_r(text, ",", &save); s; s = strtok_r(NULL, ",", &save)) {
		if (run->n_threads == RUN_THREADS_MAX)
			argp_error(state, "--threads: at most %d numbers", RUN_THREADS_MAX);
		run->threads[run->n_threads++] =
			parse_number(state, "--threads", s, 1, NODE_THREADS_MAX);
	}
	if (!run->n_threads)
		argp_error(state, "--threads: no number given");
}

static void parse_only(struct argp_state *state, char *text, struct run_options *run)
{
	static const char *const names[] = { "ioctl", "read", "write", "poll", "open", "throughput" };
	char *save = NULL;
	uint32_t i;

	run->groups = 0;
	for (char *s = strtok_r(text, ",", &save); s; s = strtok_r(NULL, ",", &save)) {
		for (i = 0; i < sizeof(names) / sizeof(names[0]) && strcmp(s, names[i]) != 0; i++)
			;
		if (i == sizeof(names) / sizeof(names[0]))
			argp_error(state, "--only: \"%s\" is none of ioctl, read, write, poll, open, "
					  "throughput", s);
		run->groups |= 1u << i; /* the order of enum node_group */
	}
	if (!run->groups)
		argp_error(state, "--only: nothing given");
}

static void parse_seconds(struct argp_state *state, const char *text, struct run_options *run)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds >= SECONDS_MIN && seconds <= SECONDS_MAX))
		argp_error(state, "--seconds: \"%s\" is not a number from %g to %g", text,
			   SECONDS_MIN, SECONDS_MAX);
	run->limit.ns = seconds * NS_PER_S;
}

static void parse_floor(struct argp_state *state, const char *text, struct options *options)
{
	options->floor_given = true;
	if (strcmp(text, "fuse") == 0)
		options->floor = FLOOR_FUSE;
	else if (strcmp(text, "cuse") == 0)
		options->floor = FLOOR_CUSE;
	else if (strcmp(text, "none") == 0)
		options->floor = FLOOR_NONE;
	else
		argp_error(state, "--floor: \"%s\" is none of fuse, cuse, none", text);
}

static void parse_process(struct argp_state *state, const char *role, const char *text,
			  struct options *options)
{
	if (options->n_processes == PROCESSES_MAX)
		argp_error(state, "at most %d processes can be watched", PROCESSES_MAX);
	options->processes[options->n_processes++] =
		(struct process){ .role = role, .pid = parse_number(state, role, text, 1, 1 << 30) };
}

static void check_options(struct argp_state *state, const struct options *options)
{
	if (!options->node && !options->n_processes && options->vchan_server == DOMID_NONE &&
	    options->vchan_client == DOMID_NONE)
		argp_error(state, "give a NODE, or a process to watch, or a domain");
	if (options->node && options->vchan_server != DOMID_NONE)
		argp_error(state, "--vchan-server takes no NODE: the node stands in the guest");
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case KEY_NATIVE: options->native = arg; break;
	case KEY_DECLARED: options->declared = arg; break;
	case KEY_ON_DEMAND: options->on_demand = arg; break;
	case KEY_TERMINAL: options->terminal = arg; break;
	case KEY_FLOOR: parse_floor(state, arg, options); break;
	case 't': parse_threads(state, arg, &options->run); break;
	case 's': parse_seconds(state, arg, &options->run); break;
	case 'n': options->run.limit.count = parse_number(state, "--count", arg, 1, 1000000000); break;
	case KEY_ONLY: parse_only(state, arg, &options->run); break;
	case KEY_JSON: options->json = true; break;
	case KEY_LABEL: options->label = arg; break;
	case KEY_POLL_US:
		if (strcmp(arg, "auto") != 0 && strcmp(arg, "0") != 0)
			argp_error(state, "--poll-us: \"%s\" is neither auto nor 0", arg);
		options->poll_zero = arg[0] == '0';
		break;
	case 'q': options->run.quiet = true; break;
	case KEY_VCHAN_SERVER:
		options->vchan_server = parse_number(state, "--vchan-server", arg, 0, DOMID_MAX);
		break;
	case KEY_VCHAN_CLIENT:
		options->vchan_client = parse_number(state, "--vchan-client", arg, 0, DOMID_MAX);
		break;
	case KEY_PID_HOSTD: parse_process(state, "hostd", arg, options); break;
	case KEY_PID_GUESTD: parse_process(state, "guestd", arg, options); break;
	case KEY_PID_SESSION: parse_process(state, "session", arg, options); break;
	case ARGP_KEY_ARG:
		if (options->node)
			argp_error(state, "one NODE only, not also \"%s\"", arg);
		options->node = arg;
		break;
	case ARGP_KEY_END: check_options(state, options); break;
	default: return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = { argp_options, parse_option, "[NODE]", doc, NULL, NULL, NULL };

void options_parse(int argc, char *argv[], struct options *options)
{
	*options = (struct options){
		.vchan_server = DOMID_NONE,
		.vchan_client = DOMID_NONE,
		.run = { .groups = NODE_ALL,
			 .threads = { 1, 4, 16 },
			 .n_threads = 3,
			 .n_slices = N_SLICES,
			 .limit = { .ns = NS_PER_S } },
	};
	argp_parse(&argp, argc, argv, 0, NULL, options);
	if (options->run.limit.count && options->run.limit.count < N_SLICES)
		options->run.n_slices = options->run.limit.count;
}

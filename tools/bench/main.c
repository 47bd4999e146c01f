/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * paradice-bench: options, the start and end of everything measured, and errors.
 *
 * struct bench owns the floors' processes and connections; it lives as long as
 * main(). A signal ends the measurement early, and what has been measured is
 * still reported.
 */
#include "config.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bench/floor_fuse.h"
#include "bench/floor_transport.h"
#include "bench/floor_vchan.h"
#include "bench/process.h"
#include "bench/report.h"
#include "bench/run.h"
#include "proto/channel.h"

#define N_SLICES 16
#define SECONDS_MIN 0.01
#define SECONDS_MAX 600.0
#define DOMID_MAX 0x7fef /* the last that can be a domain (xen.h, DOMID_FIRST_RESERVED) */
#define DOMID_NONE (-1)
#define SETTLE_S 1
#define IDLE_S 2
#define NS_PER_S 1e9

enum key {
	KEY_NATIVE = 256,
	KEY_FLOOR,
	KEY_ONLY,
	KEY_JSON,
	KEY_LABEL,
	KEY_POLL_US,
	KEY_VCHAN_SERVER,
	KEY_VCHAN_CLIENT,
	KEY_PID_GUESTD,
	KEY_PID_SESSION,
};

struct options {
	const char *node;
	const char *native;
	const char *label;
	enum floor_kind floor;
	bool floor_given;
	bool json;
	bool poll_zero;
	int vchan_server; /* a domain, or DOMID_NONE */
	int vchan_client;
	struct process processes[PROCESSES_MAX];
	uint32_t n_processes;
	struct run_options run;
};

struct bench {
	struct subject subjects[RUN_SUBJECTS_MAX];
	uint32_t n_subjects;
	struct floor_file bare;
	struct floor_file naive;
	struct floor_transport *transport_auto;
	struct floor_transport *transport_zero;
	struct floor_vchan *vchan;
};

const char *argp_program_version = PACKAGE_STRING;

static const char doc[] =
	"Measures a device node: latencies of a no-op ioctl, 64-byte read and write, poll and "
	"open+close, and throughput of reads and writes, next to what they cost at least."
	"\vNODE is opened for reading and writing, read from, and zeros are written to it. "
	"RATIO lines compare medians of this run with the project's targets.";

static const struct argp_option argp_options[] = {
	{ "native", KEY_NATIVE, "PATH", 0, "the same device natively; also measures a naive forwarder to it", 0 },
	{ "floor", KEY_FLOOR, "KIND", 0, "bare file to compare with: fuse, cuse or none (by default what NODE is)", 0 },
	{ "threads", 't', "N,...", 0, "numbers of threads (default 1,4,16)", 0 },
	{ "seconds", 's', "S", 0, "time of each measurement of each subject (default 1)", 0 },
	{ "count", 'n', "N", 0, "end each measurement after N operations, if that comes first", 0 },
	{ "only", KEY_ONLY, "WHAT,...", 0, "only these: ioctl, read, write, poll, open, throughput", 0 },
	{ "json", KEY_JSON, NULL, 0, "print JSON instead of a table", 0 },
	{ "label", KEY_LABEL, "TEXT", 0, "title of the output", 0 },
	{ "poll-us", KEY_POLL_US, "auto|0", 0, "what the daemons behind NODE were started with: selects the ratio", 0 },
	{ "quiet", 'q', NULL, 0, "no progress lines", 0 },
	{ NULL, 0, NULL, 0, "On Xen:", 1 },
	{ "vchan-server", KEY_VCHAN_SERVER, "DOMID", 0, "in the driver domain: answer the guest DOMID's --vchan-client, then end", 1 },
	{ "vchan-client", KEY_VCHAN_CLIENT, "DOMID", 0, "in the guest: measure plain libxenvchan to the driver domain DOMID", 1 },
	{ NULL, 0, NULL, 0, "Daemons, watched while idle after everything else:", 2 },
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

/* Prints one line about `what` and returns `r`. */
static int complain(int r, const char *what, const char *remedy)
{
	fprintf(stderr, "paradice-bench: %s: %s%s%s\n", what, strerror(-r), remedy ? ": " : "",
		remedy ? remedy : "");
	return r;
}

/* Tells early, and clearly, why a node cannot be measured. */
static int check_node(const char *path)
{
	struct stat st;
	int fd;

	if (stat(path, &st) < 0)
		return complain(-errno, path,
				errno == ENOENT ? "is the device announced? see paradice-guestd's log" :
						  NULL);
	if (S_ISDIR(st.st_mode))
		return complain(-EISDIR, path, "give one of the nodes in it");
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == EACCES)
		fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		switch (errno) {
		case EACCES:
		case EPERM:
			return complain(-errno, path, "run as root, or as a member of its group");
		case ENODEV:
		case ENXIO:
		case ENOTCONN:
		case EIO:
			return complain(-errno, path, "nobody serves it: see the daemons' logs");
		default:
			return complain(-errno, path, NULL);
		}
	}
	close(fd);
	return 0;
}

static void subject_add(struct bench *bench, const struct subject *subject)
{
	if (bench->n_subjects < RUN_SUBJECTS_MAX)
		bench->subjects[bench->n_subjects++] = *subject;
}

/* What NODE is, as far as this kernel can serve it. */
static enum floor_kind floor_default(const struct options *options)
{
	struct stat st;

	if (options->floor_given || !options->node)
		return options->floor;
	if (stat(options->node, &st) == 0 && S_ISCHR(st.st_mode) && access("/dev/cuse", F_OK) == 0)
		return FLOOR_CUSE;
	return access("/dev/fuse", F_OK) == 0 ? FLOOR_FUSE : FLOOR_NONE;
}

static int open_file(struct bench *bench, struct floor_file *file, enum floor_kind kind,
		     const char *native)
{
	int r = floor_file_start(file, kind, native);
	const char *device = kind == FLOOR_FUSE ? "/dev/fuse" : "/dev/cuse";
	struct subject subject = { .path = file->path };

	if (r == -ENODEV)
		return complain(r, device, kind == FLOOR_FUSE ?
					"load the module fuse, or give --floor=none" :
					"load the module cuse, or give --floor=none");
	if (r < 0)
		return complain(r, device, "run as root, or give --floor=none");
	if (native) {
		/* it is there to be compared per operation, not per byte */
		subject.name = "naive";
		subject.groups = NODE_ALL & ~NODE_THROUGHPUT;
	} else {
		subject.name = kind == FLOOR_FUSE ? "fuse" : "cuse";
		subject.groups = NODE_ALL;
	}
	subject_add(bench, &subject);
	return 0;
}

static int trip_transport(void *context, const struct limit *limit, struct sample *sample)
{
	return floor_transport_slice(context, limit, sample);
}

static int trip_vchan(void *context, const struct limit *limit, struct sample *sample)
{
	return floor_vchan_slice(context, limit, sample);
}

static int open_transport(struct bench *bench, const char *name, int poll_us,
			  struct floor_transport **transportp)
{
	int r = floor_transport_new(poll_us, transportp);

	if (r < 0)
		return complain(r, "the ping-pong over the unix transport", NULL);
	subject_add(bench, &(struct subject){
				   .name = name, .round_trips = trip_transport, .context = *transportp });
	return 0;
}

static int open_vchan(struct bench *bench, int domid)
{
	int r = floor_vchan_new(domid, &bench->vchan);
	char what[64], remedy[96];

	snprintf(what, sizeof(what), "vchan to domain %d", domid);
	if (r == -ENOSYS)
		return complain(r, what, "this paradice-bench was built without Xen");
	if (r == -ENOENT) {
		snprintf(remedy, sizeof(remedy), "start `paradice-bench --vchan-server %d` there",
			 floor_vchan_domid());
		return complain(r, what, remedy);
	}
	if (r < 0)
		return complain(r, what, "are the modules xen-gntdev, xen-evtchn and xenfs loaded?");
	subject_add(bench, &(struct subject){
				   .name = "vchan", .round_trips = trip_vchan, .context = bench->vchan });
	return 0;
}

/* Starts everything that is measured; bench_close() ends it, on failure too. */
static int bench_open(struct bench *bench, struct options *options)
{
	enum floor_kind kind = floor_default(options);
	struct subject plain = { .name = "node", .path = options->node, .groups = NODE_ALL };
	int r = options->node ? check_node(options->node) : 0;

	if (!r && options->native)
		r = check_node(options->native);
	if (!r && options->node)
		subject_add(bench, &plain);
	if (!r && kind != FLOOR_NONE)
		r = open_file(bench, &bench->bare, kind, NULL);
	if (!r && kind != FLOOR_NONE && options->native)
		r = open_file(bench, &bench->naive, kind, options->native);
	if (!r && options->native) {
		plain.name = "native";
		plain.path = options->native;
		subject_add(bench, &plain);
	}
	if (r || !(options->run.groups & NODE_IOCTL))
		return r;
	if (options->vchan_client != DOMID_NONE)
		return open_vchan(bench, options->vchan_client);
	if (options->node)
		r = open_transport(bench, "unix-auto", CHANNEL_POLL_AUTO, &bench->transport_auto);
	if (!r && options->node)
		r = open_transport(bench, "unix-poll0", 0, &bench->transport_zero);
	return r;
}

static void bench_close(struct bench *bench)
{
	floor_vchan_free(bench->vchan);
	floor_transport_free(bench->transport_zero);
	floor_transport_free(bench->transport_auto);
	floor_file_stop(&bench->naive);
	floor_file_stop(&bench->bare);
}

static int complain_process(int r, const struct process *process)
{
	char what[48];

	snprintf(what, sizeof(what), "%s, process %d", process->role, (int)process->pid);
	return complain(r, what, r == -ESRCH ? "look its number up again" : "run as root");
}

/* After all load: what the daemons hold, and whether they rest. */
static int watch_processes(struct options *options)
{
	const struct timespec settle = { .tv_sec = SETTLE_S };
	const struct process *failed;
	int r;

	if (!options->n_processes)
		return 0;
	if (!options->run.quiet)
		fprintf(stderr, "paradice-bench: idle daemons\n");
	nanosleep(&settle, NULL);
	for (uint32_t i = 0; i < options->n_processes; i++) {
		r = process_memory(&options->processes[i]);
		if (r < 0)
			return complain_process(r, &options->processes[i]);
	}
	r = process_idle(options->processes, options->n_processes, IDLE_S * NS_PER_S, &failed);
	return r < 0 ? complain_process(r, failed) : 0;
}

static const char *floor_name(enum floor_kind kind)
{
	return kind == FLOOR_FUSE ? "FUSE" : "CUSE";
}

static int bench_report(const struct options *options, const struct bench *bench,
			const struct run *run, uint64_t requests)
{
	struct report report = { .label = options->label,
				 .node = options->node,
				 .floor = floor_name(bench->bare.kind),
				 .poll_zero = options->poll_zero,
				 .requests_per_read = requests,
				 .run = run,
				 .processes = options->processes,
				 .n_processes = options->n_processes,
				 .idle_s = IDLE_S };

	report_ratios(&report);
	if (options->json)
		return report_print_json(&report, stdout);
	report_print(&report, stdout);
	return 0;
}

static int bench_run(struct bench *bench, struct options *options)
{
	uint64_t requests = 0;
	struct run run;
	int r;

	if ((options->run.groups & NODE_THROUGHPUT) && bench->bare.counts)
		requests = floor_file_requests(&bench->bare, 1024 * 1024);
	r = run_start(&run, &options->run, bench->subjects, bench->n_subjects);
	if (r < 0)
		complain(r, "measuring", NULL);
	if (!r && !measure_stop)
		r = watch_processes(options);
	if (!r)
		r = bench_report(options, bench, &run, requests);
	run_free(&run);
	if (!r && measure_stop)
		r = complain(-EINTR, "stopped early", NULL);
	return r;
}

static int serve_vchan(int domid)
{
	int r = floor_vchan_serve(domid);
	char what[64];

	snprintf(what, sizeof(what), "vchan server for domain %d", domid);
	if (r == -ENOSYS)
		complain(r, what, "this paradice-bench was built without Xen");
	else if (r < 0)
		complain(r, what, "run as root; are xen-gntalloc, xen-evtchn and xenfs loaded?");
	return r;
}

static void stop_early(int number)
{
	measure_stop = 1;
}

int main(int argc, char *argv[])
{
	/* a second signal ends the program at once */
	struct sigaction stop = { .sa_handler = stop_early, .sa_flags = SA_RESETHAND };
	struct options options = {
		.vchan_server = DOMID_NONE,
		.vchan_client = DOMID_NONE,
		.run = { .groups = NODE_ALL,
			 .threads = { 1, 4, 16 },
			 .n_threads = 3,
			 .n_slices = N_SLICES,
			 .limit = { .ns = NS_PER_S } },
	};
	struct bench bench = { 0 };
	int r;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	if (options.vchan_server != DOMID_NONE)
		return serve_vchan(options.vchan_server) < 0;
	if (options.run.limit.count && options.run.limit.count < N_SLICES)
		options.run.n_slices = options.run.limit.count;
	r = bench_open(&bench, &options);
	if (!r)
		r = bench_run(&bench, &options);
	bench_close(&bench);
	return r < 0;
}

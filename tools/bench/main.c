/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * paradice-bench: the start and end of everything measured, and errors.
 *
 * struct bench owns the floors' processes and connections; it lives as long as
 * main(). A signal ends the measurement early, and what has been measured is
 * still reported.
 */
#include "config.h"

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
#include "bench/options.h"
#include "bench/report.h"
#include "proto/channel.h"

#define SETTLE_S 1
#define IDLE_S 2
#define NS_PER_S 1e9

struct bench {
	struct subject subjects[RUN_SUBJECTS_MAX];
	uint32_t n_subjects;
	struct floor_file bare;
	struct floor_file naive;
	struct floor_transport *transport_auto;
	struct floor_transport *transport_zero;
	struct floor_vchan *vchan;
};

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

static int open_terminal(struct bench *bench, struct options *options, const char *name, const char *path)
{
	int r = check_node(path);

	if (r < 0)
		return r;
	options->run.groups |= NODE_TERMINAL;
	subject_add(bench, &(struct subject){ .name = name, .path = path, .groups = NODE_TERMINAL });
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
	if (!r && options->declared)
		r = open_terminal(bench, options, "declared", options->declared);
	if (!r && options->on_demand)
		r = open_terminal(bench, options, "on-demand", options->on_demand);
	if (!r && options->terminal)
		r = open_terminal(bench, options, "terminal", options->terminal);
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
	struct options options;
	struct bench bench = { 0 };
	int r;

	options_parse(argc, argv, &options);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	if (options.vchan_server != DOMID_NONE)
		return serve_vchan(options.vchan_server) < 0;
	r = bench_open(&bench, &options);
	if (!r)
		r = bench_run(&bench, &options);
	bench_close(&bench);
	return r < 0;
}

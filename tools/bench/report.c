/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables, JSON and ratios. See report.h. */
#include "config.h"

#include <errno.h>
#include <json.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report.h"

#define RESIDENT_MAX_KIB 8192.0
#define NAIVE_THREADS 16

static const struct {
	const char *name;
	uint32_t ten_thousandths;
} percentiles[] = {
	{ "p50", 5000 },
	{ "p90", 9000 },
	{ "p99", 9900 },
	{ "p99.9", 9990 },
};
#define N_PERCENTILES (sizeof(percentiles) / sizeof(percentiles[0]))

/* Half of all operations took no longer, in nanoseconds; 0 if not measured. */
static double median_ns(const struct run *run, const char *operation, const char *subject)
{
	const struct result *result = run_find(run, operation, 1, subject);

	return result ? histogram_percentile(&result->sample.latency, 5000) : 0;
}

static double median_bytes(const struct run *run, const char *operation, const char *subject)
{
	const struct result *result = run_find(run, operation, 1, subject);

	return result ? measure_median(result->sample.bytes, result->sample.n_slices) : 0;
}

static double median_operations(const struct run *run, const char *operation, uint32_t n_threads,
				const char *subject)
{
	const struct result *result = run_find(run, operation, n_threads, subject);

	return result ? measure_median(result->sample.operations, result->sample.n_slices) : 0;
}

static void ratio_add(struct report *report, const char *name, double value, const char *target)
{
	if (report->n_ratios == RATIOS_MAX)
		return;
	report->ratios[report->n_ratios++] =
		(struct ratio){ .name = name, .value = value, .target = target };
}

/* Adds value / base if both were measured. */
static void ratio_add_of(struct report *report, const char *name, double value, double base,
			 const char *target)
{
	if (value > 0 && base > 0)
		ratio_add(report, name, value / base, target);
}

static void ratios_fuse(struct report *report)
{
	const struct run *run = report->run;

	ratio_add_of(report, report->poll_zero ? "ioctl-vs-fuse-poll0" : "ioctl-vs-fuse-adaptive",
		     median_ns(run, "ioctl", "node"), median_ns(run, "ioctl", "fuse"),
		     report->poll_zero ? "<=2.0" : "<=1.25");
	if (report->poll_zero)
		return;
	ratio_add_of(report, "read-1MiB-vs-fuse", median_bytes(run, "read-1MiB", "node"),
		     median_bytes(run, "read-1MiB", "fuse"), ">=0.7");
	ratio_add_of(report, "ops-16-threads-vs-naive",
		     median_operations(run, "ioctl", NAIVE_THREADS, "node"),
		     median_operations(run, "ioctl", NAIVE_THREADS, "naive"), ">=3");
}

/* What a nested structure, and serving on demand, cost beside a flat structure. The nested
 * one is another command: what the driver itself takes longer for it is not its price. */
static void ratios_memory(struct report *report)
{
	const struct run *run = report->run;
	double flat = median_ns(run, "winsize", "declared");
	double longer = median_ns(run, "unimap", "terminal") - median_ns(run, "winsize", "terminal");

	ratio_add_of(report, "ioctl-nested-vs-flat", median_ns(run, "unimap", "declared") - longer, flat, "<=1.15");
	ratio_add_of(report, "ioctl-on-demand-vs-flat", median_ns(run, "winsize", "on-demand"), flat, "<=1.6");
}

static void ratios_xen(struct report *report)
{
	double cuse = median_ns(report->run, "ioctl", "cuse");
	double vchan = median_ns(report->run, RUN_ROUND_TRIP, "vchan");

	if (cuse > 0 && vchan > 0)
		ratio_add_of(report, "ioctl-vs-cuse-plus-1.5-vchan",
			     median_ns(report->run, "ioctl", "node"), cuse + 1.5 * vchan, "<=1.00");
}

/* The largest of a role; each one has to keep to the target. */
static void ratio_resident(struct report *report, const char *role, const char *name)
{
	double largest = 0;

	for (uint32_t i = 0; i < report->n_processes; i++)
		if (!strcmp(report->processes[i].role, role) &&
		    report->processes[i].resident_kib > largest)
			largest = report->processes[i].resident_kib;
	ratio_add_of(report, name, largest, RESIDENT_MAX_KIB, "<=1.00");
}

void report_ratios(struct report *report)
{
	double ticks = 0;

	report->n_ratios = 0;
	ratios_fuse(report);
	ratios_memory(report);
	ratios_xen(report);
	ratio_resident(report, "guestd", "guestd-rss-vs-8MiB");
	ratio_resident(report, "session", "session-rss-vs-8MiB");
	for (uint32_t i = 0; i < report->n_processes; i++)
		ticks += report->processes[i].ticks;
	if (report->n_processes)
		ratio_add(report, "idle-cpu-ticks", ticks, "<=0");
}

bool ratio_met(const struct ratio *ratio)
{
	double target = strtod(ratio->target + 2, NULL);

	return ratio->target[0] == '<' ? ratio->value <= target : ratio->value >= target;
}

static void print_rate(const struct result *result, FILE *f)
{
	const struct sample *sample = &result->sample;

	if (result->throughput)
		fprintf(f, " %11.1f MB/s\n", measure_median(sample->bytes, sample->n_slices) / 1e6);
	else
		fprintf(f, " %11.0f op/s\n", measure_median(sample->operations, sample->n_slices));
}

static void print_result(const struct result *result, FILE *f)
{
	const struct sample *sample = &result->sample;

	fprintf(f, "%-13s %7u  %-10s", result->operation, result->n_threads, result->subject->name);
	if (sample->error || !sample->latency.n) {
		fprintf(f, " not measured: %s\n", sample->note	? sample->note :
						  sample->error ? strerror(sample->error) :
								  "interrupted");
		return;
	}
	fprintf(f, " %9llu", (unsigned long long)sample->latency.n);
	for (size_t i = 0; i < N_PERCENTILES; i++)
		fprintf(f, " %9.1f",
			histogram_percentile(&sample->latency, percentiles[i].ten_thousandths) /
				1e3);
	print_rate(result, f);
}

static void print_processes(const struct report *report, FILE *f)
{
	if (!report->n_processes)
		return;
	fprintf(f, "\n%-10s %8s %12s %10s   over %g idle s: %6s %9s\n", "process", "pid",
		"resident KiB", "rings KiB", report->idle_s, "ticks", "switches");
	for (uint32_t i = 0; i < report->n_processes; i++) {
		const struct process *p = &report->processes[i];

		fprintf(f, "%-10s %8d %12llu %10llu %25llu %9llu\n", p->role, (int)p->pid,
			(unsigned long long)p->resident_kib, (unsigned long long)p->rings_kib,
			(unsigned long long)p->ticks, (unsigned long long)p->switches);
	}
}

void report_print(const struct report *report, FILE *f)
{
	if (report->label)
		fprintf(f, "%s\n", report->label);
	if (report->run->n_results) {
		fprintf(f, "%-13s %7s  %-10s %9s", "operation", "threads", "subject", "n");
		for (size_t i = 0; i < N_PERCENTILES; i++)
			fprintf(f, " %6s us", percentiles[i].name);
		fprintf(f, " %16s\n", "median rate");
	}
	for (uint32_t i = 0; i < report->run->n_results; i++)
		print_result(&report->run->results[i], f);
	if (report->requests_per_read)
		fprintf(f, "\nA read of 1 MiB is %llu request%s to the bare %s file's daemon.\n",
			(unsigned long long)report->requests_per_read,
			report->requests_per_read == 1 ? "" : "s", report->floor);
	print_processes(report, f);
	if (report->n_ratios)
		fputc('\n', f);
	for (uint32_t i = 0; i < report->n_ratios; i++)
		fprintf(f, "RATIO %s %.3f %s\n", report->ratios[i].name, report->ratios[i].value,
			report->ratios[i].target);
}

static struct json_object *json_result(const struct result *result)
{
	const struct sample *sample = &result->sample;
	struct json_object *o = json_object_new_object();
	char key[16];

	json_object_object_add(o, "operation", json_object_new_string(result->operation));
	json_object_object_add(o, "size", json_object_new_int64(result->size));
	json_object_object_add(o, "threads", json_object_new_int64(result->n_threads));
	json_object_object_add(o, "subject", json_object_new_string(result->subject->name));
	if (sample->error || !sample->latency.n) {
		const char *name = sample->error ? strerrorname_np(sample->error) : "EINTR";

		json_object_object_add(o, "error", json_object_new_string(name ? name : "unknown"));
		return o;
	}
	json_object_object_add(o, "n", json_object_new_int64(sample->latency.n));
	for (size_t i = 0; i < N_PERCENTILES; i++) {
		snprintf(key, sizeof(key), "%s_ns", percentiles[i].name);
		json_object_object_add(
			o, key,
			json_object_new_int64(histogram_percentile(
				&sample->latency, percentiles[i].ten_thousandths)));
	}
	json_object_object_add(
		o, "operations_per_s",
		json_object_new_double(measure_median(sample->operations, sample->n_slices)));
	if (result->throughput)
		json_object_object_add(
			o, "bytes_per_s",
			json_object_new_double(measure_median(sample->bytes, sample->n_slices)));
	return o;
}

static struct json_object *json_process(const struct process *process)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "role", json_object_new_string(process->role));
	json_object_object_add(o, "pid", json_object_new_int64(process->pid));
	json_object_object_add(o, "resident_kib", json_object_new_int64(process->resident_kib));
	json_object_object_add(o, "rings_kib", json_object_new_int64(process->rings_kib));
	json_object_object_add(o, "idle_ticks", json_object_new_int64(process->ticks));
	json_object_object_add(o, "idle_switches", json_object_new_int64(process->switches));
	return o;
}

static struct json_object *json_ratio(const struct ratio *ratio)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "name", json_object_new_string(ratio->name));
	json_object_object_add(o, "value", json_object_new_double(ratio->value));
	json_object_object_add(o, "target", json_object_new_string(ratio->target));
	json_object_object_add(o, "met", json_object_new_boolean(ratio_met(ratio)));
	return o;
}

static void json_add_string(struct json_object *o, const char *key, const char *value)
{
	if (value)
		json_object_object_add(o, key, json_object_new_string(value));
}

int report_print_json(const struct report *report, FILE *f)
{
	struct json_object *o = json_object_new_object();
	struct json_object *results = json_object_new_array();
	struct json_object *processes = json_object_new_array();
	struct json_object *ratios = json_object_new_array();
	const char *text;

	json_add_string(o, "label", report->label);
	json_add_string(o, "node", report->node);
	for (uint32_t i = 0; i < report->run->n_results; i++)
		json_object_array_add(results, json_result(&report->run->results[i]));
	for (uint32_t i = 0; i < report->n_processes; i++)
		json_object_array_add(processes, json_process(&report->processes[i]));
	for (uint32_t i = 0; i < report->n_ratios; i++)
		json_object_array_add(ratios, json_ratio(&report->ratios[i]));
	json_object_object_add(o, "results", results);
	if (report->requests_per_read)
		json_object_object_add(o, "floor_requests_per_1MiB_read",
				       json_object_new_int64(report->requests_per_read));
	json_object_object_add(o, "processes", processes);
	json_object_object_add(o, "ratios", ratios);
	text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY);
	if (text)
		fprintf(f, "%s\n", text);
	json_object_put(o);
	return text ? 0 : -ENOMEM;
}

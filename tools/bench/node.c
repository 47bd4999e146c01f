/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operations on a device node, in one or more threads. See node.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench/node.h"

/* How long after its end a slice may still hang in an operation. */
#define HANG_S 10
#define NUDGE_NS 100000000

#define KIB 1024u

/* A worker's thread; lives in its slice. */
struct worker {
	pthread_t thread;
	struct slice *slice;
	struct histogram *latency;
	void *buffer;
	uint64_t n_bytes;
	uint64_t end_ns;
	int error; /* positive errno, or 0 */
};

struct slice {
	const char *path;
	const struct node_operation *operation;
	uint64_t count; /* for each worker; 0: no bound */
	int stop; /* atomic: end now */
	pthread_mutex_t lock; /* covers the rest */
	pthread_cond_t changed;
	uint32_t n_ready; /* workers at the gate */
	bool open; /* the gate is open, end_ns is set */
	uint64_t end_ns;
};

static int64_t run_ioctl(const char *path, int fd, void *buffer, uint32_t size)
{
	/* these two are a driver's answer to a command that it does not know */
	if (ioctl(fd, NODE_NOOP_IOCTL, 0) < 0 && errno != ENOTTY && errno != EINVAL)
		return -errno;
	return 0;
}

/* A flat structure of 8 bytes. The answer differs from what is there, as in run_unimap(),
 * so that both have something to write back. */
static int64_t run_winsize(const char *path, int fd, void *buffer, uint32_t size)
{
	struct winsize winsize = { .ws_row = UINT16_MAX };

	return ioctl(fd, TIOCGWINSZ, &winsize) < 0 ? -errno : 0;
}

/* A structure with a counted pointer: the console's Unicode map, of 3 entries where there
 * is no screen and of some hundred where there is. Programs ask how long it is, and then
 * for it (ioctl_console(2)); the first is done once. */
static int64_t run_unimap(const char *path, int fd, void *buffer, uint32_t size)
{
	static uint16_t n_entries;
	struct unimapdesc map = { .entry_ct = n_entries, .entries = buffer };

	if (!n_entries) {
		if (ioctl(fd, GIO_UNIMAP, &map) == 0 || errno != ENOMEM)
			return -errno;
		if (map.entry_ct > size / sizeof(struct unipair))
			return -ENOMEM;
		n_entries = map.entry_ct;
	}
	return ioctl(fd, GIO_UNIMAP, &map) < 0 ? -errno : 0;
}

static int64_t run_read(const char *path, int fd, void *buffer, uint32_t size)
{
	ssize_t r = read(fd, buffer, size);

	return r < 0 ? -errno : r;
}

static int64_t run_write(const char *path, int fd, void *buffer, uint32_t size)
{
	ssize_t r = write(fd, buffer, size);

	return r < 0 ? -errno : r;
}

static int64_t run_poll(const char *path, int fd, void *buffer, uint32_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	return poll(&p, 1, 0) < 0 ? -errno : 0;
}

int node_open(const char *path, int flags)
{
	static const int modes[] = { O_RDWR, O_RDONLY, O_WRONLY };
	int fd = -1;

	for (uint32_t i = 0; i < 3; i++) {
		fd = open(path, modes[i] | O_CLOEXEC | flags);
		if (fd >= 0 || (errno != EACCES && errno != EROFS && errno != EINVAL))
			break;
	}
	return fd < 0 ? -errno : fd;
}

static int64_t run_open(const char *path, int fd, void *buffer, uint32_t size)
{
	int opened = node_open(path, 0);

	if (opened < 0)
		return opened;
	return close(opened) < 0 ? -errno : 0;
}

const struct node_operation node_operations[] = {
	{ "ioctl", NODE_IOCTL, 0, run_ioctl },
	{ "read-64", NODE_READ, 64, run_read },
	{ "write-64", NODE_WRITE, 64, run_write },
	{ "poll", NODE_POLL, 0, run_poll },
	{ "open+close", NODE_OPEN, 0, run_open },
	{ "read-4KiB", NODE_THROUGHPUT, 4 * KIB, run_read },
	{ "read-128KiB", NODE_THROUGHPUT, 128 * KIB, run_read },
	{ "read-1MiB", NODE_THROUGHPUT, 1024 * KIB, run_read },
	{ "write-4KiB", NODE_THROUGHPUT, 4 * KIB, run_write },
	{ "write-128KiB", NODE_THROUGHPUT, 128 * KIB, run_write },
	{ "write-1MiB", NODE_THROUGHPUT, 1024 * KIB, run_write },
	{ "winsize", NODE_TERMINAL, 0, run_winsize },
	{ "unimap", NODE_TERMINAL, 4 * KIB, run_unimap },
};
const uint32_t node_n_operations = sizeof(node_operations) / sizeof(node_operations[0]);

/* Page-aligned, so that a transfer of 1 MiB touches no page too many, and
 * touched once, so that no slice pays for its first faults. */
static void *buffer_new(uint32_t size)
{
	void *p = mmap(NULL, size ? size : 1, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void buffer_free(void *buffer, uint32_t size)
{
	if (buffer)
		munmap(buffer, size ? size : 1);
}

int node_probe(const char *path, const struct node_operation *operation)
{
	void *buffer = buffer_new(operation->size);
	int64_t r;
	int fd;

	if (!buffer)
		return -ENOMEM;
	fd = node_open(path, O_NONBLOCK);
	if (fd < 0) {
		buffer_free(buffer, operation->size);
		return fd;
	}
	r = operation->run(path, fd, buffer, operation->size);
	close(fd);
	buffer_free(buffer, operation->size);
	return r < 0 ? r : 0;
}

static void worker_loop(struct worker *worker, int fd)
{
	const struct slice *slice = worker->slice;
	const struct node_operation *operation = slice->operation;
	uint64_t before = measure_now_ns(), after;
	int64_t r;

	do {
		r = operation->run(slice->path, fd, worker->buffer, operation->size);
		after = measure_now_ns();
		if (r < 0) {
			worker->error = -r;
			break;
		}
		histogram_add(worker->latency, after - before);
		worker->n_bytes += r;
		before = after;
	} while (after < slice->end_ns && worker->latency->n != slice->count && !measure_stop &&
		 !__atomic_load_n(&slice->stop, __ATOMIC_RELAXED));
	worker->end_ns = after;
}

/* Waits at the gate until all have come and the slice begins. */
static void worker_gate(struct slice *slice)
{
	pthread_mutex_lock(&slice->lock);
	slice->n_ready++;
	pthread_cond_broadcast(&slice->changed);
	while (!slice->open)
		pthread_cond_wait(&slice->changed, &slice->lock);
	pthread_mutex_unlock(&slice->lock);
}

static void *worker_main(void *context)
{
	struct worker *worker = context;
	struct slice *slice = worker->slice;
	const struct node_operation *operation = slice->operation;
	int64_t warm;
	int fd;

	fd = node_open(slice->path, 0);
	/* not counted: what only the first operation on a file costs */
	warm = fd < 0 ? fd : operation->run(slice->path, fd, worker->buffer, operation->size);
	if (warm < 0)
		worker->error = -warm;
	worker_gate(slice);
	if (!worker->error && !__atomic_load_n(&slice->stop, __ATOMIC_RELAXED))
		worker_loop(worker, fd);
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* Waits for a worker; one that hangs is got out of its system call. */
static void worker_join(struct worker *worker, struct slice *slice)
{
	struct timespec until = { .tv_sec = slice->end_ns / 1000000000 + HANG_S };

	while (pthread_clockjoin_np(worker->thread, NULL, CLOCK_MONOTONIC, &until)) {
		__atomic_store_n(&slice->stop, 1, __ATOMIC_RELAXED);
		pthread_kill(worker->thread, SIGUSR1);
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += NUDGE_NS;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
	}
}

static void workers_free(struct worker *workers, uint32_t n, uint32_t size)
{
	for (uint32_t i = 0; i < n; i++) {
		free(workers[i].latency);
		buffer_free(workers[i].buffer, size);
	}
	free(workers);
}

static struct worker *workers_new(struct slice *slice, uint32_t n)
{
	struct worker *workers = calloc(n, sizeof(*workers));

	if (!workers)
		return NULL;
	for (uint32_t i = 0; i < n; i++) {
		workers[i].slice = slice;
		workers[i].latency = calloc(1, sizeof(*workers[i].latency));
		workers[i].buffer = buffer_new(slice->operation->size);
		if (!workers[i].latency || !workers[i].buffer) {
			workers_free(workers, n, slice->operation->size);
			return NULL;
		}
	}
	return workers;
}

static void nudged(int number)
{
}

/* Starts workers and returns how many. SIGINT and SIGTERM stay the main thread's;
 * SIGUSR1 does nothing but end a system call. */
static uint32_t workers_start(struct worker *workers, uint32_t n)
{
	struct sigaction nudge = { .sa_handler = nudged };
	sigset_t mine, before;
	uint32_t i;

	sigaction(SIGUSR1, &nudge, NULL);
	sigemptyset(&mine);
	sigaddset(&mine, SIGINT);
	sigaddset(&mine, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &mine, &before);
	for (i = 0; i < n; i++)
		if (pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]))
			break;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return i;
}

/* Opens the gate when `n` workers have come to it, or have hung for too long.
 * Returns when the slice began. */
static uint64_t slice_begin(struct slice *slice, uint32_t n, uint64_t ns)
{
	struct timespec until;
	uint64_t begin;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += HANG_S;
	pthread_mutex_lock(&slice->lock);
	while (slice->n_ready < n)
		if (pthread_cond_clockwait(&slice->changed, &slice->lock, CLOCK_MONOTONIC, &until))
			break;
	if (slice->n_ready < n)
		__atomic_store_n(&slice->stop, 1, __ATOMIC_RELAXED);
	begin = measure_now_ns();
	slice->end_ns = begin + ns;
	slice->open = true;
	pthread_cond_broadcast(&slice->changed);
	pthread_mutex_unlock(&slice->lock);
	return begin;
}

static void slice_add(struct sample *sample, const struct worker *workers, uint32_t n,
		      uint64_t begin)
{
	uint64_t operations = 0, n_bytes = 0, end = begin;

	for (uint32_t i = 0; i < n; i++) {
		if (workers[i].error)
			sample->error = workers[i].error;
		histogram_merge(&sample->latency, workers[i].latency);
		operations += workers[i].latency->n;
		n_bytes += workers[i].n_bytes;
		if (workers[i].end_ns > end)
			end = workers[i].end_ns;
	}
	sample_slice(sample, operations, n_bytes, end - begin);
}

int node_slice(const char *path, const struct node_operation *operation, uint32_t n_threads,
	       const struct limit *limit, struct sample *sample)
{
	struct slice slice = { .path = path,
			       .operation = operation,
			       .lock = PTHREAD_MUTEX_INITIALIZER,
			       .changed = PTHREAD_COND_INITIALIZER,
			       .count = (limit->count + n_threads - 1) / n_threads };
	struct worker *workers = workers_new(&slice, n_threads);
	uint64_t begin;
	uint32_t n;

	if (!workers)
		return -ENOMEM;
	n = workers_start(workers, n_threads);
	if (n < n_threads)
		__atomic_store_n(&slice.stop, 1, __ATOMIC_RELAXED);
	begin = slice_begin(&slice, n, limit->ns);
	for (uint32_t i = 0; i < n; i++)
		worker_join(&workers[i], &slice);
	if (n == n_threads)
		slice_add(sample, workers, n, begin);
	workers_free(workers, n_threads, operation->size);
	return n < n_threads ? -EAGAIN : 0;
}

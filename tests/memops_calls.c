// SPDX-License-Identifier: GPL-2.0-or-later
/* Results, command numbers that lie, calls that wait, threads and processes. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "memops_test.h"

static void rest_ms(unsigned int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l };

	while (nanosleep(&ts, &ts) < 0)
		;
}

static void caller(void)
{
	uint32_t size = 0;

	CHECK_CALL(ioctl(memops_fd, MEMOPS_ABI, &size), 0, "");
	CHECK(size == sizeof(void *), "%u", size);
}

/* ---- Results ---- */

/* What the driver wrote before it failed is there. */
static void failing(void)
{
	static const int errors[] = { EPERM, EIO, EAGAIN, EBUSY, EINVAL, ENOTTY, ENOSYS, EILSEQ, 511 };
	uint8_t *data = pages(2);

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		struct memops_fail fail = {
			.address = (uintptr_t)data + PAGE - 50, .size = 100, .error = errors[i], .in = i,
		};

		memset(data, 0, 2 * PAGE);
		CHECK_CALL(ioctl(memops_fd, MEMOPS_FAIL, &fail), errors[i], "");
		CHECK(fail.out == i + 1, "error %d: %u", errors[i], fail.out);
		for (int k = 0; k < 100; k++)
			CHECK(data[PAGE - 50 + k] == MEMOPS_BYTE(k), "error %d: byte %d", errors[i], k);
	}
}

static void failing_half_way(void)
{
	uint8_t *data = pages(1);
	struct memops_fail fail = { .address = (uintptr_t)data + PAGE - 50, .size = 100, .error = EIO, .in = 1 };

	CHECK_CALL(ioctl(memops_fd, MEMOPS_FAIL, &fail), EFAULT, "");
	for (int k = 0; k < 50; k++)
		CHECK(data[PAGE - 50 + k] == MEMOPS_BYTE(k), "byte %d", k);
	CHECK(fail.out == 0, "%u", fail.out);
}

static void positive_results(void)
{
	static const int results[] = { 0, 1, 42, 4096, INT32_MAX };
	uint8_t byte;

	for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
		struct memops_fail fail = { .address = (uintptr_t)&byte, .size = 1, .in = results[i] };

		CHECK(ioctl(memops_fd, MEMOPS_FAIL, &fail) == results[i], "%d: %s", results[i], strerror(errno));
		CHECK(fail.out == results[i] + 1u, "%d: %u", results[i], fail.out);
	}
}

/* ---- Command numbers that lie ---- */

static void lies(void)
{
	static const unsigned long commands[] = { MEMOPS_LIE_NONE, MEMOPS_LIE_SMALL, MEMOPS_LIE_LARGE,
						  MEMOPS_LIE_EMPTY, MEMOPS_LIE_OLD };

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		struct memops_plain *plain = (void *)(pages(1) + PAGE - sizeof(*plain));

		for (int round = 0; round < 3; round++) {
			*plain = (struct memops_plain){ .a = 100 + i };
			memset(plain->data, i, sizeof(plain->data));
			CHECK(ioctl(memops_fd, commands[i], plain) == 7, "0x%lx: %s", commands[i],
			      strerror(errno));
			CHECK(plain->b == 101 + i, "0x%lx: %u", commands[i], plain->b);
			for (size_t k = 0; k < sizeof(plain->data); k++)
				CHECK(plain->data[k] == i + 1, "0x%lx: byte %zu", commands[i], k);
		}
		CHECK_CALL(ioctl(memops_fd, commands[i], hole()), EFAULT, "0x%lx: ", commands[i]);
		CHECK_CALL(ioctl(memops_fd, commands[i], (uint8_t *)plain + 4), EFAULT, "0x%lx: ", commands[i]);
		CHECK_CALL(ioctl(memops_fd, commands[i], NULL), EFAULT, "0x%lx: ", commands[i]);
	}
}

static void lies_about_direction(void)
{
	struct memops_plain *plain = (void *)pages(1);

	*plain = (struct memops_plain){ .a = 1234, .b = 5 };
	CHECK(mprotect(plain, PAGE, PROT_READ) == 0, "%s", strerror(errno));
	CHECK(ioctl(memops_fd, MEMOPS_LIE_OUT, plain) == 1234, "%s", strerror(errno));
	CHECK_CALL(ioctl(memops_fd, MEMOPS_LIE_IN, plain), EFAULT, "");
	CHECK(mprotect(plain, PAGE, PROT_READ | PROT_WRITE) == 0, "%s", strerror(errno));
	memset(plain, 0xff, sizeof(*plain));
	CHECK_CALL(ioctl(memops_fd, MEMOPS_LIE_IN, plain), 0, "");
	CHECK(plain->a == 1 && plain->b == 2 && plain->data[5] == 0, "%u, %u", plain->a, plain->b);
}

static void number_as_argument(void)
{
	const uintptr_t numbers[] = { 0, 1, 0x10, 0xffff0, 0x12345678, INT32_MAX, (uintptr_t)hole(), UINTPTR_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		int r = ioctl(memops_fd, MEMOPS_NUMBER, numbers[i]);

		CHECK(r == (int)(numbers[i] >> 4 & 0xffff), "%zu: %d: %s", i, r, strerror(errno));
	}
}

static void unknown_commands(void)
{
	uint8_t data[64] = { 0 };

	CHECK_CALL(ioctl(memops_fd, _IOWR('m', 99, data), data), ENOTTY, "");
	CHECK_CALL(ioctl(memops_fd, _IO('z', 1), 0), ENOTTY, "");
	CHECK_CALL(ioctl(memops_fd, 0x5401, data), ENOTTY, "");
	CHECK_CALL(ioctl(memops_fd, 0xffffffff, data), ENOTTY, "");
}

/* ---- Waiting ---- */

static volatile sig_atomic_t n_signals;

static void on_signal(int number)
{
	(void)number;
	n_signals++;
}

static void signal_after_ms(int ms, int flags)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };
	struct itimerval timer = { .it_value = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 } };

	CHECK(sigaction(SIGALRM, &action, NULL) == 0, "%s", strerror(errno));
	CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0, "%s", strerror(errno));
}

static void sleeping(void)
{
	struct memops_sleep sleep = { .ms = 100 };

	CHECK_CALL(ioctl(memops_fd, MEMOPS_SLEEP, &sleep), 0, "");
	CHECK(sleep.woken == MEMOPS_TIME, "%u", sleep.woken);
}

static void sleeping_for_a_signal(void)
{
	for (int i = 0; i < 3; i++) {
		struct memops_sleep sleep = { .ms = 60000 };

		n_signals = 0;
		signal_after_ms(300, 0);
		CHECK_CALL(ioctl(memops_fd, MEMOPS_SLEEP, &sleep), EINTR, "");
		CHECK(n_signals == 1, "%d signals", (int)n_signals);
		CHECK(sleep.woken == MEMOPS_SIGNAL, "%u", sleep.woken);
	}
}

/* The driver's ERESTARTSYS: it sleeps once more, as long again. */
static void sleeping_anew(void)
{
	struct memops_sleep sleep = { .ms = 1000 };

	n_signals = 0;
	signal_after_ms(300, SA_RESTART);
	CHECK_CALL(ioctl(memops_fd, MEMOPS_SLEEP, &sleep), 0, "");
	CHECK(n_signals == 1, "%d signals", (int)n_signals);
	CHECK(sleep.woken == MEMOPS_TIME, "%u", sleep.woken);
}

static uint32_t n_open(void)
{
	uint32_t n = 0;

	CHECK_CALL(ioctl(memops_fd, MEMOPS_OPENS, &n), 0, "");
	return n;
}

/* A caller that dies in the middle of a call leaves nothing behind. */
static void killed(void)
{
	struct memops_sleep sleep = { .ms = 60000 };
	uint32_t before = n_open();
	int pid = fork(), status;

	if (pid == 0) {
		memops_fd = open(memops_path, O_RDWR | O_CLOEXEC);
		ioctl(memops_fd, MEMOPS_SLEEP, &sleep);
		_exit(1);
	}
	for (int i = 0; n_open() != before + 1; i++) {
		CHECK(i < 200, "%u open files, then %u", before, n_open());
		rest_ms(50);
	}
	rest_ms(200);
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid, "%s", strerror(errno));
	CHECK(WIFSIGNALED(status), "0x%x", status);
	for (int i = 0; n_open() != before; i++) {
		CHECK(i < 200, "%u open files, then %u", before, n_open());
		rest_ms(50);
	}
}

/* ---- Threads ---- */

/* The driver's structure, with another thread's data on both sides. */
struct neighbours {
	volatile uint32_t before;
	struct memops_slow slow;
	volatile uint32_t after;
	volatile bool end;
	uint32_t n_lost;
};

static void *neighbour_main(void *argument)
{
	struct neighbours *n = argument;

	for (uint32_t i = 1; !n->end; i++) {
		n->before = i;
		n->after = ~i;
		/* Long enough for anything that is put back to come back. */
		rest_ms(1);
		if (n->before != i || n->after != ~i)
			n->n_lost++;
	}
	return NULL;
}

static void unrelated_data(void)
{
	struct neighbours n = { 0 };
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, neighbour_main, &n) == 0, "no thread");
	for (uint32_t i = 0; i < 50; i++) {
		n.slow = (struct memops_slow){ .ms = 20, .value = i };
		CHECK_CALL(ioctl(memops_fd, MEMOPS_SLOW, &n.slow), 0, "");
		CHECK(n.slow.value == i + 1 && n.slow.ms == 20, "%u", n.slow.value);
	}
	n.end = true;
	pthread_join(thread, NULL);
	CHECK(n.n_lost == 0, "%u writes of the other thread were lost", n.n_lost);
}

#define N_THREADS 4
#define N_ROUNDS 40

/* Threads whose buffers share pages, each with a part of its own. */
struct worker {
	pthread_t thread;
	uint8_t *data;
	int error;
};

static void *worker_main(void *argument)
{
	struct worker *worker = argument;

	for (int i = 0; i < N_ROUNDS && !worker->error; i++) {
		int method = i % 2 ? MEMOPS_PIN_WRITE : MEMOPS_UPDATE;

		worker->error = memops_errno(copy(method, worker->data, 1000, NULL));
	}
	return NULL;
}

static void threads_on_one_page(void)
{
	struct worker workers[N_THREADS] = { 0 };
	uint8_t *data = pages(1);

	for (int i = 0; i < N_THREADS; i++) {
		workers[i].data = data + i * 1000;
		memset(workers[i].data, i, 1000);
		CHECK(pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]) == 0, "no thread");
	}
	for (int i = 0; i < N_THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		CHECK(workers[i].error == 0, "thread %d: %s", i, strerror(workers[i].error));
	}
	for (int i = 0; i < N_THREADS * 1000; i++)
		CHECK(data[i] == i / 1000 + N_ROUNDS, "byte %d: %u", i, data[i]);
}

/* While one call sleeps, others of the same process and file go on. */
static void *sleeper_main(void *argument)
{
	struct memops_sleep *sleep = argument;

	return ioctl(memops_fd, MEMOPS_SLEEP, sleep) ? (void *)1 : NULL;
}

static void calls_beside_a_sleeper(void)
{
	struct memops_sleep sleep = { .ms = 6000 };
	uint8_t data[100] = { 0 };
	pthread_t thread;
	void *failed;

	CHECK(pthread_create(&thread, NULL, sleeper_main, &sleep) == 0, "no thread");
	rest_ms(100);
	for (int i = 0; i < 5; i++)
		CHECK_CALL(copy(MEMOPS_UPDATE, data, sizeof(data), NULL), 0, "");
	CHECK(sleep.woken == 0, "the calls came after the sleeper's");
	pthread_join(thread, &failed);
	CHECK(!failed && sleep.woken == MEMOPS_TIME, "%u", sleep.woken);
	CHECK(data[99] == 5, "%u", data[99]);
}

/* ---- Processes ---- */

static void processes_with_the_same_addresses(void)
{
	uint8_t *data = pages(2);
	int pids[4];

	for (int i = 0; i < 4; i++) {
		pids[i] = fork();
		if (pids[i])
			continue;
		for (int round = 0; round < 15; round++) {
			struct memops_copy c = { 0 };

			fill(data, 2 * PAGE, i * 100 + round);
			CHECK_CALL(copy(MEMOPS_READ, data + 1, PAGE, &c), 0, "process %d: ", i);
			CHECK(c.sum == sum_of(data + 1, PAGE), "process %d: another's memory", i);
			CHECK_CALL(copy(MEMOPS_UPDATE, data, 2 * PAGE, &c), 0, "process %d: ", i);
			c.sum = sum_of(data, 2 * PAGE);
			fill(data, 2 * PAGE, i * 100 + round);
			for (uint32_t k = 0; k < 2 * PAGE; k++)
				data[k]++;
			CHECK(c.sum == sum_of(data, 2 * PAGE), "process %d: another's memory", i);
		}
		_exit(0);
	}
	for (int i = 0; i < 4; i++)
		child_end(pids[i]);
}

/* The open file in another program's hands, after the one that opened it ended. */
static void file_that_changes_hands(void)
{
	uint8_t *data = pages(1);
	int pid = fork();

	if (pid == 0) {
		CHECK_CALL(copy(MEMOPS_WRITE, data, 100, NULL), 0, "");
		pid = fork();
		if (pid == 0) {
			memset(data, 3, 100);
			CHECK_CALL(copy(MEMOPS_UPDATE, data, 100, NULL), 0, "");
			CHECK(data[50] == 4, "%u", data[50]);
			_exit(0);
		}
		child_end(pid);
		_exit(0);
	}
	child_end(pid);
	CHECK(data[0] == 0, "the child wrote into its parent");
	CHECK_CALL(copy(MEMOPS_UPDATE, data, 100, NULL), 0, "");
	CHECK(data[99] == 1, "%u", data[99]);
}

/* Another open file makes it ready, so no call's own answer tells. */
static void woken_by_each_queue(void)
{
	struct pollfd pollfd = { .fd = memops_fd, .events = POLLIN };

	for (int queue = 1; queue <= MEMOPS_QUEUES; queue++) {
		int pid, r;

		CHECK_CALL(ioctl(memops_fd, MEMOPS_READY, 0), 0, "");
		CHECK(poll(&pollfd, 1, 0) == 0, "it is ready: %x", pollfd.revents);
		pid = fork();
		if (pid == 0) {
			int fd = open(memops_path, O_RDWR);

			rest_ms(300);
			CHECK_CALL(ioctl(fd, MEMOPS_READY, queue), 0, "queue %d: ", queue);
			_exit(0);
		}
		r = poll(&pollfd, 1, 20000);
		CHECK(r == 1 && pollfd.revents == POLLIN, "queue %d: %d, %x", queue, r, pollfd.revents);
		child_end(pid);
	}
	CHECK_CALL(ioctl(memops_fd, MEMOPS_READY, 0), 0, "");
}

const struct memops_case memops_calls[] = {
	{ "caller", caller },
	{ "failing", failing },
	{ "failing_half_way", failing_half_way },
	{ "positive_results", positive_results },
	{ "lies", lies },
	{ "lies_about_direction", lies_about_direction },
	{ "number_as_argument", number_as_argument },
	{ "unknown_commands", unknown_commands },
	{ "sleeping", sleeping },
	{ "sleeping_for_a_signal", sleeping_for_a_signal },
	{ "sleeping_anew", sleeping_anew },
	{ "killed", killed },
	{ "unrelated_data", unrelated_data },
	{ "threads_on_one_page", threads_on_one_page },
	{ "calls_beside_a_sleeper", calls_beside_a_sleeper },
	{ "processes_with_the_same_addresses", processes_with_the_same_addresses },
	{ "file_that_changes_hands", file_that_changes_hands },
	{ "woken_by_each_queue", woken_by_each_queue },
	{ 0 },
};

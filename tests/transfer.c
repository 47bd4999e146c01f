// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * transfer NODE [NATIVE]: large reads and writes through a node of tests/kmod-transfer's
 * device, which tells what it was asked for; with memory that cannot be pinned, that
 * changes under the call, and callers that die. Whatever happens, nothing stays pinned.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kmod-transfer/transfer.h"
#include "pinned.h"
#include "suite.h"

#define PAGE 4096u
#define MIB 1048576u
#define SPLIT (128u * 1024) /* CUSE's */

static const char *path;

static int node_open(int flags)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | flags);

	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	return fd;
}

static uint8_t *memory_new(size_t size)
{
	uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(memory, MAP_FAILED);
	return memory;
}

static struct transfer_last last_of(int fd)
{
	struct transfer_last last;

	_Static_assert(sizeof(last) == TRANSFER_LAST, "the size is what asks for it");
	ck_assert_int_eq(read(fd, &last, sizeof(last)), sizeof(last));
	return last;
}

static void filled(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (data[i] != TRANSFER_BYTE(i))
			ck_abort_msg("byte %zu of %zu is 0x%02x, not 0x%02x", i, size, data[i], TRANSFER_BYTE(i));
}

static uint32_t sum_of(const uint8_t *data, size_t size)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum = TRANSFER_SUM_STEP(sum, data[i]);
	return sum;
}

static void pause_ms(unsigned int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l };

	nanosleep(&ts, NULL);
}

/* ---- what is transferred ---- */

#define OWN_POSITION (-1)

/* `position` is pread(2)'s and pwrite(2)'s, or OWN_POSITION. */
static void whole_call(int fd, uint8_t *data, size_t size, off_t position)
{
	bool own = position == OWN_POSITION;
	struct transfer_last last;

	memset(data - 1, 0x5a, size + 2);
	ck_assert_int_eq(own ? read(fd, data, size) : pread(fd, data, size, position), size);
	filled(data, size);
	ck_assert_uint_eq(data[-1], 0x5a);
	ck_assert_uint_eq(data[size], 0x5a);
	data[size / 2] ^= 0xff;
	ck_assert_int_eq(own ? write(fd, data, size) : pwrite(fd, data, size, position), size);
	last = last_of(fd);
	ck_assert_uint_eq(last.read_size, size);
	ck_assert_uint_eq(last.read_offset, own ? 0 : position);
	ck_assert_uint_eq(last.write_size, size);
	ck_assert_uint_eq(last.write_offset, own ? 0 : position);
	ck_assert_uint_eq(last.write_sum, sum_of(data, size));
}

/* Sizes around pages and where CUSE splits, and begins that are no page's. */
START_TEST(whole_calls)
{
	static const size_t sizes[] = { SPLIT - 2048, SPLIT - 1, SPLIT, SPLIT + 1,
					3 * SPLIT - 1, MIB, 5 * MIB + 77, 17 * MIB };
	static const size_t firsts[] = { 0, 1, 2048, PAGE - 1 };
	static const off_t positions[] = { OWN_POSITION, 0, INT64_C(5) << 32 };
	uint8_t *memory = memory_new(18 * MIB);
	int fd = node_open(0);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t j = 0; j < sizeof(firsts) / sizeof(firsts[0]); j++)
			whole_call(fd, memory + PAGE + firsts[j], sizes[i], positions[(i + j) % 3]);
	munmap(memory, 18 * MIB);
	close(fd);
}
END_TEST

/* What is not one plain buffer is copied. */
START_TEST(several_buffers)
{
	uint8_t *memory = memory_new(MIB);
	struct iovec pieces[2] = { { memory, MIB / 2 }, { memory + MIB / 2, MIB / 2 } };
	int fd = node_open(0);

	ck_assert_int_eq(readv(fd, pieces, 2), MIB);
	ck_assert_uint_le(last_of(fd).read_size, SPLIT);
	munmap(memory, MIB);
	close(fd);
}
END_TEST

/* More than may be pinned, too. */
START_TEST(over_the_quota)
{
	size_t size = 65 * MIB;
	uint8_t *memory = memory_new(size);
	int fd = node_open(0);

	ck_assert_int_eq(read(fd, memory, size), size);
	ck_assert_uint_le(last_of(fd).read_size, SPLIT);
	munmap(memory, size);
	close(fd);
}
END_TEST

/* Memory of ordinary kinds. */
START_TEST(kinds_of_memory)
{
	uint8_t *shared = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint8_t *zero = memory_new(MIB), *file;
	int fd = node_open(0), memfd = memfd_create("transfer", MFD_CLOEXEC);

	ck_assert_ptr_ne(shared, MAP_FAILED);
	ck_assert_int_eq(ftruncate(memfd, MIB), 0);
	file = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE, memfd, 0);
	ck_assert_ptr_ne(file, MAP_FAILED);
	ck_assert_int_eq(read(fd, shared, MIB), MIB);
	filled(shared, MIB);
	ck_assert_int_eq(read(fd, file, MIB), MIB);
	filled(file, MIB);
	/* Never touched: the page of zeroes. */
	ck_assert_int_eq(write(fd, zero, MIB), MIB);
	ck_assert_uint_eq(last_of(fd).write_sum, 0);
	munmap(shared, MIB);
	munmap(file, MIB);
	munmap(zero, MIB);
	close(memfd);
	close(fd);
}
END_TEST

/* ---- memory that is not there, or not for this ---- */

START_TEST(holes)
{
	static const uint64_t nowhere[] = { 0, 8, UINT64_MAX - MIB, UINT64_MAX - 2 * MIB, UINT64_C(0x7fffffffe000) };
	size_t hole = 4 * SPLIT;
	uint8_t *memory = memory_new(MIB);
	int fd = node_open(0);

	munmap(memory + hole, PAGE);
	ck_assert_int_eq(read(fd, memory, MIB), hole);
	filled(memory, SPLIT);
	ck_assert_int_eq(write(fd, memory, MIB), hole);
	ck_assert_int_eq(read(fd, memory + hole, SPLIT), -1);
	ck_assert_int_eq(errno, EFAULT);
	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		ck_assert_int_eq(syscall(SYS_read, fd, nowhere[i], MIB), -1);
		ck_assert_int_eq(errno, EFAULT);
	}
	munmap(memory, MIB);
	close(fd);
}
END_TEST

START_TEST(read_only)
{
	uint8_t *memory = memory_new(MIB);
	int fd = node_open(0);

	memset(memory, 1, MIB);
	ck_assert_int_eq(mprotect(memory, MIB, PROT_READ), 0);
	ck_assert_int_eq(read(fd, memory, MIB), -1);
	ck_assert_int_eq(errno, EFAULT);
	ck_assert_uint_eq(memory[0], 1);
	ck_assert_int_eq(write(fd, memory, MIB), MIB);
	ck_assert_uint_eq(last_of(fd).write_sum, sum_of(memory, MIB));
	munmap(memory, MIB);
	close(fd);
}
END_TEST

/* The driver's own memory, which may be pinned or copied. */
START_TEST(mapping_of_the_device)
{
	int fd = node_open(0);
	uint8_t *memory = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	ck_assert_msg(memory != MAP_FAILED, "mmap: %s", strerror(errno));
	ck_assert_int_eq(read(fd, memory, MIB), MIB);
	filled(memory, SPLIT);
	ck_assert_int_eq(write(fd, memory, MIB), MIB);
	munmap(memory, MIB);
	close(fd);
}
END_TEST

/* ---- what happens meanwhile ---- */

struct slow {
	pthread_t thread;
	int fd;
	uint8_t *memory;
	ssize_t result;
};

static void *slow_main(void *context)
{
	struct slow *slow = context;

	slow->result = read(slow->fd, slow->memory, TRANSFER_SLOW);
	return NULL;
}

static void slow_begin(struct slow *slow)
{
	slow->fd = node_open(0);
	slow->memory = memory_new(TRANSFER_SLOW);
	memset(slow->memory, 3, TRANSFER_SLOW);
	ck_assert_int_eq(pthread_create(&slow->thread, NULL, slow_main, slow), 0);
	for (int i = 0; i < 200 && pinned() == pinned_at_first; i++)
		pause_ms(1);
}

static void slow_end(struct slow *slow)
{
	pthread_join(slow->thread, NULL);
	ck_assert_int_eq(slow->result, TRANSFER_SLOW);
	close(slow->fd);
}

/* A child has the memory as it was. */
START_TEST(fork_meanwhile)
{
	struct slow slow;
	int status;
	pid_t pid;

	slow_begin(&slow);
	pid = fork();
	if (pid == 0) {
		pause_ms(1500);
		for (size_t i = 0; i < TRANSFER_SLOW; i++)
			if (slow.memory[i] != 3)
				_exit(1);
		_exit(0);
	}
	slow_end(&slow);
	filled(slow.memory, TRANSFER_SLOW);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	munmap(slow.memory, TRANSFER_SLOW);
}
END_TEST

/* What comes to be there instead is nobody's. */
START_TEST(munmap_meanwhile)
{
	struct slow slow;
	size_t n_changed = 0;
	uint8_t *instead;

	slow_begin(&slow);
	munmap(slow.memory, TRANSFER_SLOW);
	instead = mmap(slow.memory, TRANSFER_SLOW, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	ck_assert_ptr_eq(instead, slow.memory);
	slow_end(&slow);
	for (size_t i = 0; i < TRANSFER_SLOW; i++)
		n_changed += instead[i] != 0;
	ck_assert_uint_eq(n_changed, 0);
	munmap(instead, TRANSFER_SLOW);
}
END_TEST

START_TEST(kill_meanwhile)
{
	for (int i = 0; i < 5; i++) {
		int fd = node_open(0), status;
		pid_t pid = fork();

		if (pid == 0) {
			uint8_t *memory = memory_new(TRANSFER_NEVER);

			(void)!read(fd, memory, TRANSFER_NEVER);
			_exit(0);
		}
		pause_ms(20 * i);
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_int_eq(status, SIGKILL);
		close(fd);
	}
}
END_TEST

static void on_alarm(int number)
{
	(void)number;
}

START_TEST(signal_meanwhile)
{
	struct sigaction action = { .sa_handler = on_alarm };
	uint8_t *memory = memory_new(TRANSFER_NEVER);
	int fd = node_open(0);

	sigaction(SIGALRM, &action, NULL);
	alarm(1);
	ck_assert_int_eq(read(fd, memory, TRANSFER_NEVER), -1);
	ck_assert_int_eq(errno, EINTR);
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK), 0);
	ck_assert_int_eq(read(fd, memory, TRANSFER_NEVER), -1);
	ck_assert_int_eq(errno, EAGAIN);
	munmap(memory, TRANSFER_NEVER);
	close(fd);
}
END_TEST

static void *many_main(void *context)
{
	uint8_t *memory = memory_new(MIB);
	int fd = node_open(0);

	for (int i = 0; i < 20; i++) {
		memset(memory, 0, MIB);
		ck_assert_int_eq(read(fd, memory, MIB), MIB);
		filled(memory, MIB);
		ck_assert_int_eq(write(fd, memory, MIB), MIB);
	}
	munmap(memory, MIB);
	close(fd);
	return context;
}

START_TEST(many_at_once)
{
	pthread_t threads[8];

	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, many_main, NULL), 0);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
}
END_TEST

int main(int argc, char **argv)
{
	TCase *tcase = tcase_create("transfer");

	if (argc < 2)
		return 77;
	path = argv[1];
	setvbuf(stdout, NULL, _IOLBF, 0);
	tcase_set_timeout(tcase, 300);
	tcase_add_checked_fixture(tcase, pinned_before, pinned_after);
	tcase_add_test(tcase, whole_calls);
	tcase_add_test(tcase, several_buffers);
	tcase_add_test(tcase, over_the_quota);
	tcase_add_test(tcase, kinds_of_memory);
	tcase_add_test(tcase, holes);
	tcase_add_test(tcase, read_only);
	tcase_add_test(tcase, mapping_of_the_device);
	tcase_add_test(tcase, fork_meanwhile);
	tcase_add_test(tcase, munmap_meanwhile);
	tcase_add_test(tcase, kill_meanwhile);
	tcase_add_test(tcase, signal_meanwhile);
	tcase_add_test(tcase, many_at_once);
	return suite_run("transfer", tcase);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bar NODE: mmap of the memory of a PCI device (tests/kmod-bar), through a guest's node or
 * on the device itself. The driver's own view of it is that of read(2) and write(2).
 * PARADICE_RIG tells what must work: in xen-pv no mmap, in xen-pvh what Xen can do.
 *
 * bar NODE hold SECONDS [PAGES]: maps it and uses it until that gives a signal. Prints "holding"
 * when it is mapped, then "SIGBUS" or "still there", and exits with 0 or 2 for those;
 * 3: it could not be mapped.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kmod-bar/bar.h"
#include "suite.h"

#define PAGE 4096u
#define N_MANY 40

static const char *node;

static int node_open(int flags)
{
	int fd = open(node, flags | O_CLOEXEC);

	ck_assert_msg(fd >= 0, "%s: %s", node, strerror(errno));
	return fd;
}

static uint8_t *map(int fd, size_t length, int protection, off_t offset)
{
	uint8_t *memory = mmap(NULL, length, protection, MAP_SHARED, fd, offset);

	ck_assert_msg(memory != MAP_FAILED, "mmap at 0x%lx: %s", (unsigned long)offset, strerror(errno));
	return memory;
}

/* The driver's view of a range. */
static void driver_read(int fd, uint8_t *bytes, size_t size, off_t at)
{
	ck_assert_int_eq(lseek(fd, at, SEEK_SET), at);
	for (size_t done = 0; done < size;) {
		ssize_t n = read(fd, bytes + done, size - done);

		ck_assert_msg(n > 0, "read: %s", n ? strerror(errno) : "nothing");
		done += n;
	}
}

static void driver_write(int fd, const uint8_t *bytes, size_t size, off_t at)
{
	ck_assert_int_eq(lseek(fd, at, SEEK_SET), at);
	for (size_t done = 0; done < size;) {
		ssize_t n = write(fd, bytes + done, size - done);

		ck_assert_msg(n > 0, "write: %s", n ? strerror(errno) : "nothing");
		done += n;
	}
}

static void fill(uint8_t *bytes, size_t size, uint32_t seed)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = (seed = seed * 1664525u + 1013904223u) >> 24;
}

/* Each byte of it, both ways, by this way of mapping it. */
static void both_ways(off_t offset)
{
	static uint8_t wanted[BAR_SIZE], is[BAR_SIZE];
	int fd = node_open(O_RDWR);
	uint8_t *memory = map(fd, BAR_SIZE, PROT_READ | PROT_WRITE, offset);

	fill(wanted, BAR_SIZE, 1 + offset);
	memcpy(memory, wanted, BAR_SIZE);
	driver_read(fd, is, BAR_SIZE, 0);
	ck_assert(memcmp(is, wanted, BAR_SIZE) == 0);
	fill(wanted, BAR_SIZE, 2 + offset);
	driver_write(fd, wanted, BAR_SIZE, 0);
	ck_assert(memcmp(memory, wanted, BAR_SIZE) == 0);
	ck_assert_int_eq(munmap(memory, BAR_SIZE), 0);
	close(fd);
}

START_TEST(coherent)
{
	both_ways(BAR_MEMORY);
}
END_TEST

START_TEST(write_combining)
{
	both_ways(BAR_COMBINE);
}
END_TEST

START_TEST(part)
{
	static const uint8_t word[] = "part";
	uint8_t is[sizeof(word)];
	int fd = node_open(O_RDWR);
	uint8_t *memory = map(fd, 3 * PAGE, PROT_READ | PROT_WRITE, BAR_MEMORY + 5 * PAGE);

	memcpy(memory + 2 * PAGE + 7, word, sizeof(word));
	driver_read(fd, is, sizeof(is), 7 * PAGE + 7);
	ck_assert_mem_eq(is, word, sizeof(word));
	munmap(memory, 3 * PAGE);
	close(fd);
}
END_TEST

/* Two of the same memory are one memory, and the end of one is not that of the other. */
START_TEST(twice)
{
	int fd = node_open(O_RDWR);
	uint8_t *one = map(fd, 4 * PAGE, PROT_READ | PROT_WRITE, BAR_MEMORY);
	uint8_t *other = map(fd, 4 * PAGE, PROT_READ | PROT_WRITE, BAR_MEMORY + 2 * PAGE);
	uint8_t is;

	one[2 * PAGE] = 17;
	ck_assert_uint_eq(other[0], 17);
	munmap(one, 4 * PAGE);
	other[0] = 18;
	driver_read(fd, &is, 1, 2 * PAGE);
	ck_assert_uint_eq(is, 18);
	munmap(other, 4 * PAGE);
	close(fd);
}
END_TEST

/* It outlives the descriptor, is inherited, can be moved, split and made writable. */
START_TEST(life)
{
	int fd = node_open(O_RDWR), status;
	uint8_t *memory = map(fd, 4 * PAGE, PROT_READ, BAR_MEMORY);
	uint8_t is;
	pid_t pid;

	close(fd);
	ck_assert_int_eq(mprotect(memory, 4 * PAGE, PROT_READ | PROT_WRITE), 0);
	memory[0] = 1;
	pid = fork();
	if (pid == 0) {
		memory[0]++;
		memory[3 * PAGE] = 3;
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(memory[0], 2);
	munmap(memory + PAGE, PAGE);
	memory = mremap(memory + 2 * PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			(void *)0x7f0000000000);
	ck_assert(memory != MAP_FAILED);
	ck_assert_uint_eq(memory[PAGE], 3);
	memory[PAGE] = 4;
	fd = node_open(O_RDWR);
	driver_read(fd, &is, 1, 3 * PAGE);
	ck_assert_uint_eq(is, 4);
	close(fd);
	munmap(memory, 2 * PAGE);
}
END_TEST

START_TEST(many)
{
	int fd = node_open(O_RDWR);
	uint8_t *memory[N_MANY], is;

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < N_MANY; i++) {
			memory[i] = map(fd, PAGE, PROT_READ | PROT_WRITE, BAR_MEMORY + i * PAGE);
			memory[i][round] = i;
		}
		for (int i = 0; i < N_MANY; i++) {
			driver_read(fd, &is, 1, i * PAGE + round);
			ck_assert_uint_eq(is, i);
			munmap(memory[i], PAGE);
		}
	}
	close(fd);
}
END_TEST

static void refused(int flags, int protection, int sharing, off_t offset, int error)
{
	int fd = node_open(flags);

	ck_assert_msg(mmap(NULL, PAGE, protection, sharing, fd, offset) == MAP_FAILED, "it was mapped");
	ck_assert_msg(errno == error, "%s, not %s", strerror(errno), strerror(error));
	close(fd);
}

START_TEST(driver_refuses)
{
	refused(O_RDWR, PROT_READ, MAP_SHARED, BAR_MEMORY + 0x60000000, EINVAL);
}
END_TEST

/* What would be wrong memory, now or later, or give more than the driver does. */
START_TEST(cannot_cross)
{
	refused(O_RDWR, PROT_READ | PROT_WRITE, MAP_SHARED, BAR_MOVABLE, ENODEV);
	refused(O_RDWR, PROT_READ | PROT_WRITE, MAP_SHARED, BAR_REGISTERS, ENODEV);
	refused(O_RDWR, PROT_READ | PROT_WRITE, MAP_SHARED, BAR_OTHERS, ENODEV);
	refused(O_RDONLY, PROT_READ, MAP_SHARED, BAR_MEMORY, ENODEV);
	refused(O_RDWR, PROT_READ | PROT_WRITE, MAP_PRIVATE, BAR_MEMORY, EINVAL);
}
END_TEST

START_TEST(pieces_cannot_cross)
{
	int fd = node_open(O_RDWR);

	ck_assert(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, BAR_PIECES) == MAP_FAILED);
	ck_assert_int_eq(errno, ENODEV);
	close(fd);
}
END_TEST

START_TEST(nothing_in_a_pv_guest)
{
	refused(O_RDWR, PROT_READ | PROT_WRITE, MAP_SHARED, BAR_MEMORY, ENODEV);
}
END_TEST

static void on_signal(int number)
{
	static const char bus[] = "SIGBUS\n";

	(void)!write(1, bus, sizeof(bus) - 1);
	_exit(0);
}

static int hold(const char *seconds, const char *pages)
{
	size_t length = pages ? atoi(pages) * PAGE : BAR_SIZE;
	volatile uint8_t *memory;
	int fd = open(node, O_RDWR);

	setvbuf(stdout, NULL, _IOLBF, 0);
	memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, BAR_MEMORY);
	if (memory == MAP_FAILED) {
		printf("%s: mmap: %s\n", node, strerror(errno));
		return 3;
	}
	signal(SIGBUS, on_signal);
	memory[0] = 0;
	printf("holding\n");
	for (int i = 0; i < atoi(seconds) * 20; i++) {
		memory[0]++;
		usleep(50000);
	}
	printf("still there\n");
	return 2;
}

int main(int argc, char **argv)
{
	const char *rig = getenv("PARADICE_RIG");
	TCase *tcase = tcase_create("bar");

	if (argc < 2)
		return 3;
	node = argv[1];
	if (argc >= 4)
		return hold(argv[3], argv[4]);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, driver_refuses);
	if (rig && strcmp(rig, "xen-pv") == 0) {
		tcase_add_test(tcase, nothing_in_a_pv_guest);
		return suite_run("bar", tcase);
	}
	tcase_add_test(tcase, coherent);
	tcase_add_test(tcase, write_combining);
	tcase_add_test(tcase, part);
	tcase_add_test(tcase, twice);
	tcase_add_test(tcase, life);
	tcase_add_test(tcase, many);
	if (rig && strcmp(rig, "xen-pvh") == 0) {
		tcase_add_test(tcase, cannot_cross);
		tcase_add_test(tcase, pieces_cannot_cross);
	}
	return suite_run("bar", tcase);
}

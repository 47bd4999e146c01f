// SPDX-License-Identifier: GPL-2.0-or-later
/* One operation on one range, in memory of every kind. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memops_test.h"

#define HUGE (8u << 20)

static const enum memops_method readers[] = { MEMOPS_READ, MEMOPS_READ_ATOMIC, MEMOPS_READ_REMOTE };
static const enum memops_method writers[] = { MEMOPS_WRITE, MEMOPS_WRITE_ATOMIC, MEMOPS_WRITE_REMOTE };

static bool written(const uint8_t *data, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (data[i] != MEMOPS_BYTE(i))
			return false;
	return true;
}

static bool all_are(const uint8_t *data, size_t n, uint8_t byte)
{
	for (size_t i = 0; i < n; i++)
		if (data[i] != byte)
			return false;
	return true;
}

/* Each way to read, each to write, and both at once, on this range. */
static void check_range(const char *what, uint8_t *data, uint32_t size)
{
	uint8_t *before = malloc(size + 1);
	struct memops_copy c = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		fill(data, size, i);
		CHECK_CALL(copy(readers[i], data, size, &c), 0, "%s, reader %zu: ", what, i);
		CHECK(c.left == 0 && c.sum == sum_of(data, size), "%s, reader %zu", what, i);
	}
	for (size_t i = 0; i < ARRAY_SIZE(writers); i++) {
		memset(data, 0x77, size);
		CHECK_CALL(copy(writers[i], data, size, &c), 0, "%s, writer %zu: ", what, i);
		CHECK(c.left == 0 && written(data, size), "%s, writer %zu", what, i);
	}
	memcpy(before, data, size);
	CHECK_CALL(copy(MEMOPS_UPDATE, data, size, &c), 0, "%s: ", what);
	CHECK(c.left == 0 && c.sum == sum_of(before, size), "%s: update", what);
	for (uint32_t i = 0; i < size; i++)
		CHECK(data[i] == (uint8_t)(before[i] + 1), "%s: byte %u of the update", what, i);
	CHECK_CALL(copy(MEMOPS_CLEAR, data, size, &c), 0, "%s: ", what);
	CHECK(c.left == 0 && all_are(data, size, 0), "%s: clear", what);
	free(before);
}

static void check_pinning(const char *what, uint8_t *data, uint32_t size)
{
	struct memops_copy c = { 0 };
	uint8_t *before = malloc(size + 1);

	fill(data, size, 3);
	memcpy(before, data, size);
	CHECK_CALL(copy(MEMOPS_PIN, data, size, &c), 0, "%s: ", what);
	CHECK(c.left == 0 && c.sum == sum_of(before, size), "%s: pinned for reading", what);
	CHECK(memcmp(data, before, size) == 0, "%s: pinned for reading", what);
	CHECK_CALL(copy(MEMOPS_PIN_WRITE, data, size, &c), 0, "%s: ", what);
	CHECK(c.left == 0 && c.sum == sum_of(before, size), "%s: pinned for writing", what);
	for (uint32_t i = 0; i < size; i++)
		CHECK(data[i] == (uint8_t)(before[i] + 1), "%s: byte %u, pinned", what, i);
	free(before);
}

static uint8_t *map_file(size_t n_bytes, size_t n_pages, int protection, int flags, int *fdp)
{
	char name[] = "/tmp/memops-XXXXXX";
	uint8_t byte = 0x5a, *at;
	int fd = mkstemp(name);

	CHECK(fd >= 0 && unlink(name) == 0, "%s: %s", name, strerror(errno));
	for (size_t i = 0; i < n_bytes; i++)
		CHECK(write(fd, &byte, 1) == 1, "%s", strerror(errno));
	at = mmap(NULL, n_pages * PAGE, protection, flags, fd, 0);
	CHECK(at != MAP_FAILED, "%s", strerror(errno));
	*fdp = fd;
	return at;
}

static uint8_t static_data[3 * PAGE];

static void kinds_of_memory(void)
{
	uint8_t stack[2 * PAGE], *heap = malloc(5 * PAGE);
	int fd;

	check_range("stack", stack, sizeof(stack));
	check_range("heap", heap, 5 * PAGE);
	check_range("static", static_data + 5, sizeof(static_data) - 10);
	check_range("shared", mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0),
		    2 * PAGE);
	check_range("file", map_file(2 * PAGE, 2, PROT_READ | PROT_WRITE, MAP_SHARED, &fd), 2 * PAGE);
	check_range("private file", map_file(2 * PAGE, 2, PROT_READ | PROT_WRITE, MAP_PRIVATE, &fd), 2 * PAGE);
	check_range("one byte", pages(1) + PAGE - 1, 1);
	check_range("nothing", pages(1), 0);
}

static void pinning(void)
{
	int fd;

	check_pinning("anonymous", pages(3) + 10, 2 * PAGE + 100);
	check_pinning("one page", pages(1), PAGE);
	check_pinning("one byte", pages(1) + PAGE - 1, 1);
	check_pinning("shared", mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0),
		      2 * PAGE);
	check_pinning("private file", map_file(2 * PAGE, 2, PROT_READ | PROT_WRITE, MAP_PRIVATE, &fd), 2 * PAGE);
}

static void huge(void)
{
	uint8_t *data = pages(HUGE / PAGE);
	struct memops_copy c = { 0 };

	fill(data, HUGE, 1);
	CHECK_CALL(copy(MEMOPS_READ, data + 1, HUGE - 3, &c), 0, "");
	CHECK(c.sum == sum_of(data + 1, HUGE - 3), "read");
	CHECK_CALL(copy(MEMOPS_WRITE, data + 1, HUGE - 3, &c), 0, "");
	CHECK(written(data + 1, HUGE - 3), "written");
	check_pinning("8 MiB", data, HUGE);
	CHECK_CALL(copy(MEMOPS_READ, data, MEMOPS_MOST_BYTES + 1, NULL), E2BIG, "");
	CHECK_CALL(copy(MEMOPS_READ, data + HUGE - 5 * PAGE, MEMOPS_MOST_BYTES, &c), EFAULT, "");
	CHECK(c.left == MEMOPS_MOST_BYTES - 5 * PAGE, "%u left", c.left);
}

static void huge_pages(void)
{
	uint8_t *at = mmap(NULL, HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(at != MAP_FAILED, "%s", strerror(errno));
	if (madvise(at, HUGE, MADV_HUGEPAGE) < 0)
		memops_skip("no transparent huge pages here");
	memset(at, 1, HUGE);
	check_range("huge pages", at + (2u << 20) - 10 * PAGE, 20 * PAGE);
	check_pinning("huge pages", at + (4u << 20) - 10 * PAGE - 5, 20 * PAGE);
}

/* Every offset and size around a page's end. */
static void page_ends(void)
{
	uint8_t *data = pages(2);
	struct memops_copy c = { 0 };
	uint32_t value;

	for (uint32_t offset = PAGE - 9; offset <= PAGE + 1; offset++) {
		for (uint32_t size = 1; size <= 10; size++) {
			memset(data, 0x11, 2 * PAGE);
			CHECK_CALL(copy(MEMOPS_WRITE, data + offset, size, NULL), 0, "%u, %u: ", offset, size);
			CHECK(written(data + offset, size) && all_are(data, offset, 0x11) &&
				      all_are(data + offset + size, 2 * PAGE - offset - size, 0x11),
			      "%u, %u", offset, size);
			CHECK_CALL(copy(MEMOPS_READ, data + offset, size, &c), 0, "%u, %u: ", offset, size);
			CHECK(c.sum == sum_of(data + offset, size), "%u, %u", offset, size);
		}
		c.sum = 0xdeadbeef - offset;
		CHECK_CALL(copy(MEMOPS_PUT, data + offset, 0, &c), 0, "%u: ", offset);
		memcpy(&value, data + offset, 4);
		CHECK(value == 0xdeadbeef - offset, "%u: 0x%x", offset, value);
		c.sum = 0;
		CHECK_CALL(copy(MEMOPS_GET, data + offset, 0, &c), 0, "%u: ", offset);
		CHECK(c.sum == value, "%u: 0x%x", offset, c.sum);
	}
}

/* A range that leads out of its mapping: as much is done as there is. */
static void mapping_ends(void)
{
	static const uint32_t inside[] = { 0, 1, 7, 8, 100, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE };
	uint8_t *data = pages(3), *end = data + 3 * PAGE;
	struct memops_copy c = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(inside); i++) {
		uint32_t n = inside[i], size = n + 300;

		fill(data, 3 * PAGE, i);
		for (size_t k = 0; k < ARRAY_SIZE(readers); k++) {
			CHECK_CALL(copy(readers[k], end - n, size, &c), EFAULT, "%u, reader %zu: ", n, k);
			CHECK(c.left == 300, "%u, reader %zu: %u left", n, k, c.left);
			CHECK(c.sum == sum_of(end - n, n), "%u, reader %zu", n, k);
		}
		for (size_t k = 0; k < ARRAY_SIZE(writers); k++) {
			memset(data, 0x22, 3 * PAGE);
			CHECK_CALL(copy(writers[k], end - n, size, &c), EFAULT, "%u, writer %zu: ", n, k);
			CHECK(c.left == 300, "%u, writer %zu: %u left", n, k, c.left);
			CHECK(written(end - n, n) && all_are(data, 3 * PAGE - n, 0x22), "%u, writer %zu", n, k);
		}
		CHECK_CALL(copy(MEMOPS_CLEAR, end - n, size, &c), EFAULT, "%u: ", n);
		CHECK(all_are(end - n, n, 0), "%u: clear", n);
		CHECK_CALL(copy(MEMOPS_PIN, end - n, size, &c), EFAULT, "%u: ", n);
		CHECK(c.left == 1, "%u: %u pages left", n, c.left);
	}
	CHECK_CALL(copy(MEMOPS_GET, end - 3, 0, &c), EFAULT, "");
	CHECK_CALL(copy(MEMOPS_PUT, end - 3, 0, &c), EFAULT, "");
	CHECK_CALL(copy(MEMOPS_GET, end - 4, 0, &c), 0, "");
}

static void hole_between(void)
{
	uint8_t *data = pages(3);
	struct memops_copy c = { 0 };

	CHECK(munmap(data + PAGE, PAGE) == 0, "%s", strerror(errno));
	CHECK_CALL(copy(MEMOPS_WRITE, data, 3 * PAGE, &c), EFAULT, "");
	CHECK(c.left == 2 * PAGE, "%u left", c.left);
	CHECK(written(data, PAGE) && all_are(data + 2 * PAGE, PAGE, 0), "what is there");
	CHECK_CALL(copy(MEMOPS_PIN_WRITE, data, 3 * PAGE, &c), EFAULT, "");
	CHECK(c.left == 2, "%u pages left", c.left);
}

static void addresses_that_are_none(void)
{
	const uint64_t addresses[] = {
		0, 8, PAGE, (uintptr_t)hole(), (uintptr_t)hole() + PAGE - 1,
		0x00007ffffffff000, 0x00007ffffffffff8, 0x0000800000000000, 0x1234567812345678,
		0xffff800000000000, 0xffff888000001000, 0xffffffff81000000, 0xffffffffffffe000,
		0xfffffffffffffffc, 0xffffffffffffffff,
	};
	static const enum memops_method methods[] = {
		MEMOPS_READ, MEMOPS_WRITE, MEMOPS_UPDATE, MEMOPS_GET, MEMOPS_PUT, MEMOPS_CLEAR,
		MEMOPS_STRING, MEMOPS_READ_ATOMIC, MEMOPS_WRITE_ATOMIC, MEMOPS_PIN, MEMOPS_PIN_WRITE,
	};

	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(methods); k++) {
			struct memops_copy c = { .address = addresses[i], .size = 16, .method = methods[k] };

			CHECK_CALL(ioctl(memops_fd, MEMOPS_COPY, &c), EFAULT, "0x%llx, method %d: ",
				   (unsigned long long)addresses[i], methods[k]);
		}
		CHECK_CALL(ioctl(memops_fd, MEMOPS_COPY, (void *)(uintptr_t)addresses[i]), EFAULT, "0x%llx: ",
			   (unsigned long long)addresses[i]);
	}
}

/* ---- Permissions ---- */

static void read_only_memory(void)
{
	uint8_t *data = pages(3);
	struct memops_copy c = { 0 };

	fill(data, 3 * PAGE, 9);
	CHECK(mprotect(data + PAGE, PAGE, PROT_READ) == 0, "%s", strerror(errno));
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		CHECK_CALL(copy(readers[i], data + 5, 2 * PAGE, &c), 0, "reader %zu: ", i);
		CHECK(c.sum == sum_of(data + 5, 2 * PAGE), "reader %zu", i);
	}
	CHECK_CALL(copy(MEMOPS_PIN, data + 5, 2 * PAGE, &c), 0, "");
	for (size_t i = 0; i < ARRAY_SIZE(writers); i++) {
		CHECK_CALL(copy(writers[i], data + PAGE - 10, 100, &c), EFAULT, "writer %zu: ", i);
		CHECK(c.left == 90 && written(data + PAGE - 10, 10), "writer %zu: %u left", i, c.left);
	}
	CHECK_CALL(copy(MEMOPS_UPDATE, data + PAGE, 100, &c), EFAULT, "");
	CHECK_CALL(copy(MEMOPS_PUT, data + PAGE + 8, 0, &c), EFAULT, "");
	CHECK_CALL(copy(MEMOPS_CLEAR, data + PAGE, 100, &c), EFAULT, "");
	CHECK_CALL(copy(MEMOPS_PIN_WRITE, data, 3 * PAGE, &c), EFAULT, "");
	CHECK(c.left == 2, "%u pages left", c.left);
	fill(data, PAGE, 9);
	CHECK(mprotect(data + PAGE, PAGE, PROT_READ | PROT_WRITE) == 0, "%s", strerror(errno));
	c.sum = sum_of(data, 3 * PAGE);
	fill(data, 3 * PAGE, 9);
	CHECK(c.sum == sum_of(data, 3 * PAGE), "a read-only page changed");
}

/* A write to a read-only page fails also where it would change nothing. */
static void read_only_unchanged(void)
{
	uint8_t *data = pages(1);
	struct memops_copy c = { 0 };

	for (uint32_t i = 0; i < 100; i++)
		data[i] = MEMOPS_BYTE(i);
	CHECK(mprotect(data, PAGE, PROT_READ) == 0, "%s", strerror(errno));
	for (size_t i = 0; i < ARRAY_SIZE(writers); i++) {
		CHECK_CALL(copy(writers[i], data, 100, &c), EFAULT, "writer %zu: ", i);
		CHECK(c.left == 100, "writer %zu: %u left", i, c.left);
	}
	CHECK_CALL(copy(MEMOPS_CLEAR, data + 200, 8, &c), EFAULT, "");
}

static void program_itself(void)
{
	const void *text = (void *)(uintptr_t)&program_itself, *vdso = (void *)getauxval(AT_SYSINFO_EHDR);
	struct memops_copy c = { 0 };

	CHECK_CALL(copy(MEMOPS_READ, text, 64, &c), 0, "");
	CHECK(c.sum == sum_of(text, 64), "text");
	CHECK_CALL(copy(MEMOPS_WRITE, text, 64, &c), EFAULT, "");
	CHECK_CALL(copy(MEMOPS_PIN, text, 64, &c), 0, "");
	CHECK_CALL(copy(MEMOPS_PIN_WRITE, text, 64, &c), EFAULT, "");
	if (vdso) {
		CHECK_CALL(copy(MEMOPS_READ, vdso, 64, &c), 0, "");
		CHECK(c.sum == sum_of(vdso, 64), "vdso");
		CHECK_CALL(copy(MEMOPS_WRITE, vdso, 64, &c), EFAULT, "");
	}
}

static void forbidden_memory(void)
{
	uint8_t *data = pages(2);
	struct memops_copy c = { 0 };

	CHECK(mprotect(data + PAGE, PAGE, PROT_NONE) == 0, "%s", strerror(errno));
	CHECK_CALL(copy(MEMOPS_READ, data + PAGE - 8, 16, &c), EFAULT, "");
	CHECK(c.left == 8, "%u left", c.left);
	CHECK_CALL(copy(MEMOPS_WRITE, data + PAGE, 16, &c), EFAULT, "");
	CHECK_CALL(copy(MEMOPS_PIN, data + PAGE, 16, &c), EFAULT, "");
}

/* A mapping that is longer than its file. */
static void beyond_the_file(void)
{
	int fd;
	uint8_t *data = map_file(100, 2, PROT_READ | PROT_WRITE, MAP_SHARED, &fd);
	struct memops_copy c = { 0 };

	CHECK_CALL(copy(MEMOPS_READ, data, PAGE, &c), 0, "");
	CHECK_CALL(copy(MEMOPS_READ, data, PAGE + 10, &c), EFAULT, "");
	CHECK(c.left == 10, "%u left", c.left);
	CHECK_CALL(copy(MEMOPS_WRITE, data + PAGE, 10, &c), EFAULT, "");
	CHECK_CALL(copy(MEMOPS_PIN_WRITE, data + PAGE, 10, &c), EFAULT, "");
}

/* ---- Pages that come into being by the access ---- */

static void untouched_memory(void)
{
	struct memops_copy c = { 0 };
	uint8_t zero[100] = { 0 };
	uint8_t *data = pages(4);

	CHECK_CALL(copy(MEMOPS_READ, data, 100, &c), 0, "");
	CHECK(c.sum == sum_of(zero, 100), "read");
	CHECK_CALL(copy(MEMOPS_WRITE, data + PAGE, 100, &c), 0, "");
	CHECK(written(data + PAGE, 100), "written");
	/* Read first, so that the page of zeros is there, and written then. */
	CHECK(((volatile uint8_t *)data)[2 * PAGE] == 0, "zero");
	CHECK_CALL(copy(MEMOPS_PIN, data + 2 * PAGE, 100, &c), 0, "");
	CHECK_CALL(copy(MEMOPS_PIN_WRITE, data + 2 * PAGE, 100, &c), 0, "");
	CHECK(all_are(data + 2 * PAGE, 100, 1), "pinned");
	CHECK_CALL(copy(MEMOPS_PIN_WRITE, data + 3 * PAGE, 100, &c), 0, "");
	CHECK(all_are(data + 3 * PAGE, 100, 1), "pinned, untouched");
}

/* A buffer on the stack that nobody has touched. Below the stack's pointer natively
 * the driver's access makes it grow; process_vm_readv(2) does not since Linux 6.5 (and
 * stable kernels of that time), so that is left out. */
static void untouched_stack(void)
{
	uint8_t *data = __builtin_alloca(64 * PAGE);

	/* The compiler would say that it is not initialised, which is the point. */
	__asm__ volatile("" : "+r"(data));
	CHECK_CALL(copy(MEMOPS_WRITE, data, 2 * PAGE, NULL), 0, "");
	CHECK(written(data, 2 * PAGE), "written");
}

static void copy_on_write(void)
{
	uint8_t *data = pages(3), *shared, *file;
	int fd, pid;
	uint8_t byte;

	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	file = map_file(PAGE, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE, &fd);
	memset(data, 0x33, 3 * PAGE);
	pid = fork();
	if (pid == 0) {
		CHECK_CALL(copy(MEMOPS_WRITE, data, PAGE, NULL), 0, "");
		CHECK(written(data, PAGE), "written");
		CHECK_CALL(copy(MEMOPS_PIN_WRITE, data + PAGE, PAGE, NULL), 0, "");
		CHECK(all_are(data + PAGE, PAGE, 0x34), "pinned");
		CHECK_CALL(copy(MEMOPS_WRITE, shared, PAGE, NULL), 0, "");
		_exit(0);
	}
	child_end(pid);
	CHECK(all_are(data, 3 * PAGE, 0x33), "the child wrote into its parent");
	CHECK(written(shared, PAGE), "shared memory");
	CHECK_CALL(copy(MEMOPS_UPDATE, file, PAGE, NULL), 0, "");
	CHECK(all_are(file, PAGE, 0x5b), "private file");
	CHECK(pread(fd, &byte, 1, 50) == 1 && byte == 0x5a, "the file changed: 0x%x", byte);
}

static void shared_file(void)
{
	int fd;
	uint8_t *file = map_file(PAGE, 1, PROT_READ | PROT_WRITE, MAP_SHARED, &fd), byte;

	CHECK_CALL(copy(MEMOPS_UPDATE, file, PAGE, NULL), 0, "");
	CHECK(pread(fd, &byte, 1, 50) == 1 && byte == 0x5b, "the file has 0x%x", byte);
}

/* ---- The same address again, when something else is there ---- */

static void memory_that_changes(void)
{
	uint8_t *data = pages(2);
	struct memops_copy c = { 0 };

	for (int i = 0; i < 20; i++) {
		fill(data, 2 * PAGE, i);
		CHECK_CALL(copy(MEMOPS_READ, data + 100, PAGE, &c), 0, "round %d: ", i);
		CHECK(c.sum == sum_of(data + 100, PAGE), "round %d", i);
	}
	CHECK(mprotect(data, PAGE, PROT_READ) == 0, "%s", strerror(errno));
	CHECK_CALL(copy(MEMOPS_WRITE, data + 100, PAGE, &c), EFAULT, "");
	CHECK(mprotect(data, PAGE, PROT_READ | PROT_WRITE) == 0, "%s", strerror(errno));
	CHECK_CALL(copy(MEMOPS_WRITE, data + 100, PAGE, &c), 0, "");
	CHECK(munmap(data + PAGE, PAGE) == 0, "%s", strerror(errno));
	CHECK_CALL(copy(MEMOPS_READ, data + 100, PAGE, &c), EFAULT, "");
	CHECK(c.left == 100, "%u left", c.left);
	CHECK(mmap(data + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		      data + PAGE, "%s", strerror(errno));
	CHECK_CALL(copy(MEMOPS_READ, data + 100, PAGE, &c), 0, "");
	CHECK(c.sum == sum_of(data + 100, PAGE), "new page");
}

static void strings(void)
{
	uint8_t *data = pages(2), *end = data + 2 * PAGE;
	struct memops_copy c = { 0 };

	memset(data, 'x', 2 * PAGE);
	memcpy(end - 6, "hello", 6);
	CHECK_CALL(copy(MEMOPS_STRING, end - 6, 4 * PAGE, &c), 0, "");
	CHECK(c.left == 5 && c.sum == sum_of("hello", 5), "%u", c.left);
	CHECK_CALL(copy(MEMOPS_STRING, data + PAGE - 50, 4 * PAGE, &c), 0, "");
	CHECK(c.left == PAGE + 49, "%u", c.left);
	CHECK_CALL(copy(MEMOPS_STRING, data + PAGE - 50, 60, &c), 0, "");
	CHECK(c.left == 60, "%u", c.left);
	CHECK_CALL(copy(MEMOPS_STRING, end - 1, 10, &c), 0, "");
	CHECK(c.left == 0, "%u", c.left);
	end[-1] = 'x';
	CHECK_CALL(copy(MEMOPS_STRING, end - 6, 5, &c), 0, "");
	CHECK_CALL(copy(MEMOPS_STRING, end - 1, 10, &c), EFAULT, "");
	CHECK_CALL(copy(MEMOPS_STRING, end - 1, 1, &c), 0, "");
}

const struct memops_case memops_ranges[] = {
	{ "kinds_of_memory", kinds_of_memory },
	{ "pinning", pinning },
	{ "huge", huge },
	{ "huge_pages", huge_pages },
	{ "page_ends", page_ends },
	{ "mapping_ends", mapping_ends },
	{ "hole_between", hole_between },
	{ "addresses_that_are_none", addresses_that_are_none },
	{ "read_only_memory", read_only_memory },
	{ "read_only_unchanged", read_only_unchanged },
	{ "program_itself", program_itself },
	{ "forbidden_memory", forbidden_memory },
	{ "beyond_the_file", beyond_the_file },
	{ "untouched_memory", untouched_memory },
	{ "untouched_stack", untouched_stack },
	{ "copy_on_write", copy_on_write },
	{ "shared_file", shared_file },
	{ "memory_that_changes", memory_that_changes },
	{ "strings", strings },
	{ 0 },
};

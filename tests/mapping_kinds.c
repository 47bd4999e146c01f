// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mapping_kinds NODE: mmap of memory in all the ways that drivers have it, through a
 * guest's node of /dev/mapops (kmod-memops/mapops.h) or on that itself. PARADICE_XEN in
 * the environment: the driver is in another domain, which can grant only memory whose
 * pages stay as long as somebody uses them, or as long as they are mapped.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kmod-memops/mapops.h"
#include "suite.h"

#define PAGE 4096u

static const char *node;

static bool far(void)
{
	return getenv("PARADICE_XEN");
}

static int device_open(void)
{
	int fd = open(node, O_RDWR | O_CLOEXEC);

	ck_assert_msg(fd >= 0, "%s: %s", node, strerror(errno));
	return fd;
}

static uint32_t device_do(int fd, uint32_t kind, uint32_t action, uint32_t seed)
{
	struct mapops_do what = { .kind = kind, .action = action, .seed = seed };

	ck_assert_msg(write(fd, &what, sizeof(what)) == sizeof(what) &&
			      read(fd, &what.value, sizeof(what.value)) == sizeof(what.value),
		      "kind %u, action %u: %s", kind, action, strerror(errno));
	return what.value;
}

static uint8_t *map_part(int fd, uint32_t kind, int prot, size_t from, size_t length)
{
	return mmap(NULL, length, prot, MAP_SHARED, fd, MAPOPS_OFFSET(kind) + from);
}

static uint8_t *map_all(int fd, uint32_t kind)
{
	uint8_t *memory = map_part(fd, kind, PROT_READ | PROT_WRITE, 0, MAPOPS_SIZE);

	ck_assert_msg(memory != MAP_FAILED, "kind %u: mmap: %s", kind, strerror(errno));
	return memory;
}

static uint32_t n_wrong(const uint8_t *memory, size_t from, size_t length, uint32_t seed)
{
	uint32_t n = 0;

	for (size_t i = 0; i < length; i++)
		n += memory[i] != MAPOPS_BYTE(seed, from + i);
	return n;
}

static bool can_cross(uint32_t kind)
{
	return !far() || kind != MAPOPS_LAZY_UNCOUNTED;
}

/* What the driver writes under the mapping is seen, again and again, and what the
 * program writes arrives. */
START_TEST(both_ways)
{
	int fd = device_open();
	uint8_t *memory, *part;

	if (!can_cross(_i)) {
		ck_assert_ptr_eq(map_part(fd, _i, PROT_READ | PROT_WRITE, 0, MAPOPS_SIZE), MAP_FAILED);
		ck_assert_int_eq(errno, ENODEV);
		close(fd);
		return;
	}
	memory = map_all(fd, _i);
	for (uint32_t seed = 1; seed < 6; seed++) {
		device_do(fd, _i, MAPOPS_FILL, seed);
		ck_assert_uint_eq(n_wrong(memory, 0, MAPOPS_SIZE, seed), 0);
	}
	for (size_t i = 0; i < MAPOPS_SIZE; i++)
		memory[i] = MAPOPS_BYTE(99, i);
	ck_assert_uint_eq(device_do(fd, _i, MAPOPS_CHECK, 99), 0);
	part = map_part(fd, _i, PROT_READ, 5 * PAGE, 3 * PAGE);
	ck_assert_msg(part != MAP_FAILED, "kind %d: mmap of a part: %s", _i, strerror(errno));
	ck_assert_uint_eq(n_wrong(part, 5 * PAGE, 3 * PAGE, 99), 0);
	munmap(part, 3 * PAGE);
	ck_assert_ptr_eq(map_part(fd, _i, PROT_READ, MAPOPS_SIZE - PAGE, 2 * PAGE), MAP_FAILED);
	ck_assert_int_eq(errno, EINVAL);
	munmap(memory, MAPOPS_SIZE);
	close(fd);
}
END_TEST

/* The driver sees what the program asked for, on which it may depend, and what was mapped
 * for less can be used for more later. */
START_TEST(protections)
{
	static const int asked[] = { PROT_NONE, PROT_READ, PROT_WRITE, PROT_READ | PROT_WRITE };
	int fd = device_open();

	if (!can_cross(_i))
		return;
	device_do(fd, _i, MAPOPS_FILL, 11);
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		uint8_t *memory = map_part(fd, _i, asked[i], 0, MAPOPS_SIZE);

		ck_assert_msg(memory != MAP_FAILED, "kind %d, protection %d: mmap: %s", _i, asked[i],
			      strerror(errno));
		ck_assert_uint_eq(device_do(fd, _i, MAPOPS_PROTECTION, 0), asked[i]);
		if (!getenv("PARADICE_PV")) {
			ck_assert_int_eq(mprotect(memory, MAPOPS_SIZE, PROT_READ | PROT_WRITE), 0);
			ck_assert_uint_eq(n_wrong(memory, 0, MAPOPS_SIZE, 11), 0);
			memory[0] = 1;
			ck_assert_uint_eq(device_do(fd, _i, MAPOPS_CHECK, 11), 1);
			memory[0] = MAPOPS_BYTE(11, 0);
		}
		munmap(memory, MAPOPS_SIZE);
	}
	close(fd);
}
END_TEST

/* The driver frees its buffers when the file is closed, which a mapping keeps open. */
START_TEST(outlives_close)
{
	int fd = device_open();
	uint8_t *memory;

	if (!can_cross(_i))
		return;
	memory = map_all(fd, _i);
	device_do(fd, _i, MAPOPS_FILL, 7);
	close(fd);
	ck_assert_uint_eq(n_wrong(memory, 0, MAPOPS_SIZE, 7), 0);
	memset(memory, 3, MAPOPS_SIZE);
	munmap(memory, MAPOPS_SIZE);
}
END_TEST

/* The fault handler fills a mapping in, page by page. Between domains all is filled in
 * when it is mapped. */
START_TEST(filled_in_when_touched)
{
	int fd = device_open();
	uint8_t *memory = map_all(fd, _i);
	uint32_t n = far() ? MAPOPS_SIZE / PAGE : 0;

	ck_assert_uint_eq(device_do(fd, _i, MAPOPS_FAULTS, 0), n);
	for (uint32_t at = 0; at < MAPOPS_SIZE; at += 4 * PAGE) {
		memory[at] = 1;
		n += far() ? 0 : 1;
		ck_assert_uint_eq(device_do(fd, _i, MAPOPS_FAULTS, 0), n);
	}
	munmap(memory, MAPOPS_SIZE);
	close(fd);
}
END_TEST

/* The driver puts other pages in place of those that are mapped. On one kernel the
 * program sees them; between domains it keeps what it has, which the driver's freeing
 * does not take from it. */
START_TEST(replaced)
{
	int fd = device_open();
	uint8_t *memory = map_all(fd, _i), *again;

	device_do(fd, _i, MAPOPS_FILL, 20);
	ck_assert_uint_eq(n_wrong(memory, 0, MAPOPS_SIZE, 20), 0);
	device_do(fd, _i, MAPOPS_REPLACE, 21);
	ck_assert_uint_eq(n_wrong(memory, 0, MAPOPS_SIZE, far() ? 20 : 21), 0);
	memset(memory, 5, MAPOPS_SIZE);
	ck_assert_uint_eq(device_do(fd, _i, MAPOPS_CHECK, 21) == 0, far());
	again = map_all(fd, _i);
	device_do(fd, _i, MAPOPS_FILL, 22);
	ck_assert_uint_eq(n_wrong(again, 0, MAPOPS_SIZE, 22), 0);
	munmap(again, MAPOPS_SIZE);
	munmap(memory, MAPOPS_SIZE);
	close(fd);
}
END_TEST

int main(int argc, char **argv)
{
	TCase *tcase = tcase_create("mapping_kinds");

	if (argc < 2)
		return 77;
	node = argv[1];
	setvbuf(stdout, NULL, _IOLBF, 0);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, both_ways, 0, MAPOPS_KINDS);
	tcase_add_loop_test(tcase, protections, 0, MAPOPS_KINDS);
	tcase_add_loop_test(tcase, outlives_close, 0, MAPOPS_KINDS);
	tcase_add_loop_test(tcase, filled_in_when_touched, MAPOPS_LAZY, MAPOPS_LAZY_UNCOUNTED);
	tcase_add_loop_test(tcase, replaced, MAPOPS_LAZY, MAPOPS_LAZY_UNCOUNTED);
	return suite_run("mapping_kinds", tcase);
}

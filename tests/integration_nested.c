// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ioctl with pointers inside, on a driver that every machine with a console has: its
 * font map (GIO_UNIMAP: a counted array, the count first) and font (KDFONTOP). Where
 * guest and driver domain are one kernel, the node answers as the device does.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kd.h>
#include <linux/vt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "integration.h"

#define MANY 2048 /* entries: more than any map has */

static int console_open(void)
{
	return node_open("console", O_RDWR | O_NOCTTY);
}

/* How many entries the map has, by asking without room for any. */
static unsigned int map_count(int fd)
{
	struct unimapdesc map = { 0 };

	ck_assert_int_eq(ioctl(fd, GIO_UNIMAP, &map), -1);
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_ptr_null(map.entries);
	ck_assert_uint_gt(map.entry_ct, 0);
	ck_assert_uint_lt(map.entry_ct, MANY);
	return map.entry_ct;
}

START_TEST(counted_array_comes_whole)
{
	struct unipair *entries = calloc(MANY, sizeof(*entries));
	struct unimapdesc map = { .entry_ct = MANY, .entries = entries };
	int fd = console_open();
	unsigned int n = map_count(fd);

	memset(entries, 0x5a, MANY * sizeof(*entries));
	ck_assert_int_eq(ioctl(fd, GIO_UNIMAP, &map), 0);
	ck_assert_uint_eq(map.entry_ct, n);
	ck_assert_ptr_eq(map.entries, entries);
	ck_assert_uint_ne(entries[n - 1].fontpos, 0x5a5a);
	ck_assert_uint_eq(entries[n].unicode, 0x5a5a);
	ck_assert_uint_eq(entries[MANY - 1].fontpos, 0x5a5a);
	free(entries);
	close(fd);
}
END_TEST

/* The array ends where memory does: as much as there is has been written. */
START_TEST(array_at_the_end_of_memory)
{
	int fd = console_open();
	unsigned int n = map_count(fd), room = n - 1;
	char *pages = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct unipair *entries = (struct unipair *)(pages + 12288) - room, whole[MANY];
	struct unimapdesc map = { .entry_ct = MANY, .entries = entries };

	ck_assert_ptr_ne(pages, MAP_FAILED);
	ck_assert_int_eq(mprotect(pages + 12288, 4096, PROT_NONE), 0);
	memset(entries, 0x5a, room * sizeof(*entries));
	ck_assert_uint_gt(room, 0);
	ck_assert_int_eq(ioctl(fd, GIO_UNIMAP, &map), -1);
	ck_assert_int_eq(errno, EFAULT);
	map.entries = whole;
	map.entry_ct = MANY;
	ck_assert_int_eq(ioctl(fd, GIO_UNIMAP, &map), 0);
	ck_assert_mem_eq(entries, whole, room * sizeof(*entries));
	munmap(pages, 16384);
	close(fd);
}
END_TEST

START_TEST(pointers_that_lead_nowhere)
{
	int fd = console_open();
	void *hole = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct unipair *bad[] = { NULL, (void *)8, hole, (void *)(UINTPTR_MAX - 100), (void *)(1ul << 63),
				  (void *)0x7ffffffff000 };

	map_count(fd);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct unimapdesc map = { .entry_ct = MANY, .entries = bad[i] };

		ck_assert_int_eq(ioctl(fd, GIO_UNIMAP, &map), -1);
		ck_assert_int_eq(errno, EFAULT);
		ck_assert_ptr_eq(map.entries, bad[i]);
	}
	ck_assert_int_eq(ioctl(fd, GIO_UNIMAP, hole), -1);
	ck_assert_int_eq(errno, EFAULT);
	munmap(hole, 4096);
	close(fd);
}
END_TEST

START_TEST(read_only_array)
{
	int fd = console_open();
	struct unipair *entries = mmap(NULL, MANY * sizeof(*entries), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct unimapdesc map = { .entry_ct = MANY, .entries = entries };

	map_count(fd);
	ck_assert_int_eq(ioctl(fd, GIO_UNIMAP, &map), -1);
	ck_assert_int_eq(errno, EFAULT);
	munmap(entries, MANY * sizeof(*entries));
	close(fd);
}
END_TEST

/* Who may not change the font is told so, whatever the pointers. */
START_TEST(what_a_session_may_not)
{
	int fd = console_open();
	struct unipair entries[2] = { { 0x41, 1 }, { 0x42, 2 } };
	struct unimapdesc map = { .entry_ct = 2, .entries = entries };
	unsigned int before = map_count(fd);

	ck_assert_int_eq(ioctl(fd, PIO_UNIMAP, &map), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_uint_eq(map_count(fd), before);
	close(fd);
}
END_TEST

/* In one kernel the device itself can be asked. */
START_TEST(same_as_the_device)
{
	static unsigned char glyphs[2][65536];
	struct console_font_op fonts[2];
	struct unipair entries[2][MANY];
	int fds[2] = { console_open(), open("/dev/tty1", O_RDWR | O_NOCTTY | O_CLOEXEC) };
	int results[2], errors[2];
	struct kbsentry strings[2];

	ck_assert_int_ge(fds[1], 0);
	for (int i = 0; i < 2; i++) {
		struct unimapdesc map = { .entry_ct = MANY, .entries = entries[i] };

		memset(entries[i], 0, sizeof(entries[i]));
		ck_assert_int_eq(ioctl(fds[i], GIO_UNIMAP, &map), 0);
	}
	ck_assert_mem_eq(entries[0], entries[1], sizeof(entries[0]));
	for (int i = 0; i < 2; i++) {
		fonts[i] = (struct console_font_op){ .op = KD_FONT_OP_GET, .width = 32, .height = 32,
						     .charcount = 512, .data = glyphs[i] };
		errno = 0;
		results[i] = ioctl(fds[i], KDFONTOP, &fonts[i]);
		errors[i] = errno;
		ck_assert_ptr_eq(fonts[i].data, glyphs[i]);
		fonts[i].data = NULL;
	}
	ck_assert_int_eq(results[0], results[1]);
	/* FUSE turns ENOSYS into ENOTTY (fuse_send_ioctl() in fs/fuse/ioctl.c), and mmhelper
	 * turns it back. */
	if (errors[1] == ENOSYS && access("/dev/paradice-mmhelper", F_OK) < 0)
		errors[1] = ENOTTY;
	ck_assert_int_eq(errors[0], errors[1]);
	ck_assert_mem_eq(&fonts[0], &fonts[1], sizeof(fonts[0]));
	ck_assert_mem_eq(glyphs[0], glyphs[1], sizeof(glyphs[0]));
	for (int i = 0; i < 2; i++) {
		memset(&strings[i], 0, sizeof(strings[i]));
		ck_assert_int_eq(ioctl(fds[i], KDGKBSENT, &strings[i]), 0);
	}
	ck_assert_mem_eq(&strings[0], &strings[1], sizeof(strings[0]));
	close(fds[0]);
	close(fds[1]);
}
END_TEST

/* deny and allow in hostd.conf. */
START_TEST(what_the_configuration_says)
{
	int strict = node_open("console-strict", O_RDWR | O_NOCTTY);
	int open_to_more = node_open("console-open", O_RDWR | O_NOCTTY);
	int plain = console_open(), mode;
	struct unimapdesc map = { 0 };
	struct vt_stat state;
	char shift = 6;

	ck_assert_int_eq(ioctl(strict, GIO_UNIMAP, &map), -1);
	ck_assert_int_eq(errno, ENOTTY);
	ck_assert_int_eq(ioctl(strict, VT_GETSTATE, &state), -1);
	ck_assert_int_eq(errno, ENOTTY);
	/* A small argument is no way around. */
	ck_assert_int_eq(ioctl(strict, KDGKBMODE, NULL), -1);
	ck_assert_int_eq(errno, ENOTTY);
	ck_assert_int_eq(ioctl(plain, KDGKBMODE, NULL), -1);
	ck_assert_int_eq(errno, EFAULT);
	ck_assert_int_eq(ioctl(plain, KDGKBMODE, &mode), 0);
	/* allow wins over deny, and has no table; the driver refuses the session. */
	ck_assert_int_eq(ioctl(open_to_more, VT_GETSTATE, &state), 0);
	ck_assert_int_eq(ioctl(plain, TIOCLINUX, &shift), -1);
	ck_assert_int_eq(errno, ENOTTY);
	ck_assert_int_eq(ioctl(open_to_more, TIOCLINUX, &shift), -1);
	ck_assert_int_eq(errno, EPERM);
	/* What allow does not name is as before. */
	ck_assert_int_eq(ioctl(open_to_more, _IOWR('z', 1, state), &state), -1);
	ck_assert_int_eq(errno, ENOTTY);
	close(plain);
	close(open_to_more);
	close(strict);
}
END_TEST

static bool has_font_map(void)
{
	struct unimapdesc map = { 0 };
	int fd = open(node_path("console"), O_RDWR | O_NOCTTY | O_CLOEXEC);
	bool has = fd >= 0 && ioctl(fd, GIO_UNIMAP, &map) < 0 && errno == ENOMEM && map.entry_ct;

	if (fd >= 0)
		close(fd);
	return has;
}

TCase *case_nested(void)
{
	TCase *tcase = tcase_create("nested");

	tcase_set_timeout(tcase, 120);
	if (!node_exists("console")) {
		test_skip("nested", "the driver domain has no /dev/tty1, or may not open it");
		return tcase;
	}
	if (!has_font_map()) {
		test_skip("nested", "the console has no font map to ask for");
		return tcase;
	}
	tcase_add_test(tcase, counted_array_comes_whole);
	tcase_add_test(tcase, array_at_the_end_of_memory);
	tcase_add_test(tcase, pointers_that_lead_nowhere);
	tcase_add_test(tcase, read_only_array);
	tcase_add_test(tcase, what_a_session_may_not);
	tcase_add_test(tcase, what_the_configuration_says);
	if (nodes_are_files())
		tcase_add_test(tcase, same_as_the_device);
	else
		test_skip("same_as_the_device", "the device is in another domain, or its node has a driver of its own");
	return tcase;
}

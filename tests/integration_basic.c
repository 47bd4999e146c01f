// SPDX-License-Identifier: GPL-2.0-or-later
/* open, release, read, write, and the errno values of devices. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "integration.h"
#include "pattern.h"

static void open_fails(const char *name, int flags, int error)
{
	int fd = open(node_path(name), flags | O_CLOEXEC | O_NOCTTY);

	ck_assert_msg(fd < 0, "%s: open works", name);
	ck_assert_msg(errno == error, "%s: open: %s, not %s", name, strerror(errno), strerror(error));
}

START_TEST(open_and_close)
{
	close(node_open("zero", O_RDONLY));
	close(node_open("zero", O_RDWR));
	close(node_open("null", O_WRONLY));
}
END_TEST

START_TEST(open_of_missing_device)
{
	open_fails("missing", O_RDWR, ENOENT);
	open_fails("never-configured", O_RDWR, ENOENT);
}
END_TEST

START_TEST(open_fails_as_the_driver_says)
{
	/* tty_open(): no terminal. pty: not unlocked, ptmx's pts_unix98_lookup. */
	open_fails("nobody", O_RDWR, ENXIO);
	open_fails("locked", O_RDWR, EIO);
}
END_TEST

/* Becomes another user, who is in this group. */
static void nobody_in(gid_t gid)
{
	child_check(setgroups(1, &gid) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
}

START_TEST(mode_is_obeyed)
{
	struct stat st;
	pid_t pid;

	ck_assert_int_eq(stat(node_path("private"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(stat(node_path("zero"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0666);
	pid = fork();
	if (pid == 0) {
		int fd;

		nobody_in(65534);
		child_check(open(node_path("private"), O_RDONLY) < 0 && errno == EACCES);
		fd = open(node_path("zero"), O_RDONLY);
		child_check(fd >= 0);
		_exit(0);
	}
	child_wait(pid, 0);
}
END_TEST

START_TEST(group_is_obeyed)
{
	const struct group *group = getgrnam("operator");
	struct stat st;
	gid_t gid;
	pid_t pid;

	ck_assert_ptr_nonnull(group);
	gid = group->gr_gid;
	ck_assert_int_eq(stat(node_path("operators"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0640);
	ck_assert_uint_eq(st.st_gid, gid);
	/* As that of the device itself. */
	ck_assert_int_eq(stat(node_path("zero"), &st), 0);
	ck_assert_uint_eq(st.st_gid, 0);
	pid = fork();
	if (pid == 0) {
		nobody_in(65534);
		child_check(open(node_path("operators"), O_RDONLY) < 0 && errno == EACCES);
		_exit(0);
	}
	child_wait(pid, 0);
	pid = fork();
	if (pid == 0) {
		nobody_in(gid);
		child_check(open(node_path("operators"), O_RDWR) < 0 && errno == EACCES);
		child_check(open(node_path("operators"), O_RDONLY) >= 0);
		_exit(0);
	}
	child_wait(pid, 0);
}
END_TEST

START_TEST(access_mode_reaches_the_device)
{
	int fd = node_open("zero", O_RDONLY);

	ck_assert_int_eq(write(fd, "x", 1), -1);
	ck_assert_int_eq(errno, EBADF);
	close(fd);
	fd = node_open("zero", O_WRONLY);
	ck_assert_int_eq(read(fd, &(char){ 0 }, 1), -1);
	ck_assert_int_eq(errno, EBADF);
	close(fd);
}
END_TEST

START_TEST(null_is_empty)
{
	int fd = node_open("null", O_RDWR);
	char byte;

	ck_assert_int_eq(read(fd, &byte, 1), 0);
	ck_assert_int_eq(write(fd, "12345", 5), 5);
	close(fd);
}
END_TEST

START_TEST(full_has_no_space)
{
	int fd = node_open("full", O_RDWR);
	char data[8] = "xxxxxxx";

	ck_assert_int_eq(write(fd, data, sizeof(data)), -1);
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_int_eq(read(fd, data, sizeof(data)), sizeof(data));
	ck_assert_mem_eq(data, "\0\0\0\0\0\0\0", sizeof(data));
	close(fd);
}
END_TEST

static const size_t sizes[] = { 1,	4095,	4096,	4097,	16384,	16385,
				65536,	131071, 131072, 131073, 262145, 1048576 };
#define N_SIZES ((int)(sizeof(sizes) / sizeof(sizes[0])))

START_TEST(read_of_each_size)
{
	size_t size = sizes[_i];
	uint8_t *data = malloc(size + 1);
	int fd = node_open("zero", O_RDONLY);

	memset(data, 0xa5, size + 1);
	ck_assert_int_eq(read(fd, data, size), size);
	/* libcheck writes a line for each assertion, which takes a minute for a million. */
	for (size_t i = 0; i < size; i++)
		if (data[i])
			ck_abort_msg("byte %zu of %zu is 0x%x", i, size, data[i]);
	ck_assert_msg(data[size] == 0xa5, "a byte more than %zu was written", size);
	free(data);
	close(fd);
}
END_TEST

START_TEST(write_of_each_size)
{
	uint8_t *data = calloc(1, sizes[_i]);
	int fd = node_open("null", O_WRONLY);

	ck_assert_int_eq(write(fd, data, sizes[_i]), sizes[_i]);
	free(data);
	close(fd);
}
END_TEST

START_TEST(size_zero)
{
	int fd = node_open("zero", O_RDWR);
	char byte = 'x';

	ck_assert_int_eq(read(fd, &byte, 0), 0);
	ck_assert_int_eq(write(fd, &byte, 0), 0);
	ck_assert_int_eq(byte, 'x');
	close(fd);
}
END_TEST

START_TEST(random_is_not_the_same_twice)
{
	uint8_t first[64] = { 0 }, second[64] = { 0 };
	int fd = node_open("urandom", O_RDONLY);

	ck_assert_int_eq(read(fd, first, sizeof(first)), sizeof(first));
	ck_assert_int_eq(read(fd, second, sizeof(second)), sizeof(second));
	ck_assert_mem_ne(first, second, sizeof(first));
	close(fd);
}
END_TEST

START_TEST(hardware_random)
{
	uint8_t data[64] = { 0 }, zero[64] = { 0 };
	int fd = node_open("hwrng", O_RDONLY);
	ssize_t n = read(fd, data, sizeof(data));

	ck_assert_msg(n > 0, "read: %s", strerror(errno));
	ck_assert_mem_ne(data, zero, sizeof(data));
	close(fd);
}
END_TEST

START_TEST(bytes_written_arrive)
{
	size_t size = sizes[_i];
	uint8_t *data = malloc(size);
	int fd = terminal_open("tty0", O_RDWR);
	unsigned long long heard = 0;
	uint32_t seed = 7 + _i;

	pattern_fill(&seed, data, size);
	say(fd, "sink %zu", size);
	write_fully(fd, data, size);
	ck_assert_int_eq(sscanf(hear(fd), "sum %llx", &heard), 1);
	ck_assert_uint_eq(heard, pattern_sum(PATTERN_SUM_START, data, size));
	free(data);
	close(fd);
}
END_TEST

START_TEST(bytes_sent_are_read)
{
	size_t size = sizes[_i];
	uint8_t *data = malloc(size), *wanted = malloc(size);
	int fd = terminal_open("tty0", O_RDWR);
	uint32_t seed = 99 + _i;

	say(fd, "source %zu %u", size, seed);
	pattern_fill(&seed, wanted, size);
	read_fully(fd, data, size);
	ck_assert_msg(memcmp(data, wanted, size) == 0, "%zu bytes came, but others", size);
	free(wanted);
	free(data);
	close(fd);
}
END_TEST

START_TEST(short_reads_stay_short)
{
	int fd = terminal_open("tty0", O_RDWR);
	char data[64];
	ssize_t n;

	say(fd, "echo abc");
	n = read(fd, data, sizeof(data));
	ck_assert_msg(n > 0 && n <= 4, "read gives %zd", n);
	if (n < 4)
		read_fully(fd, data + n, 4 - n);
	ck_assert_mem_eq(data, "abc\n", 4);
	close(fd);
}
END_TEST

START_TEST(lseek_is_refused)
{
	int fd = terminal_open("tty0", O_RDWR);

	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), -1);
	ck_assert_int_eq(errno, ESPIPE);
	close(fd);
}
END_TEST

START_TEST(bad_buffer_is_efault)
{
	void *hole = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = node_open("zero", O_RDWR);

	ck_assert_ptr_ne(hole, MAP_FAILED);
	ck_assert_int_eq(read(fd, hole, 16), -1);
	ck_assert_int_eq(errno, EFAULT);
	close(fd);
	fd = terminal_open("tty0", O_RDWR);
	ck_assert_int_eq(write(fd, hole, 16), -1);
	ck_assert_int_eq(errno, EFAULT);
	close(fd);
	munmap(hole, 4096);
}
END_TEST

TCase *case_basic(void)
{
	TCase *tcase = tcase_create("basic");

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, open_and_close);
	tcase_add_test(tcase, open_of_missing_device);
	tcase_add_test(tcase, open_fails_as_the_driver_says);
	if (geteuid() == 0) {
		tcase_add_test(tcase, mode_is_obeyed);
		tcase_add_test(tcase, group_is_obeyed);
	} else {
		test_skip("mode_is_obeyed", "needs root, to become another user");
		test_skip("group_is_obeyed", "needs root, to become another user");
	}
	tcase_add_test(tcase, access_mode_reaches_the_device);
	tcase_add_test(tcase, null_is_empty);
	tcase_add_test(tcase, full_has_no_space);
	tcase_add_loop_test(tcase, read_of_each_size, 0, N_SIZES);
	tcase_add_loop_test(tcase, write_of_each_size, 0, N_SIZES);
	tcase_add_test(tcase, size_zero);
	tcase_add_test(tcase, random_is_not_the_same_twice);
	if (node_exists("hwrng"))
		tcase_add_test(tcase, hardware_random);
	else
		test_skip("hardware_random", "the driver domain has no /dev/hwrng that the puppet may open");
	tcase_add_loop_test(tcase, bytes_written_arrive, 0, N_SIZES);
	tcase_add_loop_test(tcase, bytes_sent_are_read, 0, N_SIZES);
	tcase_add_test(tcase, short_reads_stay_short);
	if (nodes_are_files() || access("/dev/paradice-mmhelper", F_OK) == 0)
		tcase_add_test(tcase, lseek_is_refused);
	else
		test_skip("lseek_is_refused", "CUSE has no llseek, and mmhelper is not loaded");
	tcase_add_test(tcase, bad_buffer_is_efault);
	return tcase;
}

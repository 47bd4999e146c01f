// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bar_misuse DEVICE: in the driver domain, what the kernel module must refuse of those who
 * offer memory of a PCI device (tests/kmod-bar) to domain PARADICE_DOMID, and who take it.
 * Nothing is mapped by Xen here.
 *
 * bar_misuse: in a guest, what it must refuse of those who reserve address space.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kmod-bar/bar.h"
#include "kmod-mmhelper/mmhelper.h"
#include "suite.h"

#define PAGE 4096u
#define N_PAGES 4

static const char *device;

static int helper_open(void)
{
	int fd = open(MMHELPER_PATH, O_RDWR | O_CLOEXEC);

	ck_assert_msg(fd >= 0, MMHELPER_PATH ": %s", strerror(errno));
	return fd;
}

static void refused(int fd, unsigned long command, void *argument, int error)
{
	ck_assert_msg(ioctl(fd, command, argument) == -1, "command 0x%lx was taken", command);
	ck_assert_msg(errno == error, "command 0x%lx: %s, not %s", command, strerror(errno), strerror(error));
}

static void taken(int fd, unsigned long command, void *argument)
{
	ck_assert_msg(ioctl(fd, command, argument) == 0, "command 0x%lx: %s", command, strerror(errno));
}

static unsigned long parameter(const char *path)
{
	FILE *file = fopen(path, "re");
	unsigned long n = 0;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%lu", &n), 1);
	fclose(file);
	return n;
}

static unsigned long placed(void)
{
	return parameter("/sys/module/mmhelper/parameters/placed_frames");
}

/* ---- the driver domain ---- */

static uint32_t domid;

static int bound(uint64_t max_pages)
{
	struct mmhelper_bind bind = { .domid = domid, .max_pages = max_pages };
	int fd = helper_open();

	taken(fd, MMHELPER_BIND, &bind);
	return fd;
}

static void *map(size_t length, int protection, int flags, off_t offset)
{
	int fd = open(device, O_RDWR | O_CLOEXEC);
	void *memory = mmap(NULL, length, protection, flags, fd, offset);

	ck_assert_msg(memory != MAP_FAILED, "mmap at 0x%lx: %s", (unsigned long)offset, strerror(errno));
	close(fd);
	return memory;
}

static void *map_memory(void)
{
	return map(N_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, BAR_MEMORY);
}

static struct mmhelper_offer offer_of(const void *memory, size_t length)
{
	return (struct mmhelper_offer){ .address = (uintptr_t)memory, .length = length };
}

static uint64_t offer(int fd, const void *memory)
{
	struct mmhelper_offer offer = offer_of(memory, N_PAGES * PAGE);

	taken(fd, MMHELPER_OFFER, &offer);
	ck_assert_uint_eq(offer.cache, MMHELPER_CACHE_NORMAL);
	return offer.token;
}

static void refused_offer(int fd, const void *memory, size_t length, int error)
{
	struct mmhelper_offer offer = offer_of(memory, length);

	refused(fd, MMHELPER_OFFER, &offer, error);
}

START_TEST(what_is_offered)
{
	struct mmhelper_frames frames = { .domid = domid, .guest_frame = 77 };
	struct mmhelper_drop drop = { 0 };
	int fd = bound(64), taker = helper_open();
	uint8_t *memory = map(8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, BAR_COMBINE + 3 * PAGE);
	struct mmhelper_offer offer = offer_of(memory + 2 * PAGE, N_PAGES * PAGE);
	struct stat st;

	taken(fd, MMHELPER_OFFER, &offer);
	ck_assert_uint_eq(offer.cache, MMHELPER_CACHE_COMBINE);
	frames.token = drop.token = offer.token;
	ck_assert_uint_eq(placed(), 0);
	taken(taker, MMHELPER_TAKE, &frames);
	ck_assert_uint_eq(placed(), N_PAGES);
	ck_assert_int_eq(stat(device, &st), 0);
	ck_assert_uint_eq(makedev(frames.major, frames.minor), st.st_rdev);
	ck_assert_uint_eq(frames.n_frames, N_PAGES);
	ck_assert_uint_eq(frames.guest_frame, 77);
	/* The BAR is a megabyte and so begins at one. */
	ck_assert_uint_eq(frames.frame % (BAR_SIZE / PAGE), 5);
	taken(taker, MMHELPER_DROP, &drop);
	ck_assert_uint_eq(placed(), 0);
	munmap(memory, 8 * PAGE);
	close(taker);
	close(fd);
}
END_TEST

START_TEST(what_is_not)
{
	int fd = bound(64), unbound = helper_open();
	uint8_t *memory = map_memory(), *other;

	refused_offer(unbound, memory, PAGE, EPERM);
	refused_offer(fd, memory, 0, EINVAL);
	refused_offer(fd, memory + 1, PAGE, EINVAL);
	refused_offer(fd, memory, PAGE + 1, EINVAL);
	refused_offer(fd, memory, (N_PAGES + 1) * PAGE, EFAULT);
	refused_offer(fd, memory, -(size_t)PAGE, EFAULT);
	refused_offer(fd, NULL, PAGE, EFAULT);
	refused_offer(fd, (void *)0xffff888000000000, PAGE, EFAULT);
	ck_assert_int_eq(mprotect(memory, N_PAGES * PAGE, PROT_READ), 0);
	refused_offer(fd, memory, PAGE, EACCES);
	munmap(memory, N_PAGES * PAGE);
	other = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	refused_offer(fd, other, PAGE, EINVAL);
	memory = map(PAGE, PROT_READ, MAP_PRIVATE, BAR_MEMORY);
	refused_offer(fd, memory, PAGE, EACCES);
	memory = map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, BAR_MOVABLE);
	memory[0] = 1;
	refused_offer(fd, memory, PAGE, ETXTBSY);
	memory = map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, BAR_REGISTERS);
	refused_offer(fd, memory, PAGE, EREMOTEIO);
	memory = map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, BAR_OTHERS);
	refused_offer(fd, memory, PAGE, EREMOTEIO);
	memory = map(2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, BAR_PIECES);
	refused_offer(fd, memory, 2 * PAGE, EREMOTEIO);
	close(unbound);
	close(fd);
}
END_TEST

START_TEST(limit)
{
	int fd = bound(2 * N_PAGES), again = bound(2 * N_PAGES);
	struct mmhelper_drop drop;
	void *memory = map_memory();

	drop.token = offer(fd, memory);
	offer(again, memory);
	refused_offer(fd, memory, PAGE, ERANGE);
	taken(fd, MMHELPER_DROP, &drop);
	offer(fd, memory);
	close(again);
	offer(fd, memory);
	refused_offer(fd, memory, PAGE, ERANGE);
	close(fd);
}
END_TEST

/* Only another process's mapping; only to whom it is offered; once. */
START_TEST(who_takes)
{
	int fd = bound(64), taker = helper_open(), status;
	void *memory = map_memory();
	struct mmhelper_frames frames = { .token = offer(fd, memory), .domid = domid + 1 }, again;
	struct mmhelper_drop drop = { .token = frames.token };
	pid_t pid = fork();

	if (pid == 0) {
		struct mmhelper_offer mine = offer_of(memory, PAGE);

		_exit(ioctl(fd, MMHELPER_OFFER, &mine) == -1 && errno == EPERM ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	refused(taker, MMHELPER_TAKE, &frames, ENOENT);
	frames.domid = domid;
	again = frames;
	pid = fork();
	if (pid == 0) {
		/* A session's rights are gone, its file is not. */
		if (setresuid(65534, 65534, 65534))
			_exit(1);
		_exit(ioctl(fd, MMHELPER_TAKE, &again) == -1 && errno == EPERM ? 0 : 2);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	refused(taker, MMHELPER_DROP, &drop, ENOENT);
	taken(taker, MMHELPER_TAKE, &frames);
	refused(fd, MMHELPER_TAKE, &again, EBUSY);
	refused(fd, MMHELPER_DROP, &drop, ENOENT);
	taken(taker, MMHELPER_DROP, &drop);
	refused(taker, MMHELPER_DROP, &drop, ENOENT);
	refused(taker, MMHELPER_TAKE, &again, ENOENT);
	close(taker);
	close(fd);
}
END_TEST

static void users_become(unsigned long n)
{
	for (int i = 0; i < 500 && parameter("/sys/module/bar/parameters/users") != n; i++)
		usleep(20000);
	ck_assert_uint_eq(parameter("/sys/module/bar/parameters/users"), n);
}

/* An untaken offer goes with its maker; what was taken stays, with the device open,
 * until somebody has dropped it. */
START_TEST(who_dies)
{
	int fd = bound(64), taker = helper_open();
	void *memory = map_memory();
	struct mmhelper_frames frames = { .token = offer(fd, memory), .domid = domid, .guest_frame = 5 };
	struct mmhelper_frames left = { 0 }, untaken = { .token = offer(fd, memory), .domid = domid };
	struct mmhelper_drop drop = { .token = frames.token };

	taken(taker, MMHELPER_TAKE, &frames);
	close(fd);
	munmap(memory, N_PAGES * PAGE);
	refused(taker, MMHELPER_TAKE, &untaken, ENOENT);
	refused(taker, MMHELPER_LEFT, &left, ENOENT);
	users_become(1);
	close(taker);
	taker = helper_open();
	taken(taker, MMHELPER_LEFT, &left);
	ck_assert_mem_eq(&left, &frames, sizeof(left));
	left = (struct mmhelper_frames){ 0 };
	refused(taker, MMHELPER_LEFT, &left, ENOENT);
	ck_assert_uint_eq(placed(), N_PAGES);
	taken(taker, MMHELPER_DROP, &drop);
	ck_assert_uint_eq(placed(), 0);
	users_become(0);
	close(taker);
}
END_TEST

/* ---- a guest ---- */

static struct mmhelper_reserve reserve(int fd, uint64_t length, uint32_t host, uint32_t cache)
{
	struct mmhelper_reserve made = { .length = length, .host = host, .cache = cache };

	taken(fd, MMHELPER_RESERVE, &made);
	ck_assert_int_ge(made.fd, 3);
	return made;
}

/* How many reservations the kernel's map of resources has. */
static int n_reserved(void)
{
	FILE *map_file = fopen("/proc/iomem", "re");
	char line[200];
	int n = 0;

	while (fgets(line, sizeof(line), map_file))
		n += strstr(line, "Paradice device memory") != NULL;
	fclose(map_file);
	return n;
}

START_TEST(reservations)
{
	static const uint64_t lengths[] = { 0, 1, PAGE + 1, (UINT64_C(1) << 32) + PAGE, -(uint64_t)PAGE };
	int fd = helper_open(), before = n_reserved();
	struct mmhelper_reserve one, other, bad;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		bad = (struct mmhelper_reserve){ .length = lengths[i] };
		refused(fd, MMHELPER_RESERVE, &bad, EINVAL);
	}
	bad = (struct mmhelper_reserve){ .length = PAGE, .cache = MMHELPER_CACHE_NONE + 1 };
	refused(fd, MMHELPER_RESERVE, &bad, EINVAL);
	bad = (struct mmhelper_reserve){ .length = PAGE, .frame = 5 };
	refused(fd, MMHELPER_RESERVE, &bad, EINVAL);
	bad = (struct mmhelper_reserve){ .length = PAGE, .fd = 5 };
	refused(fd, MMHELPER_RESERVE, &bad, EINVAL);
	one = reserve(fd, 4 * PAGE, 9, MMHELPER_CACHE_NORMAL);
	other = reserve(fd, 4 << 20, 9, MMHELPER_CACHE_COMBINE);
	ck_assert_uint_ge(one.frame, UINT64_C(1) << 20);
	ck_assert(one.frame + 4 <= other.frame || other.frame + 1024 <= one.frame);
	ck_assert_uint_eq(other.frame % 512, 0);
	ck_assert_int_eq(n_reserved(), before + 2);
	taken(fd, MMHELPER_VACATE, &(struct mmhelper_vacate){ .frame = one.frame });
	taken(fd, MMHELPER_VACATE, &(struct mmhelper_vacate){ .frame = other.frame });
	ck_assert_int_eq(n_reserved(), before + 2);
	close(one.fd);
	ck_assert_int_eq(n_reserved(), before + 1);
	close(other.fd);
	ck_assert_int_eq(n_reserved(), before);
	close(fd);
}
END_TEST

/* Nothing is there: all ones, as on any bus. */
START_TEST(their_file)
{
	int fd = helper_open();
	struct mmhelper_reserve made = reserve(fd, 2 * PAGE, 9, MMHELPER_CACHE_NONE);
	volatile uint8_t *memory;

	ck_assert_ptr_eq(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, made.fd, 0), MAP_FAILED);
	ck_assert_ptr_eq(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, made.fd, PAGE), MAP_FAILED);
	ck_assert_ptr_eq(mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, made.fd, 0), MAP_FAILED);
	ck_assert_ptr_eq(mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, made.fd, 0), MAP_FAILED);
	memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, made.fd, 0);
	ck_assert_msg(memory != MAP_FAILED, "%s", strerror(errno));
	close(made.fd);
	taken(fd, MMHELPER_VACATE, &(struct mmhelper_vacate){ .frame = made.frame });
	memory[PAGE] = 5;
	ck_assert_uint_eq(memory[PAGE], 0xff);
	munmap((void *)memory, 2 * PAGE);
	close(fd);
}
END_TEST

/* What a daemon leaves is there until another one has a connection to the same host. */
START_TEST(left_behind)
{
	int fd = helper_open(), next = helper_open(), before = n_reserved();
	struct mmhelper_reserve first = reserve(fd, PAGE, 9, 0), second = reserve(fd, PAGE, 10, 0),
				mine = reserve(next, PAGE, 9, 0);

	close(first.fd);
	close(second.fd);
	refused(next, MMHELPER_VACATE, &(struct mmhelper_vacate){ .frame = first.frame }, ENOENT);
	taken(next, MMHELPER_VACATE, &(struct mmhelper_vacate){ .host = 10 });
	ck_assert_int_eq(n_reserved(), before + 3);
	close(fd);
	ck_assert_int_eq(n_reserved(), before + 3);
	taken(next, MMHELPER_VACATE, &(struct mmhelper_vacate){ .host = 10 });
	ck_assert_int_eq(n_reserved(), before + 2);
	taken(next, MMHELPER_VACATE, &(struct mmhelper_vacate){ .host = 9 });
	ck_assert_int_eq(n_reserved(), before + 1);
	close(mine.fd);
	ck_assert_int_eq(n_reserved(), before);
	close(next);
}
END_TEST

int main(int argc, char **argv)
{
	TCase *tcase = tcase_create("bar_misuse");

	device = argc > 1 ? argv[1] : NULL;
	if (device) {
		domid = atoi(getenv("PARADICE_DOMID"));
		tcase_add_test(tcase, what_is_offered);
		tcase_add_test(tcase, what_is_not);
		tcase_add_test(tcase, limit);
		tcase_add_test(tcase, who_takes);
		tcase_add_test(tcase, who_dies);
	} else {
		tcase_add_test(tcase, reservations);
		tcase_add_test(tcase, their_file);
		tcase_add_test(tcase, left_behind);
	}
	tcase_set_timeout(tcase, 60);
	return suite_run("bar_misuse", tcase);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mmhelper_misuse [DEVICE]: every command of the kernel module with what it must
 * refuse. DEVICE is a character device that can be mapped, in the driver domain; with
 * it and on Xen exports are made too, for domain PARADICE_DOMID.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/videodev2.h>

#include "kmod-mmhelper/mmhelper.h"
#include "pinned.h"
#include "suite.h"

#define PAGE 4096u

static const char *device;

static int helper_open(void)
{
	int fd = open(MMHELPER_PATH, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	ck_assert_msg(fd >= 0, MMHELPER_PATH ": %s", strerror(errno));
	return fd;
}

static void refused(int fd, unsigned long command, void *argument, int error)
{
	ck_assert_msg(ioctl(fd, command, argument) == -1, "command 0x%lx was taken", command);
	ck_assert_msg(errno == error, "command 0x%lx: %s, not %s", command, strerror(errno), strerror(error));
}

START_TEST(only_for_root)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		/* The node's mode is not what protects it. */
		if (chmod(MMHELPER_PATH, 0666) || setresuid(65534, 65534, 65534))
			_exit(1);
		_exit(open(MMHELPER_PATH, O_RDWR) == -1 && errno == EPERM ? 0 : 2);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	chmod(MMHELPER_PATH, 0600);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(other_commands)
{
	int fd = helper_open();
	uint8_t bytes[8192] = { 0 };

	for (unsigned int number = 0; number < 64; number++) {
		refused(fd, _IO(0xf9, number), bytes, ENOTTY);
		refused(fd, _IOW(0xf9, number, uint16_t), bytes, ENOTTY);
		refused(fd, _IOC(_IOC_READ | _IOC_WRITE, 0xf9, number, 8000), bytes, ENOTTY);
	}
	refused(fd, MMHELPER_FETCH, NULL, EFAULT);
	refused(fd, MMHELPER_SUPPLY, (void *)-4096l, EFAULT);
	close(fd);
}
END_TEST

START_TEST(unknown_bits)
{
	int fd = helper_open(), null = open("/dev/null", O_RDWR);

	for (int bit = 0; bit < 32; bit++) {
		uint32_t flag = 1u << bit;
		struct mmhelper_adopt adopt = { .fd = null, .flags = flag };
		struct mmhelper_supply supply = { .token = 1, .fd = null, .flags = flag };
		struct mmhelper_supply padded = { .token = 1, .fd = null, .pad = flag };
		struct mmhelper_supply cached = { .token = 1, .fd = null, .cache = flag };
		struct mmhelper_signal signal = { .file = 1, .band = 1, .pad = flag };
		struct mmhelper_bind bind = { .flags = flag, .max_pages = 1 };
		struct mmhelper_export export = { .length = PAGE, .flags = flag };
		struct mmhelper_export export_padded = { .length = PAGE, .pad = flag };
		struct mmhelper_unexport unexport = { .id = 1, .pad = flag };
		struct mmhelper_fetch fetch = { .token = 1, .flags = flag };
		struct mmhelper_give give = { .pid = getpid(), .n = 1, .gifts = { { .fd = null, .flags = flag } } };
		struct mmhelper_give give_padded = { .pid = getpid(), .n = 1, .pad = flag, .gifts = { { .fd = null } } };
		struct mmhelper_ask ask = { .pid = getpid(), .fd = null, .value = (int64_t)flag << bit };
		struct mmhelper_pin pin = {
			.pid = getpid(),
			.address = (uintptr_t)&adopt,
			.length = 1,
			.flags = flag,
		};
		struct mmhelper_reserve reserve = { .length = PAGE, .flags = flag };
		struct mmhelper_vacate vacate = { .flags = flag };
		struct mmhelper_offer offer = { .length = PAGE, .flags = flag };
		struct mmhelper_frames frames = { .flags = flag };

		if (!(flag & MMHELPER_PIN_WRITE))
			refused(fd, MMHELPER_PIN, &pin, EINVAL);
		refused(fd, MMHELPER_GIVE, &give, EINVAL); /* known: it is no node's file */
		refused(fd, MMHELPER_GIVE, &give_padded, EINVAL);
		refused(fd, MMHELPER_ASK, &ask, EINVAL);
		refused(fd, MMHELPER_ADOPT, &adopt, EINVAL);
		if (!(flag & MMHELPER_SUPPLY_TRACKED))
			refused(fd, MMHELPER_SUPPLY, &supply, EINVAL);
		refused(fd, MMHELPER_SUPPLY, &padded, EINVAL);
		refused(fd, MMHELPER_SUPPLY, &cached, EINVAL);
		refused(fd, MMHELPER_SIGNAL, &signal, EINVAL);
		refused(fd, MMHELPER_BIND, &bind, EINVAL);
		if (!(flag & MMHELPER_EXPORT_WRITE))
			refused(fd, MMHELPER_EXPORT, &export, EINVAL);
		refused(fd, MMHELPER_EXPORT, &export_padded, EINVAL);
		refused(fd, MMHELPER_UNEXPORT, &unexport, EINVAL);
		refused(fd, MMHELPER_FETCH, &fetch, EINVAL);
		refused(fd, MMHELPER_RESERVE, &reserve, EINVAL);
		refused(fd, MMHELPER_VACATE, &vacate, EINVAL);
		refused(fd, MMHELPER_OFFER, &offer, EINVAL);
		refused(fd, MMHELPER_TAKE, &frames, EINVAL);
		refused(fd, MMHELPER_LEFT, &frames, EINVAL);
	}
	close(null);
	close(fd);
}
END_TEST

START_TEST(made_up)
{
	struct mmhelper_fetch fetch = { .token = 42 };
	struct mmhelper_result result = { .token = 42 };
	struct mmhelper_revoke revoke = { .token = 42 };
	struct mmhelper_signal signal = { .file = 42, .band = 1 };
	struct mmhelper_unexport unexport = { .id = 1 };
	struct mmhelper_supply supply = { .token = 42, .fd = -1 };
	struct mmhelper_frames frames = { .token = 42 };
	struct mmhelper_vacate vacate = { .frame = 42 };
	struct mmhelper_drop drop = { .token = 42 };
	struct mmhelper_event event;
	int fd = helper_open(), zero = open("/dev/zero", O_RDWR);

	refused(fd, MMHELPER_FETCH, &fetch, ENOENT);
	refused(fd, MMHELPER_RESULT, &result, ENOENT);
	refused(fd, MMHELPER_REVOKE, &revoke, ENOENT);
	refused(fd, MMHELPER_SIGNAL, &signal, ENOENT);
	refused(fd, MMHELPER_UNEXPORT, &unexport, ENOENT);
	refused(fd, MMHELPER_TAKE, &frames, ENOENT);
	refused(fd, MMHELPER_LEFT, &frames, EINVAL);
	frames.token = 0;
	refused(fd, MMHELPER_LEFT, &frames, ENOENT);
	refused(fd, MMHELPER_DROP, &drop, ENOENT);
	refused(fd, MMHELPER_VACATE, &vacate, ENOENT);
	refused(fd, MMHELPER_SUPPLY, &supply, EBADF);
	supply.fd = zero;
	refused(fd, MMHELPER_SUPPLY, &supply, ENOENT);
	supply.offset = 1;
	refused(fd, MMHELPER_SUPPLY, &supply, EINVAL);
	signal.band = 0;
	refused(fd, MMHELPER_SIGNAL, &signal, EINVAL);
	/* Nothing to tell, and no room for it. */
	ck_assert_int_eq(read(fd, &event, sizeof(event)), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(read(fd, &event, sizeof(event) - 1), -1);
	ck_assert_int_eq(errno, EINVAL);
	close(zero);
	close(fd);
}
END_TEST

/* Files that are no node's, threads and descriptors that are not there. */
START_TEST(give_and_ask)
{
	int fd = helper_open(), null = open("/dev/null", O_RDWR);
	struct mmhelper_give give = { .pid = getpid(), .n = 1, .gifts = { { .fd = null } } };
	struct mmhelper_ask ask = { .pid = getpid(), .fd = null };
	static const int none[] = { -1, INT32_MIN, INT32_MAX, 900 };

	refused(fd, MMHELPER_GIVE, &give, EINVAL);
	refused(fd, MMHELPER_ASK, &ask, EINVAL);
	give.gifts[0].fd = ask.fd = fd;
	refused(fd, MMHELPER_GIVE, &give, EINVAL);
	refused(fd, MMHELPER_ASK, &ask, EINVAL);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		give.gifts[0].fd = ask.fd = none[i];
		refused(fd, MMHELPER_GIVE, &give, EBADF);
		refused(fd, MMHELPER_ASK, &ask, EBADF);
	}
	give.gifts[0].fd = ask.fd = null;
	give.result = -1;
	refused(fd, MMHELPER_GIVE, &give, EINVAL);
	give.result = 0;
	for (uint32_t n = 0; n != MMHELPER_GIFTS_MAX + 2; n++) {
		give.n = n == 1 ? UINT32_MAX : n; /* with none, too many, or some behind the first that are none */
		refused(fd, MMHELPER_GIVE, &give, EINVAL);
	}
	give.n = 1;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]) - 1; i++) {
		give.pid = ask.pid = none[i];
		refused(fd, MMHELPER_GIVE, &give, ESRCH);
		refused(fd, MMHELPER_ASK, &ask, ESRCH);
	}
	/* A kernel thread has none at all. */
	ask.pid = 2;
	refused(fd, MMHELPER_ASK, &ask, EBADF);
	close(null);
	close(fd);
}
END_TEST

/* ---- pins ---- */

START_TEST(pin_what_cannot_be)
{
	uint8_t *memory = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mmhelper_pin pin = { .pid = getpid(), .address = (uintptr_t)memory, .length = 8 * PAGE };
	static const uint64_t lengths[] = { 0, UINT64_MAX, (uint64_t)1 << 62, ((uint64_t)4 << 30) + PAGE };
	static const int none[] = { -1, INT32_MIN, INT32_MAX, 2 };
	long long before = pinned();
	int fd = helper_open();

	munmap(memory + 3 * PAGE, PAGE);
	mprotect(memory + 5 * PAGE, PAGE, PROT_READ);
	refused(fd, MMHELPER_PIN, &pin, EFAULT);
	pin.address += 4 * PAGE;
	pin.length = 4 * PAGE;
	pin.flags = MMHELPER_PIN_WRITE;
	refused(fd, MMHELPER_PIN, &pin, EFAULT);
	pin.address = 0xffff888000000000;
	refused(fd, MMHELPER_PIN, &pin, EFAULT);
	pin.address = UINT64_MAX - PAGE;
	refused(fd, MMHELPER_PIN, &pin, EINVAL);
	pin.address = (uintptr_t)memory;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		pin.length = lengths[i];
		refused(fd, MMHELPER_PIN, &pin, EINVAL);
	}
	pin.length = PAGE;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		pin.pid = none[i];
		refused(fd, MMHELPER_PIN, &pin, ESRCH);
	}
	/* References, and no domain to grant to. */
	pin.pid = getpid();
	pin.refs = (uintptr_t)memory;
	refused(fd, MMHELPER_PIN, &pin, EINVAL);
	ck_assert_int_eq(pinned(), before);
	munmap(memory, 8 * PAGE);
	close(fd);
}
END_TEST

/* What the process that works on the pages may do with them. */
START_TEST(pin_and_map)
{
	uint8_t *memory = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mmhelper_pin pin = {
		.pid = getpid(),
		.address = (uintptr_t)memory + 1,
		.length = 3 * PAGE,
		.flags = MMHELPER_PIN_WRITE,
	};
	long long before = pinned();
	int fd = helper_open(), pages, readonly;
	uint8_t *mapped, *moved, *place;

	memset(memory, 1, 4 * PAGE);
	pages = ioctl(fd, MMHELPER_PIN, &pin);
	ck_assert_msg(pages >= 0, "PIN: %s", strerror(errno));
	ck_assert_int_eq(pinned(), before + 4);
	/* As a whole, from its begin, shared; one at a time. */
	ck_assert_ptr_eq(mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED, pages, 0), MAP_FAILED);
	ck_assert_ptr_eq(mmap(NULL, 5 * PAGE, PROT_READ, MAP_SHARED, pages, 0), MAP_FAILED);
	ck_assert_ptr_eq(mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED, pages, PAGE), MAP_FAILED);
	ck_assert_ptr_eq(mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE, pages, 0), MAP_FAILED);
	mapped = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, pages, 0);
	ck_assert_msg(mapped != MAP_FAILED, "mmap: %s", strerror(errno));
	ck_assert_ptr_eq(mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, pages, 0), MAP_FAILED);
	ck_assert_uint_eq(mapped[3 * PAGE], 1);
	mapped[2 * PAGE] = 9;
	ck_assert_uint_eq(memory[2 * PAGE], 9);
	/* It stays in one piece, and in its place or not. */
	ck_assert_int_eq(munmap(mapped, PAGE), -1);
	ck_assert_int_eq(mprotect(mapped, PAGE, PROT_READ), -1);
	place = mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	moved = mremap(mapped, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place);
	if (moved != MAP_FAILED) {
		ck_assert_uint_eq(moved[2 * PAGE], 9);
		mapped = moved;
	}
	ck_assert_int_eq(madvise(mapped, 4 * PAGE, MADV_DONTNEED), 0);
	/* The pages are held until both are gone. */
	close(pages);
	ck_assert_int_eq(pinned(), before + 4);
	munmap(mapped, 4 * PAGE);
	ck_assert_int_eq(pinned(), before);

	pin.flags = 0;
	readonly = ioctl(fd, MMHELPER_PIN, &pin);
	ck_assert_int_ge(readonly, 0);
	ck_assert_ptr_eq(mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, readonly, 0), MAP_FAILED);
	mapped = mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, readonly, 0);
	ck_assert_ptr_ne(mapped, MAP_FAILED);
	ck_assert_int_eq(mprotect(mapped, 4 * PAGE, PROT_READ | PROT_WRITE), -1);
	munmap(memory, 4 * PAGE);
	ck_assert_uint_eq(mapped[2 * PAGE], 9);
	munmap(mapped, 4 * PAGE);
	close(readonly);
	ck_assert_int_eq(pinned(), before);
	close(fd);
}
END_TEST

/* A process that dies with all of it. */
START_TEST(pin_and_die)
{
	long long before = pinned();
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct mmhelper_pin pin = { .pid = getppid(), .address = (uintptr_t)&before, .length = 8 };
		int pages = ioctl(helper_open(), MMHELPER_PIN, &pin);
		void *mapped = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, pages, 0);

		_exit(mapped != MAP_FAILED && *((uint8_t *)mapped + ((uintptr_t)&before & (PAGE - 1))) ==
						      (uint8_t)before ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(pinned(), before);
}
END_TEST

START_TEST(adopt_what_is_no_node)
{
	static const char *const paths[] = { "/dev/null", "/dev/zero", "/etc/passwd", "/dev", MMHELPER_PATH };
	int fd = helper_open();

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct mmhelper_adopt adopt = { .fd = open(paths[i], O_RDONLY) };

		ck_assert_int_ge(adopt.fd, 0);
		refused(fd, MMHELPER_ADOPT, &adopt, EINVAL);
		close(adopt.fd);
		refused(fd, MMHELPER_ADOPT, &adopt, EBADF);
	}
	close(fd);
}
END_TEST

/* ---- exports ---- */

static bool on_xen(void)
{
	return getenv("PARADICE_DOMID") && device;
}

static int bound(uint64_t max_pages)
{
	struct mmhelper_bind bind = { .domid = atoi(getenv("PARADICE_DOMID")), .max_pages = max_pages };
	int fd = helper_open();

	ck_assert_msg(ioctl(fd, MMHELPER_BIND, &bind) == 0, "BIND: %s", strerror(errno));
	refused(fd, MMHELPER_BIND, &bind, EBUSY);
	return fd;
}

static int camera_open(uint32_t *lengthp)
{
	struct v4l2_requestbuffers request = {
		.count = 2,
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_MMAP,
	};
	struct v4l2_buffer buffer = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP };
	int fd = open(device, O_RDWR | O_CLOEXEC);

	ck_assert_msg(fd >= 0, "%s: %s", device, strerror(errno));
	ck_assert_int_eq(ioctl(fd, VIDIOC_REQBUFS, &request), 0);
	ck_assert_int_eq(ioctl(fd, VIDIOC_QUERYBUF, &buffer), 0);
	*lengthp = buffer.length;
	return fd;
}

static unsigned long exported_pages(void)
{
	FILE *file = fopen("/sys/module/mmhelper/parameters/exported_pages", "re");
	unsigned long n = 0;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%lu", &n), 1);
	fclose(file);
	return n;
}

START_TEST(unbound)
{
	struct mmhelper_export export = { .length = PAGE };
	struct mmhelper_bind bind = { .domid = 0x7ff0, .max_pages = 1 };
	int fd = helper_open();

	refused(fd, MMHELPER_EXPORT, &export, EPERM);
	refused(fd, MMHELPER_BIND, &bind, EINVAL);
	bind = (struct mmhelper_bind){ .domid = 1, .max_pages = 0 };
	refused(fd, MMHELPER_BIND, &bind, EINVAL);
	bind.max_pages = UINT64_MAX;
	refused(fd, MMHELPER_BIND, &bind, EINVAL);
	close(fd);
}
END_TEST

START_TEST(export_what_is_no_device)
{
	uint32_t refs[4], length;
	struct mmhelper_export export = { .length = PAGE, .refs = (uintptr_t)refs };
	void *memory = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint8_t *mapped;
	int fd, camera;

	if (!on_xen())
		return;
	fd = bound(8);
	camera = camera_open(&length);
	mapped = mmap(NULL, 16 * PAGE, PROT_READ, MAP_SHARED, camera, 0);
	ck_assert_ptr_ne(mapped, MAP_FAILED);
	export.address = (uintptr_t)memory;
	refused(fd, MMHELPER_EXPORT, &export, EINVAL);
	export.address = (uintptr_t)memory + 1;
	refused(fd, MMHELPER_EXPORT, &export, EINVAL);
	export.address = (uintptr_t)helper_open & -(uintptr_t)PAGE;
	refused(fd, MMHELPER_EXPORT, &export, EINVAL);
	export.address = 0;
	refused(fd, MMHELPER_EXPORT, &export, EFAULT);
	export.address = 0xffff888000000000;
	refused(fd, MMHELPER_EXPORT, &export, EFAULT);
	/* Beyond the mapping, around the end, more than was bound, read-only. */
	export.address = (uintptr_t)mapped + 12 * PAGE;
	export.length = 8 * PAGE;
	refused(fd, MMHELPER_EXPORT, &export, EFAULT);
	export.length = -(uint64_t)PAGE;
	refused(fd, MMHELPER_EXPORT, &export, ERANGE);
	export.length = 9 * PAGE;
	refused(fd, MMHELPER_EXPORT, &export, ERANGE);
	export.address = (uintptr_t)mapped;
	export.length = PAGE;
	export.flags = MMHELPER_EXPORT_WRITE;
	refused(fd, MMHELPER_EXPORT, &export, EACCES);
	export.flags = 0;
	export.refs = 8;
	refused(fd, MMHELPER_EXPORT, &export, EFAULT);
	ck_assert_uint_eq(exported_pages(), 0);
	close(camera);
	close(fd);
}
END_TEST

START_TEST(export_and_end)
{
	uint32_t refs[4], length;
	struct mmhelper_export export = { .length = 4 * PAGE, .refs = (uintptr_t)refs }, again;
	struct mmhelper_unexport unexport = { 0 };
	int fd, camera, status;
	pid_t pid;

	if (!on_xen())
		return;
	fd = bound(8);
	camera = camera_open(&length);
	export.address = (uintptr_t)mmap(NULL, 16 * PAGE, PROT_READ, MAP_SHARED, camera, 0);
	again = export;
	/* Another process has the file, but not the right. */
	pid = fork();
	if (pid == 0)
		_exit(ioctl(fd, MMHELPER_EXPORT, &export) == -1 && errno == EPERM ? 0 : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(ioctl(fd, MMHELPER_EXPORT, &export), 0);
	ck_assert_int_eq(ioctl(fd, MMHELPER_EXPORT, &again), 0);
	ck_assert_uint_eq(exported_pages(), 8);
	again.id = again.cache = 0;
	again.length = PAGE;
	refused(fd, MMHELPER_EXPORT, &again, ERANGE);
	unexport.id = export.id;
	ck_assert_int_eq(ioctl(fd, MMHELPER_UNEXPORT, &unexport), 0);
	refused(fd, MMHELPER_UNEXPORT, &unexport, ENOENT);
	ck_assert_uint_eq(exported_pages(), 4);
	/* Never returned: the end of the file does it, whatever became of the mapping. */
	munmap((void *)(uintptr_t)export.address, 16 * PAGE);
	close(camera);
	close(fd);
	ck_assert_uint_eq(exported_pages(), 0);
}
END_TEST

int main(int argc, char **argv)
{
	TCase *tcase = tcase_create("misuse");

	device = argc > 1 ? argv[1] : NULL;
	setvbuf(stdout, NULL, _IOLBF, 0);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, only_for_root);
	tcase_add_test(tcase, other_commands);
	tcase_add_test(tcase, unknown_bits);
	tcase_add_test(tcase, made_up);
	tcase_add_test(tcase, adopt_what_is_no_node);
	tcase_add_test(tcase, give_and_ask);
	tcase_add_test(tcase, pin_what_cannot_be);
	tcase_add_test(tcase, pin_and_map);
	tcase_add_test(tcase, pin_and_die);
	tcase_add_test(tcase, unbound);
	tcase_add_test(tcase, export_what_is_no_device);
	tcase_add_test(tcase, export_and_end);
	return suite_run("mmhelper_misuse", tcase);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Start of a mirror process: with the rights that it needs for that, it makes the
 * region of mirror_core.h, hands the session its userfaultfd and the shared
 * memory, gives everything up and becomes what mirror_core.c is. No state.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hostd/mirror.h"
#include "hostd/mirror_core.h"
#include "hostd/rights.h"
#include "hostd/sandbox.h"
#include "proto/log.h"
#include "proto/pass.h"

/* Where regions may lie: programs have their code low and their stacks and
 * libraries high, AddressSanitizer its shadow up to 0x10007fff8000. A place that
 * nobody can guess keeps a guest from aiming at it. */
#define REGION_LOW UINT64_C(0x200000000000)
#define REGION_RANGE UINT64_C(0x300000000000)
#define PLACE_TRIES 16

#ifndef USERFAULTFD_IOC_NEW /* linux/userfaultfd.h since Linux 6.1 */
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif

/* Asks for what we use; the byte that was touched, not only its page, for verify mode
 * where the kernel can tell it (Linux 5.18). */
static int watcher_enable(int fd)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_EXACT_ADDRESS,
	};

	if (ioctl(fd, UFFDIO_API, &api) == 0)
		return 0;
	api = (struct uffdio_api){ .api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP };
	return ioctl(fd, UFFDIO_API, &api) < 0 ? -errno : 0;
}

/* A userfaultfd for faults of drivers too, which takes root (or the right to
 * /dev/userfaultfd). The descriptor or negative errno. */
static int watcher_make(void)
{
	int device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
	int fd, r;

	if (device >= 0) {
		fd = ioctl(device, USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK);
		close(device);
	} else {
		fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	}
	if (fd < 0)
		return -errno;
	r = watcher_enable(fd);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

static bool place_map(uint64_t base, uint32_t page, uint32_t n, int flags, int fd)
{
	void *wanted = mirror_at(base, page);

	return mmap(wanted, (size_t)n * MIRROR_PAGE, PROT_READ | PROT_WRITE, flags | MAP_FIXED_NOREPLACE, fd,
		    0) == wanted;
}

/* Makes the region somewhere. 0 and *basep, or negative errno. */
static int region_make(int memfd, uint64_t *basep)
{
	const int private = MAP_PRIVATE | MAP_ANONYMOUS;
	uint64_t base;

	for (int i = 0; i < PLACE_TRIES; i++) {
		if (getrandom(&base, sizeof(base), 0) != sizeof(base))
			return -EIO;
		base = (REGION_LOW + base % REGION_RANGE) & ~(uint64_t)(MIRROR_PAGE - 1);
		if (place_map(base, MIRROR_AT_CODE, MIRROR_CODE_PAGES, private, -1) &&
		    place_map(base, MIRROR_AT_SHARED, 1 + MIRROR_WINDOW_PAGES, MAP_SHARED, memfd) &&
		    place_map(base, MIRROR_AT_PRIVATE, MIRROR_N_PAGES - MIRROR_AT_PRIVATE, private, -1)) {
			*basep = base;
			return 0;
		}
	}
	return -ENOMEM;
}

static int code_place(uint64_t base)
{
	size_t size = __stop_mirror_core - __start_mirror_core;
	void *code = mirror_at(base, MIRROR_AT_CODE);

	if (size > MIRROR_CODE_PAGES * MIRROR_PAGE)
		return -E2BIG;
	memcpy(code, __start_mirror_core, size);
	return mprotect(code, MIRROR_CODE_PAGES * MIRROR_PAGE, PROT_READ | PROT_EXEC) < 0 ? -errno : 0;
}

/* ---- seccomp ---- */

/* What the two threads call, and no other. */
static int filter_native(scmp_filter_ctx ctx)
{
	static const int allowed[] = {
		SCMP_SYS(ioctl), SCMP_SYS(futex), SCMP_SYS(recvmsg), SCMP_SYS(sendto), SCMP_SYS(close),
		SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall), SCMP_SYS(exit_group), SCMP_SYS(dup3),
		SCMP_SYS(close_range), SCMP_SYS(sched_yield),
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(madvise), 1,
				     SCMP_A2(SCMP_CMP_EQ, MADV_DONTNEED, 0));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(sched_setaffinity), 1,
				     SCMP_A0(SCMP_CMP_EQ, 0, 0));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
	if (r == 0 && rights_kept())
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(capset), 0);
	return r;
}

/* Of the compat entry only ioctl. */
static scmp_filter_ctx filter_compat(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);

	if (ctx && seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE) == 0 &&
	    seccomp_arch_add(ctx, SCMP_ARCH_X86) == 0 &&
	    seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 0) == 0)
		return ctx;
	seccomp_release(ctx);
	return NULL;
}

/* The filter as a program for the kernel: libseccomp is gone when it is loaded. */
static int filter_export(scmp_filter_ctx ctx, struct mirror_private *private)
{
	int fd = memfd_create("filter", MFD_CLOEXEC);
	ssize_t n;
	int r;

	if (fd < 0)
		return -errno;
	r = seccomp_export_bpf(ctx, fd);
	n = r < 0 ? 0 : pread(fd, private->filter, sizeof(private->filter), 0);
	if (r == 0 && (n <= 0 || lseek(fd, 0, SEEK_END) != n))
		r = -E2BIG;
	private->n_filter = n / sizeof(private->filter[0]);
	close(fd);
	return r;
}

static int filter_make(struct mirror_private *private)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS), compat = filter_compat();
	int r = -ENOMEM;

	if (ctx && compat)
		r = filter_native(ctx);
	if (r == 0) {
		r = seccomp_merge(ctx, compat);
		if (r == 0)
			compat = NULL; /* it is part of the other now */
	}
	if (r == 0)
		r = filter_export(ctx, private);
	if (compat)
		seccomp_release(compat);
	if (ctx)
		seccomp_release(ctx);
	return r;
}

/* ---- start ---- */

static int hello_send(int socket, uint64_t base, int watcher, int memfd)
{
	int fds[MIRROR_HELLO_FDS] = { watcher, memfd };

	return pass_send(socket, &base, sizeof(base), fds, MIRROR_HELLO_FDS, 0);
}

/* On the region's stack, in the region's copy of the code. */
static void core_enter(uint64_t base)
{
	uint64_t stack = (uintptr_t)mirror_at(base, MIRROR_AT_STACK + MIRROR_STACK_PAGES);
	uint64_t offset = (uintptr_t)mirror_core_run - (uintptr_t)__start_mirror_core;

	__asm__ volatile("mov %0, %%rsp\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "call *%1\n\t"
			 "hlt"
			 :
			 : "r"(stack), "r"((uintptr_t)mirror_at(base, MIRROR_AT_CODE) + offset),
			   "D"(mirror_at(base, MIRROR_AT_PRIVATE))
			 : "memory");
	__builtin_unreachable();
}

static int memory_make(void)
{
	int fd = memfd_create("paradice-mirror", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, MIRROR_SHARED_SIZE) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

static void limits_set(void)
{
	static const struct rlimit files = { MIRROR_FILE_FIRST + MIRROR_FILES_MAX,
					     MIRROR_FILE_FIRST + MIRROR_FILES_MAX };
	static const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_NOFILE, &files);
	/* A program's memory is in it: it leaves no trace. */
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
}

int mirror_main(int socket, uint32_t uid, uint64_t capabilities)
{
	const char *what = "userfaultfd (root, or access to /dev/userfaultfd, is needed)";
	struct mirror_private *private;
	uint64_t base = 0;
	int memfd = -1, watcher, r;

	r = watcher = watcher_make();
	if (r >= 0) {
		what = "memory";
		r = memfd = memory_make();
	}
	if (r >= 0)
		r = region_make(memfd, &base);
	if (r == 0)
		r = code_place(base);
	private = mirror_at(base, MIRROR_AT_PRIVATE);
	if (r == 0)
		r = sandbox_drop(uid, capabilities, &what);
	if (r == 0) {
		private->base = base;
		private->capabilities = rights_kept();
		what = "the seccomp filter";
		r = filter_make(private);
	}
	if (r == 0)
		r = hello_send(socket, base, watcher, memfd);
	if (r < 0) {
		log_error("mirror cannot start: %s: %s", what, strerror(-r));
		return EXIT_FAILURE;
	}
	limits_set();
	/* Nothing stays open but the socket, which becomes 0. */
	if (dup2(socket, 0) < 0 || close_range(1, ~0U, 0) < 0)
		return EXIT_FAILURE;
	core_enter(base);
	return EXIT_FAILURE;
}

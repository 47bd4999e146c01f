/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The session's sandbox; see sandbox.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostd/rights.h"
#include "hostd/sandbox.h"
#include "proto/log.h"

/* Makes a directory that is already removed the root: empty, and nothing can be
 * made in it. */
static int root_empty(void)
{
	char path[] = "/tmp/paradice-XXXXXX";
	int fd, r = 0;

	if (!mkdtemp(path))
		return -errno;
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		r = -errno;
	rmdir(path);
	if (r == 0 && (fchdir(fd) < 0 || chroot(".") < 0))
		r = -errno;
	if (fd >= 0)
		close(fd);
	return r;
}

static int user_become(uint32_t uid)
{
	/* What is permitted stays so; rights_keep() says what of it. */
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return -errno;
	if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	/* A change of user forgets that we die with the supervisor (prctl(2)); if it
	 * died before this, the control socket tells. */
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ? -errno : 0;
}

#ifndef WITH_SANITIZERS
static const int allowed_calls[] = {
	/* the guest's operations */
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(ioctl), SCMP_SYS(poll), SCMP_SYS(close), SCMP_SYS(fcntl),
	SCMP_SYS(lseek), SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
	/* rings, readiness, supervisor */
	SCMP_SYS(epoll_wait), SCMP_SYS(epoll_ctl), SCMP_SYS(io_uring_enter), SCMP_SYS(sendmsg), SCMP_SYS(recvmsg),
	SCMP_SYS(shutdown),
	SCMP_SYS(timerfd_settime),
	/* threads, signals, time */
	SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(madvise), SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall), SCMP_SYS(gettid),
	SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep), SCMP_SYS(sched_yield), SCMP_SYS(brk), SCMP_SYS(exit), SCMP_SYS(exit_group),
};

static int filter_rules(scmp_filter_ctx ctx)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(allowed_calls) / sizeof(allowed_calls[0]); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed_calls[i], 0);
	/* The C library looks for processors when many threads ask for memory, and
	 * does without. */
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat), 0);
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(sched_getaffinity), 0);
	/* Where the calling thread runs. */
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(sched_setaffinity), 1,
				     SCMP_A0(SCMP_CMP_EQ, 0, 0));
	/* Threads, but no processes; glibc falls back from clone3, whose flags cannot
	 * be checked. */
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				     SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	/* Signals to threads of this process only. */
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
	/* Memory that is not code. */
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* rights.h */
	if (r == 0 && rights_kept())
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(capset), 0);
	return r;
}

static int filter_load(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r;

	if (!ctx)
		return -ENOMEM;
	r = filter_rules(ctx);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}
#else
static int filter_load(void)
{
	log_warning("session: built with sanitizers, which need more system calls: no seccomp filter");
	return 0;
}
#endif

int sandbox_drop(uint32_t uid, uint64_t capabilities, const char **whatp)
{
	int r;

	if (uid) {
		*whatp = "an empty root directory";
		r = root_empty();
		if (r < 0)
			return r;
		*whatp = "becoming another user";
		r = user_become(uid);
		if (r < 0)
			return r;
	}
	*whatp = "dropping capabilities";
	r = rights_keep(capabilities);
	if (r < 0)
		return r;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

int sandbox_enter(uint32_t uid, uint64_t capabilities, const char **whatp)
{
	int r;

	/* One heap is enough: sessions allocate next to nothing. */
	mallopt(M_ARENA_MAX, 1);
	r = sandbox_drop(uid, capabilities, whatp);
	if (r < 0)
		return r;
	*whatp = "the seccomp filter";
	return filter_load();
}

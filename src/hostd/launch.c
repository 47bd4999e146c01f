/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starting a guest's processes. The daemon has threads, so between fork and exec
 * the child calls only what signal-safety(7) allows.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hostd/launch.h"

#define EXEC_FAILED 127

/* In the child. Handlers go with the exec, the signal mask does not. */
static void run(char *const argv[], char *const env[], int control, pid_t parent)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXEC_FAILED); /* it died before prctl() */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (control == LAUNCH_SOCKET_FD) {
		if (fcntl(control, F_SETFD, 0) < 0)
			_exit(EXEC_FAILED);
	} else if (dup2(control, LAUNCH_SOCKET_FD) < 0) {
		_exit(EXEC_FAILED);
	}
	/* All of ours are CLOEXEC; one of a library may not be. */
	if (close_range(LAUNCH_SOCKET_FD + 1, ~0U, 0) < 0)
		_exit(EXEC_FAILED);
	execve("/proc/self/exe", argv, env);
	_exit(EXEC_FAILED);
}

static int launch(char *const argv[], char *const env[], pid_t *pidp, int *socketp)
{
	pid_t parent = getpid(), pid;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		run(argv, env, pair[1], parent);
	close(pair[1]);
	if (pid < 0) {
		int error = errno;

		close(pair[0]);
		return -error;
	}
	*pidp = pid;
	*socketp = pair[0];
	return 0;
}

int launch_session(const char *guest, pid_t *pidp, int *socketp)
{
	char title[128], option[] = "--session";
	char *argv[] = { title, option, NULL };

	snprintf(title, sizeof(title), "paradice-hostd: session %s", guest);
	return launch(argv, environ, pidp, socketp);
}

int launch_mirror(const char *guest, uint32_t uid, uint64_t capabilities, pid_t *pidp, int *socketp)
{
	char title[128], option[64];
	char *argv[] = { title, option, NULL };
	/* The kernel would write to the C library's rseq area, which a mirror unmaps
	 * (rseq(2); glibc manual, Tunables). */
	char tunables[] = "GLIBC_TUNABLES=glibc.pthread.rseq=0";
	char *env[] = { tunables, NULL };

	snprintf(title, sizeof(title), "paradice-hostd: mirror %s", guest);
	snprintf(option, sizeof(option), "--mirror=%u:%llx", uid, (unsigned long long)capabilities);
	return launch(argv, env, pidp, socketp);
}

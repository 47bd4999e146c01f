/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes that serve floors. See child.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/child.h"

#define READY_MS 10000
#define STOP_TRIES 100
#define STOP_PAUSE_NS 20000000

int child_fork(struct child *child)
{
	pid_t parent = getpid();
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	fflush(NULL);
	child->pid = fork();
	if (child->pid < 0) {
		int r = -errno;

		child->pid = 0;
		close(fds[0]);
		close(fds[1]);
		return r;
	}
	if (child->pid) {
		close(fds[1]);
		child->ready_fd = fds[0];
		return 1;
	}
	close(fds[0]);
	child->ready_fd = fds[1];
	child->pid = getpid();
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* it may have died before the line above */
	if (getppid() != parent)
		_exit(1);
	return 0;
}

void child_ready(struct child *child, int result)
{
	ssize_t r;

	if (child->ready_fd < 0)
		return;
	r = write(child->ready_fd, &result, sizeof(result));
	(void)r; /* the parent is gone: SIGTERM comes */
	close(child->ready_fd);
	child->ready_fd = -1;
}

int child_await(struct child *child)
{
	struct pollfd p = { .fd = child->ready_fd, .events = POLLIN };
	int result = -ECHILD, r;

	do
		r = poll(&p, 1, READY_MS);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		result = -ETIMEDOUT;
	else if (read(child->ready_fd, &result, sizeof(result)) != sizeof(result))
		result = -ECHILD;
	close(child->ready_fd);
	child->ready_fd = -1;
	return result;
}

void child_stop(struct child *child)
{
	const struct timespec pause = { .tv_nsec = STOP_PAUSE_NS };
	int status, i;

	if (!child->pid)
		return;
	if (child->ready_fd >= 0)
		close(child->ready_fd);
	for (i = 0; i < STOP_TRIES; i++) {
		kill(child->pid, SIGTERM);
		if (waitpid(child->pid, &status, WNOHANG) == child->pid)
			break;
		nanosleep(&pause, NULL);
	}
	if (i == STOP_TRIES) {
		kill(child->pid, SIGKILL);
		waitpid(child->pid, &status, 0);
	}
	child->pid = 0;
	child->ready_fd = -1;
}

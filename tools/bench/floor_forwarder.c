/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The naive forwarder and its second process. See floor_forwarder.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/floor_forwarder.h"

struct forwarder {
	int socket;
	pid_t pid;
};

/* In the second process: does what the request says. *n_outp: bytes in `data`
 * that go back. */
static int64_t perform(const char *native, const struct forward *forward, void *data,
		       size_t *n_outp)
{
	struct pollfd p = { .fd = forward->fd, .events = POLLIN | POLLOUT };
	int64_t r;

	switch (forward->kind) {
	case FORWARD_OPEN:
		r = open(native, forward->argument | O_CLOEXEC);
		break;
	case FORWARD_CLOSE:
		r = close(forward->fd);
		break;
	case FORWARD_READ:
		r = read(forward->fd, data, forward->size);
		*n_outp = r > 0 ? r : 0;
		break;
	case FORWARD_WRITE:
		r = write(forward->fd, data, forward->size);
		break;
	case FORWARD_IOCTL:
		r = ioctl(forward->fd, forward->command, forward->argument);
		break;
	case FORWARD_POLL:
		r = poll(&p, 1, 0) < 0 ? -1 : p.revents;
		break;
	default:
		return -ENOSYS;
	}
	return r < 0 ? -errno : r;
}

static void perform_all(const char *native, int socket)
{
	static uint8_t data[FORWARD_DATA_MAX];
	struct forward forward;
	int64_t result;
	struct iovec request[2] = { { &forward, sizeof(forward) }, { data, sizeof(data) } };
	struct iovec answer[2] = { { &result, sizeof(result) }, { data, 0 } };

	while (readv(socket, request, 2) >= (ssize_t)sizeof(forward)) {
		answer[1].iov_len = 0;
		result = perform(native, &forward, data, &answer[1].iov_len);
		if (writev(socket, answer, 2) < 0)
			break;
	}
}

int forwarder_new(const char *native, struct forwarder **forwarderp)
{
	struct forwarder *forwarder = calloc(1, sizeof(*forwarder));
	int size = 4 * FORWARD_DATA_MAX, fds[2];

	if (!forwarder)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
		free(forwarder);
		return -errno;
	}
	for (int i = 0; i < 2; i++)
		setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	forwarder->socket = fds[0];
	forwarder->pid = fork();
	if (forwarder->pid == 0) {
		close(fds[0]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		perform_all(native, fds[1]);
		_exit(0);
	}
	close(fds[1]);
	if (forwarder->pid < 0) {
		close(fds[0]);
		free(forwarder);
		return -EAGAIN;
	}
	*forwarderp = forwarder;
	return 0;
}

void forwarder_free(struct forwarder *forwarder)
{
	if (!forwarder)
		return;
	close(forwarder->socket);
	kill(forwarder->pid, SIGTERM); /* it may block in the device */
	waitpid(forwarder->pid, NULL, 0);
	free(forwarder);
}

int64_t forwarder_call(struct forwarder *forwarder, const struct forward *forward, void *data)
{
	size_t n_out = forward->kind == FORWARD_WRITE ? forward->size : 0;
	size_t n_in = forward->kind == FORWARD_READ ? forward->size : 0;
	int64_t result;
	struct iovec request[2] = { { (void *)forward, sizeof(*forward) }, { data, n_out } };
	struct iovec answer[2] = { { &result, sizeof(result) }, { data, n_in } };

	if (writev(forwarder->socket, request, 2) < 0)
		return -EIO;
	if (readv(forwarder->socket, answer, 2) < (ssize_t)sizeof(result))
		return -EIO;
	return result;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See pass.h. */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/pass.h"

/* Room for one more in most cases, because of its alignment: the kernel uses that. */
union pass_control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(PASS_MAX * sizeof(int))];
};

#define FDS_ROOM ((sizeof(union pass_control) - CMSG_LEN(0)) / sizeof(int))

static void fds_close(const int *fds, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		close(fds[i]);
}

int pass_send(int socket, const void *data, size_t size, const int *fds, uint32_t n, int flags)
{
	struct iovec iov = { (void *)data, size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	union pass_control control = { 0 };
	ssize_t sent;

	if (n) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(n * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, n * sizeof(int));
	}
	do
		sent = sendmsg(socket, &message, MSG_NOSIGNAL | flags);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

/* Takes the descriptors out; how many there were. Those of one packet are one header,
 * and nothing else is asked for (unix(7)). */
static uint32_t fds_take(const struct msghdr *message, int *fds)
{
	const struct cmsghdr *header = CMSG_FIRSTHDR(message);
	uint32_t n;

	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return 0;
	n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fds, CMSG_DATA(header), n * sizeof(int));
	return n;
}

int pass_receive(int socket, void *data, size_t size, int *fds, uint32_t max, uint32_t *np, int flags)
{
	struct iovec iov = { data, size };
	union pass_control control;
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int taken[FDS_ROOM];
	ssize_t received;
	uint32_t n;

	*np = 0;
	received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | flags);
	if (received < 0)
		return -errno;
	n = fds_take(&message, taken);
	/* A packet of no bytes looks like the end, but nobody sends one. */
	if (received == 0 && n == 0)
		return 0;
	if (received != (ssize_t)size || n > max || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		fds_close(taken, n);
		return -EPROTO;
	}
	memcpy(fds, taken, n * sizeof(int));
	*np = n;
	return 1;
}

int pass_receive_exactly(int socket, void *data, size_t size, int *fds, uint32_t n, int flags)
{
	uint32_t n_come;
	int r = pass_receive(socket, data, size, fds, n, &n_come, flags);

	if (r == 1 && n_come != n) {
		fds_close(fds, n_come);
		return -EPROTO;
	}
	return r;
}

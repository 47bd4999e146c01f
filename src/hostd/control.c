/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages between supervisor and session. No state; safe from any thread. */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hostd/control.h"

union control_buffer {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

int control_send(int socket, const struct control_message *message, int fd)
{
	struct iovec iov = { .iov_base = (void *)message, .iov_len = sizeof(*message) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control_buffer buffer;
	struct cmsghdr *cmsg;
	ssize_t n;

	if (fd >= 0) {
		memset(&buffer, 0, sizeof(buffer));
		msg.msg_control = &buffer;
		msg.msg_controllen = sizeof(buffer);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	}
	do
		n = sendmsg(socket, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET || errno == ENOTCONN ? -EPIPE : -errno;
	return 0;
}

/* Takes the descriptor out. More than one are closed: there is room for one, but
 * alignment makes it two, and the kernel uses that. Any others it drops, which
 * MSG_CTRUNC tells. 0, or -EPROTO when there were several. */
static int take_descriptor(struct msghdr *msg, int *fdp)
{
	struct cmsghdr *cmsg;
	int n_taken = 0, fd;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		size_t n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));
			if (n_taken++ == 0)
				*fdp = fd;
			else
				close(fd);
		}
	}
	return n_taken > 1 ? -EPROTO : 0;
}

int control_receive(int socket, struct control_message *message, int *fdp)
{
	struct iovec iov = { .iov_base = message, .iov_len = sizeof(*message) };
	union control_buffer buffer;
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &buffer,
		.msg_controllen = sizeof(buffer),
	};
	int fd = -1, r;
	ssize_t n;

	*fdp = -1;
	n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == ECONNRESET ? 0 : -errno;
	r = take_descriptor(&msg, &fd);
	/* A message of no bytes looks like the end, but neither end sends one. */
	if (n == 0 && fd < 0)
		return 0;
	if (r < 0 || n != sizeof(*message) || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		if (fd >= 0)
			close(fd);
		return -EPROTO;
	}
	message->name[sizeof(message->name) - 1] = '\0';
	*fdp = fd;
	return 1;
}

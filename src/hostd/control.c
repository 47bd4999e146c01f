/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages between supervisor and session. No state; safe from any thread. */
#include "config.h"

#include <errno.h>

#include "hostd/control.h"
#include "proto/pass.h"

int control_send(int socket, const struct control_message *message, int fd)
{
	int r = pass_send(socket, message, sizeof(*message), &fd, fd >= 0 ? 1 : 0, 0);

	return r == -ECONNRESET || r == -ENOTCONN ? -EPIPE : r;
}

int control_receive(int socket, struct control_message *message, int *fdp)
{
	uint32_t n;
	int fd, r;

	*fdp = -1;
	r = pass_receive(socket, message, sizeof(*message), &fd, 1, &n, 0);
	if (r <= 0)
		return r == -ECONNRESET ? 0 : r;
	message->name[sizeof(message->name) - 1] = '\0';
	if (n == 1)
		*fdp = fd;
	return 1;
}

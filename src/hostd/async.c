/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SIGIO for the guest's programs; see async.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "hostd/async.h"
#include "hostd/session.h"

#define ASYNC_SIGNAL (SIGRTMIN + 2)
#define N_SIGNALS 16

int async_init(struct session *session)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, ASYNC_SIGNAL);
	/* What comes when too many of the former are queued; it tells no file. */
	sigaddset(&set, SIGIO);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	session->async_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return session->async_fd < 0 ? -errno : 0;
}

static int async_set(int fd, bool on)
{
	struct f_owner_ex owner = { .type = F_OWNER_PID, .pid = getpid() };
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETOWN_EX, &owner) < 0 || fcntl(fd, F_SETSIG, ASYNC_SIGNAL) < 0 ||
	    fcntl(fd, F_SETFL, on ? flags | O_ASYNC : flags & ~O_ASYNC) < 0)
		return -errno;
	return 0;
}

bool async_serve(struct session *session, struct workspace *workspace,
		 const struct proto_message *message, struct operation *operation)
{
	const struct proto_fasync *request = message->body;
	struct handle *handle = operation_handle(session, message, request->handle);
	struct proto_fasync_answer answer = { .result = -EBADF };
	uint64_t tag = operation->tag;

	if (handle) {
		answer.result = async_set(handle->fd, request->on);
		handle->async = request->on && answer.result == 0;
	}
	operation_leave(session, operation);
	session_send(session, PROTO_FASYNC_ANSWER, tag, &answer, NULL, 0);
	return lead_mine(&session->lead);
}

/* Notes a signal for the handle of this descriptor; for all, if fd is negative. */
static void async_note(struct session *session, int fd, int32_t band)
{
	struct handle_table *table = &session->handles;

	for (uint32_t i = 0; i < table->n_max; i++) {
		struct handle *handle = &table->handles[i];

		if (handle->id && handle->async && (fd < 0 || handle->fd == fd))
			handle->bands |= 1u << band;
	}
	session->backlog = true;
}

void async_read(struct session *session)
{
	struct signalfd_siginfo infos[N_SIGNALS];
	ssize_t n;

	while ((n = read(session->async_fd, infos, sizeof(infos))) > 0) {
		for (size_t i = 0; i < n / sizeof(infos[0]); i++) {
			bool told = infos[i].ssi_signo == (uint32_t)ASYNC_SIGNAL &&
				    infos[i].ssi_code >= POLL_IN && infos[i].ssi_code <= POLL_HUP;

			async_note(session, told ? infos[i].ssi_fd : -1, told ? infos[i].ssi_code : POLL_IN);
		}
	}
}

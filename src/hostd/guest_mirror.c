/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mirror processes of a session: started and killed when the session asks, and
 * killed when it ends. Supervisor's main thread only.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostd/guest.h"
#include "hostd/guest_mirror.h"
#include "hostd/launch.h"
#include "hostd/mirror.h"
#include "hostd/supervisor.h"
#include "proto/log.h"

#define PATIENCE_SECONDS 5 /* of the session with a mirror: one that takes longer is ended */

static void mirror_unlink(struct guest_mirror *mirror)
{
	struct guest_mirror **at;

	if (!mirror->session)
		return;
	for (at = &mirror->session->mirrors; *at != mirror; at = &(*at)->next)
		;
	*at = mirror->next;
	mirror->session = NULL;
}

/* Devices that it had open are closed now, which the session may wait for. */
static void tell_ended(const struct guest_mirror *mirror)
{
	struct control_message message = { .kind = CONTROL_MIRROR_ENDED, .tag = mirror->id };
	struct guest_session *session = mirror->session;
	int r;

	if (!session || !session->broker)
		return;
	r = broker_send(session->broker, &message, -1);
	if (r < 0 && r != -EPIPE) {
		log_error("session %d does not take its answers and is killed", (int)session->pid);
		kill(session->pid, SIGKILL);
	}
}

static int on_child(sd_event_source *source, const siginfo_t *info, void *context)
{
	struct guest_mirror *mirror = context;

	/* SIGKILL is ours; anything else is worth a look. A guest can cause it. */
	if (info->si_code != CLD_EXITED && info->si_status != SIGKILL && mirror->session &&
	    log_limit_pass(&mirror->session->mirror_limit, "mirrors"))
		log_error("mirror %d was ended by signal %d (%s)%s", (int)mirror->pid, info->si_status,
			  strsignal(info->si_status),
			  info->si_status == SIGSYS ? ": it made a forbidden system call" : "");
	tell_ended(mirror);
	mirror_unlink(mirror);
	sd_event_source_disable_unref(mirror->child); /* frees the record */
	return 0;
}

/* 0 and the session's end of the new process's socket, or negative errno. */
static int mirror_start(struct guest *guest, uint64_t id, int *socketp)
{
	struct guest_session *session = &guest->session;
	static const struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
	struct guest_mirror *mirror, *other;
	unsigned int n = 0;
	int r;

	for (other = session->mirrors; other; other = other->next)
		if (other->id == id || ++n >= 2 * MIRRORS_MAX)
			return -EUSERS;
	mirror = calloc(1, sizeof(*mirror));
	if (!mirror)
		return -ENOMEM;
	r = launch_mirror(guest->name, session->mirror_uid, session->capabilities, &mirror->pid, socketp);
	if (r < 0) {
		free(mirror);
		return r;
	}
	mirror->id = id;
	setsockopt(*socketp, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(*socketp, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	r = sd_event_add_child(guest->supervisor->event, &mirror->child, mirror->pid, WEXITED, on_child, mirror);
	if (r < 0) {
		kill(mirror->pid, SIGKILL);
		waitpid(mirror->pid, NULL, 0);
		close(*socketp);
		free(mirror);
		return r;
	}
	/* The event loop owns the source and the source the record: both are there until
	 * the process has ended, or the daemon does. */
	sd_event_source_set_destroy_callback(mirror->child, free);
	sd_event_source_set_floating(mirror->child, 1);
	sd_event_source_unref(mirror->child);
	mirror->session = session;
	mirror->next = session->mirrors;
	session->mirrors = mirror;
	return 0;
}

static int mirror_serve(struct guest *guest, uint64_t id)
{
	struct control_message answer = { .kind = CONTROL_MIRROR_STARTED, .tag = id };
	int socket = -1, r;

	r = mirror_start(guest, id, &socket);
	if (r < 0) {
		answer.error = -r;
		if (log_limit_pass(&guest->session.mirror_limit, guest->name))
			log_error("guest \"%s\": starting a mirror: %s", guest->name, strerror(-r));
	}
	r = broker_send(guest->session.broker, &answer, socket);
	if (socket >= 0)
		close(socket);
	return r;
}

static void mirror_kill(struct guest_session *session, uint64_t id)
{
	for (struct guest_mirror *mirror = session->mirrors; mirror; mirror = mirror->next)
		if (mirror->id == id)
			kill(mirror->pid, SIGKILL);
}

int guest_mirror_serve(struct guest *guest, const struct control_message *request)
{
	if (request->kind == CONTROL_MIRROR)
		return mirror_serve(guest, request->tag);
	mirror_kill(&guest->session, request->tag);
	return 0;
}

void guest_mirror_end_all(struct guest_session *session)
{
	while (session->mirrors) {
		kill(session->mirrors->pid, SIGKILL);
		mirror_unlink(session->mirrors);
	}
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process that serves one guest: starting, feeding, ending and burying it.
 *
 * Everything hangs on the child source: whatever goes wrong ends the process, and
 * on_child() cleans up. All events come from the supervisor's loop.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostd/guest.h"
#include "hostd/guest_frames.h"
#include "hostd/guest_mirror.h"
#include "hostd/launch.h"
#include "hostd/supervisor.h"
#include "proto/log.h"

#define TERM_US 2000000 /* from SIGTERM to SIGKILL */

/* The session's rights end at once, also if the process does not. */
static void cut_off(struct guest *guest)
{
	struct guest_session *session = &guest->session;

	guest_frames_end_all(guest);
	session->news = sd_event_source_disable_unref(session->news);
	session->room = sd_event_source_disable_unref(session->room);
	broker_free(session->broker);
	session->broker = NULL;
}

static int on_kill(sd_event_source *source, uint64_t usec, void *context)
{
	struct guest *guest = context;

	log_warning("guest \"%s\": the session did not end by itself and is killed", guest->name);
	kill(guest->session.pid, SIGKILL);
	return 0;
}

/* Cuts it off and sees to it that it ends. The child is not reaped before the
 * event loop says so, so the pid is ours. */
static void expect_end(struct guest *guest)
{
	struct guest_session *session = &guest->session;

	cut_off(guest);
	if (sd_event_source_set_time_relative(session->kill_timer, TERM_US) < 0 ||
	    sd_event_source_set_enabled(session->kill_timer, SD_EVENT_ONESHOT) < 0)
		kill(session->pid, SIGKILL);
}

void guest_session_end(struct guest *guest)
{
	struct guest_session *session = &guest->session;

	if (!session->pid || session->ending)
		return;
	session->ending = true;
	expect_end(guest);
	kill(session->pid, SIGTERM);
}

/* Says how the session ended. True if it was without fault. */
static bool log_exit(const struct guest *guest, const siginfo_t *info)
{
	bool exited = info->si_code == CLD_EXITED;

	if (exited && info->si_status == 0) {
		log_info("guest \"%s\": session ended", guest->name);
		return true;
	}
	if (!exited && guest->session.ending) {
		log_info("guest \"%s\": session was ended", guest->name);
		return !guest->session.violated;
	}
	if (exited)
		log_error("guest \"%s\": session failed with status %d, its own lines say why",
			  guest->name, info->si_status);
	else
		log_error("guest \"%s\": session was killed by signal %d (%s)", guest->name,
			  info->si_status, strsignal(info->si_status));
	return false;
}

void guest_session_fini(struct guest *guest)
{
	struct guest_session *session = &guest->session;

	cut_off(guest);
	guest_mirror_end_all(session);
	announce_fini(&session->announce);
	sd_event_source_disable_unref(session->child);
	sd_event_source_disable_unref(session->kill_timer);
	*session = (struct guest_session){ 0 };
}

static int on_child(sd_event_source *source, const siginfo_t *info, void *context)
{
	struct guest *guest = context;
	const struct guest_session *session = &guest->session;
	bool by_us = session->ending && !session->violated;
	uint64_t started_us = session->started_us, now = 0;
	bool fine = log_exit(guest, info);

	if (guest->rings)
		vchan_rings_withdraw(guest->rings);
	guest_session_fini(guest);
	sd_event_now(guest->supervisor->event, CLOCK_MONOTONIC, &now);
	guest_session_gone(guest, fine, by_us ? UINT64_MAX : now - started_us);
	return 0;
}

/* 0, or negative errno when the session cannot be answered. */
static int serve_requests(struct guest *guest)
{
	struct control_message request;
	int r = 0;

	while (r == 0 && broker_request(guest->session.broker, &request)) {
		if (request.kind == CONTROL_PLACE || request.kind == CONTROL_UNPLACE)
			r = guest_frames_serve(guest, &request);
		else
			r = guest_mirror_serve(guest, &request);
	}
	return r;
}

static int on_news(sd_event_source *source, int fd, uint32_t revents, void *context)
{
	struct guest *guest = context;
	unsigned int events = broker_events(guest->session.broker);

	if ((events & BROKER_UP) && !guest->session.up) {
		guest->session.up = true;
		log_info("guest \"%s\": connected", guest->name);
		supervisor_status(guest->supervisor);
	}
	if ((events & BROKER_REQUEST) && guest->session.broker) {
		int r = serve_requests(guest);

		if (r < 0 && r != -EPIPE) {
			log_error("guest \"%s\": answering its session: %s; the session is ended",
				  guest->name, strerror(-r));
			guest_session_end(guest);
		}
	}
	if (events & BROKER_VIOLATION) {
		guest->session.violated = true;
		guest_session_end(guest);
	} else if (events & BROKER_CLOSED) {
		/* It ends by itself; how, its exit status will tell. */
		expect_end(guest);
	}
	return 0;
}

static int on_room(sd_event_source *source, int fd, uint32_t revents, void *context)
{
	guest_session_sync(context);
	return 0;
}

void guest_session_sync(struct guest *guest)
{
	struct guest_session *session = &guest->session;
	int r;

	if (!session->broker)
		return;
	r = announce_sync(&session->announce, session->broker, guest->supervisor->policy);
	if (r == -EAGAIN) {
		sd_event_source_set_enabled(session->room, SD_EVENT_ONESHOT);
	} else if (r < 0 && r != -EPIPE) {
		log_error("guest \"%s\": announcing devices: %s; the session is ended",
			  guest->name, strerror(-r));
		guest_session_end(guest);
	}
}

/* `connection` is for CONTROL_UNIX. */
static int send_start(struct guest *guest, int connection)
{
	const struct supervisor *supervisor = guest->supervisor;
	const struct control_message rings = { .kind = CONTROL_RINGS };
	int r;
	struct control_message start = {
		.kind = CONTROL_START,
		.flags = supervisor->verify ? CONTROL_VERIFY : 0,
		.transport = guest->transport,
		.domid = guest->domid,
		.poll_us = supervisor->conf->poll_us,
		.uid = guest->session.uid,
		.max_mapped = guest->max_mapped,
		.max_pinned = guest->max_pinned,
		.max_handles = guest->max_handles,
		.log_level = log_level_get(),
		.max_call_pages = guest->max_call_memory * (1048576 / PROTO_PAGE),
		.page_timeout_ms = supervisor->conf->page_timeout_ms,
		.capabilities = guest->session.capabilities,
	};

	strncpy(start.name, guest->name, sizeof(start.name) - 1);
	if (!guest->rings)
		return broker_send(guest->session.broker, &start, connection);
	vchan_rings_renew(guest->rings);
	start.event_port = vchan_rings_port(guest->rings);
	r = broker_send(guest->session.broker, &start, vchan_rings_event_fd(guest->rings));
	if (r == 0)
		r = broker_send(guest->session.broker, &rings, vchan_rings_memory_fd(guest->rings));
	if (r == 0)
		r = vchan_rings_offer(guest->rings);
	return r;
}

/* Takes `control` over. The process exists, so whatever fails ends it. */
static int attach(struct guest *guest, int control)
{
	struct guest_session *session = &guest->session;
	sd_event *event = guest->supervisor->event;
	int r;

	r = broker_new(control, guest->name, &session->broker);
	if (r < 0)
		return r;
	r = sd_event_add_io(event, &session->news, broker_event_fd(session->broker), EPOLLIN,
			    on_news, guest);
	if (r >= 0)
		r = sd_event_add_io(event, &session->room, broker_control_fd(session->broker),
				    EPOLLOUT, on_room, guest);
	if (r >= 0)
		r = sd_event_source_set_enabled(session->room, SD_EVENT_OFF);
	/* Made here, so that its end cannot fail for want of a timer. */
	if (r >= 0)
		r = sd_event_add_time(event, &session->kill_timer, CLOCK_MONOTONIC, UINT64_MAX, 0, on_kill,
				      guest);
	if (r >= 0)
		r = sd_event_source_set_enabled(session->kill_timer, SD_EVENT_OFF);
	return r < 0 ? r : 0;
}

/* Without a child source nobody would tell of its end. */
static int watch_child(struct guest *guest)
{
	struct guest_session *session = &guest->session;
	int r = sd_event_add_child(guest->supervisor->event, &session->child, session->pid,
				   WEXITED, on_child, guest);

	if (r >= 0)
		return 0;
	kill(session->pid, SIGKILL);
	waitpid(session->pid, NULL, 0);
	session->pid = 0;
	return r;
}

int guest_session_start(struct guest *guest, int connection)
{
	struct guest_session *session = &guest->session;
	int control, r;

	*session = (struct guest_session){ 0 };
	sd_event_now(guest->supervisor->event, CLOCK_MONOTONIC, &session->started_us);
	session->domid = guest->domid;
	session->capabilities = conf_guest_capabilities(guest->supervisor->conf, guest->name);
	announce_init(&session->announce, guest->name);
	r = supervisor_uids_choose(guest->supervisor, &session->uid, &session->mirror_uid);
	if (r == 0)
		r = launch_session(guest->name, &session->pid, &control);
	if (r < 0) {
		session->pid = 0;
		return r;
	}
	r = watch_child(guest);
	if (r < 0) {
		close(control);
		return r;
	}
	r = attach(guest, control);
	if (r == 0)
		r = send_start(guest, connection);
	if (r < 0) {
		log_error("guest \"%s\": starting the session: %s", guest->name, strerror(-r));
		guest_session_end(guest);
		return 0;
	}
	guest_session_sync(guest);
	return 0;
}

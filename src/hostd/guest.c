/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of a guest: wait for a peer, have it served, wait again.
 *
 * One place decides: consider() starts whatever may be started now. It is called
 * after everything that could change the answer.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "hostd/guest.h"
#include "hostd/supervisor.h"
#include "proto/log.h"

#define SOON_US 1000000 /* a session that lasts less has failed */
#define BACKOFF_US 100000
#define BACKOFF_MAX_US 1000000
#define LISTEN_AGAIN_US 30000000 /* each try disturbs whoever listens there */
/* Until a domain has let go of its last session's rings, or is taken to be not about to. */
#define WAIT_US 20000
#define N_WAITS 250

static void consider(struct guest *guest);

bool guest_busy(const struct guest *guest)
{
	return guest->session.pid != 0;
}

static void rings_free(struct guest *guest)
{
	vchan_rings_free(guest->rings);
	guest->rings = NULL;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *context)
{
	struct guest *guest = context;

	guest->retry_timer = sd_event_source_disable_unref(guest->retry_timer);
	consider(guest);
	return 0;
}

static void retry_in(struct guest *guest, uint64_t usec)
{
	sd_event_source_disable_unref(guest->retry_timer);
	guest->retry_timer = NULL;
	sd_event_add_time_relative(guest->supervisor->event, &guest->retry_timer, CLOCK_MONOTONIC,
				   usec, usec / 10 + 1, on_retry, guest);
}

/* Counts failures in a row: the first one is forgiven, then the pause doubles. A
 * unix guest that came and went is no failure, its next connection is awaited. */
static void back_off(struct guest *guest, bool failed)
{
	uint64_t pause = BACKOFF_US;

	if (!failed) {
		guest->n_failures = 0;
		return;
	}
	guest->n_failures++;
	if (guest->n_failures < 2)
		return;
	for (unsigned int i = 2; i < guest->n_failures && pause < BACKOFF_MAX_US; i++)
		pause *= 2;
	if (pause > BACKOFF_MAX_US)
		pause = BACKOFF_MAX_US;
	log_info("guest \"%s\": failed %u times in a row, the next session starts in %u ms",
		 guest->name, guest->n_failures, (unsigned int)(pause / 1000));
	retry_in(guest, pause);
}

void guest_session_gone(struct guest *guest, bool fine, uint64_t lasted_us)
{
	bool soon = lasted_us < SOON_US && !(fine && guest->transport == CONTROL_UNIX);

	supervisor_status(guest->supervisor);
	if (guest->unwanted) {
		supervisor_guest_gone(guest->supervisor, guest);
		return;
	}
	if (!guest->present)
		rings_free(guest);
	back_off(guest, soon);
	consider(guest);
}

static void start(struct guest *guest, int connection)
{
	int r = guest_session_start(guest, connection);

	if (r < 0) {
		log_error("guest \"%s\": no session: %s; %s", guest->name, strerror(-r),
			  r == -EUSERS ? "make session-uids in hostd.conf larger" :
					 "trying again");
		guest->n_failures++;
		back_off(guest, true);
	} else if (guest->transport == CONTROL_VCHAN) {
		log_info("guest \"%s\": session started for domain %u, %zu devices", guest->name,
			 guest->domid, guest->session.announce.n_devices);
	} else {
		log_info("guest \"%s\": session started, %zu devices", guest->name,
			 guest->session.announce.n_devices);
	}
	supervisor_status(guest->supervisor);
}

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *context)
{
	struct guest *guest = context;
	int connection = listener_accept(&guest->listener);

	if (connection == -EAGAIN)
		return 0;
	sd_event_source_set_enabled(guest->connection, SD_EVENT_OFF);
	if (connection < 0) {
		log_error("guest \"%s\": socket \"%s\": accept: %s; trying again", guest->name,
			  guest->address, strerror(-connection));
		retry_in(guest, BACKOFF_MAX_US);
		return 0;
	}
	start(guest, connection);
	close(connection);
	if (!guest_busy(guest) && !guest->retry_timer)
		consider(guest);
	return 0;
}

static void log_listen(struct guest *guest, int error)
{
	if (guest->listen_error == error)
		return;
	guest->listen_error = error;
	log_error("guest \"%s\": socket \"%s\": %s", guest->name, guest->address,
		  error == -EADDRINUSE ?
			  "somebody listens there, stop the other daemon or set another socket =" :
		  error == -EEXIST ? "there is a file that is no socket, remove it or set another socket =" :
				     strerror(-error));
}

static int listen_unix(struct guest *guest)
{
	int r = listener_open(&guest->listener, guest->address);

	if (r == 0)
		r = sd_event_add_io(guest->supervisor->event, &guest->connection,
				    guest->listener.fd, EPOLLIN, on_connection, guest);
	if (r < 0) {
		listener_close(&guest->listener, guest->address);
		log_listen(guest, r);
		retry_in(guest, LISTEN_AGAIN_US);
		return r;
	}
	guest->listen_error = 0;
	log_info("guest \"%s\": listening at \"%s\"", guest->name, guest->address);
	return 0;
}

/* Has rings for the domain that runs. False if that must be tried again, which is seen to. */
static bool rings_ready(struct guest *guest)
{
	int r;

	if (guest->rings && vchan_rings_domid(guest->rings) != guest->domid)
		rings_free(guest);
	if (!guest->rings) {
		r = vchan_rings_new(guest->domid, &guest->rings);
		if (r < 0) {
			log_error("guest \"%s\": no rings for domain %u: %s; is xen-gntalloc loaded?; trying again",
				  guest->name, guest->domid, strerror(-r));
			retry_in(guest, BACKOFF_MAX_US);
			return false;
		}
	}
	/* Who does not let go is served nevertheless: what it then does to its rings is its own
	 * loss. */
	if (!vchan_rings_let_go(guest->rings) && guest->n_waited < N_WAITS) {
		guest->n_waited++;
		retry_in(guest, WAIT_US);
		return false;
	}
	guest->n_waited = 0;
	return true;
}

/* Starts what may be started now. */
static void consider(struct guest *guest)
{
	if (guest->unwanted || guest_busy(guest) || guest->retry_timer)
		return;
	if (guest->transport == CONTROL_VCHAN) {
		if (guest->present && rings_ready(guest))
			start(guest, -1);
		return;
	}
	if (guest->listener.fd < 0 && listen_unix(guest) < 0)
		return;
	sd_event_source_set_enabled(guest->connection, SD_EVENT_ON);
}

int guest_new(struct supervisor *supervisor, const struct conf_guest *conf,
	      struct guest **guestp)
{
	struct guest *guest = calloc(1, sizeof(*guest));

	if (!guest)
		return -ENOMEM;
	guest->supervisor = supervisor;
	guest->transport = conf->transport;
	guest->listener = LISTENER_CLOSED;
	guest->max_mapped = conf->max_mapped;
	guest->max_pinned = conf->max_pinned;
	guest->max_handles = conf->max_handles;
	guest->max_call_memory = conf->max_call_memory;
	guest->name = strdup(conf->name);
	guest->address = strdup(conf->address);
	if (!guest->name || !guest->address) {
		guest_free(guest);
		return -ENOMEM;
	}
	consider(guest);
	*guestp = guest;
	return 0;
}

static void stop_waiting(struct guest *guest)
{
	guest->retry_timer = sd_event_source_disable_unref(guest->retry_timer);
	guest->connection = sd_event_source_disable_unref(guest->connection);
	listener_close(&guest->listener, guest->address);
}

void guest_free(struct guest *guest)
{
	if (!guest)
		return;
	stop_waiting(guest);
	guest_session_fini(guest);
	rings_free(guest);
	free(guest->name);
	free(guest->address);
	free(guest);
}

void guest_update(struct guest *guest, const struct conf_guest *conf)
{
	guest->max_mapped = conf->max_mapped;
	guest->max_pinned = conf->max_pinned;
	guest->max_handles = conf->max_handles;
	guest->max_call_memory = conf->max_call_memory;
}

void guest_remove(struct guest *guest)
{
	guest->unwanted = true;
	stop_waiting(guest);
	if (guest_busy(guest))
		guest_session_end(guest);
	else
		supervisor_guest_gone(guest->supervisor, guest);
}

void guest_domain(struct guest *guest, bool present, uint32_t domid)
{
	if (guest_busy(guest) && (!present || domid != guest->domid)) {
		log_info("guest \"%s\": domain %u is gone or not this guest's", guest->name, guest->domid);
		guest_session_end(guest);
	}
	if (present && !guest->present)
		guest->n_failures = 0;
	guest->present = present;
	if (present)
		guest->domid = domid;
	else if (!guest_busy(guest))
		rings_free(guest);
	consider(guest);
}

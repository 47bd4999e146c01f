/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The session process: start, the serving loop, and the end; see session.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "hostd/async.h"
#include "hostd/driver_call.h"
#include "hostd/rights.h"
#include "hostd/rules.h"
#include "hostd/sandbox.h"
#include "hostd/session.h"
#include "hostd/verify.h"
#include "proto/near.h"

#define FULL_WAIT_MIN_NS 20000
#define FULL_WAIT_MAX_NS 10000000
#define CROWD_WAITS 16 /* so long it does not spin after it had several messages at once */

void session_end(struct session *session, const char *reason)
{
	if (reason)
		log_error("guest \"%s\": %s", session->guest, reason);
	if (session->verify)
		verify_report(session);
	/* Rings, handles and threads end with the process; the guest sees the
	 * transport go. */
	_exit(reason ? EXIT_FAILURE : EXIT_SUCCESS);
}

void session_violation(struct session *session)
{
	log_error("guest \"%s\": protocol violation: %s; connection closed", session->guest,
		  session->channel->fault.text);
	_exit(EXIT_FAILURE);
}

struct device *session_device(struct session *session, uint32_t id)
{
	struct device *device = session->devices;

	while (device && device->id != id)
		device = device->next;
	return device;
}

/* ---- sending ---- */

/* Waits while the ring is full. A guest that does not read holds up nothing but
 * its own operations. */
static void full_wait(struct session *session, long *wait_ns)
{
	struct timespec ts = { .tv_nsec = *wait_ns };

	channel_flush(session->channel);
	if (!channel_alive(session->channel))
		session_end(session, NULL);
	session->n_sending++;
	/* If this thread leads, a standby looks after the ring. */
	lead_away(&session->lead, true);
	nanosleep(&ts, NULL);
	lead_back(&session->lead);
	session->n_sending--;
	if (*wait_ns < FULL_WAIT_MAX_NS)
		*wait_ns *= 2;
}

void session_answer(struct session *session, uint16_t opcode, uint64_t tag, const void *body,
		    uint32_t *readyp, struct handle *handle, const struct iovec *payload, int n)
{
	long wait_ns = FULL_WAIT_MIN_NS;
	int r;

	for (;;) {
		if (readyp && handle && handle_tells(handle))
			*readyp = handle->ready;
		r = channel_send(session->channel, opcode, tag, body, payload, n);
		if (r != -EAGAIN)
			break;
		full_wait(session, &wait_ns);
	}
	if (r == -EPROTO)
		session_violation(session);
	if (r < 0)
		session_end(session, "internal error: a message does not fit the ring");
	if (readyp && handle)
		handle->told = true;
	channel_flush(session->channel);
}

void session_send(struct session *session, uint16_t opcode, uint64_t tag, const void *body,
		  const struct iovec *payload, int n)
{
	session_answer(session, opcode, tag, body, NULL, NULL, payload, n);
}

/* Sends one message that nobody waits for, if there is room. False if not. */
static bool push(struct session *session, uint16_t opcode, const void *body, const struct iovec *payload)
{
	int r = channel_send(session->channel, opcode, 0, body, payload, payload ? 1 : 0);

	if (r == -EPROTO)
		session_violation(session);
	return r == 0;
}

static bool push_devices(struct session *session)
{
	struct device **at = &session->devices;

	while (*at) {
		struct device *device = *at;
		struct proto_device_remove remove = { .device = device->id };
		bool properties = session->channel->capabilities & PROTO_CAP_PROPERTIES;
		struct iovec name = { device->name, properties ? device->name_size : device->name_length };

		if (!device->announced && !device->removed) {
			if (!push(session, PROTO_DEVICE_ADD, &device->add, &name))
				return false;
			device->announced = true;
			session->n_devices_announced++;
		}
		if (device->removed) {
			if (device->announced && !push(session, PROTO_DEVICE_REMOVE, &remove, NULL))
				return false;
			*at = device->next;
			rules_put(device->rules);
			free(device);
			continue;
		}
		at = &device->next;
	}
	return true;
}

static bool push_ready(struct session *session)
{
	struct handle_table *table = &session->handles;

	for (uint32_t i = 0, seen = 0; i < table->n_max && seen < table->n_used; i++) {
		struct handle *handle = &table->handles[i];
		struct proto_ready ready = { .handle = handle->id, .ready = handle->ready };

		if (!handle->id)
			continue;
		seen++;
		if (handle->told || handle->released || !handle_tells(handle))
			continue;
		if (!push(session, PROTO_READY, &ready, NULL))
			return false;
		handle->told = true;
	}
	return true;
}

static bool push_signals(struct session *session)
{
	struct handle_table *table = &session->handles;

	for (uint32_t i = 0, seen = 0; i < table->n_max && seen < table->n_used; i++) {
		struct handle *handle = &table->handles[i];

		if (!handle->id)
			continue;
		seen++;
		while (handle->bands && !handle->released) {
			uint32_t band = __builtin_ctz(handle->bands);
			struct proto_signal signal = { .handle = handle->id, .band = band };

			if (!push(session, PROTO_SIGNAL, &signal, NULL))
				return false;
			handle->bands &= ~(1u << band);
		}
	}
	return true;
}

void session_push(struct session *session)
{
	struct proto_device_end end = { 0 };

	/* Who waits for room came first; older news must not follow newer. */
	if (!session->backlog || !session->up || session->n_sending)
		return;
	session->backlog = !mirror_push(session) || !push_devices(session) || !push_ready(session) ||
			   !push_signals(session);
	end.n_devices = session->n_devices_announced;
	if (!session->backlog && session->devices_told && !session->end_announced) {
		session->end_announced = push(session, PROTO_DEVICE_END, &end, NULL);
		session->backlog = !session->end_announced;
	}
	if (session->backlog)
		channel_arm(session->channel, true);
	channel_flush(session->channel);
}

/* ---- the supervisor ---- */

/* The name, and behind it what `fd` (or -1), which it takes over, holds. */
static void device_name(struct device *device, const char *name, int fd)
{
	ssize_t n;

	device->name_length = device->name_size = strnlen(name, PROTO_NAME_MAX);
	memcpy(device->name, name, device->name_length);
	if (fd < 0)
		return;
	n = pread(fd, device->name + device->name_length + 1, PROTO_PROPERTIES_MAX, 0);
	close(fd);
	if (n > 0)
		device->name_size += 1 + n;
}

static void device_add(struct session *session, const struct control_message *message, int fd)
{
	struct device *device = calloc(1, sizeof(*device));
	bool failed = false;

	if (!device)
		session_end(session, "no memory for a device");
	device->id = message->id;
	device->add = (struct proto_device_add){
		.device = message->id,
		.class = message->class,
		.major = message->major,
		.minor = message->minor,
		.mode = message->mode,
		.flags = message->flags,
		.capabilities = message->capabilities,
	};
	device->rules = rules_new(&message->rules, &failed);
	/* Without its rules it must not be served. */
	if (failed)
		session_end(session, "no memory for a device's rules");
	device_name(device, message->name, fd);
	if (message->capabilities & ~rights_kept())
		log_warning("guest \"%s\": device \"%s\": not all of its capabilities can be had: a session "
			    "has, of those that hostd has, what hostd.conf named when it was started",
			    session->guest, device->name);
	device->next = session->devices;
	session->devices = device;
}

void session_control(struct session *session, const struct control_message *message, int fd)
{
	struct device *device;

	switch (message->kind) {
	case CONTROL_DEVICE_ADD:
		device_add(session, message, fd);
		break;
	case CONTROL_DEVICE_REMOVE:
		device = session_device(session, message->id);
		if (device)
			device->removed = true;
		break;
	case CONTROL_DEVICE_END:
		session->devices_told = true;
		break;
	case CONTROL_OPENED:
		operation_opened(session, message->tag, message->error, fd);
		return;
	case CONTROL_MIRROR_STARTED:
		mirror_launched(session, message, fd);
		return;
	case CONTROL_PLACED:
		place_answered(session, message);
		return;
	case CONTROL_MIRROR_ENDED:
		mirror_gone(session, message->tag);
		return;
	default:
		break;
	}
	session->backlog = true;
	session_push(session);
}

/* ---- serving ---- */

static struct workspace *workspace_take(struct session *session)
{
	struct workspace *workspace = session->workspaces;

	if (workspace) {
		session->workspaces = workspace->next;
		return workspace;
	}
	workspace = calloc(1, sizeof(*workspace));
	if (!workspace || channel_buffer_init(&workspace->message) < 0 ||
	    channel_buffer_init(&workspace->image) < 0)
		session_end(session, "no memory for another thread");
	return workspace;
}

static void workspace_give(struct session *session, struct workspace *workspace)
{
	workspace->next = session->workspaces;
	session->workspaces = workspace;
}

static void hello(struct session *session, const struct proto_message *message)
{
	struct control_message up = { .kind = CONTROL_UP };

	if (channel_hello_settle(session->channel, message) < 0)
		session_violation(session);
	session->up = true;
	session->backlog = true;
	(void)control_send(session->control_fd, &up, -1);
	session_push(session);
}

/* The ring is empty: spin for a while, then let this thread sleep. True if there
 * is something after all. Gives the lock up. Who has `served` nothing yet came because the
 * leader stays away, and does not spin: that may be on the processor that the leader needs. */
static bool linger(struct session *session, bool served)
{
	uint64_t gone_ns;
	bool found;

	if (session->backlog)
		session_push(session);
	channel_flush(session->channel);
	if (session->n_served > 1)
		session->crowd = CROWD_WAITS;
	else if (session->crowd)
		session->crowd--;
	session->channel->crowd = session->crowd;
	session->n_served = 0;
	session->idle_since_ns = session->crowd ? 0 : channel_wait_ns(session->channel);
	if (served && channel_spin_budget_ns(session->channel)) {
		pthread_mutex_unlock(&session->lead.lock);
		found = channel_spin(session->channel, session->idle_since_ns, &gone_ns);
		pthread_mutex_lock(&session->lead.lock);
		channel_spun(session->channel, gone_ns);
		if (!lead_mine(&session->lead))
			return false;
		if (found)
			return true;
	} else if (session->operations.n_used) {
		near_end();
	} else {
		channel_near(session->channel);
	}
	/* Somebody may have had a standby woken meanwhile, which found us leading. */
	if (session->reap || session->mirrors.refusals)
		return true;
	return channel_arm(session->channel, session->backlog);
}

static void session_serve(void *context)
{
	struct session *session = context;
	struct workspace *workspace = workspace_take(session);
	struct proto_message message;
	bool served = false;
	char text[256];
	int r;

	channel_disarm(session->channel);
	while (lead_mine(&session->lead) && !session->lead.stopping) {
		if (session->reap) {
			operation_reap(session);
			continue; /* it gives the lock up, and perhaps the lead with it */
		}
		if (session->mirrors.refusals) {
			mirror_refuse(session);
			continue;
		}
		r = channel_receive(session->channel, &workspace->message, &message);
		if (r < 0)
			session_violation(session);
		if (r == 0) {
			if (!linger(session, served))
				break;
			channel_disarm(session->channel);
			continue;
		}
		if (session->idle_since_ns)
			channel_waited(session->channel, channel_now_ns() - session->idle_since_ns);
		session->idle_since_ns = 0;
		session->n_served++;
		served = true;
		log_trace("guest \"%s\": < %s", session->guest, proto_print(&message, text, sizeof(text)));
		if (message.header.opcode == PROTO_HELLO)
			hello(session, &message);
		else if (!operation_serve(session, workspace, &message))
			break;
	}
	near_apart_end();
	workspace_give(session, workspace);
}

static void session_woken(void *context)
{
	struct session *session = context;
	struct transport *transport = session->channel->transport;

	if (!transport->ops->edges)
		transport->ops->acknowledge(transport);
	/* Where there is a life_fd, readiness.c watches it. */
	if (transport->life_fd < 0 && !channel_alive(session->channel))
		session_end(session, NULL);
	if (session->backlog)
		session_push(session);
}

static const struct lead_ops lead_ops = {
	.serve = session_serve,
	.woken = session_woken,
};

/* ---- start ---- */

static int start_read(struct session *session, struct control_message *start, int *fdp)
{
	int r;

	do
		r = control_receive(session->control_fd, start, fdp);
	while (r == -EINTR);
	if (r <= 0 || start->kind != CONTROL_START)
		return r < 0 ? r : -EPROTO;
	memcpy(session->guest, start->name, sizeof(session->guest) - 1);
	log_level_set(start->log_level);
	return 0;
}

/* Of rings whose event channels are `event_fd`; the supervisor has made them. */
static int vchan_make(struct session *session, const struct control_message *start, int event_fd,
		      struct transport **tp)
{
	struct control_message rings;
	int memory_fd = -1, r;

	do
		r = control_receive(session->control_fd, &rings, &memory_fd);
	while (r == -EINTR);
	if (r == 1 && rings.kind == CONTROL_RINGS && memory_fd >= 0 && event_fd >= 0)
		return transport_vchan_serve(memory_fd, event_fd, start->event_port, tp);
	return r < 0 ? r : -EPROTO; /* the process ends, and its descriptors with it */
}

static int transport_make(struct session *session, const struct control_message *start, int fd)
{
	struct transport *transport;
	int r;

	if (start->transport == CONTROL_VCHAN)
		r = vchan_make(session, start, fd, &transport);
	else
		r = transport_unix_accept(fd, &transport);
	if (r < 0)
		return r;
	session->channel = channel_new(transport, PROTO_FROM_GUEST, start->poll_us);
	return session->channel ? 0 : -ENOMEM;
}

/* Room for the quota's descriptors besides our own; a mirror has three. */
static int limits_set(struct session *session, uint32_t max_handles)
{
	rlim_t n = max_handles + 64 + 3 * MIRRORS_MAX;
	struct rlimit limit = { n, n };

	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warning("session: RLIMIT_NOFILE %lu: %s", (unsigned long)limit.rlim_cur, strerror(errno));
	return descriptor_numbers_init(&session->descriptor_numbers, n);
}

static int session_prepare(struct session *session, const struct control_message *start, int fd,
			   const char **whatp)
{
	int r;

	driver_call_prepare(OPERATION_SIGNAL);
	*whatp = "signals";
	r = async_init(session);
	if (r < 0)
		return r;
	*whatp = "memory";
	r = limits_set(session, start->max_handles);
	if (r < 0)
		return r;
	*whatp = start->transport == CONTROL_VCHAN ? "vchan transport" : "unix transport";
	r = transport_make(session, start, fd);
	if (r < 0)
		return r;
	session->domid = start->domid;
	if (start->transport == CONTROL_VCHAN)
		mapping_init(&session->mappings, start->domid, start->max_mapped);
	pages_init(&session->pages, start->transport == CONTROL_VCHAN, start->max_pinned, session->async_fd);
	*whatp = "memory";
	r = handle_table_init(&session->handles, start->max_handles);
	if (r < 0)
		return r;
	if (start->flags & CONTROL_VERIFY) {
		session->verify = verify_new();
		if (!session->verify)
			return -ENOMEM;
	}
	r = mirror_table_init(&session->mirrors, start->max_call_pages, start->page_timeout_ms);
	if (r == 0)
		r = lead_init(&session->lead, PROTO_IN_FLIGHT_MAX + SESSION_SPARE_THREADS, &lead_ops, session);
	if (r == 0)
		r = lead_watch(&session->lead, session->channel->transport->event_fd);
	if (r < 0)
		return r;
	*whatp = "io_uring (is it forbidden by kernel.io_uring_disabled?)";
	r = readiness_init(session);
	if (r < 0)
		return r;
	return sandbox_enter(start->uid, start->capabilities, whatp);
}

int session_main(int control_fd)
{
	struct session *session = calloc(1, sizeof(*session));
	struct control_message start;
	const char *what = "control socket";
	int fd = -1, r;

	if (!session)
		return EXIT_FAILURE;
	session->control_fd = control_fd;
	r = start_read(session, &start, &fd);
	if (r == 0)
		r = session_prepare(session, &start, fd, &what);
	if (r == 0) {
		what = "control socket";
		r = fcntl(control_fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
	}
	if (r == 0)
		r = channel_hello(session->channel, PROTO_IN_FLIGHT_MAX);
	if (r == 0) {
		channel_flush(session->channel);
		what = "threads";
		r = readiness_start(session);
	}
	if (r == 0)
		r = lead_run(&session->lead);
	log_error("guest \"%s\": session cannot start: %s: %s", session->guest, what, strerror(-r));
	return EXIT_FAILURE;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connection to the host: a thread that makes one whenever there is none, so
 * that the loop never waits for it, and the host's messages.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "guestd/kept.h"
#include "guestd/on_demand.h"
#include "guestd/outbox.h"

#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 1000
#define OFFER_TIMEOUT_MS 5000

/* ---- the connector ---- */

static int connect_once(const struct guest_config *config, struct transport **tp)
{
	if (config->host == HOST_XEN)
		return transport_vchan_connect(config->domid, tp);
	return transport_unix_connect(config->path, OFFER_TIMEOUT_MS, tp);
}

static const char *connect_reason(const struct guest_config *config, int error)
{
	bool xen = config->host == HOST_XEN;

	switch (-error) {
	case ENOENT:
		return xen ? "hostd offers nothing to this domain yet (is it in hostd.conf there?)"
			   : "there is no such socket yet";
	case ECONNREFUSED:
		return xen ? "what hostd offered is not there any more" : "nobody listens on the socket";
	case EAGAIN:
	case ETIMEDOUT:
		return "hostd does not answer (is another guestd connected?)";
	case EPROTO:
		return "the other side is not a Paradice that this guestd understands";
	case ENOSYS:
		return "this build has no Xen transport (configure found no libxenvchan)";
	default:
		return strerror(-error);
	}
}

/* Logs why there is no connection, once for each reason in a row. */
static void reason_log(struct guest *guest, const char *reason)
{
	if (strcmp(guest->last_reason, reason) == 0)
		return;
	strncpy(guest->last_reason, reason, sizeof(guest->last_reason) - 1);
	log_warning("waiting for the host: %s", reason);
}

static void pause_ms(struct guest *guest, unsigned int ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_nsec += ms * 1000000l;
	ts.tv_sec += ts.tv_nsec / 1000000000;
	ts.tv_nsec %= 1000000000;
	pthread_mutex_lock(&guest->lead.lock);
	if (!guest->lead.stopping)
		pthread_cond_timedwait(&guest->disconnected, &guest->lead.lock, &ts);
	pthread_mutex_unlock(&guest->lead.lock);
}

static void offer(struct guest *guest, struct transport *transport)
{
	struct channel *channel = channel_new(transport, PROTO_FROM_HOST, guest->config->poll_us);

	if (!channel)
		return;
	pthread_mutex_lock(&guest->lead.lock);
	guest->offered = channel;
	guest_nudge(guest);
	/* Nothing to do until that connection has ended. */
	while ((guest->offered || guest->channel) && !guest->lead.stopping)
		pthread_cond_wait(&guest->disconnected, &guest->lead.lock);
	pthread_mutex_unlock(&guest->lead.lock);
}

static void *connector_main(void *context)
{
	struct guest *guest = context;
	unsigned int wait_ms = RETRY_MIN_MS;

	while (!__atomic_load_n(&guest->lead.stopping, __ATOMIC_RELAXED)) {
		struct transport *transport;
		int r = connect_once(guest->config, &transport);

		if (r == 0) {
			offer(guest, transport);
			wait_ms = RETRY_MIN_MS;
		} else {
			pthread_mutex_lock(&guest->lead.lock);
			reason_log(guest, connect_reason(guest->config, r));
			pthread_mutex_unlock(&guest->lead.lock);
		}
		pause_ms(guest, wait_ms);
		wait_ms = wait_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : wait_ms * 2;
	}
	return NULL;
}

int connection_start(struct guest *guest)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	r = -pthread_create(&thread, &attr, connector_main, guest);
	pthread_attr_destroy(&attr);
	return r;
}

/* ---- the channel ---- */

void connection_take(struct guest *guest)
{
	uint64_t count;

	(void)!read(guest->connected_fd, &count, sizeof(count));
	if (!guest->offered)
		return;
	guest->channel = guest->offered;
	guest->offered = NULL;
	guest->connection++;
	guest->settled = false;
	if (guest_watch_channel(guest) < 0)
		connection_lost(guest, "cannot watch the connection");
	else if (channel_hello(guest->channel, PROTO_IN_FLIGHT_MAX) < 0)
		connection_lost(guest, "cannot say HELLO");
}

void connection_lost(struct guest *guest, const char *reason)
{
	struct channel *channel = guest->channel;

	if (!channel)
		return;
	if (reason)
		reason_log(guest, reason);
	guest_unwatch(guest, channel->transport->event_fd);
	if (channel->transport->life_fd >= 0)
		guest_unwatch(guest, channel->transport->life_fd);
	guest->settled = false;
	call_fail_all(guest, EIO);
	on_demand_forget(guest);
	guest->channel = NULL;
	channel_free(channel);
	file_all_dead(guest);
	mapping_all_lost(guest);
	kept_all_lost(guest);
	for (struct node *node = guest->nodes; node; node = node->next)
		node->add.device = 0;
	sd_notify(0, "STATUS=Waiting for the host.");
	pthread_cond_broadcast(&guest->disconnected);
}

static int on_hello(struct guest *guest, const struct proto_message *message)
{
	int r = channel_hello_settle(guest->channel, message);

	guest->settled = r == 0;
	if (r == 0)
		place_connected(guest);
	if (r == 0)
		log_info("connected to the host over %s, protocol version %u",
			 guest->channel->transport->ops->name, guest->channel->version);
	return r;
}

static int on_device_add(struct guest *guest, const struct proto_message *message)
{
	const struct proto_device_add *add = message->body;
	char name[PROTO_NAME_MAX + 1] = "";
	const char *properties;
	size_t name_length, length;

	if (add->device == 0 || node_find(guest, add->device))
		return proto_fault_set(&guest->channel->fault, "DEVICE_ADD: device %u is there already",
				       add->device);
	properties = proto_properties(message, &name_length, &length);
	memcpy(name, message->payload, name_length);
	node_offer(guest, add, name, properties, length);
	return 0;
}

static int on_device_remove(struct guest *guest, const struct proto_message *message)
{
	const struct proto_device_remove *remove = message->body;
	struct node *node = remove->device ? node_find(guest, remove->device) : NULL;

	if (node)
		node_withdraw(guest, node);
	return 0;
}

static int on_device_end(struct guest *guest, const struct proto_message *message)
{
	const struct proto_device_end *end = message->body;

	node_sweep(guest);
	guest->last_reason[0] = '\0';
	log_info("the host offers %u devices", end->n_devices);
	sd_notifyf(0, "READY=1\nSTATUS=Connected, %u devices.", end->n_devices);
	return 0;
}

static int on_ready(struct guest *guest, const struct proto_message *message)
{
	const struct proto_ready *ready = message->body;
	struct file *file = file_find(guest, ready->handle);

	/* It may have been closed meanwhile. */
	if (file)
		file_ready(file, ready->ready, true, channel_now_ns());
	return 0;
}

static int on_signal(struct guest *guest, const struct proto_message *message)
{
	const struct proto_signal *signal = message->body;
	struct file *file = file_find(guest, signal->handle);

	if (file)
		mapping_signal(file, signal->band);
	return 0;
}

static int on_let_go(struct guest *guest, const struct proto_message *message)
{
	kept_let_go(guest, ((const struct proto_let_go *)message->body)->pages);
	return 0;
}

static const struct {
	uint16_t opcode;
	int (*serve)(struct guest *guest, const struct proto_message *message);
} messages[] = {
	{ PROTO_HELLO, on_hello },	       { PROTO_DEVICE_ADD, on_device_add },
	{ PROTO_DEVICE_REMOVE, on_device_remove }, { PROTO_DEVICE_END, on_device_end },
	{ PROTO_READY, on_ready },		       { PROTO_SIGNAL, on_signal },
	{ PROTO_LET_GO, on_let_go },		       { PROTO_MEM_READ, on_demand_wanted },
	{ PROTO_MEM_WRITE, on_demand_written },
};

/* Serving it is mostly no more than to answer. */
static bool is_short(uint16_t opcode)
{
	return opcode == PROTO_READ_ANSWER || opcode == PROTO_WRITE_ANSWER || opcode == PROTO_IOCTL_ANSWER;
}

static int message_serve(struct guest *guest, const struct proto_message *message)
{
	bool hold = is_short(message->header.opcode) && crowd_is_one(&guest->crowd);
	char text[256];

	log_trace("< %s", proto_print(message, text, sizeof(text)));
	if (!hold)
		outbox_send();
	outbox_hold(hold);
	if (message->header.opcode & PROTO_ANSWER)
		return call_answered(guest, message);
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		if (messages[i].opcode == message->header.opcode)
			return messages[i].serve(guest, message);
	return -EPROTO;
}

static void messages_serve(struct guest *guest)
{
	struct channel *channel = guest->channel;
	struct proto_message message;
	char reason[sizeof(channel->fault.text) + 40];
	int r;

	while (guest->channel && guest->channel == channel) {
		struct channel_buffer *buffer = guest_buffer(guest);

		r = channel_receive(channel, buffer, &message);
		if (r == 1) {
			r = message_serve(guest, &message);
			outbox_hold(false);
			/* Serving may have given the lock up, and the connection been
			 * lost and freed meanwhile. */
			if (guest->channel != channel || !lead_mine(&guest->lead))
				return;
			if (guest->wants)
				on_demand_flush(guest);
			if (guest->channel != channel || !lead_mine(&guest->lead))
				return;
		} else if (r == 0) {
			return;
		}
		if (r < 0) {
			snprintf(reason, sizeof(reason), "protocol violation: %s", channel->fault.text);
			connection_lost(guest, reason);
			return;
		}
	}
}

void connection_serve(struct guest *guest)
{
	messages_serve(guest);
	outbox_send();
}

void guest_away(struct guest *guest)
{
	outbox_send();
	lead_away(&guest->lead, true);
}

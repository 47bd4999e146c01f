/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ping-pong over the unix transport. See floor_transport.h. The client sends a
 * WRITE and the server answers with a READ_ANSWER, both padded to 64 bytes; the
 * opcodes mean nothing here, but the channel lets nothing else through.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench/child.h"
#include "bench/floor_transport.h"
#include "proto/channel.h"

#define MESSAGE_SIZE 64
#define PING_PAYLOAD (MESSAGE_SIZE - sizeof(struct proto_header) - sizeof(struct proto_write))
#define PONG_PAYLOAD (MESSAGE_SIZE - sizeof(struct proto_header) - sizeof(struct proto_read_answer))
#define CONNECT_MS 5000
#define ANSWER_MS 10000
#define NO_TIMEOUT (-1)

/* One end. */
struct end {
	struct channel *channel;
	struct channel_buffer buffer;
	struct proto_message message; /* the last one received; lives in buffer */
};

struct floor_transport {
	struct child child;
	struct end end;
	char folder[64];
	char socket[80];
};

static int end_init(struct end *end, struct transport *transport, enum proto_from peer, int poll_us)
{
	end->channel = channel_new(transport, peer, poll_us);
	return end->channel ? channel_buffer_init(&end->buffer) : -ENOMEM;
}

static void end_fini(struct end *end)
{
	channel_free(end->channel);
	channel_buffer_fini(&end->buffer);
}

/* Sleeps until the peer rings. 0, -ETIMEDOUT, or -EPIPE when it is gone. */
static int end_sleep(struct end *end, int timeout_ms)
{
	struct transport *t = end->channel->transport;
	struct pollfd fds[2] = { { .fd = t->event_fd, .events = POLLIN },
				 { .fd = t->life_fd, .events = POLLIN | POLLRDHUP } };
	int r = poll(fds, 2, timeout_ms);

	if (r < 0)
		return errno == EINTR ? 0 : -errno;
	if (r == 0)
		return -ETIMEDOUT;
	if (fds[0].revents)
		t->ops->acknowledge(t);
	else if (fds[1].revents)
		return -EPIPE;
	return 0;
}

/* Takes the next message, spinning and then sleeping for it. 0 or negative errno. */
static int end_receive(struct end *end, int timeout_ms)
{
	struct channel *channel = end->channel;
	uint64_t since = channel_now_ns();
	bool waited = false, found;
	uint64_t gone_ns;
	int r;

	channel_flush(channel);
	for (;;) {
		r = channel_receive(channel, &end->buffer, &end->message);
		if (r < 0)
			return r;
		if (r > 0)
			break;
		waited = true;
		found = channel_spin(channel, since, &gone_ns);
		channel_spun(channel, gone_ns);
		if (found || channel_arm(channel, false))
			continue;
		r = end_sleep(end, timeout_ms);
		if (r < 0)
			return r;
	}
	if (waited)
		channel_waited(channel, since);
	return 0;
}

/* Both HELLOs. 0 or negative errno. */
static int end_greet(struct end *end)
{
	int r = channel_hello(end->channel, 1);

	if (!r)
		r = end_receive(end, CONNECT_MS);
	return r ? r : channel_hello_settle(end->channel, &end->message);
}

/* In the child: answers until the client is gone. */
static int serve(struct child *child, int listener, int poll_us)
{
	static const char payload[PONG_PAYLOAD];
	static const struct proto_read_answer pong = { .result = PONG_PAYLOAD };
	const struct iovec iov = { (void *)payload, sizeof(payload) };
	struct transport *transport;
	struct end end = { 0 };
	int fd, r;

	child_ready(child, 0);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = transport_unix_accept(fd, &transport);
	if (!r)
		r = end_init(&end, transport, PROTO_FROM_GUEST, poll_us);
	if (!r)
		r = end_greet(&end);
	while (!r) {
		r = end_receive(&end, NO_TIMEOUT);
		if (!r)
			r = channel_send(end.channel, PROTO_READ_ANSWER, end.message.header.tag,
					 &pong, &iov, 1);
	}
	end_fini(&end);
	return r;
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return -errno;
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

static int transport_start(struct floor_transport *transport, int poll_us)
{
	struct transport *t;
	int listener, r;

	strcpy(transport->folder, "/tmp/paradice-bench.XXXXXX");
	if (!mkdtemp(transport->folder)) {
		transport->folder[0] = '\0';
		return -errno;
	}
	snprintf(transport->socket, sizeof(transport->socket), "%s/socket", transport->folder);
	listener = listen_at(transport->socket);
	if (listener < 0)
		return listener;
	r = child_fork(&transport->child);
	if (r == 0)
		_exit(serve(&transport->child, listener, poll_us) != -EPIPE);
	close(listener);
	if (r > 0)
		r = child_await(&transport->child);
	if (!r)
		r = transport_unix_connect(transport->socket, CONNECT_MS, &t);
	if (!r)
		r = end_init(&transport->end, t, PROTO_FROM_HOST, poll_us);
	return r ? r : end_greet(&transport->end);
}

int floor_transport_new(int poll_us, struct floor_transport **transportp)
{
	struct floor_transport *transport = calloc(1, sizeof(*transport));
	int r;

	if (!transport)
		return -ENOMEM;
	r = transport_start(transport, poll_us);
	if (transport->folder[0]) {
		/* once connected, the path has no more use */
		unlink(transport->socket);
		rmdir(transport->folder);
	}
	if (r < 0)
		floor_transport_free(transport);
	else
		*transportp = transport;
	return r;
}

void floor_transport_free(struct floor_transport *transport)
{
	if (!transport)
		return;
	end_fini(&transport->end);
	child_stop(&transport->child);
	free(transport);
}

static int ping(void *context)
{
	struct end *end = context;
	static const char payload[PING_PAYLOAD];
	static const struct proto_write write = { .size = PING_PAYLOAD, .bulk = PROTO_BULK_NONE };
	const struct iovec iov = { (void *)payload, sizeof(payload) };
	int r = channel_send(end->channel, PROTO_WRITE, 1, &write, &iov, 1);

	return r ? r : end_receive(end, ANSWER_MS);
}

int floor_transport_slice(struct floor_transport *transport, const struct limit *limit,
			  struct sample *sample)
{
	return measure_round_trips(ping, &transport->end, 2 * MESSAGE_SIZE, limit, sample);
}

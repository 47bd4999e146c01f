/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See channel_rig.h. */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "channel_rig.h"
#include "entries.h"

char directory[] = "/tmp/paradice-test-XXXXXX";
char path[sizeof(directory) + 8];
int listener = -1;
int n_descriptors;
struct channel *host, *guest;
struct channel_buffer buffer;

void listen_setup(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	n_descriptors = count_entries("/proc/self/fd");
	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/socket", directory);
	strcpy(address.sun_path, path);
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(listener, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
}

void listen_teardown(void)
{
	close(listener);
	unlink(path);
	rmdir(directory);
	ck_assert_int_eq(count_entries("/proc/self/fd"), n_descriptors);
}

static void *serve_honestly(void *context)
{
	struct transport **tp = context;
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	*tp = NULL;
	if (transport_unix_accept(fd, tp) < 0)
		abort();
	return NULL;
}

void pair_setup(void)
{
	struct transport *server, *client;
	pthread_t thread;

	listen_setup();
	pthread_create(&thread, NULL, serve_honestly, &server);
	ck_assert_int_eq(transport_unix_connect(path, TIMEOUT_MS, &client), 0);
	pthread_join(thread, NULL);
	host = channel_new(server, PROTO_FROM_GUEST, 0);
	guest = channel_new(client, PROTO_FROM_HOST, 0);
	ck_assert(host && guest);
	ck_assert_int_eq(channel_buffer_init(&buffer), 0);
}

void pair_teardown(void)
{
	channel_buffer_fini(&buffer);
	channel_free(host);
	channel_free(guest);
	channel_free(NULL);
	host = guest = NULL;
	listen_teardown();
}

void greet(struct channel *from, struct channel *to)
{
	struct proto_message message;

	ck_assert_int_eq(channel_hello(from, PROTO_IN_FLIGHT_MAX), 0);
	ck_assert_int_eq(channel_receive(to, &buffer, &message), 1);
	ck_assert_int_eq(channel_hello_settle(to, &message), 0);
}

void settled_setup(void)
{
	pair_setup();
	greet(host, guest);
	greet(guest, host);
}

void rings_start_at(uint32_t index)
{
	struct channel *ends[] = { host, guest };

	for (int i = 0; i < 2; i++) {
		struct transport *t = ends[i]->transport;

		t->send.index = t->receive.index = index;
		t->send.used = 0;
		*t->send.untrusted_prod = *t->send.untrusted_cons = index;
	}
}

int send_write(uint64_t tag, uint32_t size)
{
	static uint8_t data[PROTO_MESSAGE_MAX];
	struct proto_write body = { .handle = 1, .size = size, .bulk = PROTO_BULK_NONE };
	/* In two pieces, so that a border between them is anywhere in the ring. */
	struct iovec payload[2] = { { data, size / 3 }, { data + size / 3, size - size / 3 } };

	for (uint32_t i = 0; i < size; i++)
		data[i] = i * 7 + tag;
	return channel_send(guest, PROTO_WRITE, tag, &body, payload, 2);
}

void receive_write(uint64_t tag, uint32_t size)
{
	struct proto_message message;
	int r = channel_receive(host, &buffer, &message);

	ck_assert_msg(r == 1, "size %u: %d: %s", size, r, host->fault.text);
	ck_assert_uint_eq(message.header.tag, tag);
	ck_assert_uint_eq(message.payload_length, size);
	for (uint32_t i = 0; i < size; i++)
		if (message.payload[i] != (uint8_t)(i * 7 + tag))
			ck_abort_msg("byte %u of %u is wrong", i, size);
}

int receive_fault(struct channel *channel, const char *text)
{
	struct proto_message message;
	int r = channel_receive(channel, &buffer, &message);

	ck_assert_msg(r != -EPROTO || strstr(channel->fault.text, text), "%s", channel->fault.text);
	return r;
}

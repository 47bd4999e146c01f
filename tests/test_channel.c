/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Channels over a real unix transport, both ends in this process; and offers of a
 * server that means harm. */
#include "config.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/channel.h"
#include "seed.h"

#define TIMEOUT_MS 5000
#define OVERHEAD (sizeof(struct proto_header) + sizeof(struct proto_write))

static char directory[] = "/tmp/paradice-test-XXXXXX";
static char path[sizeof(directory) + 8];
static int listener = -1;
static int n_descriptors;
static struct channel *host, *guest;
static struct channel_buffer buffer;

static int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* ---- a place to connect to ---- */

static void listen_setup(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	n_descriptors = count_descriptors();
	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/socket", directory);
	strcpy(address.sun_path, path);
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(listener, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
}

static void listen_teardown(void)
{
	close(listener);
	unlink(path);
	rmdir(directory);
	ck_assert_int_eq(count_descriptors(), n_descriptors);
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

static void pair_setup(void)
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

static void pair_teardown(void)
{
	channel_buffer_fini(&buffer);
	channel_free(host);
	channel_free(guest);
	channel_free(NULL);
	host = guest = NULL;
	listen_teardown();
}

static void greet(struct channel *from, struct channel *to)
{
	struct proto_message message;

	ck_assert_int_eq(channel_hello(from, PROTO_IN_FLIGHT_MAX), 0);
	ck_assert_int_eq(channel_receive(to, &buffer, &message), 1);
	ck_assert_int_eq(channel_hello_settle(to, &message), 0);
}

static void settled_setup(void)
{
	pair_setup();
	greet(host, guest);
	greet(guest, host);
}

/* Moves both rings to another index, as after much traffic. */
static void rings_start_at(uint32_t index)
{
	struct channel *ends[] = { host, guest };

	for (int i = 0; i < 2; i++) {
		struct transport *t = ends[i]->transport;

		t->send.index = t->receive.index = index;
		t->send.used = 0;
		*t->send.untrusted_prod = *t->send.untrusted_cons = index;
	}
}

static int send_write(uint64_t tag, uint32_t size)
{
	static uint8_t data[PROTO_MESSAGE_MAX];
	struct proto_write body = { .handle = 1, .size = size, .bulk = PROTO_BULK_NONE };
	/* In two pieces, so that a border between them is anywhere in the ring. */
	struct iovec payload[2] = { { data, size / 3 }, { data + size / 3, size - size / 3 } };

	for (uint32_t i = 0; i < size; i++)
		data[i] = i * 7 + tag;
	return channel_send(guest, PROTO_WRITE, tag, &body, payload, 2);
}

static void receive_write(uint64_t tag, uint32_t size)
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

static int receive_fault(struct channel *channel, const char *text)
{
	struct proto_message message;
	int r = channel_receive(channel, &buffer, &message);

	ck_assert_msg(r != -EPROTO || strstr(channel->fault.text, text), "%s", channel->fault.text);
	return r;
}

/* ---- messages ---- */

START_TEST(carries_every_size)
{
	uint64_t tag = 0;

	rings_start_at(_i ? UINT32_MAX - 100000 : 0);
	for (uint32_t size = 0; size <= PROTO_DATA_MAX; size += size < 600 ? 1 : size / 5 | 1) {
		ck_assert_int_eq(send_write(++tag, size), 0);
		receive_write(tag, size);
		ck_assert(!channel_readable(host));
	}
	ck_assert_int_eq(send_write(++tag, PROTO_MESSAGE_MAX - OVERHEAD), 0);
	receive_write(tag, PROTO_MESSAGE_MAX - OVERHEAD);
}
END_TEST

/* Headers, bodies and payloads that lie across the ring's end in every way. */
START_TEST(wraps_anywhere)
{
	uint32_t size = guest->transport->send.size;

	for (uint32_t i = 0; i < 2 * OVERHEAD; i++) {
		rings_start_at(size - i);
		ck_assert_int_eq(send_write(i + 1, 50), 0);
		receive_write(i + 1, 50);
	}
}
END_TEST

START_TEST(goes_on_when_there_is_room)
{
	uint32_t n = 0, prod;

	while (send_write(n, 10000 - OVERHEAD) == 0)
		n++;
	ck_assert_uint_eq(n, guest->transport->send.size / 10000);
	prod = *guest->transport->send.untrusted_prod;
	ck_assert_int_eq(send_write(n, 10000 - OVERHEAD), -EAGAIN);
	ck_assert_uint_eq(*guest->transport->send.untrusted_prod, prod);
	for (uint32_t i = 0; i < 3 * n; i++) {
		receive_write(i, 10000 - OVERHEAD);
		ck_assert_int_eq(send_write(n + i, 10000 - OVERHEAD), 0);
		ck_assert_int_eq(send_write(0, 10000 - OVERHEAD), -EAGAIN);
	}
}
END_TEST

/* To the last byte. */
START_TEST(fills_the_ring)
{
	uint32_t size = guest->transport->send.size, rest = size - 2 * PROTO_DATA_MAX / 2;

	rings_start_at(12345);
	ck_assert_int_eq(send_write(1, PROTO_DATA_MAX / 2 - OVERHEAD), 0);
	ck_assert_int_eq(send_write(2, PROTO_DATA_MAX / 2 - OVERHEAD), 0);
	ck_assert_uint_le(rest, PROTO_MESSAGE_MAX);
	ck_assert_int_eq(send_write(3, rest - OVERHEAD + 1), -EAGAIN);
	ck_assert_int_eq(send_write(3, rest - OVERHEAD), 0);
	ck_assert_int_eq(send_write(4, 0), -EAGAIN);
	receive_write(1, PROTO_DATA_MAX / 2 - OVERHEAD);
	receive_write(2, PROTO_DATA_MAX / 2 - OVERHEAD);
	receive_write(3, rest - OVERHEAD);
}
END_TEST

START_TEST(refuses_large_messages)
{
	ck_assert_int_eq(send_write(1, PROTO_MESSAGE_MAX - OVERHEAD + 1), -EMSGSIZE);
	guest->max_message = PROTO_MESSAGE_MIN; /* as its peer's HELLO may say */
	ck_assert_int_eq(send_write(1, PROTO_MESSAGE_MIN - OVERHEAD + 1), -EMSGSIZE);
	ck_assert(!channel_readable(host));
	ck_assert_int_eq(send_write(1, PROTO_MESSAGE_MIN - OVERHEAD), 0);
	ck_assert_int_eq(send_write(2, PROTO_MESSAGE_MIN - OVERHEAD), 0);
	receive_write(1, PROTO_MESSAGE_MIN - OVERHEAD);
	host->max_message = PROTO_MESSAGE_MIN - 1;
	ck_assert_int_eq(receive_fault(host, "over the agreed"), -EPROTO);
}
END_TEST

/* ---- a peer that breaks the ring ---- */

START_TEST(refuses_a_hostile_producer)
{
	struct ring *ring = &host->transport->receive;
	static const uint32_t steps[] = { 1, 2, 1000, 1u << 30, 1u << 31, UINT32_MAX / 2 };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		*ring->untrusted_prod = ring->index + ring->size + steps[i];
		ck_assert(channel_readable(host));
		ck_assert_int_eq(receive_fault(host, "producer"), -EPROTO);
	}
	*ring->untrusted_prod = ring->index - 1; /* going back */
	ck_assert_int_eq(receive_fault(host, "producer"), -EPROTO);
}
END_TEST

START_TEST(refuses_a_hostile_consumer)
{
	struct ring *ring = &guest->transport->send;
	static const uint32_t steps[] = { 1, 2, 1000, 1u << 30, 1u << 31 };

	for (size_t i = 0; i < 2 * sizeof(steps) / sizeof(steps[0]); i++) {
		/* The index is looked at only when there seems to be no room. */
		ring->used = ring->size;
		*ring->untrusted_cons = i % 2 ? ring->index + steps[i / 2]
					      : ring->index - ring->size - steps[i / 2];
		ck_assert_int_eq(send_write(1, 10), -EPROTO);
		ck_assert_ptr_nonnull(strstr(guest->fault.text, "consumer"));
	}
	ring->used = ring->size;
	*ring->untrusted_cons = ring->index - ring->size; /* may be: a full ring */
	ck_assert_int_eq(send_write(1, 10), -EAGAIN);
}
END_TEST

START_TEST(refuses_partial_messages)
{
	struct ring *ring = &host->transport->receive;
	uint32_t begin = ring->index;

	ck_assert_int_eq(send_write(1, 100), 0);
	for (uint32_t n = 1; n < OVERHEAD + 100; n++) {
		*ring->untrusted_prod = begin + n;
		ck_assert_int_eq(receive_fault(host, "truncated"), -EPROTO);
		ck_assert_uint_eq(ring->index, begin);
	}
	*ring->untrusted_prod = begin + OVERHEAD + 100;
	receive_write(1, 100);
}
END_TEST

/* Whatever stands in the ring, it is refused or decoded, and never read beyond. */
START_TEST(survives_flips_in_the_ring)
{
	struct ring *ring = &host->transport->receive;
	_Alignas(8) uint8_t seed[SEED_MAX];
	struct proto_message message;

	for (size_t kind = 0; kind < proto_n_descs; kind++) {
		size_t size = seed_message(&proto_descs[kind], SEED_FULL, seed);

		for (size_t bit = 0; bit < size * 8; bit++) {
			uint32_t begin = ring->index;
			int r;

			rings_start_at(begin & ~(ring->size - 1));
			memcpy(ring->untrusted_buffer, seed, size);
			ring->untrusted_buffer[bit / 8] ^= 1u << bit % 8;
			*ring->untrusted_prod = ring->index + size;
			r = channel_receive(host, &buffer, &message);
			ck_assert(r == 1 || (r == -EPROTO && host->fault.text[0]));
		}
	}
}
END_TEST

/* ---- HELLO ---- */

static int settle_with(const struct proto_hello *hello)
{
	struct proto_message message;

	ck_assert_int_eq(channel_send(guest, PROTO_HELLO, 0, hello, NULL, 0), 0);
	ck_assert_int_eq(channel_receive(host, &buffer, &message), 1);
	return channel_hello_settle(host, &message);
}

static const struct proto_hello good_hello = {
	.magic = PROTO_MAGIC,
	.version_min = PROTO_VERSION_MIN,
	.version_max = PROTO_VERSION_MAX,
	.max_message = PROTO_MESSAGE_MAX,
	.max_in_flight = PROTO_IN_FLIGHT_MAX,
};

START_TEST(settles_the_smaller)
{
	struct proto_hello hello = good_hello;

	hello.max_message = PROTO_MESSAGE_MIN;
	hello.max_in_flight = 3;
	hello.version_max = 900;
	hello.capabilities = UINT64_MAX;
	ck_assert_int_eq(settle_with(&hello), 0);
	ck_assert_uint_eq(host->version, PROTO_VERSION_MAX);
	ck_assert_uint_eq(host->max_message, PROTO_MESSAGE_MIN);
	ck_assert_uint_eq(host->max_in_flight, 3);
	ck_assert_uint_eq(host->capabilities, 0);
}
END_TEST

START_TEST(never_settles_more_than_ours)
{
	struct proto_hello hello = good_hello;

	hello.max_message = hello.max_in_flight = UINT32_MAX;
	ck_assert_int_eq(settle_with(&hello), 0);
	ck_assert_uint_eq(host->max_message, PROTO_MESSAGE_MAX);
	ck_assert_uint_eq(host->max_in_flight, PROTO_IN_FLIGHT_MAX);
}
END_TEST

START_TEST(names_both_versions)
{
	struct proto_hello hello = good_hello;
	char text[64];

	hello.version_min = PROTO_VERSION_MAX + 7;
	hello.version_max = PROTO_VERSION_MAX + 9;
	ck_assert_int_eq(settle_with(&hello), -EPROTO);
	snprintf(text, sizeof(text), "versions %u to %u", hello.version_min, hello.version_max);
	ck_assert_msg(strstr(host->fault.text, text) != NULL, "%s", host->fault.text);
	snprintf(text, sizeof(text), "this side %u to %u", PROTO_VERSION_MIN, PROTO_VERSION_MAX);
	ck_assert_msg(strstr(host->fault.text, text) != NULL, "%s", host->fault.text);
	ck_assert_uint_eq(host->version, 0);
}
END_TEST

START_TEST(refuses_odd_hellos)
{
	struct proto_hello hello = good_hello;

	hello.magic++;
	ck_assert_int_eq(settle_with(&hello), -EPROTO);
	ck_assert_ptr_nonnull(strstr(host->fault.text, "magic"));
	hello = good_hello;
	hello.version_min = hello.version_max = 0;
	ck_assert_int_eq(settle_with(&hello), -EPROTO);
	hello = good_hello;
	hello.version_min = PROTO_VERSION_MAX + 1;
	ck_assert_int_eq(settle_with(&hello), -EPROTO);
	hello = good_hello;
	hello.max_message = PROTO_MESSAGE_MIN - 1;
	ck_assert_int_eq(settle_with(&hello), -EPROTO);
	ck_assert_ptr_nonnull(strstr(host->fault.text, "max_message"));
	hello = good_hello;
	hello.max_in_flight = 0;
	ck_assert_int_eq(settle_with(&hello), -EPROTO);
	ck_assert_ptr_nonnull(strstr(host->fault.text, "max_in_flight"));
	ck_assert_uint_eq(host->version, 0);
	ck_assert_int_eq(settle_with(&good_hello), 0);
	ck_assert_int_eq(settle_with(&good_hello), -EPROTO);
	ck_assert_ptr_nonnull(strstr(host->fault.text, "twice"));
}
END_TEST

START_TEST(hello_comes_first)
{
	ck_assert_int_eq(send_write(1, 10), 0);
	ck_assert_int_eq(receive_fault(host, "WRITE came before HELLO"), -EPROTO);
}
END_TEST

/* ---- doorbells ---- */

static bool rung(struct channel *channel)
{
	struct pollfd pfd = { .fd = channel->transport->event_fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

static uint64_t rings_taken(struct channel *channel)
{
	uint64_t count = 0;

	ck_assert_int_eq(read(channel->transport->event_fd, &count, sizeof(count)), sizeof(count));
	return count;
}

START_TEST(rings_once_for_a_sleeper)
{
	ck_assert(!channel_arm(host, false));
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(send_write(i, 10), 0);
	ck_assert(!rung(host)); /* before the flush */
	channel_flush(guest);
	channel_flush(guest);
	ck_assert_int_eq(send_write(3, 10), 0);
	channel_flush(guest);
	ck_assert_uint_eq(rings_taken(host), 1);
	/* Once it sleeps again, it is woken again. */
	for (int i = 0; i < 4; i++)
		receive_write(i, 10);
	ck_assert(!channel_arm(host, false));
	ck_assert_int_eq(send_write(4, 10), 0);
	channel_flush(guest);
	ck_assert_uint_eq(rings_taken(host), 1);
}
END_TEST

START_TEST(does_not_ring_for_a_spinner)
{
	ck_assert_int_eq(send_write(1, 10), 0);
	channel_flush(guest);
	ck_assert(!rung(host));
	receive_write(1, 10);
	ck_assert(!channel_arm(host, false));
	channel_disarm(host);
	ck_assert_int_eq(send_write(2, 10), 0);
	channel_flush(guest);
	ck_assert(!rung(host));
	receive_write(2, 10);
	channel_flush(host); /* nobody waits for room */
	ck_assert(!rung(guest));
}
END_TEST

START_TEST(does_not_sleep_on_messages)
{
	ck_assert_int_eq(send_write(1, 10), 0);
	channel_flush(guest);
	ck_assert(channel_arm(host, false));
}
END_TEST

START_TEST(rings_for_room)
{
	while (send_write(1, 60000) == 0)
		;
	ck_assert(!channel_arm(guest, true));
	receive_write(1, 60000);
	channel_flush(host);
	channel_flush(host);
	ck_assert_uint_eq(rings_taken(guest), 1);
	ck_assert_int_eq(send_write(2, 60000), 0);
	/* Not asked for, not rung for. */
	ck_assert(!channel_arm(guest, false));
	receive_write(1, 60000);
	channel_flush(host);
	ck_assert(!rung(guest));
}
END_TEST

/* Two threads, both asleep whenever there is nothing to do: a lost wake-up would
 * stay lost. */
#define N_ROUNDS 5000

static int sleep_for(struct channel *channel, bool room)
{
	struct pollfd pfd = { .fd = channel->transport->event_fd, .events = POLLIN };

	channel_flush(channel);
	if (channel_arm(channel, room))
		return 0;
	if (poll(&pfd, 1, TIMEOUT_MS) == 0)
		return -ETIMEDOUT;
	channel->transport->ops->acknowledge(channel->transport);
	return 0;
}

static void *answer_everything(void *context)
{
	struct channel_buffer own;
	struct proto_message message;
	int n = 0;

	if (channel_buffer_init(&own) < 0)
		return NULL;
	while (n < N_ROUNDS) {
		struct proto_write_answer answer = { .result = 1, .ready = PROTO_READY_UNKNOWN };
		int r = channel_receive(host, &own, &message);

		if (r == 1) {
			while ((r = channel_send(host, PROTO_WRITE_ANSWER, message.header.tag,
						 &answer, NULL, 0)))
				if (r != -EAGAIN || sleep_for(host, true) < 0)
					return NULL;
			n++;
		} else if (r < 0 || sleep_for(host, false) < 0) {
			return NULL;
		}
	}
	channel_flush(host);
	channel_buffer_fini(&own);
	return context;
}

START_TEST(loses_no_wake_up)
{
	struct proto_message message;
	int n_sent = 0, n_answered = 0;
	pthread_t thread;
	void *ok;

	pthread_create(&thread, NULL, answer_everything, path);
	while (n_answered < N_ROUNDS) {
		int r = channel_receive(guest, &buffer, &message);

		ck_assert_int_ge(r, 0);
		n_answered += r;
		if (n_sent < N_ROUNDS && n_sent - n_answered < 1 + n_sent % 40 &&
		    send_write(n_sent, n_sent * 37 % 20000) == 0)
			n_sent++;
		else if (r == 0)
			ck_assert_int_eq(sleep_for(guest, n_sent < N_ROUNDS), 0);
	}
	pthread_join(thread, &ok);
	ck_assert_ptr_eq(ok, path);
}
END_TEST

START_TEST(tells_the_end)
{
	ck_assert(channel_alive(host));
	ck_assert(channel_alive(guest));
	if (_i == 0) {
		channel_free(host);
		host = NULL;
		ck_assert(!channel_alive(guest));
	} else {
		channel_free(guest);
		guest = NULL;
		ck_assert(!channel_alive(host));
	}
}
END_TEST

/* ---- bulk, poll-us, spinning ---- */

/* Descriptors are taken by their tags, in any order, and those that nobody takes are
 * closed (the fixtures' check for leaks sees to that). */
START_TEST(hands_descriptors_over)
{
	struct transport *server = host->transport, *client = guest->transport;
	int files[3], fd;
	struct stat sent, got;

	ck_assert_int_eq(client->ops->take(client, 1), -EAGAIN);
	for (int i = 0; i < 3; i++) {
		files[i] = memfd_create("handed", MFD_CLOEXEC);
		ck_assert_int_eq(server->ops->pass(server, 10 + i, files[i]), 0);
	}
	ck_assert(channel_alive(guest));
	fd = client->ops->take(client, 11);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &got), 0);
	ck_assert_int_eq(fstat(files[1], &sent), 0);
	ck_assert_uint_eq(got.st_ino, sent.st_ino);
	close(fd);
	ck_assert_int_eq(client->ops->take(client, 11), -EAGAIN);
	fd = client->ops->take(client, 10);
	ck_assert_int_eq(fstat(fd, &got), 0);
	ck_assert_int_eq(fstat(files[0], &sent), 0);
	ck_assert_uint_eq(got.st_ino, sent.st_ino);
	close(fd);
	for (int i = 0; i < 3; i++)
		close(files[i]);
	/* What is no descriptor, and a tag that is too short. */
	ck_assert_int_eq(send(server->life_fd, "12345678", 8, 0), 8);
	ck_assert_int_eq(client->ops->take(client, 99), -EPROTO);
	/* The other way, and more than anybody takes: the first are dropped. */
	files[0] = memfd_create("handed", MFD_CLOEXEC);
	for (uint32_t i = 0; i < 2 * PROTO_IN_FLIGHT_MAX; i++) {
		ck_assert_int_eq(client->ops->pass(client, i, files[0]), 0);
		ck_assert_int_eq(server->ops->take(server, UINT64_MAX), -EAGAIN);
	}
	close(files[0]);
	ck_assert_int_eq(server->ops->take(server, 0), -EAGAIN);
	fd = server->ops->take(server, PROTO_IN_FLIGHT_MAX);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert(channel_alive(host));
}
END_TEST

START_TEST(bounds_bulk_slots)
{
	const struct transport *t = guest->transport;

	ck_assert_uint_ge(t->n_bulk, PROTO_IN_FLIGHT_MAX);
	for (uint32_t i = 0; i < t->n_bulk; i++) {
		ck_assert_ptr_eq(channel_bulk(guest, i, t->bulk_size),
				 t->bulk + (size_t)i * t->bulk_size);
		ck_assert_ptr_null(channel_bulk(guest, i, t->bulk_size + 1));
	}
	ck_assert_ptr_null(channel_bulk(guest, t->n_bulk, 1));
	ck_assert_ptr_null(channel_bulk(guest, PROTO_BULK_NONE, 0));
	ck_assert_ptr_null(channel_bulk(guest, 0, UINT32_MAX));
	/* The last byte of the last slot is the peer's too. */
	channel_bulk(guest, t->n_bulk - 1, 1)[t->bulk_size - 1] = 0x42;
	ck_assert_uint_eq(channel_bulk(host, t->n_bulk - 1, 1)[t->bulk_size - 1], 0x42);
}
END_TEST

START_TEST(has_no_bulk_without_slots)
{
	host->transport->n_bulk = 0; /* as with vchan */
	ck_assert_ptr_null(channel_bulk(host, 0, 0));
}
END_TEST

START_TEST(spins_as_told)
{
	uint64_t since = channel_now_ns();

	ck_assert_uint_eq(channel_spin_budget_ns(host), 0);
	ck_assert(!channel_spin(host, since));
	host->poll_us = 1000;
	ck_assert_uint_eq(channel_spin_budget_ns(host), 1000000);
	since = channel_now_ns();
	ck_assert(!channel_spin(host, since));
	ck_assert_uint_ge(channel_now_ns() - since, 1000000);
	ck_assert_int_eq(send_write(1, 1), 0);
	ck_assert(channel_spin(host, 0));
}
END_TEST

START_TEST(tunes_itself)
{
	host->poll_us = CHANNEL_POLL_AUTO;
	for (int i = 0; i < 200; i++)
		channel_waited(host, channel_now_ns());
	ck_assert_uint_gt(channel_spin_budget_ns(host), 0); /* answers come at once */
	for (int i = 0; i < 200; i++)
		channel_waited(host, channel_now_ns() - UINT64_C(10000000000));
	ck_assert_uint_eq(channel_spin_budget_ns(host),
			  0); /* they take long: spinning does not pay */
	for (int i = 0; i < 200; i++)
		channel_waited(host, channel_now_ns());
	ck_assert_uint_gt(channel_spin_budget_ns(host), 0);
}
END_TEST

static const struct {
	const char *text;
	int result, poll_us;
} polls[] = {
	{ "auto", 0, CHANNEL_POLL_AUTO },
	{ "0", 0, 0 },
	{ "1", 0, 1 },
	{ "1000", 0, 1000 },
	{ "1001", -EINVAL, 0 },
	{ "-1", -EINVAL, 0 },
	{ "", -EINVAL, 0 },
	{ "Auto", -EINVAL, 0 },
	{ "autox", -EINVAL, 0 },
	{ "10us", -EINVAL, 0 },
	{ "0x10", -EINVAL, 0 },
	{ "9999999999999999999", -EINVAL, 0 },
};

START_TEST(parses_poll_us)
{
	int poll_us = 77;

	ck_assert_int_eq(channel_poll_parse(polls[_i].text, &poll_us), polls[_i].result);
	ck_assert_int_eq(poll_us, polls[_i].result ? 77 : polls[_i].poll_us);
}
END_TEST

/* ---- offers; the layout is transport_unix.c's ---- */

struct offer {
	uint64_t magic;
	uint32_t layout_version;
	uint32_t ring_size;
	uint32_t bulk_size;
	uint32_t n_bulk;
};

enum memory {
	MEMORY_SEALED,
	MEMORY_UNSEALED,
	MEMORY_SEALED_SHRINK_ONLY,
	MEMORY_SMALL,
	MEMORY_LARGE,
	MEMORY_FILE,
	MEMORY_ZERO,
	MEMORY_PIPE
};

static struct evil {
	struct offer offer;
	size_t size;
	enum memory memory;
	int n_fds;
} evil;

static const struct offer good_offer = {
	.magic = PROTO_MAGIC,
	.layout_version = 1,
	.ring_size = 256 * 1024,
	.bulk_size = 1024 * 1024,
	.n_bulk = PROTO_IN_FLIGHT_MAX,
};

static int evil_memory(enum memory kind)
{
	off_t size = 4096 + 2 * 256 * 1024 + PROTO_IN_FLIGHT_MAX * 1024l * 1024;
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int fds[2], fd = -1;

	if (kind == MEMORY_FILE)
		fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (kind == MEMORY_ZERO)
		return open("/dev/zero", O_RDWR | O_CLOEXEC);
	if (kind == MEMORY_PIPE)
		return pipe2(fds, O_CLOEXEC) < 0 || close(fds[0]) < 0 ? -1 : fds[1];
	if (kind != MEMORY_FILE)
		fd = memfd_create("evil", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (kind == MEMORY_SMALL)
		size = 4096;
	if (kind == MEMORY_LARGE)
		size += 4096;
	if (kind == MEMORY_SEALED_SHRINK_ONLY)
		seals = F_SEAL_SHRINK;
	if (ftruncate(fd, size) < 0)
		abort();
	if (kind != MEMORY_UNSEALED && kind != MEMORY_FILE && fcntl(fd, F_ADD_SEALS, seals) < 0)
		abort();
	return fd;
}

static void evil_send(int socket)
{
	char space[CMSG_SPACE(16 * sizeof(int))] __attribute__((aligned(8))) = { 0 };
	struct iovec iov = { &evil.offer, evil.size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg = (struct cmsghdr *)space;
	int fds[16];

	for (int i = 0; i < evil.n_fds; i++)
		fds[i] = i == 0 ? evil_memory(evil.memory) : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (evil.n_fds) {
		msg.msg_control = space;
		msg.msg_controllen = CMSG_SPACE(evil.n_fds * sizeof(int));
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(evil.n_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, evil.n_fds * sizeof(int));
	}
	if (sendmsg(socket, &msg, MSG_NOSIGNAL) < 0)
		abort();
	for (int i = 0; i < evil.n_fds; i++)
		close(fds[i]);
}

static void *serve_evil(void *context)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	evil_send(fd);
	/* Until the client has gone. */
	(void)!read(fd, &fd, sizeof(fd));
	return (void *)(intptr_t)close(fd);
}

static int connect_evil(void)
{
	struct transport *transport = NULL;
	pthread_t thread;
	int r;

	pthread_create(&thread, NULL, serve_evil, NULL);
	r = transport_unix_connect(path, TIMEOUT_MS, &transport);
	if (r == 0)
		transport_close(transport);
	pthread_join(thread, NULL);
	ck_assert_int_eq(count_descriptors(), n_descriptors + 1); /* the listener */
	return r;
}

static void evil_setup(void)
{
	listen_setup();
	evil = (struct evil){ good_offer, sizeof(good_offer), MEMORY_SEALED, 3 };
}

START_TEST(takes_a_good_offer)
{
	ck_assert_int_eq(connect_evil(), 0);
}
END_TEST

START_TEST(refuses_odd_numbers_of_descriptors)
{
	evil.n_fds = _i;
	ck_assert_int_eq(connect_evil(), _i == 3 ? 0 : -EPROTO);
}
END_TEST

START_TEST(refuses_odd_sizes)
{
	evil.size = _i;
	ck_assert_int_eq(connect_evil(), _i == sizeof(struct offer) ? 0 : -EPROTO);
}
END_TEST

START_TEST(refuses_other_layouts)
{
	((uint8_t *)&evil.offer)[_i / 8] ^= 1u << _i % 8;
	ck_assert_int_eq(connect_evil(), -EPROTO);
}
END_TEST

START_TEST(refuses_untrusty_memory)
{
	evil.memory = _i;
	ck_assert_int_eq(connect_evil(), -EPROTO);
}
END_TEST

START_TEST(tells_why_there_is_no_connection)
{
	struct transport *transport;
	char long_path[200];

	ck_assert_int_eq(transport_unix_connect("/nonexistent/socket", 100, &transport), -ENOENT);
	memset(long_path, 'a', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	ck_assert_int_eq(transport_unix_connect(long_path, 100, &transport), -ENAMETOOLONG);
	ck_assert_int_eq(transport_unix_connect(path, 20, &transport),
			 -ETIMEDOUT); /* nobody accepts */
	close(listener);
	ck_assert_int_eq(transport_unix_connect(path, 100, &transport), -ECONNREFUSED);
	listener = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(count_descriptors(), n_descriptors + 1);
}
END_TEST

static void *serve_nothing(void *context)
{
	return (void *)(intptr_t)close(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
}

START_TEST(server_that_goes)
{
	struct transport *transport;
	pthread_t thread;

	pthread_create(&thread, NULL, serve_nothing, NULL);
	ck_assert_int_eq(transport_unix_connect(path, TIMEOUT_MS, &transport), -ECONNREFUSED);
	pthread_join(thread, NULL);
}
END_TEST

START_TEST(accept_on_a_dead_socket)
{
	struct transport *transport;
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	close(fds[1]);
	ck_assert_int_eq(transport_unix_accept(fds[0], &transport), -EPIPE);
	ck_assert_int_eq(count_descriptors(), n_descriptors + 1);
}
END_TEST

static TCase *hello_case(void)
{
	TCase *tcase = tcase_create("hello");

	tcase_add_checked_fixture(tcase, pair_setup, pair_teardown);
	tcase_add_test(tcase, settles_the_smaller);
	tcase_add_test(tcase, never_settles_more_than_ours);
	tcase_add_test(tcase, names_both_versions);
	tcase_add_test(tcase, refuses_odd_hellos);
	tcase_add_test(tcase, hello_comes_first);
	return tcase;
}

static TCase *messages_case(void)
{
	TCase *tcase = tcase_create("messages");

	tcase_add_checked_fixture(tcase, settled_setup, pair_teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, carries_every_size, 0, 2);
	tcase_add_test(tcase, wraps_anywhere);
	tcase_add_test(tcase, goes_on_when_there_is_room);
	tcase_add_test(tcase, fills_the_ring);
	tcase_add_test(tcase, refuses_large_messages);
	tcase_add_test(tcase, refuses_a_hostile_producer);
	tcase_add_test(tcase, refuses_a_hostile_consumer);
	tcase_add_test(tcase, refuses_partial_messages);
	tcase_add_test(tcase, survives_flips_in_the_ring);
	tcase_add_test(tcase, rings_once_for_a_sleeper);
	tcase_add_test(tcase, does_not_ring_for_a_spinner);
	tcase_add_test(tcase, does_not_sleep_on_messages);
	tcase_add_test(tcase, rings_for_room);
	tcase_add_test(tcase, loses_no_wake_up);
	tcase_add_loop_test(tcase, tells_the_end, 0, 2);
	tcase_add_test(tcase, hands_descriptors_over);
	tcase_add_test(tcase, bounds_bulk_slots);
	tcase_add_test(tcase, has_no_bulk_without_slots);
	tcase_add_test(tcase, spins_as_told);
	tcase_add_test(tcase, tunes_itself);
	tcase_add_loop_test(tcase, parses_poll_us, 0, sizeof(polls) / sizeof(polls[0]));
	return tcase;
}

static TCase *offers_case(void)
{
	TCase *tcase = tcase_create("offers");

	tcase_add_checked_fixture(tcase, evil_setup, listen_teardown);
	tcase_add_test(tcase, takes_a_good_offer);
	tcase_add_loop_test(tcase, refuses_odd_numbers_of_descriptors, 0, 9);
	tcase_add_loop_test(tcase, refuses_odd_sizes, 1, sizeof(struct offer) + 1);
	tcase_add_loop_test(tcase, refuses_other_layouts, 0, sizeof(struct offer) * 8);
	tcase_add_loop_test(tcase, refuses_untrusty_memory, MEMORY_UNSEALED, MEMORY_PIPE + 1);
	tcase_add_test(tcase, tells_why_there_is_no_connection);
	tcase_add_test(tcase, server_that_goes);
	tcase_add_test(tcase, accept_on_a_dead_socket);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("proto/channel");
	SRunner *runner;
	int n_failed;

	suite_add_tcase(suite, hello_case());
	suite_add_tcase(suite, messages_case());
	suite_add_tcase(suite, offers_case());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Channels: who waits and who is woken, bulk slots, descriptors on their way. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "channel_rig.h"

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
		/* Far from where a program's buffer begins within its page. */
		ck_assert_uint_eq((uintptr_t)channel_bulk(guest, i, 1) % 4096, 2048);
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
	uint64_t gone;

	ck_assert_uint_eq(channel_spin_budget_ns(host), 0);
	ck_assert(!channel_spin(host, since, &gone));
	host->poll_us = 1000;
	ck_assert_uint_eq(channel_spin_budget_ns(host), 1000000);
	since = channel_now_ns();
	ck_assert(!channel_spin(host, since, &gone));
	ck_assert_uint_ge(channel_now_ns() - since, 1000000);
	ck_assert_int_eq(send_write(1, 1), 0);
	ck_assert(channel_spin(host, 0, &gone));
}
END_TEST

START_TEST(tunes_itself)
{
	host->poll_us = CHANNEL_POLL_AUTO;
	for (int i = 0; i < 200; i++)
		channel_waited(host, 0);
	ck_assert_uint_gt(channel_spin_budget_ns(host), 0); /* answers come at once */
	for (int i = 0; i < 200; i++)
		channel_waited(host, UINT64_C(10000000000));
	ck_assert_uint_eq(channel_spin_budget_ns(host),
			  0); /* they take long: spinning does not pay */
	for (int i = 0; i < 200; i++)
		channel_waited(host, 0);
	ck_assert_uint_gt(channel_spin_budget_ns(host), 0);
}
END_TEST

/* Waits that took so long, until the budget is (or is not) nothing. Returns how many. */
static int waits_until(uint64_t ns, bool spins)
{
	int n = 0;

	while ((channel_spin_budget_ns(host) != 0) != spins && n < 100000) {
		channel_waited(host, ns);
		n++;
	}
	return n;
}

/* How many waits pass without spinning after it has not run for so long. */
static int abstains(uint64_t gone_ns)
{
	channel_spun(host, gone_ns);
	return waits_until(0, true);
}

/* Who loses the processor while spinning sleeps for some waits, and for more if spinning has
 * not paid until then. */
START_TEST(abstains_where_others_want_the_processor)
{
	int first;

	host->poll_us = CHANNEL_POLL_AUTO;
	host->spin_max_ns = 200000;
	waits_until(0, true);
	ck_assert_int_eq(abstains(900000), 0);
	first = abstains(1000000);
	ck_assert_int_gt(first, 10);
	ck_assert_int_eq(abstains(1000000), 2 * first);
	ck_assert_int_eq(abstains(1000000), 4 * first);
	for (int i = 0; i < 100000; i++)
		channel_waited(host, 0);
	ck_assert_int_eq(abstains(1000000), first);
	host->spin_max_ns = 2000000; /* as under emulation */
	ck_assert_int_eq(abstains(1900000), 0);
	ck_assert_int_gt(abstains(2000000), 0);
	host->poll_us = 10; /* who says so spins */
	ck_assert_int_eq(abstains(90000000), 0);
}
END_TEST

/* Waiting may take so long only because nobody spins. */
START_TEST(tries_to_spin_now_and_then)
{
	const uint64_t slept = 3000000, spun = 300000; /* either is too long for spin_max_ns */
	int n, before;

	host->poll_us = CHANNEL_POLL_AUTO;
	host->spin_max_ns = 200000;
	before = waits_until(slept, true);
	ck_assert_int_gt(before, 20); /* seldom */
	ck_assert_int_le(waits_until(slept, false), 20); /* it was no use, and ends soon */
	n = waits_until(slept, true);
	ck_assert_int_gt(n, before); /* more seldom */
	ck_assert_int_lt(n, 100000);
	ck_assert_int_eq(waits_until(spun, false), 100000); /* it was, and goes on */
	ck_assert_int_lt(waits_until(slept, false), 100);
	ck_assert_int_eq(waits_until(UINT64_C(10000000000), true), 100000); /* far too long: no trial */
}
END_TEST

/* Between quick answers the others show that it is the device that takes long, not the wake-ups. */
START_TEST(spins_for_no_slow_device)
{
	host->poll_us = CHANNEL_POLL_AUTO;
	host->spin_max_ns = 200000;
	for (int i = 0; i < 10000; i++) {
		if (i > 200)
			ck_assert_uint_eq(channel_spin_budget_ns(host), 0);
		channel_waited(host, i % 3 ? 9000000 : 30000);
	}
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

TCase *waiting_case(void)
{
	TCase *tcase = tcase_create("waiting");

	tcase_add_checked_fixture(tcase, settled_setup, pair_teardown);
	tcase_set_timeout(tcase, 60);
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
	tcase_add_test(tcase, abstains_where_others_want_the_processor);
	tcase_add_test(tcase, tries_to_spin_now_and_then);
	tcase_add_test(tcase, spins_for_no_slow_device);
	tcase_add_loop_test(tcase, parses_poll_us, 0, sizeof(polls) / sizeof(polls[0]));
	return tcase;
}

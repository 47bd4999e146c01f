/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Channels over a real unix transport, both ends in this process. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channel_rig.h"
#include "seed.h"

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
	ck_assert_uint_eq(host->capabilities, PROTO_CAP_ALL); /* unknown ones are ignored */
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
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("proto/channel");
	SRunner *runner;
	int n_failed;

	suite_add_tcase(suite, hello_case());
	suite_add_tcase(suite, messages_case());
	suite_add_tcase(suite, waiting_case());
	suite_add_tcase(suite, offers_case());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

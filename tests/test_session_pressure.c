// SPDX-License-Identifier: GPL-2.0-or-later
/* Sizes, memory, and guests that do not listen or come and go; see
 * test_session_hostile.c. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "session_rig.h"

/* ---- sizes and memory ---- */

START_TEST(bulk_slot_out_of_range)
{
	struct proto_write body = { .size = 16, .bulk = PROTO_IN_FLIGHT_MAX };
	static struct raw evil;

	rig_evil(&evil);
	body.handle = rig_open(&evil, "zero", O_RDWR);
	if (_i == 0) {
		rig_read_send(&evil, 50, body.handle, 16, PROTO_IN_FLIGHT_MAX);
	} else if (_i == 1) {
		rig_read_send(&evil, 50, body.handle, 16, PROTO_BULK_NONE - 1);
	} else if (_i == 2) {
		/* The slot is there, but not that large. */
		rig_read_send(&evil, 50, body.handle, (1024 * 1024) + 1, 0);
	} else if (_i == 3) {
		rig_read_send(&evil, 50, body.handle, UINT32_MAX, 0);
	} else if (_i == 4) {
		/* Without a slot it must fit a message. */
		rig_read_send(&evil, 50, body.handle, PROTO_MESSAGE_MAX, PROTO_BULK_NONE);
	} else {
		raw_send(&evil, PROTO_WRITE, 50, &body, sizeof(body), NULL, 0);
		rig_expect_violation(&evil, "WRITE: no room for size 16 in bulk slot 100");
		return;
	}
	rig_expect_violation(&evil, "READ: no room for size");
}
END_TEST

static int64_t ioctl_result(struct raw *evil, const struct proto_ioctl *body,
			    const struct proto_range *range, size_t n_bytes)
{
	const struct proto_ioctl_answer *answer;
	uint8_t payload[256] = { 0 };

	memcpy(payload, range, sizeof(*range));
	raw_send(evil, PROTO_IOCTL, ++evil->tag, body, sizeof(*body), payload,
		 body->n_ranges ? sizeof(*range) + n_bytes : 0);
	answer = raw_expect(evil, PROTO_IOCTL_ANSWER);
	/* It never gives back more than was offered. */
	ck_assert_uint_le(answer->n_ranges, body->n_ranges);
	return answer->result;
}

START_TEST(ioctl_memory_that_does_not_fit)
{
	struct proto_ioctl body = { .command = TIOCSWINSZ, .argument = 0x100000, .n_ranges = 1 };
	struct proto_range range = { .address = 0x100000, .length = sizeof(struct winsize),
				     .direction = PROTO_RANGE_IN | PROTO_RANGE_OUT };
	struct proto_range wrong;
	static struct raw evil;

	rig_evil(&evil);
	body.handle = rig_open(&evil, "tty", O_RDWR);
	ck_assert_int_eq(ioctl_result(&evil, &body, &range, range.length), 0);
	wrong = range;
	wrong.address += 8;
	ck_assert_int_eq(ioctl_result(&evil, &body, &wrong, wrong.length), -EINVAL);
	wrong = range;
	wrong.length = 100;
	ck_assert_int_eq(ioctl_result(&evil, &body, &wrong, wrong.length), -EINVAL);
	wrong = range;
	wrong.direction = PROTO_RANGE_OUT;
	ck_assert_int_eq(ioctl_result(&evil, &body, &wrong, 0), -EINVAL);
	wrong = range;
	wrong.length = 4;
	ck_assert_int_eq(ioctl_result(&evil, &body, &wrong, 4), -EFAULT);
	body.n_ranges = 0;
	ck_assert_int_eq(ioctl_result(&evil, &body, &range, 0), -EINVAL);
	/* A pointer of the guest's choice never reaches the driver. */
	body.argument = 0x7f0000000000;
	ck_assert_int_eq(ioctl_result(&evil, &body, &range, 0), -EINVAL);
	body.command = 0x12345678;
	ck_assert_int_eq(ioctl_result(&evil, &body, &range, 0), -ENOTTY);
	body.command = TIOCSTI;
	ck_assert_int_eq(ioctl_result(&evil, &body, &range, 0), -ENOTTY);
	raw_fini(&evil);
}
END_TEST

/* ---- guests that do not listen ---- */

START_TEST(never_reads_its_ring)
{
	static struct raw evil;
	int64_t handle;

	rig_evil(&evil);
	handle = rig_open(&evil, "zero", O_RDWR);
	/* Far more answers than fit. */
	for (uint32_t i = 0; i < PROTO_IN_FLIGHT_MAX; i++)
		rig_read_send(&evil, 1000 + i, handle, 60000, PROTO_BULK_NONE);
	for (int i = 0; i < 20; i++) {
		rig_good_works();
		raw_rest_ms(10);
	}
	/* When it reads at last, all is there. */
	for (uint32_t i = 0; i < PROTO_IN_FLIGHT_MAX; i++) {
		const struct proto_read_answer *answer = raw_expect(&evil, PROTO_READ_ANSWER);

		ck_assert_int_eq(answer->result, 60000);
	}
	/* And again, but this time it goes without reading. */
	for (uint32_t i = 0; i < PROTO_IN_FLIGHT_MAX; i++)
		rig_read_send(&evil, 2000 + i, handle, 60000, PROTO_BULK_NONE);
	raw_rest_ms(50);
	raw_fini(&evil);
}
END_TEST

START_TEST(dies_with_all_in_flight)
{
	static struct raw evil;
	int64_t handle;

	rig_evil(&evil);
	handle = rig_open(&evil, "tty", O_RDWR);
	for (uint32_t i = 0; i < PROTO_IN_FLIGHT_MAX; i++)
		rig_read_send(&evil, 1000 + i, handle, 1, PROTO_BULK_NONE);
	raw_rest_ms(50);
	raw_fini(&evil);
}
END_TEST

START_TEST(comes_and_goes)
{
	static struct raw evil;

	for (int i = 0; i < 50; i++) {
		if (i % 2)
			rig_evil_raw(&evil);
		else
			rig_evil(&evil);
		raw_fini(&evil);
	}
}
END_TEST

/* A doorbell may come after its message was taken, when the thread that took it is
 * in the driver already. What comes next must be seen all the same. */
START_TEST(rings_late)
{
	struct proto_read blocking = { .size = 1, .bulk = PROTO_BULK_NONE };
	struct proto_read other = { .size = 1, .bulk = PROTO_BULK_NONE };
	static struct raw evil;

	rig_evil(&evil);
	blocking.handle = rig_open(&evil, "tty", O_RDWR);
	other.handle = rig_open(&evil, "zero", O_RDWR);
	for (int i = 0; i < 50; i++) {
		/* The session is awake after this, and spins for a moment. */
		rig_read(&evil, other.handle, 1);
		channel_send(evil.channel, PROTO_READ, 1000 + i, &blocking, NULL, 0);
		raw_rest_ms(2);
		channel_flush(evil.channel);
		raw_rest_ms(2);
		channel_send(evil.channel, PROTO_READ, 2000 + i, &other, NULL, 0);
		channel_flush(evil.channel);
		raw_expect(&evil, PROTO_READ_ANSWER);
		ck_assert_uint_eq(evil.message.header.tag, 2000 + i);
		rig_tty_write("x");
		raw_expect(&evil, PROTO_READ_ANSWER);
		ck_assert_uint_eq(evil.message.header.tag, 1000 + i);
	}
	raw_fini(&evil);
}
END_TEST

/* A second connection of the same guest waits; the first one goes on. */
START_TEST(connects_twice)
{
	struct transport *second;
	static struct raw evil;

	rig_evil(&evil);
	ck_assert_int_eq(transport_unix_connect(rig_evil_socket(), 300, &second), -ETIMEDOUT);
	ck_assert_int_gt(rig_open(&evil, "zero", O_RDWR), 0);
	raw_fini(&evil);
}
END_TEST

START_TEST(rings_for_nothing)
{
	static struct raw evil;

	rig_evil(&evil);
	for (int i = 0; i < 1000; i++)
		raw_ring_doorbell(&evil);
	ck_assert_int_gt(rig_open(&evil, "zero", O_RDWR), 0);
	raw_fini(&evil);
}
END_TEST

/* ---- events ---- */

/* Makes the terminal "tty" readable and not, over and over, until *stopp. Checks
 * nothing: that is for the thread of the test. */
static void *event_source(void *stopp)
{
	while (!__atomic_load_n((bool *)stopp, __ATOMIC_RELAXED)) {
		(void)!write(rig_tty_master(), "x", 1);
		tcflush(rig_tty(), TCIFLUSH);
	}
	return NULL;
}

/* The kernel does not take a poll back while it delivers an event of it. */
START_TEST(released_while_events_come)
{
	static struct raw evil;
	bool stop = false;
	pthread_t thread;

	rig_evil(&evil);
	ck_assert_int_eq(pthread_create(&thread, NULL, event_source, &stop), 0);
	for (int i = 0; i < 1000; i++) {
		struct proto_poll poll = { .events = POLLIN };

		poll.handle = rig_open(&evil, "tty", O_RDWR);
		raw_send(&evil, PROTO_POLL, ++evil.tag, &poll, sizeof(poll), NULL, 0);
		(void)raw_expect(&evil, PROTO_POLL_ANSWER);
		ck_assert_int_eq(rig_release(&evil, poll.handle), 0);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	raw_fini(&evil);
}
END_TEST

TCase *case_pressure(void)
{
	TCase *tcase = tcase_create("pressure");

	tcase_add_loop_test(tcase, bulk_slot_out_of_range, 0, 6);
	tcase_add_test(tcase, ioctl_memory_that_does_not_fit);
	tcase_add_test(tcase, never_reads_its_ring);
	tcase_add_test(tcase, dies_with_all_in_flight);
	tcase_add_test(tcase, comes_and_goes);
	tcase_add_test(tcase, connects_twice);
	tcase_add_test(tcase, rings_for_nothing);
	tcase_add_test(tcase, rings_late);
	tcase_add_test(tcase, released_while_events_come);
	return tcase;
}

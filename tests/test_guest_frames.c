/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Device memory in guests: what the supervisor checks and in which order it undoes.
 *
 * Linked with -Wl,--wrap for ioctl() and the calls of Xen: the kernel module is a table
 * of offers here, and Xen remembers for each frame of the machine whether a domain may
 * have it and for each of the guest what is there.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "hostd/guest.h"
#include "hostd/guest_frames.h"
#include "hostd/supervisor.h"
#include "kmod-mmhelper/mmhelper.h"
#include "suite.h"

#define DOMID 7
#define N_OFFERS 8
#define N_FRAMES 64 /* of the machine, from 0 on, and of the guest, from GUEST on */
#define GUEST 0x1000u

int __wrap_ioctl(int fd, unsigned long command, ...);
int __wrap_guest_frames_xen_permit(uint32_t domid, uint64_t frame, uint64_t n, bool allow);
int __wrap_guest_frames_xen_map(uint32_t domid, uint64_t guest_frame, uint64_t frame, uint64_t n, bool add);

enum offer_state { OFFER_NONE, OFFER_OPEN, OFFER_TAKEN, OFFER_LEFT };

static struct offer {
	enum offer_state state;
	struct mmhelper_frames frames;
} offers[N_OFFERS]; /* token: place + 1 */

static bool permitted[N_FRAMES];
static int there[N_FRAMES]; /* -1: nothing; or the frame of the machine */
static int permit_error, map_error, unmap_error; /* negative errno */
static uint64_t map_fails_after = UINT64_MAX; /* frames that are mapped all the same */
static uint64_t stubborn = UINT64_MAX; /* the guest has something else at this frame of its */

static struct supervisor supervisor;
static struct guest guest;
static struct announce_device null = { .name = "null" }; /* what it may use */
static int session; /* the session's end */

static int module_ask(unsigned long command, void *argument)
{
	struct mmhelper_frames *frames = argument;
	uint64_t token = *(const uint64_t *)argument;
	struct offer *offer = token - 1 < N_OFFERS ? &offers[token - 1] : NULL;

	if (command == MMHELPER_LEFT) {
		for (offer = offers; offer < offers + N_OFFERS && offer->state != OFFER_LEFT; offer++)
			;
		if (offer == offers + N_OFFERS)
			return -ENOENT;
		*frames = offer->frames;
		offer->state = OFFER_TAKEN;
		return 0;
	}
	if (!offer || offer->state == OFFER_NONE)
		return -ENOENT;
	if (command == MMHELPER_DROP) {
		ck_assert_int_eq(offer->state, OFFER_TAKEN);
		offer->state = OFFER_NONE;
		return 0;
	}
	ck_assert_uint_eq(command, MMHELPER_TAKE);
	if (offer->state == OFFER_TAKEN)
		return -EBUSY;
	if (frames->domid != offer->frames.domid)
		return -ENOENT;
	offer->state = OFFER_TAKEN;
	offer->frames.guest_frame = frames->guest_frame;
	*frames = offer->frames;
	return 0;
}

int __wrap_ioctl(int fd, unsigned long command, ...)
{
	va_list list;
	void *argument;
	int r;

	va_start(list, command);
	argument = va_arg(list, void *);
	va_end(list);
	ck_assert_int_eq(fd, supervisor.frames.helper_fd);
	r = module_ask(command, argument);
	errno = -r;
	return r < 0 ? -1 : 0;
}

int __wrap_guest_frames_xen_permit(uint32_t domid, uint64_t frame, uint64_t n, bool allow)
{
	ck_assert_uint_eq(domid, DOMID);
	ck_assert_uint_le(frame + n, N_FRAMES);
	if (permit_error)
		return permit_error;
	for (uint64_t i = 0; i < n; i++)
		permitted[frame + i] = allow;
	return 0;
}

int __wrap_guest_frames_xen_map(uint32_t domid, uint64_t guest_frame, uint64_t frame, uint64_t n, bool add)
{
	ck_assert_uint_eq(domid, DOMID);
	ck_assert_uint_le(frame + n, N_FRAMES);
	ck_assert_uint_ge(guest_frame, GUEST);
	ck_assert_uint_le(guest_frame + n, GUEST + N_FRAMES);
	if (!add && unmap_error)
		return unmap_error;
	for (uint64_t i = 0; i < n; i++) {
		int *at = &there[guest_frame - GUEST + i];

		ck_assert_msg(permitted[frame + i], "Xen is asked for what the domain may not have");
		if (add && i >= map_fails_after)
			return map_error;
		if (!add && (guest_frame + i == stubborn || *at != (int)(frame + i)))
			return -EINVAL;
		*at = add ? (int)(frame + i) : -1;
	}
	return 0;
}

/* ---- */

static void setup(void)
{
	int pair[2];

	memset(offers, 0, sizeof(offers));
	memset(permitted, 0, sizeof(permitted));
	memset(there, -1, sizeof(there));
	memset(&guest, 0, sizeof(guest));
	permit_error = map_error = unmap_error = 0;
	map_fails_after = stubborn = UINT64_MAX;
	supervisor.frames.helper_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	null.rdev = makedev(1, 3);
	guest.supervisor = &supervisor;
	guest.name = strdup("test");
	guest.transport = CONTROL_VCHAN;
	guest.session.domid = DOMID;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	session = pair[1];
	ck_assert_int_eq(broker_new(pair[0], "test", &guest.session.broker), 0);
	guest.session.announce.devices = &null;
	guest.session.announce.n_devices = 1;
}

/* Whatever a test did: nothing stays. */
static void teardown(void)
{
	guest_frames_end_all(&guest);
	ck_assert_ptr_null(guest.session.placed);
	for (int i = 0; i < N_FRAMES; i++) {
		ck_assert_msg(!permitted[i], "frame %d is still permitted", i);
		ck_assert_msg(there[i] == -1, "guest frame %d still has frame %d", i, there[i]);
	}
	for (int i = 0; i < N_OFFERS; i++)
		ck_assert_int_ne(offers[i].state, OFFER_TAKEN);
	broker_free(guest.session.broker);
	close(session);
	free(guest.name);
	guest_frames_stop(&supervisor.frames);
}

/* The token of an offer of these frames. */
static uint64_t offer(uint64_t frame, uint64_t n)
{
	static const struct mmhelper_frames any = { .domid = DOMID, .major = 1, .minor = 3 };
	int i = 0;

	while (offers[i].state != OFFER_NONE)
		i++;
	ck_assert_int_lt(i, N_OFFERS);
	offers[i].state = OFFER_OPEN;
	offers[i].frames = any;
	offers[i].frames.token = i + 1;
	offers[i].frames.frame = frame;
	offers[i].frames.n_frames = n;
	return i + 1;
}

static int ask(const struct control_message *request)
{
	struct control_message answer;
	int fd;

	ck_assert_int_eq(guest_frames_serve(&guest, request), 0);
	ck_assert_int_eq(control_receive(session, &answer, &fd), 1);
	ck_assert_uint_eq(answer.kind, CONTROL_PLACED);
	ck_assert_uint_eq(answer.tag, request->tag);
	ck_assert_int_eq(fd, -1);
	return -answer.error;
}

static int place(uint64_t tag, uint64_t token, uint64_t frame)
{
	struct control_message request = { .kind = CONTROL_PLACE, .tag = tag, .token = token, .frame = frame };

	return ask(&request);
}

static int unplace(uint64_t tag)
{
	return ask(&(struct control_message){ .kind = CONTROL_UNPLACE, .tag = tag });
}

static void is_there(uint64_t guest_frame, int frame, int n)
{
	for (int i = 0; i < n; i++) {
		ck_assert_int_eq(there[guest_frame - GUEST + i], frame < 0 ? -1 : frame + i);
		if (frame >= 0)
			ck_assert(permitted[frame + i]);
	}
}

START_TEST(there_and_back)
{
	ck_assert_int_eq(place(1, offer(10, 4), GUEST + 2), 0);
	is_there(GUEST, -1, 2);
	is_there(GUEST + 2, 10, 4);
	is_there(GUEST + 6, -1, N_FRAMES - 6);
	ck_assert_int_eq(unplace(1), 0);
	is_there(GUEST, -1, N_FRAMES);
	ck_assert_int_eq(offers[0].state, OFFER_NONE);
	ck_assert_int_eq(unplace(1), -ENOENT);
}
END_TEST

START_TEST(made_up)
{
	uint64_t foreign = offer(0, 1);

	offers[foreign - 1].frames.domid = DOMID + 1;
	ck_assert_int_eq(place(1, 5, GUEST), -ENOENT);
	ck_assert_int_eq(place(1, 0, GUEST), -ENOENT);
	ck_assert_int_eq(place(1, UINT64_MAX, GUEST), -ENOENT);
	ck_assert_int_eq(place(1, foreign, GUEST), -ENOENT);
	ck_assert_int_eq(offers[foreign - 1].state, OFFER_OPEN);
	ck_assert_int_eq(unplace(1), -ENOENT);
}
END_TEST

START_TEST(taken_once)
{
	uint64_t token = offer(0, 1);

	ck_assert_int_eq(place(1, token, GUEST), 0);
	ck_assert_int_eq(place(2, token, GUEST + 1), -EBUSY);
	is_there(GUEST, 0, 1);
	is_there(GUEST + 1, -1, 1);
}
END_TEST

START_TEST(other_device)
{
	uint64_t token = offer(0, 1);

	offers[token - 1].frames.minor = 5;
	ck_assert_int_eq(place(1, token, GUEST), -EINVAL);
	ck_assert_int_eq(offers[token - 1].state, OFFER_NONE);
	guest.session.announce.n_devices = 0;
	ck_assert_int_eq(place(1, offer(0, 1), GUEST), -EINVAL);
}
END_TEST

START_TEST(no_xen_guest)
{
	uint64_t token = offer(0, 1);

	guest.transport = CONTROL_UNIX;
	ck_assert_int_eq(place(1, token, GUEST), -ENODEV);
	ck_assert_int_eq(offers[token - 1].state, OFFER_OPEN);
}
END_TEST

START_TEST(bad_frames)
{
	static const uint64_t frames[] = { 0, UINT64_C(1) << 40, (UINT64_C(1) << 40) - 1, UINT64_C(1) << 52,
					   UINT64_MAX, UINT64_MAX - 1, INT64_MAX };

	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
		ck_assert_int_eq(place(1, offer(0, 2), frames[i]), -EINVAL);
}
END_TEST

/* Two at one place would take away what the other has. */
START_TEST(same_place)
{
	ck_assert_int_eq(place(1, offer(0, 4), GUEST + 4), 0);
	for (int from = 1; from < 8; from++)
		ck_assert_int_eq(place(2, offer(20, 4), GUEST + from), -EINVAL);
	ck_assert_int_eq(place(3, offer(20, 4), GUEST), 0);
	ck_assert_int_eq(place(4, offer(30, 4), GUEST + 8), 0);
	is_there(GUEST + 4, 0, 4);
	ck_assert(!permitted[34]);
}
END_TEST

/* One frame at two places: Xen has one permission for both. */
START_TEST(shared_frames)
{
	ck_assert_int_eq(place(1, offer(0, 4), GUEST), 0);
	ck_assert_int_eq(place(2, offer(2, 4), GUEST + 10), 0);
	ck_assert_int_eq(unplace(1), 0);
	is_there(GUEST, -1, 4);
	is_there(GUEST + 10, 2, 4);
	ck_assert(!permitted[0] && !permitted[1]);
	/* And one that fails must not take it away either. */
	map_error = -ENOMEM;
	map_fails_after = 2;
	ck_assert_int_eq(place(3, offer(0, 4), GUEST + 20), -ENODEV);
	map_fails_after = UINT64_MAX;
	is_there(GUEST + 20, -1, 4);
	is_there(GUEST + 10, 2, 4);
	ck_assert(!permitted[0] && !permitted[1]);
	ck_assert_int_eq(unplace(2), 0);
}
END_TEST

START_TEST(xen_refuses)
{
	permit_error = -EPERM;
	ck_assert_int_eq(place(1, offer(0, 4), GUEST), -ENODEV);
	permit_error = 0;
	map_error = -EBUSY;
	for (map_fails_after = 0; map_fails_after < 4; map_fails_after++) {
		ck_assert_int_eq(place(1, offer(0, 4), GUEST), -ENODEV);
		is_there(GUEST, -1, 4);
		ck_assert(!permitted[0]);
	}
	ck_assert_int_eq(unplace(1), -ENOENT);
}
END_TEST

/* The guest has put something else in one frame's place: the others go. */
START_TEST(hole)
{
	for (int at = 0; at < 4; at++) {
		ck_assert_int_eq(place(1, offer(0, 4), GUEST), 0);
		stubborn = GUEST + at;
		ck_assert_int_eq(unplace(1), 0);
		for (int i = 0; i < 4; i++)
			ck_assert_int_eq(there[i], i == at ? at : -1);
		ck_assert(!permitted[at]);
		stubborn = UINT64_MAX;
		there[at] = -1;
	}
}
END_TEST

/* Where Xen does not take it back, the module keeps the record and the device, and the
 * next supervisor tries again. */
START_TEST(stays)
{
	ck_assert_int_eq(place(1, offer(0, 2), GUEST), 0);
	ck_assert_int_eq(place(2, offer(8, 2), GUEST + 8), 0);
	permit_error = unmap_error = -EPERM;
	ck_assert_int_eq(unplace(1), -EPERM);
	ck_assert_int_eq(offers[0].state, OFFER_TAKEN);
	permit_error = unmap_error = 0;
	offers[0].state = OFFER_LEFT;
	guest_frames_start(&supervisor.frames);
	ck_assert_int_eq(offers[0].state, OFFER_NONE);
	is_there(GUEST, -1, 2);
	is_there(GUEST + 8, 8, 2);
}
END_TEST

START_TEST(domain_gone)
{
	ck_assert_int_eq(place(1, offer(0, 2), GUEST), 0);
	permit_error = unmap_error = -ESRCH;
	ck_assert_int_eq(unplace(1), 0);
	ck_assert_int_eq(offers[0].state, OFFER_NONE);
	memset(permitted, 0, sizeof(permitted));
	memset(there, -1, sizeof(there));
}
END_TEST

START_TEST(end_of_all)
{
	for (int i = 0; i < N_OFFERS; i++)
		ck_assert_int_eq(place(i + 1, offer(2 * i, 3), GUEST + 4 * i), 0);
	guest_frames_end_all(&guest);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		there_and_back, made_up, taken_once, other_device, no_xen_guest, bad_frames, same_place,
		shared_frames, xen_refuses, hole, stays, domain_gone, end_of_all,
	};
	TCase *tcase = tcase_create("guest_frames");

	tcase_add_checked_fixture(tcase, setup, teardown);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tcase, tests[i]);
	return suite_run("hostd/guest_frames", tcase);
}

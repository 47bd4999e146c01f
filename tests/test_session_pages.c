// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages of programs' memory that a guest makes up, over the unix transport; see
 * test_session_hostile.c. The good ones are the kernel module's: tests/run_pinned.sh.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include "session_rig.h"

static int anonymous; /* as the module's, but not to be mapped */

static void pages_setup(void)
{
	anonymous = eventfd(0, EFD_CLOEXEC);
	ck_assert_int_ge(anonymous, 0);
}

static void pages_teardown(void)
{
	close(anonymous);
}

static int pass(struct raw *raw, uint64_t id, int fd)
{
	struct transport *transport = raw->channel->transport;

	return transport->ops->pass(transport, id, fd);
}

/* Reads or writes `size` bytes; the answer's flags. */
static uint32_t direct(struct raw *raw, uint64_t handle, uint64_t id, uint32_t size, bool write, int64_t *resultp)
{
	struct proto_direct body = { .handle = handle, .pages = id, .size = size, .first = 8, .write = write };
	const struct proto_direct_answer *answer;

	raw_send(raw, PROTO_DIRECT, ++raw->tag, &body, sizeof(body), NULL, 0);
	answer = raw_expect(raw, PROTO_DIRECT_ANSWER);
	*resultp = answer->result;
	return answer->flags;
}

/* What could keep a driver waiting, or is no memory. */
START_TEST(other_descriptors)
{
	int64_t zero, result;
	static struct raw evil;
	int fds[4];

	rig_evil(&evil);
	zero = rig_open(&evil, "zero", O_RDWR);
	fds[0] = memfd_create("pages", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(fds[0], 1 << 20), 0);
	fds[1] = open("/dev/zero", O_RDWR | O_CLOEXEC);
	fds[2] = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	fds[3] = dup(evil.channel->transport->life_fd);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_ge(fds[i], 0);
		ck_assert_int_eq(pass(&evil, 10 + i, fds[i]), 0);
		ck_assert_uint_eq(direct(&evil, zero, 10 + i, 100, false, &result), PROTO_DIRECT_NOT_RUN);
		ck_assert_int_eq(result, -EINVAL);
		close(fds[i]);
	}
	ck_assert_int_eq(rig_read(&evil, zero, 8), 8);
	raw_fini(&evil);
}
END_TEST

START_TEST(sizes_and_quota)
{
	static const uint32_t sizes[] = { 1, 64u << 20, (64u << 20) + 1, UINT32_MAX };
	static struct raw evil;
	int64_t zero, result;

	rig_evil(&evil);
	zero = rig_open(&evil, "zero", O_RDWR);
	/* Of what came before nothing counts any more. */
	for (uint64_t i = 0; i < 20; i++) {
		uint32_t size = sizes[i % 4];

		ck_assert_int_eq(pass(&evil, 20 + i, anonymous), 0);
		ck_assert_uint_eq(direct(&evil, zero, 20 + i, size, false, &result), PROTO_DIRECT_NOT_RUN);
		/* With the bytes before, all but the first are more than the guest may have. */
		ck_assert_int_eq(result, i % 4 ? -ENOMEM : -ENODEV);
	}
	ck_assert_int_eq(pass(&evil, 50, anonymous), 0);
	ck_assert_uint_eq(direct(&evil, 0xdead, 50, 8, true, &result), 0);
	ck_assert_int_eq(result, -EBADF);
	/* Nobody has passed it, or somebody has taken it. */
	ck_assert_uint_eq(direct(&evil, zero, 50, 8, true, &result), PROTO_DIRECT_NOT_RUN);
	ck_assert_int_eq(result, -ENODEV);
	ck_assert_uint_eq(direct(&evil, zero, 50, 8, true, &result), PROTO_DIRECT_NOT_RUN);
	ck_assert_int_eq(result, -EAGAIN);
	ck_assert_int_eq(rig_read(&evil, zero, 8), 8);
	raw_fini(&evil);
}
END_TEST

/* There is no domain to have granted anything. */
START_TEST(references)
{
	struct proto_direct body = { .pages = 40, .size = 100, .n_refs = 1 };
	const struct proto_direct_answer *answer;
	static struct raw evil;
	uint32_t ref = 8;

	rig_evil(&evil);
	body.handle = rig_open(&evil, "zero", O_RDWR);
	raw_send(&evil, PROTO_DIRECT, ++evil.tag, &body, sizeof(body), &ref, sizeof(ref));
	answer = raw_expect(&evil, PROTO_DIRECT_ANSWER);
	ck_assert_int_eq(answer->result, -EINVAL);
	ck_assert_uint_eq(answer->flags, PROTO_DIRECT_NOT_RUN);
	raw_fini(&evil);
}
END_TEST

/* More than anybody asks for. */
START_TEST(descriptors_without_messages)
{
	static struct raw evil;
	int64_t zero, result;
	int r = 0;

	rig_evil(&evil);
	zero = rig_open(&evil, "zero", O_RDWR);
	for (uint64_t i = 0; i < 3000 && r == 0; i++)
		r = pass(&evil, 1000 + i, anonymous);
	ck_assert_int_lt(r, 0);
	/* They are taken from the socket when something is looked for, and dropped. */
	ck_assert_uint_eq(direct(&evil, zero, 50, 8, true, &result), PROTO_DIRECT_NOT_RUN);
	ck_assert_int_eq(result, -EAGAIN);
	ck_assert_int_eq(pass(&evil, 51, anonymous), 0);
	ck_assert_uint_eq(direct(&evil, zero, 51, 8, true, &result), PROTO_DIRECT_NOT_RUN);
	ck_assert_int_eq(result, -ENODEV);
	raw_fini(&evil);
}
END_TEST

/* An ioctl to which the table says that nothing is kept. */
START_TEST(pages_of_an_ioctl)
{
	struct {
		struct proto_ioctl body;
		struct proto_range ranges[2];
		struct termios termios;
		struct proto_pages pages;
	} message = {
		.body = { .command = TCGETS, .argument = 0x7f0000001000, .n_ranges = 2 },
		.ranges = {
			{ 0x7f0000001000, sizeof(struct termios), PROTO_RANGE_IN | PROTO_RANGE_OUT },
			{ 0x7f0000001000, sizeof(struct proto_pages), PROTO_RANGE_PAGES },
		},
		.pages = { 60 },
	};
	const struct proto_ioctl_answer *answer;
	static struct raw evil;

	rig_evil(&evil);
	message.body.handle = rig_open(&evil, "tty", O_RDWR);
	message.ranges[0].length = 36; /* of the kernel's own structure */
	memcpy((uint8_t *)&message.termios + 36, &message.pages, sizeof(message.pages));
	raw_send(&evil, PROTO_IOCTL, ++evil.tag, &message, sizeof(message.body) + sizeof(message.ranges) + 36 + 8,
		 NULL, 0);
	answer = raw_expect(&evil, PROTO_IOCTL_ANSWER);
	ck_assert_int_eq(answer->result, -EINVAL);
	raw_fini(&evil);
}
END_TEST

TCase *case_pages(void)
{
	TCase *tcase = tcase_create("pages");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, pages_setup, pages_teardown);
	tcase_add_test(tcase, other_descriptors);
	tcase_add_test(tcase, sizes_and_quota);
	tcase_add_test(tcase, references);
	tcase_add_test(tcase, descriptors_without_messages);
	tcase_add_test(tcase, pages_of_an_ioctl);
	return tcase;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Ioctls on demand of a guest that does not deliver memory as it should; see
 * test_session_hostile.c. */
#include "config.h"

#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "caller.h"

#define SOON_MS 6000 /* what nobody holds up is done by then, on a slow machine too */
#define ALL (PROTO_RANGE_IN | PROTO_RANGE_OUT)

static struct caller caller, other;
static struct raw raw, raw_2;

/* ---- the engine itself ---- */

START_TEST(call_gets_its_pages)
{
	struct termios here;
	uint64_t at = CALLER_BASE + 100;

	caller_init(&caller, &raw, "term");
	memset(caller_memory(&caller, CALLER_BASE), 0x5a, PROTO_PAGE);
	ck_assert_int_eq(caller_ioctl(&caller, TCGETS, at), 0);
	ck_assert_uint_eq(caller.n_asked, 1);
	ck_assert_int_eq(ioctl(rig_tty(), TCGETS, &here), 0);
	ck_assert_mem_eq(caller_memory(&caller, at), &here, sizeof(here));
	for (uint32_t i = 0; i < PROTO_PAGE; i++)
		if (i < 100 || i >= 100 + sizeof(here))
			ck_assert_uint_eq(caller.pages[0].bytes[i], 0x5a);
	raw_fini(&raw);
}
END_TEST

/* The same page again and again, with other bytes each time: nothing stale. */
START_TEST(call_sees_what_is_there_now)
{
	uint64_t at = CALLER_BASE + PROTO_PAGE - 16 * (uint64_t)_i;
	struct termios there, here;

	caller_init(&caller, &raw, "term");
	caller_memory(&caller, CALLER_BASE);
	caller_memory(&caller, CALLER_BASE + PROTO_PAGE);
	ioctl(rig_tty(), TCGETS, &there);
	for (int i = 0; i < 30; i++) {
		there.c_cc[VKILL] = 'A' + i;
		for (size_t n = 0; n < sizeof(there); n++)
			*caller_memory(&caller, at + n) = ((uint8_t *)&there)[n];
		if (i % 3)
			ck_assert_int_eq(caller_ioctl_ahead(&caller, TCSETS, at), 0);
		else
			ck_assert_int_eq(caller_ioctl(&caller, TCSETS, at), 0);
		ioctl(rig_tty(), TCGETS, &here);
		ck_assert_mem_eq(&here, &there, sizeof(here));
	}
	raw_fini(&raw);
}
END_TEST

START_TEST(prefetched_call_asks_for_nothing)
{
	caller_init(&caller, &raw, "term");
	caller_memory(&caller, CALLER_BASE);
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(caller_ioctl_ahead(&caller, TCGETS, CALLER_BASE), 0);
		ck_assert_uint_eq(caller.n_asked, 0);
	}
	raw_fini(&raw);
}
END_TEST

/* A network interface that outlives who made it, and may be used by anybody. */
static bool tap_make(struct ifreq *interface, bool persist)
{
	int fd = open(RIG_TUN, O_RDWR | O_CLOEXEC);
	bool made;

	memset(interface, 0, sizeof(*interface));
	snprintf(interface->ifr_name, sizeof(interface->ifr_name), "paradice%d", (int)getpid() % 100000);
	interface->ifr_flags = IFF_TAP | IFF_NO_PI;
	made = fd >= 0 && ioctl(fd, TUNSETIFF, interface) == 0 && ioctl(fd, TUNSETPERSIST, persist) == 0;
	close(fd);
	return made;
}

/* A driver that goes through memory in order: no more than one trip for each page, and
 * fewer and fewer; none when the pages come with the call. (TUNSETTXFILTER copies as
 * many addresses of 6 bytes as its first structure says.) */
static const struct {
	uint32_t n_pages, n_trips, n_ahead, n_trips_ahead;
} sequences[] = {
	{ 20, 5, 20, 0 }, /* 1, 2, 4, 8 pages and the rest */
	{ 63, 6, 32, 1 }, /* … 16, 32: what one message carries */
};

START_TEST(pages_in_order)
{
	const uint32_t n_pages = sequences[_i].n_pages;
	struct proto_range ahead = { CALLER_BASE, sequences[_i].n_ahead * PROTO_PAGE, ALL };
	struct tun_filter filter = { .count = (n_pages * PROTO_PAGE - sizeof(filter)) / ETH_ALEN };
	struct ifreq interface;
	int64_t n_exact;

	if (!tap_make(&interface, true)) {
		printf("no network interfaces here: pages_in_order does nothing\n");
		return;
	}
	caller_init(&caller, &raw, "tap");
	memcpy(caller_memory(&caller, CALLER_BASE), &interface, sizeof(interface));
	ck_assert_int_eq(caller_ioctl(&caller, TUNSETIFF, CALLER_BASE), 0);
	for (uint32_t i = 0; i < n_pages; i++)
		memset(caller_memory(&caller, CALLER_BASE + i * PROTO_PAGE), 0x01, PROTO_PAGE);
	memcpy(caller_memory(&caller, CALLER_BASE), &filter, sizeof(filter));
	n_exact = caller_ioctl(&caller, TUNSETTXFILTER, CALLER_BASE);
	ck_assert_int_gt(n_exact, 0);
	ck_assert_uint_eq(caller.n_asked, sequences[_i].n_trips);
	for (int i = 0; i < 3; i++) {
		uint64_t tag = caller_send(&caller, TUNSETTXFILTER, CALLER_BASE, &ahead, 1);

		ck_assert_int_eq(caller_finish(&caller, tag), n_exact);
		ck_assert_uint_eq(caller.n_asked, sequences[_i].n_trips_ahead);
	}
	ck_assert_int_eq(rig_release(&raw, caller.handle), 0);
	ck_assert(tap_make(&interface, false));
	raw_fini(&raw);
}
END_TEST

START_TEST(read_only_memory)
{
	caller_init(&caller, &raw, "term");
	caller_memory(&caller, CALLER_BASE);
	ck_assert_int_eq(caller_ioctl(&caller, TCGETS, CALLER_BASE), 0);
	caller.pages[0].readonly = true;
	ck_assert_int_eq(caller_ioctl(&caller, TCGETS, CALLER_BASE), -EFAULT);
	ck_assert_int_eq(caller_ioctl_ahead(&caller, TCGETS, CALLER_BASE), -EFAULT);
	ck_assert_int_eq(caller_ioctl_ahead(&caller, TCSETS, CALLER_BASE), 0);
	caller.pages[0].readonly = false;
	ck_assert_int_eq(caller_ioctl(&caller, TCGETS, CALLER_BASE), 0);
	ck_assert_int_eq(caller_ioctl_ahead(&caller, TCGETS, CALLER_BASE), 0);
	raw_fini(&raw);
}
END_TEST

static const uint64_t nowhere[] = {
	0, 1, 0xfff, 0x1000, 0xffff, 0x10000, 0x10000 - 8, CALLER_BASE + 0x100000, 0x7fffffffe000, 0x7ffffffff000 - 4,
	0x7ffffffff000, 0x7fffffffffff, 0x800000000000, 0xffff800000000000, 0xffffffff81000000,
	0xffffffffff600000, UINT64_MAX - 4095, UINT64_MAX - 8, UINT64_MAX,
};
#define N_NOWHERE ((int)(sizeof(nowhere) / sizeof(nowhere[0])))

START_TEST(argument_that_is_no_memory)
{
	caller_init(&caller, &raw, "term");
	ck_assert_int_eq(caller_ioctl(&caller, TCGETS, nowhere[_i]), -EFAULT);
	ck_assert_int_eq(caller_ioctl(&caller, TCSETS, nowhere[_i]), -EFAULT);
	/* And the same place once it is memory. */
	if (nowhere[_i] >= 0x10000 && nowhere[_i] < 0x7ffffffff000 - 4) {
		caller_memory(&caller, nowhere[_i]);
		ck_assert_int_eq(caller_ioctl(&caller, TCGETS, nowhere[_i]), 0);
	}
	caller_memory(&caller, CALLER_BASE);
	ck_assert_int_eq(caller_ioctl(&caller, TCGETS, CALLER_BASE), 0);
	raw_fini(&raw);
}
END_TEST

/* Pages that came before are used, the missing one is an error. */
START_TEST(structure_that_ends_in_nowhere)
{
	uint64_t at = CALLER_BASE + PROTO_PAGE - 10;

	caller_init(&caller, &raw, "term");
	caller_memory(&caller, CALLER_BASE);
	ck_assert_int_eq(caller_ioctl(&caller, TCGETS, at), -EFAULT);
	ck_assert_int_eq(caller_ioctl_ahead(&caller, TCGETS, at), -EFAULT);
	caller_memory(&caller, CALLER_BASE + PROTO_PAGE);
	ck_assert_int_eq(caller_ioctl(&caller, TCGETS, at), 0);
	raw_fini(&raw);
}
END_TEST

/* ---- answers that are none ---- */

/* The request for the page of TCGETS at CALLER_BASE; its tag. */
static uint64_t wanted(struct caller *who)
{
	const struct proto_mem_read *body;
	uint64_t tag;

	caller_init(who, &raw, "term");
	tag = caller_send(who, TCGETS, CALLER_BASE, NULL, 0);
	body = raw_expect(&raw, PROTO_MEM_READ);
	ck_assert_uint_eq(body->call, tag);
	ck_assert_uint_eq(body->address, CALLER_BASE);
	ck_assert_uint_eq(body->n_pages, 1);
	return raw.message.header.tag;
}

static void answer_send(uint64_t tag, int64_t result, const struct proto_range *ranges, uint32_t n, size_t size)
{
	static uint8_t payload[3 * sizeof(*ranges) + 4 * PROTO_PAGE];
	struct proto_mem_read_answer answer = { .result = result, .n_ranges = n };

	if (n)
		memcpy(payload, ranges, n * sizeof(*ranges));
	raw_send(&raw, PROTO_MEM_READ_ANSWER, tag, &answer, sizeof(answer), payload, n * sizeof(*ranges) + size);
}

#define PAGE_0 CALLER_BASE
static const struct {
	int64_t result;
	uint32_t n;
	struct proto_range ranges[3];
	size_t size;
	const char *text;
} wrong[] = {
	{ 0, 0, { { 0 } }, 0, "result does not fit n_ranges" },
	{ -EFAULT, 1, { { PAGE_0, PROTO_PAGE, ALL } }, PROTO_PAGE, "result does not fit n_ranges" },
	{ 1, 1, { { PAGE_0, PROTO_PAGE, ALL } }, PROTO_PAGE, "result" },
	{ INT64_MIN, 0, { { 0 } }, 0, "result" },
	{ 0, 1, { { PAGE_0 + PROTO_PAGE, PROTO_PAGE, ALL } }, PROTO_PAGE, "not the pages that were wanted" },
	{ 0, 1, { { PAGE_0 - PROTO_PAGE, PROTO_PAGE, ALL } }, PROTO_PAGE, "not the pages that were wanted" },
	{ 0, 1, { { PAGE_0 + 1, PROTO_PAGE, ALL } }, PROTO_PAGE, "not the pages that were wanted" },
	{ 0, 1, { { PAGE_0, 2 * PROTO_PAGE, ALL } }, 2 * PROTO_PAGE, "not the pages that were wanted" },
	{ 0, 1, { { PAGE_0, 1, ALL } }, 1, "not the pages that were wanted" },
	{ 0, 1, { { PAGE_0, PROTO_PAGE - 1, ALL } }, PROTO_PAGE - 1, "not the pages that were wanted" },
	{ 0, 1, { { PAGE_0, PROTO_PAGE, PROTO_RANGE_OUT } }, 0, "not the pages that were wanted" },
	{ 0, 2, { { PAGE_0, PROTO_PAGE, ALL }, { PAGE_0, PROTO_PAGE, ALL } }, 2 * PROTO_PAGE,
	  "not the pages that were wanted" },
	{ 0, 2, { { PAGE_0, PROTO_PAGE, ALL }, { PAGE_0 + PROTO_PAGE, PROTO_PAGE, ALL } }, 2 * PROTO_PAGE,
	  "not the pages that were wanted" },
	{ 0, 1, { { 0xffff800000000000, PROTO_PAGE, ALL } }, PROTO_PAGE, "not the pages that were wanted" },
	{ 0, 1, { { 0xfffffffffffff000, 2 * PROTO_PAGE, ALL } }, 2 * PROTO_PAGE, "wrap around" },
	{ 0, 1, { { PAGE_0, 0, ALL } }, 0, "MEM_READ_ANSWER" },
	{ 0, 1, { { PAGE_0, PROTO_PAGE, 4 } }, 0, "direction" },
	{ 0, 1, { { PAGE_0, PROTO_PAGE, ALL } }, 100, "ranges need" },
	{ 0, 1, { { PAGE_0, PROTO_PAGE, ALL } }, 2 * PROTO_PAGE, "ranges need" },
};
#define N_WRONG ((int)(sizeof(wrong) / sizeof(wrong[0])))

START_TEST(wrong_pages)
{
	answer_send(wanted(&caller), wrong[_i].result, wrong[_i].ranges, wrong[_i].n, wrong[_i].size);
	rig_expect_violation(&raw, wrong[_i].text);
}
END_TEST

START_TEST(answer_to_nothing)
{
	uint64_t tag = wanted(&caller);

	answer_send(_i ? tag + 1 : UINT64_MAX, -EFAULT, NULL, 0, 0);
	rig_expect_violation(&raw, "tag: nothing was asked by it");
}
END_TEST

/* Sending it again, or after the call, is nothing to fall over. */
START_TEST(answer_twice_and_too_late)
{
	struct proto_range page = { CALLER_BASE, PROTO_PAGE, ALL };
	uint64_t tag = wanted(&caller);

	for (int i = 0; i < 3; i++)
		answer_send(tag, 0, &page, 1, PROTO_PAGE);
	caller_memory(&caller, CALLER_BASE);
	ck_assert_int_eq(caller_finish(&caller, raw.tag), 0);
	for (int i = 0; i < 3; i++)
		answer_send(tag, 0, &page, 1, PROTO_PAGE);
	ck_assert_int_eq(caller_ioctl(&caller, TCGETS, CALLER_BASE), 0);
	raw_fini(&raw);
}
END_TEST

/* The page of one call under the tag of another. */
START_TEST(answer_for_another_call)
{
	struct proto_range page = { CALLER_BASE, PROTO_PAGE, ALL };
	uint64_t first = wanted(&caller);

	caller.process = 2;
	caller_send(&caller, TCGETS, CALLER_BASE + 7 * PROTO_PAGE, NULL, 0);
	raw_expect(&raw, PROTO_MEM_READ);
	ck_assert_uint_ne(raw.message.header.tag, first);
	answer_send(raw.message.header.tag, 0, &page, 1, PROTO_PAGE);
	rig_expect_violation(&raw, "not the pages that were wanted");
}
END_TEST

/* ---- pages that do not come ---- */

START_TEST(page_withheld)
{
	uint64_t since, tag;
	int64_t result;

	wanted(&caller);
	since = raw_now_ms();
	tag = raw.tag;
	/* Its neighbours: the same guest, another guest. */
	do {
		caller.process = 2;
		caller_memory(&caller, CALLER_BASE);
		ck_assert_int_eq(caller_ioctl(&caller, TIOCGPTN, CALLER_BASE), -ENOTTY);
		ck_assert_int_eq(caller_ioctl(&caller, TIOCGWINSZ, CALLER_BASE), 0);
		rig_good_works();
	} while (raw_now_ms() < since + RIG_PAGE_MS / 2);
	result = caller_finish(&caller, tag);
	ck_assert_int_eq(result, -EFAULT);
	ck_assert_uint_ge(raw_now_ms() - since, RIG_PAGE_MS / 2);
	ck_assert_uint_lt(raw_now_ms() - since, SOON_MS);
	daemon_log_expect(&rig_hostd, rig_evil_name(), "page-timeout-ms");
	/* Next time it comes. */
	caller.process = 1;
	ck_assert_int_eq(caller_ioctl(&caller, TCGETS, CALLER_BASE), 0);
	raw_fini(&raw);
}
END_TEST

/* A driver that holds a lock while it waits: another guest of the same device waits
 * no longer than the bound. (TIOCGWINSZ copies under the terminal's winsize_mutex.) */
START_TEST(page_withheld_under_a_lock)
{
	uint64_t tag, since;

	caller_init(&other, &raw_2, "term");
	caller_memory(&other, CALLER_BASE);
	ck_assert_int_eq(caller_ioctl(&other, TIOCGWINSZ, CALLER_BASE), 0);
	caller_init(&caller, &raw, "term");
	for (int i = 0; i < 3; i++) {
		tag = caller_send(&caller, TIOCGWINSZ, CALLER_BASE, NULL, 0);
		raw_expect(&raw, PROTO_MEM_READ);
		since = raw_now_ms();
		ck_assert_int_eq(caller_ioctl(&other, TIOCGWINSZ, CALLER_BASE), 0);
		ck_assert_uint_lt(raw_now_ms() - since, SOON_MS);
		do
			ck_assert(raw_receive(&raw));
		while (raw.message.header.opcode != PROTO_IOCTL_ANSWER || raw.message.header.tag != tag);
		ck_assert_int_eq(((const struct proto_ioctl_answer *)raw.message.body)->result, -EFAULT);
	}
	raw_fini(&raw_2);
	raw_fini(&raw);
}
END_TEST

/* After one page was withheld, the call waits for no other. */
START_TEST(many_pages_withheld)
{
	uint64_t since, tag;

	caller_init(&caller, &raw, "term");
	since = raw_now_ms();
	for (int i = 0; i < 5; i++) {
		caller.process = 1 + i;
		tag = caller_send(&caller, TCGETS, CALLER_BASE - 4, NULL, 0);
	}
	for (int i = 0; i < 5; i++) {
		raw_expect(&raw, PROTO_IOCTL_ANSWER);
		ck_assert_uint_le(raw.message.header.tag, tag);
		ck_assert_int_eq(((const struct proto_ioctl_answer *)raw.message.body)->result, -EFAULT);
	}
	ck_assert_uint_lt(raw_now_ms() - since, SOON_MS);
	raw_fini(&raw);
}
END_TEST

START_TEST(connection_ends_with_a_page_withheld)
{
	for (int i = 0; i < 5; i++) {
		wanted(&caller);
		raw_fini(&raw);
	}
}
END_TEST

/* ---- what goes with the request ---- */

static const struct {
	uint32_t n;
	struct proto_range ranges[3];
	const char *text; /* NULL: it is served */
} sent[] = {
	{ 1, { { PAGE_0 + 1, PROTO_PAGE, ALL } }, "range 0: not whole pages" },
	{ 1, { { PAGE_0, 100, ALL } }, "range 0: not whole pages" },
	{ 1, { { PAGE_0, PROTO_PAGE + 1, ALL } }, "range 0: not whole pages" },
	{ 1, { { PAGE_0, PROTO_PAGE, PROTO_RANGE_OUT } }, "range 0: not whole pages" },
	{ 2, { { PAGE_0, PROTO_PAGE, ALL }, { PAGE_0 + 8, PROTO_PAGE, ALL } }, "range 1: not whole pages" },
	{ 1, { { 0xfffffffffffff000, 2 * PROTO_PAGE, ALL } }, "wrap around" },
	{ 1, { { 0xfffffffffffff000, PROTO_PAGE, ALL } }, "wrap around" },
	{ 1, { { 0xffffffffffffe000, PROTO_PAGE, ALL } }, NULL },
	{ 1, { { 0xffff800000000000, PROTO_PAGE, ALL } }, NULL },
	{ 1, { { 0x7ffffffff000, PROTO_PAGE, ALL } }, NULL },
	{ 1, { { 0x7fffffffe000, 4 * PROTO_PAGE, ALL } }, NULL },
	{ 1, { { 0, 8 * PROTO_PAGE, ALL } }, NULL },
	{ 1, { { 0xf000, 2 * PROTO_PAGE, ALL } }, NULL },
	{ 2, { { PAGE_0, PROTO_PAGE, ALL }, { PAGE_0, PROTO_PAGE, ALL } }, NULL },
	{ 2, { { PAGE_0, 2 * PROTO_PAGE, ALL }, { PAGE_0 + PROTO_PAGE, PROTO_PAGE, ALL } }, NULL },
	{ 3, { { PAGE_0 + PROTO_PAGE, PROTO_PAGE, ALL }, { PAGE_0, PROTO_PAGE, ALL }, { PAGE_0, PROTO_PAGE, ALL } },
	  NULL },
	{ 1, { { PAGE_0 + PROTO_PAGE, 31 * PROTO_PAGE, ALL } }, NULL },
	/* Of no length at all. */
	{ 1, { { PAGE_0, 0, ALL } }, NULL },
	/* It is read-only the second time, so the first decides or both do: no harm. */
	{ 2, { { PAGE_0, PROTO_PAGE, ALL }, { PAGE_0, PROTO_PAGE, PROTO_RANGE_IN } }, NULL },
};
#define N_SENT ((int)(sizeof(sent) / sizeof(sent[0])))

START_TEST(prefetched_pages)
{
	struct termios here;

	caller_init(&caller, &raw, "term");
	caller_memory(&caller, CALLER_BASE);
	ioctl(rig_tty(), TCGETS, &here);
	for (int i = 0; i < 3; i++) {
		uint64_t tag = caller_send(&caller, TCGETS, CALLER_BASE + 64 * i, sent[_i].ranges, sent[_i].n);

		if (sent[_i].text) {
			rig_expect_violation(&raw, sent[_i].text);
			return;
		}
		ck_assert_int_eq(caller_finish(&caller, tag), 0);
		ck_assert_mem_eq(caller_memory(&caller, CALLER_BASE + 64 * i), &here, sizeof(here));
	}
	raw_fini(&raw);
}
END_TEST

/* Counts an answer, if one has come. */
static bool count_result(int *n_faults, int *n_refused)
{
	const struct proto_ioctl_answer *answer = raw.message.body;

	if (raw.message.header.opcode != PROTO_IOCTL_ANSWER)
		return false;
	ck_assert(answer->result == -EFAULT || answer->result == -ENOMEM);
	*n_faults += answer->result == -EFAULT;
	*n_refused += answer->result == -ENOMEM;
	return true;
}

/* More memory at once than its quota of 256 pages: some calls get ENOMEM, and when
 * they are over all is there again. */
START_TEST(more_than_the_quota)
{
	struct proto_range run = { CALLER_BASE, 31 * PROTO_PAGE, ALL };
	int n_faults = 0, n_refused = 0, n_sent = 0;

	caller_init(&caller, &raw, "term");
	caller_memory(&caller, CALLER_BASE);
	/* In the first round mirrors start, which may take longer than the pages wait. */
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 12; i++) {
			caller.process = i + 1;
			/* Just before the pages that came: that one is withheld. */
			caller_send(&caller, TCGETS, CALLER_BASE - 4, &run, 1);
			n_sent++;
			do
				ck_assert(raw_receive(&raw));
			while (!count_result(&n_faults, &n_refused) && raw.message.header.opcode != PROTO_MEM_READ);
		}
		while (n_faults + n_refused < n_sent) {
			ck_assert(raw_receive(&raw));
			count_result(&n_faults, &n_refused);
		}
	}
	ck_assert_int_ge(n_refused, 1);
	rig_good_works();
	for (int i = 0; i < 12; i++) {
		caller.process = i + 1;
		ck_assert_int_eq(caller_ioctl_ahead(&caller, TCGETS, CALLER_BASE), 0);
	}
	raw_fini(&raw);
}
END_TEST

/* The flag on a device whose configuration does not allow it. */
START_TEST(on_demand_where_it_is_not_allowed)
{
	caller_init(&caller, &raw, "tty");
	caller_memory(&caller, CALLER_BASE);
	ck_assert_int_eq(caller_ioctl(&caller, TCGETS, CALLER_BASE), -ENOTTY);
	ck_assert_uint_eq(caller.n_asked, 0);
	raw_fini(&raw);
}
END_TEST

TCase *case_on_demand(void)
{
	TCase *tcase = tcase_create("on_demand");

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, call_gets_its_pages);
	tcase_add_loop_test(tcase, call_sees_what_is_there_now, 0, 3);
	tcase_add_test(tcase, prefetched_call_asks_for_nothing);
	tcase_add_loop_test(tcase, pages_in_order, 0, sizeof(sequences) / sizeof(sequences[0]));
	tcase_add_test(tcase, read_only_memory);
	tcase_add_loop_test(tcase, argument_that_is_no_memory, 0, N_NOWHERE);
	tcase_add_test(tcase, structure_that_ends_in_nowhere);
	tcase_add_loop_test(tcase, wrong_pages, 0, N_WRONG);
	tcase_add_loop_test(tcase, answer_to_nothing, 0, 2);
	tcase_add_test(tcase, answer_twice_and_too_late);
	tcase_add_test(tcase, answer_for_another_call);
	tcase_add_test(tcase, page_withheld);
	tcase_add_test(tcase, page_withheld_under_a_lock);
	tcase_add_test(tcase, many_pages_withheld);
	tcase_add_test(tcase, connection_ends_with_a_page_withheld);
	tcase_add_loop_test(tcase, prefetched_pages, 0, N_SENT);
	tcase_add_test(tcase, more_than_the_quota);
	tcase_add_test(tcase, on_demand_where_it_is_not_allowed);
	return tcase;
}

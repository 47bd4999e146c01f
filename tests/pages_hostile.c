// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pages_hostile: in a Xen guest in place of paradice-guestd, which must not run: a guest
 * that tells grant references which are none, too few, twice, or which it takes back
 * meanwhile, and that keeps the rings of a session that has ended. hostd must say so and go
 * on. Uses the host's device paradice/transfer (tests/kmod-transfer).
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xen/gntalloc.h>

#include "kmod-transfer/transfer.h"
#include "raw.h"
#include "suite.h"

/* TRANSFER_NEVER is 514 pages of these. Xen lets a grant be mapped 128 times (xen's grant_table.c,
 * act->pin), and a PV domain's kernel maps it besides (gntdev.c, kmap_ops). */
#define N_PAGES 16u

static struct raw evil;
static uint64_t transfer;

static struct {
	int fd;
	uint32_t refs[N_PAGES];
	uint64_t index;
	uint8_t *memory;
} granted;

static uint64_t device_open(uint32_t device)
{
	struct proto_open body = { .device = device, .flags = O_RDWR };
	const struct proto_open_answer *answer;

	ck_assert_uint_ne(device, 0);
	raw_send(&evil, PROTO_OPEN, ++evil.tag, &body, sizeof(body), NULL, 0);
	answer = raw_expect(&evil, PROTO_OPEN_ANSWER);
	ck_assert_int_eq(answer->result, 0);
	return answer->handle;
}

static void grants_make(void)
{
	struct {
		struct ioctl_gntalloc_alloc_gref head;
		uint32_t more[N_PAGES];
	} alloc = { .head = { .domid = 0, .flags = GNTALLOC_FLAG_WRITABLE, .count = N_PAGES } };

	granted.fd = open("/dev/xen/gntalloc", O_RDWR | O_CLOEXEC);
	ck_assert_msg(granted.fd >= 0, "gntalloc: %s", strerror(errno));
	ck_assert_int_eq(ioctl(granted.fd, IOCTL_GNTALLOC_ALLOC_GREF, &alloc), 0);
	memcpy(granted.refs, alloc.head.gref_ids, sizeof(granted.refs));
	granted.index = alloc.head.index;
	granted.memory = mmap(NULL, N_PAGES * PROTO_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, granted.fd,
			      granted.index);
	ck_assert_ptr_ne(granted.memory, MAP_FAILED);
	memset(granted.memory, 0x33, N_PAGES * PROTO_PAGE);
}

static void connect_host(void)
{
	uint32_t device = 0;
	struct transport *transport = NULL;
	int r = -ENOENT;

	/* The session of the test before may still be there. */
	for (int i = 0; i < 200 && r < 0; i++) {
		r = transport_vchan_connect(0, &transport);
		if (r < 0)
			raw_rest_ms(100);
	}
	ck_assert_int_eq(r, 0);
	raw_init(&evil, transport, PROTO_FROM_HOST);
	raw_hello(&evil);
	for (;;) {
		const struct proto_device_add *add;

		ck_assert(raw_receive(&evil));
		if (evil.message.header.opcode == PROTO_DEVICE_END)
			break;
		add = evil.message.body;
		if (evil.message.header.opcode != PROTO_DEVICE_ADD)
			continue;
		if (strncmp((const char *)evil.message.payload, "paradice/transfer", evil.message.payload_length) == 0)
			device = add->device;
	}
	transfer = device_open(device);
	grants_make();
}

static void grants_end(void)
{
	munmap(granted.memory, N_PAGES * PROTO_PAGE);
	close(granted.fd);
}

static void disconnect_host(void)
{
	grants_end();
	raw_fini(&evil);
}

static void direct_send(uint64_t handle, uint32_t size, const uint32_t *refs, uint32_t n, bool write)
{
	static uint64_t number;
	struct proto_direct body = { .handle = handle, .pages = ++number, .size = size, .write = write, .n_refs = n };

	raw_send(&evil, PROTO_DIRECT, ++evil.tag, &body, sizeof(body), refs, n * sizeof(*refs));
}

/* The result, and whether the driver was called. */
static int64_t direct(uint64_t handle, uint32_t size, const uint32_t *refs, uint32_t n, bool *ranp)
{
	const struct proto_direct_answer *answer;

	direct_send(handle, size, refs, n, false);
	answer = raw_expect(&evil, PROTO_DIRECT_ANSWER);
	ck_assert_msg(evil.message.header.tag == evil.tag, "another operation has ended, with %lld",
		      (long long)answer->result);
	*ranp = !(answer->flags & PROTO_DIRECT_NOT_RUN);
	return answer->result;
}

static void works(void)
{
	bool ran;

	ck_assert_int_eq(direct(transfer, N_PAGES * PROTO_PAGE, granted.refs, N_PAGES, &ran), N_PAGES * PROTO_PAGE);
	ck_assert(ran);
}

START_TEST(good_references)
{
	size_t n_wrong = 0;

	works();
	for (uint32_t i = 0; i < N_PAGES * PROTO_PAGE; i++)
		n_wrong += granted.memory[i] != TRANSFER_BYTE(i);
	ck_assert_uint_eq(n_wrong, 0);
}
END_TEST

START_TEST(made_up_references)
{
	/* Not 0 and 1: the toolstack grants the rings of console and xenstore there (public/grant_table.h). */
	static const uint32_t made_up[] = { 2, 7, 0x7fffffff, UINT32_MAX, 31337 };
	uint32_t refs[N_PAGES];
	bool ran;

	for (size_t i = 0; i < sizeof(made_up) / sizeof(made_up[0]); i++) {
		for (uint32_t place = 0; place < N_PAGES; place++) {
			memcpy(refs, granted.refs, sizeof(refs));
			refs[place] = made_up[i];
			ck_assert_int_lt(direct(transfer, N_PAGES * PROTO_PAGE, refs, N_PAGES, &ran), 0);
			ck_assert(!ran);
		}
	}
	works();
}
END_TEST

START_TEST(too_few_and_too_many)
{
	bool ran;

	for (uint32_t n = 0; n < N_PAGES; n++) {
		ck_assert_int_lt(direct(transfer, N_PAGES * PROTO_PAGE, granted.refs, n, &ran), 0);
		ck_assert(!ran);
	}
	ck_assert_int_eq(direct(transfer, PROTO_PAGE, granted.refs, N_PAGES, &ran), -EINVAL);
	ck_assert(!ran);
	works();
}
END_TEST

/* The same page in two places is the guest's own affair. */
START_TEST(the_same_twice)
{
	uint32_t refs[2] = { granted.refs[0], granted.refs[0] };
	bool ran;

	ck_assert_int_eq(direct(transfer, 2 * PROTO_PAGE, refs, 2, &ran), 2 * PROTO_PAGE);
	works();
}
END_TEST

START_TEST(over_the_quota)
{
	static uint32_t refs[32768];
	bool ran;

	for (size_t i = 0; i < sizeof(refs) / sizeof(refs[0]); i++)
		refs[i] = granted.refs[i % N_PAGES];
	ck_assert_int_eq(direct(transfer, sizeof(refs) / sizeof(refs[0]) * PROTO_PAGE, refs,
				sizeof(refs) / sizeof(refs[0]), &ran), -ENOMEM);
	ck_assert(!ran);
	works();
}
END_TEST

/* Taken back while the driver waits, and the guest goes without a word. */
START_TEST(taken_back)
{
	struct ioctl_gntalloc_dealloc_gref dealloc = { .index = granted.index, .count = N_PAGES };
	static uint32_t refs[TRANSFER_NEVER / PROTO_PAGE];

	for (size_t i = 0; i < sizeof(refs) / sizeof(refs[0]); i++)
		refs[i] = granted.refs[i % N_PAGES];
	direct_send(transfer, TRANSFER_NEVER, refs, sizeof(refs) / sizeof(refs[0]), false);
	works();
	munmap(granted.memory, N_PAGES * PROTO_PAGE);
	ck_assert_int_eq(ioctl(granted.fd, IOCTL_GNTALLOC_DEALLOC_GREF, &dealloc), 0);
	close(granted.fd);
	grants_make();
	works();
}
END_TEST

/* A guest whose session has ended keeps the rings, and writes to them when they are the next
 * session's. (It cannot have that one, too: the event channel's other end is still bound.) */
START_TEST(rings_kept)
{
	static const uint8_t noise[4096] = { 0xff };
	struct raw stays = evil;
	uint64_t until_ms = raw_now_ms() + 8000;

	raw_put(&stays, noise, sizeof(noise));
	raw_expect_end(&stays);
	grants_end();
	/* hostd waits for 5 s that it lets go; its next session starts while it rings. */
	while (raw_now_ms() < until_ms)
		raw_ring_doorbell(&stays);
	raw_publish(&stays, 0x12345678);
	raw_rest_ms(500);
	raw_publish(&stays, 0);
	raw_fini(&stays);
	connect_host();
	works();
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("pages_hostile");

	setvbuf(stdout, NULL, _IOLBF, 0);
	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, connect_host, disconnect_host);
	tcase_add_test(tcase, good_references);
	tcase_add_test(tcase, made_up_references);
	tcase_add_test(tcase, too_few_and_too_many);
	tcase_add_test(tcase, the_same_twice);
	tcase_add_test(tcase, over_the_quota);
	tcase_add_test(tcase, taken_back);
	tcase_add_test(tcase, rings_kept);
	return suite_run("pages_hostile", tcase);
}

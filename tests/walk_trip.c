/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Both daemons' halves of a nested ioctl in one process; see walk_trip.h. */
#define _GNU_SOURCE
#include "config.h"

#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "guestd/gather.h"
#include "hostd/declared.h"
#include "walk_trip.h"

struct layout_facts trip_facts;
uint32_t trip_limit;
int trip_number;
uint64_t trip_kept;
uint32_t trip_changed;

static struct gather *gather;
static struct declared *declared;
static void *pages[64];
static unsigned int n_pages;

void trip_setup(void)
{
	gather = gather_new();
	declared = declared_new();
	ck_assert_ptr_nonnull(gather);
	ck_assert_ptr_nonnull(declared);
	trip_limit = walk_limit(PROTO_MESSAGE_MAX);
	trip_facts = (struct layout_facts){ 0 };
	trip_number = -1;
	trip_kept = 0;
}

struct walk *trip_walk(void)
{
	return declared_walked(declared);
}

void trip_teardown(void)
{
	declared_free(declared);
	while (n_pages)
		munmap(pages[--n_pages], 8192);
}

void *page_end(size_t before_end)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(page, MAP_FAILED);
	ck_assert_uint_lt(n_pages, sizeof(pages) / sizeof(pages[0]));
	pages[n_pages++] = page;
	ck_assert_int_eq(mprotect(page + 4096, 4096, PROT_NONE), 0);
	return page + 4096 - before_end;
}

void page_end_take(void *at)
{
	ck_assert_int_eq(mprotect((void *)((uintptr_t)at & ~(uintptr_t)4095), 4096, PROT_NONE), 0);
}

static int driver_copy(uint64_t there, void *here, size_t size, bool write)
{
	uint8_t *at = here;

	while (size) {
		size_t part = 4096 - (there & 4095);
		struct iovec remote, local;
		ssize_t n;

		part = part < size ? part : size;
		remote = (struct iovec){ (void *)(uintptr_t)there, part };
		local = (struct iovec){ at, part };
		n = write ? process_vm_writev(getpid(), &local, 1, &remote, 1, 0) :
			    process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
		if (n != (ssize_t)part)
			return -EFAULT;
		at += part;
		there += part;
		size -= part;
	}
	return 0;
}

int driver_read(void *to, uint64_t from, size_t size)
{
	return driver_copy(from, to, size, false);
}

int driver_write(uint64_t to, const void *from, size_t size)
{
	return driver_copy(to, (void *)from, size, true);
}

uint64_t driver_pointer(uint64_t from)
{
	uint64_t value = 0;

	return driver_read(&value, from, sizeof(value)) < 0 ? 0 : value;
}

struct layout_need trip_need(const struct layout *row)
{
	return (struct layout_need){ .in = row->in, .out = row->out, .row = row, .flat_if = row->flat_if };
}

int trip_gather(const struct layout *row, const void *argument, struct trip_message *message)
{
	struct layout_need need = trip_need(row);
	int r = gather_walk(gather, getpid(), &need, &trip_facts, trip_limit, (uintptr_t)argument);

	if (r == 0)
		message->n = gather_ranges(gather, message->ranges, &message->bytes, &message->size);
	return r;
}

int trip_declare(const struct layout *row, const void *argument, const struct trip_message *message)
{
	struct layout_need need = trip_need(row);

	return declared_walk(declared, &need, &trip_facts, trip_limit, (uintptr_t)argument,
			     message->ranges, message->n, message->bytes);
}

/* Whether a range lies in one that was offered for writing. */
static bool offered(const struct trip_message *message, const struct proto_range *range)
{
	for (uint32_t i = 0; i < message->n; i++) {
		const struct proto_range *offer = &message->ranges[i];

		if ((offer->direction & PROTO_RANGE_OUT) && range->address >= offer->address &&
		    range->address + range->length <= offer->address + offer->length)
			return true;
	}
	return false;
}

int trip_drive(const struct trip_message *message, trip_driver *driver)
{
	struct walk *walk = declared_walked(declared);
	const struct proto_range *ranges;
	const struct iovec *payload;
	struct walk_fixup *fixup;
	uint32_t n, at = 0;
	int result;

	while ((fixup = walk_descriptor(walk, &at, LAYOUT_IN)))
		fixup->ours = (uint32_t)trip_number;
	at = 0;
	while (trip_kept && (fixup = walk_kept(walk, &at)))
		fixup->ours = trip_kept;
	result = driver((uintptr_t)declared_argument(declared));
	n = declared_collect(declared, NULL, NULL, 0, &payload);
	ck_assert_uint_eq(payload[0].iov_len, n * sizeof(*ranges));
	ranges = payload[0].iov_base;
	trip_changed = 0;
	for (uint32_t i = 0; i < n; i++) {
		ck_assert(offered(message, &ranges[i]));
		ck_assert_uint_eq(payload[1 + i].iov_len, ranges[i].length);
		ck_assert_int_eq(ranges[i].direction, PROTO_RANGE_OUT);
		trip_changed += ranges[i].length;
		if (scatter_write(getpid(), &ranges[i], 1, payload[1 + i].iov_base) < 0)
			result = -EFAULT;
	}
	return result;
}

int trip(const struct layout *row, const void *argument, trip_driver *driver)
{
	struct trip_message message;
	int r;

	r = trip_gather(row, argument, &message);
	if (r != 0)
		return r;
	r = trip_declare(row, argument, &message);
	return r != 0 ? r : trip_drive(&message, driver);
}

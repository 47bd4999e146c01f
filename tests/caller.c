// SPDX-License-Identifier: GPL-2.0-or-later
/* See caller.h. */
#include "config.h"

#include <fcntl.h>
#include <string.h>

#include "caller.h"

static uint64_t page_of(uint64_t address)
{
	return address & ~(uint64_t)(PROTO_PAGE - 1);
}

void caller_init(struct caller *caller, struct raw *raw, const char *device)
{
	memset(caller, 0, sizeof(*caller));
	caller->raw = raw;
	caller->process = 1;
	rig_evil(raw);
	caller->handle = rig_open(raw, device, O_RDWR);
	ck_assert_msg((int64_t)caller->handle > 0, "%s: error %d", device, (int)-(int64_t)caller->handle);
}

struct caller_page *caller_page_find(struct caller *caller, uint64_t address)
{
	for (uint32_t i = 0; i < caller->n_pages; i++)
		if (caller->pages[i].address == page_of(address))
			return &caller->pages[i];
	return NULL;
}

uint8_t *caller_memory(struct caller *caller, uint64_t address)
{
	struct caller_page *page = caller_page_find(caller, address);

	if (!page) {
		ck_assert_uint_lt(caller->n_pages, CALLER_PAGES);
		page = &caller->pages[caller->n_pages++];
		memset(page, 0, sizeof(*page));
		page->address = page_of(address);
	}
	return page->bytes + address % PROTO_PAGE;
}

uint64_t caller_send(struct caller *caller, uint32_t command, uint64_t argument,
		     const struct proto_range *ranges, uint32_t n)
{
	static uint8_t payload[PROTO_MESSAGE_MAX];
	struct proto_ioctl body = {
		.handle = caller->handle,
		.command = command,
		.flags = PROTO_IOCTL_ON_DEMAND,
		.argument = argument,
		.process = caller->process,
		.n_ranges = n,
	};
	size_t size = n * sizeof(*ranges);

	if (n)
		memcpy(payload, ranges, size);
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t at = 0; (ranges[i].direction & PROTO_RANGE_IN) && at < ranges[i].length;
		     at += PROTO_PAGE) {
			const struct caller_page *page = caller_page_find(caller, ranges[i].address + at);
			uint32_t left = ranges[i].length - at < PROTO_PAGE ? ranges[i].length - at : PROTO_PAGE;

			memset(payload + size, 0, left);
			if (page)
				memcpy(payload + size, page->bytes, left);
			size += left;
		}
	}
	raw_room(caller->raw, sizeof(payload));
	raw_send(caller->raw, PROTO_IOCTL, ++caller->raw->tag, &body, sizeof(body), payload, size);
	caller->n_asked = 0;
	return caller->raw->tag;
}

void caller_answer(struct caller *caller)
{
	static uint8_t payload[PROTO_MESSAGE_MAX];
	struct proto_mem_read body = *(const struct proto_mem_read *)caller->raw->message.body;
	struct proto_mem_read_answer answer = { 0 };
	uint64_t tag = caller->raw->message.header.tag;
	const struct caller_page *page;
	struct proto_range *ranges = (struct proto_range *)payload;
	uint32_t n;
	size_t size;

	ck_assert_uint_eq(body.address % PROTO_PAGE, 0);
	ck_assert_uint_ge(body.n_pages, 1);
	for (n = 0; n < body.n_pages; n++) {
		page = caller_page_find(caller, body.address + n * PROTO_PAGE);
		if (!page)
			break;
		ranges[n] = (struct proto_range){ page->address, PROTO_PAGE,
						  PROTO_RANGE_IN | (page->readonly ? 0 : PROTO_RANGE_OUT) };
	}
	answer.n_ranges = n;
	answer.result = n ? 0 : -14; /* EFAULT */
	size = n * sizeof(*ranges);
	for (uint32_t i = 0; i < n; i++) {
		page = caller_page_find(caller, body.address + i * PROTO_PAGE);
		memcpy(payload + size, page->bytes, PROTO_PAGE);
		size += PROTO_PAGE;
	}
	raw_room(caller->raw, sizeof(payload));
	raw_send(caller->raw, PROTO_MEM_READ_ANSWER, tag, &answer, sizeof(answer), payload, size);
}

/* What a driver wrote comes to the program: only where it has memory to write. */
static void apply(struct caller *caller)
{
	const struct proto_range *ranges;
	const uint8_t *bytes;
	uint32_t n;

	ranges = proto_ranges(&caller->raw->message, &n, &bytes);
	for (uint32_t i = 0; i < n; i++) {
		struct caller_page *page = caller_page_find(caller, ranges[i].address);

		ck_assert_msg(page != NULL, "0x%llx is written, which is no memory",
			      (unsigned long long)ranges[i].address);
		ck_assert(!page->readonly);
		ck_assert_uint_eq(ranges[i].direction, PROTO_RANGE_OUT);
		ck_assert_uint_gt(ranges[i].length, 0);
		ck_assert_uint_le(ranges[i].address % PROTO_PAGE + ranges[i].length, PROTO_PAGE);
		memcpy(page->bytes + ranges[i].address % PROTO_PAGE, bytes, ranges[i].length);
		bytes += ranges[i].length;
	}
}

uint16_t caller_receive(struct caller *caller)
{
	const struct proto_header *header = &caller->raw->message.header;

	ck_assert_msg(raw_receive(caller->raw), "the connection ends in the middle of a call");
	if (header->opcode == PROTO_IOCTL_ANSWER) {
		const struct proto_ioctl_answer *answer = caller->raw->message.body;
		size_t i = header->tag % (sizeof(caller->done) / sizeof(caller->done[0]));

		caller->done[i].tag = header->tag;
		caller->done[i].result = answer->result;
	}
	if (header->opcode == PROTO_IOCTL_ANSWER || header->opcode == PROTO_MEM_WRITE)
		apply(caller);
	return header->opcode;
}

static bool is_done(const struct caller *caller, uint64_t tag, int64_t *resultp)
{
	size_t i = tag % (sizeof(caller->done) / sizeof(caller->done[0]));

	*resultp = caller->done[i].result;
	return caller->done[i].tag == tag;
}

bool caller_waits(struct caller *caller, uint64_t tag)
{
	int64_t result;

	while (!is_done(caller, tag, &result))
		if (caller_receive(caller) == PROTO_MEM_READ &&
		    ((const struct proto_mem_read *)caller->raw->message.body)->call == tag)
			return true;
	return false;
}

int64_t caller_result(struct caller *caller, uint64_t tag)
{
	int64_t result;

	while (!is_done(caller, tag, &result))
		caller_receive(caller);
	return result;
}

int64_t caller_finish(struct caller *caller, uint64_t tag)
{
	while (caller_waits(caller, tag)) {
		caller->n_asked++;
		caller_answer(caller);
	}
	return caller_result(caller, tag);
}

int64_t caller_ioctl(struct caller *caller, uint32_t command, uint64_t argument)
{
	return caller_finish(caller, caller_send(caller, command, argument, NULL, 0));
}

int64_t caller_ioctl_ahead(struct caller *caller, uint32_t command, uint64_t argument)
{
	const struct caller_page *page = caller_page_find(caller, argument);
	struct proto_range range = { page_of(argument), PROTO_PAGE,
				     PROTO_RANGE_IN | (page->readonly ? 0 : PROTO_RANGE_OUT) };

	return caller_finish(caller, caller_send(caller, command, argument, &range, 1));
}

void caller_interrupt(struct caller *caller, uint64_t tag)
{
	struct proto_interrupt body = { .target = tag };

	raw_send(caller->raw, PROTO_INTERRUPT, 0, &body, sizeof(body), NULL, 0);
}

void caller_process_end(struct caller *caller, uint64_t process)
{
	struct proto_process_end body = { .process = process };

	raw_send(caller->raw, PROTO_PROCESS_END, 0, &body, sizeof(body), NULL, 0);
}

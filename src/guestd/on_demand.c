/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ioctls on demand; see on_demand.h. */
#include "config.h"

#include <errno.h>
#include <linux/ioctl.h>
#include <stdlib.h>
#include <string.h>

#include "guestd/on_demand.h"
#include "guestd/outbox.h"

#define ARGUMENT_PAGES 4u /* at most, of the argument itself */
#define SEARCH_SIZE 512u /* of the argument, for pointers to what was touched */
#define BEHIND_MAX PROTO_MEM_PAGES_MAX /* pages that belong to one pointer */
#define WANTS_MAX 1024u /* the host has no more than a few for each call */
#define RANGES_SIZE (PROTO_MEM_PAGES_MAX * sizeof(struct proto_range))

/* What the host wants and has not been told. */
struct on_demand_want {
	struct on_demand_want *next;
	uint64_t tag;
	struct proto_mem_read body;
};

/* A MEM_WRITE that a thread is bringing to its program; on that thread's stack. */
struct on_demand_writing {
	struct on_demand_writing *next;
	uint64_t tag;
};

/* Pages of one program, and their bytes. The ranges are put right before the bytes,
 * so that both go out in one piece. */
struct gathering {
	struct process *process;
	pid_t pid;
	struct process_rights rights;
	uint32_t n, most;
	uint64_t addresses[PROTO_MEM_PAGES_MAX];
	bool writable[PROTO_MEM_PAGES_MAX];
	struct proto_range ranges[PROTO_MEM_PAGES_MAX];
	uint32_t n_ranges;
};

static __thread uint8_t *pages_buffer;

/* The calling thread's buffer: room for the ranges, then for the pages. */
static uint8_t *buffer_get(void)
{
	if (!pages_buffer)
		pages_buffer = malloc(RANGES_SIZE + PROTO_MEM_PAGES_MAX * PROTO_PAGE);
	return pages_buffer;
}

void on_demand_thread_end(void)
{
	free(pages_buffer);
	pages_buffer = NULL;
}

static uint64_t page_of(uint64_t address)
{
	return address & ~(uint64_t)(PROTO_PAGE - 1);
}

static void gathering_init(struct gathering *g, const struct guest *guest, struct process *process, pid_t pid)
{
	g->process = process;
	g->pid = pid;
	g->rights = process->rights;
	g->n = g->n_ranges = 0;
	g->most = (guest->channel->max_message - 512) / (PROTO_PAGE + sizeof(struct proto_range));
	if (g->most > PROTO_MEM_PAGES_MAX)
		g->most = PROTO_MEM_PAGES_MAX;
}

static void page_add(struct gathering *g, uint64_t address)
{
	address = page_of(address);
	if (g->n == g->most)
		return;
	for (uint32_t i = 0; i < g->n; i++)
		if (g->addresses[i] == address)
			return;
	g->addresses[g->n++] = address;
}

/* Reads pages from number `first` on; those that are not there are left out. */
static void pages_read(struct gathering *g, uint32_t first, uint8_t *bytes)
{
	while (first < g->n) {
		uint32_t got = memory_read_pages(g->pid, g->addresses + first, g->n - first,
						 bytes + first * PROTO_PAGE);

		first += got;
		if (first == g->n)
			break;
		memmove(g->addresses + first, g->addresses + first + 1,
			(g->n - first - 1) * sizeof(g->addresses[0]));
		g->n--;
	}
}

/* Which pages the program may write, from number `first` on. May block. */
static void rights_read(struct gathering *g, uint32_t first)
{
	for (uint32_t i = first; i < g->n; i++)
		g->writable[i] = process_may_write(&g->rights, g->addresses[i]);
}

/* Joins pages that follow each other and have the same rights. */
static void ranges_make(struct gathering *g)
{
	struct proto_range *last = NULL;

	for (uint32_t i = 0; i < g->n; i++) {
		uint64_t address = g->addresses[i];
		uint32_t direction = PROTO_RANGE_IN | (g->writable[i] ? PROTO_RANGE_OUT : 0);

		if (last && last->address + last->length == address && last->direction == direction)
			last->length += PROTO_PAGE;
		else {
			last = &g->ranges[g->n_ranges++];
			*last = (struct proto_range){ address, PROTO_PAGE, direction };
		}
	}
}

/* The payload: ranges and bytes in one piece. */
static const void *payload_make(struct gathering *g, uint8_t *buffer, uint32_t *sizep)
{
	size_t size = g->n_ranges * sizeof(g->ranges[0]);

	memcpy(buffer + RANGES_SIZE - size, g->ranges, size);
	*sizep = size + g->n * PROTO_PAGE;
	return buffer + RANGES_SIZE - size;
}

/* ---- with the request ---- */

/* Bytes at the argument that the command's number tells of. */
static uint32_t argument_size(uint32_t command)
{
	return _IOC_SIZE(command) ? _IOC_SIZE(command) : 1;
}

static uint64_t pointer_at(const uint8_t *bytes, bool compat)
{
	uint64_t pointer = 0;

	memcpy(&pointer, bytes, compat ? 4 : 8);
	return pointer;
}

/* Where the argument's byte at `offset` is among the pages that were read, with 8
 * bytes of the same page, or NULL. */
static const uint8_t *argument_at(const struct gathering *g, uint64_t argument, uint32_t offset,
				  const uint8_t *bytes)
{
	uint64_t at = argument + offset;

	for (uint32_t i = 0; i < g->n; i++)
		if (g->addresses[i] == page_of(at) && at % PROTO_PAGE <= PROTO_PAGE - 8)
			return bytes + i * PROTO_PAGE + at % PROTO_PAGE;
	return NULL;
}

/* Where the pages of this item are now, or 0 if that cannot be told. */
static uint64_t item_page(const struct process_item *item, const struct gathering *g, uint64_t argument,
			  const uint8_t *bytes, bool compat)
{
	uint64_t pointed = argument;
	const uint8_t *at;

	if (item->offset == PROCESS_ABSOLUTE)
		return item->page;
	if (item->offset != PROCESS_ARGUMENT) {
		at = argument_at(g, argument, item->offset, bytes);
		pointed = at ? pointer_at(at, compat) : 0;
	}
	return pointed < PROTO_PAGE ? 0 : page_of(pointed) + item->behind * (uint64_t)PROTO_PAGE;
}

/* What the command touched before. True if that adds pages. */
static bool recall(struct gathering *g, const struct call *call, const uint8_t *bytes)
{
	const struct process_command *known = process_recall(g->process, call->body.ioctl.command);
	bool compat = call->body.ioctl.flags & PROTO_IOCTL_COMPAT;
	uint32_t n_read = g->n;

	for (uint32_t i = 0; known && i < known->n_items; i++) {
		const struct process_item *item = &known->items[i];
		uint64_t page = item_page(item, g, call->body.ioctl.argument, bytes, compat);

		for (uint32_t n = 0; page && n < item->n_pages; n++)
			page_add(g, page + n * (uint64_t)PROTO_PAGE);
	}
	return g->n > n_read;
}

/* After the lock was given up. False if the process has ended meanwhile. */
static bool gathered(struct guest *guest, struct gathering *g, uint64_t process)
{
	g->process = process_find(guest, process);
	if (g->process)
		g->process->rights = g->rights;
	return g->process;
}

/* Reads pages from number `first` on, away from the lock. False if the process has
 * ended meanwhile. */
static bool pages_read_away(struct guest *guest, struct gathering *g, uint32_t first, uint64_t process,
			    uint8_t *bytes)
{
	guest_away(guest);
	pages_read(g, first, bytes);
	rights_read(g, first);
	lead_back(&guest->lead);
	return gathered(guest, g, process);
}

int on_demand_gather(struct call *call, const void **datap, uint32_t *sizep)
{
	struct guest *guest = call->guest;
	struct proto_ioctl *body = &call->body.ioctl;
	uint8_t *buffer = buffer_get(), *bytes;
	uint32_t size = argument_size(body->command), n;
	struct gathering g;
	struct process *process = process_of(guest, call->pid);

	if (!buffer)
		return -ENOMEM;
	body->flags |= PROTO_IOCTL_ON_DEMAND;
	if (!process || !guest->channel)
		return 0; /* the host asks; then it turns out that nothing is there */
	body->process = process->id;
	bytes = buffer + RANGES_SIZE;
	gathering_init(&g, guest, process, call->pid);
	for (uint32_t i = 0; i < ARGUMENT_PAGES && page_of(body->argument) + i * PROTO_PAGE < body->argument + size; i++)
		page_add(&g, body->argument + i * PROTO_PAGE);
	if (!pages_read_away(guest, &g, 0, body->process, bytes))
		return 0;
	n = g.n;
	if (recall(&g, call, bytes) && !pages_read_away(guest, &g, n, body->process, bytes))
		return 0;
	ranges_make(&g);
	body->n_ranges = g.n_ranges;
	*datap = payload_make(&g, buffer, sizep);
	return 0;
}

/* ---- what the host wants ---- */

/* The argument of a command, for the search for pointers in it. */
struct argument {
	uint8_t bytes[SEARCH_SIZE];
	ssize_t n;
};

/* May block. */
static void argument_read(struct argument *argument, pid_t pid, const struct proto_ioctl *body)
{
	uint32_t size = argument_size(body->command);

	if (size == 1 || size > SEARCH_SIZE)
		size = SEARCH_SIZE;
	argument->n = memory_read(pid, body->argument, argument->bytes, size);
}

/* Says the item's page by `pointer`, which stands at `offset` of the argument. False
 * if it does not lead there. */
static bool item_by_pointer(struct process_item *item, uint64_t pointer, uint16_t offset)
{
	uint64_t pointed = page_of(pointer);

	if (pointed < PROTO_PAGE || item->page < pointed || (item->page - pointed) / PROTO_PAGE > BEHIND_MAX)
		return false;
	*item = (struct process_item){ .offset = offset,
				       .behind = (item->page - pointed) / PROTO_PAGE,
				       .n_pages = item->n_pages };
	return true;
}

/* Remembers what the driver touched: by the pointer in the argument that leads to
 * it, or by the argument, if there is one, so that it is found again in another place. */
static void learn(struct process *process, const struct proto_ioctl *body, const struct argument *argument,
		  uint64_t page, uint32_t n_pages)
{
	struct process_item item = { .page = page, .offset = PROCESS_ABSOLUTE, .n_pages = n_pages };
	ssize_t width = body->flags & PROTO_IOCTL_COMPAT ? 4 : 8;
	bool said = false;

	for (ssize_t at = 0; !said && at + width <= argument->n; at += width)
		said = item_by_pointer(&item, pointer_at(argument->bytes + at, width == 4), at);
	if (!said)
		item_by_pointer(&item, body->argument, PROCESS_ARGUMENT);
	process_learn(process, body->command, &item);
}

int on_demand_wanted(struct guest *guest, const struct proto_message *message)
{
	const struct proto_mem_read *body = message->body;
	struct on_demand_want *want, **at = &guest->wants;

	if (body->address % PROTO_PAGE || body->n_pages < 1 || body->n_pages > PROTO_MEM_PAGES_MAX ||
	    body->address > UINT64_MAX - body->n_pages * (uint64_t)PROTO_PAGE)
		return proto_fault_set(&guest->channel->fault, "MEM_READ: address 0x%llx, n_pages %u",
				       (unsigned long long)body->address, body->n_pages);
	/* Unanswered, the host gives it up in time. */
	want = guest->n_wants < WANTS_MAX ? malloc(sizeof(*want)) : NULL;
	if (!want)
		return 0;
	guest->n_wants++;
	*want = (struct on_demand_want){ .tag = message->header.tag, .body = *body };
	while (*at)
		at = &(*at)->next;
	*at = want;
	return 0;
}

/* Reads the pages that one request names. */
static void want_gather(struct guest *guest, const struct on_demand_want *want, struct gathering *g,
			uint8_t *bytes)
{
	struct call *call = call_on_demand(guest, want->body.call);
	struct process *process = call ? process_find(guest, call->body.ioctl.process) : NULL;
	struct proto_ioctl body;
	struct argument argument;
	uint32_t n;

	if (!process)
		return;
	body = call->body.ioctl;
	gathering_init(g, guest, process, call->pid);
	n = want->body.n_pages < g->most ? want->body.n_pages : g->most;
	for (uint32_t i = 0; i < n; i++)
		g->addresses[i] = want->body.address + i * PROTO_PAGE;
	guest_away(guest);
	g->n = memory_read_pages(g->pid, g->addresses, n, bytes);
	rights_read(g, 0);
	argument_read(&argument, g->pid, &body);
	lead_back(&guest->lead);
	if (!gathered(guest, g, body.process))
		g->n = 0;
	ranges_make(g);
	if (g->n)
		learn(g->process, &body, &argument, g->addresses[0], g->n);
}

/* True if the request is done with. */
static bool want_serve(struct guest *guest, const struct on_demand_want *want)
{
	struct proto_mem_read_answer answer = { .result = -EFAULT };
	uint32_t connection = guest->connection;
	uint8_t *buffer = buffer_get();
	struct gathering g = { 0 };
	struct iovec payload = { 0 };
	uint32_t size = 0;
	int r;

	if (buffer)
		want_gather(guest, want, &g, buffer + RANGES_SIZE);
	if (!guest->channel || guest->connection != connection)
		return true;
	if (g.n) {
		answer.result = 0;
		answer.n_ranges = g.n_ranges;
		payload.iov_base = (void *)payload_make(&g, buffer, &size);
		payload.iov_len = size;
	}
	r = channel_send(guest->channel, PROTO_MEM_READ_ANSWER, want->tag, &answer, &payload, 1);
	return r != -EAGAIN;
}

void on_demand_flush(struct guest *guest)
{
	while (guest->wants && guest->channel) {
		struct on_demand_want *want = guest->wants;

		guest->wants = want->next;
		guest->n_wants--;
		if (!want_serve(guest, want)) {
			want->next = guest->wants;
			guest->wants = want;
			guest->n_wants++;
			return;
		}
		free(want);
		if (guest->channel)
			channel_flush(guest->channel);
		if (!lead_mine(&guest->lead))
			return;
	}
}

void on_demand_forget(struct guest *guest)
{
	struct on_demand_want *want;

	while ((want = guest->wants)) {
		guest->wants = want->next;
		free(want);
	}
	guest->n_wants = 0;
}

/* ---- what drivers wrote ---- */

int on_demand_write(struct guest *guest, pid_t pid, const struct proto_message *message)
{
	const struct proto_range *ranges;
	const uint8_t *bytes;
	uint32_t n;
	int r;

	ranges = proto_ranges(message, &n, &bytes);
	if (!n)
		return 0;
	guest_away(guest);
	r = memory_write_ranges(pid, ranges, n, bytes);
	lead_back(&guest->lead);
	return r;
}

static bool is_written(const struct guest *guest, uint64_t tag)
{
	const struct on_demand_writing *writing = guest->writings;

	while (writing && writing->tag != tag)
		writing = writing->next;
	return writing;
}

bool on_demand_settle(struct guest *guest, uint64_t tag)
{
	outbox_send();
	while (is_written(guest, tag))
		lead_wait(&guest->lead, &guest->written);
	return call_on_demand(guest, tag);
}

static void writing_end(struct guest *guest, struct on_demand_writing *writing)
{
	struct on_demand_writing **at = &guest->writings;

	while (*at != writing)
		at = &(*at)->next;
	*at = writing->next;
	pthread_cond_broadcast(&guest->written);
}

int on_demand_written(struct guest *guest, const struct proto_message *message)
{
	const struct proto_mem_write *body = message->body;
	struct call *call = call_on_demand(guest, body->call);
	struct on_demand_writing writing = { .next = guest->writings, .tag = body->call };
	int r;

	if (!call)
		return proto_fault_set(&guest->channel->fault, "MEM_WRITE: tag %llu is no ioctl on demand",
				       (unsigned long long)body->call);
	guest->writings = &writing;
	r = on_demand_write(guest, call->pid, message);
	writing_end(guest, &writing);
	call = call_on_demand(guest, body->call);
	if (r < 0 && call)
		call->write_failed = true;
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestd under a host that sends whatever the input says, with a kernel that sends
 * the requests of the input's programs.
 *
 * One thread plays all. The kernel's end of the FUSE session is here: requests come
 * from a queue, replies are looked at. The loop of guest.c is replaced by one step at
 * the script's pace; while a program's memory is read or written the script goes on
 * as another leading thread would. connection.c, call.c, request.c, file.c, node.c and the FUSE
 * frontend are the real ones, the last one and outbox.c compiled into this file.
 *
 * The kernel is trusted: its requests are well-formed, and a file is released once,
 * when nothing uses it. Checked besides crashes: guestd sends well-formed messages
 * within the agreed bounds, answers each request exactly once, also when the
 * connection is lost, and writes only such memory as a program has offered.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "guestd/on_demand.h"
#include "guestd_state.h"
#include "pair.h"
#include "script.h"

/* The kernel of this file in place of a mount. */
#define fuse_session_mount(session, path) 0
#define fuse_session_unmount(session) ((void)(session))
#define fuse_session_fd(session) kernel_fd
#define read(fd, buffer, size) fuzz_kernel_read(fd, buffer, size)
#define writev(fd, iov, n) fuzz_kernel_writev(fd, iov, n)
#define write(fd, buffer, size) fuzz_kernel_writev(fd, &(struct iovec){ buffer, size }, 1)
static int kernel_fd;
#include "guestd/frontend_fuse.c"
#include "guestd/outbox.c"
#include "guestd/gather.h"
#undef fuse_session_mount
#undef fuse_session_unmount
#undef fuse_session_fd
#undef read
#undef writev
#undef write

/* Lives from the start of the fuzzer to its end. */
static struct pair pair;
static struct guest guest;
static struct guest_config config;
static struct channel_buffer buffers[MAX_DEPTH + 1], host_buffer;
static struct fuse_buf fuse_buffers[MAX_DEPTH + 1];

struct fuzz now;

/* ---- the loop, in place of guest.c ---- */

/* What it wakes runs when the script says so. */
void guest_nudge(struct guest *g)
{
}

int guest_watch(struct guest *g, int fd, void *what)
{
	return 0;
}

int guest_watch_channel(struct guest *g)
{
	return 0;
}

void guest_unwatch(struct guest *g, int fd)
{
}

void reader_leave(struct guest *g, const struct fuse_session *session)
{
}

struct channel_buffer *guest_buffer(struct guest *g)
{
	return &buffers[now.depth];
}

struct gather *guest_gather(struct guest *g)
{
	static struct gather *gathers[MAX_DEPTH + 1];

	if (!gathers[now.depth])
		gathers[now.depth] = gather_new();
	return gathers[now.depth];
}

int guest_fuse_serve(struct guest *g, const struct source *source)
{
	while (now.n_queue && lead_mine(&g->lead)) {
		int r = fuse_session_receive_buf(source->session, &fuse_buffers[now.depth]);

		if (r <= 0)
			abort();
		fuse_session_process_buf(source->session, &fuse_buffers[now.depth]);
	}
	return 0;
}

static void host_reads(void);

static void step(void)
{
	pthread_mutex_lock(&guest.lead.lock);
	guest.lead.leader = 0;
	if (guest.channel)
		connection_serve(&guest);
	if (lead_mine(&guest.lead))
		call_flush(&guest);
	if (lead_mine(&guest.lead))
		on_demand_flush(&guest);
	if (lead_mine(&guest.lead))
		frontend_fuse.serve(&guest, &mount);
	guest.lead.leader = 0;
	if (guest.channel && guest.n_sent > guest.channel->max_in_flight)
		abort();
	pthread_mutex_unlock(&guest.lead.lock);
	if (!now.quiet)
		host_reads();
}

/* ---- the host ---- */

static void asked_add(const struct proto_message *message)
{
	struct asked asked = { .tag = message->header.tag, .opcode = message->header.opcode };
	const struct proto_read *read_body = message->body;
	const struct proto_write *write_body = message->body;
	const struct proto_range *range;
	const uint8_t *bytes;
	uint32_t n = 0;

	asked.bulk = PROTO_BULK_NONE;
	if (asked.opcode == PROTO_READ) {
		asked.size = read_body->size;
		asked.bulk = read_body->bulk;
		/* hostd would end the connection. */
		if (asked.bulk == PROTO_BULK_NONE &&
		    asked.size > guest.channel->max_message - sizeof(struct proto_header) -
					 sizeof(struct proto_read_answer))
			abort();
	} else if (asked.opcode == PROTO_WRITE) {
		asked.size = write_body->size;
		asked.bulk = write_body->bulk;
	} else if (asked.opcode == PROTO_IOCTL) {
		range = proto_ranges(message, &n, &bytes);
		if (n) {
			asked.address = range->address;
			asked.length = range->length;
		}
	}
	if (asked.bulk != PROTO_BULK_NONE && !channel_bulk(now.host, asked.bulk, asked.size))
		abort();
	for (uint32_t i = 0; i < now.n_asked; i++) {
		if (now.asked[i].tag != asked.tag &&
		    (asked.bulk == PROTO_BULK_NONE || now.asked[i].bulk != asked.bulk))
			continue;
		if (!now.scripted)
			abort(); /* a tag or a slot that is in use */
		now.asked[i--] = now.asked[--now.n_asked];
	}
	if (now.n_asked < MAX_REQUESTS)
		now.asked[now.n_asked++] = asked;
}

static void host_reads(void)
{
	struct proto_message message;
	int r;

	while (!now.broken && guest.channel &&
	       (r = channel_receive(now.host, &host_buffer, &message)) != 0) {
		if (r < 0)
			abort();
		if (message.header.opcode == PROTO_HELLO) {
			if (channel_hello_settle(now.host, &message) < 0)
				abort();
		} else if (message.header.opcode != PROTO_INTERRUPT) {
			asked_add(&message);
		}
	}
}

static int answer_read(const struct asked *asked, uint8_t choice)
{
	static uint8_t data[PROTO_DATA_MAX];
	struct proto_read_answer answer = { .result = asked->size,
					    .ready = choice & 1 ? POLLIN : 0 };
	struct iovec payload = { data, 0 };

	if (answer.result > (int64_t)sizeof(data))
		answer.result = sizeof(data);
	if (choice >= 0xf0)
		answer.result = -(choice & 0xf);
	if (answer.result > 0 && asked->bulk == PROTO_BULK_NONE)
		payload.iov_len = answer.result;
	return channel_send(now.host, PROTO_READ_ANSWER, asked->tag, &answer, &payload, 1);
}

static int answer_ioctl(const struct asked *asked, uint8_t choice)
{
	static const uint8_t data[MEMORY_SIZE];
	struct proto_ioctl_answer answer = {
		.result = choice >= 0xf0 ? -(choice & 0xf) : choice & 3,
		.ready = PROTO_READY_UNKNOWN,
		.n_ranges = asked->length && (choice & 4),
	};
	struct proto_range range = { asked->address, asked->length, PROTO_RANGE_OUT };
	struct iovec payload[2] = { { &range, 0 }, { (void *)data, 0 } };

	if (choice & 8)
		range.length /= 2;
	if (answer.n_ranges) {
		payload[0].iov_len = sizeof(range);
		payload[1].iov_len = range.length;
	}
	return channel_send(now.host, PROTO_IOCTL_ANSWER, asked->tag, &answer, payload, 2);
}

/* A result and a number, as the other answers have them. */
static int answer_other(const struct asked *asked, uint8_t choice)
{
	struct {
		int64_t result;
		uint64_t number;
	} answer = { 0, asked->opcode == PROTO_OPEN ? ++now.handle : choice & 5 };

	if (choice >= 0xf0)
		answer.result = -(choice & 0xf);
	else if (asked->opcode == PROTO_WRITE)
		answer.result = asked->size;
	if (asked->opcode == PROTO_OPEN && choice == 0xef)
		answer.number = 1;
	return channel_send(now.host, asked->opcode | PROTO_ANSWER, asked->tag, &answer, NULL, 0);
}

static void answer(uint8_t which, uint8_t choice)
{
	struct asked asked;
	int r;

	if (!now.n_asked || !now.host)
		return;
	which %= now.n_asked;
	asked = now.asked[which];
	if (asked.opcode == PROTO_READ)
		r = answer_read(&asked, choice);
	else if (asked.opcode == PROTO_IOCTL)
		r = answer_ioctl(&asked, choice);
	else
		r = answer_other(&asked, choice);
	if (r == 0)
		now.asked[which] = now.asked[--now.n_asked];
}

static uint64_t value(const char *field, uint8_t choice, void *context)
{
	uint32_t which = now.n_asked ? choice % now.n_asked : 0;

	if (strcmp(field, "handle") == 0)
		return now.handle - choice % 4;
	if (strcmp(field, "device") == 0)
		return choice % 6;
	if (strcmp(field, "result") == 0)
		return choice < 0x80 ? choice % 3 : (uint64_t) - (choice & 0x7f);
	if (strcmp(field, "address") == 0)
		return now.asked[which].address;
	if (strcmp(field, "magic") == 0)
		return PROTO_MAGIC;
	if (strcmp(field, "max_message") == 0)
		return choice & 1 ? PROTO_MESSAGE_MAX : PROTO_MESSAGE_MIN;
	if (strstr(field, "_ANSWER")) {
		for (uint32_t i = 0; i < now.n_asked; i++, which = (which + 1) % now.n_asked) {
			const struct proto_desc *desc =
				proto_desc_find(now.asked[which].opcode | PROTO_ANSWER);

			if (strcmp(desc->name, field) == 0)
				return now.asked[which].tag;
		}
	}
	return choice % 4;
}

static void device_add(uint32_t id, const char *name, uint32_t class, uint32_t flags)
{
	struct proto_device_add add = { .device = id, .class = class, .mode = 0600, .flags = flags };
	struct iovec payload = { (void *)name, strlen(name) };

	(void)channel_send(now.host, PROTO_DEVICE_ADD, 0, &add, &payload, 1);
}

static void connect_again(uint8_t how)
{
	struct proto_device_end end = { .n_devices = 3 };

	if (guest.channel)
		return;
	free(now.host);
	pair_reset(&pair, how & 4 ? UINT32_MAX - 200 : 0);
	pair.host.n_bulk = pair.guest.n_bulk = how & 2 ? 0 : PROTO_IN_FLIGHT_MAX;
	now.broken = false;
	now.quiet = how & 16;
	now.scripted = false;
	now.n_asked = 0;
	now.host = channel_new(&pair.host, PROTO_FROM_GUEST, 0);
	guest.offered = channel_new(&pair.guest, PROTO_FROM_HOST, 0);
	if (!now.host || !guest.offered)
		abort();
	pthread_mutex_lock(&guest.lead.lock);
	connection_take(&guest);
	pthread_mutex_unlock(&guest.lead.lock);
	if (how & 1)
		return;
	(void)channel_hello(now.host, how & 8 ? 1 : PROTO_IN_FLIGHT_MAX);
	device_add(1, "a", PROTO_CLASS_INPUT, 0);
	device_add(2, "b0", PROTO_CLASS_V4L2, PROTO_DEVICE_FORWARD_POLL);
	device_add(3, "c/d", PROTO_CLASS_V4L2, PROTO_DEVICE_IOCTL_ON_DEMAND);
	(void)channel_send(now.host, PROTO_DEVICE_END, 0, &end, NULL, 0);
	step();
}

static void lost(void)
{
	pthread_mutex_lock(&guest.lead.lock);
	connection_lost(&guest, "the script says so");
	pthread_mutex_unlock(&guest.lead.lock);
}

/* ---- the script ---- */

enum {
	OP_REQUEST,
	OP_REQUEST_LATER,
	OP_STEP,
	OP_ANSWER,
	OP_MESSAGE,
	OP_LOST,
	OP_CONNECT,
	OP_BACK,
	OP_SEED,
	OP_RAW,
	OP_INDICES,
	OP_INTERRUPT,
	OP_KILL,
	OP_ANSWER_LATER,
	OP_MESSAGE_LATER,
	OP_MANY
};

static bool run_op(uint8_t op)
{
	uint8_t choice;

	switch (op % 16) {
	case OP_REQUEST:
	case OP_REQUEST_LATER:
		choice = input_byte(&now.input);
		program_request(choice, input_byte(&now.input));
		break;
	case OP_ANSWER:
	case OP_ANSWER_LATER:
		host_reads();
		choice = input_byte(&now.input);
		answer(choice, input_byte(&now.input));
		break;
	case OP_MESSAGE:
	case OP_MESSAGE_LATER:
		now.scripted = true;
		(void)script_message(&now.input, now.host, PROTO_FROM_HOST, value, NULL);
		break;
	case OP_LOST:
		lost();
		return true;
	case OP_CONNECT:
		connect_again(input_byte(&now.input));
		return true;
	case OP_BACK:
		return now.depth == 0;
	case OP_SEED:
		now.scripted = true;
		script_seed(&now.input, now.host);
		break;
	case OP_RAW:
		now.scripted = true;
		script_raw(&now.input, now.host);
		break;
	case OP_INDICES:
		now.broken = true;
		script_indices(&now.input, now.host);
		break;
	case OP_INTERRUPT:
		program_interrupt(input_byte(&now.input));
		break;
	case OP_KILL:
		now.kill = true;
		break;
	case OP_MANY:
		choice = input_byte(&now.input);
		for (int i = 0; i < 40; i++)
			program_request(choice % 8 == 0 ? 1 : choice, choice);
		break;
	default:
		break;
	}
	if (op % 16 != OP_REQUEST_LATER && op % 16 != OP_ANSWER_LATER &&
	    op % 16 != OP_MESSAGE_LATER)
		step();
	return true;
}

static void run_script(void)
{
	while (now.input.left && now.n_ops++ < MAX_OPS && run_op(input_byte(&now.input))) {
		/* Whoever is not away has its answer when the connection is lost. */
		if (now.depth == 0 && !guest.channel && !now.n_queue && now.n_requests)
			abort();
	}
}

void fuzz_blocks(void)
{
	if (now.depth >= MAX_DEPTH || input_byte(&now.input) % 4 != 1)
		return;
	now.depth++;
	guest.lead.leader = 0; /* this thread's number */
	run_script();
	guest.lead.leader = 1;
	now.depth--;
}

/* An honest host answers all that it was asked; then everybody has an answer. */
static void settle(void)
{
	now.input.left = 0;
	now.quiet = false;
	if (now.broken || !guest.settled)
		lost();
	for (int i = 0; i < MAX_REQUESTS && now.n_requests && guest.channel; i++) {
		step();
		for (uint32_t n = now.n_asked; n && guest.channel; n--) {
			answer(0, 0);
			step();
		}
	}
	step();
	if (now.n_requests || guest.waiting || guest.releases || guest.n_sent)
		abort();
}

static void end(void)
{
	lost();
	for (int i = 0; i < MAX_FILES; i++) {
		if (now.files[i].open)
			program_release(i);
		step();
	}
	if (now.n_requests)
		abort();
	while (guest.nodes) {
		struct node *node = guest.nodes;

		if (node->n_files)
			abort(); /* a file that nobody has open */
		guest.nodes = node->next;
		frontend_fuse.node_remove(node);
		free(node);
	}
	for (size_t i = 0; i < FILE_BUCKETS; i++)
		if (guest.files[i])
			abort();
	free(now.host);
	/* The names, but for the root's. */
	while (mount.n_entries > 1)
		free(mount.entries[--mount.n_entries].name);
}

static void guest_reset(void)
{
	memset(&guest, 0, sizeof(guest));
	guest.helper_fd = -1;
	guest.config = &config;
	guest.frontend = &frontend_fuse;
	guest.waiting_tail = &guest.waiting;
	for (uint32_t i = 0; i < PROTO_IN_FLIGHT_MAX; i++)
		guest.free_slots[guest.n_free_slots++] = PROTO_IN_FLIGHT_MAX - 1 - i;
	pthread_mutex_init(&guest.lead.lock, NULL);
	pthread_cond_init(&guest.disconnected, NULL);
	guest.lead.timer_armed = true; /* nobody listens to it */
	guest.connected_fd = kernel_fd;
}

static void now_reset(void)
{
	/* The queue's memory need not be cleared. */
	memset(&now, 0, offsetof(__typeof__(now), queue));
	memset(&now.queue_first, 0, sizeof(now) - offsetof(__typeof__(now), queue_first));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	now_reset();
	guest_reset();
	now.input = (struct input){ data, size };
	connect_again(input_byte(&now.input));
	run_script();
	settle();
	end();
	return 0;
}

static void *heap(size_t size)
{
	void *memory = malloc(size);

	if (!memory)
		abort();
	return memory;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct fuse_init_in init = { .major = FUSE_KERNEL_VERSION,
				     .minor = 36,
				     .max_readahead = 65536,
				     .flags = FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_MAX_PAGES };

	kernel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	config.mount = (char *)"fuzz";
	pair_init(&pair, PROTO_IN_FLIGHT_MAX);
	host_buffer = (struct channel_buffer){ heap(PROTO_MESSAGE_MAX), PROTO_MESSAGE_MAX };
	for (int i = 0; i <= MAX_DEPTH; i++)
		buffers[i] = (struct channel_buffer){ heap(PROTO_MESSAGE_MAX), PROTO_MESSAGE_MAX };
	guest_reset();
	if (frontend_fuse.start(&guest) < 0)
		abort();
	kernel_queue(FUSE_INIT, 0, -1, &init, sizeof(init), NULL, 0);
	frontend_fuse.serve(&guest, &mount);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session under a guest that sends whatever the input says, and a supervisor and
 * devices that do.
 *
 * One thread plays all: session_serve() and the parts of the readiness thread's loop
 * are called in the input's order, and a device call that "blocks" runs the script
 * on as another leader would, and then finds that it leads no more. The session's
 * sources are compiled into this file for that, with the device calls, the end of
 * the process and the two ways to sleep replaced. Rings, decoder, handles, control
 * socket and io_uring are the real ones.
 *
 * Checked besides crashes: the session sends well-formed messages only, answers each
 * request it has accepted exactly once, and closes each device it was given.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "hostd/async.h"
#include "hostd/sandbox.h"
#include "hostd/session.h"
#include "input.h"
#include "pair.h"
#include "proto/layout.h"
#include "script.h"

#define MAX_HANDLES 12
#define MAX_DEPTH 5
#define MAX_OPS 400
#define MAX_REQUESTS 1024
#define MAX_OPENS (2 * PROTO_IN_FLIGHT_MAX)
#define MAX_SLEEPS 40

static void fuzz_exit(int status) __attribute__((noreturn));
static int fuzz_ioctl(int fd, unsigned long command, void *argument);
static int fuzz_close(int fd);
static bool fuzz_on_demand(struct session *session, const struct proto_message *message,
			   struct operation *operation, struct handle *handle);
static bool fuzz_on_trial(struct session *session, const struct proto_message *message,
			  struct operation *operation, struct handle *handle);
static int fuzz_nanosleep(const struct timespec *ts, struct timespec *left);
static void fuzz_lead_wait(struct lead *lead, pthread_cond_t *cond);
static uint32_t fuzz_sample_take(struct handle *handle, uint32_t *serialp);
static bool fuzz_operation_serve(struct session *session, struct workspace *workspace,
				 const struct proto_message *message);

#define driver_call fuzz_driver_call
#define _exit fuzz_exit
#define nanosleep fuzz_nanosleep
#define operation_serve fuzz_operation_serve
#include "hostd/session.c"
#undef operation_serve
#define ioctl fuzz_ioctl
#define close fuzz_close
#define ioctl_on_demand fuzz_on_demand
#define ioctl_on_trial fuzz_on_trial
/* So few that closes wait for their turn within MAX_DEPTH. */
#undef SESSION_SPARE_THREADS
#define SESSION_SPARE_THREADS 4
#include "hostd/operation.c"
#include "hostd/ioctl.c"
#include "hostd/drm_values.c"
#include "hostd/ioctl_declared.c"
#undef ioctl
#undef close
#undef ioctl_on_demand
#undef ioctl_on_trial
#define lead_wait fuzz_lead_wait
#define handle_sample_take fuzz_sample_take
#include "hostd/readiness.c"
#undef handle_sample_take
#undef lead_wait
#undef nanosleep
#undef _exit
#undef driver_call

/* The session does not enter its sandbox here. */
int sandbox_enter(uint32_t uid, uint64_t capabilities, const char **whatp)
{
	abort();
}

struct request {
	uint64_t tag;
	uint16_t opcode;
};

/* Lives from the start of the fuzzer to its end. */
static struct pair pair;
static struct session the_session;
static struct channel_buffer guest_buffer;
static int supervisor_fd, session_fd;
static int peers[MAX_OPENS]; /* the other ends of devices, to make them ready */
static jmp_buf ended;

/* Of one input. */
static struct {
	struct input input;
	struct channel *guest;
	bool quiet; /* the guest does not read by itself */
	bool in_readiness; /* the readiness thread is in a driver's poll */
	bool overtaken; /* and others have led meanwhile */
	bool broken; /* the guest has spoilt its own rings: what it reads means nothing */
	int depth;
	int n_ops;
	int n_sleeps;
	uint64_t tag;
	uint64_t handles[8]; /* of the latest opens */
	uint32_t n_handles;
	struct request requests[MAX_REQUESTS];
	uint32_t n_requests;
	uint64_t opens[MAX_OPENS]; /* tags that the supervisor has not answered */
	uint32_t n_opens;
	uint32_t n_peers;
	uint32_t n_given, n_closed; /* devices */
} now;

static void run_script(void);

/* ---- the process ---- */

static void fuzz_exit(int status)
{
	longjmp(ended, 1);
}

/* ---- requests and answers ---- */

static bool fuzz_operation_serve(struct session *session, struct workspace *workspace,
				 const struct proto_message *message)
{
	uint16_t opcode = message->header.opcode;
	struct request request = { message->header.tag, opcode };
	bool mine;

	if (now.n_requests == MAX_REQUESTS)
		fuzz_exit(0);
	if (proto_tagged(opcode) && !(opcode & PROTO_ANSWER))
		now.requests[now.n_requests++] = request;
	mine = operation_serve(session, workspace, message);
	if (mine != lead_mine(&session->lead))
		abort();
	return mine;
}

static void answered(const struct proto_message *message)
{
	uint32_t i = 0;

	while (i < now.n_requests &&
	       (now.requests[i].tag != message->header.tag ||
		(now.requests[i].opcode | PROTO_ANSWER) != message->header.opcode))
		i++;
	if (i == now.n_requests)
		abort(); /* nobody asked this, or it is answered twice */
	now.requests[i] = now.requests[--now.n_requests];
	if (message->header.opcode == PROTO_OPEN_ANSWER) {
		const struct proto_open_answer *answer = message->body;

		if (answer->result == 0)
			now.handles[now.n_handles++ % 8] = answer->handle;
	}
}

/* The guest reads all that has come. */
static void guest_reads(void)
{
	struct proto_message message;
	int r;

	while (!now.broken && (r = channel_receive(now.guest, &guest_buffer, &message)) != 0) {
		if (r < 0)
			abort();
		if (message.header.opcode == PROTO_HELLO &&
		    channel_hello_settle(now.guest, &message) < 0)
			abort();
		if (message.header.opcode & PROTO_ANSWER)
			answered(&message);
	}
}

/* ---- devices ---- */

/* The call takes long: others lead meanwhile, and stay in the lead. */
static bool blocks(void)
{
	struct lead *lead = &the_session.lead;

	if (now.depth >= MAX_DEPTH || input_byte(&now.input) % 4 != 1)
		return false;
	now.depth++;
	lead->leader = 0; /* this thread's number, so whoever calls lead_mine() leads */
	lead->away_since_ns = 0;
	run_script();
	lead->leader = 1;
	now.depth--;
	return true;
}

static ssize_t result(size_t size)
{
	static const int errors[] = { PROTO_RESTART, EAGAIN, EIO, EINVAL };
	bool blocked = blocks();
	uint8_t choice = input_byte(&now.input);

	if (choice >= 0xf0 || (blocked && (choice & 1))) {
		errno = errors[choice % 4];
		return -1;
	}
	return choice & 0x20 ? size : size % (choice + 1);
}

static int fuzz_close(int fd)
{
	now.n_closed++;
	close(fd);
	/* A driver's release, if the lock was given up for it. */
	if (pthread_mutex_trylock(&the_session.lead.lock) == 0) {
		pthread_mutex_unlock(&the_session.lead.lock);
		(void)blocks();
	}
	return 0;
}

/* There are no mirrors. Which calls are theirs is the session's to say. */
static bool fuzz_on_demand(struct session *session, const struct proto_message *message,
			   struct operation *operation, struct handle *handle)
{
	const struct proto_ioctl *request = message->body;
	uint64_t since_ns = operation_begin(session, operation, handle);
	int64_t r = result(1 << 20);

	if (layout_refused(request->command))
		abort();
	r = r < 0 ? -errno : r;
	operation_end(session, operation, handle, since_ns);
	ioctl_answer(session, operation, handle, r, 0, NULL);
	operation_handle_put(session, handle);
	return lead_mine(&session->lead);
}

static bool fuzz_on_trial(struct session *session, const struct proto_message *message,
			  struct operation *operation, struct handle *handle)
{
	uint8_t choice = input_byte(&now.input);

	session->mirrors.none = choice == 0xff;
	if (session->mirrors.none)
		return false;
	if (choice & 1)
		handle_plain_add(handle, ((const struct proto_ioctl *)message->body)->command);
	(void)fuzz_on_demand(session, message, operation, handle);
	return true;
}

static ssize_t fuzz_read(int fd, void *data, size_t size)
{
	ssize_t n = result(size);

	if (n > 0)
		memset(data, n, n);
	return n;
}

static ssize_t fuzz_write(int fd, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	/* Both ends must be there. */
	if (size && bytes[0] == 0x42 && bytes[size - 1] == 0x42)
		errno = 0;
	return result(size);
}

/* A driver that believes its pointers: it reads all, and writes what is for it to
 * write, as far as memory reaches. What it does is for fuzz_layout to try. */
static int nested_ioctl(const struct layout_need *need, const uint8_t *image)
{
	uint8_t byte = image[0];

	if (byte == 0x42)
		errno = 0;
	return result(1 << 20);
}

static int fuzz_ioctl(int fd, unsigned long command, void *argument)
{
	uint8_t *image = argument;
	struct layout_need need;

	if (layout_refused(command))
		abort();
	if ((uintptr_t)argument >= LAYOUT_POINTER_MIN) {
		if (layout_find(command, &need) < 0)
			abort();
		if (need.row->type)
			return nested_ioctl(&need, image);
		/* The predicate holds for what the driver is about to read. */
		if ((need.in || need.out) && !layout_need_flat(&need, image, need.in))
			abort();
		if ((need.in || need.out) && input_byte(&now.input) & 1)
			memset(image, input_byte(&now.input), need.out);
	}
	return result(1 << 20);
}

long fuzz_driver_call(long fd, long second, long third, long fourth, long number)
{
	long r;

	if (number == SYS_read || number == SYS_pread64)
		r = fuzz_read(fd, (void *)second, third);
	else if (number == SYS_write || number == SYS_pwrite64)
		r = fuzz_write(fd, (const void *)second, third);
	else if (number == SYS_ioctl)
		r = fuzz_ioctl(fd, second, (void *)third);
	else
		abort();
	return r < 0 ? -errno : r;
}

/* ---- sleeping ---- */

static int fuzz_nanosleep(const struct timespec *ts, struct timespec *left)
{
	/* Who waits for room is never alone in a real session; here the guest must
	 * read at some time. */
	if (++now.n_sleeps > MAX_SLEEPS || now.broken)
		fuzz_exit(0);
	if (!blocks() || now.n_sleeps % 4 == 0)
		guest_reads();
	return 0;
}

/* Once around the loop of the readiness thread, which never leads. */
static void readiness_step(void)
{
	struct readiness *readiness = &the_session.readiness;
	struct lead *lead = &the_session.lead;
	uint64_t leader = lead->leader;
	struct io_uring_cqe *cqe;

	lead->leader = 1;
	now.in_readiness = true;
	now.overtaken = false;
	rearm(&the_session);
	(void)operation_signal(&the_session);
	session_push(&the_session);
	pthread_mutex_unlock(&the_session.lead.lock);
	io_uring_submit_and_get_events(&readiness->ring);
	pthread_mutex_lock(&the_session.lead.lock);
	while (io_uring_peek_cqe(&readiness->ring, &cqe) == 0) {
		struct io_uring_cqe copy = *cqe;

		io_uring_cqe_seen(&readiness->ring, cqe);
		completion(&the_session, &copy);
	}
	now.in_readiness = false;
	lead->leader = now.overtaken ? 1 : leader;
}

/* Without the lock: a driver's poll that takes long. */
static uint32_t fuzz_sample_take(struct handle *handle, uint32_t *serialp)
{
	uint32_t mask = handle_sample_take(handle, serialp);

	now.overtaken = blocks() || now.overtaken;
	return mask;
}

static void fuzz_lead_wait(struct lead *lead, pthread_cond_t *cond)
{
	/* One thread cannot wait here for itself. */
	if (now.in_readiness)
		fuzz_exit(0);
	if (lead_mine(lead)) {
		pthread_mutex_unlock(&lead->lock);
		(void)blocks();
		pthread_mutex_lock(&lead->lock);
	}
	readiness_step();
}

/* ---- the supervisor ---- */

static int device_make(uint8_t choice)
{
	int fds[2];

	if (now.n_peers == MAX_OPENS)
		return -1;
	switch (choice % 4) {
	case 0:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	case 1:
		return open("/dev/zero", O_RDWR | O_CLOEXEC);
	case 2:
		fds[0] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		peers[now.n_peers++] = fds[0] < 0 ? -1 : fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
		return fds[0];
	default:
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
			return -1;
		peers[now.n_peers++] = fds[1];
		return fds[0];
	}
}

static void supervisor_reads(void)
{
	struct control_message message;
	int fd;

	while (control_receive(supervisor_fd, &message, &fd) == 1) {
		if (message.kind == CONTROL_OPEN && now.n_opens < MAX_OPENS)
			now.opens[now.n_opens++] = message.tag;
	}
}

static void supervisor_answers(uint8_t choice)
{
	struct control_message message = { .kind = CONTROL_OPENED };
	uint32_t which;
	int fd;

	supervisor_reads();
	if (!now.n_opens)
		return;
	which = choice / 16 % now.n_opens;
	message.tag = now.opens[which];
	fd = choice % 16 == 15 ? -1 : device_make(choice);
	if (fd < 0)
		message.error = choice & 16 ? ENXIO : 0;
	if (control_send(supervisor_fd, &message, fd) == 0) {
		now.opens[which] = now.opens[--now.n_opens];
		now.n_given += fd >= 0;
	}
	if (fd >= 0)
		close(fd);
}

static void supervisor_tells(uint8_t choice)
{
	struct control_message message = {
		.kind = choice & 1 ? CONTROL_DEVICE_ADD : CONTROL_DEVICE_REMOVE,
		.id = 1 + choice / 16,
		.class = choice / 2 % PROTO_CLASS_MAX_,
		.flags = choice & 32 ? PROTO_DEVICE_IOCTL_ON_DEMAND : 0,
		.name = "input/event0",
	};

	if (choice % 16 == 15)
		message.kind = CONTROL_DEVICE_END;
	(void)control_send(supervisor_fd, &message, -1);
}

/* ---- the script ---- */

static uint64_t value(const char *field, uint8_t choice, void *context)
{
	static const uint32_t sizes[] = {
		0, 1, 100, 4096, 65536, PROTO_DATA_MAX, PROTO_MESSAGE_MAX, 1 << 20
	};

	if (strcmp(field, "handle") == 0)
		return now.handles[choice % 8];
	if (strcmp(field, "device") == 0)
		return choice % 6;
	if (strcmp(field, "tag") == 0)
		return choice < 0xd0 ? ++now.tag : now.tag - choice % 16;
	if (strcmp(field, "target") == 0)
		return now.n_requests ? now.requests[choice % now.n_requests].tag : choice;
	if (strcmp(field, "size") == 0)
		return sizes[choice % 8];
	if (strcmp(field, "bulk") == 0)
		return choice < 0xb0 ? PROTO_BULK_NONE : choice % 8;
	if (strcmp(field, "flags") == 0)
		return choice < 0xc0 ? O_RDWR : choice & 1 ? O_NONBLOCK : choice;
	if (strcmp(field, "command") == 0)
		return script_command(choice);
	if (strcmp(field, "argument") == 0)
		return choice < 0x40 ? choice : 0x7f0000000000;
	if (strcmp(field, "events") == 0)
		return choice & 1 ? POLLIN : choice & 2 ? POLLIN | POLLOUT : choice;
	if (strcmp(field, "magic") == 0)
		return PROTO_MAGIC;
	if (strcmp(field, "max_message") == 0)
		return choice & 1 ? PROTO_MESSAGE_MAX : PROTO_MESSAGE_MIN;
	if (strcmp(field, "max_in_flight") == 0)
		return choice;
	return choice % 4;
}

static void serve(void)
{
	pthread_mutex_lock(&the_session.lead.lock);
	the_session.lead.leader = 0;
	session_serve(&the_session);
	the_session.lead.leader = 0;
	the_session.lead.away_since_ns = 0;
	pthread_mutex_unlock(&the_session.lead.lock);
	if (!now.quiet)
		guest_reads();
}

static void readiness(void)
{
	if (now.in_readiness)
		return;
	pthread_mutex_lock(&the_session.lead.lock);
	readiness_step();
	pthread_mutex_unlock(&the_session.lead.lock);
	if (!now.quiet)
		guest_reads();
}

static void device_event(uint8_t choice)
{
	static const uint64_t one = 1;
	struct pollfd peer = { .events = POLLIN | POLLOUT };
	char sink[64];

	if (!now.n_peers)
		return;
	peer.fd = peers[choice / 4 % now.n_peers];
	/* The session may have made the open file a blocking one. */
	(void)poll(&peer, 1, 0);
	if ((choice & 1) && (peer.revents & POLLOUT))
		(void)!write(peer.fd, &one, sizeof(one));
	else if ((choice & 2) && (peer.revents & POLLIN))
		(void)!read(peer.fd, sink, sizeof(sink));
	else if (!(choice & 3))
		shutdown(peer.fd, SHUT_WR);
}

enum {
	OP_MESSAGE,
	OP_MESSAGE_LATER,
	OP_SERVE,
	OP_READINESS,
	OP_OPENED,
	OP_SUPERVISOR,
	OP_DEVICE,
	OP_GUEST_READS,
	OP_BACK,
	OP_SEED,
	OP_RAW,
	OP_INDICES,
	OP_WOKEN,
	OP_HANG_UP
};

static bool run_op(uint8_t op)
{
	switch (op % 16) {
	case OP_MESSAGE_LATER:
		(void)script_message(&now.input, now.guest, PROTO_FROM_GUEST, value, NULL);
		return true;
	case OP_SERVE:
		serve();
		return true;
	case OP_READINESS:
		readiness();
		return true;
	case OP_OPENED:
		supervisor_answers(input_byte(&now.input));
		readiness();
		return true;
	case OP_SUPERVISOR:
		supervisor_tells(input_byte(&now.input));
		readiness();
		return true;
	case OP_DEVICE:
		device_event(input_byte(&now.input));
		readiness();
		return true;
	case OP_GUEST_READS:
		guest_reads();
		return true;
	case OP_BACK:
		return now.depth == 0;
	case OP_SEED:
		script_seed(&now.input, now.guest);
		serve();
		return true;
	case OP_RAW:
		script_raw(&now.input, now.guest);
		serve();
		return true;
	case OP_INDICES:
		now.broken = true;
		script_indices(&now.input, now.guest);
		serve();
		return true;
	case OP_WOKEN:
	case OP_HANG_UP:
		pair.alive = op % 16 == OP_WOKEN;
		pthread_mutex_lock(&the_session.lead.lock);
		session_woken(&the_session);
		pthread_mutex_unlock(&the_session.lead.lock);
		return true;
	default:
		(void)script_message(&now.input, now.guest, PROTO_FROM_GUEST, value, NULL);
		serve();
		return true;
	}
}

static void run_script(void)
{
	while (now.input.left && now.n_ops++ < MAX_OPS && run_op(input_byte(&now.input)))
		;
}

/* ---- one input ---- */

static void begin(uint8_t how)
{
	struct session *session = &the_session;

	pair_reset(&pair, how & 4 ? UINT32_MAX - 200 : 0);
	now.quiet = how & 2;
	now.guest = channel_new(&pair.guest, PROTO_FROM_HOST, 0);
	session->channel = channel_new(&pair.host, PROTO_FROM_GUEST, 0);
	if (!now.guest || !session->channel ||
	    handle_table_init(&session->handles, MAX_HANDLES) < 0)
		abort();
	pthread_mutex_init(&session->lead.lock, NULL);
	if (channel_hello(session->channel, PROTO_IN_FLIGHT_MAX) < 0)
		abort();
	for (uint8_t i = 0; i < 4; i++)
		supervisor_tells((uint8_t)(i << 4 | (i * 2 + 1)));
	supervisor_tells(0xff);
	readiness();
	if (!(how & 1)) {
		guest_reads();
		if (channel_hello(now.guest, PROTO_IN_FLIGHT_MAX) < 0)
			abort();
		serve();
		guest_reads();
	}
}

/* Everything that still runs ends, and then all is answered and closed. */
static void settle(void)
{
	struct handle_table *table = &the_session.handles;

	now.quiet = false;
	now.input.left = 0;
	guest_reads();
	for (int i = 0; i < 4; i++) {
		supervisor_reads();
		while (now.n_opens)
			supervisor_answers(0);
		readiness();
		serve();
	}
	if (now.broken)
		return;
	if (now.n_requests || the_session.operations.n_used ||
	    the_session.operations.n_interrupted || the_session.n_opening || the_session.n_sending)
		abort();
	for (uint32_t i = 0; i < table->n_max; i++)
		if (table->handles[i].id &&
		    (table->handles[i].released || table->handles[i].n_users))
			abort();
}

/* Takes all polls back and forgets everything. */
static void end(void)
{
	struct session *session = &the_session;
	struct control_message message;
	struct handle_table *table = &session->handles;
	int fd;

	pthread_mutex_init(&session->lead.lock, NULL);
	pthread_mutex_lock(&session->lead.lock);
	while (control_receive(session_fd, &message, &fd) == 1)
		if (fd >= 0) {
			close(fd);
			now.n_closed++;
		}
	now.input.left = 0;
	now.in_readiness = false;
	session->up = false; /* nothing is sent any more */
	session->operations.n_interrupted = 0;
	for (uint32_t i = 0; i < table->n_max; i++)
		table->handles[i].released = true;
	for (int i = 0; i < 100; i++) {
		bool armed = false;

		for (uint32_t j = 0; j < table->n_max; j++)
			armed = armed || (table->handles[j].id && table->handles[j].armed);
		session->readiness.changed = true;
		readiness_step();
		if (!armed)
			break;
		if (i == 99)
			abort();
	}
	async_read(session); /* a signal of a device that is gone means nothing to the next input */
	pthread_mutex_unlock(&session->lead.lock);
	if (now.n_given != now.n_closed + table->n_used)
		abort(); /* a device stays open, or was closed twice */
	handle_table_fini(table);
	for (uint32_t i = 0; i < now.n_peers; i++)
		close(peers[i]);
	while (control_receive(supervisor_fd, &message, &fd) == 1)
		;
	while (session->devices) {
		struct device *device = session->devices;

		session->devices = device->next;
		free(device);
	}
	free(session->channel);
	free(now.guest);
}

/* More workspaces than a script can have threads; one that was in use when the
 * session ended is found again so. */
static struct workspace workspaces[MAX_DEPTH + 2];

static void workspaces_reset(void)
{
	the_session.workspaces = NULL;
	for (size_t i = 0; i < sizeof(workspaces) / sizeof(workspaces[0]); i++) {
		workspaces[i].next = the_session.workspaces;
		the_session.workspaces = &workspaces[i];
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct readiness readiness_kept = the_session.readiness;
	struct lead lead_kept = the_session.lead;
	int async_kept = the_session.async_fd;

	memset(&the_session, 0, sizeof(the_session));
	the_session.readiness = readiness_kept;
	the_session.lead = lead_kept;
	the_session.async_fd = async_kept;
	the_session.lead.timer_armed = true; /* nobody listens to it */
	the_session.control_fd = session_fd;
	strcpy(the_session.guest, "fuzz");
	workspaces_reset();
	memset(&now, 0, sizeof(now));
	now.input = (struct input){ data, size };
	if (setjmp(ended) == 0) {
		begin(input_byte(&now.input));
		run_script();
		settle();
	}
	if (setjmp(ended) != 0)
		abort(); /* the end of a session cannot end it again */
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
	struct readiness *readiness = &the_session.readiness;
	int fds[2];

	driver_call_prepare(OPERATION_SIGNAL);
	signal(SIGPIPE, SIG_IGN);
	pair_init(&pair, 4);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		abort();
	supervisor_fd = fds[0];
	session_fd = fds[1];
	if (lead_init(&the_session.lead, 1, &lead_ops, &the_session) < 0 ||
	    readiness_init(&the_session) < 0 || async_init(&the_session) < 0)
		abort();
	watch(readiness, readiness->wake_fd, POLLIN, user_data(KIND_WAKE, 0));
	watch(readiness, session_fd, POLLIN, user_data(KIND_CONTROL, 0));
	watch(readiness, the_session.async_fd, POLLIN, user_data(KIND_ASYNC, 0));
	guest_buffer = (struct channel_buffer){ heap(PROTO_MESSAGE_MAX), PROTO_MESSAGE_MAX };
	for (size_t i = 0; i < sizeof(workspaces) / sizeof(workspaces[0]); i++) {
		workspaces[i].message =
			(struct channel_buffer){ heap(PROTO_MESSAGE_MAX), PROTO_MESSAGE_MAX };
		workspaces[i].image =
			(struct channel_buffer){ heap(PROTO_MESSAGE_MAX), PROTO_MESSAGE_MAX };
	}
	return 0;
}

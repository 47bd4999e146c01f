/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors that ioctls of programs return and take.
 *
 * One that the host's driver has made is an open file of a node of guestd's own,
 * which nobody else can open; the kernel module gives the calling program a descriptor
 * of that file, so that all the program does with it comes here as for any node. What
 * a program passes is told by the module too: it finds the open file behind the
 * program's number, and that file's daemon says which handle it is.
 *
 * Both need somebody who waits for guestd's own loop: that must not be a thread of
 * guestd, which could not be killed if the loop went first. It is a process, the
 * giver, that does one job after the other and ends with guestd.
 *
 * A job has its call, which is in no list meanwhile. Under guest->lead.lock.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guestd/descriptor.h"
#include "guestd/guest.h"
#include "kmod-mmhelper/mmhelper.h"

#define OPEN_FLAGS (O_ACCMODE | O_NONBLOCK | O_CLOEXEC)

enum order_kind { ORDER_ASK, ORDER_GIVE };

/* To the giver, and its answer. */
struct order {
	enum order_kind kind;
	int32_t pid; /* the program's thread */
	int32_t fd; /* ASK */
	int32_t result; /* GIVE: of the ioctl */
	struct made made; /* GIVE */
};

struct done {
	int32_t error; /* 0 or negative errno */
	int64_t value; /* ASK: the handle */
};

struct job {
	struct job *next;
	struct call *call;
	struct order order;
	uint32_t index; /* ASK: which of the call's */
	uint32_t connection; /* GIVE: which one the handles belong to */
	uint32_t n_opened; /* GIVE: there are files for so many of the handles */
};

struct giver {
	struct guest *guest;
	struct node node;
	pid_t pid;
	int fd; /* socket to it; -1: it has ended */
	struct job *jobs; /* in order; the first is under way */
	struct job **tail;
};

/* ---- the giver's process ---- */

static int order_give(int helper_fd, const char *path, const struct order *order)
{
	struct mmhelper_give give = { .pid = order->pid, .result = order->result };
	int r = 0;

	_Static_assert(WALK_MADE_MAX <= MMHELPER_GIFTS_MAX, "the module takes all that a command makes");
	for (; r == 0 && give.n < order->made.n; give.n++) {
		struct mmhelper_gift *gift = &give.gifts[give.n];
		uint32_t flags = order->made.one[give.n].descriptor.flags;

		gift->address = order->made.one[give.n].address;
		gift->flags = flags & O_CLOEXEC ? MMHELPER_GIVE_CLOEXEC : 0;
		gift->fd = open(path, flags | O_CLOEXEC);
		if (gift->fd < 0) {
			r = -errno;
			break;
		}
	}
	if (r == 0 && ioctl(helper_fd, MMHELPER_GIVE, &give) < 0)
		r = -errno;
	while (give.n)
		close(give.gifts[--give.n].fd);
	return r;
}

static int order_ask(int helper_fd, const struct order *order, int64_t *valuep)
{
	struct mmhelper_ask ask = { .pid = order->pid, .fd = order->fd };

	if (ioctl(helper_fd, MMHELPER_ASK, &ask) < 0)
		return -errno;
	*valuep = ask.value;
	return 0;
}

static void __attribute__((noreturn)) giver_main(int fd, int helper_fd, const char *path)
{
	struct order order;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	prctl(PR_SET_NAME, "paradice-giver", 0, 0, 0);
	/* Nothing else of guestd's may outlive it. */
	if (dup2(fd, 3) < 0 || dup2(helper_fd, 4) < 0 || close_range(5, ~0u, 0) < 0)
		_exit(EXIT_FAILURE);
	while (recv(3, &order, sizeof(order), 0) == sizeof(order)) {
		struct done done = { 0 };

		if (order.kind == ORDER_GIVE)
			done.error = order_give(4, path, &order);
		else
			done.error = order_ask(4, &order, &done.value);
		if (send(3, &done, sizeof(done), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(EXIT_SUCCESS);
}

/* ---- its start ---- */

static void node_path(char *path, size_t size, const char *name)
{
	snprintf(path, size, "/dev/%s", name);
}

void descriptor_start(struct guest *guest)
{
	struct giver *giver = calloc(1, sizeof(*giver));
	char path[sizeof("/dev/") + PROTO_NAME_MAX];
	int pair[2] = { -1, -1 }, high, r = 0;

	if (!giver || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		log_warning("descriptors: %s", strerror(errno));
		free(giver);
		return;
	}
	giver->guest = guest;
	giver->tail = &giver->jobs;
	giver->node.guest = guest;
	giver->node.add.mode = 0600;
	snprintf(giver->node.name, sizeof(giver->node.name), "paradice/descriptor-%d", (int)getpid());
	node_path(path, sizeof(path), giver->node.name);
	/* Out of the way of the places that the child puts them in. */
	high = fcntl(guest->helper_fd, F_DUPFD_CLOEXEC, 10);
	if (high < 0)
		r = -errno;
	giver->pid = r == 0 ? fork() : -1;
	if (giver->pid == 0)
		giver_main(fcntl(pair[1], F_DUPFD_CLOEXEC, 10), high, path);
	if (r == 0 && giver->pid < 0)
		r = -errno;
	giver->fd = pair[0];
	guest->giver = giver;
	close(pair[1]);
	if (high >= 0)
		close(high);
	if (r == 0)
		r = guest->frontend->node_add(&giver->node);
	if (r == 0)
		r = guest_watch(guest, giver->fd, &guest->giver);
	if (r < 0) {
		log_warning("descriptors: %s: ioctls that pass any fail", strerror(-r));
		close(giver->fd);
		giver->fd = -1;
	}
}

static bool giver_there(const struct guest *guest)
{
	return guest->giver && guest->giver->fd >= 0;
}

/* ---- jobs ---- */

static void job_send(struct giver *giver)
{
	if (giver->jobs && send(giver->fd, &giver->jobs->order, sizeof(giver->jobs->order), MSG_NOSIGNAL) < 0)
		log_error("descriptors: the giver: %s", strerror(errno));
}

static void job_add(struct giver *giver, struct job *job)
{
	bool idle = !giver->jobs;

	*giver->tail = job;
	giver->tail = &job->next;
	if (idle)
		job_send(giver);
}

static struct job *job_pop(struct giver *giver)
{
	struct job *job = giver->jobs;

	giver->jobs = job->next;
	if (!giver->jobs)
		giver->tail = &giver->jobs;
	return job;
}

/* The program's answer, unless it was taken already. */
static void call_result(struct call *call, int result)
{
	fuse_reply_ioctl(call_take(call), result, NULL, 0);
	call_end(call, EIO);
}

/* ---- descriptors that the program passes ---- */

static void ask(struct call *call, uint32_t index)
{
	struct giver *giver = call->guest->giver;
	struct job *job = calloc(1, sizeof(*job));

	if (!job) {
		call_result(call, -ENOMEM);
		return;
	}
	job->call = call;
	job->index = index;
	job->order = (struct order){
		.kind = ORDER_ASK,
		.pid = call->pid,
		.fd = call->descriptors->numbers[index],
	};
	job_add(giver, job);
}

static void asked(struct job *job, const struct done *done)
{
	struct call *call = job->call;
	struct proto_descriptor descriptor = { .handle = done->value };
	uint8_t *place = (uint8_t *)call->payload + call->payload_size -
			 (call->descriptors->n - job->index) * sizeof(descriptor);

	/* The driver says what it thinks of a number that is no descriptor. */
	if (done->error == -EBADF)
		descriptor.handle = 0;
	if (done->error < 0 && done->error != -EBADF) {
		if (log_limit_pass(&call->guest->limit, "guestd"))
			log_warning("node \"%s\": ioctl 0x%08x: descriptor %d of thread %d leads to nothing of the "
				    "host's: %s", call->file->node->name, call->body.ioctl.command,
				    job->order.fd, (int)call->pid, strerror(-done->error));
		call_result(call, done->error);
	} else if (!file_alive(call->file)) {
		call_end(call, EIO);
	} else {
		memcpy(place, &descriptor, sizeof(descriptor));
		if (job->index + 1 < call->descriptors->n)
			ask(call, job->index + 1);
		else
			call_submit(call, call->payload, call->payload_size);
	}
}

int descriptor_argument(struct call *call)
{
	struct call_descriptors *found = calloc(1, sizeof(*found) + sizeof(found->numbers[0]));

	call->descriptors = found;
	call->ranges = calloc(1, sizeof(call->ranges[0]));
	if (!found || !call->ranges)
		return -ENOMEM;
	found->n = 1;
	found->numbers[0] = (int32_t)call->body.ioctl.argument;
	/* It lies nowhere in the program's memory. */
	call->ranges[0] = (struct proto_range){
		.length = sizeof(struct proto_descriptor),
		.direction = PROTO_RANGE_DESCRIPTOR,
	};
	call->body.ioctl.n_ranges = 1;
	return 0;
}

void descriptor_submit(struct call *call, const void *data, uint32_t size)
{
	struct guest *guest = call->guest;
	uint32_t more = call->descriptors->n * sizeof(struct proto_descriptor);

	if (!giver_there(guest)) {
		if (log_limit_pass(&guest->limit, "guestd"))
			log_warning("node \"%s\": ioctl 0x%08x passes a descriptor: ENOTTY (%s)",
				    call->file->node->name, call->body.ioctl.command,
				    guest->helper_fd < 0 ? "modprobe mmhelper, then restart paradice-guestd" :
							   "see the log of paradice-guestd's start");
		call_result(call, -ENOTTY);
		return;
	}
	if (!more) {
		call_submit(call, data, size);
		return;
	}
	call->payload = calloc(1, size + more);
	if (!call->payload) {
		call_result(call, -ENOMEM);
		return;
	}
	memcpy(call->payload, data, size);
	call->payload_size = size + more;
	ask(call, 0);
}

void descriptor_named(struct guest *guest, fuse_req_t request, const struct file *file, uint64_t token)
{
	struct mmhelper_result result = { .token = token, .value = file->handle };
	int r = file_alive(file) ? 0 : -ENODEV;

	if (r == 0 && ioctl(guest->helper_fd, MMHELPER_RESULT, &result) < 0)
		r = -errno;
	fuse_reply_ioctl(request, r, NULL, 0);
}

/* ---- descriptors that the driver has made ---- */

/* Whether it may be one of those that the call has asked for, from *atp on. */
static bool made_fits(const struct call *call, const struct proto_range *range, uint32_t *atp)
{
	const struct call_descriptors *asked = call->descriptors;

	while (asked && *atp < asked->n_made)
		if (asked->made_at[(*atp)++] == range->address)
			return true;
	return false;
}

const char *descriptor_read(const struct call *call, const struct proto_message *message, struct made *made)
{
	const struct proto_ioctl_answer *answer = message->body;
	const struct proto_range *ranges;
	const uint8_t *bytes;
	uint32_t n, at = 0;

	made->n = 0;
	ranges = proto_descriptors(message, &n, &bytes);
	for (uint32_t i = 0; i < n; i++) {
		struct proto_descriptor *descriptor = &made->one[i].descriptor;

		if (answer->result < 0 || !made_fits(call, &ranges[i], &at))
			return "it makes a descriptor that the program did not ask for";
		made->one[i].address = ranges[i].address;
		memcpy(descriptor, bytes + i * sizeof(*descriptor), sizeof(*descriptor));
		if (!descriptor->handle || file_find(call->guest, descriptor->handle))
			return "the descriptor's handle is open already";
		for (uint32_t j = 0; j < i; j++)
			if (made->one[j].descriptor.handle == descriptor->handle)
				return "two descriptors have one handle";
		if ((descriptor->flags & ~OPEN_FLAGS) || descriptor->class >= PROTO_CLASS_MAX_)
			return "the descriptor has flags or a class that it cannot have";
	}
	made->n = n;
	return NULL;
}

/* Nobody will ever have these handles open: those from `first` on. */
static void made_drop(struct guest *guest, uint32_t connection, const struct made *made, uint32_t first)
{
	for (uint32_t i = first; i < made->n; i++) {
		struct proto_release body = { .handle = made->one[i].descriptor.handle };

		/* If the ring is full, it stays until the connection ends. */
		if (guest->channel && guest->connection == connection &&
		    call_send_alone(guest, PROTO_RELEASE, &body) < 0)
			log_warning("descriptors: handle 0x%llx stays open: the ring is full",
				    (unsigned long long)body.handle);
	}
}

void descriptor_made(struct call *call, uint32_t connection, const struct made *made, int result)
{
	struct guest *guest = call->guest;
	struct job *job = result >= 0 && giver_there(guest) ? calloc(1, sizeof(*job)) : NULL;

	if (!job) {
		made_drop(guest, connection, made, 0);
		call_result(call, result < 0 ? result : -ENOMEM);
		return;
	}
	job->call = call;
	job->connection = connection;
	job->order = (struct order){ .kind = ORDER_GIVE, .pid = call->pid, .result = result, .made = *made };
	job_add(guest->giver, job);
}

bool descriptor_node(const struct node *node)
{
	return node->guest->giver && node == &node->guest->giver->node;
}

void descriptor_open(fuse_req_t request, const struct fuse_file_info *opened)
{
	struct node *node = fuse_req_userdata(request);
	struct giver *giver = node->guest->giver;
	struct guest *guest = giver->guest;
	struct job *job = giver->jobs;
	struct fuse_file_info info = *opened;
	const struct proto_descriptor *descriptor;
	struct file *file;

	if (fuse_req_ctx(request)->pid != giver->pid || !job || job->order.kind != ORDER_GIVE ||
	    job->n_opened == job->order.made.n) {
		fuse_reply_err(request, ENXIO);
		return;
	}
	if (!guest->channel || guest->connection != job->connection) {
		fuse_reply_err(request, ENODEV);
		return;
	}
	descriptor = &job->order.made.one[job->n_opened].descriptor;
	file = file_new(node, descriptor->handle);
	if (!file) {
		fuse_reply_err(request, ENOMEM);
		return;
	}
	file->class = descriptor->class;
	info.fh = (uintptr_t)file;
	info.direct_io = 1;
	info.nonseekable = 1;
	job->n_opened++;
	if (fuse_reply_open(request, &info) == -ENOENT) {
		/* The giver was killed: nobody will release it. */
		job->n_opened--;
		file_free(file);
	}
}

static void given(struct job *job, const struct done *done)
{
	struct call *call = job->call;

	made_drop(call->guest, job->connection, &job->order.made, job->n_opened);
	if (done->error < 0 && log_limit_pass(&call->guest->limit, "guestd"))
		log_warning("node \"%s\": ioctl 0x%08x: cannot give a descriptor to thread %d: %s",
			    call->file->node->name, call->body.ioctl.command, (int)call->pid,
			    strerror(-done->error));
	call_result(call, done->error < 0 ? done->error : MMHELPER_IOCTL_GIVEN);
}

/* ---- what the giver says ---- */

static void job_done(struct giver *giver, const struct done *done)
{
	struct job *job = job_pop(giver);

	/* Before the job's end adds another. */
	job_send(giver);
	if (job->order.kind == ORDER_ASK)
		asked(job, done);
	else
		given(job, done);
	free(job);
}

void descriptor_serve(struct guest *guest)
{
	struct giver *giver = guest->giver;
	struct done done;
	ssize_t n;

	while (giver->fd >= 0 && (n = recv(giver->fd, &done, sizeof(done), MSG_DONTWAIT)) != -1) {
		if (n == sizeof(done) && giver->jobs) {
			job_done(giver, &done);
			continue;
		}
		log_error("descriptors: the giver has ended: ioctls that pass any fail from now on");
		guest_unwatch(guest, giver->fd);
		close(giver->fd);
		giver->fd = -1;
		done = (struct done){ .error = -EIO };
		while (giver->jobs)
			job_done(giver, &done);
	}
}

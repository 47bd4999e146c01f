/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The readiness thread and its io_uring; see readiness.h. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hostd/async.h"
#include "hostd/session.h"

#define RING_ENTRIES 256
#define REPEAT_SIGNAL_NS 5000000
#define N_CROWD 16 /* events of the epoll at a time */
#define ENDED_MAX 3 /* polls that end by themselves in a row */

/* user_data: what a completion is about; handles by their number, which is below
 * 2^48, with the kind above. */
#define KIND_SHIFT 56
enum kind {
	KIND_WAKE = 1, KIND_CONTROL, KIND_LIFE, KIND_HANDLE, KIND_REMOVE, KIND_ASYNC,
	KIND_CROWD,
};

static uint64_t user_data(enum kind kind, uint64_t id)
{
	return (uint64_t)kind << KIND_SHIFT | id;
}

/* io_uring_register(2); Debian 12's liburing does not export its functions for
 * restrictions. */
static int ring_register(struct io_uring *ring, unsigned int what, const void *data, unsigned int n)
{
	return syscall(SYS_io_uring_register, ring->ring_fd, what, data, n) < 0 ? -errno : 0;
}

int readiness_init(struct session *session)
{
	struct readiness *readiness = &session->readiness;
	struct io_uring_params params = { .flags = IORING_SETUP_R_DISABLED };
	struct io_uring_restriction allowed[] = {
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_POLL_ADD },
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_POLL_REMOVE },
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_TIMEOUT },
	};
	int r;

	pthread_cond_init(&readiness->disarmed, NULL);
	readiness->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	readiness->crowd_fd = epoll_create1(EPOLL_CLOEXEC);
	if (readiness->wake_fd < 0 || readiness->crowd_fd < 0)
		return -errno;
	r = io_uring_queue_init_params(RING_ENTRIES, &readiness->ring, &params);
	if (r < 0)
		return r;
	r = ring_register(&readiness->ring, IORING_REGISTER_RESTRICTIONS, allowed,
			  sizeof(allowed) / sizeof(allowed[0]));
	if (r == 0)
		r = ring_register(&readiness->ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
	return r;
}

void readiness_wake(struct session *session)
{
	uint64_t one = 1;

	session->readiness.changed = true;
	(void)!write(session->readiness.wake_fd, &one, sizeof(one));
}

static struct io_uring_sqe *sqe_get(struct readiness *readiness)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&readiness->ring);

	if (sqe)
		return sqe;
	io_uring_submit(&readiness->ring);
	return io_uring_get_sqe(&readiness->ring);
}

static void watch(struct readiness *readiness, int fd, uint32_t events, uint64_t data)
{
	struct io_uring_sqe *sqe = sqe_get(readiness);

	io_uring_prep_poll_multishot(sqe, fd, events);
	io_uring_sqe_set_data64(sqe, data);
}

static void reference_end(struct session *session, struct handle *handle)
{
	/* This thread must not run a driver's release, and cannot wait for itself. */
	if (--handle->n_users == 0 && handle->released) {
		session->reap = true;
		lead_wake(&session->lead);
	}
}

/* The same for a handle in the epoll. Gives the lock up, as handle_sample() does. */
static void crowd_rearm(struct session *session, struct handle *handle, uint32_t events)
{
	struct epoll_event event = { .events = events | EPOLLET, .data.u64 = handle->id };
	int r = 0;

	handle->n_users++;
	pthread_mutex_unlock(&session->lead.lock);
	if (handle->armed)
		epoll_ctl(session->readiness.crowd_fd, EPOLL_CTL_DEL, handle->fd, NULL);
	if (events)
		r = epoll_ctl(session->readiness.crowd_fd, EPOLL_CTL_ADD, handle->fd, &event);
	pthread_mutex_lock(&session->lead.lock);
	handle->armed = r == 0 ? events : 0;
	handle->unpollable |= r < 0;
	pthread_cond_broadcast(&session->readiness.disarmed);
	/* The table may have changed meanwhile. */
	session->readiness.changed = true;
	reference_end(session, handle);
}

/* Brings the kernel's polls in line with what handles want. A poll whose events
 * grow is taken back first and armed anew when that has completed. */
static void rearm(struct session *session)
{
	struct readiness *readiness = &session->readiness;
	struct handle_table *table = &session->handles;

	if (!readiness->changed)
		return;
	readiness->changed = false;
	for (uint32_t i = 0, seen = 0; i < table->n_max && seen < table->n_used; i++) {
		struct handle *handle = &table->handles[i];
		uint32_t events;

		if (!handle->id)
			continue;
		seen++;
		events = handle->released || handle->unpollable ? 0 : handle->events;
		if (handle->crowded) {
			if (handle->armed != events)
				crowd_rearm(session, handle, events);
		} else if (handle->armed && handle->armed != events && !handle->disarming) {
			struct io_uring_sqe *sqe = sqe_get(readiness);

			io_uring_prep_poll_remove(sqe, user_data(KIND_HANDLE, handle->id));
			io_uring_sqe_set_data64(sqe, user_data(KIND_REMOVE, handle->id));
			handle->disarming = true;
		} else if (!handle->armed && events) {
			watch(readiness, handle->fd, events, user_data(KIND_HANDLE, handle->id));
			handle->armed = events;
		}
	}
}

/* Looks at a handle's readiness now and has it told to the guest. Gives the lock
 * up: a driver's poll may wait for one of its own locks. */
static void handle_sample(struct session *session, struct handle *handle)
{
	uint32_t serial, mask;

	handle->n_users++;
	handle->sampling = true;
	pthread_mutex_unlock(&session->lead.lock);
	mask = handle_sample_take(handle, &serial);
	pthread_mutex_lock(&session->lead.lock);
	handle->sampling = false;
	if (!handle->events)
		pthread_cond_broadcast(&session->readiness.disarmed);
	handle_sample_publish(handle, serial, mask);
	handle->told = false;
	session->backlog = true;
	reference_end(session, handle);
}

/* A poll ended by itself: arm it again, unless the file is one that is simply
 * always ready, whose polls end at once again and again. */
static void poll_ended(struct session *session, struct handle *handle, int result)
{
	handle->armed = 0;
	handle->disarming = false;
	/* io_uring takes two queues of a driver's at most (io_uring/poll.c). */
	if (result == -EINVAL)
		handle->crowded = true;
	else if (result != -ECANCELED && ++handle->n_ended >= ENDED_MAX)
		handle->unpollable = true;
	session->readiness.changed = true;
	pthread_cond_broadcast(&session->readiness.disarmed);
}

/* A poll of a handle completed: tell the guest, and see whether it goes on. */
static void handle_event(struct session *session, const struct io_uring_cqe *cqe, uint64_t id)
{
	struct handle *handle = handle_find_any(&session->handles, id);

	if (!handle)
		return;
	if (cqe->flags & IORING_CQE_F_MORE)
		handle->n_ended = 0;
	else
		poll_ended(session, handle, cqe->res);
	if (cqe->res > 0 && !handle->released && handle->events)
		handle_sample(session, handle);
}

static void crowd_event(struct session *session)
{
	struct epoll_event events[N_CROWD];
	struct handle *handle;
	int n;

	do {
		pthread_mutex_unlock(&session->lead.lock);
		n = epoll_wait(session->readiness.crowd_fd, events, N_CROWD, 0);
		pthread_mutex_lock(&session->lead.lock);
		for (int i = 0; i < n; i++) {
			handle = handle_find(&session->handles, events[i].data.u64);
			if (handle && handle->events)
				handle_sample(session, handle);
		}
	} while (n == N_CROWD);
}

/* A poll was taken back, or not: while an event is being delivered the kernel lets it
 * go on (-EALREADY, io_uring_prep_poll_remove(3)). Then once more. */
static void remove_event(struct session *session, uint64_t id, int result)
{
	struct handle *handle = handle_find_any(&session->handles, id);

	if (!handle || result != -EALREADY)
		return;
	handle->disarming = false;
	session->readiness.changed = true;
}

static void control_event(struct session *session)
{
	struct control_message message;
	int fd, r;

	for (;;) {
		r = control_receive(session->control_fd, &message, &fd);
		if (r == -EAGAIN || r == -EINTR)
			return;
		if (r <= 0)
			session_end(session, NULL);
		session_control(session, &message, fd);
	}
}

static void completion(struct session *session, const struct io_uring_cqe *cqe)
{
	uint64_t id = cqe->user_data & ((UINT64_C(1) << KIND_SHIFT) - 1);
	uint64_t count;

	switch ((enum kind)(cqe->user_data >> KIND_SHIFT)) {
	case KIND_WAKE:
		(void)!read(session->readiness.wake_fd, &count, sizeof(count));
		if (!(cqe->flags & IORING_CQE_F_MORE))
			watch(&session->readiness, session->readiness.wake_fd, POLLIN, cqe->user_data);
		return;
	case KIND_CONTROL:
		control_event(session);
		if (!(cqe->flags & IORING_CQE_F_MORE))
			watch(&session->readiness, session->control_fd, POLLIN, cqe->user_data);
		return;
	case KIND_ASYNC:
		async_read(session);
		if (!(cqe->flags & IORING_CQE_F_MORE))
			watch(&session->readiness, session->async_fd, POLLIN, cqe->user_data);
		return;
	case KIND_CROWD:
		crowd_event(session);
		if (!(cqe->flags & IORING_CQE_F_MORE))
			watch(&session->readiness, session->readiness.crowd_fd, POLLIN, cqe->user_data);
		return;
	case KIND_LIFE:
		session_end(session, NULL);
	case KIND_HANDLE:
		handle_event(session, cqe, id);
		return;
	case KIND_REMOVE:
		remove_event(session, id, cqe->res);
		return;
	}
}

static void *readiness_main(void *context)
{
	struct session *session = context;
	struct readiness *readiness = &session->readiness;
	struct __kernel_timespec repeat = { .tv_nsec = REPEAT_SIGNAL_NS };
	struct io_uring_cqe *cqe;
	bool signalled;

	watch(readiness, readiness->wake_fd, POLLIN, user_data(KIND_WAKE, 0));
	watch(readiness, session->control_fd, POLLIN, user_data(KIND_CONTROL, 0));
	watch(readiness, session->async_fd, POLLIN, user_data(KIND_ASYNC, 0));
	watch(readiness, readiness->crowd_fd, POLLIN, user_data(KIND_CROWD, 0));
	if (session->channel->transport->life_fd >= 0)
		watch(readiness, session->channel->transport->life_fd, POLLRDHUP, user_data(KIND_LIFE, 0));
	pthread_mutex_lock(&session->lead.lock);
	for (;;) {
		rearm(session);
		signalled = operation_signal(session);
		session_push(session);
		signalled |= readiness->changed;
		pthread_mutex_unlock(&session->lead.lock);
		io_uring_submit_and_wait_timeout(&readiness->ring, &cqe, 1, signalled ? &repeat : NULL, NULL);
		pthread_mutex_lock(&session->lead.lock);
		while (io_uring_peek_cqe(&readiness->ring, &cqe) == 0) {
			struct io_uring_cqe copy = *cqe;

			io_uring_cqe_seen(&readiness->ring, cqe);
			completion(session, &copy);
		}
	}
	return NULL;
}

int readiness_start(struct session *session)
{
	return -pthread_create(&session->readiness.thread, NULL, readiness_main, session);
}

void readiness_forget(struct session *session, struct handle *handle)
{
	while (handle->armed) {
		readiness_wake(session);
		lead_wait(&session->lead, &session->readiness.disarmed);
	}
}

void readiness_unwatch(struct session *session, struct handle *handle)
{
	handle->n_users++;
	handle_unwatch(handle);
	while ((handle->armed || handle->sampling) && !handle->events) {
		readiness_wake(session);
		lead_wait(&session->lead, &session->readiness.disarmed);
	}
	handle->n_users--; /* the caller's operation goes on to use it */
}

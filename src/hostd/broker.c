/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The threads of a broker.
 *
 * One thread, the receiver, waits for the session's messages. When it gets an
 * OPEN it starts the next receiver, does the open itself, answers and ends, so
 * there is always exactly one receiver and one thread per open at work. When the
 * session is cut off, the receiver stays until all opens are out of their calls.
 *
 * Objects: the broker has a reference for its owner and one for each thread; all
 * of it is covered by its lock. A struct opening lives on the stack of its
 * thread and is in the broker's list while that thread is in the call, so a
 * thread found there, under the lock, is alive.
 *
 * Interrupting: BROKER_SIGNAL goes to a thread only under the lock and only while
 * its opening is in the list. It can come before the call has begun, so it is
 * sent again every few milliseconds. It cannot hit anything later: it is pending
 * before the lock is given up, and the thread enters and leaves the kernel for
 * its answer, which does not wait, before it could do anything else.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "hostd/broker.h"
#include "hostd/openable.h"
#include "proto/log.h"

#define BROKER_SIGNAL SIGUSR1
#define SIGNAL_AGAIN_MS 5
#define SIGNAL_AGAIN_MAX_MS 1000 /* for an open that does not mind signals */
#define ANSWER_TIMEOUT_MS 5000

struct opening {
	struct opening *next;
	pthread_t thread;
	uint64_t tag;
	bool cancelled;
};

struct broker {
	pthread_mutex_t lock;
	unsigned int n_refs;
	char *guest;
	int control; /* non-blocking */
	int event;
	unsigned int events; /* BROKER_… not fetched yet */
	bool stopping;
	struct openable_table devices;
	struct opening *openings; /* in the call */
	unsigned int n_unanswered; /* opens asked for and not answered */
	struct control_message *requests; /* about mirrors, BROKER_REQUESTS_MAX of them */
	unsigned int n_requests;
	unsigned int first_request;
	struct log_limit limit;
};

static void *broker_thread(void *argument);

static void on_signal(int number)
{
}

/* Without SA_RESTART, so that a blocking open returns EINTR. */
static void install_handler(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(BROKER_SIGNAL, &action, NULL);
}

static void broker_destroy(struct broker *broker)
{
	openable_fini(&broker->devices);
	free(broker->requests);
	if (broker->event >= 0)
		close(broker->event);
	close(broker->control);
	pthread_mutex_destroy(&broker->lock);
	free(broker->guest);
	free(broker);
}

/* Under the lock, which it gives up. */
static void broker_unref_unlock(struct broker *broker)
{
	bool last = --broker->n_refs == 0;

	pthread_mutex_unlock(&broker->lock);
	if (last)
		broker_destroy(broker);
}

static void tell(struct broker *broker, unsigned int event)
{
	uint64_t one = 1;

	broker->events |= event;
	if (write(broker->event, &one, sizeof(one)) < 0)
		log_error("guest \"%s\": eventfd: %s", broker->guest, strerror(errno));
}

/* Under the lock. Ends the conversation; what is at work is interrupted by the
 * receiver on its way out. */
static void stop(struct broker *broker, unsigned int event)
{
	if (broker->stopping)
		return;
	broker->stopping = true;
	shutdown(broker->control, SHUT_RDWR);
	tell(broker, event);
}

static void violation(struct broker *broker, const char *what)
{
	if (broker->stopping)
		return;
	log_error("guest \"%s\": the session broke the rules of its control socket and is ended: %s",
		  broker->guest, what);
	stop(broker, BROKER_VIOLATION);
}

/* Waits until the session has taken some of its messages. */
static int wait_for_room(int control)
{
	struct pollfd pollfd = { .fd = control, .events = POLLOUT };
	int r;

	do
		r = poll(&pollfd, 1, ANSWER_TIMEOUT_MS);
	while (r < 0 && errno == EINTR);
	return r == 0 ? -ETIMEDOUT : 0;
}

/* Under the lock, which it gives up while the session's socket is full. Answers
 * one OPEN: only with the answer on its way the session may count it as done, so
 * both happen under the lock. */
static void answer(struct broker *broker, uint64_t tag, uint32_t id, int result)
{
	struct control_message message = { .kind = CONTROL_OPENED, .tag = tag, .id = id };
	int r = -EPIPE;

	message.error = result < 0 ? -result : 0;
	while (!broker->stopping) {
		r = control_send(broker->control, &message, result < 0 ? -1 : result);
		if (r != -EAGAIN)
			break;
		pthread_mutex_unlock(&broker->lock);
		r = wait_for_room(broker->control);
		pthread_mutex_lock(&broker->lock);
		if (r < 0)
			violation(broker, "it does not take its answers");
	}
	if (r < 0 && r != -EPIPE && !broker->stopping)
		log_warning("guest \"%s\": answer to an open: %s", broker->guest, strerror(-r));
	broker->n_unanswered--;
}

/* Under the lock, which it gives up for the call. */
static int open_interruptibly(struct broker *broker, const struct control_message *request,
			      const char *path, dev_t rdev)
{
	struct opening opening = { .thread = pthread_self(), .tag = request->tag };
	struct opening **at;
	int fd;

	opening.next = broker->openings;
	broker->openings = &opening;
	pthread_mutex_unlock(&broker->lock);
	fd = openable_open(path, rdev, request->flags);
	pthread_mutex_lock(&broker->lock);
	for (at = &broker->openings; *at != &opening; at = &(*at)->next)
		;
	*at = opening.next;
	log_debug("guest \"%s\": device \"%s\": open with flags %#o: %s", broker->guest, path,
		  request->flags, fd < 0 ? strerror(-fd) : "done");
	return fd;
}

/* Under the lock: the session asked for an open that is in order. */
static void do_open(struct broker *broker, const struct control_message *request)
{
	const struct openable *device = openable_find(&broker->devices, request->id);
	char *path = strdup(device->path);
	int fd = -ENOMEM;

	if (path)
		fd = open_interruptibly(broker, request, path, device->rdev);
	free(path);
	if (fd >= 0 && !openable_find(&broker->devices, request->id)) {
		/* Taken away meanwhile. */
		close(fd);
		fd = -ENODEV;
	}
	answer(broker, request->tag, request->id, fd);
	if (fd >= 0) {
		pthread_mutex_unlock(&broker->lock);
		close(fd);
		pthread_mutex_lock(&broker->lock);
	}
}

static int start_thread(struct broker *broker)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int r;

	r = pthread_attr_init(&attributes);
	if (r != 0)
		return -r;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	broker->n_refs++;
	r = pthread_create(&thread, &attributes, broker_thread, broker);
	if (r != 0)
		broker->n_refs--;
	pthread_attr_destroy(&attributes);
	return -r;
}

/* Checks an OPEN. 0, a negative errno to answer with, or -EPROTO after a
 * violation. */
static int check_open(struct broker *broker, const struct control_message *request)
{
	for (const struct opening *o = broker->openings; o; o = o->next) {
		if (o->tag == request->tag) {
			violation(broker, "tag: it is in use by another open");
			return -EPROTO;
		}
	}
	if (broker->n_unanswered >= BROKER_OPENS_MAX) {
		violation(broker, "too many opens at once");
		return -EPROTO;
	}
	if (request->flags & ~(uint32_t)BROKER_FLAGS_ALLOWED) {
		if (log_limit_pass(&broker->limit, broker->guest))
			log_warning("guest \"%s\": open with flags %#o is refused", broker->guest,
				    request->flags);
		return -EINVAL;
	}
	return openable_find(&broker->devices, request->id) ? 0 : -ENODEV;
}

/* True if the calling thread has handed the receiver's place on. */
static bool handle_open(struct broker *broker, const struct control_message *request)
{
	int r = check_open(broker, request);

	if (r == -EPROTO)
		return false;
	broker->n_unanswered++;
	if (r == 0 && start_thread(broker) < 0)
		r = -ENOMEM;
	if (r < 0) {
		answer(broker, request->tag, request->id, r);
		return false;
	}
	do_open(broker, request);
	return true;
}

static void handle_cancel(struct broker *broker, uint64_t tag)
{
	for (struct opening *o = broker->openings; o; o = o->next) {
		if (o->tag == tag)
			o->cancelled = true;
	}
}

/* Mirrors are processes, which the main thread starts. */
static void handle_mirror(struct broker *broker, const struct control_message *message)
{
	if (!broker->requests)
		broker->requests = calloc(BROKER_REQUESTS_MAX, sizeof(*broker->requests));
	if (!broker->requests || broker->n_requests == BROKER_REQUESTS_MAX) {
		violation(broker, "too many requests about mirrors at once");
		return;
	}
	broker->requests[(broker->first_request + broker->n_requests++) % BROKER_REQUESTS_MAX] = *message;
	tell(broker, BROKER_MIRROR);
}

bool broker_request(struct broker *broker, struct control_message *request)
{
	bool any;

	pthread_mutex_lock(&broker->lock);
	any = broker->n_requests > 0;
	if (any) {
		*request = broker->requests[broker->first_request];
		broker->first_request = (broker->first_request + 1) % BROKER_REQUESTS_MAX;
		broker->n_requests--;
	}
	pthread_mutex_unlock(&broker->lock);
	return any;
}

/* Under the lock. True if the calling thread is not the receiver any more. */
static bool dispatch(struct broker *broker, const struct control_message *message)
{
	switch (message->kind) {
	case CONTROL_OPEN:
		return handle_open(broker, message);
	case CONTROL_OPEN_CANCEL:
		handle_cancel(broker, message->tag);
		break;
	case CONTROL_UP:
		tell(broker, BROKER_UP);
		break;
	case CONTROL_MIRROR:
	case CONTROL_MIRROR_END:
		handle_mirror(broker, message);
		break;
	default:
		violation(broker, "kind: no message that a session sends");
	}
	return false;
}

/* Signals the openings that are cancelled, or all. True if there was one. */
static bool interrupt(struct broker *broker, bool all)
{
	bool any = false;

	for (const struct opening *o = broker->openings; o; o = o->next) {
		if (!o->cancelled && !all)
			continue;
		pthread_kill(o->thread, BROKER_SIGNAL);
		any = true;
	}
	return any;
}

/* Under the lock, which it gives up while it waits. As control_receive(), and
 * -EAGAIN after timeout_ms. */
static int receive(struct broker *broker, struct control_message *message, int timeout_ms)
{
	struct pollfd pollfd = { .fd = broker->control, .events = POLLIN };
	int r, fd = -1;

	pthread_mutex_unlock(&broker->lock);
	r = poll(&pollfd, 1, timeout_ms);
	if (r > 0)
		r = control_receive(broker->control, message, &fd);
	else
		r = r == 0 || errno == EINTR ? -EAGAIN : -errno;
	pthread_mutex_lock(&broker->lock);
	if (fd >= 0) {
		close(fd);
		r = -EPROTO;
	}
	return r == -EINTR ? -EAGAIN : r;
}

/* The receiver's last duty: gets the others out of their calls. */
static void interrupt_all(struct broker *broker)
{
	long ms = SIGNAL_AGAIN_MS;

	while (interrupt(broker, true)) {
		struct timespec pause = { .tv_sec = ms / 1000,
					  .tv_nsec = ms % 1000 * 1000000 };

		pthread_mutex_unlock(&broker->lock);
		nanosleep(&pause, NULL);
		pthread_mutex_lock(&broker->lock);
		ms = ms * 2 > SIGNAL_AGAIN_MAX_MS ? SIGNAL_AGAIN_MAX_MS : ms * 2;
	}
}

/* Under the lock. Receives until it has handed its place on or the session is
 * cut off. */
static void serve(struct broker *broker)
{
	struct control_message message;

	while (!broker->stopping) {
		int r = receive(broker, &message,
				interrupt(broker, false) ? SIGNAL_AGAIN_MS : -1);

		if (r == -EAGAIN || broker->stopping)
			continue;
		if (r > 0) {
			if (dispatch(broker, &message))
				return;
		} else if (r == -EPROTO) {
			violation(broker, "a message of another size, or with a descriptor");
		} else {
			stop(broker, BROKER_CLOSED);
		}
	}
	interrupt_all(broker);
}

static void *broker_thread(void *argument)
{
	struct broker *broker = argument;
	sigset_t mask;

	/* The daemon's signals are the main thread's. */
	sigfillset(&mask);
	sigdelset(&mask, BROKER_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	pthread_mutex_lock(&broker->lock);
	serve(broker);
	broker_unref_unlock(broker);
	return NULL;
}

int broker_new(int control, const char *guest, struct broker **brokerp)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct broker *broker = calloc(1, sizeof(*broker));
	int flags = fcntl(control, F_GETFL);
	int r;

	if (!broker) {
		close(control);
		return -ENOMEM;
	}
	pthread_once(&once, install_handler);
	pthread_mutex_init(&broker->lock, NULL);
	broker->n_refs = 1;
	broker->control = control;
	broker->guest = strdup(guest);
	broker->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!broker->guest)
		r = -ENOMEM;
	else if (broker->event < 0 || fcntl(control, F_SETFL, flags | O_NONBLOCK) < 0)
		r = -errno;
	else
		r = start_thread(broker);
	if (r < 0) {
		broker_destroy(broker);
		return r;
	}
	*brokerp = broker;
	return 0;
}

void broker_free(struct broker *broker)
{
	if (!broker)
		return;
	pthread_mutex_lock(&broker->lock);
	stop(broker, 0);
	broker_unref_unlock(broker);
}

int broker_event_fd(const struct broker *broker)
{
	return broker->event;
}

int broker_control_fd(const struct broker *broker)
{
	return broker->control;
}

unsigned int broker_events(struct broker *broker)
{
	unsigned int events;
	uint64_t count;

	pthread_mutex_lock(&broker->lock);
	while (read(broker->event, &count, sizeof(count)) < 0 && errno == EINTR)
		;
	events = broker->events;
	broker->events = 0;
	pthread_mutex_unlock(&broker->lock);
	return events;
}

int broker_send(struct broker *broker, const struct control_message *message, int fd)
{
	return control_send(broker->control, message, fd);
}

int broker_device_add(struct broker *broker, uint32_t id, const char *path, dev_t rdev)
{
	int r;

	pthread_mutex_lock(&broker->lock);
	r = openable_add(&broker->devices, id, path, rdev);
	pthread_mutex_unlock(&broker->lock);
	return r;
}

void broker_device_remove(struct broker *broker, uint32_t id)
{
	pthread_mutex_lock(&broker->lock);
	openable_remove(&broker->devices, id);
	pthread_mutex_unlock(&broker->lock);
}

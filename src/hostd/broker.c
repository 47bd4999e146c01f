/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The threads of a broker.
 *
 * One thread, the receiver, waits for the session's messages and hands each OPEN
 * to an opener, a thread that does one after the other and answers. A few openers
 * stay when they have nothing to do; one more is started when all are at work. What
 * one thread of the guest opens is opened by one opener, if that is free: a driver
 * may know a thread again by its number on another file (ALSA's preferred
 * subdevice, sound/core/control.c). When the session is cut off, the receiver stays
 * until all openers are out of their calls.
 *
 * Objects: the broker has a reference for its owner and one for each thread; all
 * of it is covered by its lock. A struct opener is its thread's and in the broker's
 * list as long as that runs.
 *
 * Interrupting: BROKER_SIGNAL goes to a thread only under the lock and only while
 * it is in the call. It can come before the call has begun, so it is sent again
 * every few milliseconds. It cannot hit anything later: it is pending before the
 * lock is given up, and the thread enters and leaves the kernel for its answer,
 * which does not wait, before it could do anything else.
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
#include "hostd/driver_call.h"
#include "hostd/openable.h"
#include "proto/log.h"

#define BROKER_SIGNAL SIGUSR1
#define SIGNAL_AGAIN_MS 5
#define SIGNAL_AGAIN_MAX_MS 1000 /* for an open that does not mind signals */
#define ANSWER_TIMEOUT_MS 5000

struct opener {
	struct opener *next;
	struct broker *broker;
	pthread_t thread;
	pthread_cond_t asked;
	struct control_message request; /* also the one that it served last */
	uint64_t turn; /* when it got that */
	bool busy; /* with the request, until that is answered */
	bool opening; /* in the call */
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
	struct opener *openers;
	unsigned int n_openers;
	uint64_t turn; /* counts opens */
	unsigned int n_unanswered; /* opens asked for and not answered */
	struct control_message *requests; /* for the main thread, BROKER_REQUESTS_MAX of them */
	unsigned int n_requests;
	unsigned int first_request;
	struct log_limit limit;
};

/* The daemon's signals are the main thread's. */
static void signals_block(void)
{
	sigset_t mask;

	sigfillset(&mask);
	sigdelset(&mask, BROKER_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
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
	for (struct opener *o = broker->openers; o; o = o->next)
		pthread_cond_signal(&o->asked);
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

/* ---- openers ---- */

/* Under the lock, which it gives up for the call. */
static int open_interruptibly(struct opener *opener, const char *path, dev_t rdev)
{
	struct broker *broker = opener->broker;
	uint32_t flags = opener->request.flags;
	int fd;

	opener->opening = true;
	pthread_mutex_unlock(&broker->lock);
	fd = openable_open(path, rdev, flags);
	pthread_mutex_lock(&broker->lock);
	opener->opening = false;
	log_debug("guest \"%s\": device \"%s\": open with flags %#o: %s", broker->guest, path, flags,
		  fd < 0 ? strerror(-fd) : "done");
	return fd;
}

/* Under the lock, which it gives up meanwhile. */
static void do_open(struct opener *opener)
{
	struct broker *broker = opener->broker;
	uint32_t id = opener->request.id;
	const struct openable *device = openable_find(&broker->devices, id);
	char *path = device ? strdup(device->path) : NULL;
	int fd = device ? -ENOMEM : -ENODEV;

	if (path)
		fd = open_interruptibly(opener, path, device->rdev);
	free(path);
	if (fd >= 0 && !openable_find(&broker->devices, id)) {
		/* Taken away meanwhile. */
		close(fd);
		fd = -ENODEV;
	}
	answer(broker, opener->request.tag, id, fd);
	opener->busy = false;
	if (fd >= 0) {
		pthread_mutex_unlock(&broker->lock);
		close(fd);
		pthread_mutex_lock(&broker->lock);
	}
}

static void opener_unlink(struct opener *opener)
{
	struct opener **at;

	for (at = &opener->broker->openers; *at != opener; at = &(*at)->next)
		;
	*at = opener->next;
	opener->broker->n_openers--;
	pthread_cond_destroy(&opener->asked);
	free(opener);
}

static void *opener_thread(void *argument)
{
	struct opener *opener = argument;
	struct broker *broker = opener->broker;

	signals_block();
	pthread_mutex_lock(&broker->lock);
	while (!broker->stopping) {
		if (opener->busy)
			do_open(opener);
		else if (broker->n_openers > BROKER_OPENERS_KEPT)
			break;
		else
			pthread_cond_wait(&opener->asked, &broker->lock);
	}
	opener_unlink(opener);
	broker_unref_unlock(broker);
	return NULL;
}

static int start_thread(struct broker *broker, pthread_t *thread, void *(*run)(void *), void *argument)
{
	pthread_attr_t attributes;
	int r;

	r = pthread_attr_init(&attributes);
	if (r != 0)
		return -r;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	broker->n_refs++;
	r = pthread_create(thread, &attributes, run, argument);
	if (r != 0)
		broker->n_refs--;
	pthread_attr_destroy(&attributes);
	return -r;
}

static struct opener *opener_new(struct broker *broker)
{
	struct opener *opener = calloc(1, sizeof(*opener));

	if (!opener)
		return NULL;
	opener->broker = broker;
	pthread_cond_init(&opener->asked, NULL);
	if (start_thread(broker, &opener->thread, opener_thread, opener) < 0) {
		pthread_cond_destroy(&opener->asked);
		free(opener);
		return NULL;
	}
	opener->next = broker->openers;
	broker->openers = opener;
	broker->n_openers++;
	return opener;
}

/* Who shall serve this request: the opener that served the same thread of the guest,
 * one that is new, or the one that has rested longest. NULL: no memory. */
static struct opener *opener_choose(struct broker *broker, const struct control_message *request)
{
	struct opener *rested = NULL;

	for (struct opener *o = broker->openers; o; o = o->next) {
		if (o->busy)
			continue;
		if (request->thread && o->request.thread == request->thread)
			return o;
		if (!rested || o->turn < rested->turn)
			rested = o;
	}
	if (rested && broker->n_openers >= BROKER_OPENERS_KEPT)
		return rested;
	return opener_new(broker);
}

/* ---- the receiver ---- */

/* Checks an OPEN. 0, a negative errno to answer with, or -EPROTO after a
 * violation. */
static int check_open(struct broker *broker, const struct control_message *request)
{
	for (const struct opener *o = broker->openers; o; o = o->next) {
		if (o->busy && o->request.tag == request->tag) {
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

static void handle_open(struct broker *broker, const struct control_message *request)
{
	struct opener *opener = NULL;
	int r = check_open(broker, request);

	if (r == -EPROTO)
		return;
	broker->n_unanswered++;
	if (r == 0)
		opener = opener_choose(broker, request);
	if (!opener) {
		answer(broker, request->tag, request->id, r < 0 ? r : -ENOMEM);
		return;
	}
	opener->request = *request;
	opener->turn = ++broker->turn;
	opener->busy = true;
	opener->cancelled = false;
	pthread_cond_signal(&opener->asked);
}

static void handle_cancel(struct broker *broker, uint64_t tag)
{
	for (struct opener *o = broker->openers; o; o = o->next) {
		if (o->busy && o->request.tag == tag)
			o->cancelled = true;
	}
}

/* Mirrors are processes, which the main thread starts; and it alone calls Xen. */
static void handle_request(struct broker *broker, const struct control_message *message)
{
	if (!broker->requests)
		broker->requests = calloc(BROKER_REQUESTS_MAX, sizeof(*broker->requests));
	if (!broker->requests || broker->n_requests == BROKER_REQUESTS_MAX) {
		violation(broker, "too many requests at once");
		return;
	}
	broker->requests[(broker->first_request + broker->n_requests++) % BROKER_REQUESTS_MAX] = *message;
	tell(broker, BROKER_REQUEST);
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

static void dispatch(struct broker *broker, const struct control_message *message)
{
	switch (message->kind) {
	case CONTROL_OPEN:
		handle_open(broker, message);
		break;
	case CONTROL_OPEN_CANCEL:
		handle_cancel(broker, message->tag);
		break;
	case CONTROL_UP:
		tell(broker, BROKER_UP);
		break;
	case CONTROL_MIRROR:
	case CONTROL_MIRROR_END:
	case CONTROL_PLACE:
	case CONTROL_UNPLACE:
		handle_request(broker, message);
		break;
	default:
		violation(broker, "kind: no message that a session sends");
	}
}

/* Signals the opens that are cancelled, or all. True if there is one that has not
 * ended. */
static bool interrupt(struct broker *broker, bool all)
{
	bool any = false;

	for (const struct opener *o = broker->openers; o; o = o->next) {
		if (!o->busy || (!o->cancelled && !all))
			continue;
		if (o->opening)
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

/* Under the lock. Receives until the session is cut off. */
static void serve(struct broker *broker)
{
	struct control_message message;

	while (!broker->stopping) {
		int r = receive(broker, &message,
				interrupt(broker, false) ? SIGNAL_AGAIN_MS : -1);

		if (r == -EAGAIN || broker->stopping)
			continue;
		if (r > 0)
			dispatch(broker, &message);
		else if (r == -EPROTO)
			violation(broker, "a message of another size, or with a descriptor");
		else
			stop(broker, BROKER_CLOSED);
	}
	interrupt_all(broker);
}

static void *receiver_thread(void *argument)
{
	struct broker *broker = argument;

	signals_block();
	pthread_mutex_lock(&broker->lock);
	serve(broker);
	broker_unref_unlock(broker);
	return NULL;
}

int broker_new(int control, const char *guest, struct broker **brokerp)
{
	struct broker *broker = calloc(1, sizeof(*broker));
	int flags = fcntl(control, F_GETFL);
	pthread_t receiver;
	int r;

	if (!broker) {
		close(control);
		return -ENOMEM;
	}
	driver_call_prepare(BROKER_SIGNAL);
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
		r = start_thread(broker, &receiver, receiver_thread, broker);
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

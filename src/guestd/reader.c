/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reader; see reader.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>

#include "guestd/guest.h"
#include "guestd/on_demand.h"
#include "proto/near.h"

#define STREAK 64 /* giving the source there and back costs about as much as it then saves */
#define READER_SIGNAL SIGUSR1 /* gets it out of its read */

static void on_signal(int number)
{
	/* It only has to make a system call return EINTR. */
	(void)number;
}

static bool spins(const struct guest *guest)
{
	return guest->channel && channel_spin_budget_ns(guest->channel);
}

/* The source is the loop's again. */
static void give_back(struct guest *guest)
{
	struct reader *reader = &guest->reader;

	fcntl(reader->source.fd, F_SETFL, O_NONBLOCK);
	guest_watch(guest, reader->source.fd, reader->source.what);
	reader->source.session = NULL;
	reader->recalled = false;
	reader->streak = 0;
	/* It may sleep, and the host not know that it has to ring. */
	guest_nudge(guest);
}

/* Serves what has come from the host. */
static void ring_serve(struct guest *guest)
{
	while (guest->channel && channel_readable(guest->channel))
		connection_serve(guest);
	call_flush(guest);
	on_demand_flush(guest);
}

/* Until nothing more is expected soon, and the host will ring. */
static void answer_await(struct guest *guest)
{
	enum guest_round round;

	do {
		ring_serve(guest);
		round = guest_round(guest);
		/* The loop may want the lock. */
		if (round == GUEST_SPIN) {
			pthread_mutex_unlock(&guest->lead.lock);
			pthread_mutex_lock(&guest->lead.lock);
		}
	} while (round != GUEST_SLEEP && guest->n_sent <= 1);
	guest_hand_over(guest);
}

/* Waits for a request of the source, and serves it. */
static void request_serve(struct guest *guest)
{
	struct reader *reader = &guest->reader;
	struct fuse_session *session = reader->source.session;
	struct fuse_buf *request = guest_request(guest);
	int r;

	__atomic_store_n(&reader->inside, true, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&guest->lead.lock);
	r = fuse_session_receive_buf(session, request);
	__atomic_store_n(&reader->inside, false, __ATOMIC_SEQ_CST);
	pthread_mutex_lock(&guest->lead.lock);
	if (reader->source.session != session)
		return; /* it is destroyed */
	if (r > 0) {
		if (guest->channel)
			channel_disarm(guest->channel);
		fuse_session_process_buf(session, request);
		if (guest->n_sent <= 1)
			guest_alone(guest);
		answer_await(guest);
	}
	/* Serving may have taken the source away. The loop will see its end, too. */
	if (reader->source.session &&
	    (reader->recalled || guest->n_sent > 1 || !spins(guest) || r == 0 || r == -ENODEV))
		give_back(guest);
}

static void *reader_main(void *context)
{
	struct guest *guest = context;
	struct reader *reader = &guest->reader;

	near_begin();
	pthread_mutex_lock(&guest->lead.lock);
	lead_second_begin(&guest->lead);
	guest_workspace(guest);
	while (!guest->lead.stopping) {
		if (reader->source.session) {
			request_serve(guest);
			continue;
		}
		reader->idle = true;
		pthread_cond_wait(&reader->given, &guest->lead.lock);
		reader->idle = false;
	}
	lead_second_end(&guest->lead);
	pthread_mutex_unlock(&guest->lead.lock);
	return NULL;
}

static bool reader_start(struct guest *guest)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct reader *reader = &guest->reader;

	if (reader->started)
		return true;
	pthread_cond_init(&reader->given, NULL);
	sigaction(READER_SIGNAL, &action, NULL);
	if (pthread_create(&reader->thread, NULL, reader_main, guest))
		return false;
	pthread_detach(reader->thread);
	reader->started = true;
	return true;
}

void reader_consider(struct guest *guest, const struct source *source)
{
	struct reader *reader = &guest->reader;

	if (source->session != reader->last)
		reader->streak = 0;
	reader->last = source->session;
	if (++reader->streak < STREAK)
		return;
	reader->streak = 0;
	if (reader->source.session) {
		/* If it is not in its read now, the next time will do. */
		reader->recalled = true;
		if (__atomic_load_n(&reader->inside, __ATOMIC_SEQ_CST))
			pthread_kill(reader->thread, READER_SIGNAL);
	} else if (spins(guest) && reader_start(guest) && reader->idle) {
		guest_unwatch(guest, source->fd);
		fcntl(source->fd, F_SETFL, 0);
		reader->source = *source;
		pthread_cond_signal(&reader->given);
	}
}

/* It takes the lock before it looks at its source again. */
static void get_out(struct reader *reader)
{
	while (__atomic_load_n(&reader->inside, __ATOMIC_SEQ_CST)) {
		pthread_kill(reader->thread, READER_SIGNAL);
		sched_yield();
	}
}

void reader_leave(struct guest *guest, const struct fuse_session *session)
{
	struct reader *reader = &guest->reader;

	if (reader->last == session)
		reader->last = NULL;
	if (reader->source.session != session)
		return;
	reader->source.session = NULL;
	reader->recalled = false;
	get_out(reader);
}

void reader_relieve(struct guest *guest)
{
	if (guest->reader.source.session)
		give_back(guest);
}

void reader_stop(struct guest *guest)
{
	struct reader *reader = &guest->reader;

	if (!reader->started)
		return;
	pthread_cond_signal(&reader->given);
	get_out(reader);
}

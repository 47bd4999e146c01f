/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who serves the ring: one leading thread, and standbys that take the lead over
 * when the leader does not come back from a call in time.
 *
 * Waking a thread costs more than most operations, so the leader runs each
 * operation itself. Around a call that may block it goes "away", which only
 * gives up the lock. Standbys sleep; what wakes one is a descriptor of the owner
 * (the doorbell: the peer has sent more), lead_wake() (the leader itself expects
 * to be long), or a timer that runs at most once in lead_tick_ns() while there is
 * traffic, because arming a timer for each call would cost more than the call
 * (10 µs in a virtual machine). A standby that finds the leader away for longer
 * than lead_away_max_ns() leads on; the old leader finishes its operation when its call
 * returns, and becomes a standby.
 *
 * One lock covers all of the owner's state; a thread holds it except while it is
 * away or sleeps. Lifetime: lead_init(), lead_run() (returns after lead_stop()
 * when all threads have ended), lead_fini().
 */
#ifndef PARADICE_LEAD_H
#define PARADICE_LEAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* How long a leader may be away: 50 µs, or what waking a thread takes on this machine (up
 * to 1 ms), because that is what it costs to have another one. */
uint64_t lead_away_max_ns(void);
/* 20 times that. */
uint64_t lead_tick_ns(void);

struct lead_ops {
	/* Serves until there is nothing left to do, or lead_mine() is false. Called
	 * and returns with the lock held. */
	void (*serve)(void *context);
	/* A descriptor of lead_watch() woke this thread; under the lock, before it
	 * is known whether this thread will lead. May be NULL. */
	void (*woken)(void *context);
	/* The second (below) has been away for too long. Under the lock. NULL if there
	 * never is one. */
	void (*relieve)(void *context);
};

struct lead {
	pthread_mutex_t lock;
	pthread_cond_t gone; /* a thread has ended */
	const struct lead_ops *ops;
	void *context;
	int epoll_fd;
	int timer_fd;
	int wake_fd;
	bool timer_armed; /* atomic */
	bool stopping;
	uint64_t leader; /* the leader's number, counted up at each change */
	/* Written under the lock, read without. */
	bool leading; /* somebody leads: in serve() and not overtaken */
	uint64_t away_since_ns; /* 0: the leader is not away */
	uint64_t second_away_since_ns; /* the same for the second */
	uint32_t n_threads;
	uint32_t n_standby;
	uint32_t max_threads;
};

/* At most `max_threads` threads, the caller of lead_run() included. 0 or negative
 * errno. */
int lead_init(struct lead *lead, uint32_t max_threads, const struct lead_ops *ops, void *context);
void lead_fini(struct lead *lead);

/* Lets a readable descriptor wake a standby (edge-triggered: each new event wakes
 * one). 0 or negative errno. */
int lead_watch(struct lead *lead, int fd);

/* Serves with the calling thread and those it starts, until lead_stop(). The
 * lock is free before and after. Threads block signals other than `interrupt`
 * (0 for none). 0 or negative errno. */
int lead_run(struct lead *lead);

/* Under the lock: true if the calling thread leads. */
bool lead_mine(const struct lead *lead);

/* Gives the lock up for a call that may block (and returns channel_now_ns()), and
 * takes it again. `timed`: the timer shall look after the leader; false when
 * something else surely wakes a standby as soon as there is more to do. A thread
 * that does not lead may do so too. After the second, lead_mine() may have changed: then
 * finish the operation and return from serve(). */
uint64_t lead_away(struct lead *lead, bool timed);
void lead_back(struct lead *lead);

/* A second is one more thread, of the owner's, that serves beside the leader, for example
 * a descriptor of its own. It goes away and comes back like the leader; when it stays
 * away, a standby calls relieve(). lead_run() does not return before it has ended. Under
 * the lock, in that thread. */
void lead_second_begin(struct lead *lead);
void lead_second_end(struct lead *lead);

/* pthread_cond_wait(), away meanwhile. */
void lead_wait(struct lead *lead, pthread_cond_t *cond);

/* Under the lock: wakes a standby now, because the leader expects to be away for
 * long and there is more to do. */
void lead_wake(struct lead *lead);

/* Under the lock: all threads return when they next get out of their calls; those
 * inside blocking calls must be got out by the owner. */
void lead_stop(struct lead *lead);

#endif

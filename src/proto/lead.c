/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The leader and its standbys; see lead.h. */
#include "config.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "proto/channel.h"
#include "proto/lead.h"
#include "proto/near.h"
#include "proto/wake_cost.h"

#define AWAY_MIN_NS 50000u
#define AWAY_LIMIT_NS 1000000u
#define TICK_AWAYS 20
#define KEEP_STANDBY 2 /* threads that stay when they have nothing to do */
#define STACK_SIZE (256 * 1024)

/* The number with which this thread leads, or led last; 0: none. */
static __thread uint64_t own_number;
static __thread bool second;

enum { WATCH_OWNER, WATCH_TIMER, WATCH_WAKE };

uint64_t lead_away_max_ns(void)
{
	uint32_t ns = wake_cost_ns() / 2; /* that is there and back */

	if (ns < AWAY_MIN_NS)
		return AWAY_MIN_NS;
	return ns < AWAY_LIMIT_NS ? ns : AWAY_LIMIT_NS;
}

uint64_t lead_tick_ns(void)
{
	return TICK_AWAYS * lead_away_max_ns();
}

static int epoll_add(struct lead *lead, int fd, uint64_t what)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u64 = what };

	return epoll_ctl(lead->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int lead_init(struct lead *lead, uint32_t max_threads, const struct lead_ops *ops, void *context)
{
	int r = 0;

	memset(lead, 0, sizeof(*lead));
	pthread_mutex_init(&lead->lock, NULL);
	pthread_cond_init(&lead->gone, NULL);
	lead->ops = ops;
	lead->context = context;
	lead->max_threads = max_threads;
	lead->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	lead->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	lead->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (lead->epoll_fd < 0 || lead->timer_fd < 0 || lead->wake_fd < 0)
		r = -errno;
	if (r == 0)
		r = epoll_add(lead, lead->timer_fd, WATCH_TIMER);
	if (r == 0)
		r = epoll_add(lead, lead->wake_fd, WATCH_WAKE);
	if (r < 0)
		lead_fini(lead);
	return r;
}

void lead_fini(struct lead *lead)
{
	const int fds[] = { lead->epoll_fd, lead->timer_fd, lead->wake_fd };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	pthread_cond_destroy(&lead->gone);
	pthread_mutex_destroy(&lead->lock);
}

int lead_watch(struct lead *lead, int fd)
{
	return epoll_add(lead, fd, WATCH_OWNER);
}

static void *standby_main(void *context);

/* Starts a standby if there is none. Fails silently: the next take-over tries
 * again, and until then one slow operation may delay others. */
static void standby_ensure(struct lead *lead)
{
	pthread_attr_t attr;
	pthread_t thread;

	if (lead->n_standby || lead->stopping || lead->n_threads >= lead->max_threads)
		return;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attr, standby_main, lead) == 0) {
		lead->n_threads++;
		/* Counted from here on, so that nobody starts a second one. */
		lead->n_standby++;
	}
	pthread_attr_destroy(&attr);
}

/* Has the second relieved if it is away and does not come back soon. */
static void second_watch(struct lead *lead)
{
	while (lead->second_away_since_ns && !lead->stopping) {
		if (channel_now_ns() - lead->second_away_since_ns >= lead_away_max_ns()) {
			__atomic_store_n(&lead->second_away_since_ns, 0, __ATOMIC_RELAXED);
			lead->ops->relieve(lead->context);
			return;
		}
		pthread_mutex_unlock(&lead->lock);
		sched_yield();
		pthread_mutex_lock(&lead->lock);
	}
}

/* True if the caller should lead now. While a leader is away but not yet for
 * long, waits a little: it mostly comes back at once. */
static bool take_over(struct lead *lead)
{
	while (lead->leading && !lead->stopping) {
		uint64_t away_ns;

		if (!lead->away_since_ns)
			return false;
		away_ns = channel_now_ns() - lead->away_since_ns;
		if (away_ns >= lead_away_max_ns())
			break;
		pthread_mutex_unlock(&lead->lock);
		sched_yield();
		pthread_mutex_lock(&lead->lock);
	}
	return !lead->stopping;
}

static void lead_on(struct lead *lead)
{
	own_number = ++lead->leader;
	__atomic_store_n(&lead->leading, true, __ATOMIC_RELAXED);
	__atomic_store_n(&lead->away_since_ns, 0, __ATOMIC_RELAXED);
	lead->n_standby--;
	standby_ensure(lead);
	lead->ops->serve(lead->context);
	if (lead_mine(lead))
		__atomic_store_n(&lead->leading, false, __ATOMIC_RELAXED);
	lead->n_standby++;
	own_number = 0;
}

/* True if somebody leads and nobody is away. Without the lock. */
static bool all_there(const struct lead *lead)
{
	return __atomic_load_n(&lead->leading, __ATOMIC_SEQ_CST) &&
	       !__atomic_load_n(&lead->away_since_ns, __ATOMIC_SEQ_CST) &&
	       !__atomic_load_n(&lead->second_away_since_ns, __ATOMIC_SEQ_CST);
}

/* Sleeps until something happens; under the lock before and after. When the timer finds
 * all there, which is mostly so, that ends without the lock: a leader who meets somebody
 * at the lock must wake him, which takes longer than most operations. */
static void standby_sleep(struct lead *lead)
{
	struct epoll_event event;
	bool timer;
	int n;

	pthread_mutex_unlock(&lead->lock);
	do {
		n = epoll_wait(lead->epoll_fd, &event, 1, -1);
		timer = n > 0 && event.data.u64 == WATCH_TIMER;
		/* Whoever goes away after this arms it again (away_begin()). */
		if (timer)
			__atomic_store_n(&lead->timer_armed, false, __ATOMIC_SEQ_CST);
	} while (timer && all_there(lead));
	pthread_mutex_lock(&lead->lock);
	if (n <= 0)
		return;
	if (event.data.u64 == WATCH_OWNER && lead->ops->woken)
		lead->ops->woken(lead->context);
}

static void standby_loop(struct lead *lead, bool first)
{
	while (!lead->stopping && (first || lead->n_standby <= KEEP_STANDBY)) {
		second_watch(lead);
		if (take_over(lead))
			lead_on(lead);
		if (lead->stopping || lead->n_standby > KEEP_STANDBY)
			break;
		standby_sleep(lead);
	}
	lead->n_standby--;
	lead->n_threads--;
	/* An edge wakes one sleeper only: after a stop, each wakes the next. */
	if (lead->stopping)
		lead_wake(lead);
	pthread_cond_broadcast(&lead->gone);
}

static void *standby_main(void *context)
{
	struct lead *lead = context;

	near_begin();
	pthread_mutex_lock(&lead->lock);
	standby_loop(lead, false);
	pthread_mutex_unlock(&lead->lock);
	return NULL;
}

int lead_run(struct lead *lead)
{
	pthread_mutex_lock(&lead->lock);
	lead->n_threads++;
	lead->n_standby++;
	standby_loop(lead, true);
	while (lead->n_threads || !lead->stopping)
		pthread_cond_wait(&lead->gone, &lead->lock);
	pthread_mutex_unlock(&lead->lock);
	return 0;
}

/* Since when the calling thread is away; NULL if nobody wants to know. */
static uint64_t *away_clock(struct lead *lead)
{
	if (lead_mine(lead))
		return &lead->away_since_ns;
	return second ? &lead->second_away_since_ns : NULL;
}

static void away_begin(struct lead *lead, uint64_t now_ns, bool timed)
{
	uint64_t *since_ns = away_clock(lead);

	if (!since_ns)
		return;
	/* Before the timer is looked at: standby_sleep() does the one and the other in the
	 * opposite order. */
	__atomic_store_n(since_ns, now_ns, __ATOMIC_SEQ_CST);
	if (timed && !__atomic_load_n(&lead->timer_armed, __ATOMIC_SEQ_CST)) {
		const struct itimerspec once = { .it_value.tv_nsec = lead_tick_ns() };

		__atomic_store_n(&lead->timer_armed, true, __ATOMIC_SEQ_CST);
		if (timerfd_settime(lead->timer_fd, 0, &once, NULL) < 0)
			__atomic_store_n(&lead->timer_armed, false, __ATOMIC_SEQ_CST);
	}
}

static void away_end(struct lead *lead)
{
	uint64_t *since_ns = away_clock(lead);

	if (since_ns)
		__atomic_store_n(since_ns, 0, __ATOMIC_RELEASE);
}

bool lead_mine(const struct lead *lead)
{
	return lead->leader == own_number;
}

uint64_t lead_away(struct lead *lead, bool timed)
{
	uint64_t now_ns = channel_now_ns();

	away_begin(lead, now_ns, timed);
	pthread_mutex_unlock(&lead->lock);
	return now_ns;
}

void lead_back(struct lead *lead)
{
	pthread_mutex_lock(&lead->lock);
	away_end(lead);
}

void lead_second_begin(struct lead *lead)
{
	second = true;
	lead->n_threads++;
}

void lead_second_end(struct lead *lead)
{
	second = false;
	lead->n_threads--;
	pthread_cond_broadcast(&lead->gone);
}

void lead_wait(struct lead *lead, pthread_cond_t *cond)
{
	away_begin(lead, channel_now_ns(), true);
	pthread_cond_wait(cond, &lead->lock);
	away_end(lead);
}

void lead_wake(struct lead *lead)
{
	uint64_t one = 1;

	/* Only a full counter can fail, and then it is readable anyway. */
	(void)!write(lead->wake_fd, &one, sizeof(one));
}

void lead_stop(struct lead *lead)
{
	lead->stopping = true;
	lead_wake(lead);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The thread that waits for all mirrors of a session: for faults of their drivers,
 * for pages that do not come, and for their ends. It makes no call to a device: a
 * driver may hold a lock while it waits for a page, and who waits for that lock,
 * be it in the driver's poll, could not bring the page.
 */
#include "config.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hostd/session.h"

#define EVENTS_AT_ONCE 16
#define LOOK_MS 5 /* how often it looks after what has a limit */
#define STACK_SIZE (128 * 1024)

/* What an event of the epoll is about: 0 for wake_fd, else a mirror's id and this. */
enum { ABOUT_FAULT, ABOUT_LIFE };

static int watch(struct mirror_table *table, int fd, uint32_t events, uint64_t about)
{
	struct epoll_event event = { .events = events, .data.u64 = about };

	return epoll_ctl(table->watch_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int mirror_watch_init(struct mirror_table *table)
{
	table->watch_fd = epoll_create1(EPOLL_CLOEXEC);
	table->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (table->watch_fd < 0 || table->wake_fd < 0)
		return -errno;
	return watch(table, table->wake_fd, EPOLLIN, 0);
}

void mirror_watch_wake(struct session *session)
{
	uint64_t one = 1;

	(void)!write(session->mirrors.wake_fd, &one, sizeof(one));
}

int mirror_watch_add(struct session *session, struct mirror *mirror)
{
	struct mirror_table *table = &session->mirrors;
	int r;

	r = watch(table, mirror->watcher, EPOLLIN, mirror->id << 1 | ABOUT_FAULT);
	if (r == 0)
		r = watch(table, mirror->socket, EPOLLRDHUP, mirror->id << 1 | ABOUT_LIFE);
	return r;
}

void mirror_watch_end(struct session *session, const struct mirror *mirror)
{
	/* One that was not added, or has no descriptors, changes nothing here. */
	epoll_ctl(session->mirrors.watch_fd, EPOLL_CTL_DEL, mirror->watcher, NULL);
	epoll_ctl(session->mirrors.watch_fd, EPOLL_CTL_DEL, mirror->socket, NULL);
	mirror_watch_wake(session);
}

static void event_serve(struct session *session, uint64_t about)
{
	struct mirror *mirror = mirror_find(session, about >> 1);
	uint64_t count;

	if (!about)
		(void)!read(session->mirrors.wake_fd, &count, sizeof(count));
	if (!mirror || mirror->state == MIRROR_DEAD)
		return;
	if ((about & 1) == ABOUT_FAULT) {
		mirror_faults(session, mirror);
		return;
	}
	if (mirror->state == MIRROR_BUSY && log_limit_pass(&session->limit, session->guest))
		log_warning("guest \"%s\": a mirror ended in the middle of an ioctl", session->guest);
	mirror_end(session, mirror);
}

/* Frees mirrors that are dead and that nobody uses any more; wakes those who wait for
 * one that is dead, and is true then: one who was about to wait must be woken again. */
static bool bury(struct session *session)
{
	struct mirror **at = &session->mirrors.mirrors, *mirror;
	bool again = false, freed = false;

	while ((mirror = *at)) {
		bool dead = mirror->state == MIRROR_DEAD;

		if (dead && mirror->n_users && mirror->shared) {
			syscall(SYS_futex, &mirror->shared->answer, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
			again = true;
		}
		if (dead && !mirror->n_users && (mirror->gone || mirror->socket < 0)) {
			*at = mirror->next;
			session->mirrors.n_mirrors--;
			mirror_free(mirror);
			freed = true;
			continue;
		}
		at = &mirror->next;
	}
	if (freed)
		mirror_offer(session);
	return again;
}

static void *watch_main(void *context)
{
	struct session *session = context;
	struct mirror_table *table = &session->mirrors;
	struct epoll_event events[EVENTS_AT_ONCE];
	bool soon;
	int n;

	pthread_mutex_lock(&session->lead.lock);
	for (;;) {
		soon = bury(session);
		soon |= mirror_expire(session);
		pthread_mutex_unlock(&session->lead.lock);
		n = epoll_wait(table->watch_fd, events, EVENTS_AT_ONCE, soon ? LOOK_MS : -1);
		pthread_mutex_lock(&session->lead.lock);
		for (int i = 0; i < n; i++)
			event_serve(session, events[i].data.u64);
	}
	return NULL;
}

int mirror_watch_start(struct session *session)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	if (session->mirrors.watched)
		return 0;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	r = -pthread_create(&thread, &attr, watch_main, session);
	pthread_attr_destroy(&attr);
	session->mirrors.watched = r == 0;
	return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mirrors for calls: which one a call gets, and the start of new ones; see mirror.h.
 *
 * Calls that find none wait in a line. Whatever may be of use to somebody there, an
 * idle mirror or room for a new one, is offered to all of them in order by
 * mirror_offer(), and given to the one that can use it.
 */
#include "config.h"

#include <errno.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hostd/session.h"
#include "proto/pass.h"

#define START_MS 20000 /* on a machine with much more to do than processors */
#define STARTS_MAX 4 /* at once: the processors are needed for calls, whose pages do not wait long */
#define ENDING_MAX 16 /* beside MIRRORS_MAX: processes that have not ended yet */

/* A call that waits for a mirror, on its thread's stack. */
struct mirror_waiter {
	struct mirror_waiter *next;
	uint64_t process;
	struct mirror *mirror; /* is its own now */
	int error; /* or why there is none */
	pthread_cond_t served;
};

/* ---- start ---- */

/* Takes what the new process sends: its userfaultfd, the shared memory and where
 * its region is. */
static int hello_receive(struct mirror *mirror, int *memfdp, uint64_t *basep)
{
	uint64_t until_ns = channel_now_ns() + START_MS * UINT64_C(1000000);
	int fds[MIRROR_HELLO_FDS], r;

	/* The socket has a shorter limit, which is for a mirror that runs. */
	do
		r = pass_receive_exactly(mirror->socket, basep, sizeof(*basep), fds, MIRROR_HELLO_FDS, 0);
	while (r == -EINTR || (r == -EAGAIN && channel_now_ns() < until_ns));
	if (r < 0 && r != -EPROTO)
		return r == -EAGAIN ? -ETIMEDOUT : r;
	/* It ended instead; its own line says why. */
	if (r <= 0)
		return -ENOSYS;
	mirror->watcher = fds[0];
	*memfdp = fds[1];
	return 0;
}

static int region_watch(const struct mirror *mirror, uint64_t begin, uint64_t end)
{
	struct uffdio_register range = {
		.range = { .start = begin, .len = end - begin },
		.mode = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP,
	};

	return ioctl(mirror->watcher, UFFDIO_REGISTER, &range) < 0 ? -errno : 0;
}

/* Until the process has become what it shall be. Without the lock. */
static int mirror_settle(struct mirror *mirror)
{
	uint64_t base = 0, end;
	void *shared;
	int memfd = -1, r;

	r = hello_receive(mirror, &memfd, &base);
	if (r < 0)
		return r;
	shared = mmap(NULL, MIRROR_SHARED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	r = shared == MAP_FAILED ? -errno : 0;
	close(memfd);
	if (r < 0)
		return r;
	mirror->shared = shared;
	mirror->untrusted_window = (uint8_t *)mirror->shared + MIRROR_PAGE;
	mirror->serial = 1; /* to become ready */
	if (!mirror_answer_wait(mirror, START_MS))
		return -ETIMEDOUT;
	if (mirror->shared->result < 0)
		return mirror->shared->result >= -4095 ? mirror->shared->result : -EIO;
	end = base + (uint64_t)MIRROR_N_PAGES * MIRROR_PAGE;
	r = region_watch(mirror, MIRROR_LOW, base);
	return r < 0 ? r : region_watch(mirror, end, MIRROR_TOP);
}

void mirror_launched(struct session *session, const struct control_message *message, int fd)
{
	struct mirror *mirror = mirror_find(session, message->tag);

	if (!mirror || mirror->socket >= 0 || mirror->state != MIRROR_STARTING) {
		if (fd >= 0)
			close(fd);
		return;
	}
	mirror->socket = fd;
	mirror->error = fd < 0 ? (message->error > 0 ? message->error : EIO) : 0;
	pthread_cond_broadcast(&session->mirrors.changed);
}

/* Has the process of a new mirror started and waits until it is ready. 0, or negative
 * errno, which was logged, and it is dead. */
static int mirror_start(struct session *session, struct mirror *mirror)
{
	struct control_message message = { .kind = CONTROL_MIRROR, .tag = mirror->id };
	int r = mirror_watch_start(session);

	/* It takes some milliseconds. */
	channel_arm(session->channel, false);
	lead_wake(&session->lead);
	if (r == 0 && mirror->state == MIRROR_STARTING && control_send(session->control_fd, &message, -1) < 0)
		session_end(session, "the supervisor is gone");
	while (r == 0 && mirror->state == MIRROR_STARTING && mirror->socket < 0 && !mirror->error)
		lead_wait(&session->lead, &session->mirrors.changed);
	if (r == 0 && mirror->error)
		r = -mirror->error;
	else if (r == 0 && mirror->state != MIRROR_STARTING)
		r = mirror->gone ? -ENOSYS : -EIO; /* as hello_receive() */
	if (r == 0) {
		lead_away(&session->lead, true);
		r = mirror_settle(mirror);
		lead_back(&session->lead);
	}
	if (r == 0)
		r = mirror->state != MIRROR_STARTING ? -EIO : mirror_watch_add(session, mirror);
	session->mirrors.none = r == -ENOSYS;
	if (r == 0) {
		mirror->state = MIRROR_BUSY;
		return 0;
	}
	if (log_limit_pass(&session->limit, session->guest))
		log_error("guest \"%s\": no mirror for ioctls on demand: %s", session->guest, strerror(-r));
	mirror_end(session, mirror);
	return r == -ENOMEM ? r : -EIO;
}

/* ---- taking and giving ---- */

static struct mirror *mirror_new(struct session *session, uint64_t process)
{
	struct mirror *mirror = calloc(1, sizeof(*mirror));

	if (!mirror)
		return NULL;
	pthread_mutex_init(&mirror->service_lock, NULL);
	mirror->socket = mirror->watcher = -1;
	mirror->process = process;
	mirror->id = ++session->mirrors.last_id;
	mirror->next = session->mirrors.mirrors;
	session->mirrors.mirrors = mirror;
	session->mirrors.n_mirrors++;
	session->mirrors.n_alive++;
	return mirror;
}

static struct mirror *idle_find(struct session *session, uint64_t process)
{
	struct mirror *mirror = session->mirrors.mirrors;

	while (mirror && (mirror->state != MIRROR_IDLE || mirror->process != process))
		mirror = mirror->next;
	return mirror;
}

/* The idle mirror that was not taken for longest, or NULL. */
static struct mirror *idle_longest(struct session *session)
{
	struct mirror *longest = NULL;

	for (struct mirror *mirror = session->mirrors.mirrors; mirror; mirror = mirror->next)
		if (mirror->state == MIRROR_IDLE && (!longest || mirror->taken < longest->taken))
			longest = mirror;
	return longest;
}

/* True if one more may be started. One that serves another program makes room. */
static bool room_make(struct session *session)
{
	struct mirror_table *table = &session->mirrors;
	struct mirror *mirror;

	if (table->n_starting == STARTS_MAX || table->n_mirrors >= MIRRORS_MAX + ENDING_MAX)
		return false;
	if (table->n_alive == MIRRORS_MAX) {
		mirror = idle_longest(session);
		if (mirror)
			mirror_end(session, mirror);
	}
	return table->n_alive < MIRRORS_MAX;
}

/* Gives the waiter an idle mirror of its process, or a new one to start. False if it
 * must wait on. */
static bool waiter_serve(struct session *session, struct mirror_waiter *waiter)
{
	struct mirror *mirror = idle_find(session, waiter->process);

	if (waiter->error)
		return true;
	if (mirror) {
		mirror->state = MIRROR_BUSY;
	} else {
		if (!room_make(session))
			return false;
		mirror = mirror_new(session, waiter->process);
		session->mirrors.n_starting += mirror != NULL;
	}
	if (mirror) {
		mirror->n_users++;
		mirror->taken = ++session->mirrors.n_taken;
	}
	waiter->mirror = mirror;
	waiter->error = mirror ? 0 : -ENOMEM;
	return true;
}

void mirror_offer(struct session *session)
{
	struct mirror_waiter **at = &session->mirrors.waiters, *waiter;

	while ((waiter = *at)) {
		if (waiter_serve(session, waiter)) {
			*at = waiter->next;
			pthread_cond_signal(&waiter->served);
		} else {
			at = &waiter->next;
		}
	}
}

static void wait_in_line(struct session *session, struct mirror_waiter *waiter)
{
	struct mirror_waiter **at = &session->mirrors.waiters;

	pthread_cond_init(&waiter->served, NULL);
	while (*at)
		at = &(*at)->next;
	*at = waiter;
	mirror_offer(session);
	while (!waiter->mirror && !waiter->error)
		lead_wait(&session->lead, &waiter->served);
	pthread_cond_destroy(&waiter->served);
}

int mirror_take(struct session *session, uint64_t process, struct mirror **mirrorp)
{
	struct mirror_waiter waiter = { .process = process };
	int r;

	wait_in_line(session, &waiter);
	r = waiter.error;
	if (r == 0 && waiter.mirror->socket < 0) {
		r = mirror_start(session, waiter.mirror);
		session->mirrors.n_starting--;
		if (r < 0)
			mirror_unuse(session, waiter.mirror);
		mirror_offer(session);
	}
	if (r == 0)
		*mirrorp = waiter.mirror;
	return r;
}

void mirror_give(struct session *session, struct mirror *mirror)
{
	if (mirror->state == MIRROR_BUSY)
		mirror->state = MIRROR_IDLE;
	/* Page tables stay until the process ends. */
	if (mirror->n_regions > MIRROR_REGIONS_MAX)
		mirror_end(session, mirror);
	mirror_unuse(session, mirror);
	mirror_offer(session);
}

void mirror_end_process(struct session *session, uint64_t process)
{
	for (struct mirror *mirror = session->mirrors.mirrors; mirror; mirror = mirror->next)
		if (mirror->process == process)
			mirror_end(session, mirror);
	for (struct mirror_waiter *waiter = session->mirrors.waiters; waiter; waiter = waiter->next)
		if (waiter->process == process)
			waiter->error = -EIO;
	mirror_offer(session);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Life of mirrors, and the session's talk with them; see mirror.h. */
#include "config.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hostd/session.h"
#include "proto/pass.h"

#define LOOK_MS 100 /* how often who waits with a limit looks */

int mirror_table_init(struct mirror_table *table, uint64_t max_pages, uint32_t wait_ms)
{
	pthread_cond_init(&table->changed, NULL);
	table->max_pages = max_pages;
	table->wait_ms = wait_ms;
	return mirror_watch_init(table);
}

static long futex(uint32_t *word, int operation, uint32_t value, const struct timespec *timeout)
{
	return syscall(SYS_futex, word, operation, value, timeout, NULL, 0);
}

struct mirror *mirror_find(struct session *session, uint64_t id)
{
	struct mirror *mirror = session->mirrors.mirrors;

	while (mirror && mirror->id != id)
		mirror = mirror->next;
	return mirror;
}

static bool mirror_dead(const struct mirror *mirror)
{
	return __atomic_load_n(&mirror->state, __ATOMIC_RELAXED) == MIRROR_DEAD;
}

/* ---- jobs and services ---- */

bool mirror_answer_wait(struct mirror *mirror, uint32_t limit_ms)
{
	static const struct timespec look = { .tv_nsec = LOOK_MS * 1000000l };
	struct mirror_shared *shared = mirror->shared;
	uint64_t until_ns = limit_ms ? channel_now_ns() + limit_ms * UINT64_C(1000000) : UINT64_MAX;
	uint32_t answer;

	for (uint32_t i = 0;; i++) {
		answer = __atomic_load_n(&shared->answer, __ATOMIC_SEQ_CST);
		if (answer == mirror->serial)
			break;
		if (i < MIRROR_YIELDS) {
			sched_yield();
			continue;
		}
		if (i == MIRROR_YIELDS) {
			__atomic_store_n(&shared->session_sleeps, 1, __ATOMIC_SEQ_CST);
			continue;
		}
		if (mirror_dead(mirror) || (limit_ms && channel_now_ns() > until_ns))
			return false;
		/* No timeout for a call, which would cost more than all the rest in a virtual
		 * machine: mirror_watch.c wakes us until we have seen that it is dead. */
		futex(&shared->answer, FUTEX_WAIT, answer, limit_ms ? &look : NULL);
	}
	__atomic_store_n(&shared->session_sleeps, 0, __ATOMIC_RELAXED);
	return true;
}

bool mirror_run(struct mirror *mirror, uint32_t limit_ms)
{
	struct mirror_shared *shared = mirror->shared;

	shared->cpu = sched_getcpu();
	__atomic_store_n(&shared->request, ++mirror->serial, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&shared->worker_sleeps, __ATOMIC_SEQ_CST))
		futex(&shared->request, FUTEX_WAKE, 1, NULL);
	return mirror_answer_wait(mirror, limit_ms);
}

static int request_send(struct mirror *mirror, const struct mirror_request *request, int fd, int flags)
{
	return pass_send(mirror->socket, request, sizeof(*request), &fd, fd >= 0 ? 1 : 0, flags);
}

int mirror_ask(struct mirror *mirror, const struct mirror_request *request, int fd)
{
	int64_t untrusted_result = 0;
	ssize_t n;
	int r;

	pthread_mutex_lock(&mirror->service_lock);
	r = request_send(mirror, request, fd, 0);
	if (r == 0) {
		do
			n = read(mirror->socket, &untrusted_result, sizeof(untrusted_result));
		while (n < 0 && errno == EINTR);
		if (n == sizeof(untrusted_result))
			r = untrusted_result >= -4095 && untrusted_result <= INT32_MAX ? untrusted_result : -EPIPE;
		else
			r = n < 0 && errno == EAGAIN ? -ETIMEDOUT : -EPIPE;
	}
	pthread_mutex_unlock(&mirror->service_lock);
	return r;
}

void mirror_interrupt(struct mirror *mirror)
{
	struct mirror_request request = { .kind = MIRROR_INTERRUPT };

	/* While it waits for a page a signal would only make it turn in circles. When its
	 * queue is full it is asked again soon. */
	if (!mirror_dead(mirror) && !mirror->n_wanted)
		(void)request_send(mirror, &request, -1, MSG_DONTWAIT);
}

/* ---- end ---- */

void mirror_end(struct session *session, struct mirror *mirror)
{
	struct control_message message = { .kind = CONTROL_MIRROR_END, .tag = mirror->id };

	if (mirror->state == MIRROR_DEAD)
		return;
	__atomic_store_n(&mirror->state, MIRROR_DEAD, __ATOMIC_RELAXED);
	session->mirrors.n_alive--;
	if (mirror->socket >= 0)
		shutdown(mirror->socket, SHUT_RDWR);
	(void)control_send(session->control_fd, &message, -1);
	pthread_cond_broadcast(&session->mirrors.changed);
	mirror_watch_end(session, mirror);
}

void mirror_gone(struct session *session, uint64_t id)
{
	struct mirror *mirror = mirror_find(session, id);

	if (!mirror)
		return;
	mirror->gone = true;
	mirror_end(session, mirror);
	mirror_watch_wake(session);
	pthread_cond_broadcast(&session->mirrors.changed);
}


void mirror_unuse(struct session *session, struct mirror *mirror)
{
	if (--mirror->n_users == 0 && mirror->state == MIRROR_DEAD)
		mirror_watch_wake(session);
}

void mirror_free(struct mirror *mirror)
{
	if (mirror->shared)
		munmap(mirror->shared, MIRROR_SHARED_SIZE);
	if (mirror->socket >= 0)
		close(mirror->socket);
	if (mirror->watcher >= 0)
		close(mirror->watcher);
	pthread_mutex_destroy(&mirror->service_lock);
	free(mirror->pages);
	free(mirror);
}

/* ---- devices ---- */

/* One service, with the lock given up. */
static int ask_away(struct session *session, struct mirror *mirror, const struct mirror_request *request,
		    int fd)
{
	int r;

	mirror->n_users++;
	lead_away(&session->lead, true);
	r = mirror_ask(mirror, request, fd);
	lead_back(&session->lead);
	if (r == -ETIMEDOUT || r == -EPIPE)
		mirror_end(session, mirror);
	mirror_unuse(session, mirror);
	return r;
}

void mirror_interrupt_end(struct session *session, struct mirror *mirror)
{
	struct mirror_request request = { .kind = MIRROR_DETACH, .fd = -1 };

	/* It does what it is asked in order. */
	if (mirror->state != MIRROR_DEAD)
		ask_away(session, mirror, &request, -1);
}

/* The place is taken until the mirror has closed what is there. */
static void detach(struct session *session, struct mirror *mirror, uint32_t i)
{
	struct mirror_request request = { .kind = MIRROR_DETACH, .fd = MIRROR_FILE_FIRST + i };

	mirror->n_users++;
	mirror->leaving |= 1u << i;
	if (mirror->state != MIRROR_DEAD)
		ask_away(session, mirror, &request, -1);
	mirror->leaving &= ~(1u << i);
	/* It is open until the process is gone. */
	if (mirror->state != MIRROR_DEAD)
		mirror->files[i] = 0;
	pthread_cond_broadcast(&session->mirrors.changed);
	mirror_unuse(session, mirror);
}

static uint32_t file_find(const struct mirror *mirror, uint64_t handle)
{
	uint32_t i = 0;

	while (i < MIRROR_FILES_MAX && mirror->files[i] != handle)
		i++;
	return i;
}

/* A free place, or MIRROR_FILES_MAX when the mirror has died; makes one if need be.
 * Gives the lock up. */
static uint32_t file_place(struct session *session, struct mirror *mirror)
{
	uint32_t i;

	while ((i = file_find(mirror, 0)) == MIRROR_FILES_MAX && mirror->state != MIRROR_DEAD) {
		i = mirror->next_file++ % MIRROR_FILES_MAX;
		if (mirror->leaving & 1u << i)
			lead_wait(&session->lead, &session->mirrors.changed);
		else
			detach(session, mirror, i);
	}
	return i;
}

int mirror_attach(struct session *session, struct mirror *mirror, const struct handle *handle, int *fdp)
{
	struct mirror_request request = { .kind = MIRROR_ATTACH };
	uint32_t i = file_find(mirror, handle->id);
	int r;

	/* One that made room for another is closed before it is opened again. */
	while (i < MIRROR_FILES_MAX && (mirror->leaving & 1u << i)) {
		lead_wait(&session->lead, &session->mirrors.changed);
		i = file_find(mirror, handle->id);
	}
	if (i < MIRROR_FILES_MAX) {
		*fdp = MIRROR_FILE_FIRST + i;
		return 0;
	}
	i = file_place(session, mirror);
	if (i == MIRROR_FILES_MAX)
		return -EIO;
	request.fd = MIRROR_FILE_FIRST + i;
	mirror->files[i] = handle->id; /* it may be there from now on */
	r = ask_away(session, mirror, &request, handle->fd);
	if (r < 0) {
		mirror_end(session, mirror);
		return -EIO;
	}
	*fdp = request.fd;
	return 0;
}

/* Some mirror that has, or may have, the handle's device open; *ip is its place. */
static struct mirror *attached_find(struct session *session, uint64_t handle, uint32_t *ip)
{
	struct mirror *mirror = session->mirrors.mirrors;

	for (; mirror; mirror = mirror->next) {
		*ip = file_find(mirror, handle);
		if (*ip < MIRROR_FILES_MAX && !mirror->gone)
			break;
	}
	return mirror;
}

void mirror_forget(struct session *session, const struct handle *handle)
{
	struct mirror *mirror;
	uint32_t i;

	while ((mirror = attached_find(session, handle->id, &i))) {
		if (mirror->state == MIRROR_DEAD || (mirror->leaving & 1u << i))
			lead_wait(&session->lead, &session->mirrors.changed);
		else
			detach(session, mirror, i);
	}
}

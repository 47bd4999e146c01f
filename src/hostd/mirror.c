/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Life of mirrors, and the session's talk with them; see mirror.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "hostd/session.h"

#define START_SECONDS 5
#define STARTS_MAX 4 /* at once: the processors are needed for calls, whose pages do not wait long */
#define LOOK_MS 100 /* how often who waits with a limit looks */
#define SHARED_SIZE ((1 + MIRROR_WINDOW_PAGES) * MIRROR_PAGE)

void mirror_table_init(struct mirror_table *table, uint64_t max_pages, uint32_t wait_ms)
{
	pthread_cond_init(&table->changed, NULL);
	pthread_cond_init(&table->room, NULL);
	table->max_pages = max_pages;
	table->wait_ms = wait_ms;
}

static long futex(uint32_t *word, int operation, uint32_t value, const struct timespec *timeout)
{
	return syscall(SYS_futex, word, operation, value, timeout, NULL, 0);
}

static struct mirror *mirror_find(struct session *session, uint64_t id)
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

bool mirror_run(struct mirror *mirror, uint32_t limit_ms)
{
	static const struct timespec look = { .tv_nsec = LOOK_MS * 1000000l };
	struct mirror_shared *shared = mirror->shared;
	uint64_t until_ns = limit_ms ? channel_now_ns() + limit_ms * UINT64_C(1000000) : UINT64_MAX;
	uint32_t answer;

	shared->cpu = sched_getcpu();
	__atomic_store_n(&shared->request, ++mirror->serial, __ATOMIC_SEQ_CST);
	futex(&shared->request, FUTEX_WAKE, 1, NULL);
	for (;;) {
		answer = __atomic_load_n(&shared->answer, __ATOMIC_SEQ_CST);
		if (answer == mirror->serial)
			return true;
		if (mirror_dead(mirror) || (limit_ms && channel_now_ns() > until_ns))
			return false;
		/* No timeout for a call, which would cost more than all the rest in a virtual
		 * machine: mirror_poll() wakes us until we have seen that it is dead. */
		futex(&shared->answer, FUTEX_WAIT, answer, limit_ms ? &look : NULL);
	}
}

static int request_send(struct mirror *mirror, const struct mirror_request *request, int fd, int flags)
{
	struct iovec iov = { (void *)request, sizeof(*request) };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
	}
	return sendmsg(mirror->socket, &message, MSG_NOSIGNAL | flags) < 0 ? -errno : 0;
}

int mirror_ask(struct mirror *mirror, const struct mirror_request *request, int fd)
{
	int64_t untrusted_result = 0;
	struct iovec iov = { &untrusted_result, sizeof(untrusted_result) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;
	int r;

	pthread_mutex_lock(&mirror->service_lock);
	r = request_send(mirror, request, fd, 0);
	if (r == 0) {
		do
			n = recvmsg(mirror->socket, &message, 0);
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
	if (mirror->socket >= 0)
		shutdown(mirror->socket, SHUT_RDWR);
	(void)control_send(session->control_fd, &message, -1);
	pthread_cond_broadcast(&session->mirrors.changed);
	readiness_wake(session);
}

void mirror_unuse(struct session *session, struct mirror *mirror)
{
	if (--mirror->n_users == 0 && mirror->state == MIRROR_DEAD)
		readiness_wake(session);
}

void mirror_end_process(struct session *session, uint64_t process)
{
	for (struct mirror *mirror = session->mirrors.mirrors; mirror; mirror = mirror->next)
		if (mirror->process == process)
			mirror_end(session, mirror);
}

static void mirror_free(struct mirror *mirror)
{
	if (mirror->shared)
		munmap(mirror->shared, SHARED_SIZE);
	if (mirror->socket >= 0)
		close(mirror->socket);
	if (mirror->watcher >= 0)
		close(mirror->watcher);
	pthread_mutex_destroy(&mirror->service_lock);
	free(mirror->pages);
	free(mirror);
}

/* ---- start ---- */

/* Takes what the new process sends: its userfaultfd, the shared memory and where
 * its region is. */
static int hello_receive(struct mirror *mirror, int *memfdp, uint64_t *basep)
{
	int fds[MIRROR_HELLO_FDS];
	struct iovec iov = { basep, sizeof(*basep) };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(fds))];
	} control = { 0 };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	do
		n = recvmsg(mirror->socket, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	/* It ended instead; its own line says why. */
	if (n != sizeof(*basep) || control.header.cmsg_len != CMSG_LEN(sizeof(fds)))
		return -ENOSYS;
	memcpy(fds, CMSG_DATA(&control.header), sizeof(fds));
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
	static const struct timespec look = { .tv_nsec = LOOK_MS * 1000000l };
	uint64_t base = 0, end, until_ns = channel_now_ns() + START_SECONDS * UINT64_C(1000000000);
	void *shared;
	int memfd = -1, r;

	r = hello_receive(mirror, &memfd, &base);
	if (r < 0)
		return r;
	shared = mmap(NULL, SHARED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	r = shared == MAP_FAILED ? -errno : 0;
	close(memfd);
	if (r < 0)
		return r;
	mirror->shared = shared;
	mirror->untrusted_window = (uint8_t *)mirror->shared + MIRROR_PAGE;
	while (!__atomic_load_n(&mirror->shared->answer, __ATOMIC_SEQ_CST) && !mirror_dead(mirror) &&
	       channel_now_ns() < until_ns)
		futex(&mirror->shared->answer, FUTEX_WAIT, 0, &look);
	if (__atomic_load_n(&mirror->shared->answer, __ATOMIC_SEQ_CST) != 1)
		return -ETIMEDOUT;
	mirror->serial = 1;
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

void mirror_gone(struct session *session, uint64_t id)
{
	struct mirror *mirror = mirror_find(session, id);

	if (!mirror)
		return;
	mirror->gone = true;
	mirror_end(session, mirror);
	readiness_wake(session);
	pthread_cond_broadcast(&session->mirrors.changed);
}

static struct mirror *mirror_new(struct session *session, uint64_t process)
{
	struct mirror *mirror = calloc(1, sizeof(*mirror));

	if (!mirror)
		return NULL;
	pthread_mutex_init(&mirror->service_lock, NULL);
	mirror->socket = mirror->watcher = -1;
	mirror->process = process;
	mirror->id = ++session->mirrors.last_id;
	mirror->n_users = 1;
	mirror->next = session->mirrors.mirrors;
	session->mirrors.mirrors = mirror;
	session->mirrors.n_mirrors++;
	return mirror;
}

/* A new mirror, which is the caller's if 0 is returned. */
static int mirror_start(struct session *session, uint64_t process, struct mirror **mirrorp)
{
	struct control_message message = { .kind = CONTROL_MIRROR };
	struct mirror *mirror = mirror_new(session, process);
	int r;

	if (!mirror)
		return -ENOMEM;
	message.tag = mirror->id;
	/* It takes some milliseconds. */
	channel_arm(session->channel, false);
	lead_wake(&session->lead);
	if (control_send(session->control_fd, &message, -1) < 0)
		session_end(session, "the supervisor is gone");
	while (mirror->state == MIRROR_STARTING && mirror->socket < 0 && !mirror->error)
		lead_wait(&session->lead, &session->mirrors.changed);
	r = mirror->state != MIRROR_STARTING ? -EIO : -mirror->error;
	if (r == 0) {
		lead_away(&session->lead, true);
		r = mirror_settle(mirror);
		lead_back(&session->lead);
	}
	if (r == 0 && mirror->state == MIRROR_STARTING) {
		mirror->state = MIRROR_BUSY;
		readiness_wake(session);
		*mirrorp = mirror;
		return 0;
	}
	if (log_limit_pass(&session->limit, session->guest))
		log_error("guest \"%s\": no mirror for ioctls on demand: %s", session->guest, strerror(-r));
	mirror_end(session, mirror);
	mirror_unuse(session, mirror);
	return r == -ENOMEM ? r : -EIO;
}

/* ---- taking and giving ---- */

static struct mirror *idle_find(struct session *session, uint64_t process, bool any)
{
	struct mirror *mirror = session->mirrors.mirrors;

	while (mirror && (mirror->state != MIRROR_IDLE || (!any && mirror->process != process)))
		mirror = mirror->next;
	return mirror;
}

int mirror_take(struct session *session, uint64_t process, struct mirror **mirrorp)
{
	struct mirror *mirror;
	int r;

	for (;;) {
		mirror = idle_find(session, process, false);
		if (mirror) {
			mirror->state = MIRROR_BUSY;
			mirror->n_users++;
			*mirrorp = mirror;
			return 0;
		}
		if (session->mirrors.n_starting == STARTS_MAX) {
			lead_wait(&session->lead, &session->mirrors.room);
			continue;
		}
		if (session->mirrors.n_mirrors < MIRRORS_MAX) {
			session->mirrors.n_starting++;
			r = mirror_start(session, process, mirrorp);
			session->mirrors.n_starting--;
			pthread_cond_signal(&session->mirrors.room);
			return r;
		}
		/* One that serves another program makes room. */
		mirror = idle_find(session, process, true);
		if (mirror)
			mirror_end(session, mirror);
		lead_wait(&session->lead, &session->mirrors.room);
	}
}

void mirror_give(struct session *session, struct mirror *mirror)
{
	if (mirror->state == MIRROR_BUSY)
		mirror->state = MIRROR_IDLE;
	/* Page tables stay until the process ends. */
	if (mirror->n_regions > MIRROR_REGIONS_MAX)
		mirror_end(session, mirror);
	pthread_cond_signal(&session->mirrors.room);
	mirror_unuse(session, mirror);
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

/* ---- the readiness thread ---- */

/* Looks at faults that were left, of one mirror. */
static void faults_left(struct session *session)
{
	struct mirror *mirror = session->mirrors.mirrors;

	while (mirror && !mirror->faulting)
		mirror = mirror->next;
	if (mirror)
		mirror_faults(session, mirror);
}

void mirror_poll(struct session *session)
{
	struct mirror **at = &session->mirrors.mirrors, *mirror;

	while ((mirror = *at)) {
		bool dead = mirror->state == MIRROR_DEAD;

		if (!dead && !mirror->watched && mirror->watcher >= 0 && mirror->state != MIRROR_STARTING) {
			readiness_watch_mirror(session, mirror->id, mirror->watcher, mirror->socket);
			mirror->watched = true;
			mirror->n_armed = 2;
		}
		if (dead && mirror->n_users && mirror->shared) {
			futex(&mirror->shared->answer, FUTEX_WAKE, INT32_MAX, NULL);
			session->readiness.changed = true; /* look again soon */
		}
		if (dead && mirror->n_armed && !mirror->removing) {
			readiness_unwatch_mirror(session, mirror->id);
			mirror->removing = true;
		}
		if (dead && !mirror->n_users && !mirror->n_armed && (mirror->gone || mirror->socket < 0)) {
			*at = mirror->next;
			session->mirrors.n_mirrors--;
			pthread_cond_signal(&session->mirrors.room);
			mirror_free(mirror);
			continue;
		}
		at = &mirror->next;
	}
	faults_left(session);
}

void mirror_event(struct session *session, uint64_t id, bool fault, bool more, int result)
{
	struct mirror *mirror = mirror_find(session, id);

	if (!mirror)
		return;
	if (!more) {
		mirror->n_armed--;
		session->readiness.changed = true;
	}
	if (mirror->state == MIRROR_DEAD)
		return;
	if (fault && result > 0) {
		/* A poll ends when completions come too fast. */
		if (!more) {
			readiness_watch_faults(session, mirror->id, mirror->watcher);
			mirror->n_armed++;
		}
		mirror_faults(session, mirror);
		return;
	}
	if (mirror->state == MIRROR_BUSY && log_limit_pass(&session->limit, session->guest))
		log_warning("guest \"%s\": a mirror ended in the middle of an ioctl", session->guest);
	mirror_end(session, mirror);
}

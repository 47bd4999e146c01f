/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The unix transport, for two processes on one kernel. The server makes one memfd
 * (indices, two rings, bulk slots) and two eventfds and sends them over a
 * SOCK_SEQPACKET socket. The socket then stays open: its end tells each side that
 * the other one is gone, however it died. Besides that it carries descriptors, each
 * with the tag by which a message speaks of it.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/pass.h"
#include "proto/proto.h"
#include "proto/transport.h"

#define LAYOUT_VERSION 2
#define OFFER_FDS 3
#define INDEX_PAGE 4096u
#define RING_SIZE (256u * 1024) /* at least one largest message, with room for more */
#define BULK_SIZE (1024u * 1024) /* the largest FUSE transfer */
#define N_BULK PROTO_IN_FLIGHT_MAX
/* Bulk slots begin in the middle of a page. The kernel copies between them and buffers that
 * mostly begin at a page or, from malloc(), 16 bytes later; and `rep movsb`, by which it does,
 * is slow where both addresses are nearly the same within a page: on an AMD Zen 5 18 times where
 * the destination is 1 to 31 bytes ahead, 1.7 times where they are equal. */
#define BULK_OFFSET 2048u
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

_Static_assert(RING_SIZE >= PROTO_MESSAGE_MAX, "a message must fit");

/* What the server sends, with three descriptors: memory, the server's doorbell
 * (the client rings it) and the client's. */
struct offer {
	uint64_t magic;
	uint32_t layout_version;
	uint32_t ring_size;
	uint32_t bulk_size;
	uint32_t n_bulk;
};

/* The first page of the memory. What one side writes together, for the other to
 * look at together, shares a cache line; nothing else does. */
#define LINE __attribute__((aligned(64)))
struct shared_page {
	LINE uint32_t to_server_prod;
	uint32_t to_server_cpu;
	uint8_t client_wanted; /* RING_NOTIFY_ bits that the client asks of the server */
	LINE uint32_t to_server_cons;
	LINE uint32_t to_client_prod;
	uint32_t to_client_cpu;
	uint8_t server_wanted;
	LINE uint32_t to_client_cons;
};

struct passed {
	uint64_t tag;
	int fd;
};

struct transport_unix {
	struct transport base;
	int socket;
	struct passed passed[PROTO_IN_FLIGHT_MAX]; /* come, but not yet taken */
	uint32_t n_passed;
	int doorbell_fd; /* the peer's */
	void *memory;
	size_t size;
};

static size_t memory_size(void)
{
	return INDEX_PAGE + 2 * (size_t)RING_SIZE + BULK_OFFSET + (size_t)N_BULK * BULK_SIZE;
}

static int unix_doorbell(struct transport *t)
{
	struct transport_unix *u = (struct transport_unix *)t;
	uint64_t one = 1;

	return write(u->doorbell_fd, &one, sizeof(one)) < 0 ? -errno : 0;
}

static void unix_acknowledge(struct transport *t)
{
	uint64_t count;

	(void)!read(t->event_fd, &count, sizeof(count));
}

static bool unix_peer_alive(struct transport *t)
{
	struct pollfd pfd = { .fd = t->life_fd, .events = POLLRDHUP };

	return poll(&pfd, 1, 0) == 0;
}

static int unix_pass(struct transport *t, uint64_t tag, int fd)
{
	struct transport_unix *u = (struct transport_unix *)t;

	return pass_send(u->socket, &tag, sizeof(tag), &fd, 1, MSG_DONTWAIT);
}

/* The next descriptor on the socket. 0 and *passed, or negative errno. */
static int passed_receive(int socket, struct passed *passed)
{
	int r = pass_receive_exactly(socket, &passed->tag, sizeof(passed->tag), &passed->fd, 1, MSG_DONTWAIT);

	return r == 1 ? 0 : r == 0 ? -EPIPE : r;
}

/* Takes one out of those that have come; the others stay in order. */
static void passed_drop(struct transport_unix *u, uint32_t i)
{
	u->n_passed--;
	memmove(&u->passed[i], &u->passed[i + 1], (u->n_passed - i) * sizeof(u->passed[0]));
}

static int unix_take(struct transport *t, uint64_t tag)
{
	struct transport_unix *u = (struct transport_unix *)t;
	struct passed passed;
	int r;

	for (uint32_t i = 0; i < u->n_passed; i++) {
		if (u->passed[i].tag == tag) {
			passed = u->passed[i];
			passed_drop(u, i);
			return passed.fd;
		}
	}
	while ((r = passed_receive(u->socket, &passed)) == 0) {
		if (passed.tag == tag)
			return passed.fd;
		/* The message that would speak of it has not come. */
		if (u->n_passed == PROTO_IN_FLIGHT_MAX) {
			close(u->passed[0].fd);
			passed_drop(u, 0);
		}
		u->passed[u->n_passed++] = passed;
	}
	return r;
}

static void unix_close(struct transport *t)
{
	struct transport_unix *u = (struct transport_unix *)t;

	while (u->n_passed)
		close(u->passed[--u->n_passed].fd);
	if (u->memory)
		munmap(u->memory, u->size);
	if (u->socket >= 0)
		close(u->socket);
	if (u->doorbell_fd >= 0)
		close(u->doorbell_fd);
	if (t->event_fd >= 0)
		close(t->event_fd);
	free(u);
}

static const struct transport_ops unix_ops = {
	.name = "unix",
	.doorbell = unix_doorbell,
	.acknowledge = unix_acknowledge,
	.edges = true,
	.peer_alive = unix_peer_alive,
	.pass = unix_pass,
	.take = unix_take,
	.close = unix_close,
};

static struct transport_unix *unix_new(int socket)
{
	struct transport_unix *u = calloc(1, sizeof(*u));

	if (!u) {
		close(socket);
		return NULL;
	}
	u->base.ops = &unix_ops;
	u->base.event_fd = -1;
	u->base.life_fd = socket;
	u->socket = socket;
	u->doorbell_fd = -1;
	return u;
}

static int unix_map(struct transport_unix *u, int memfd, bool server)
{
	struct transport *t = &u->base;
	struct shared_page *page;
	uint8_t *rings;

	u->size = memory_size();
	u->memory = mmap(NULL, u->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, memfd, 0);
	if (u->memory == MAP_FAILED) {
		u->memory = NULL;
		return -errno;
	}
	page = u->memory;
	rings = (uint8_t *)u->memory + INDEX_PAGE;
	t->receive.untrusted_prod = server ? &page->to_server_prod : &page->to_client_prod;
	t->receive.untrusted_cons = server ? &page->to_server_cons : &page->to_client_cons;
	t->receive.untrusted_buffer = server ? rings : rings + RING_SIZE;
	t->receive.untrusted_cpu = server ? &page->to_server_cpu : &page->to_client_cpu;
	t->send.untrusted_cpu = server ? &page->to_client_cpu : &page->to_server_cpu;
	t->send.untrusted_prod = server ? &page->to_client_prod : &page->to_server_prod;
	t->send.untrusted_cons = server ? &page->to_client_cons : &page->to_server_cons;
	t->send.untrusted_buffer = server ? rings + RING_SIZE : rings;
	t->receive.size = t->send.size = RING_SIZE;
	t->untrusted_wanted = server ? &page->server_wanted : &page->client_wanted;
	t->untrusted_asked = server ? &page->client_wanted : &page->server_wanted;
	t->bulk = rings + 2 * RING_SIZE + BULK_OFFSET;
	t->bulk_size = BULK_SIZE;
	t->n_bulk = N_BULK;
	return 0;
}

static int offer_send(int socket, const int fds[OFFER_FDS])
{
	struct offer offer = {
		.magic = PROTO_MAGIC,
		.layout_version = LAYOUT_VERSION,
		.ring_size = RING_SIZE,
		.bulk_size = BULK_SIZE,
		.n_bulk = N_BULK,
	};

	return pass_send(socket, &offer, sizeof(offer), fds, OFFER_FDS, 0);
}

int transport_unix_accept(int socket, struct transport **tp)
{
	struct transport_unix *u = unix_new(socket);
	int memfd, r;

	if (!u)
		return -ENOMEM;
	memfd = memfd_create("paradice-rings", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	u->base.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	u->doorbell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (memfd < 0 || u->base.event_fd < 0 || u->doorbell_fd < 0 ||
	    ftruncate(memfd, memory_size()) < 0 || fcntl(memfd, F_ADD_SEALS, SEALS) < 0)
		r = -errno;
	else
		r = unix_map(u, memfd, true);
	if (r == 0)
		r = offer_send(socket, (int[]){ memfd, u->base.event_fd, u->doorbell_fd });
	if (memfd >= 0)
		close(memfd);
	if (r < 0)
		transport_close(&u->base);
	else
		*tp = &u->base;
	return r;
}

/* Receives the offer and its descriptors, all or none. */
static int offer_receive(int socket, int timeout_ms, struct offer *offer, int fds[OFFER_FDS])
{
	struct pollfd pfd = { .fd = socket, .events = POLLIN };
	int r = poll(&pfd, 1, timeout_ms);

	if (r <= 0)
		return r < 0 ? -errno : -ETIMEDOUT;
	r = pass_receive_exactly(socket, offer, sizeof(*offer), fds, OFFER_FDS, MSG_DONTWAIT);
	if (r <= 0)
		return r < 0 ? r : -ECONNREFUSED;
	if (offer->magic == PROTO_MAGIC && offer->layout_version == LAYOUT_VERSION &&
	    offer->ring_size == RING_SIZE && offer->bulk_size == BULK_SIZE && offer->n_bulk == N_BULK)
		return 0;
	for (int i = 0; i < OFFER_FDS; i++)
		close(fds[i]);
	return -EPROTO;
}

/* True if the memory is as large as we shall use it, and stays so: a server that
 * shrinks it would end us by SIGBUS. */
static bool memory_trusted(int memfd)
{
	int seals = fcntl(memfd, F_GET_SEALS);
	struct stat st;

	return seals >= 0 && (seals & SEALS) == SEALS && fstat(memfd, &st) == 0 &&
	       st.st_size == (off_t)memory_size();
}

int transport_unix_connect(const char *path, int timeout_ms, struct transport **tp)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct transport_unix *u;
	struct offer offer;
	int fds[OFFER_FDS], fd, r;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	u = unix_new(fd);
	if (!u)
		return -ENOMEM;
	r = connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	if (r == 0)
		r = offer_receive(fd, timeout_ms, &offer, fds);
	if (r == 0) {
		u->doorbell_fd = fds[1];
		u->base.event_fd = fds[2];
		r = memory_trusted(fds[0]) ? unix_map(u, fds[0], false) : -EPROTO;
		close(fds[0]);
	}
	if (r < 0)
		transport_close(&u->base);
	else
		*tp = &u->base;
	return r;
}

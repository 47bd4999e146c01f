/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vchan transport, between two Xen domains. In the guest libxenvchan sets the rings up
 * (grants, event channel, xenstore), in the driver domain the supervisor has done so
 * (hostd/vchan_rings.h); libxenvchan tells when the peer is gone. The bytes go
 * through ring discipline of our own (channel.c), which follows the same public
 * interface, xen/io/libxenvchan.h, but reads each shared index only once.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/proto.h"
#include "proto/transport.h"

#ifdef HAVE_XEN
#include <fcntl.h>
#include <libxenvchan.h>
#include <sys/mman.h>
#include <xenstore.h>

#define PAGE 4096u

_Static_assert(RING_NOTIFY_WRITE == VCHAN_NOTIFY_WRITE && RING_NOTIFY_READ == VCHAN_NOTIFY_READ,
	       "the ring is libxenvchan's");

struct transport_vchan {
	struct transport base;
	struct libxenvchan *vchan;
};

static int vchan_doorbell(struct transport *t)
{
	struct transport_vchan *v = (struct transport_vchan *)t;

	return xenevtchn_notify(v->vchan->event, v->vchan->event_port) < 0 ? -errno : 0;
}

static void vchan_acknowledge(struct transport *t)
{
	struct transport_vchan *v = (struct transport_vchan *)t;

	libxenvchan_wait(v->vchan);
}

static bool vchan_peer_alive(struct transport *t)
{
	struct transport_vchan *v = (struct transport_vchan *)t;

	return libxenvchan_is_open(v->vchan) != 0;
}

/* Of a server's rings, what this process has. libxenvchan_close() would end them. */
static void served_close(struct libxenvchan *vchan)
{
	if (vchan->ring) {
		__atomic_store_n(&vchan->ring->srv_live, 0, __ATOMIC_SEQ_CST);
		munmap(vchan->ring, PAGE);
	}
	if (vchan->read.buffer)
		munmap(vchan->read.buffer, VCHAN_RING_SIZE);
	if (vchan->write.buffer)
		munmap(vchan->write.buffer, VCHAN_RING_SIZE);
	if (vchan->event) {
		(void)xenevtchn_notify(vchan->event, vchan->event_port);
		xenevtchn_close(vchan->event);
	}
	free(vchan);
}

static void both_close(struct libxenvchan *vchan)
{
	if (vchan->is_server)
		served_close(vchan);
	else
		libxenvchan_close(vchan);
}

static void vchan_close(struct transport *t)
{
	struct transport_vchan *v = (struct transport_vchan *)t;

	both_close(v->vchan);
	free(v);
}

static const struct transport_ops vchan_ops = {
	.name = "vchan",
	.doorbell = vchan_doorbell,
	.acknowledge = vchan_acknowledge,
	.peer_alive = vchan_peer_alive,
	.close = vchan_close,
};

static void ring_adopt(struct ring *ring, const struct libxenvchan_ring *from, bool send)
{
	ring->untrusted_prod = &from->shr->prod;
	ring->untrusted_cons = &from->shr->cons;
	ring->untrusted_buffer = from->buffer;
	ring->size = 1u << from->order;
	ring->index = send ? from->shr->prod : from->shr->cons;
}

static int vchan_adopt(struct libxenvchan *vchan, struct transport **tp)
{
	struct transport_vchan *v = calloc(1, sizeof(*v));
	bool server = vchan->is_server;

	if (!v || vchan->read.order < 17 || vchan->write.order < 17) {
		int r = v ? -EPROTO : -ENOMEM;

		both_close(vchan);
		free(v);
		return r;
	}
	v->vchan = vchan;
	v->base.ops = &vchan_ops;
	v->base.event_fd = libxenvchan_fd_for_select(vchan);
	/* An acknowledgement when nothing has come must not block. */
	fcntl(v->base.event_fd, F_SETFL, O_NONBLOCK);
	v->base.life_fd = -1;
	ring_adopt(&v->base.send, &vchan->write, true);
	ring_adopt(&v->base.receive, &vchan->read, false);
	v->base.untrusted_wanted = server ? &vchan->ring->cli_notify : &vchan->ring->srv_notify;
	v->base.untrusted_asked = server ? &vchan->ring->srv_notify : &vchan->ring->cli_notify;
	*tp = &v->base;
	return 0;
}

bool transport_vchan_built(void)
{
	return true;
}

/* Pages of the gntalloc file from `at` on. */
static void *served_map(int memory_fd, uint32_t at, size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, at);

	return memory == MAP_FAILED ? NULL : memory;
}

/* As if no event had ever come: the port may fire, and the file has nothing to read. An event
 * is told of only where there was nothing to read (evtchn_interrupt()), so one entry too many in
 * there would hide all that come. The last session may have left one, or the port masked. To
 * unmask it once there was nothing to read is not enough: an event in between has an entry then,
 * and the next one adds another. */
static int events_renew(xenevtchn_handle *event, uint32_t port)
{
	do
		if (xenevtchn_unmask(event, port) < 0)
			return -errno;
	while (xenevtchn_pending(event) >= 0);
	return 0;
}

static int served_init(struct libxenvchan *vchan, int memory_fd, int event_fd, uint32_t port)
{
	vchan->is_server = 1;
	vchan->event_port = port;
	vchan->read.order = vchan->write.order = VCHAN_RING_ORDER;
	vchan->event = xenevtchn_fdopen(NULL, event_fd, 0);
	if (!vchan->event) {
		int error = errno;

		close(event_fd);
		return -error;
	}
	vchan->ring = served_map(memory_fd, 0, PAGE);
	if (!vchan->ring)
		return -errno;
	vchan->read.shr = &vchan->ring->left;
	vchan->write.shr = &vchan->ring->right;
	vchan->read.buffer = served_map(memory_fd, PAGE, VCHAN_RING_SIZE);
	if (!vchan->read.buffer)
		return -errno;
	vchan->write.buffer = served_map(memory_fd, PAGE + VCHAN_RING_SIZE, VCHAN_RING_SIZE);
	if (!vchan->write.buffer)
		return -errno;
	if (fcntl(event_fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	return events_renew(vchan->event, port);
}

int transport_vchan_serve(int memory_fd, int event_fd, uint32_t port, struct transport **tp)
{
	struct libxenvchan *vchan = calloc(1, sizeof(*vchan));
	int r;

	if (!vchan) {
		close(memory_fd);
		close(event_fd);
		return -ENOMEM;
	}
	r = served_init(vchan, memory_fd, event_fd, port);
	/* What is mapped stays, and a session needs no more of it. */
	close(memory_fd);
	if (r < 0) {
		served_close(vchan);
		return r;
	}
	return vchan_adopt(vchan, tp);
}

/* Our own domain's number. */
static int own_domid(struct xs_handle *xs, unsigned int *domidp)
{
	char *text = xs_read(xs, XBT_NULL, "domid", NULL);
	int r;

	if (!text)
		return -errno;
	r = sscanf(text, "%u", domidp) == 1 ? 0 : -EPROTO;
	free(text);
	return r;
}

int transport_vchan_connect(uint32_t domid, struct transport **tp)
{
	struct libxenvchan *vchan;
	struct xs_handle *xs;
	unsigned int self = 0;
	char path[96], ref[112];
	char *offered = NULL;
	int r;

	xs = xs_open(0);
	if (!xs)
		return errno ? -errno : -ENOENT;
	r = own_domid(xs, &self);
	if (r == 0) {
		snprintf(path, sizeof(path), "/local/domain/%u/data/paradice/%u", domid, self);
		snprintf(ref, sizeof(ref), "%s/event-channel", path);
		offered = xs_read(xs, XBT_NULL, ref, NULL);
		if (!offered)
			r = -ENOENT;
		free(offered);
	}
	xs_close(xs);
	if (r < 0)
		return r;
	errno = 0;
	vchan = libxenvchan_client_init(NULL, domid, path);
	if (!vchan)
		return -ECONNREFUSED;
	if (libxenvchan_is_open(vchan) != 1) {
		libxenvchan_close(vchan);
		return -ECONNREFUSED;
	}
	return vchan_adopt(vchan, tp);
}

#else

bool transport_vchan_built(void)
{
	return false;
}

int transport_vchan_serve(int memory_fd, int event_fd, uint32_t port, struct transport **tp)
{
	close(memory_fd);
	close(event_fd);
	return -ENOSYS;
}

int transport_vchan_connect(uint32_t domid, struct transport **tp)
{
	return -ENOSYS;
}

#endif

void transport_close(struct transport *t)
{
	if (t)
		t->ops->close(t);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A transport: two byte rings in memory that both sides share, and a doorbell.
 *
 * Both transports (`unix`: a memfd and eventfds, `vchan`: granted pages and an
 * event channel) fill in the same structure; ring.c and channel.c do the rest,
 * so that the ring discipline exists once. The layout is that of libxenvchan
 * (xen/io/libxenvchan.h): free-running 32-bit indices, power-of-two rings, and
 * one byte for each side in which the other asks to be notified.
 *
 * Lifetime: made by a transport_…() function, ended by transport_close(). Not
 * locked: the owner's lock (session, guestd) covers it.
 */
#ifndef PARADICE_TRANSPORT_H
#define PARADICE_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>


#define RING_NOTIFY_WRITE 1u /* tell me when you have written */
#define RING_NOTIFY_READ 2u /* tell me when you have read */

/* One direction. The side that writes owns prod, the side that reads owns cons;
 * the own index is kept privately and only published. */
struct ring {
	uint32_t *untrusted_prod; /* in shared memory, written by both sides */
	uint32_t *untrusted_cons;
	uint32_t *untrusted_cpu; /* where who writes runs, beside prod; NULL: not on one kernel */
	uint8_t *untrusted_buffer;
	uint32_t size; /* bytes, a power of two */
	uint32_t index; /* our own prod or cons */
	uint32_t used; /* sending: at most so many bytes were unread when we last looked */
};

struct transport;

struct transport_ops {
	const char *name;
	int (*doorbell)(struct transport *t); /* 0 or negative errno */
	/* event_fd has fired: make it quiet. Who waits for its edges (EPOLLET) need not,
	 * if each doorbell is one. */
	void (*acknowledge)(struct transport *t);
	bool edges;
	bool (*peer_alive)(struct transport *t);
	/* On one kernel: one side hands a descriptor over (0 or negative errno), which the
	 * other then takes by the same tag (the caller's own, or negative errno). NULL
	 * elsewhere. */
	int (*pass)(struct transport *t, uint64_t tag, int fd);
	int (*take)(struct transport *t, uint64_t tag);
	void (*close)(struct transport *t); /* ends and frees it */
};

struct transport {
	const struct transport_ops *ops;
	struct ring send;
	struct ring receive;
	uint8_t *untrusted_wanted; /* RING_NOTIFY_ bits that we ask of the peer */
	uint8_t *untrusted_asked; /* RING_NOTIFY_ bits that the peer asks of us */
	int event_fd; /* readable when the peer rang */
	int life_fd; /* readable when the peer is gone, or -1 where event_fd tells */
	/* Bulk slots: shared memory outside of the rings, so that large reads and
	 * writes go between device and program without a copy. May be none. */
	uint8_t *bulk;
	uint32_t bulk_size; /* bytes of one slot */
	uint32_t n_bulk;
};

/* Ends the transport and frees it; the peer notices. NULL is allowed. */
void transport_close(struct transport *t);

/* unix, server side: makes the shared memory and hands it over the connected
 * SOCK_SEQPACKET `socket`, which the transport owns from then on (on failure
 * too). *tp is the transport. 0 or negative errno. */
int transport_unix_accept(int socket, struct transport **tp);

/* unix, client side: connects to the SOCK_SEQPACKET socket at `path`, waits at
 * most `timeout_ms` for the server's memory and checks it. 0, -ECONNREFUSED or
 * -ENOENT when nobody listens, -ETIMEDOUT, -EPROTO when the peer is not
 * Paradice or speaks another layout, or another negative errno. */
int transport_unix_connect(const char *path, int timeout_ms, struct transport **tp);

/* True if this build has the Xen transport. */
bool transport_vchan_built(void);

#define VCHAN_RING_ORDER 18
#define VCHAN_RING_SIZE (1u << VCHAN_RING_ORDER) /* 129 pages with the other ring: gntalloc allows 1024 in all */

/* vchan, server side, in the driver domain: serves rings of VCHAN_RING_SIZE. `memory_fd` is
 * a gntalloc file that has the shared page, the ring to the server and the ring to the client
 * from its begin on; `event_fd` are event channels, with the guest's `port`. Both are the
 * transport's from then on (on failure too). *tp is the transport. 0, -ENOSYS when built
 * without Xen, or negative errno. */
int transport_vchan_serve(int memory_fd, int event_fd, uint32_t port, struct transport **tp);

/* vchan, client side, in the guest: connects to domain `domid`'s server for this
 * domain. 0, -ENOENT while the server has not offered rings, -ECONNREFUSED when
 * they are a dead server's, -ENOSYS when built without Xen, or negative errno. */
int transport_vchan_connect(uint32_t domid, struct transport **tp);

#endif

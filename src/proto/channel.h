/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A channel: protocol messages over a transport.
 *
 * It frames, checks and copies messages, decides when the peer must be woken,
 * and spins for a bounded, self-tuning time before a side goes to sleep.
 *
 * Lifetime: channel_new() takes a transport over, channel_free() ends both. Not
 * locked: all calls on one channel come under the owner's lock, except
 * channel_readable(), channel_glance() and channel_spin(), which only look.
 */
#ifndef PARADICE_CHANNEL_H
#define PARADICE_CHANNEL_H

#include <sys/uio.h>

#include "proto/proto.h"
#include "proto/transport.h"

#define CHANNEL_POLL_AUTO (-1) /* poll-us = auto */

struct channel {
	struct transport *transport;
	enum proto_from peer; /* who sends what we receive */
	uint32_t max_message; /* largest message either way; lowered by HELLO */
	uint32_t max_in_flight;
	uint64_t capabilities; /* common to both sides after HELLO */
	uint16_t version; /* 0 until HELLO is done */
	bool doorbell_due; /* something was sent since the last flush */
	bool room_due; /* something was received since the last flush */
	int poll_us; /* CHANNEL_POLL_AUTO, or microseconds */
	uint32_t spin_max_ns; /* when sleeping is cheaper than spinning on */
	uint32_t gap_ns; /* running average of how long waiting took */
	uint32_t waits; /* while it slept, since it last tried to spin */
	uint32_t slept_ns; /* running average of those */
	uint32_t quick_ns; /* the same of the quickest of them */
	uint32_t trial_every; /* waits until it tries again */
	bool crowd; /* set by its owner: several are served at once, which is no time to spin */
	uint32_t abstain; /* waits in which it does not spin, because others want the processor */
	uint32_t abstained; /* how many it were the last time */
	uint32_t spun; /* waits since then */
	uint32_t trial_ns; /* of the waits in which it tries: what they took, added up, by their number */
	struct proto_fault fault; /* why the last call returned -EPROTO */
};

/* A buffer for one received message. Large (max_message), touched only as far
 * as messages reach. */
struct channel_buffer {
	void *memory;
	size_t size;
};

int channel_buffer_init(struct channel_buffer *buffer);
void channel_buffer_fini(struct channel_buffer *buffer);

/* Takes `transport` over (on failure too). `peer` says who is at the other end.
 * NULL when memory is short. */
struct channel *channel_new(struct transport *transport, enum proto_from peer, int poll_us);
void channel_free(struct channel *channel);

/* Sends one message: header and body from the arguments (body may be NULL for a
 * body of no fields), payload from `n` pieces. It is copied into the ring whole
 * or not at all; nobody is woken before channel_flush(). 0, -EAGAIN when the
 * ring has no room (the peer will ring when it has read), -EMSGSIZE when it is
 * over max_message, -EPROTO when the peer broke the ring. */
int channel_send(struct channel *channel, uint16_t opcode, uint64_t tag, const void *body,
		 const struct iovec *payload, int n);

/* Wakes the peer for all that was sent and read since the last call, if it asked
 * to be woken. True if it was: then it slept. */
bool channel_flush(struct channel *channel);

/* Takes the next message out of the ring into `buffer` and decodes it. 1 and
 * *message (which lives in buffer), 0 when there is none yet, -EPROTO with
 * channel->fault when the peer broke the protocol. */
int channel_receive(struct channel *channel, struct channel_buffer *buffer,
		    struct proto_message *message);

/* True if there is something to receive (or a fault to be told). Looks only. */
bool channel_readable(const struct channel *channel);

/* Asks to be woken when a message comes (and when there is room, if `room`), then
 * looks once more: true if there is already something, so do not sleep. */
bool channel_arm(struct channel *channel, bool room);

/* Takes the wish to be woken back: somebody is looking. */
void channel_disarm(struct channel *channel);

/* True while the transport can carry messages: peer is there, nothing closed. */
bool channel_alive(const struct channel *channel);

/* Looks for some microseconds whether there is something to receive. */
bool channel_glance(const struct channel *channel);

/* Spins until there is something to receive, or the time that has paid off lately
 * is over; on one kernel it lets others run between two looks. True if there is something.
 * `since_ns` is when the waiting began (channel_now_ns()), and counts as its first look;
 * *gone_nsp: the longest between two looks, for channel_spun(). */
bool channel_spin(const struct channel *channel, uint64_t since_ns, uint64_t *gone_nsp);

/* Tells that one who spins has not looked for so long. If that is a slice of the scheduler's,
 * others want the processor, and no more is spun for some waits: the scheduler wakes at once
 * a thread that sleeps much, but makes one wait that has used up its share, be it by spinning.
 * On one kernel only. */
void channel_spun(struct channel *channel, uint64_t gone_ns);

/* Nanoseconds that spinning may last now. */
uint32_t channel_spin_budget_ns(const struct channel *channel);

/* The calling thread is about to sleep, and has served one operation at a time: where the
 * peer runs it will be woken fastest (near.h). */
void channel_near(const struct channel *channel);

/* Waiting for the peer begins: channel_now_ns(), or 0 where nobody spins, ever. */
uint64_t channel_wait_ns(const struct channel *channel);
/* Tells how long waiting for the peer took in all, so that spinning tunes itself. */
void channel_waited(struct channel *channel, uint64_t gap_ns);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t channel_now_ns(void);

/* Sends our HELLO. 0 or as channel_send(). */
int channel_hello(struct channel *channel, uint32_t max_in_flight);

/* Takes the peer's HELLO and settles version, sizes and capabilities. 0, or
 * -EPROTO with a fault that names both sides' versions, or the field. */
int channel_hello_settle(struct channel *channel, const struct proto_message *message);

/* Memory of one bulk slot of at least `size` bytes, or NULL when there is no
 * such slot or it is too small. */
uint8_t *channel_bulk(const struct channel *channel, uint32_t slot, uint32_t size);

/* Parses poll-us: "auto", or 0 to 1000. 0 and *pollp, or -EINVAL. */
int channel_poll_parse(const char *text, int *pollp);

#endif

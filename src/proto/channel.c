/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages over the rings of a transport. Indices and bytes of the rings are the
 * peer's to change at any time: each index is read once, checked against the
 * ring's size and then used; each message is copied out before it is looked at.
 */
#include "config.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "proto/channel.h"
#include "proto/near.h"
#include "proto/wake_cost.h"

#define SPIN_MAX_NS 200000u /* at least; longer than a transfer of 1 MiB takes */
#define SPIN_WAKES 4 /* spinning may last as long as so many wake-ups there and back */
#define SPIN_LIMIT_NS 20000000u
#define WAIT_LIMIT_NS (2 * SPIN_LIMIT_NS) /* no wait counts for more */
#define SPIN_MIN_NS 10000u
#define GAP_CAPS 2 /* one long pause says no more than so many spin_max_ns: it pays if most are short */
#define GAP_WEIGHT 8
#define SLEPT_WEIGHT 8
#define QUICK_DOWN 4 /* an average of the quickest tenth or so follows these at once, and others slowly */
#define QUICK_UP 64
/* What a wake-up by the peer costs shows only when nobody sleeps: now and then a side that
 * sleeps spins for some waits, and goes on to if that makes them so much shorter. */
#define TRIAL_FIRST 32 /* after so many waits; each time that it was no use, after twice as many */
#define TRIAL_EVERY 256 /* when it was of use, and is no more */
#define TRIAL_RAREST (64 * TRIAL_EVERY)
#define TRIAL_QUICK 4 /* not if waits take more than so many quick ones, which are wake-ups and little else */
#define TRIAL_WAITS 16
#define TRIAL_GAIN(slept_ns) ((slept_ns) / 4 * 3) /* as long as three wake-ups */
#define GLANCE_ROUNDS 128
/* Between two looks of one who spins: at least a slice of the scheduler's went to others. */
#define LOST_NS 1000000u
#define LOST_GAIN 4 /* how much of that spinning must have saved meanwhile */
#define ABSTAIN_MIN 64 /* waits; each time that spinning did not pay, twice as many */
#define ABSTAIN_MAX (256 * ABSTAIN_MIN)

int channel_buffer_init(struct channel_buffer *buffer)
{
	buffer->size = PROTO_MESSAGE_MAX;
	buffer->memory = mmap(NULL, buffer->size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (buffer->memory == MAP_FAILED) {
		buffer->memory = NULL;
		return -errno;
	}
	return 0;
}

void channel_buffer_fini(struct channel_buffer *buffer)
{
	if (buffer->memory)
		munmap(buffer->memory, buffer->size);
	buffer->memory = NULL;
}

/* Sleeping pays when waiting takes longer than some wake-ups do, and those cost very
 * differently: 5 µs here, 50 in a virtual machine, 500 in an emulated one. */
static uint32_t spin_max_ns(void)
{
	uint64_t ns = (uint64_t)wake_cost_ns() * SPIN_WAKES;

	if (ns < SPIN_MAX_NS)
		return SPIN_MAX_NS;
	return ns < SPIN_LIMIT_NS ? ns : SPIN_LIMIT_NS;
}

struct channel *channel_new(struct transport *transport, enum proto_from peer, int poll_us)
{
	struct channel *channel = calloc(1, sizeof(*channel));

	if (!channel) {
		transport_close(transport);
		return NULL;
	}
	channel->transport = transport;
	channel->peer = peer;
	channel->max_message = PROTO_MESSAGE_MAX;
	channel->max_in_flight = PROTO_IN_FLIGHT_MAX;
	channel->poll_us = poll_us;
	channel->spin_max_ns = spin_max_ns();
	channel->gap_ns = GAP_CAPS * channel->spin_max_ns;
	channel->slept_ns = channel->quick_ns = WAIT_LIMIT_NS;
	channel->trial_every = TRIAL_FIRST;
	near_init();
	return channel;
}

void channel_free(struct channel *channel)
{
	if (!channel)
		return;
	transport_close(channel->transport);
	free(channel);
}

static void ring_put(struct ring *ring, const void *data, size_t length)
{
	uint32_t at = ring->index & (ring->size - 1);
	size_t first = ring->size - at;

	/* A piece of no bytes may have no memory, which memcpy() does not allow. */
	if (!length)
		return;
	if (first > length)
		first = length;
	memcpy(ring->untrusted_buffer + at, data, first);
	memcpy(ring->untrusted_buffer, (const uint8_t *)data + first, length - first);
	ring->index += length;
}

static void ring_get(const struct ring *ring, uint32_t index, void *data, size_t length)
{
	uint32_t at = index & (ring->size - 1);
	size_t first = ring->size - at;

	if (first > length)
		first = length;
	memcpy(data, ring->untrusted_buffer + at, first);
	memcpy((uint8_t *)data + first, ring->untrusted_buffer, length - first);
}

int channel_send(struct channel *channel, uint16_t opcode, uint64_t tag, const void *body,
		 const struct iovec *payload, int n)
{
	struct ring *ring = &channel->transport->send;
	const struct proto_desc *desc = proto_desc_find(opcode);
	struct proto_header header = { .opcode = opcode, .tag = tag };
	uint64_t length;

	length = sizeof(header) + desc->body_size;
	for (int i = 0; i < n; i++)
		length += payload[i].iov_len;
	if (length > channel->max_message || length > ring->size)
		return -EMSGSIZE;
	/* Looking at the peer's index costs a cache miss: only when it matters. */
	if (length > ring->size - ring->used) {
		uint32_t used = ring->index - __atomic_load_n(ring->untrusted_cons, __ATOMIC_ACQUIRE);

		if (used > ring->size)
			return proto_fault_set(&channel->fault, "ring: the peer's consumer index is off by %u",
					       used);
		ring->used = used;
	}
	if (length > ring->size - ring->used)
		return -EAGAIN;
	ring->used += length;
	header.length = length;
	ring_put(ring, &header, sizeof(header));
	ring_put(ring, body, desc->body_size);
	for (int i = 0; i < n; i++)
		ring_put(ring, payload[i].iov_base, payload[i].iov_len);
	__atomic_store_n(ring->untrusted_prod, ring->index, __ATOMIC_RELEASE);
	if (ring->untrusted_cpu)
		__atomic_store_n(ring->untrusted_cpu, sched_getcpu(), __ATOMIC_RELAXED);
	channel->doorbell_due = true;
	return 0;
}

bool channel_flush(struct channel *channel)
{
	struct transport *t = channel->transport;
	uint8_t bits = (channel->doorbell_due ? RING_NOTIFY_WRITE : 0) |
		       (channel->room_due ? RING_NOTIFY_READ : 0);

	if (!bits)
		return false;
	channel->doorbell_due = channel->room_due = false;
	/* Our index must be out before we look whether the peer sleeps; the peer
	 * asks before it looks at our index (channel_arm). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(__atomic_load_n(t->untrusted_asked, __ATOMIC_RELAXED) & bits))
		return false;
	if (!(__atomic_fetch_and(t->untrusted_asked, (uint8_t)~bits, __ATOMIC_SEQ_CST) & bits))
		return false;
	t->ops->doorbell(t);
	return true;
}

bool channel_readable(const struct channel *channel)
{
	const struct ring *ring = &channel->transport->receive;

	return __atomic_load_n(ring->untrusted_prod, __ATOMIC_ACQUIRE) != ring->index;
}

int channel_receive(struct channel *channel, struct channel_buffer *buffer,
		    struct proto_message *message)
{
	struct ring *ring = &channel->transport->receive;
	struct proto_header header;
	uint32_t ready;
	int r;

	ready = __atomic_load_n(ring->untrusted_prod, __ATOMIC_ACQUIRE) - ring->index;
	if (!ready)
		return 0;
	if (ready > ring->size)
		return proto_fault_set(&channel->fault, "ring: the peer's producer index is off by %u", ready);
	if (ready < sizeof(header))
		return proto_fault_set(&channel->fault, "truncated: %u bytes are less than a header", ready);
	ring_get(ring, ring->index, &header, sizeof(header));
	r = proto_header_check(&header, channel->peer, channel->max_message, &channel->fault);
	if (r < 0)
		return r;
	if (header.length > ready)
		return proto_fault_set(&channel->fault, "truncated: header.length %u, but %u bytes came",
				       header.length, ready);
	if (header.length > buffer->size)
		return proto_fault_set(&channel->fault, "header.length %u is over %zu", header.length,
				       buffer->size);
	/* The header that was checked is the one that is decoded: the bytes in the
	 * ring may have changed since. */
	memcpy(buffer->memory, &header, sizeof(header));
	ring_get(ring, ring->index + sizeof(header), (uint8_t *)buffer->memory + sizeof(header),
		 header.length - sizeof(header));
	ring->index += header.length;
	__atomic_store_n(ring->untrusted_cons, ring->index, __ATOMIC_RELEASE);
	channel->room_due = true;
	r = proto_decode(buffer->memory, header.length, channel->peer, channel->max_message, message,
			 &channel->fault);
	if (r < 0)
		return r;
	if (!channel->version && header.opcode != PROTO_HELLO)
		return proto_fault_set(&channel->fault, "%s came before HELLO", message->desc->name);
	return 1;
}

bool channel_arm(struct channel *channel, bool room)
{
	uint8_t bits = RING_NOTIFY_WRITE | (room ? RING_NOTIFY_READ : 0);

	__atomic_fetch_or(channel->transport->untrusted_wanted, bits, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return channel_readable(channel);
}

void channel_disarm(struct channel *channel)
{
	uint8_t *wanted = channel->transport->untrusted_wanted;

	/* A plain store: the peer only ever clears bits, and a wish for room is
	 * made again before the next sleep. */
	if (__atomic_load_n(wanted, __ATOMIC_RELAXED))
		__atomic_store_n(wanted, 0, __ATOMIC_RELAXED);
}

bool channel_alive(const struct channel *channel)
{
	return channel->transport->ops->peer_alive(channel->transport);
}

uint64_t channel_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

static uint32_t smaller(uint64_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* The longest that spinning is tried for. */
static uint32_t trial_max_ns(const struct channel *channel)
{
	return smaller((uint64_t)TRIAL_QUICK * channel->quick_ns, SPIN_LIMIT_NS);
}

uint32_t channel_spin_budget_ns(const struct channel *channel)
{
	uint32_t budget;

	if (channel->poll_us >= 0)
		return channel->poll_us * 1000u;
	if (channel->crowd || channel->abstain)
		return 0;
	if (channel->gap_ns >= channel->spin_max_ns)
		return channel->waits >= channel->trial_every ? trial_max_ns(channel) : 0;
	budget = 4 * channel->gap_ns + SPIN_MIN_NS;
	return budget < channel->spin_max_ns ? budget : channel->spin_max_ns;
}

bool channel_glance(const struct channel *channel)
{
	for (int i = 0; i < GLANCE_ROUNDS; i++) {
		if (channel_readable(channel))
			return true;
		__builtin_ia32_pause();
	}
	return false;
}

static uint32_t peer_processor(const struct channel *channel)
{
	const uint32_t *untrusted_cpu = channel->transport->receive.untrusted_cpu;

	return untrusted_cpu ? __atomic_load_n(untrusted_cpu, __ATOMIC_RELAXED) : CPU_SETSIZE;
}

void channel_near(const struct channel *channel)
{
	near_processor(peer_processor(channel));
}

void channel_spun(struct channel *channel, uint64_t gone_ns)
{
	/* What spinning has saved since the last time, at least a wake-up each. */
	uint64_t saved_ns = (uint64_t)channel->spun * wake_cost_ns();

	if (channel->poll_us >= 0 || gone_ns < LOST_NS || gone_ns < channel->spin_max_ns)
		return;
	/* Another domain's wake-ups cost many times a thread's, and its hypervisor shares
	 * otherwise. */
	if (!channel->transport->receive.untrusted_cpu)
		return;
	channel->abstained = saved_ns < LOST_GAIN * gone_ns ? smaller(2 * channel->abstained, ABSTAIN_MAX) : 0;
	if (channel->abstained < ABSTAIN_MIN)
		channel->abstained = ABSTAIN_MIN;
	channel->abstain = channel->abstained;
	channel->spun = 0;
}

bool channel_spin(const struct channel *channel, uint64_t since_ns, uint64_t *gone_nsp)
{
	uint64_t until_ns = since_ns + channel_spin_budget_ns(channel);
	bool one_kernel = channel->transport->receive.untrusted_cpu;
	uint64_t looked_ns, now_ns = since_ns;
	bool found;

	*gone_nsp = 0;
	if (!near_apart(peer_processor(channel)))
		return false;
	do {
		looked_ns = now_ns;
		found = channel_glance(channel);
		/* A program that guestd has just woken may be queued here. */
		if (!found && one_kernel)
			sched_yield();
		now_ns = channel_now_ns();
		if (now_ns - looked_ns > *gone_nsp)
			*gone_nsp = now_ns - looked_ns;
	} while (!found && now_ns < until_ns);
	return found;
}

uint64_t channel_wait_ns(const struct channel *channel)
{
	return channel->poll_us ? channel_now_ns() : 0;
}

/* Moves a running average towards `ns`. */
static void average(uint32_t *averagep, uint32_t ns, int32_t weight)
{
	*averagep += ((int32_t)ns - (int32_t)*averagep) / weight;
}

static void trial_end(struct channel *channel)
{
	channel->waits = 0;
	if (channel->trial_ns >= TRIAL_GAIN(channel->slept_ns)) {
		channel->trial_every = smaller(2 * channel->trial_every, TRIAL_RAREST);
		return;
	}
	channel->trial_every = TRIAL_EVERY;
	channel->gap_ns = channel->trial_ns;
	if (channel->spin_max_ns < GAP_CAPS * channel->trial_ns)
		channel->spin_max_ns = smaller(GAP_CAPS * channel->trial_ns, trial_max_ns(channel));
}

/* A wait of a side that sleeps, or of its trial. */
static void trial(struct channel *channel, uint64_t gap_ns)
{
	uint32_t gap = smaller(gap_ns, WAIT_LIMIT_NS);

	if (channel->waits++ < channel->trial_every) {
		average(&channel->slept_ns, gap, SLEPT_WEIGHT);
		average(&channel->quick_ns, gap, gap < channel->quick_ns ? QUICK_DOWN : QUICK_UP);
		channel->trial_ns = 0;
		if (channel->waits == channel->trial_every && channel->slept_ns > trial_max_ns(channel))
			channel->waits = 0;
		return;
	}
	channel->trial_ns += gap / TRIAL_WAITS;
	if (channel->waits == channel->trial_every + TRIAL_WAITS)
		trial_end(channel);
}

void channel_waited(struct channel *channel, uint64_t gap_ns)
{
	if (channel->poll_us >= 0)
		return;
	if (channel->abstain) {
		channel->abstain--;
		return;
	}
	if (channel->spun < ABSTAIN_MAX)
		channel->spun++;
	if (channel->gap_ns < channel->spin_max_ns)
		channel->waits = 0;
	else
		trial(channel, gap_ns);
	average(&channel->gap_ns, smaller(gap_ns, GAP_CAPS * channel->spin_max_ns), GAP_WEIGHT);
}

int channel_hello(struct channel *channel, uint32_t max_in_flight)
{
	struct proto_hello hello = {
		.magic = PROTO_MAGIC,
		.version_min = PROTO_VERSION_MIN,
		.version_max = PROTO_VERSION_MAX,
		.capabilities = PROTO_CAP_ALL,
		.max_message = PROTO_MESSAGE_MAX,
		.max_in_flight = max_in_flight,
	};

	channel->max_in_flight = max_in_flight;
	return channel_send(channel, PROTO_HELLO, 0, &hello, NULL, 0);
}

int channel_hello_settle(struct channel *channel, const struct proto_message *message)
{
	const struct proto_hello *hello = message->body;

	if (channel->version)
		return proto_fault_set(&channel->fault, "HELLO came twice");
	if (hello->magic != PROTO_MAGIC)
		return proto_fault_set(&channel->fault, "HELLO: magic 0x%llx: the peer is not Paradice",
				       (unsigned long long)hello->magic);
	if (hello->version_min > PROTO_VERSION_MAX || hello->version_max < PROTO_VERSION_MIN ||
	    hello->version_min > hello->version_max)
		return proto_fault_set(&channel->fault,
				       "HELLO: the peer speaks protocol versions %u to %u, this side %u to %u: "
				       "upgrade the older of the two",
				       hello->version_min, hello->version_max, PROTO_VERSION_MIN,
				       PROTO_VERSION_MAX);
	if (hello->max_message < PROTO_MESSAGE_MIN)
		return proto_fault_set(&channel->fault, "HELLO: max_message %u is under %u",
				       hello->max_message, PROTO_MESSAGE_MIN);
	if (hello->max_in_flight < 1)
		return proto_fault_set(&channel->fault, "HELLO: max_in_flight is zero");
	channel->version = hello->version_max < PROTO_VERSION_MAX ? hello->version_max : PROTO_VERSION_MAX;
	if (hello->max_message < channel->max_message)
		channel->max_message = hello->max_message;
	if (hello->max_in_flight < channel->max_in_flight)
		channel->max_in_flight = hello->max_in_flight;
	channel->capabilities = hello->capabilities & PROTO_CAP_ALL;
	return 0;
}

uint8_t *channel_bulk(const struct channel *channel, uint32_t slot, uint32_t size)
{
	const struct transport *t = channel->transport;

	if (slot >= t->n_bulk || size > t->bulk_size)
		return NULL;
	return t->bulk + (size_t)slot * t->bulk_size;
}

int channel_poll_parse(const char *text, int *pollp)
{
	char *end;
	long n;

	if (strcmp(text, "auto") == 0) {
		*pollp = CHANNEL_POLL_AUTO;
		return 0;
	}
	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || end == text || *end || n < 0 || n > 1000)
		return -EINVAL;
	*pollp = n;
	return 0;
}

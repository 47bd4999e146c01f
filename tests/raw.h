/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A raw peer, for tests that break the protocol: the ring and the messages, with
 * nothing that keeps one from writing whatever one likes; and a daemon under test
 * with its log. One thread; every wait has a deadline that fails the test.
 */
#ifndef PARADICE_TESTS_RAW_H
#define PARADICE_TESTS_RAW_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/channel.h"

#define RAW_HANG_MS 20000

struct raw {
	struct channel *channel;
	struct channel_buffer buffer;
	struct proto_message message; /* the last one received */
	uint64_t tag; /* last used */
};

/* Becomes the peer of `transport`, which it takes over. `peer` is who is there. */
void raw_init(struct raw *raw, struct transport *transport, enum proto_from peer);
void raw_fini(struct raw *raw);

/* Writes bytes to the ring, tells the peer, and does not care for anything. */
void raw_put(struct raw *raw, const void *data, size_t size);
/* Waits until the peer has read so much that `size` bytes find room. */
void raw_room(struct raw *raw, size_t size);
/* Tells the peer an index of ours, and rings. */
void raw_publish(struct raw *raw, uint32_t prod);
void raw_ring_doorbell(struct raw *raw);

/* Makes a message in `data` (room for PROTO_MESSAGE_MAX); its size. The length in
 * the header is right, whatever the table says. */
size_t raw_make(uint8_t *data, uint16_t opcode, uint64_t tag, const void *body, size_t body_size,
		const void *payload, size_t payload_size);
/* The same, sent. */
void raw_send(struct raw *raw, uint16_t opcode, uint64_t tag, const void *body, size_t body_size,
	      const void *payload, size_t payload_size);

/* Sends a HELLO as this version of Paradice has it. */
void raw_hello(struct raw *raw);

/* Receives one message into raw->message. True, or false when the peer has gone. */
bool raw_receive(struct raw *raw);
/* Receives until one with this opcode comes; fails the test if the peer goes. */
const void *raw_expect(struct raw *raw, uint16_t opcode);
/* Reads until the peer has gone; fails the test if it stays. */
void raw_expect_end(struct raw *raw);

/* A daemon under test. */
struct daemon {
	pid_t pid;
	char log[128]; /* path */
	long mark; /* place in the log from which is searched */
};
/* Starts it with standard error to `log`. */
void daemon_start(struct daemon *daemon, const char *log, char *const argv[]);
/* Ends it with SIGTERM; the test fails unless it exits with 0. */
void daemon_stop(struct daemon *daemon);
bool daemon_runs(const struct daemon *daemon);
/* Forgets what is in the log so far. */
void daemon_log_mark(struct daemon *daemon);
/* Waits for a line with both texts after the mark; fails the test without. */
void daemon_log_expect(struct daemon *daemon, const char *text, const char *other);
/* How many descriptors and children the process has. */
int daemon_count_descriptors(const struct daemon *daemon);
int daemon_count_children(const struct daemon *daemon);
/* Prints its log; for a test that failed. */
void daemon_log_print(const struct daemon *daemon);

void raw_rest_ms(unsigned int ms);
uint64_t raw_now_ms(void);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A socket to connect to, and two channels over it, both ends in this process. */
#ifndef PARADICE_TESTS_CHANNEL_RIG_H
#define PARADICE_TESTS_CHANNEL_RIG_H

#include <check.h>
#include <stdint.h>

#include "proto/channel.h"

#define TIMEOUT_MS 5000
#define OVERHEAD (sizeof(struct proto_header) + sizeof(struct proto_write))

extern char directory[]; /* of the socket */
extern char path[]; /* the socket's */
extern int listener;
extern int n_descriptors; /* before the test */
extern struct channel *host, *guest;
extern struct channel_buffer buffer; /* of receive_write() and the like */

/* Checked fixtures: the socket; connected channels; the same after HELLO. All check in
 * the end that no descriptor was left. */
void listen_setup(void);
void listen_teardown(void);
void pair_setup(void);
void settled_setup(void);
void pair_teardown(void);

/* One says HELLO to the other. */
void greet(struct channel *from, struct channel *to);
/* Moves both rings to another index, as after much traffic. */
void rings_start_at(uint32_t index);
/* A WRITE of the guest with bytes that follow from its tag; as channel_send(). */
int send_write(uint64_t tag, uint32_t size);
/* The host receives it. */
void receive_write(uint64_t tag, uint32_t size);
/* As channel_receive(); a fault must have this text. */
int receive_fault(struct channel *channel, const char *text);

/* The cases of the other test_channel_….c. */
TCase *offers_case(void);
TCase *waiting_case(void);

#endif

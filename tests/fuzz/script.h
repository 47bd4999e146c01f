/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages from fuzz input, past the header's checks: the kind by its place in the
 * table, each field either as bytes or as a choice among values that mean something.
 */
#ifndef PARADICE_TESTS_FUZZ_SCRIPT_H
#define PARADICE_TESTS_FUZZ_SCRIPT_H

#include "input.h"
#include "proto/channel.h"

/* The value for a field when the input asks for one that means something; `choice`
 * is the input's byte. */
typedef uint64_t (*script_value_fn)(const char *field, uint8_t choice, void *context);

/* The command of a row: every fourth of the layout tables, as many as a byte can tell
 * apart; beyond, the byte itself. */
uint32_t script_command(uint8_t choice);

/* Makes a message of a kind that `from` sends and puts it into the channel as its
 * peer would. 0, or as channel_send(). */
int script_message(struct input *input, struct channel *channel, enum proto_from from,
		   script_value_fn value, void *context);

/* Puts bytes of the input into the ring as they are and moves the producer. */
void script_raw(struct input *input, struct channel *channel);

/* Puts a seed message of any kind, with one byte of it changed. */
void script_seed(struct input *input, struct channel *channel);

/* Makes the producer and consumer indices, which this end owns, something else. */
void script_indices(struct input *input, struct channel *channel);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What calls of a command without a row suggest about it: made by verify_guess.c from
 * what was observed, said by verify_guess_say.c in the tables' language. Covered by the
 * session's lock.
 */
#ifndef PARADICE_HOSTD_VERIFY_GUESS_H
#define PARADICE_HOSTD_VERIFY_GUESS_H

#include <stdbool.h>
#include <stdint.h>

#define GUESS_ARGUMENT_MAX 512u /* bytes that are searched for pointers */
#define GUESS_LEADS_MAX 8u

struct session;

/* A pointer in the argument that the driver followed. */
struct lead_to {
	uint32_t at; /* offset */
	uint64_t address;
	uint32_t extent; /* bytes from there */
	bool read, written;
	int32_t count_at; /* offset of a number that explains the extent, or -1 */
	uint32_t count_size, unit;
};

struct guess {
	uint32_t command;
	uint32_t size; /* of the argument, as the number or the changes tell */
	bool size_known;
	bool read, written;
	uint8_t bytes[GUESS_ARGUMENT_MAX]; /* of the argument before the call */
	uint8_t after[GUESS_ARGUMENT_MAX]; /* and after it */
	uint32_t n_bytes;
	struct lead_to leads[GUESS_LEADS_MAX];
	uint32_t n_leads;
	uint32_t n_lost; /* points that nothing leads to */
};

/* What is known of a command from all its calls. */
struct verify_guess {
	struct verify_guess *next;
	uint32_t class;
	struct guess sum; /* but for the bytes */
	uint32_t said; /* a hash of the last row */
	uint32_t n_said;
};

/* Says what was seen and the row that fits it, if that is new. */
void verify_guess_say(const struct session *session, struct verify_guess *record, const struct guess *guess,
		      int64_t result);

#endif

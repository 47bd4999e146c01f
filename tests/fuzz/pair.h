/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A transport whose two ends are in this process, with rings on the heap, so that a
 * sanitizer sees each byte beyond them. Made once and used for all inputs.
 */
#ifndef PARADICE_TESTS_FUZZ_PAIR_H
#define PARADICE_TESTS_FUZZ_PAIR_H

#include "proto/transport.h"

struct pair {
	struct transport host, guest;
	bool alive; /* as both ends see it */
	uint32_t indices[4];
	uint8_t wanted[2];
};

/* `bulk` slots may be 0, as with vchan. Aborts when memory is short. */
void pair_init(struct pair *pair, uint32_t n_bulk);

/* Both rings empty, their indices at `index`. */
void pair_reset(struct pair *pair, uint32_t index);

#endif

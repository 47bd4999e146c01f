/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One input of fuzz_layout for each row of the tables. */
#ifndef PARADICE_FUZZ_LAYOUT_SEED_H
#define PARADICE_FUZZ_LAYOUT_SEED_H

#include <string.h>

#include "proto/layout.h"

#define LAYOUT_SEED_SIZE 256u
#define LAYOUT_SEED_KINDS 3u

/* Seed `n`, in data[LAYOUT_SEED_SIZE]; false when there are no more. */
static inline bool layout_seed(uint32_t n, uint8_t *data)
{
	uint32_t kind = n % LAYOUT_SEED_KINDS, row = n / LAYOUT_SEED_KINDS, total = 0;
	size_t at = 0;

	for (size_t i = 0; layout_tables[i]; i++)
		total += layout_tables[i]->n_rows;
	if (row >= total)
		return false;
	memset(data, 0, LAYOUT_SEED_SIZE);
	data[at++] = 0; /* from a row */
	data[at++] = row;
	data[at++] = row >> 8;
	memset(data + at, kind ? 0 : 0xff, 2); /* an index */
	data[at + 2] = 0x60; /* a size */
	at += 4;
	data[at++] = 32; /* bits of a frame */
	data[at++] = 2; /* channels */
	data[at++] = 0;
	data[at++] = kind == 2 ? 1 : 0; /* lies */
	data[at++] = 0;
	for (; at < LAYOUT_SEED_SIZE; at++)
		data[at] = kind ? at * 7 + row : 1;
	return true;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes that the puppet and the suite both know: a stream from a seed, and a sum. */
#ifndef PARADICE_TESTS_PATTERN_H
#define PARADICE_TESTS_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#define PATTERN_SUM_START UINT64_C(0xcbf29ce484222325) /* FNV-1a, 64 bits */

/* The next `size` bytes of the stream; *state is the seed at first, not zero. */
static inline void pattern_fill(uint32_t *state, uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		*state ^= *state << 13;
		*state ^= *state >> 17;
		*state ^= *state << 5;
		data[i] = *state >> 24;
	}
}

static inline uint64_t pattern_sum(uint64_t sum, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		sum = (sum ^ data[i]) * UINT64_C(0x100000001b3);
	return sum;
}

#endif

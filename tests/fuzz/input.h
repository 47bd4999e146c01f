/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bytes that drive a fuzz target, taken from the front; zeros when they are
 * used up. */
#ifndef PARADICE_TESTS_FUZZ_INPUT_H
#define PARADICE_TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct input {
	const uint8_t *data;
	size_t left;
};

/* Copies `size` bytes; what is missing is zero. */
static inline void input_bytes(struct input *input, void *to, size_t size)
{
	size_t n = size < input->left ? size : input->left;

	if (n)
		memcpy(to, input->data, n);
	memset((uint8_t *)to + n, 0, size - n);
	input->data += n;
	input->left -= n;
}

/* A little-endian number of `size` bytes, at most 8. */
static inline uint64_t input_number(struct input *input, size_t size)
{
	uint64_t value = 0;

	input_bytes(input, &value, size);
	return value;
}

static inline uint8_t input_byte(struct input *input)
{
	return input_number(input, 1);
}

/* What libFuzzer calls, and replay.c. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A target's own seeds, if it has any: number `n` in `data`, its size, or 0 for none. */
size_t fuzz_seed(uint32_t n, uint8_t *data, size_t size) __attribute__((weak));

#endif

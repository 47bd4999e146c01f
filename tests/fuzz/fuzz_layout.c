/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The layout tables: what is found for any command, and what the predicates make of
 * any bytes. The first byte says how the command is made: as four bytes, or from a
 * row of the tables with some bits changed; the rest is the caller's structure.
 */
#include "config.h"

#include <linux/ioctl.h>
#include <stdlib.h>

#include "input.h"
#include "proto/layout.h"
#include "proto/proto.h"

static const struct layout *row_at(uint32_t n)
{
	uint32_t total = 0;

	for (size_t i = 0; layout_tables[i]; i++)
		total += layout_tables[i]->n_rows;
	n %= total;
	for (size_t i = 0;; i++) {
		if (n < layout_tables[i]->n_rows)
			return &layout_tables[i]->rows[n];
		n -= layout_tables[i]->n_rows;
	}
}

/* The predicate must look at need->in bytes and no more, wherever they begin. */
static void flat(struct input *input, const struct layout_need *need)
{
	uint32_t size = need->in > need->out ? need->in : need->out;
	uint32_t cut = input_byte(input);
	uint8_t *memory = malloc(size + 1);

	if (!memory)
		abort();
	input_bytes(input, memory + 1, size);
	(void)layout_need_flat(need, memory + 1, size);
	free(memory);
	if (cut > need->in)
		cut = need->in;
	memory = malloc(need->in - cut + 1);
	if (!memory)
		abort();
	memset(memory, 0xff, need->in - cut + 1);
	if (cut && layout_need_flat(need, memory + 1, need->in - cut))
		abort();
	free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	const struct layout *row = NULL;
	struct layout_need need, again;
	uint8_t how = input_byte(&input);
	uint32_t command;

	if (how & 1) {
		command = input_number(&input, 4);
	} else {
		row = row_at(input_number(&input, 2));
		command = row->command | (input_number(&input, 4) & ~row->mask);
		if (how & 2)
			command ^= 1u << (input_byte(&input) & 31);
	}
	(void)layout_refused(command);
	if (layout_find(command, &need) < 0) {
		/* A row is found, unless the size that it leaves free is too small. */
		if (row && !(how & 2) &&
		    (row->mask & ~(_IOC_SIZEMASK << _IOC_SIZESHIFT)) == row->mask &&
		    _IOC_SIZE(command) >= row->in)
			abort();
		if (row && !(how & 2) && row->mask == UINT32_MAX)
			abort();
		return 0;
	}
	if (layout_find(command, &again) < 0 || again.in != need.in || again.out != need.out)
		abort();
	if (need.in > LAYOUT_SIZE_MAX || need.out > LAYOUT_SIZE_MAX || !need.name || !need.classes)
		abort();
	for (uint32_t class = 0; class < 40; class ++)
		if (layout_need_class(&need, class) && class >= 32)
			abort();
	flat(&input, &need);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

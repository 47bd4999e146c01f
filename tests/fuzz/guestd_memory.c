/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The programs of fuzz_guestd.c: their memory, and what is known of them. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guestd_state.h"

/* ---- the programs' memory, in place of memory.c ---- */

ssize_t memory_read(pid_t pid, uint64_t address, void *data, size_t size)
{
	uint8_t choice;

	fuzz_blocks();
	choice = input_byte(&now.input);
	if (choice >= 0xf0)
		return choice & 1 ? -EFAULT : -EPERM;
	if (choice >= 0xe0)
		size = size * (choice - 0xe0) / 16;
	memset(data, choice, size);
	if (now.n_offers == MAX_OFFERS)
		return -EFAULT;
	now.offers[now.n_offers++] = (struct offer){ address, size };
	return size;
}

/* All that one level of pointers leads to: there, or not. */
bool memory_read_pieces(pid_t pid, const struct memory_piece *pieces, uint32_t n, void *data)
{
	uint8_t choice, *bytes = data;
	size_t total = 0;

	fuzz_blocks();
	choice = input_byte(&now.input);
	if (choice >= 0xc0 || now.n_offers + n > MAX_OFFERS)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		/* Some of it are pointers and counts, so not all zero and not all large. */
		input_bytes(&now.input, bytes + total, pieces[i].size);
		now.offers[now.n_offers++] = (struct offer){ pieces[i].address, pieces[i].size };
		total += pieces[i].size;
	}
	return true;
}

static bool offered(uint64_t address, size_t size)
{
	for (uint32_t i = 0; i < now.n_offers; i++)
		if (address >= now.offers[i].address && size <= now.offers[i].length &&
		    address - now.offers[i].address <= now.offers[i].length - size)
			return true;
	return size == 0;
}

ssize_t memory_write_pieces(pid_t pid, const struct memory_piece *pieces, uint32_t n, const void *data)
{
	size_t size = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (!offered(pieces[i].address, pieces[i].size))
			abort();
		size += pieces[i].size;
	}
	for (size_t i = 0; i < size; i++)
		if (((const volatile uint8_t *)data)[i] == 0x42)
			break;
	fuzz_blocks();
	return input_byte(&now.input) == 0xff ? -EFAULT : (ssize_t)size;
}

uint32_t memory_read_pages(pid_t pid, const uint64_t *addresses, uint32_t n, void *data)
{
	uint8_t choice;

	fuzz_blocks();
	choice = input_byte(&now.input);
	if (choice >= 0xf0)
		n = n * (choice & 3) / 4;
	memset(data, choice, (size_t)n * PROTO_PAGE);
	return n;
}

/* On demand, the host may write anywhere in the program that calls. */
int memory_write_ranges(pid_t pid, const struct proto_range *ranges, uint32_t n, const uint8_t *bytes)
{
	size_t total = 0;

	for (uint32_t i = 0; i < n; i++)
		total += ranges[i].length;
	for (size_t i = 0; i < total; i++)
		if (((const volatile uint8_t *)bytes)[i] == 0x42)
			break;
	fuzz_blocks();
	return input_byte(&now.input) == 0xff ? -EFAULT : 0;
}

/* ---- the programs, in place of process.c ---- */

static struct process the_process = { .id = 1 };

struct process *process_of(struct guest *g, pid_t tid)
{
	return input_byte(&now.input) == 0xff ? NULL : &the_process;
}

struct process *process_find(struct guest *g, uint64_t id)
{
	return id == the_process.id && input_byte(&now.input) != 0xff ? &the_process : NULL;
}

bool process_may_write(struct process_rights *rights, uint64_t address)
{
	return input_byte(&now.input) & 1;
}

bool process_capable(pid_t tid, uint64_t capabilities)
{
	return capabilities & 1;
}

const struct process_command *process_recall(const struct process *process, uint32_t command)
{
	return process->commands[0].n_items ? &process->commands[0] : NULL;
}

void process_learn(struct process *process, uint32_t command, const struct process_item *item)
{
	process->commands[0].items[0] = *item;
	process->commands[0].n_items = 1;
}

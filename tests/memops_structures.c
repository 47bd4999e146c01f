// SPDX-License-Identifier: GPL-2.0-or-later
/* Structures that point to structures: nested, in arrays, in lists; and grids. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "memops_test.h"

#define N_NUMBERS 600

/* A chain of levels and its numbers; each piece at the end of pages of its own. */
struct chain {
	struct memops_level *level[MEMOPS_DEPTH + 1];
	uint32_t *numbers;
	uint32_t sum;
};

/* Places `size` bytes so that `tail` of them are on the second of two pages. */
static void *straddle(size_t size, size_t tail)
{
	return pages(2) + PAGE - size + tail;
}

static void chain_make(struct chain *chain, size_t tail)
{
	chain->sum = 0;
	chain->numbers = straddle(N_NUMBERS * 4, tail);
	for (uint32_t i = 0; i < N_NUMBERS; i++) {
		chain->numbers[i] = i * 37;
		chain->sum += i * 37;
	}
	for (int i = MEMOPS_DEPTH; i >= 0; i--) {
		chain->level[i] = straddle(sizeof(struct memops_level), tail);
		*chain->level[i] = (struct memops_level){
			.next = i == MEMOPS_DEPTH ? (void *)chain->numbers : chain->level[i + 1],
			.n = N_NUMBERS,
			.value = 1000 + i,
		};
		chain->sum += 1000 + i;
	}
}

static uint32_t n_wrong(const struct chain *chain)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < N_NUMBERS; i++)
		n += chain->numbers[i] != i * 74;
	return n;
}

static void chain_check(const struct chain *chain)
{
	for (uint32_t i = 0; i <= MEMOPS_DEPTH; i++)
		CHECK(chain->level[i]->value == chain->sum + i, "level %u: %u, not %u", i,
		      chain->level[i]->value, chain->sum + i);
	for (uint32_t i = 0; i < N_NUMBERS; i++)
		CHECK(chain->numbers[i] == i * 74, "number %u: %u; %u are wrong", i, chain->numbers[i],
		      n_wrong(chain));
}

static void nest(void)
{
	struct chain chain;

	for (int i = 0; i < 3; i++) {
		chain_make(&chain, 0);
		CHECK_CALL(ioctl(memops_fd, MEMOPS_NEST, chain.level[0]), 0, "");
		chain_check(&chain);
	}
}

static void nest_across_page_ends(void)
{
	struct chain chain;

	for (size_t tail = 1; tail < sizeof(struct memops_level); tail++) {
		chain_make(&chain, tail);
		CHECK_CALL(ioctl(memops_fd, MEMOPS_NEST, chain.level[0]), 0, "tail %zu: ", tail);
		chain_check(&chain);
	}
}

/* A pointer into nothing at any depth is EFAULT and changes nothing. */
static void nest_broken(void)
{
	struct chain chain;

	for (int i = 0; i <= MEMOPS_DEPTH; i++) {
		chain_make(&chain, 0);
		chain.level[i]->next = hole();
		CHECK_CALL(ioctl(memops_fd, MEMOPS_NEST, chain.level[0]), EFAULT, "level %d: ", i);
		for (int k = 0; k <= MEMOPS_DEPTH; k++)
			CHECK(chain.level[k]->value == 1000u + k, "level %d, broken at %d: %u", k, i,
			      chain.level[k]->value);
	}
}

/* Numbers that lead out of their mapping: the ones before are doubled. */
static void nest_out_of_the_mapping(void)
{
	struct chain chain;

	chain_make(&chain, PAGE);
	chain.level[MEMOPS_DEPTH]->n = N_NUMBERS + 1;
	CHECK_CALL(ioctl(memops_fd, MEMOPS_NEST, chain.level[0]), EFAULT, "");
	for (uint32_t i = 0; i < N_NUMBERS; i++)
		CHECK(chain.numbers[i] == i * 74, "number %u: %u", i, chain.numbers[i]);
	CHECK(chain.level[0]->value == 1000, "%u", chain.level[0]->value);
}

static void nest_too_many(void)
{
	struct chain chain;

	chain_make(&chain, 0);
	chain.level[MEMOPS_DEPTH]->n = MEMOPS_MOST_NUMBERS + 1;
	CHECK_CALL(ioctl(memops_fd, MEMOPS_NEST, chain.level[0]), E2BIG, "");
	chain.level[MEMOPS_DEPTH]->n = UINT32_MAX;
	CHECK_CALL(ioctl(memops_fd, MEMOPS_NEST, chain.level[0]), E2BIG, "");
}

/* All levels in one page, beside each other; and a chain that bites its tail. */
static void nest_in_one_page(void)
{
	struct memops_level *level = (void *)pages(1);

	for (int i = 0; i <= MEMOPS_DEPTH; i++)
		level[i] = (struct memops_level){ .next = &level[i + 1], .value = i };
	CHECK_CALL(ioctl(memops_fd, MEMOPS_NEST, level), 0, "");
	for (uint32_t i = 0; i <= MEMOPS_DEPTH; i++)
		CHECK(level[i].value == 15 + i, "%u", level[i].value);
	level[0] = (struct memops_level){ .next = level, .value = 3 };
	CHECK_CALL(ioctl(memops_fd, MEMOPS_NEST, level), 0, "");
	CHECK(level[0].value == 18 + MEMOPS_DEPTH, "%u", level[0].value);
}

/* A command that was called before on pages that have gone meanwhile. */
static void nest_elsewhere(void)
{
	struct chain chain;

	for (int i = 0; i < 6; i++) {
		chain_make(&chain, 0);
		CHECK_CALL(ioctl(memops_fd, MEMOPS_NEST, chain.level[0]), 0, "");
		chain_check(&chain);
		for (int k = 0; k <= MEMOPS_DEPTH; k++)
			munmap((void *)((uintptr_t)chain.level[k] & ~(uintptr_t)(PAGE - 1)), PAGE * 2);
		munmap((void *)((uintptr_t)chain.numbers & ~(uintptr_t)(PAGE - 1)), PAGE * 2);
		/* Takes the place of some. */
		pages(3 + i);
	}
}

/* ---- Arrays of buffers ---- */

static const uint32_t sizes[] = { 0, 1, 2, 100, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE, 70000 };

static void vector_make(struct memops_vector *vector, struct memops_buffer *buffers)
{
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t size = sizes[i];

		buffers[i].data = pages(size / PAGE + 2) + (size / PAGE + 2) * PAGE - size;
		buffers[i].size = size;
		fill(buffers[i].data, size, i);
	}
	*vector = (struct memops_vector){ .buffers = buffers, .n = ARRAY_SIZE(sizes) };
}

static bool reversed(const struct memops_buffer *buffer, unsigned int seed)
{
	uint8_t *wanted = malloc(buffer->size + 1), *data = buffer->data;
	bool same = true;

	fill(wanted, buffer->size, seed);
	for (uint32_t i = 0; i < buffer->size; i++)
		same = same && data[i] == wanted[buffer->size - 1 - i];
	free(wanted);
	return same;
}

static void vector(void)
{
	struct memops_buffer buffers[ARRAY_SIZE(sizes)];
	struct memops_vector vector;
	uint32_t sum;

	for (int round = 0; round < 3; round++) {
		vector_make(&vector, buffers);
		sum = MEMOPS_SUM_INIT;
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
			for (uint32_t k = 0; k < sizes[i]; k++)
				sum = MEMOPS_SUM_STEP(sum, ((uint8_t *)buffers[i].data)[k]);
		CHECK_CALL(ioctl(memops_fd, MEMOPS_VECTOR, &vector), 0, "");
		CHECK(vector.sum == sum, "0x%x, not 0x%x", vector.sum, sum);
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
			CHECK(reversed(&buffers[i], i), "buffer %zu", i);
	}
}

/* What the driver did before it found the hole stays done. */
static void vector_with_a_hole(void)
{
	struct memops_buffer buffers[ARRAY_SIZE(sizes)];
	struct memops_vector vector;

	vector_make(&vector, buffers);
	buffers[5].data = hole();
	CHECK_CALL(ioctl(memops_fd, MEMOPS_VECTOR, &vector), EFAULT, "");
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		if (i != 5 && sizes[i] > 1)
			CHECK(reversed(&buffers[i], i) == (i < 5), "buffer %zu", i);
	CHECK(vector.sum == 0, "0x%x", vector.sum);
}

static void vector_too_large(void)
{
	struct memops_buffer buffer = { .data = pages(1), .size = MEMOPS_MOST_BYTES + 1 };
	struct memops_vector vector = { .buffers = &buffer, .n = MEMOPS_MOST_BUFFERS + 1 };

	CHECK_CALL(ioctl(memops_fd, MEMOPS_VECTOR, &vector), E2BIG, "");
	vector.n = 1;
	CHECK_CALL(ioctl(memops_fd, MEMOPS_VECTOR, &vector), E2BIG, "");
	vector.n = 0;
	vector.buffers = (void *)hole();
	CHECK_CALL(ioctl(memops_fd, MEMOPS_VECTOR, &vector), 0, "");
	CHECK(vector.sum == MEMOPS_SUM_INIT, "0x%x", vector.sum);
}

/* Two buffers that overlap: the second sees what was made of the first. */
static void vector_overlapping(void)
{
	uint8_t *data = pages(1);
	struct memops_buffer buffers[2] = { { data, 100 }, { data + 50, 100 } };
	struct memops_vector vector = { .buffers = buffers, .n = 2 };

	for (int i = 0; i < 150; i++)
		data[i] = i;
	CHECK_CALL(ioctl(memops_fd, MEMOPS_VECTOR, &vector), 0, "");
	for (int i = 0; i < 150; i++) {
		int wanted = i < 50 ? 99 - i : i < 100 ? 199 - i : i - 100;

		CHECK(data[i] == wanted, "byte %d: %d, not %d", i, data[i], wanted);
	}
}

/* The kernel's own struct iovec. */
static void gather(void)
{
	struct iovec iovec[20];
	uint8_t *data = pages(25);
	struct memops_gather call = { .iovec = iovec, .n = ARRAY_SIZE(iovec) };
	uint32_t sum = MEMOPS_SUM_INIT, total = 0;

	fill(data, 25 * PAGE, 5);
	for (size_t i = 0; i < ARRAY_SIZE(iovec); i++) {
		iovec[i] = (struct iovec){ data + i * PAGE + 17 * i, i * 211 };
		for (size_t k = 0; k < i * 211; k++)
			sum = MEMOPS_SUM_STEP(sum, data[i * PAGE + 17 * i + k]);
		total += i * 211;
	}
	CHECK(ioctl(memops_fd, MEMOPS_GATHER, &call) == (int)total, "%s", strerror(errno));
	CHECK(call.sum == sum, "0x%x, not 0x%x", call.sum, sum);
	call.n = UIO_MAXIOV + 1;
	CHECK_CALL(ioctl(memops_fd, MEMOPS_GATHER, &call), EINVAL, "");
	call.n = ARRAY_SIZE(iovec);
	iovec[7].iov_len = SIZE_MAX;
	CHECK_CALL(ioctl(memops_fd, MEMOPS_GATHER, &call), EINVAL, "");
	iovec[7] = (struct iovec){ hole(), 8 };
	CHECK_CALL(ioctl(memops_fd, MEMOPS_GATHER, &call), EFAULT, "");
}

/* ---- Lists ---- */

/* Nodes spread over memory; the last one points to `end`. */
static void list_make(struct memops_node **nodes, uint32_t n, struct memops_node *end)
{
	uint8_t *memory = pages(n / 4 + 1);

	for (uint32_t i = 0; i < n; i++)
		nodes[i] = (void *)(memory + (i * 7919u % n) * 1024);
	for (uint32_t i = 0; i < n; i++)
		*nodes[i] = (struct memops_node){ .next = i + 1 < n ? nodes[i + 1] : end, .value = i };
}

static void list(void)
{
	struct memops_node *nodes[200];
	struct memops_list list;

	list_make(nodes, 200, NULL);
	list = (struct memops_list){ .first = nodes[0] };
	CHECK_CALL(ioctl(memops_fd, MEMOPS_LIST, &list), 0, "");
	CHECK(list.n == 200 && list.sum == 199 * 100, "%u nodes, sum %u", list.n, list.sum);
	for (uint32_t i = 0; i < 200; i++)
		CHECK(nodes[i]->number == i + 1 && nodes[i]->value == i, "node %u: %u", i, nodes[i]->number);
	list = (struct memops_list){ 0 };
	CHECK_CALL(ioctl(memops_fd, MEMOPS_LIST, &list), 0, "");
	CHECK(list.n == 0 && list.sum == 0, "%u nodes, sum %u", list.n, list.sum);
}

static void list_cyclic(void)
{
	struct memops_node *nodes[10], self = { .next = &self, .value = 1 };
	struct memops_list list;

	list_make(nodes, 10, NULL);
	nodes[9]->next = nodes[0];
	list = (struct memops_list){ .first = nodes[0] };
	CHECK_CALL(ioctl(memops_fd, MEMOPS_LIST, &list), ELOOP, "");
	CHECK(list.n == MEMOPS_MOST_NODES, "%u", list.n);
	for (uint32_t i = 0; i < 10; i++)
		CHECK(nodes[i]->number == MEMOPS_MOST_NODES - 9 + i, "node %u: %u", i, nodes[i]->number);
	list = (struct memops_list){ .first = &self };
	CHECK_CALL(ioctl(memops_fd, MEMOPS_LIST, &list), ELOOP, "");
	CHECK(self.number == MEMOPS_MOST_NODES && list.sum == MEMOPS_MOST_NODES, "%u", self.number);
}

static void list_broken(void)
{
	struct memops_node *nodes[10];
	struct memops_list list;

	list_make(nodes, 10, (void *)hole());
	list = (struct memops_list){ .first = nodes[0] };
	CHECK_CALL(ioctl(memops_fd, MEMOPS_LIST, &list), EFAULT, "");
	CHECK(list.n == 10 && list.sum == 45, "%u nodes, sum %u", list.n, list.sum);
	CHECK(nodes[9]->number == 10, "%u", nodes[9]->number);
}

/* ---- Counts that multiply ---- */

static void grid(void)
{
	uint8_t *data = pages(10);
	struct memops_grid grid = { .address = (uintptr_t)data + 1000, .rows = 9, .columns = 4000 };

	fill(data, 10 * PAGE, 1);
	CHECK_CALL(ioctl(memops_fd, MEMOPS_GRID, &grid), 0, "");
	CHECK(grid.done == 9 && grid.sum == sum_of(data + 1000, 36000), "%u rows", grid.done);
	grid = (struct memops_grid){ .address = (uintptr_t)data, .rows = 1000, .columns = PAGE };
	CHECK_CALL(ioctl(memops_fd, MEMOPS_GRID, &grid), EFAULT, "");
	CHECK(grid.done == 10 && grid.sum == sum_of(data, 10 * PAGE), "%u rows", grid.done);
	grid = (struct memops_grid){ .address = (uintptr_t)data, .rows = 65536, .columns = 65536 };
	CHECK_CALL(ioctl(memops_fd, MEMOPS_GRID, &grid), EOVERFLOW, "");
	grid.rows = grid.columns = UINT32_MAX;
	CHECK_CALL(ioctl(memops_fd, MEMOPS_GRID, &grid), EOVERFLOW, "");
	grid.rows = 4097;
	grid.columns = PAGE;
	CHECK_CALL(ioctl(memops_fd, MEMOPS_GRID, &grid), E2BIG, "");
}

const struct memops_case memops_structures[] = {
	{ "nest", nest },
	{ "nest_across_page_ends", nest_across_page_ends },
	{ "nest_broken", nest_broken },
	{ "nest_out_of_the_mapping", nest_out_of_the_mapping },
	{ "nest_too_many", nest_too_many },
	{ "nest_in_one_page", nest_in_one_page },
	{ "nest_elsewhere", nest_elsewhere },
	{ "vector", vector },
	{ "vector_with_a_hole", vector_with_a_hole },
	{ "vector_too_large", vector_too_large },
	{ "vector_overlapping", vector_overlapping },
	{ "gather", gather },
	{ "list", list },
	{ "list_cyclic", list_cyclic },
	{ "list_broken", list_broken },
	{ "grid", grid },
	{ 0 },
};

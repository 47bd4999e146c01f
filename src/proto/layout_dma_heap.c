/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: memory for several devices, from a heap. Checked against
 * drivers/dma-buf/dma-heap.c.
 */
#include "config.h"

#include <linux/dma-heap.h>
#include <string.h>

#include "proto/layout_rows.h"

/* dma_heap_ioctl_allocate() wants the place of the descriptor to be zero. */
static bool has_descriptor(const void *structure)
{
	struct dma_heap_allocation_data data;

	memcpy(&data, structure, sizeof(data));
	return data.fd != 0;
}

static const struct layout_part allocation_parts[] = {
	INVALID_IF(has_descriptor),
	DESCRIPTOR_OUT(struct dma_heap_allocation_data, fd, DMABUF, .flags = LAYOUT_ZERO),
};
LAYOUT_TYPE(allocation, struct dma_heap_allocation_data, allocation_parts);

static const struct layout rows[] = {
	DESCRIPTOR(DMA_HEAP_IOCTL_ALLOC, struct dma_heap_allocation_data, allocation),
};

LAYOUT_TABLE(layout_dma_heap, "linux/dma-heap.h", LAYOUT_CLASS(OTHER));

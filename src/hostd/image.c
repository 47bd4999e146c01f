/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pieces of memory with guards; see image.h. */
#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include "hostd/image.h"
#include "proto/proto.h"

#define ALIGN 16u
/* A message's bytes, and what aligning each range may add; whole pages. */
#define AREA ((PROTO_MESSAGE_MAX + PROTO_RANGES_MAX * ALIGN + 4095u) & ~4095u)
#define GUARD (256u * 1024) /* more than any table row may be off by */
#define WHOLE ((IMAGE_EDGES + 1) * (AREA + GUARD))

int image_init(struct image *image)
{
	uint8_t *memory = mmap(NULL, WHOLE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return -errno;
	for (uint32_t i = 0; i <= IMAGE_EDGES; i++) {
		if (mprotect(memory + i * (AREA + GUARD), AREA, PROT_READ | PROT_WRITE) < 0) {
			int error = errno;

			munmap(memory, WHOLE);
			return -error;
		}
	}
	*image = (struct image){ .memory = memory };
	return 0;
}

void image_fini(struct image *image)
{
	if (image->memory)
		munmap(image->memory, WHOLE);
	image->memory = NULL;
}

void image_reset(struct image *image)
{
	image->used = 0;
	image->n_edges = 0;
}

uint8_t *image_piece(struct image *image, uint32_t size)
{
	uint8_t *piece = image->memory + image->used;

	if (size > AREA - image->used)
		return NULL;
	image->used += (size + ALIGN - 1) & ~(ALIGN - 1);
	if (image->used > AREA)
		image->used = AREA;
	return piece;
}

uint8_t *image_edge(struct image *image, uint32_t size)
{
	if (size > AREA || image->n_edges == IMAGE_EDGES)
		return NULL;
	image->n_edges++;
	return image->memory + image->n_edges * (AREA + GUARD) + AREA - size;
}

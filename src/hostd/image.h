/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory that a driver works in for a nested ioctl: pieces for all that the
 * caller's structures point to, and pages behind them that nobody can touch, so
 * that whatever a driver does beyond a piece's end fails as it would at the end of
 * the caller's memory, or stays among the bytes of the same guest.
 *
 * Belongs to one thread. Reserved once, touched as far as calls reach.
 */
#ifndef PARADICE_HOSTD_IMAGE_H
#define PARADICE_HOSTD_IMAGE_H

#include <stdint.h>

#define IMAGE_EDGES 4u /* pieces of one call that may end at a guard */

struct image {
	uint8_t *memory;
	uint32_t used; /* of the area without edges */
	uint32_t n_edges;
};

/* Reserves the memory. 0 or a negative errno. */
int image_init(struct image *image);
void image_fini(struct image *image);

/* Begins a call: all pieces of the one before are gone. */
void image_reset(struct image *image);

/* A piece of `size` bytes, at an address that is a multiple of 16; NULL when there
 * is no more room (a message cannot fill it). */
uint8_t *image_piece(struct image *image, uint32_t size);

/* A piece whose end is the end of a page, with a guard behind it; NULL when there
 * have been IMAGE_EDGES of them, or for more than a message holds. */
uint8_t *image_edge(struct image *image, uint32_t size);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mappings of programs that reach into the host's domain: granted pages (mapping.c), or
 * memory of a device that the host puts into this machine's address space (place.c).
 *
 * A mapping has an entry from the host's answer to MMAP until the module tells that the
 * last program has let go, or the connection is lost (then it is revoked). The host hears
 * of its end. One of device memory waits for the host's answer to that: before, the
 * address space is not free.
 */
#ifndef PARADICE_GUESTD_MAPPING_H
#define PARADICE_GUESTD_MAPPING_H

#include "guestd/guest.h"

struct mmhelper_supply;

struct mapping {
	struct mapping *next;
	uint64_t token; /* the module's number */
	uint64_t id; /* the host's */
	int fd; /* what backs it, until it is mapped; else -1 */
	uint64_t grants_index;
	uint32_t n_grants; /* 0: device memory */
	uint64_t frame; /* device memory: where, or 0 */
	uint32_t cache; /* device memory: PROTO_CACHE_… */
	bool supplied; /* the module has it */
	bool ended; /* to be told to the host */
	bool told; /* it was; its answer is waited for */
};

/* mapping.c: enters what the host has answered. NULL without memory: then the host
 * hears of the end. */
struct mapping *mapping_new(struct guest *guest, const struct call *call,
			    const struct proto_mmap_answer *answer);
/* The entry with the module's number, or NULL. */
struct mapping *mapping_find(struct guest *guest, uint64_t token);
/* It never became one: the host is told. */
void mapping_end(struct guest *guest, struct mapping *mapping);
/* Has the module back the program's mapping. 0 or negative errno (ENOENT: the program
 * was killed meanwhile). */
int mapping_supply(struct guest *guest, struct mapping *mapping, const struct mmhelper_supply *what);
/* The program's result: 0 (and what was supplied counts) or a negative errno. */
void mapping_answer(struct call *call, int result);

/* place.c: goes on with a PLACE of the same program's request, or answers it. */
void place_begin(struct guest *guest, struct call *call, const struct proto_mmap_answer *answer);
/* The host has nothing in this address space any more. */
void place_vacate(struct guest *guest, uint64_t frame);

#endif

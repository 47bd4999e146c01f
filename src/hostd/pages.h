/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of the guest's programs, mapped here so that drivers work in it: pages that
 * the guest has granted (gntdev), or on one kernel the descriptor of kmod-mmhelper
 * that holds them.
 *
 * The bytes are the guest's and may change at any time: they are handed to drivers,
 * and looked at by nobody here. Covered by the session's lock, but for what is said to
 * run without.
 */
#ifndef PARADICE_HOSTD_PAGES_H
#define PARADICE_HOSTD_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct session;

struct page_table {
	int gntdev_fd; /* or -1 */
	uint32_t max; /* pages mapped at a time: the guest's quota */
	uint32_t n;
	uint64_t next; /* where the next mapping goes, see pages_map() */
	/* Drivers of a PV domain that map what they have pinned a second time, for themselves,
	 * cannot do so with pages that another domain has granted (Xen refuses it, Linux
	 * does not look): what they keep is memory of the session's, and copied. */
	bool separate;
	dev_t anonymous; /* where descriptors of kmod-mmhelper are, as those of the session */
};

/* Zero: nothing is held. */
struct pages {
	uint32_t n;
	bool granted; /* else they come with a descriptor */
	int fd; /* that one, until they are mapped; else -1 */
	const uint8_t *refs; /* grants, 4 bytes each, until they are mapped; else NULL */
	uint8_t *memory; /* what drivers work in; NULL: not mapped */
	uint8_t *separate; /* the program's pages, where those are not what drivers work in */
	bool entered; /* gntdev knows the grants */
	uint64_t index; /* its number of them */
};

/* For a guest that may have `max_mib` MiB mapped at a time; opens gntdev if `grants`,
 * while we may. `fd` is any anonymous descriptor (anon_inode). */
void pages_init(struct page_table *table, bool grants, uint32_t max_mib, int fd);

/* Takes `n` pages, which the guest calls `id`: the `n_refs` references at `refs`, which
 * stay there until pages_map(), or without any the descriptor that has come. 0, -ENOMEM
 * when the quota is used up, or another negative errno; then there is nothing to end. */
int pages_take(struct session *session, struct pages *pages, uint64_t id, uint32_t n, const uint8_t *refs,
	       uint32_t n_refs);

/* Maps them, `kept` at an address that was not in use before: a driver that remembers
 * one must not take it for another. 0 or negative errno. Without the lock. */
int pages_map(struct session *session, struct pages *pages, bool write, bool kept);

/* Where the program's pages are separate, copies `size` bytes from `first` on to what
 * drivers work in, or back. */
void pages_fetch(const struct pages *pages, uint32_t first, uint64_t size);
void pages_store(const struct pages *pages, uint32_t first, uint64_t size);

/* True for an address where kept pages are, or were. */
bool pages_here(uint64_t address);

/* Ends the mapping, if there is one. Without the lock. */
void pages_unmap(struct session *session, struct pages *pages);

/* Gives them back to the quota; they are not mapped (any more). */
void pages_put(struct session *session, struct pages *pages);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /dev/mapops: what a driver may map into a program. Each open file has one buffer of
 * each kind, made when it is first used, which mmap(2) finds at MAPOPS_OFFSET(kind).
 * Shared by the module and mapping_kinds.c.
 */
#ifndef PARADICE_TESTS_MAPOPS_H
#define PARADICE_TESTS_MAPOPS_H

#include <linux/types.h>

#define MAPOPS_PATH "/dev/mapops"
#define MAPOPS_ORDER 5
#define MAPOPS_SIZE (4096u << MAPOPS_ORDER)
#define MAPOPS_OFFSET(kind) ((__u64)(kind) << 24)

enum mapops_kind {
	MAPOPS_PAGES, /* pages of the memory management, all mapped by mmap */
	MAPOPS_RAW, /* RAM by its page numbers alone (VM_PFNMAP) */
	MAPOPS_COMPOUND, /* the same of a compound page: its first page counts the users */
	MAPOPS_UNCOUNTED, /* the same of pages without a count of users */
	MAPOPS_LAZY, /* pages of the memory management, when they are touched */
	MAPOPS_LAZY_RAW, /* by their numbers, when they are touched */
	MAPOPS_LAZY_UNCOUNTED, /* the same of pages without a count of users */
	MAPOPS_KINDS,
};

#define MAPOPS_BYTE(seed, i) ((__u8)((seed) + (i) * 7 + ((i) >> 12)))

/* write(2) of a struct mapops_do does something, read(2) of a __u32 tells its value. */
enum mapops_action {
	MAPOPS_FILL, /* with MAPOPS_BYTE */
	MAPOPS_CHECK, /* how many bytes are not those */
	MAPOPS_FAULTS, /* how often the fault handler ran */
	MAPOPS_REPLACE, /* other pages, filled, in place of the lazy kinds' */
	MAPOPS_PROTECTION, /* PROT_READ and PROT_WRITE of the last mmap, as the driver saw it */
};

struct mapops_do {
	__u32 kind;
	__u32 action;
	__u32 seed;
	__u32 value; /* the module's */
};

#endif

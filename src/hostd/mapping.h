/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mappings: mmap(2) for the guest's programs.
 *
 * On one kernel the guest gets the device's own descriptor and maps it itself; the
 * session then has nothing to do with the mapping any more. On Xen the session maps
 * the device, kmod-mmhelper grants the pages to the guest's domain, and the mapping
 * stays until the guest says that no program has it any more (or the session ends):
 * so the driver sees it begin and end as it would see a program's. A mapping lives
 * on when its handle is closed. Covered by the session's lock.
 */
#ifndef PARADICE_HOSTD_MAPPING_H
#define PARADICE_HOSTD_MAPPING_H

#include <stddef.h>

#include "hostd/operation.h"

struct mapping;

struct mapping_table {
	int helper_fd; /* the kernel module, bound to the guest's domain; or -1 */
	int helper_error; /* why not: a negative errno */
	struct mapping *mappings;
	uint64_t last_id;
};

/* Opens the kernel module for guest domain `domid`, which may have `max_mib` MiB mapped
 * at a time, while we may. Without it only mmap fails, and says so then. */
void mapping_init(struct mapping_table *table, uint32_t domid, uint32_t max_mib);

/* Runs an MMAP; see operation_run_fn. */
bool mapping_serve(struct session *session, struct workspace *workspace,
		   const struct proto_message *message, struct operation *operation);

/* Serves a MUNMAP. It needs no place among the operations: a guest must be able to
 * let go when all are taken. Returns whether the thread still leads. */
bool mapping_serve_end(struct session *session, const struct proto_message *message);

#endif

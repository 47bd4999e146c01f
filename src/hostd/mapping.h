/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mappings: mmap(2) for the guest's programs.
 *
 * On one kernel the guest gets the device's own descriptor and maps it itself; the
 * session then has nothing to do with the mapping any more. On Xen the session maps
 * the device, kmod-mmhelper grants the pages to the guest's domain, and the mapping
 * stays until the guest says that no program has it any more (or the session ends):
 * so the driver sees it begin and end as it would see a program's. Memory of the device
 * itself is offered in the module instead (place.c); the guest says where it wants it, and the
 * supervisor has Xen put it there. A mapping lives
 * on when its handle is closed. Covered by the session's lock.
 */
#ifndef PARADICE_HOSTD_MAPPING_H
#define PARADICE_HOSTD_MAPPING_H

#include <stddef.h>

#include "hostd/operation.h"

struct control_message;

struct mapping {
	struct mapping *next;
	uint64_t id;
	void *memory;
	size_t length;
	uint32_t export; /* the module's number of the grants */
	uint64_t token; /* of device memory: the module's, of the offer; else 0 */
	bool placed; /* the guest has it */
	bool busy; /* the supervisor is asked */
	int error; /* and its answer: positive errno */
};

struct mapping_table {
	int helper_fd; /* the kernel module, bound to the guest's domain; or -1 */
	int helper_error; /* why not: a negative errno */
	struct mapping *mappings;
	uint64_t last_id;
	pthread_cond_t answered; /* by the supervisor */
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

/* The mapping with this number, or NULL. */
struct mapping *mapping_find(struct session *session, uint64_t id);

/* place.c: device memory. Offers what the module cannot grant: 0 and mapping->token,
 * and the cache attribute; or negative errno. Without the lock. */
int place_offer(int helper_fd, struct mapping *mapping, uint32_t *cachep);
/* Why it did not, for the log; or NULL. */
const char *place_why(int error);
/* Takes the offer back, or has the memory taken away from the guest. Gives the lock up.
 * 0 or negative errno: then the guest may still have it. */
int place_end(struct session *session, struct mapping *mapping);
/* Runs a PLACE; see operation_run_fn. */
bool place_serve(struct session *session, struct workspace *workspace,
		 const struct proto_message *message, struct operation *operation);
/* The supervisor has answered. */
void place_answered(struct session *session, const struct control_message *message);

#endif

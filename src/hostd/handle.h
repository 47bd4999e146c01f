/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Handles: the guest's open files, one to one with open files here. A handle's
 * number is its place in the table and a generation, so that a number of a closed
 * handle, or one that a guest made up, finds nothing. Covered by the session's
 * lock; an operation holds a reference while it runs without the lock, and the
 * descriptor is closed when the handle is released and nobody uses it.
 */
#ifndef PARADICE_HOSTD_HANDLE_H
#define PARADICE_HOSTD_HANDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/layout.h"

struct rules;

#define HANDLE_PLAIN_MAX 4u

struct handle {
	uint64_t id; /* 0: this place is free */
	int fd;
	uint32_t device;
	uint32_t class; /* PROTO_CLASS_… of the device */
	uint32_t device_flags; /* PROTO_DEVICE_… of it */
	struct rules *rules; /* its deny and allow, or NULL */
	uint64_t capabilities; /* that its ioctls may use (rights.h) */
	bool told_rights; /* the log says that a driver missed some */
	uint32_t n_users; /* operations under way */
	bool released; /* the guest has let go; no new operation finds it */
	uint64_t release_tag; /* what is answered when it is closed */
	bool nonblock; /* O_NONBLOCK of the host's open file */
	bool slow; /* its last operation took long */
	bool async; /* the guest wants to know of SIGIO */
	uint32_t bands; /* 1 << POLL_IN, …: what has come and is to be told */
	struct layout_facts facts; /* what ioctls have settled */
	/* Commands without a row that had a number and made no descriptor of it. */
	uint32_t plain[HANDLE_PLAIN_MAX];
	uint32_t n_plain; /* noted so far; the latest stay */
	/* Readiness; see readiness.c. */
	uint32_t events; /* the guest wants to know of these; 0: it has not asked */
	uint32_t armed; /* what the kernel watches now; 0: nothing */
	bool disarming; /* the watch is being taken back */
	bool unpollable; /* always the same: not worth watching */
	bool crowded; /* its driver's poll has too many queues for io_uring */
	bool sampling; /* the readiness thread is looking at it */
	uint32_t n_ended; /* watches that ended by themselves, in a row */
	uint32_t sample_serial; /* atomic: samples begun */
	uint32_t published_serial; /* the latest begun of those that count */
	uint32_t ready; /* as last told to the guest */
	bool told; /* `ready` has been told; else it is due */
};

struct handle_table {
	struct handle *handles;
	uint32_t n_max;
	uint32_t n_used;
	uint32_t generation;
	uint32_t next; /* where the search for a free place begins */
};

/* Room for `n_max` handles (the quota). 0 or -ENOMEM. */
int handle_table_init(struct handle_table *table, uint32_t n_max);
void handle_table_fini(struct handle_table *table);

/* Makes a handle for `fd`, which it owns from then on. The handle, or NULL when
 * the quota is used up (the caller keeps fd and answers EMFILE). */
struct handle *handle_add(struct handle_table *table, int fd, uint32_t device, uint32_t class,
			  uint32_t flags);

/* The open handle with this number, or NULL. */
struct handle *handle_find(struct handle_table *table, uint64_t id);

/* The same, also when it was released but is still in use: for late events. */
struct handle *handle_find_any(struct handle_table *table, uint64_t id);

/* Takes a released handle without users out of the table. Returns its descriptor,
 * for the caller to close. */
int handle_remove(struct handle_table *table, struct handle *handle);

/* Notes a command as one of handle->plain, and looks one up there. */
void handle_plain_add(struct handle *handle, uint32_t command);
bool handle_plain_has(const struct handle *handle, uint32_t command);

/* Looks at readiness (poll(2)) for handle->events. Without the lock, with a
 * reference. The mask and *serialp go to handle_sample_publish(). */
uint32_t handle_sample_take(struct handle *handle, uint32_t *serialp);

/* Under the lock: handle->ready becomes the sample's mask, unless one that began
 * later has been published before. */
void handle_sample_publish(struct handle *handle, uint32_t serial, uint32_t mask);

/* Under the lock: nothing is watched until the guest asks again, and looks that have
 * begun do not count. */
void handle_unwatch(struct handle *handle);

/* True if the guest is to know of handle->ready. */
bool handle_tells(const struct handle *handle);

/* Makes the open file's O_NONBLOCK follow the guest's flags (fcntl(F_SETFL) in the
 * guest is not forwarded). */
void handle_follow_flags(struct handle *handle, uint32_t flags);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mirrors, as the session sees them: processes in whose address space drivers meet
 * the pointers of guest programs (mirror_core.h is what runs in them).
 *
 * Each mirror serves the calls of one guest process, one at a time, so that a
 * program that had its mirror taken over reaches no other program's memory.
 * mirror_take() finds or starts one; the supervisor makes the process. While a call
 * runs, the pages that the driver touches come by userfaultfd to the watching thread
 * (mirror_watch.c), which asks the guest for them (mirror_memory.c). When the call
 * ends its pages are gone from the mirror.
 *
 * Covered by the session's lock, but for what is marked otherwise. A mirror is
 * freed by the watching thread, when it is dead, nobody uses it and its process has
 * ended.
 */
#ifndef PARADICE_HOSTD_MIRROR_H
#define PARADICE_HOSTD_MIRROR_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "hostd/mirror_core.h"
#include "proto/proto.h"

#define MIRROR_HELLO_FDS 2 /* userfaultfd, shared memory; with the region's base */
#define MIRRORS_MAX PROTO_IN_FLIGHT_MAX /* of one session, that are alive */
#define MIRROR_WANTED_MAX 8u /* faults of one mirror that wait for the guest */
#define MIRROR_REGIONS_MAX 256u /* of 2 MiB, each with a page table: then start anew */

struct control_message;
struct handle;
struct operation;
struct session;
struct verify_call;

/* A page of the caller that is in the mirror during a call. */
struct mirror_page {
	uint64_t address;
	const uint8_t *snapshot; /* as the guest sent it */
	bool writable; /* by the caller, so by the driver */
	bool owned; /* the snapshot is to be freed */
	uint8_t bits; /* MIRROR_… for the worker */
};

/* A fault that waits for the guest's answer. */
struct mirror_wanted {
	uint64_t tag; /* of MEM_READ */
	uint64_t address;
	uint64_t since_ns;
	uint32_t n_pages; /* asked for */
	uint32_t others; /* bit n: the driver needs page n too */
	bool sent; /* else the ring was full */
};

/* Pages that the driver must not have, until the call ends. */
struct mirror_refused {
	struct mirror_refused *next;
	uint64_t address;
	uint32_t protection; /* what stays allowed: mprotect(2) */
	bool due; /* the mirror has not been told */
	uint32_t n_again; /* faults there since */
};

enum mirror_state { MIRROR_STARTING, MIRROR_IDLE, MIRROR_BUSY, MIRROR_DEAD };

struct mirror {
	struct mirror *next;
	uint64_t id; /* in the session's talk with the supervisor */
	uint64_t process; /* the guest's number of the process that it serves */
	uint64_t taken; /* when it was last taken: a count */
	enum mirror_state state; /* read without the lock by whoever waits for it */
	uint32_t n_users; /* threads that work with it */
	int error; /* of the start, positive errno */
	int socket; /* to its service thread */
	int watcher; /* its userfaultfd */
	struct mirror_shared *shared;
	uint8_t *untrusted_window;
	uint32_t serial; /* of the last job */
	bool gone; /* the process has ended, and all that it had open is closed */
	pthread_mutex_t service_lock; /* one request at a time; not under it: the session's */
	uint64_t files[MIRROR_FILES_MAX]; /* handles; number n is MIRROR_FILE_FIRST + n there */
	uint32_t leaving; /* bit n: what is at place n is being closed there */
	uint32_t next_file; /* the one to go when all are used */
	uint64_t regions[2 * MIRROR_REGIONS_MAX]; /* hashed: where pages were in its life */
	uint32_t n_regions;
	uint64_t kept[MIRROR_KEPT_MAX]; /* pages that stayed there after the last call */
	uint32_t n_kept;
	/* The call under way. */
	struct operation *operation; /* NULL: no page is given */
	uint64_t tag;
	struct mirror_page *pages;
	uint32_t n_pages;
	uint32_t max_pages;
	struct mirror_wanted wanted[MIRROR_WANTED_MAX];
	uint32_t n_wanted;
	struct mirror_refused *refused;
	uint32_t n_refusing; /* of them, those that are not done */
	bool withheld; /* a page did not come in time: no other is waited for */
	uint64_t ahead_address; /* a fault here goes on with a sequence */
	uint32_t ahead_pages; /* how many to ask for then */
	struct verify_call *verify; /* verify mode: it is watched for this, or NULL */
};

struct mirror_waiter;

struct mirror_table {
	struct mirror *mirrors;
	struct mirror_waiter *waiters; /* calls that wait for one, in order */
	uint32_t n_mirrors;
	uint32_t n_alive; /* of them, those that are not dead */
	uint32_t n_starting;
	uint64_t n_taken; /* how often one was taken */
	uint64_t last_id;
	uint64_t last_tag; /* of MEM_READ */
	uint64_t n_pages; /* snapshots of all calls under way */
	uint64_t max_pages; /* quota */
	uint32_t wait_ms; /* how long a driver may wait for a page */
	bool none; /* the last start found that this machine can have none */
	bool expected; /* some fault waits for the guest */
	bool refusals; /* some page is to be refused, which a serving thread does */
	pthread_cond_t changed; /* a mirror started or died */
	bool watched; /* the watching thread has started */
	int watch_fd; /* its epoll */
	int wake_fd; /* wakes it */
};

/* Before the sandbox. 0 or negative errno. */
int mirror_table_init(struct mirror_table *table, uint64_t max_pages, uint32_t wait_ms);

/* ---- mirror_start.c: which mirror serves a call ---- */

/* A mirror of `process` that is the caller's until mirror_give(); starts one if
 * need be. Gives the lock up. 0, or the negative errno for the program (logged). */
int mirror_take(struct session *session, uint64_t process, struct mirror **mirrorp);
void mirror_give(struct session *session, struct mirror *mirror);

/* A mirror became idle, or one more may be started: serves the calls that wait. */
void mirror_offer(struct session *session);

/* The supervisor's answer: the socket of a new process, or -1 and an errno. */
void mirror_launched(struct session *session, const struct control_message *message, int fd);
/* A process of the guest has ended: so do its mirrors and the wait for one. */
void mirror_end_process(struct session *session, uint64_t process);

/* ---- mirror.c: life ---- */

/* The mirror with this number, or NULL. */
struct mirror *mirror_find(struct session *session, uint64_t id);

/* Ends a mirror: it crashed, broke the rules, or is not needed any more. */
void mirror_end(struct session *session, struct mirror *mirror);
/* The supervisor tells that the process of mirror `id` has ended. */
void mirror_gone(struct session *session, uint64_t id);
/* Takes one back from mirror->n_users. */
void mirror_unuse(struct session *session, struct mirror *mirror);
/* Frees what is left of one that is in no list any more. */
void mirror_free(struct mirror *mirror);

/* The device's number in the mirror. Gives the lock up when it must be sent there.
 * 0 and *fdp, or negative errno. */
int mirror_attach(struct session *session, struct mirror *mirror, const struct handle *handle, int *fdp);
/* Before the handle's descriptor is closed: no mirror has it open any more when
 * this returns. Gives the lock up. */
void mirror_forget(struct session *session, const struct handle *handle);

/* A request to the service thread. Without the lock. Its answer, or negative
 * errno; -ETIMEDOUT and -EPIPE when the mirror must be ended. */
int mirror_ask(struct mirror *mirror, const struct mirror_request *request, int fd);
/* Asks the mirror to interrupt the worker. Does not wait. */
void mirror_interrupt(struct mirror *mirror);
/* When this returns, no interrupt is on its way to the worker. Gives the lock up. */
void mirror_interrupt_end(struct session *session, struct mirror *mirror);

/* Has the worker do what shared->job says and waits for it, at most `limit_ms`
 * unless that is 0. Without the lock. False when the mirror died or took longer. */
bool mirror_run(struct mirror *mirror, uint32_t limit_ms);
/* The same for the job mirror->serial, which was given before. */
bool mirror_answer_wait(struct mirror *mirror, uint32_t limit_ms);

/* ---- mirror_watch.c: the watching thread ---- */

/* Part of mirror_table_init(). */
int mirror_watch_init(struct mirror_table *table);
/* Starts the thread unless it runs. 0 or negative errno. */
int mirror_watch_start(struct session *session);
/* Lets it look after dead mirrors and pages that do not come. */
void mirror_watch_wake(struct session *session);
/* It watches this mirror from now on: 0 or negative errno; or not any more. */
int mirror_watch_add(struct session *session, struct mirror *mirror);
void mirror_watch_end(struct session *session, const struct mirror *mirror);

/* ---- mirror_memory.c: the memory of a call ---- */

/* Puts a run of pages into the mirror, from `bytes`, which live until the call
 * ends if `owned` is false (else they are freed then). 0, or -ENOMEM when the quota
 * is used up. */
int mirror_supply(struct session *session, struct mirror *mirror, const struct proto_range *run,
		  const uint8_t *bytes, bool owned);

/* Before the call: of the pages that stayed from the last one, those that the guest
 * has sent again are filled by the worker, and the others given back. Afterwards
 * those stay that came first. */
void mirror_keep_begin(struct mirror *mirror);
void mirror_keep_end(struct mirror *mirror);

/* Refuses one page of those that are due. Gives the lock up. */
void mirror_refuse(struct session *session);

/* The userfaultfd is readable; it stays so if not all is read. */
void mirror_faults(struct session *session, struct mirror *mirror);

/* A MEM_READ_ANSWER of the guest, or the end of the session for a violation. */
void mirror_answered(struct session *session, const struct proto_message *message);

/* Refuses pages for which the guest was asked too long ago. True if more are awaited. */
bool mirror_expire(struct session *session);

/* Sends requests that found no room. False if there is still none. */
bool mirror_push(struct session *session);

/* Ends the memory of a call, after its pages were collected. Gives the lock up. */
void mirror_memory_end(struct session *session, struct mirror *mirror);

/* ---- mirror_main.c ---- */

/* The mirror process: `socket` is its only descriptor but standard error, `uid` the
 * user to become (0: stay), `capabilities` what it can use in ioctls (rights.h). The exit
 * status of a start that failed. */
int mirror_main(int socket, uint32_t uid, uint64_t capabilities);

#endif

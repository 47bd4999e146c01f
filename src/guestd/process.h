/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The programs whose ioctls run on demand: which process a calling thread belongs
 * to, what of its memory it may write, and what its commands touched before.
 *
 * A process is known from its first such call until it ends (a pidfd tells), or
 * until too many others have called since. The host gives each a mirror of its own,
 * so numbers are never used again. Under guest->lead.lock.
 */
#ifndef PARADICE_GUESTD_PROCESS_H
#define PARADICE_GUESTD_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct guest;

#define PROCESS_VMAS 8 /* remembered */
#define PROCESS_COMMANDS 16
#define PROCESS_ITEMS 24 /* learnt of one command */
#define PROCESS_ABSOLUTE UINT16_MAX
#define PROCESS_ARGUMENT (UINT16_MAX - 1)

/* Memory that the process may write, [start, end), as it was at a moment. */
struct process_vma {
	uint64_t start, end;
	uint64_t seen_ns;
};

/* What is known of that. Plain values: a thread without the lock has a copy. */
struct process_rights {
	pid_t tgid;
	struct process_vma vmas[PROCESS_VMAS];
	uint32_t next_vma;
};

/* Pages that a command's driver touched: `n_pages` from `page` on, or as many from so
 * many pages behind the one to which the pointer at `offset` of the argument points. */
struct process_item {
	uint64_t page;
	uint16_t offset; /* PROCESS_ABSOLUTE: `page` counts; PROCESS_ARGUMENT: the argument points */
	uint16_t behind;
	uint32_t n_pages;
};

struct process_command {
	uint32_t command; /* 0: free */
	uint32_t n_items;
	struct process_item items[PROCESS_ITEMS];
};

struct process {
	struct process *next;
	uint64_t id; /* for the host */
	pid_t tgid;
	int pidfd;
	struct process_rights rights;
	struct process_command commands[PROCESS_COMMANDS];
	uint32_t next_command;
};

#define PROCESS_THREADS 64

struct process_table {
	struct process *processes; /* the one that called last comes first */
	uint32_t n_processes;
	uint64_t last_id;
	int epoll_fd; /* their pidfds */
	struct {
		pid_t tid;
		struct process *process;
		uint64_t seen_ns; /* when that was so */
	} threads[PROCESS_THREADS]; /* by tid modulo; what was found last */
};

/* 0 or negative errno. */
int process_table_init(struct process_table *table);

/* The process of the calling thread `tid`, or NULL when it cannot be told (it is in
 * a PID namespace that is not ours, or memory is short). */
struct process *process_of(struct guest *guest, pid_t tid);
/* The process with this number, or NULL when it has ended. */
struct process *process_find(struct guest *guest, uint64_t id);

/* Some have ended: forgets them and tells the host. */
void process_ended(struct guest *guest);

/* True if the process may write the page at `address`. Looks at /proc/PID/maps if
 * need be, which waits for who changes the process's mappings (so not under the
 * lock): what may be written is believed for 10 ms, what may not is looked up each
 * time. (If that changes in between, the call's writing finds out.) */
bool process_may_write(struct process_rights *rights, uint64_t address);

/* True if the thread has all of these capabilities, in our user namespace. It must wait in
 * a call, so that it cannot change them. */
bool process_capable(pid_t tid, uint64_t capabilities);

/* What the command touched before, or NULL. */
const struct process_command *process_recall(const struct process *process, uint32_t command);
/* The command's driver touched this. What continues a known item becomes part of it. */
void process_learn(struct process *process, uint32_t command, const struct process_item *item);

#endif

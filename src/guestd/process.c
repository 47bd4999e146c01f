/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calling processes; see process.h. */
#include "config.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guestd/guest.h"

#define PROCESSES_MAX 256
#define FRESH_NS 1000000u
#define RIGHTS_FRESH_NS 10000000u

int process_table_init(struct process_table *table)
{
	table->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return table->epoll_fd < 0 ? -errno : 0;
}

static bool has_ended(const struct process *process)
{
	struct pollfd pollfd = { .fd = process->pidfd, .events = POLLIN };

	return poll(&pollfd, 1, 0) != 0;
}

static bool is_thread_of(pid_t tid, pid_t tgid)
{
	return tgkill(tgid, tid, 0) == 0 || errno == EPERM;
}

/* Takes a process out, and tells the host. */
static void process_forget(struct guest *guest, struct process *process)
{
	struct process_table *table = &guest->processes;
	struct proto_process_end body = { .process = process->id };
	struct process **at = &table->processes;

	while (*at != process)
		at = &(*at)->next;
	*at = process->next;
	table->n_processes--;
	for (size_t i = 0; i < PROCESS_THREADS; i++)
		if (table->threads[i].process == process)
			table->threads[i].process = NULL;
	/* When the ring is full the host finds out by itself that it needs room. */
	if (guest->channel && guest->settled)
		(void)channel_send(guest->channel, PROTO_PROCESS_END, 0, &body, NULL, 0);
	close(process->pidfd);
	free(process);
}

void process_ended(struct guest *guest)
{
	struct process_table *table = &guest->processes;
	struct epoll_event event;

	while (epoll_wait(table->epoll_fd, &event, 1, 0) == 1)
		process_forget(guest, event.data.ptr);
}

/* The thread group of a thread: proc(5), /proc/PID/status. 0 when it is not there. */
static pid_t thread_group(pid_t tid)
{
	char path[40], line[128];
	FILE *status;
	int tgid = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	status = fopen(path, "re");
	if (!status)
		return 0;
	while (fgets(line, sizeof(line), status) && sscanf(line, "Tgid: %d", &tgid) != 1)
		;
	fclose(status);
	return tgid;
}

/* The one that called longest ago and has no call under way, if there is one. */
static struct process *least_needed(const struct guest *guest)
{
	struct process *found = NULL, *last = NULL;

	for (last = guest->processes.processes; last->next; last = last->next)
		if (!call_of_process(guest, last->next->id))
			found = last->next;
	return found ? found : last;
}

static struct process *process_new(struct guest *guest, pid_t tgid)
{
	struct process_table *table = &guest->processes;
	struct process *process;
	struct epoll_event event = { .events = EPOLLIN };

	process = calloc(1, sizeof(*process));
	if (!process)
		return NULL;
	process->tgid = process->rights.tgid = tgid;
	process->pidfd = syscall(SYS_pidfd_open, tgid, 0);
	event.data.ptr = process;
	if (process->pidfd < 0 || epoll_ctl(table->epoll_fd, EPOLL_CTL_ADD, process->pidfd, &event) < 0) {
		if (process->pidfd >= 0)
			close(process->pidfd);
		free(process);
		return NULL;
	}
	process->id = ++table->last_id;
	process->next = table->processes;
	table->processes = process;
	if (++table->n_processes > PROCESSES_MAX)
		process_forget(guest, least_needed(guest));
	return process;
}

struct process *process_find(struct guest *guest, uint64_t id)
{
	struct process *process = guest->processes.processes;

	while (process && process->id != id)
		process = process->next;
	return process;
}

struct process *process_of(struct guest *guest, pid_t tid)
{
	struct process_table *table = &guest->processes;
	size_t slot = (uint32_t)tid % PROCESS_THREADS;
	struct process *process = table->threads[slot].process;
	uint64_t now_ns;
	pid_t tgid;

	now_ns = channel_now_ns();
	if (process && table->threads[slot].tid == tid) {
		/* No number is used again as soon as that. */
		if (now_ns - table->threads[slot].seen_ns < FRESH_NS)
			return process;
		if (is_thread_of(tid, process->tgid) && !has_ended(process)) {
			table->threads[slot].seen_ns = now_ns;
			return process;
		}
	}
	tgid = tid ? thread_group(tid) : 0;
	if (!tgid)
		return NULL;
	for (process = table->processes; process; process = process->next)
		if (process->tgid == tgid && !has_ended(process))
			break;
	if (!process)
		process = process_new(guest, tgid);
	table->threads[slot].tid = tid;
	table->threads[slot].process = process;
	table->threads[slot].seen_ns = now_ns;
	return process;
}

/* ---- memory ---- */

/* The mapping at `address`: proc(5), /proc/PID/maps. False when there is none that
 * may be written. */
static bool maps_find(pid_t tgid, uint64_t address, struct process_vma *vma)
{
	char path[40], line[512], *rest;
	uint64_t start = 0, end = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)tgid);
	maps = fopen(path, "re");
	if (!maps)
		return false;
	/* "start-end rwxp …", in order; strtoull() is a fifth of sscanf(). */
	rest = NULL;
	while (address >= end && fgets(line, sizeof(line), maps)) {
		start = strtoull(line, &rest, 16);
		end = *rest == '-' ? strtoull(rest + 1, &rest, 16) : 0;
	}
	fclose(maps);
	if (address < start || address >= end || strncmp(rest, " rw", 3) != 0)
		return false;
	*vma = (struct process_vma){ start, end, channel_now_ns() };
	return true;
}

bool process_may_write(struct process_rights *rights, uint64_t address)
{
	uint64_t now_ns = channel_now_ns();
	struct process_vma vma;

	for (size_t i = 0; i < PROCESS_VMAS; i++) {
		const struct process_vma *known = &rights->vmas[i];

		if (address >= known->start && address < known->end && now_ns - known->seen_ns < RIGHTS_FRESH_NS)
			return true;
	}
	if (!maps_find(rights->tgid, address, &vma))
		return false;
	rights->vmas[rights->next_vma++ % PROCESS_VMAS] = vma;
	return true;
}

/* ---- what commands touch ---- */

static struct process_command *command_find(const struct process *process, uint32_t command)
{
	for (size_t i = 0; i < PROCESS_COMMANDS; i++)
		if (process->commands[i].command == command)
			return (struct process_command *)&process->commands[i];
	return NULL;
}

/* Capabilities in another user namespace hold for what belongs to that only
 * (user_namespaces(7)). */
static bool same_namespace(pid_t tid)
{
	static __thread struct stat own; /* it stays the same */
	struct stat other;
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)tid);
	if (!own.st_ino && stat("/proc/self/ns/user", &own) < 0)
		return false;
	return stat(path, &other) == 0 && own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

bool process_capable(pid_t tid, uint64_t capabilities)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3, .pid = tid };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (tid <= 0 || syscall(SYS_capget, &header, data) < 0)
		return false;
	return !(capabilities & ~(data[0].effective | (uint64_t)data[1].effective << 32)) &&
	       same_namespace(tid);
}

const struct process_command *process_recall(const struct process *process, uint32_t command)
{
	return command ? command_find(process, command) : NULL;
}

/* True if the item tells of pages that are known, or follow them at once. */
static bool item_extend(struct process_item *known, const struct process_item *item)
{
	uint64_t begin = item->behind + item->page / PROTO_PAGE, end = begin + item->n_pages;
	uint64_t known_begin = known->behind + known->page / PROTO_PAGE, known_end = known_begin + known->n_pages;

	if (known->offset != item->offset || begin < known_begin || begin > known_end)
		return false;
	if (end > known_end)
		known->n_pages = end - known_begin;
	return true;
}

void process_learn(struct process *process, uint32_t command, const struct process_item *item)
{
	struct process_command *known = command_find(process, command);

	if (!command)
		return;
	if (!known) {
		known = &process->commands[process->next_command++ % PROCESS_COMMANDS];
		known->command = command;
		known->n_items = 0;
	}
	for (uint32_t i = 0; i < known->n_items; i++)
		if (item_extend(&known->items[i], item))
			return;
	/* Much of what is known is not true any more: start anew. */
	if (known->n_items == PROCESS_ITEMS)
		known->n_items = 0;
	known->items[known->n_items++] = *item;
}

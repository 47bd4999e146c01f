/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory of a call on demand: pages that its driver touches, as the guest has
 * them. Each page that is there has a snapshot, with which it is compared after the
 * call. A page that the caller does not have, or does not deliver in time, is made
 * inaccessible (mprotect(2) by the mirror's service thread) and the driver woken:
 * it finds no page there, as it would natively, and goes on from that.
 */
#include "config.h"

#include <errno.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hostd/session.h"
#include "hostd/verify.h"

#define FAULTS_AT_ONCE 16 /* then others get the lock */
#define REFUSED_AGAIN_MAX 8 /* faults on a page that was refused */
#define REGION_SHIFT 21 /* of memory under one page table */

static uint64_t page_of(uint64_t address)
{
	return address & ~(uint64_t)(PROTO_PAGE - 1);
}

/* Remembers that there is, or may be, a page table for this address in the mirror. */
static void region_note(struct mirror *mirror, uint64_t address)
{
	const uint32_t n = 2 * MIRROR_REGIONS_MAX;
	uint64_t region = (address >> REGION_SHIFT) + 1;
	uint32_t at = region * UINT64_C(0x9e3779b97f4a7c15) >> 32;

	/* With more than that it ends after the call. */
	if (mirror->n_regions > MIRROR_REGIONS_MAX)
		return;
	for (at %= n; mirror->regions[at] != region; at = (at + 1) % n) {
		if (!mirror->regions[at]) {
			mirror->regions[at] = region;
			mirror->n_regions++;
			return;
		}
	}
}

/* ---- pages that are there ---- */

static int page_note(struct session *session, struct mirror *mirror, const struct mirror_page *page)
{
	struct mirror_shared *shared = mirror->shared;

	if (mirror->n_pages == mirror->max_pages) {
		uint32_t n = mirror->max_pages ? mirror->max_pages * 2 : MIRROR_WINDOW_PAGES;
		struct mirror_page *pages = reallocarray(mirror->pages, n, sizeof(*pages));

		if (!pages)
			return -ENOMEM;
		mirror->pages = pages;
		mirror->max_pages = n;
	}
	mirror->pages[mirror->n_pages++] = *page;
	session->mirrors.n_pages++;
	region_note(mirror, page->address);
	/* The first ones the worker collects by itself. */
	if (mirror->n_pages <= MIRROR_WINDOW_PAGES) {
		shared->pages[mirror->n_pages - 1] = page->address | page->bits;
		__atomic_store_n(&shared->n_pages, mirror->n_pages, __ATOMIC_RELEASE);
	}
	return 0;
}

/* Puts one page into the mirror and wakes who waits for it. */
static int page_put(struct session *session, struct mirror *mirror, const struct mirror_page *page)
{
	struct uffdio_copy copy = {
		.dst = page->address,
		.src = (uintptr_t)page->snapshot,
		.len = PROTO_PAGE,
		.mode = page->writable ? 0 : UFFDIO_COPY_MODE_WP,
	};
	struct uffdio_range range = { page->address, PROTO_PAGE };
	int r;

	/* First noted, then there: the worker may be through with the call at once. */
	r = page_note(session, mirror, page);
	if (r < 0 || (page->bits & MIRROR_FILL))
		return r;
	if (ioctl(mirror->watcher, UFFDIO_COPY, &copy) == 0)
		return 0;
	r = -errno;
	mirror->n_pages--;
	session->mirrors.n_pages--;
	if (mirror->n_pages < MIRROR_WINDOW_PAGES)
		__atomic_store_n(&mirror->shared->n_pages, mirror->n_pages, __ATOMIC_RELEASE);
	ioctl(mirror->watcher, UFFDIO_WAKE, &range);
	return r;
}

/* ---- pages that stay ---- */

/* MIRROR_FILL if the page stayed in the mirror; then it is not among the stale ones. */
static uint8_t kept_fill(struct mirror *mirror, const struct mirror_page *page)
{
	for (uint32_t i = 0; i < mirror->n_kept; i++) {
		if (mirror->kept[i] != page->address)
			continue;
		mirror->kept[i] = mirror->kept[--mirror->n_kept];
		memcpy(mirror->untrusted_window + mirror->n_pages * MIRROR_PAGE, page->snapshot, MIRROR_PAGE);
		return MIRROR_FILL;
	}
	return 0;
}

void mirror_keep_begin(struct mirror *mirror)
{
	struct mirror_shared *shared = mirror->shared;

	for (uint32_t i = 0; i < mirror->n_kept; i++)
		shared->stale[i] = mirror->kept[i];
	shared->n_stale = mirror->n_kept;
	mirror->n_kept = 0;
}

void mirror_keep_end(struct mirror *mirror)
{
	for (uint32_t i = 0; i < mirror->n_pages && i < MIRROR_KEPT_MAX; i++)
		if (mirror->pages[i].bits & MIRROR_KEEP)
			mirror->kept[mirror->n_kept++] = mirror->pages[i].address;
}

int mirror_supply(struct session *session, struct mirror *mirror, const struct proto_range *run,
		  const uint8_t *bytes, bool owned)
{
	for (uint32_t at = 0; at < run->length; at += PROTO_PAGE) {
		struct mirror_page page = {
			.address = run->address + at,
			.snapshot = bytes + at,
			.writable = run->direction & PROTO_RANGE_OUT,
			.owned = owned,
			.bits = run->direction & PROTO_RANGE_OUT ? 0 : MIRROR_DROP,
		};
		uint8_t *copy = NULL;
		int r;

		if (session->mirrors.n_pages >= session->mirrors.max_pages)
			return -ENOMEM;
		if (!owned && page.writable && mirror->n_pages < MIRROR_KEPT_MAX)
			page.bits |= MIRROR_KEEP | kept_fill(mirror, &page);
		if (owned) {
			copy = malloc(PROTO_PAGE);
			if (!copy)
				return -ENOMEM;
			memcpy(copy, bytes + at, PROTO_PAGE);
			page.snapshot = copy;
		}
		/* One that is there already, or that cannot be there, is left out. */
		r = page_put(session, mirror, &page);
		if (r < 0)
			free(copy);
		if (r == -ENOMEM)
			return r;
	}
	return 0;
}

/* ---- pages that are not ---- */

static int protect(struct session *session, struct mirror *mirror, uint64_t address, uint32_t protection)
{
	struct mirror_request request = {
		.kind = MIRROR_PROTECT,
		.address = address,
		.length = PROTO_PAGE,
		.protection = protection,
	};
	int r;

	lead_away(&session->lead, true);
	r = mirror_ask(mirror, &request, -1);
	lead_back(&session->lead);
	return r;
}

static bool page_there(const struct mirror *mirror, uint64_t address)
{
	for (uint32_t i = 0; i < mirror->n_pages; i++)
		if (mirror->pages[i].address == address)
			return true;
	return false;
}

/* True if the page was refused so often that the mirror does not do as it is told. */
static bool refused_often(struct mirror *mirror, uint64_t address)
{
	for (struct mirror_refused *refused = mirror->refused; refused; refused = refused->next)
		if (refused->address == address)
			return ++refused->n_again > REFUSED_AGAIN_MAX;
	return false;
}

/* Notes that the page is refused, until mirror_memory_end(). 0 or -ENOMEM. */
static int refused_note(struct mirror *mirror, uint64_t address, uint32_t protection)
{
	struct mirror_refused *refused = calloc(1, sizeof(*refused));

	if (!refused)
		return -ENOMEM;
	refused->address = address;
	refused->protection = protection;
	refused->due = true;
	refused->next = mirror->refused;
	mirror->refused = refused;
	mirror->n_refusing++;
	return 0;
}

/* The driver gets no access (or no write access) to this page. The mirror is told by
 * a serving thread: it may take its time, and the watching thread has none. */
static void page_refuse(struct session *session, struct mirror *mirror, uint64_t address, uint32_t protection)
{
	struct uffdio_range range = { address, PROTO_PAGE };

	/* It came after all. */
	if (protection == PROT_NONE && page_there(mirror, address)) {
		ioctl(mirror->watcher, UFFDIO_WAKE, &range);
		return;
	}
	/* Its end gets the driver out, too. */
	if (!mirror->operation || refused_often(mirror, address) ||
	    refused_note(mirror, address, protection) < 0) {
		mirror_end(session, mirror);
		return;
	}
	session->mirrors.refusals = true;
	lead_wake(&session->lead);
}

static struct mirror *refusal_find(struct session *session, struct mirror_refused **refusedp)
{
	for (struct mirror *mirror = session->mirrors.mirrors; mirror; mirror = mirror->next)
		for (struct mirror_refused *refused = mirror->refused; refused; refused = refused->next)
			if (refused->due) {
				*refusedp = refused;
				return mirror;
			}
	return NULL;
}

void mirror_refuse(struct session *session)
{
	struct mirror_refused *refused;
	struct mirror *mirror = refusal_find(session, &refused);
	struct uffdio_range range;

	if (!mirror) {
		session->mirrors.refusals = false;
		return;
	}
	refused->due = false;
	range = (struct uffdio_range){ refused->address, PROTO_PAGE };
	mirror->n_users++;
	if (mirror->state != MIRROR_DEAD && protect(session, mirror, refused->address, refused->protection) < 0)
		mirror_end(session, mirror);
	ioctl(mirror->watcher, UFFDIO_WAKE, &range);
	mirror->n_refusing--;
	pthread_cond_broadcast(&session->mirrors.changed);
	mirror_unuse(session, mirror);
}

/* ---- asking the guest ---- */

static void wanted_remove(struct mirror *mirror, uint32_t i)
{
	mirror->wanted[i] = mirror->wanted[--mirror->n_wanted];
}

static bool wanted_send(struct session *session, struct mirror *mirror, struct mirror_wanted *wanted)
{
	struct proto_mem_read body = {
		.call = mirror->tag,
		.address = wanted->address,
		.n_pages = wanted->n_pages,
	};
	int r = channel_send(session->channel, PROTO_MEM_READ, wanted->tag, &body, NULL, 0);

	if (r == -EPROTO)
		session_violation(session);
	wanted->sent = r == 0;
	if (r < 0)
		return false;
	/* The leader may well be the thread that waits for this driver. */
	channel_arm(session->channel, false);
	channel_flush(session->channel);
	lead_wake(&session->lead);
	return true;
}

/* Pages to ask for: more where the driver goes through memory in order. */
static uint32_t pages_ahead(const struct session *session, struct mirror *mirror, uint64_t address)
{
	uint32_t most = (session->channel->max_message - 512) / (PROTO_PAGE + sizeof(struct proto_range));
	uint32_t n = 1;

	/* In verify mode each page that is touched shall be seen. */
	if (address == mirror->ahead_address && !mirror->verify)
		n = mirror->ahead_pages * 2;
	if (n > PROTO_MEM_PAGES_MAX)
		n = PROTO_MEM_PAGES_MAX;
	if (n > most)
		n = most;
	if (n > (MIRROR_TOP - address) / PROTO_PAGE)
		n = (MIRROR_TOP - address) / PROTO_PAGE;
	mirror->ahead_address = address + n * PROTO_PAGE;
	mirror->ahead_pages = n;
	return n;
}

static void quota_used_up(struct session *session, struct mirror *mirror)
{
	mirror->withheld = true;
	if (log_limit_pass(&session->limit, session->guest))
		log_warning("guest \"%s\": its ioctls use %llu pages, its whole quota: EFAULT "
			    "(max-call-memory in hostd.conf)",
			    session->guest, (unsigned long long)session->mirrors.max_pages);
}

/* Some fault waits for the guest: the watching thread looks after it. */
static void expect(struct session *session)
{
	if (session->mirrors.expected)
		return;
	session->mirrors.expected = true;
	mirror_watch_wake(session);
}

/* The driver needs a page that is not there. */
static void page_want(struct session *session, struct mirror *mirror, uint64_t address)
{
	struct mirror_wanted *wanted;

	region_note(mirror, address);
	for (uint32_t i = 0; i < mirror->n_wanted; i++) {
		uint64_t n = (address - mirror->wanted[i].address) / PROTO_PAGE;

		if (address >= mirror->wanted[i].address && n < mirror->wanted[i].n_pages) {
			mirror->wanted[i].others |= 1u << n;
			return;
		}
	}
	if (session->mirrors.n_pages >= session->mirrors.max_pages)
		quota_used_up(session, mirror);
	if (!mirror->operation || mirror->withheld || mirror->n_wanted == MIRROR_WANTED_MAX) {
		page_refuse(session, mirror, address, PROT_NONE);
		return;
	}
	wanted = &mirror->wanted[mirror->n_wanted++];
	*wanted = (struct mirror_wanted){
		.tag = ++session->mirrors.last_tag,
		.address = address,
		.since_ns = channel_now_ns(),
		.n_pages = pages_ahead(session, mirror, address),
	};
	expect(session);
	if (!wanted_send(session, mirror, wanted))
		session->backlog = true;
}

void mirror_faults(struct session *session, struct mirror *mirror)
{
	struct uffd_msg message;

	for (int i = 0; i < FAULTS_AT_ONCE && mirror->state != MIRROR_DEAD; i++) {
		uint64_t address;

		if (read(mirror->watcher, &message, sizeof(message)) != sizeof(message))
			return;
		address = page_of(message.arg.pagefault.address);
		if (message.event != UFFD_EVENT_PAGEFAULT)
			continue;
		if (mirror->verify && verify_fault(session, mirror, message.arg.pagefault.address,
						   message.arg.pagefault.flags))
			continue;
		if (message.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP)
			page_refuse(session, mirror, address, PROT_READ);
		else
			page_want(session, mirror, address);
	}
}

bool mirror_push(struct session *session)
{
	for (struct mirror *mirror = session->mirrors.mirrors; mirror; mirror = mirror->next)
		for (uint32_t i = 0; i < mirror->n_wanted; i++)
			if (!mirror->wanted[i].sent && !wanted_send(session, mirror, &mirror->wanted[i]))
				return false;
	return true;
}

bool mirror_expire(struct session *session)
{
	struct mirror_table *table = &session->mirrors;
	uint64_t now_ns, patience_ns = table->wait_ms * UINT64_C(1000000);
	bool expected = false;

	if (!table->expected)
		return false;
	now_ns = channel_now_ns();
	/* What has come and is not looked at yet may be the answer. */
	if (channel_readable(session->channel))
		patience_ns *= 2;
	for (struct mirror *mirror = table->mirrors; mirror; mirror = mirror->next) {
		for (uint32_t i = 0; i < mirror->n_wanted;) {
			struct mirror_wanted wanted = mirror->wanted[i];

			if (now_ns - wanted.since_ns < patience_ns) {
				expected = true;
				i++;
				continue;
			}
			wanted_remove(mirror, i);
			mirror->withheld = true;
			if (log_limit_pass(&session->limit, session->guest))
				log_warning("guest \"%s\": page 0x%llx did not come within %u ms: EFAULT for "
					    "its ioctl (page-timeout-ms in hostd.conf)",
					    session->guest, (unsigned long long)wanted.address, table->wait_ms);
			page_refuse(session, mirror, wanted.address, PROT_NONE);
			for (uint32_t n = 1; n < wanted.n_pages; n++)
				if (wanted.others & 1u << n)
					page_refuse(session, mirror, wanted.address + n * PROTO_PAGE, PROT_NONE);
		}
	}
	table->expected = expected;
	return expected;
}

/* ---- the guest's answer ---- */

static void answer_violation(struct session *session, const char *what) __attribute__((noreturn));
static void answer_violation(struct session *session, const char *what)
{
	proto_fault_set(&session->channel->fault, "MEM_READ_ANSWER: %s", what);
	session_violation(session);
}

/* True if the answer brings whole pages in order, from the first wanted on. Their
 * number is *np. */
static bool answer_fits(const struct mirror_wanted *wanted, const struct proto_range *runs, uint32_t n_runs,
			uint32_t *np)
{
	uint64_t next = wanted->address;

	for (uint32_t i = 0; i < n_runs; i++) {
		if (runs[i].address != next || runs[i].length == 0 || runs[i].length % PROTO_PAGE ||
		    !(runs[i].direction & PROTO_RANGE_IN))
			return false;
		next += runs[i].length;
		if (next - wanted->address > (uint64_t)wanted->n_pages * PROTO_PAGE)
			return false;
	}
	*np = (next - wanted->address) / PROTO_PAGE;
	return true;
}

static struct mirror *wanted_find(struct session *session, uint64_t tag, uint32_t *ip)
{
	for (struct mirror *mirror = session->mirrors.mirrors; mirror; mirror = mirror->next)
		for (*ip = 0; *ip < mirror->n_wanted; (*ip)++)
			if (mirror->wanted[*ip].tag == tag)
				return mirror;
	return NULL;
}

/* Runs of pages, each with its bytes, into the mirror. */
static int runs_supply(struct session *session, struct mirror *mirror, const struct proto_range *runs,
		       uint32_t n_runs, const uint8_t *bytes)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < n_runs; i++) {
		r = mirror_supply(session, mirror, &runs[i], bytes, true);
		bytes += runs[i].length;
	}
	return r;
}

void mirror_answered(struct session *session, const struct proto_message *message)
{
	const struct proto_mem_read_answer *answer = message->body;
	struct mirror_wanted wanted;
	const struct proto_range *runs;
	const uint8_t *bytes;
	struct mirror *mirror;
	uint32_t i, n_runs, n_pages;

	mirror = wanted_find(session, message->header.tag, &i);
	if (!mirror) {
		/* Too late, or once more: its page was refused, or the call is over. */
		if (message->header.tag > session->mirrors.last_tag)
			answer_violation(session, "tag: nothing was asked by it");
		return;
	}
	wanted = mirror->wanted[i];
	runs = proto_ranges(message, &n_runs, &bytes);
	if (answer->result > 0 || (answer->result < 0) != (n_runs == 0))
		answer_violation(session, "result does not fit n_ranges");
	if (!answer_fits(&wanted, runs, n_runs, &n_pages))
		answer_violation(session, "ranges: not the pages that were wanted");
	wanted_remove(mirror, i);
	if (n_pages && runs_supply(session, mirror, runs, n_runs, bytes) < 0) {
		quota_used_up(session, mirror);
		n_pages = 0;
	}
	if (!n_pages)
		page_refuse(session, mirror, wanted.address, PROT_NONE);
	for (uint32_t n = n_pages ? n_pages : 1; n < wanted.n_pages; n++)
		if (wanted.others & 1u << n)
			page_want(session, mirror, wanted.address + n * PROTO_PAGE);
}

void mirror_memory_end(struct session *session, struct mirror *mirror)
{
	struct mirror_refused *refused;

	/* A page that is refused must not stay so. */
	while (mirror->n_refusing)
		lead_wait(&session->lead, &session->mirrors.changed);
	mirror->withheld = false;
	mirror->ahead_address = 0;
	session->mirrors.n_pages -= mirror->n_pages;
	for (uint32_t i = 0; i < mirror->n_pages; i++)
		if (mirror->pages[i].owned)
			free((void *)mirror->pages[i].snapshot);
	mirror->n_pages = 0;
	if (mirror->max_pages > MIRROR_WINDOW_PAGES) {
		free(mirror->pages);
		mirror->pages = NULL;
		mirror->max_pages = 0;
	}
	while ((refused = mirror->refused)) {
		mirror->refused = refused->next;
		if (mirror->state != MIRROR_DEAD &&
		    protect(session, mirror, refused->address, PROT_READ | PROT_WRITE) < 0)
			mirror_end(session, mirror);
		free(refused);
	}
}

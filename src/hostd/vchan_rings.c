/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See vchan_rings.h. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostd/vchan_rings.h"
#include "proto/log.h"
#include "proto/transport.h"

#ifdef HAVE_XEN
#include <fcntl.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <libxenvchan.h>
#include <xen/gntalloc.h>
#include <xenstore.h>

#define PAGE 4096u
#define RING_PAGES (VCHAN_RING_SIZE / PAGE)
#define N_PAGES (1 + 2 * RING_PAGES)
/* How many grants that a domain still maps Linux tries to get back each second (Linux'
 * Documentation/ABI/testing/sysfs-module; 0 for all, and 10 if nobody says otherwise). */
#define RECLAIM "/sys/module/grant_table/parameters/free_per_iteration"
#define RECLAIM_ENOUGH 1024
/* How many pages all files of gntalloc may have in all (gntalloc.c; 1,024). */
#define LIMIT "/sys/module/xen_gntalloc/parameters/limit"
#define LIMIT_MAX 32768 /* a domain has no more grants by default */

struct vchan_rings {
	uint32_t domid;
	int memory_fd;
	xenevtchn_handle *event;
	uint32_t port;
	struct vchan_interface *page; /* the first one: what both sides write */
	uint8_t fresh[PAGE]; /* as it is before a guest comes, but for srv_live: nobody serves it */
	uint32_t ring_ref; /* its grant */
	char path[64]; /* in the xenstore, below our own domain's */
};

/* What a parameter of the kernel is, or 0 where there is none. */
static unsigned int parameter(const char *path)
{
	FILE *file = fopen(path, "re");
	unsigned int n = 0;

	if (file && fscanf(file, "%u", &n) != 1)
		n = 0;
	if (file)
		fclose(file);
	return n;
}

/* True if it is `n` now. */
static bool parameter_set(const char *path, unsigned int n)
{
	FILE *file = fopen(path, "we");
	bool fine = file && fprintf(file, "%u", n) > 0;

	if (file && fclose(file) != 0)
		fine = false;
	if (!fine)
		log_warning("%s: %s; it should be %u", path, strerror(errno), n);
	return fine;
}

/* The rings of a hostd that has died go back while their guest may still map them: of one that
 * dies again and again, faster than ten a second. */
static void reclaim_sooner(void)
{
	unsigned int n = parameter(RECLAIM); /* older kernels do not have it */

	if (n != 0 && n < RECLAIM_ENOUGH)
		(void)parameter_set(RECLAIM, RECLAIM_ENOUGH);
}

/* For a guest more. */
static bool limit_raise(void)
{
	unsigned int n = parameter(LIMIT);

	if (n == 0 || n > LIMIT_MAX - N_PAGES || !parameter_set(LIMIT, n + N_PAGES))
		return false;
	log_info("%s: %u pages instead of %u, for one guest more", LIMIT, n + N_PAGES, n);
	return true;
}

/* Grants the pages: libxengntshr would take its file's right to map them away. */
static int pages_make(struct vchan_rings *rings)
{
	struct ioctl_gntalloc_alloc_gref *alloc;
	struct vchan_interface *fresh = (void *)rings->fresh;
	int r;

	rings->memory_fd = open("/dev/xen/gntalloc", O_RDWR | O_CLOEXEC);
	if (rings->memory_fd < 0)
		return -errno;
	alloc = calloc(1, sizeof(*alloc) + N_PAGES * sizeof(alloc->gref_ids[0]));
	if (!alloc)
		return -ENOMEM;
	alloc->domid = rings->domid;
	alloc->flags = GNTALLOC_FLAG_WRITABLE;
	alloc->count = N_PAGES;
	r = ioctl(rings->memory_fd, IOCTL_GNTALLOC_ALLOC_GREF, alloc) < 0 ? -errno : 0;
	if (r == -ENOSPC && limit_raise())
		r = ioctl(rings->memory_fd, IOCTL_GNTALLOC_ALLOC_GREF, alloc) < 0 ? -errno : 0;
	/* The first allocation of a file begins there. */
	if (r == 0 && alloc->index)
		r = -EPROTO;
	if (r == 0) {
		fresh->left_order = fresh->right_order = VCHAN_RING_ORDER;
		fresh->cli_live = 2; /* not yet connected */
		fresh->cli_notify = fresh->srv_notify = VCHAN_NOTIFY_WRITE;
		rings->ring_ref = alloc->gref_ids[0];
		memcpy(fresh->grants, &alloc->gref_ids[1], (N_PAGES - 1) * sizeof(fresh->grants[0]));
	}
	free(alloc);
	return r;
}

/* Maps the first page, and has Linux tell the guest when neither we nor a session does any
 * more. */
static int page_map(struct vchan_rings *rings)
{
	struct ioctl_gntalloc_unmap_notify notify = {
		.index = offsetof(struct vchan_interface, srv_live),
		.action = UNMAP_NOTIFY_CLEAR_BYTE | UNMAP_NOTIFY_SEND_EVENT,
	};
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, rings->memory_fd, 0);
	int port;

	if (page == MAP_FAILED)
		return -errno;
	rings->page = page;
	rings->event = xenevtchn_open(NULL, 0);
	if (!rings->event)
		return -errno;
	port = xenevtchn_bind_unbound_port(rings->event, rings->domid);
	if (port < 0)
		return -errno;
	rings->port = notify.event_channel_port = port;
	/* The session has this file, too. */
	if (xenevtchn_restrict(rings->event, rings->domid) < 0)
		return -errno;
	return ioctl(rings->memory_fd, IOCTL_GNTALLOC_SET_UNMAP_NOTIFY, &notify) < 0 ? -errno : 0;
}

int vchan_rings_new(uint32_t domid, struct vchan_rings **ringsp)
{
	struct vchan_rings *rings = calloc(1, sizeof(*rings));
	int r;

	if (!rings)
		return -ENOMEM;
	rings->domid = domid;
	snprintf(rings->path, sizeof(rings->path), "data/paradice/%u", domid);
	reclaim_sooner();
	r = pages_make(rings);
	if (r == 0)
		r = page_map(rings);
	if (r < 0) {
		vchan_rings_free(rings);
		return r;
	}
	*ringsp = rings;
	return 0;
}

void vchan_rings_free(struct vchan_rings *rings)
{
	if (!rings)
		return;
	if (rings->page)
		munmap(rings->page, PAGE);
	if (rings->event)
		xenevtchn_close(rings->event);
	if (rings->memory_fd >= 0)
		close(rings->memory_fd);
	free(rings);
}

uint32_t vchan_rings_domid(const struct vchan_rings *rings)
{
	return rings->domid;
}

int vchan_rings_memory_fd(const struct vchan_rings *rings)
{
	return rings->memory_fd;
}

int vchan_rings_event_fd(const struct vchan_rings *rings)
{
	return xenevtchn_fd(rings->event);
}

uint32_t vchan_rings_port(const struct vchan_rings *rings)
{
	return rings->port;
}

/* 1: a guest is there; its Linux clears that when it unmaps the page. */
bool vchan_rings_let_go(const struct vchan_rings *rings)
{
	return __atomic_load_n(&rings->page->cli_live, __ATOMIC_ACQUIRE) != 1;
}

static bool say(struct xs_handle *xs, struct vchan_rings *rings, const char *name, uint32_t value)
{
	/* Ours, and the domain may read it. */
	struct xs_permissions permissions[2] = {
		{ .perms = XS_PERM_NONE },
		{ .id = rings->domid, .perms = XS_PERM_READ },
	};
	char *self = xs_read(xs, XBT_NULL, "domid", NULL);
	char path[96], text[16];

	if (!self)
		return false;
	permissions[0].id = strtoul(self, NULL, 10);
	free(self);
	snprintf(path, sizeof(path), "%s/%s", rings->path, name);
	snprintf(text, sizeof(text), "%u", value);
	return xs_write(xs, XBT_NULL, path, text, strlen(text)) &&
	       xs_set_permissions(xs, XBT_NULL, path, permissions, 2);
}

void vchan_rings_renew(struct vchan_rings *rings)
{
	/* What the last guest has left there does not count. */
	memcpy(rings->page, rings->fresh, sizeof(rings->fresh));
}

int vchan_rings_offer(struct vchan_rings *rings)
{
	struct xs_handle *xs;
	int r = 0;

	__atomic_store_n(&rings->page->srv_live, 1, __ATOMIC_SEQ_CST);
	xs = xs_open(0);
	if (!xs)
		return errno ? -errno : -ENOENT;
	/* A guest looks for the second one first. */
	if (!say(xs, rings, "ring-ref", rings->ring_ref) || !say(xs, rings, "event-channel", rings->port))
		r = errno ? -errno : -EIO;
	xs_close(xs);
	return r;
}

void vchan_rings_withdraw(struct vchan_rings *rings)
{
	struct xs_handle *xs = xs_open(0);

	if (xs) {
		xs_rm(xs, XBT_NULL, rings->path);
		xs_close(xs);
	}
	__atomic_store_n(&rings->page->srv_live, 0, __ATOMIC_SEQ_CST);
	(void)xenevtchn_notify(rings->event, rings->port);
}

#else

int vchan_rings_new(uint32_t domid, struct vchan_rings **ringsp)
{
	return -ENOSYS;
}

void vchan_rings_free(struct vchan_rings *rings)
{
}

uint32_t vchan_rings_domid(const struct vchan_rings *rings)
{
	return 0;
}

int vchan_rings_memory_fd(const struct vchan_rings *rings)
{
	return -1;
}

int vchan_rings_event_fd(const struct vchan_rings *rings)
{
	return -1;
}

uint32_t vchan_rings_port(const struct vchan_rings *rings)
{
	return 0;
}

bool vchan_rings_let_go(const struct vchan_rings *rings)
{
	return true;
}

void vchan_rings_renew(struct vchan_rings *rings)
{
}

int vchan_rings_offer(struct vchan_rings *rings)
{
	return -ENOSYS;
}

void vchan_rings_withdraw(struct vchan_rings *rings)
{
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory of the guest's programs; see pages.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Linux's header takes two types of Xen's own, which need not be installed. */
typedef uint32_t grant_ref_t;
typedef uint16_t domid_t;
#include <xen/gntdev.h>

#include "hostd/pages.h"
#include "hostd/session.h"

#define GNTDEV_PATH "/dev/xen/gntdev"
/* Where kept pages go: an area that neither the C library nor a sanitizer uses. */
#define KEPT_BEGIN UINT64_C(0x200000000000)
#define KEPT_END UINT64_C(0x500000000000)

/* True unless this domain is known to be none that Xen paravirtualizes. */
static bool is_pv(void)
{
	char type[16] = "";
	int fd = open("/sys/hypervisor/guest_type", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (read(fd, type, sizeof(type) - 1) < 0)
			type[0] = '\0';
		close(fd);
	}
	return strncmp(type, "PVH", 3) != 0 && strncmp(type, "HVM", 3) != 0;
}

void pages_init(struct page_table *table, bool grants, uint32_t max_mib, int fd)
{
	struct stat st;

	table->max = max_mib * (1048576 / PROTO_PAGE);
	table->next = KEPT_BEGIN;
	table->separate = grants && is_pv();
	table->gntdev_fd = grants ? open(GNTDEV_PATH, O_RDWR | O_CLOEXEC) : -1;
	if (grants && table->gntdev_fd < 0)
		log_warning(GNTDEV_PATH ": %s: reads and writes are copied (modprobe xen-gntdev, then "
			    "restart paradice-hostd)", strerror(errno));
	if (fstat(fd, &st) == 0)
		table->anonymous = st.st_dev;
}

/* The descriptor with the pages. Whatever else a guest passes could keep a driver
 * waiting for its contents. */
static int passed_take(struct session *session, uint64_t id)
{
	struct transport *transport = session->channel->transport;
	struct stat st;
	int fd = transport->ops->pass ? transport->ops->take(transport, id) : -EINVAL;

	if (fd < 0 || (fstat(fd, &st) == 0 && st.st_dev == session->pages.anonymous))
		return fd;
	close(fd);
	return -EINVAL;
}

static void fd_end(struct pages *pages)
{
	if (pages->fd >= 0)
		close(pages->fd);
	pages->fd = -1;
}

int pages_take(struct session *session, struct pages *pages, uint64_t id, uint32_t n, const uint8_t *refs,
	       uint32_t n_refs)
{
	struct page_table *table = &session->pages;

	*pages = (struct pages){ .fd = -1, .granted = n_refs };
	if (!n_refs) {
		pages->fd = passed_take(session, id);
		if (pages->fd < 0)
			return pages->fd;
	} else if (n_refs != n || table->gntdev_fd < 0) {
		return -EINVAL;
	} else {
		pages->refs = refs;
	}
	if (n > table->max - table->n) {
		if (log_limit_pass(&session->limit, session->guest))
			log_warning("guest \"%s\": %u pages more of its programs' memory would be over its quota "
				    "(max-pinned in hostd.conf)", session->guest, n);
		pages_put(session, pages);
		return -ENOMEM;
	}
	pages->n = n;
	table->n += n;
	return 0;
}

/* Has gntdev know the grants. 0 or negative errno. */
static int grants_enter(struct session *session, struct pages *pages)
{
	struct ioctl_gntdev_map_grant_ref *map;
	int r = 0;

	map = calloc(1, sizeof(*map) + pages->n * sizeof(map->refs[0]));
	if (!map)
		return -ENOMEM;
	map->count = pages->n;
	for (uint32_t i = 0; i < pages->n; i++) {
		map->refs[i].domid = session->domid;
		memcpy(&map->refs[i].ref, pages->refs + i * sizeof(uint32_t), sizeof(uint32_t));
	}
	if (ioctl(session->pages.gntdev_fd, IOCTL_GNTDEV_MAP_GRANT_REF, map) < 0)
		r = -errno;
	pages->entered = r == 0;
	pages->index = map->index;
	free(map);
	return r;
}

static void grants_leave(const struct session *session, struct pages *pages)
{
	struct ioctl_gntdev_unmap_grant_ref unmap = { .index = pages->index, .count = pages->n };

	if (pages->entered)
		(void)ioctl(session->pages.gntdev_fd, IOCTL_GNTDEV_UNMAP_GRANT_REF, &unmap);
	pages->entered = false;
}

/* The next address for kept pages, with a gap behind them. */
static void *kept_place(struct page_table *table, size_t size)
{
	uint64_t place = __atomic_fetch_add(&table->next, size + PROTO_PAGE, __ATOMIC_RELAXED);

	return place < KEPT_END - size ? (void *)(uintptr_t)place : NULL;
}

bool pages_here(uint64_t address)
{
	return address >= KEPT_BEGIN && address < KEPT_END;
}

/* The program's pages. 0 and *memoryp, or negative errno. */
static int program_map(struct session *session, struct pages *pages, void *place, bool write, uint8_t **memoryp)
{
	int fd = pages->granted ? session->pages.gntdev_fd : pages->fd;
	int r = pages->granted ? grants_enter(session, pages) : 0;
	void *memory;

	if (r < 0)
		return r;
	memory = mmap(place, (size_t)pages->n * PROTO_PAGE, PROT_READ | (write ? PROT_WRITE : 0),
		      MAP_SHARED | (place ? MAP_FIXED_NOREPLACE : 0), fd, pages->index);
	if (memory == MAP_FAILED) {
		r = -errno;
		grants_leave(session, pages);
		return r;
	}
	*memoryp = memory;
	return 0;
}

/* Memory of the session's instead. */
static int separate_map(struct pages *pages, void *place)
{
	void *memory = mmap(place, (size_t)pages->n * PROTO_PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (memory == MAP_FAILED)
		return -errno;
	pages->memory = memory;
	return 0;
}

int pages_map(struct session *session, struct pages *pages, bool write, bool kept)
{
	bool separate = kept && session->pages.separate;
	void *place = kept ? kept_place(&session->pages, (size_t)pages->n * PROTO_PAGE) : NULL;
	int r = kept && !place ? -ENOMEM : 0;

	if (r == 0 && separate)
		r = separate_map(pages, place);
	if (r == 0)
		r = program_map(session, pages, separate ? NULL : place, write,
				separate ? &pages->separate : &pages->memory);
	fd_end(pages);
	pages->refs = NULL;
	return r;
}

void pages_fetch(const struct pages *pages, uint32_t first, uint64_t size)
{
	if (pages->separate)
		memcpy(pages->memory + first, pages->separate + first, size);
}

void pages_store(const struct pages *pages, uint32_t first, uint64_t size)
{
	if (pages->separate)
		memcpy(pages->separate + first, pages->memory + first, size);
}

void pages_unmap(struct session *session, struct pages *pages)
{
	size_t size = (size_t)pages->n * PROTO_PAGE;

	if (pages->separate)
		munmap(pages->separate, size);
	if (pages->memory)
		munmap(pages->memory, size);
	grants_leave(session, pages);
	pages->memory = pages->separate = NULL;
}

void pages_put(struct session *session, struct pages *pages)
{
	fd_end(pages);
	session->pages.n -= pages->n;
	pages->n = 0;
}

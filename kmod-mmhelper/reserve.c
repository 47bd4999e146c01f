// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Address space of a guest for device memory of its host: frames at which this machine
 * has nothing, where Xen then maps the device, and a file that maps them for programs.
 *
 * A reservation ends when its file is closed everywhere and the daemon has said that
 * the host has taken its memory away: before that nothing else may come to its place.
 * What a daemon leaves behind the next one frees, when it has a connection of its own.
 * The kernel's own mapping is there so that the frames have the cache attribute that
 * is wanted, in every mapping (x86 asks for that, mm/pat/memtype.c). reservations_lock
 * covers all of it.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <xen/xen.h>

#include "internal.h"

#define RESERVE_MAX (1ull << 32) /* bytes, of one reservation */

struct mmh_reservation {
	struct list_head entry;
	struct mmh_daemon *daemon; /* NULL: gone */
	struct resource resource;
	void __iomem *mapped;
	u32 host;
	bool open; /* its file is, or a mapping of it is there */
	bool vacated; /* the host has nothing there */
};

static LIST_HEAD(reservations);
static DEFINE_MUTEX(reservations_lock);

static void reservation_free(struct mmh_reservation *reservation)
{
	if (reservation->mapped)
		iounmap(reservation->mapped);
	if (reservation->resource.parent)
		release_resource(&reservation->resource);
	kfree(reservation);
}

/* Under reservations_lock: ends it if nothing holds it. */
static void reservation_consider(struct mmh_reservation *reservation)
{
	if (reservation->open || !reservation->vacated)
		return;
	list_del(&reservation->entry);
	reservation_free(reservation);
	module_put(THIS_MODULE);
}

static int reservation_release(struct inode *inode, struct file *file)
{
	struct mmh_reservation *reservation = file->private_data;

	mutex_lock(&reservations_lock);
	reservation->open = false;
	reservation_consider(reservation);
	mutex_unlock(&reservations_lock);
	return 0;
}

/* There is no fault handler: what was revoked stays so. */
static const struct vm_operations_struct reservation_vm_ops = {};

static int reservation_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct mmh_reservation *reservation = file->private_data;
	unsigned long frame = PHYS_PFN(reservation->resource.start), i;

	if (vma->vm_pgoff || vma_pages(vma) != PHYS_PFN(resource_size(&reservation->resource)) ||
	    is_cow_mapping(vma->vm_flags))
		return -EINVAL;
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &reservation_vm_ops;
	for (i = 0; i < vma_pages(vma); i++) {
		if (vmf_insert_pfn(vma, vma->vm_start + (i << PAGE_SHIFT), frame + i) !=
		    VM_FAULT_NOPAGE)
			return -ENOMEM;
		cond_resched();
	}
	return 0;
}

static const struct file_operations reservation_fops = {
	.owner = THIS_MODULE,
	.mmap = reservation_mmap,
	.release = reservation_release,
};

static void __iomem *reservation_map(const struct resource *resource, u32 cache)
{
	if (cache == MMHELPER_CACHE_NORMAL)
		return ioremap_cache(resource->start, resource_size(resource));
	if (cache == MMHELPER_CACHE_COMBINE)
		return ioremap_wc(resource->start, resource_size(resource));
	return ioremap(resource->start, resource_size(resource));
}

/* Large ones on the border of a large page, so that Xen can map them as such. */
static struct mmh_reservation *reservation_new(const struct mmhelper_reserve *reserve)
{
	struct mmh_reservation *made = kzalloc(sizeof(*made), GFP_KERNEL);
	resource_size_t align = reserve->length < SZ_2M ? PAGE_SIZE : SZ_2M;
	int r;

	if (!made)
		return ERR_PTR(-ENOMEM);
	made->host = reserve->host;
	made->resource.name = "Paradice device memory";
	made->resource.flags = IORESOURCE_MEM | IORESOURCE_BUSY;
	r = allocate_resource(&iomem_resource, &made->resource, reserve->length, SZ_4G, -1, align,
			      NULL, NULL);
	if (r == 0)
		made->mapped = reservation_map(&made->resource, reserve->cache);
	if (r == 0 && made->mapped)
		return made;
	reservation_free(made);
	return ERR_PTR(r ?: -ENOMEM);
}

int reserve_make(struct mmh_daemon *daemon, struct mmhelper_reserve *reserve)
{
	struct mmh_reservation *made;

	if (reserve->flags || reserve->frame || reserve->fd ||
	    reserve->cache > MMHELPER_CACHE_NONE || !reserve->length ||
	    (reserve->length & ~PAGE_MASK) || reserve->length > RESERVE_MAX)
		return -EINVAL;
	/* A PV domain has no address space of its own. */
	if (!xen_domain() || xen_pv_domain())
		return -EOPNOTSUPP;
	made = reservation_new(reserve);
	if (IS_ERR(made))
		return PTR_ERR(made);
	made->daemon = daemon;
	made->open = true;
	__module_get(THIS_MODULE);
	mutex_lock(&reservations_lock);
	list_add(&made->entry, &reservations);
	mutex_unlock(&reservations_lock);
	reserve->frame = PHYS_PFN(made->resource.start);
	reserve->fd = anon_inode_getfd("[mmhelper]", &reservation_fops, made, O_RDWR | O_CLOEXEC);
	if (reserve->fd >= 0)
		return 0;
	mutex_lock(&reservations_lock);
	made->open = false;
	made->vacated = true;
	reservation_consider(made);
	mutex_unlock(&reservations_lock);
	return reserve->fd;
}

/* One of the daemon's own; or, without a frame, all of a host but those of other
 * daemons. */
static bool reservation_meant(const struct mmh_reservation *reservation,
			      const struct mmh_daemon *daemon,
			      const struct mmhelper_vacate *vacate)
{
	if (vacate->frame)
		return reservation->daemon == daemon &&
		       PHYS_PFN(reservation->resource.start) == vacate->frame;
	return reservation->host == vacate->host &&
	       (!reservation->daemon || reservation->daemon == daemon);
}

int reserve_vacate(struct mmh_daemon *daemon, struct mmhelper_vacate *vacate)
{
	struct mmh_reservation *reservation, *next;
	int r = vacate->frame ? -ENOENT : 0;

	if (vacate->flags)
		return -EINVAL;
	mutex_lock(&reservations_lock);
	list_for_each_entry_safe(reservation, next, &reservations, entry) {
		if (!reservation_meant(reservation, daemon, vacate))
			continue;
		reservation->vacated = true;
		reservation_consider(reservation);
		r = 0;
	}
	mutex_unlock(&reservations_lock);
	return r;
}

void reserve_daemon_end(struct mmh_daemon *daemon)
{
	struct mmh_reservation *reservation;

	mutex_lock(&reservations_lock);
	list_for_each_entry(reservation, &reservations, entry)
		if (reservation->daemon == daemon)
			reservation->daemon = NULL;
	mutex_unlock(&reservations_lock);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tracked mappings: the daemon hears when the last one of a backing file is gone
 * (munmap, exit, exec), and they all go when the daemon does.
 *
 * The operations of the VMAs are replaced by a copy, by which each VMA finds its
 * map. Lifetime: a map is held by the daemon's list and by its VMAs; while it has
 * any, it holds the module, because they lead back here. Locks: an mm's mmap_lock,
 * then map->lock, then mmh_lock. map->lock covers the list of VMAs, and that a VMA
 * in it stays: its own close needs the lock.
 */
#include <linux/file.h>
#include <linux/kref.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include <xen/xen.h>

#include "internal.h"

struct mmh_map {
	struct kref kref;
	/* under mmh_lock */
	struct list_head entry; /* in daemon->maps */
	struct list_head event; /* in daemon->events, if there is something to tell */
	u32 what; /* MMHELPER_EVENT_… */
	struct mmh_daemon *daemon; /* NULL: gone */
	u64 token;
	struct file *file;
	/* Stands in for the inode's, which others' mappings share: so that ours can
	 * be found and zapped. */
	struct address_space pages;
	const struct vm_operations_struct *driver;
	struct vm_operations_struct ops;
	struct mutex lock; /* of `areas` and `revoked` */
	struct list_head areas;
	bool revoked;
};

/* One VMA. */
struct map_area {
	struct list_head entry;
	struct vm_area_struct *vma;
	bool revoked; /* the driver believes that it is closed */
};

static void map_free(struct kref *kref)
{
	kfree(container_of(kref, struct mmh_map, kref));
}

static void map_put(struct mmh_map *map)
{
	kref_put(&map->kref, map_free);
}

struct mmh_map *map_new(struct mmh_daemon *daemon, struct file *file, u64 token)
{
	struct inode *inode = file_inode(file);
	struct mmh_map *map;

	/* The daemon's table and our caller hold it, and nobody else, no VMA. */
	if (file->f_mapping != inode->i_mapping || file_count(file) != 2)
		return ERR_PTR(-EBUSY);
	map = kzalloc(sizeof(*map), GFP_KERNEL);
	if (!map)
		return ERR_PTR(-ENOMEM);
	kref_init(&map->kref);
	kref_get(&map->kref);
	mutex_init(&map->lock);
	INIT_LIST_HEAD(&map->areas);
	INIT_LIST_HEAD(&map->event);
	map->token = token;
	map->daemon = daemon;
	map->file = get_file(file);
	address_space_init_once(&map->pages);
	map->pages.host = inode;
	map->pages.a_ops = inode->i_mapping->a_ops;
	file->f_mapping = &map->pages;
	__module_get(THIS_MODULE);
	spin_lock(&mmh_lock);
	list_add_tail(&map->entry, &daemon->maps);
	spin_unlock(&mmh_lock);
	return map;
}

static void map_tell(struct mmh_map *map, u32 what)
{
	spin_lock(&mmh_lock);
	if (map->daemon) {
		map->what |= what;
		list_move_tail(&map->event, &map->daemon->events);
		wake_up_interruptible(&map->daemon->wait);
	}
	spin_unlock(&mmh_lock);
}

void map_end(struct mmh_map *map)
{
	map->file->f_mapping = file_inode(map->file)->i_mapping;
	fput(map->file);
	map_tell(map, MMHELPER_EVENT_ENDED);
	map_put(map);
	module_put(THIS_MODULE);
}

static void area_add(struct mmh_map *map, struct map_area *area, struct vm_area_struct *vma)
{
	area->vma = vma;
	area->revoked = map->revoked;
	list_add_tail(&area->entry, &map->areas);
}

static void map_vma_open(struct vm_area_struct *vma)
{
	struct mmh_map *map = container_of(vma->vm_ops, struct mmh_map, ops);
	/* There is no way to say no here. */
	struct map_area *area = kmalloc(sizeof(*area), GFP_KERNEL | __GFP_NOFAIL);

	mutex_lock(&map->lock);
	area_add(map, area, vma);
	if (!area->revoked && map->driver->open)
		map->driver->open(vma);
	mutex_unlock(&map->lock);
}

static struct map_area *area_find(struct mmh_map *map, const struct vm_area_struct *vma)
{
	struct map_area *area;

	list_for_each_entry(area, &map->areas, entry)
		if (area->vma == vma)
			return area;
	return NULL;
}

static void map_vma_close(struct vm_area_struct *vma)
{
	struct mmh_map *map = container_of(vma->vm_ops, struct mmh_map, ops);
	struct map_area *area;
	bool last;

	mutex_lock(&map->lock);
	area = area_find(map, vma);
	if (!WARN_ON_ONCE(!area)) {
		if (!area->revoked && map->driver->close)
			map->driver->close(vma);
		list_del(&area->entry);
		kfree(area);
	}
	last = list_empty(&map->areas);
	mutex_unlock(&map->lock);
	if (last)
		map_end(map);
}

/* In a PV domain a mapping of grants is tied to its place (gntdev.c, use_ptemod):
 * it can be neither split nor moved. */
static int map_vma_may_split(struct vm_area_struct *vma, unsigned long address)
{
	return -EINVAL;
}

static int map_vma_mremap(struct vm_area_struct *vma)
{
	return -EINVAL;
}

int map_attach(struct mmh_map *map, struct vm_area_struct *vma)
{
	struct map_area *area = kmalloc(sizeof(*area), GFP_KERNEL);
	bool revoked;

	if (!area)
		return -ENOMEM;
	map->driver = vma->vm_ops;
	map->ops = *vma->vm_ops;
	map->ops.open = map_vma_open;
	map->ops.close = map_vma_close;
	if (xen_pv_domain()) {
		map->ops.may_split = map_vma_may_split;
		map->ops.mremap = map_vma_mremap;
	}
	mutex_lock(&map->lock);
	revoked = map->revoked;
	if (!revoked) {
		area_add(map, area, vma);
		vma->vm_ops = &map->ops;
	}
	mutex_unlock(&map->lock);
	if (revoked) {
		kfree(area);
		return -ENODEV;
	}
	map_tell(map, MMHELPER_EVENT_MAPPED);
	return 0;
}

/* One VMA that still has its pages, and its mm, held; NULL if there is none. */
static struct vm_area_struct *area_next(struct mmh_map *map, struct mm_struct **mm)
{
	struct vm_area_struct *vma = NULL;
	struct map_area *area;

	mutex_lock(&map->lock);
	map->revoked = true;
	list_for_each_entry(area, &map->areas, entry) {
		if (!area->revoked) {
			vma = area->vma;
			*mm = vma->vm_mm;
			mmgrab(*mm);
			break;
		}
	}
	mutex_unlock(&map->lock);
	return vma;
}

/* Programs that touch it from now on get SIGBUS. The driver is told that the VMA
 * is closed, so that it lets go of what is mapped although the VMA stays. With the
 * mmap_lock nobody copies the page tables meanwhile (fork). */
static void map_revoke(struct mmh_map *map)
{
	struct vm_area_struct *vma;
	struct map_area *area;
	struct mm_struct *mm;

	while ((vma = area_next(map, &mm))) {
		mmap_write_lock(mm);
		mutex_lock(&map->lock);
		area = area_find(map, vma);
		if (area && !area->revoked && vma->vm_mm == mm) {
			unmap_mapping_range(&map->pages, 0, 0, 1);
			if (map->driver->close)
				map->driver->close(vma);
			area->revoked = true;
		}
		mutex_unlock(&map->lock);
		mmap_write_unlock(mm);
		mmdrop(mm);
	}
}

int map_end_token(struct mmh_daemon *daemon, struct mmhelper_revoke *revoke)
{
	struct mmh_map *map, *found = NULL;

	spin_lock(&mmh_lock);
	list_for_each_entry(map, &daemon->maps, entry) {
		if (map->token == revoke->token) {
			found = map;
			kref_get(&map->kref);
			break;
		}
	}
	spin_unlock(&mmh_lock);
	if (!found)
		return -ENOENT;
	map_revoke(found);
	map_put(found);
	return 0;
}

/* Out of the daemon's lists; under mmh_lock. */
static void map_leave(struct mmh_map *map)
{
	list_del_init(&map->event);
	list_del_init(&map->entry);
	map->daemon = NULL;
}

static struct mmh_map *map_pop(struct mmh_daemon *daemon)
{
	struct mmh_map *map;

	spin_lock(&mmh_lock);
	map = list_first_entry_or_null(&daemon->maps, struct mmh_map, entry);
	if (map)
		map_leave(map);
	spin_unlock(&mmh_lock);
	return map;
}

void map_daemon_end(struct mmh_daemon *daemon)
{
	struct mmh_map *map;

	while ((map = map_pop(daemon))) {
		map_revoke(map);
		map_put(map);
	}
}

bool map_event_take(struct mmh_daemon *daemon, struct mmhelper_event *event)
{
	struct mmh_map *map;
	bool ended = false;

	spin_lock(&mmh_lock);
	map = list_first_entry_or_null(&daemon->events, struct mmh_map, event);
	if (map) {
		*event = (struct mmhelper_event){ .token = map->token, .what = map->what };
		ended = map->what & MMHELPER_EVENT_ENDED;
		map->what = 0;
		list_del_init(&map->event);
		if (ended)
			map_leave(map);
	}
	spin_unlock(&mmh_lock);
	if (ended)
		map_put(map);
	return map;
}

bool map_event_any(struct mmh_daemon *daemon)
{
	return !list_empty_careful(&daemon->events);
}

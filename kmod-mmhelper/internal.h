/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the module share; see mmhelper.h and main.c. */
#ifndef PARADICE_MMHELPER_INTERNAL_H
#define PARADICE_MMHELPER_INTERNAL_H

#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/version.h>
#include <linux/wait.h>

#include <xen/interface/grant_table.h>

#include "mmhelper.h"

/* 6.3 made vm_flags read-only but for these. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags &= ~flags;
}
#endif

/* 6.17 lets a driver fill a mapping in by mmap_prepare() instead. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#define vfs_mmap call_mmap
static inline bool can_mmap_file(struct file *file)
{
	return file->f_op->mmap;
}
#endif

/* An open file of the device: one daemon. */
struct mmh_daemon {
	/* guest; under mmh_lock */
	struct list_head maps; /* struct mmh_map, until its end is told */
	struct list_head events; /* struct mmh_map with something to tell */
	wait_queue_head_t wait;
	/* driver domain; under `lock` */
	struct mutex lock;
	struct mm_struct *mm; /* who may export; NULL: not bound */
	u16 domid;
	u64 max_pages;
	u64 n_pages;
	u32 last_id;
	struct list_head exports; /* struct mmh_pages */
};

/* Adopted nodes, tracked mappings, gifts, and who wants SIGIO. Nothing that moves data
 * takes it. */
extern spinlock_t mmh_lock;

/* node.c: adopted nodes and what programs ask of them. */
int node_adopt(struct mmh_daemon *daemon, struct mmhelper_adopt *adopt);
int node_fetch(struct mmh_daemon *daemon, struct mmhelper_fetch *fetch);
int node_supply(struct mmh_daemon *daemon, struct mmhelper_supply *supply);
int node_result(struct mmh_daemon *daemon, struct mmhelper_result *result);
/* True for an open file of one of its nodes, opened since the adoption. */
bool node_owns(struct mmh_daemon *daemon, const struct file *file);
/* What the daemon calls such a file. */
int node_name(struct file *file, s64 *value);
/* The daemon is gone: its nodes are CUSE's own again. */
void node_daemon_end(struct mmh_daemon *daemon);
void node_exit(void);

/* sigio.c: programs that want SIGIO. */
/* Enters a descriptor of an open file, or takes it out (`on`, as for fasync()). 1 and the
 * file's number for MMHELPER_SIGNAL if that changed something, 0 or negative errno. */
int sigio_change(int fd, struct file *file, int on, u64 *number);
int sigio_send(struct mmh_daemon *daemon, struct mmhelper_signal *signal);

/* map.c: tracked mappings. */
struct mmh_map;
/* Makes one for a file, which it holds on to; an ERR_PTR() if that is not the
 * daemon's alone. Ends by map_end(), unless map_attach() has succeeded. */
struct mmh_map *map_new(struct mmh_daemon *daemon, struct file *file, u64 token);
/* The mapping that the file's driver has just set up is tracked from now on. */
int map_attach(struct mmh_map *map, struct vm_area_struct *vma);
void map_end(struct mmh_map *map);
/* Takes one mapping, or when the daemon is gone every mapping, away from the
 * programs. */
int map_end_token(struct mmh_daemon *daemon, struct mmhelper_revoke *revoke);
void map_daemon_end(struct mmh_daemon *daemon);
/* What is to be told; false if there is nothing. */
bool map_event_take(struct mmh_daemon *daemon, struct mmhelper_event *event);
bool map_event_any(struct mmh_daemon *daemon);

/* descriptor.c: descriptors that a node's ioctl returns or takes. */
int descriptor_give(struct mmh_daemon *daemon, struct mmhelper_give *give);
int descriptor_ask(struct mmh_daemon *daemon, struct mmhelper_ask *ask);
/* The calling thread's ioctl was answered with MMHELPER_IOCTL_GIVEN: what it shall
 * return. */
long descriptor_take(void);
void descriptor_daemon_end(struct mmh_daemon *daemon);

#define MMH_PAGES_MAX (1u << 20) /* held at a time: 4 GiB, so that sums stay small */

/* pages.c: pages that are held for another domain or process. */
struct mmh_pages {
	struct list_head entry; /* among the daemon's exports, or the dying */
	u32 id; /* of an export */
	u16 domid;
	bool pinned; /* FOLL_PIN; else each has a reference, if it has a count */
	bool write; /* they may be written */
	bool unmapping; /* pin.c */
	u32 n;
	u32 n_granted;
	grant_ref_t *refs;
	struct vm_area_struct *held; /* export.c: a mapping of those without a count, or NULL */
	unsigned long *uncounted; /* a bit for each of those; NULL: there are none */
	atomic_t n_areas; /* pin.c: it is mapped in, and one; 0: it is not mapped */
	struct mmu_interval_notifier notifier; /* pin.c */
	struct page *pages[]; /* NULL: put back */
};

/* Room for `n` pages, none in it yet; NULL when memory is short. */
struct mmh_pages *pages_new(unsigned long n, bool pinned, bool write);
/* Puts them back, and frees it; what a domain still maps later. */
void pages_free(struct mmh_pages *pages);
#ifdef CONFIG_XEN
/* Grants all to the domain; `refs` is where the caller wants their numbers. On failure
 * some may have been granted. */
int pages_grant(struct mmh_pages *pages, u16 domid, u64 refs);
#else
#define pages_grant(pages, domid, refs) (-EOPNOTSUPP)
#endif
/* How many wait until this domain lets go. */
u64 pages_dying(u16 domid);
void pages_exit(void);

/* pin.c: memory of a program. */
int pin_make(struct mmh_daemon *daemon, struct mmhelper_pin *pin);

/* export.c: a driver's pages for another domain. */
#ifdef CONFIG_XEN
/* How a mapping is cached: enum mmhelper_cache. */
u32 cache_of(const struct vm_area_struct *vma);
/* The frame behind an address of a VM_PFNMAP mapping. 0 or negative errno. */
int pfn_find(struct vm_area_struct *vma, unsigned long address, unsigned long *pfn);
/* 0 for what a driver has mapped, as far as it may be mapped, else negative errno. */
int vma_check(const struct vm_area_struct *vma, const struct mmhelper_export *export);
int export_bind(struct mmh_daemon *daemon, struct mmhelper_bind *bind);
int export_make(struct mmh_daemon *daemon, struct mmhelper_export *export);
int export_end(struct mmh_daemon *daemon, struct mmhelper_unexport *unexport);
void export_daemon_end(struct mmh_daemon *daemon);

/* frames.c: memory of devices for another domain. */
int frames_offer(struct mmh_daemon *daemon, struct mmhelper_offer *offer);
int frames_take(struct mmh_daemon *daemon, struct mmhelper_frames *ask);
int frames_left(struct mmh_daemon *daemon, struct mmhelper_frames *left);
int frames_drop(struct mmh_daemon *daemon, struct mmhelper_drop *drop);
void frames_daemon_end(struct mmh_daemon *daemon);
void frames_exit(void);

/* reserve.c: address space for memory of the host's devices. */
int reserve_make(struct mmh_daemon *daemon, struct mmhelper_reserve *reserve);
int reserve_vacate(struct mmh_daemon *daemon, struct mmhelper_vacate *vacate);
void reserve_daemon_end(struct mmh_daemon *daemon);
#else
#define export_bind(daemon, bind) (-EOPNOTSUPP)
#define export_make(daemon, export) (-EOPNOTSUPP)
#define export_end(daemon, unexport) (-EOPNOTSUPP)
#define export_daemon_end(daemon) ((void)(daemon))
#define frames_offer(daemon, offer) (-EOPNOTSUPP)
#define frames_take(daemon, ask) (-EOPNOTSUPP)
#define frames_left(daemon, left) (-EOPNOTSUPP)
#define frames_drop(daemon, drop) (-EOPNOTSUPP)
#define frames_daemon_end(daemon) ((void)(daemon))
#define frames_exit() ((void)0)
#define reserve_make(daemon, reserve) (-EOPNOTSUPP)
#define reserve_vacate(daemon, vacate) (-EOPNOTSUPP)
#define reserve_daemon_end(daemon) ((void)(daemon))
#endif

#endif

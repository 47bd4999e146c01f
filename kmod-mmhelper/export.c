// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Exports: the pages under a device mapping of the session, granted to its guest.
 *
 * An export holds a reference of each page, so that no page is used for something
 * else while the guest can reach it, whatever becomes of the mapping or of the
 * session. Pages without a count of users are there as long as the driver's mapping is;
 * for those it holds one more mapping of them. An export whose grants the guest still maps when they are taken back is
 * dying: it is tried again each second, and counts against the domain's limit until
 * the guest has let go (Linux's own list of such grants works off ten a second).
 * daemon->lock covers a daemon's exports, dying_lock the dying ones, taken inside; so
 * is the mm's mmap_lock.
 */
#include <linux/file.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include <xen/grant_table.h>
#include <xen/page.h>
#include <xen/xen.h>

#include "internal.h"

#define EXPORT_PAGES_MAX (1u << 20) /* of one export: 4 GiB, so that sums stay small */

struct mmh_export {
	struct list_head entry;
	u32 id;
	u16 domid;
	u32 n; /* pages held */
	u32 n_granted;
	struct vm_area_struct *held; /* NULL: all pages are counted */
	struct mmh_page {
		struct page *page; /* NULL: taken back, and put */
		grant_ref_t ref;
		bool counted;
	} pages[];
};

static unsigned long exported_pages;
module_param(exported_pages, ulong, 0444);
MODULE_PARM_DESC(exported_pages, "pages that domains have access to now");

static void dying_retry(struct work_struct *work);

static LIST_HEAD(dying);
static DEFINE_MUTEX(dying_lock); /* and exported_pages */
static DECLARE_DELAYED_WORK(dying_work, dying_retry);

int export_bind(struct mmh_daemon *daemon, struct mmhelper_bind *bind)
{
	int r = 0;

	if (bind->flags || !bind->max_pages || bind->max_pages > EXPORT_PAGES_MAX)
		return -EINVAL;
	if (bind->domid >= DOMID_FIRST_RESERVED)
		return -EINVAL;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (!xen_domain())
		return -EOPNOTSUPP;
	mutex_lock(&daemon->lock);
	if (daemon->mm) {
		r = -EBUSY;
	} else {
		mmgrab(current->mm);
		daemon->mm = current->mm;
		daemon->domid = bind->domid;
		daemon->max_pages = bind->max_pages;
	}
	mutex_unlock(&daemon->lock);
	return r;
}

static u32 cache_of(const struct vm_area_struct *vma)
{
	pgprotval_t bits = pgprot_val(vma->vm_page_prot) & _PAGE_CACHE_MASK;

	if (!bits)
		return MMHELPER_CACHE_NORMAL;
	if (bits == (pgprot_val(pgprot_writecombine(__pgprot(0))) & _PAGE_CACHE_MASK))
		return MMHELPER_CACHE_COMBINE;
	return MMHELPER_CACHE_NONE;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
static int pfn_find(struct vm_area_struct *vma, unsigned long address, unsigned long *pfn)
{
	struct follow_pfnmap_args args = { .vma = vma, .address = address };
	int r = follow_pfnmap_start(&args);

	if (r)
		return r;
	*pfn = args.pfn;
	follow_pfnmap_end(&args);
	return 0;
}
#else
static int pfn_find(struct vm_area_struct *vma, unsigned long address, unsigned long *pfn)
{
	return follow_pfn(vma, address, pfn);
}
#endif

/* A page that the driver has mapped without giving it to the memory management. */
static int page_raw(struct vm_area_struct *vma, unsigned long address, bool write, struct mmh_page *found)
{
	unsigned long pfn;
	int r = pfn_find(vma, address, &pfn);

	if (r) {
		/* The driver fills the mapping in when it is touched. */
		r = fixup_user_fault(vma->vm_mm, address, write ? FAULT_FLAG_WRITE : 0, NULL);
		if (!r)
			r = pfn_find(vma, address, &pfn);
	}
	if (r)
		return r;
	/* Device memory cannot be granted. */
	if (!pfn_valid(pfn) || !page_is_ram(pfn))
		return -EREMOTEIO;
	found->page = pfn_to_page(pfn);
	found->counted = get_page_unless_zero(compound_head(found->page));
	return 0;
}

static int page_find(struct vm_area_struct *vma, unsigned long address, bool write, struct mmh_page *found)
{
	unsigned int flags = write ? FOLL_WRITE : 0;
	long n;

	if (vma->vm_flags & (VM_PFNMAP | VM_IO))
		return page_raw(vma, address, write, found);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	n = get_user_pages(address, 1, flags, &found->page);
#else
	n = get_user_pages(address, 1, flags, &found->page, NULL);
#endif
	found->counted = n == 1;
	return n == 1 ? 0 : n < 0 ? n : -EFAULT;
}

/* One more mapping of the driver's, as fork(2) makes it, for pages without a count. Not
 * where the driver might empty its mappings, which is where it can fill them in again. */
static int vma_hold(struct mmh_export *made, const struct vm_area_struct *vma)
{
	const struct vm_operations_struct *ops = vma->vm_ops;

	if ((vma->vm_flags & VM_DONTCOPY) || (ops && (ops->fault || ops->huge_fault)))
		return -EREMOTEIO;
	made->held = kmemdup(vma, sizeof(*vma), GFP_KERNEL_ACCOUNT);
	if (!made->held)
		return -ENOMEM;
	get_file(vma->vm_file);
	if (ops && ops->open)
		ops->open(made->held);
	/* Nobody else can see to its end. */
	__module_get(THIS_MODULE);
	return 0;
}

static void export_free(struct mmh_export *made)
{
	struct vm_area_struct *held = made->held;

	if (held) {
		if (held->vm_ops && held->vm_ops->close)
			held->vm_ops->close(held);
		fput(held->vm_file);
		kfree(held);
		module_put(THIS_MODULE);
	}
	kvfree(made);
}

/* A device's file, or that of a buffer which one has exported (dma-buf.c has a file
 * system of its own for these). */
static bool file_is_drivers(const struct file *file)
{
	const struct inode *inode = file_inode(file);

	return S_ISCHR(inode->i_mode) || strcmp(inode->i_sb->s_type->name, "dmabuf") == 0;
}

/* Only what a driver has mapped, and as far as it may be mapped. */
static int vma_check(const struct vm_area_struct *vma, const struct mmhelper_export *export)
{
	if (!vma || export->length > vma->vm_end - export->address)
		return -EFAULT;
	if (!vma->vm_file || !file_is_drivers(vma->vm_file))
		return -EINVAL;
	/* A private mapping shows the driver's pages only until it is written. */
	if (!(vma->vm_flags & VM_MAYSHARE) && (vma->vm_flags & VM_WRITE))
		return -EINVAL;
	if (!(vma->vm_flags & VM_READ))
		return -EACCES;
	if ((export->flags & MMHELPER_EXPORT_WRITE) && !(vma->vm_flags & VM_WRITE))
		return -EACCES;
	return 0;
}

static int pages_take(struct mmh_daemon *daemon, struct mmh_export *made, struct mmhelper_export *export)
{
	bool write = export->flags & MMHELPER_EXPORT_WRITE;
	unsigned long n = export->length >> PAGE_SHIFT;
	struct vm_area_struct *vma;
	int r;

	mmap_read_lock(daemon->mm);
	vma = vma_lookup(daemon->mm, export->address);
	r = vma_check(vma, export);
	if (r == 0)
		export->cache = cache_of(vma);
	while (r == 0 && made->n < n) {
		struct mmh_page *page = &made->pages[made->n];

		r = page_find(vma, export->address + ((unsigned long)made->n << PAGE_SHIFT), write, page);
		if (r == 0)
			made->n++;
		if (r == 0 && !page->counted && !made->held)
			r = vma_hold(made, vma);
		cond_resched();
	}
	mmap_read_unlock(daemon->mm);
	return r;
}

static int pages_grant(struct mmh_daemon *daemon, struct mmh_export *made, bool write)
{
	int ref = 0;

	mutex_lock(&dying_lock);
	for (; made->n_granted < made->n; made->n_granted++) {
		struct page *page = made->pages[made->n_granted].page;

		ref = gnttab_grant_foreign_access(daemon->domid, xen_page_to_gfn(page), !write);
		if (ref < 0)
			break;
		made->pages[made->n_granted].ref = ref;
		exported_pages++;
	}
	mutex_unlock(&dying_lock);
	return ref < 0 ? ref : 0;
}

/* Takes back what the guest does not map. True if that is all. Under dying_lock. */
static bool export_try(struct mmh_export *made)
{
	bool all = true;

	lockdep_assert_held(&dying_lock);

	for (u32 i = 0; i < made->n; i++) {
		if (!made->pages[i].page)
			continue;
		if (i < made->n_granted) {
			if (!gnttab_try_end_foreign_access(made->pages[i].ref)) {
				all = false;
				continue;
			}
			exported_pages--;
		}
		if (made->pages[i].counted)
			put_page(made->pages[i].page);
		made->pages[i].page = NULL;
	}
	return all;
}

static void dying_retry(struct work_struct *work)
{
	struct mmh_export *made, *next;
	LIST_HEAD(ended);

	mutex_lock(&dying_lock);
	list_for_each_entry_safe(made, next, &dying, entry) {
		if (export_try(made))
			list_move(&made->entry, &ended);
	}
	if (!list_empty(&dying))
		schedule_delayed_work(&dying_work, HZ);
	mutex_unlock(&dying_lock);
	/* Here drivers are called. */
	list_for_each_entry_safe(made, next, &ended, entry)
		export_free(made);
}

static void export_kill(struct mmh_export *made)
{
	mutex_lock(&dying_lock);
	list_add(&made->entry, &dying);
	mutex_unlock(&dying_lock);
	dying_retry(NULL);
}

static u64 dying_pages(u16 domid)
{
	struct mmh_export *made;
	u64 n = 0;

	mutex_lock(&dying_lock);
	list_for_each_entry(made, &dying, entry)
		if (made->domid == domid)
			n += made->n;
	mutex_unlock(&dying_lock);
	return n;
}

static int refs_tell(const struct mmh_export *made, u64 refs)
{
	u32 __user *user = u64_to_user_ptr(refs);

	for (u32 i = 0; i < made->n; i++)
		if (put_user(made->pages[i].ref, user + i))
			return -EFAULT;
	return 0;
}

static int export_fill(struct mmh_daemon *daemon, struct mmh_export *made, struct mmhelper_export *export)
{
	int r = pages_take(daemon, made, export);

	if (r == 0)
		r = pages_grant(daemon, made, export->flags & MMHELPER_EXPORT_WRITE);
	if (r == 0)
		r = refs_tell(made, export->refs);
	return r;
}

static int export_check(const struct mmh_daemon *daemon, const struct mmhelper_export *export)
{
	u64 n = export->length >> PAGE_SHIFT;

	if ((export->flags & ~MMHELPER_EXPORT_WRITE) || export->pad || export->id || export->cache)
		return -EINVAL;
	if (!n || ((export->address | export->length) & ~PAGE_MASK))
		return -EINVAL;
	if (!daemon->mm || daemon->mm != current->mm)
		return -EPERM;
	return n + daemon->n_pages + dying_pages(daemon->domid) > daemon->max_pages ? -ERANGE : 0;
}

static bool id_used(const struct mmh_daemon *daemon, u32 id)
{
	struct mmh_export *made;

	list_for_each_entry(made, &daemon->exports, entry)
		if (made->id == id)
			return true;
	return false;
}

int export_make(struct mmh_daemon *daemon, struct mmhelper_export *export)
{
	struct mmh_export *made;
	int r;

	mutex_lock(&daemon->lock);
	r = export_check(daemon, export);
	if (r)
		goto out;
	made = kvzalloc(struct_size(made, pages, export->length >> PAGE_SHIFT), GFP_KERNEL_ACCOUNT);
	r = -ENOMEM;
	if (!made)
		goto out;
	made->domid = daemon->domid;
	r = export_fill(daemon, made, export);
	if (r) {
		export_kill(made);
		goto out;
	}
	do
		made->id = ++daemon->last_id;
	while (!made->id || id_used(daemon, made->id));
	export->id = made->id;
	daemon->n_pages += made->n;
	list_add(&made->entry, &daemon->exports);
out:
	mutex_unlock(&daemon->lock);
	return r;
}

int export_end(struct mmh_daemon *daemon, struct mmhelper_unexport *unexport)
{
	struct mmh_export *made;
	int r = -ENOENT;

	if (unexport->pad)
		return -EINVAL;
	mutex_lock(&daemon->lock);
	list_for_each_entry(made, &daemon->exports, entry) {
		if (made->id == unexport->id) {
			list_del(&made->entry);
			daemon->n_pages -= made->n;
			export_kill(made);
			r = 0;
			break;
		}
	}
	mutex_unlock(&daemon->lock);
	return r;
}

void export_daemon_end(struct mmh_daemon *daemon)
{
	struct mmh_export *made, *next;

	list_for_each_entry_safe(made, next, &daemon->exports, entry)
		export_kill(made);
	if (daemon->mm)
		mmdrop(daemon->mm);
}

/* What guests still map is left to Linux's grant code. */
void export_exit(void)
{
	struct mmh_export *made, *next;

	cancel_delayed_work_sync(&dying_work);
	list_for_each_entry_safe(made, next, &dying, entry) {
		for (u32 i = 0; i < made->n; i++)
			if (made->pages[i].page)
				gnttab_end_foreign_access(made->pages[i].ref, made->pages[i].page);
		kvfree(made);
	}
}

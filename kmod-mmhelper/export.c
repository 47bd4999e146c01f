// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Exports: the pages under a device mapping of the session, granted to its guest. Pages
 * without a count of users are there as long as the driver's mapping is; for those an
 * export holds one more mapping of them (pages.c). Pages that the guest still maps when
 * they are taken back count against the domain's limit until it has let go.
 * daemon->lock covers a daemon's exports, and is taken outside the mm's mmap_lock.
 */
#include <linux/bitmap.h>
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include <xen/xen.h>

#include "internal.h"

int export_bind(struct mmh_daemon *daemon, struct mmhelper_bind *bind)
{
	int r = 0;

	if (bind->flags || !bind->max_pages || bind->max_pages > MMH_PAGES_MAX)
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

u32 cache_of(const struct vm_area_struct *vma)
{
	pgprotval_t bits = pgprot_val(vma->vm_page_prot) & _PAGE_CACHE_MASK;

	if (!bits)
		return MMHELPER_CACHE_NORMAL;
	if (bits == (pgprot_val(pgprot_writecombine(__pgprot(0))) & _PAGE_CACHE_MASK))
		return MMHELPER_CACHE_COMBINE;
	return MMHELPER_CACHE_NONE;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
int pfn_find(struct vm_area_struct *vma, unsigned long address, unsigned long *pfn)
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
int pfn_find(struct vm_area_struct *vma, unsigned long address, unsigned long *pfn)
{
	return follow_pfn(vma, address, pfn);
}
#endif

/* A page that the driver has mapped without giving it to the memory management. */
static int page_raw(struct vm_area_struct *vma, unsigned long address, bool write,
		    struct page **pagep, bool *countedp)
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
	*pagep = pfn_to_page(pfn);
	*countedp = get_page_unless_zero(compound_head(*pagep));
	return 0;
}

static int page_find(struct vm_area_struct *vma, unsigned long address, bool write,
		     struct page **pagep, bool *countedp)
{
	unsigned int flags = write ? FOLL_WRITE : 0;
	long n;

	if (vma->vm_flags & (VM_PFNMAP | VM_IO))
		return page_raw(vma, address, write, pagep, countedp);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	n = get_user_pages(address, 1, flags, pagep);
#else
	n = get_user_pages(address, 1, flags, pagep, NULL);
#endif
	*countedp = true;
	return n == 1 ? 0 : n < 0 ? n : -EFAULT;
}

/* One more mapping of the driver's, as fork(2) makes it, for `n` pages without a count.
 * Not where the driver might empty its mappings, which is where it can fill them in
 * again. */
static int vma_hold(struct mmh_pages *made, const struct vm_area_struct *vma, unsigned long n)
{
	const struct vm_operations_struct *ops = vma->vm_ops;

	if ((vma->vm_flags & VM_DONTCOPY) || (ops && (ops->fault || ops->huge_fault)))
		return -EREMOTEIO;
	made->uncounted = bitmap_zalloc(n, GFP_KERNEL_ACCOUNT);
	if (!made->uncounted)
		return -ENOMEM;
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

/* A device's file, or that of a buffer which one has exported (dma-buf.c has a file
 * system of its own for these). */
static bool file_is_drivers(const struct file *file)
{
	const struct inode *inode = file_inode(file);

	return S_ISCHR(inode->i_mode) || strcmp(inode->i_sb->s_type->name, "dmabuf") == 0;
}

int vma_check(const struct vm_area_struct *vma, const struct mmhelper_export *export)
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

static int pages_take(struct mmh_daemon *daemon, struct mmh_pages *made,
		      struct mmhelper_export *export)
{
	unsigned long n = export->length >> PAGE_SHIFT;
	struct vm_area_struct *vma;
	bool counted;
	int r;

	mmap_read_lock(daemon->mm);
	vma = vma_lookup(daemon->mm, export->address);
	r = vma_check(vma, export);
	if (r == 0)
		export->cache = cache_of(vma);
	while (r == 0 && made->n < n) {
		r = page_find(vma, export->address + ((unsigned long)made->n << PAGE_SHIFT),
			      made->write, &made->pages[made->n], &counted);
		if (r == 0 && !counted && !made->held)
			r = vma_hold(made, vma, n);
		if (r == 0 && !counted)
			__set_bit(made->n, made->uncounted);
		if (r == 0)
			made->n++;
		cond_resched();
	}
	mmap_read_unlock(daemon->mm);
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
	return n + daemon->n_pages + pages_dying(daemon->domid) > daemon->max_pages ? -ERANGE : 0;
}

static bool id_used(const struct mmh_daemon *daemon, u32 id)
{
	struct mmh_pages *made;

	list_for_each_entry(made, &daemon->exports, entry)
		if (made->id == id)
			return true;
	return false;
}

int export_make(struct mmh_daemon *daemon, struct mmhelper_export *export)
{
	struct mmh_pages *made;
	int r;

	mutex_lock(&daemon->lock);
	r = export_check(daemon, export);
	if (r)
		goto out;
	made = pages_new(export->length >> PAGE_SHIFT, false,
			 export->flags & MMHELPER_EXPORT_WRITE);
	r = -ENOMEM;
	if (!made)
		goto out;
	r = pages_take(daemon, made, export);
	if (r == 0)
		r = pages_grant(made, daemon->domid, export->refs);
	if (r) {
		pages_free(made);
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
	struct mmh_pages *made;
	int r = -ENOENT;

	if (unexport->pad)
		return -EINVAL;
	mutex_lock(&daemon->lock);
	list_for_each_entry(made, &daemon->exports, entry) {
		if (made->id == unexport->id) {
			list_del(&made->entry);
			daemon->n_pages -= made->n;
			pages_free(made);
			r = 0;
			break;
		}
	}
	mutex_unlock(&daemon->lock);
	return r;
}

void export_daemon_end(struct mmh_daemon *daemon)
{
	struct mmh_pages *made, *next;

	list_for_each_entry_safe(made, next, &daemon->exports, entry)
		pages_free(made);
	if (daemon->mm)
		mmdrop(daemon->mm);
}

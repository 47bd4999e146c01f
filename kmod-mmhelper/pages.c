// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages that are held so that another domain or another process can use them:
 * pinned memory of a program (pin.c), or what is under a driver's mapping (export.c), by
 * a reference of each page or by the mapping. So none is used for something else meanwhile, whatever becomes
 * of who had it mapped.
 *
 * A set whose grants the domain still maps when it is let go is dying: it is tried
 * again each second until the domain has let go (Linux's own list of such grants
 * works off ten a second). dying_lock covers that list only.
 */
#include <linux/bitmap.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include <xen/grant_table.h>
#include <xen/page.h>
#include <xen/xen.h>

#include "internal.h"

static atomic_long_t granted_pages;

static int granted_get(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%ld\n", atomic_long_read(&granted_pages));
}

static const struct kernel_param_ops granted_ops = { .get = granted_get };
module_param_cb(exported_pages, &granted_ops, NULL, 0444);
MODULE_PARM_DESC(exported_pages, "pages that domains have access to now");

static void dying_retry(struct work_struct *work);

static LIST_HEAD(dying);
static DEFINE_MUTEX(dying_lock);
static DECLARE_DELAYED_WORK(dying_work, dying_retry);

struct mmh_pages *pages_new(unsigned long n, bool pinned, bool write)
{
	struct mmh_pages *pages = kvzalloc(struct_size(pages, pages, n), GFP_KERNEL_ACCOUNT);

	if (pages) {
		pages->pinned = pinned;
		pages->write = write;
	}
	return pages;
}

/* Puts one page back, unless it still belongs to the domain as well. */
static bool page_let_go(struct mmh_pages *pages, u32 i)
{
	if (IS_ENABLED(CONFIG_XEN) && i < pages->n_granted) {
		if (!gnttab_try_end_foreign_access(pages->refs[i]))
			return false;
		atomic_long_dec(&granted_pages);
	}
	if (pages->pinned)
		unpin_user_pages_dirty_lock(&pages->pages[i], 1, pages->write);
	else if (!pages->uncounted || !test_bit(i, pages->uncounted))
		put_page(pages->pages[i]);
	pages->pages[i] = NULL;
	return true;
}

/* True if that was all. */
static bool pages_try(struct mmh_pages *pages)
{
	bool all = true;

	if (pages->pinned && !pages->n_granted)
		unpin_user_pages_dirty_lock(pages->pages, pages->n, pages->write);
	else
		for (u32 i = 0; i < pages->n; i++)
			all &= !pages->pages[i] || page_let_go(pages, i);
	return all;
}

/* No page is held any more. Here drivers may be called. */
static void pages_end(struct mmh_pages *pages)
{
	struct vm_area_struct *held = pages->held;

	if (held) {
		if (held->vm_ops && held->vm_ops->close)
			held->vm_ops->close(held);
		fput(held->vm_file);
		kfree(held);
		module_put(THIS_MODULE);
	}
	bitmap_free(pages->uncounted);
	kvfree(pages->refs);
	kvfree(pages);
}

void pages_free(struct mmh_pages *pages)
{
	if (pages_try(pages)) {
		pages_end(pages);
		return;
	}
	mutex_lock(&dying_lock);
	list_add(&pages->entry, &dying);
	mutex_unlock(&dying_lock);
	schedule_delayed_work(&dying_work, HZ);
}

static void dying_retry(struct work_struct *work)
{
	struct mmh_pages *pages, *next;
	LIST_HEAD(ended);

	mutex_lock(&dying_lock);
	list_for_each_entry_safe(pages, next, &dying, entry)
		if (pages_try(pages))
			list_move(&pages->entry, &ended);
	if (!list_empty(&dying))
		schedule_delayed_work(&dying_work, HZ);
	mutex_unlock(&dying_lock);
	list_for_each_entry_safe(pages, next, &ended, entry)
		pages_end(pages);
}

#ifdef CONFIG_XEN
int pages_grant(struct mmh_pages *pages, u16 domid, u64 refs)
{
	u32 __user *user = u64_to_user_ptr(refs);
	int ref;

	pages->domid = domid;
	pages->refs = kvcalloc(pages->n, sizeof(*pages->refs), GFP_KERNEL_ACCOUNT);
	if (!pages->refs)
		return -ENOMEM;
	for (; pages->n_granted < pages->n; pages->n_granted++) {
		struct page *page = pages->pages[pages->n_granted];

		ref = gnttab_grant_foreign_access(domid, xen_page_to_gfn(page), !pages->write);
		if (ref < 0)
			return ref;
		pages->refs[pages->n_granted] = ref;
		atomic_long_inc(&granted_pages);
	}
	return copy_to_user(user, pages->refs, pages->n * sizeof(*pages->refs)) ? -EFAULT : 0;
}
#endif

u64 pages_dying(u16 domid)
{
	struct mmh_pages *pages;
	u64 n = 0;

	if (list_empty_careful(&dying))
		return 0;
	mutex_lock(&dying_lock);
	list_for_each_entry(pages, &dying, entry)
		if (pages->domid == domid)
			n += pages->n;
	mutex_unlock(&dying_lock);
	return n;
}

/* What domains still map is left to Linux's grant code; a program's page, which that
 * could not unpin, stays as it is for good. */
void pages_exit(void)
{
	struct mmh_pages *pages, *next;

	cancel_delayed_work_sync(&dying_work);
	list_for_each_entry_safe(pages, next, &dying, entry) {
		for (u32 i = 0; IS_ENABLED(CONFIG_XEN) && i < pages->n; i++)
			if (pages->pages[i] && !pages->pinned)
				gnttab_end_foreign_access(pages->refs[i], pages->pages[i]);
		kvfree(pages->refs);
		kvfree(pages);
	}
}

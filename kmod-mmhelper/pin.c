// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pinned memory of programs: a file for each range, which holds the pages. Between
 * domains they are granted. On one kernel the file is mapped by the process that
 * works on them.
 *
 * Such a mapping must serve drivers that pin what they are given, as a program's own
 * memory would. Linux lets nobody map anonymous pages a second time as ordinary ones,
 * so the entries are special, and find_normal_page() names the page to whoever pins it
 * (as gntdev.c does in PV domains). Whoever takes the mapping away must not find a
 * page, or he would count it out; so from the first invalidation on there is none.
 */
#include <linux/anon_inodes.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>

#include "internal.h"

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define find_normal_page find_special_page
#endif
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
#define pin_remote(mm, address, n, flags, pages) \
	pin_user_pages_remote(mm, address, n, flags, pages, NULL, NULL)
#else
#define pin_remote(mm, address, n, flags, pages) pin_user_pages_remote(mm, address, n, flags, pages, NULL)
#endif

static bool pin_invalidate(struct mmu_interval_notifier *notifier, const struct mmu_notifier_range *range,
			   unsigned long sequence)
{
	WRITE_ONCE(container_of(notifier, struct mmh_pages, notifier)->unmapping, true);
	return true;
}

static const struct mmu_interval_notifier_ops pin_notifier_ops = {
	.invalidate = pin_invalidate,
};

static struct page *pin_vma_find_page(struct vm_area_struct *vma, unsigned long address)
{
	struct mmh_pages *pages = vma->vm_private_data;

	return READ_ONCE(pages->unmapping) ? NULL : pages->pages[(address - vma->vm_start) >> PAGE_SHIFT];
}

/* mremap(2) makes a second area, and then ends one of them. */
static void pin_vma_open(struct vm_area_struct *vma)
{
	struct mmh_pages *pages = vma->vm_private_data;

	atomic_inc(&pages->n_areas);
}

static void pin_vma_close(struct vm_area_struct *vma)
{
	struct mmh_pages *pages = vma->vm_private_data;

	if (atomic_dec_return(&pages->n_areas) != 1)
		return;
	mmu_interval_notifier_remove(&pages->notifier);
	atomic_set(&pages->n_areas, 0);
}

static int pin_vma_may_split(struct vm_area_struct *vma, unsigned long address)
{
	return -EINVAL;
}

static const struct vm_operations_struct pin_vma_ops = {
	.open = pin_vma_open,
	.close = pin_vma_close,
	.may_split = pin_vma_may_split,
	.find_normal_page = pin_vma_find_page,
};

/* Makes one entry, with all that a processor would note in it later. */
static int pin_map_page(pte_t *entry, unsigned long address, void *context)
{
	struct vm_area_struct *vma = context;
	struct mmh_pages *pages = vma->vm_file->private_data;
	pte_t pte = mk_pte(pages->pages[(address - vma->vm_start) >> PAGE_SHIFT], vma->vm_page_prot);

	if (vma->vm_flags & VM_WRITE)
		pte = pte_mkdirty(pte);
	set_pte_at(vma->vm_mm, address, entry, pte_mkspecial(pte_mkyoung(pte)));
	return 0;
}

static int pin_map(struct mmh_pages *pages, struct vm_area_struct *vma)
{
	int r = apply_to_page_range(vma->vm_mm, vma->vm_start, vma->vm_end - vma->vm_start, pin_map_page, vma);

	if (r)
		return r;
	WRITE_ONCE(pages->unmapping, false);
	return mmu_interval_notifier_insert_locked(&pages->notifier, vma->vm_mm, vma->vm_start,
						   vma->vm_end - vma->vm_start, &pin_notifier_ops);
}

static int pin_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct mmh_pages *pages = file->private_data;
	int r;

	if (pages->n_granted || vma->vm_pgoff || vma_pages(vma) != pages->n || !(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if ((vma->vm_flags & VM_WRITE) && !pages->write)
		return -EACCES;
	if (atomic_cmpxchg(&pages->n_areas, 0, 2))
		return -EBUSY;
	vm_flags_set(vma, VM_MIXEDMAP | VM_DONTEXPAND | VM_DONTCOPY | VM_DONTDUMP);
	vm_flags_clear(vma, vma->vm_flags & VM_WRITE ? VM_MAYEXEC : VM_MAYEXEC | VM_MAYWRITE);
	r = pin_map(pages, vma);
	if (r) {
		atomic_set(&pages->n_areas, 0);
		return r;
	}
	vma->vm_private_data = pages;
	vma->vm_ops = &pin_vma_ops;
	return 0;
}

static int pin_release(struct inode *inode, struct file *file)
{
	pages_free(file->private_data);
	return 0;
}

static const struct file_operations pin_fops = {
	.owner = THIS_MODULE,
	.mmap = pin_mmap,
	.release = pin_release,
};

static struct mm_struct *mm_of(pid_t number)
{
	struct pid *pid = find_get_pid(number);
	struct task_struct *task = get_pid_task(pid, PIDTYPE_PID);
	struct mm_struct *mm = NULL;

	put_pid(pid);
	if (task) {
		mm = get_task_mm(task);
		put_task_struct(task);
	}
	return mm;
}

static int pages_pin(struct mmh_pages *pages, const struct mmhelper_pin *pin, long n)
{
	unsigned int flags = FOLL_LONGTERM | (pages->write ? FOLL_WRITE : 0);
	struct mm_struct *mm = mm_of(pin->pid);
	long n_pinned;

	if (!mm)
		return -ESRCH;
	n_pinned = -EINTR;
	if (!mmap_read_lock_killable(mm)) {
		n_pinned = pin_remote(mm, pin->address & PAGE_MASK, n, flags, pages->pages);
		mmap_read_unlock(mm);
	}
	mmput(mm);
	pages->n = max(n_pinned, 0L);
	return n_pinned == n ? 0 : n_pinned < 0 ? n_pinned : -EFAULT;
}

/* The pages under the range; 0 if there are none, or it cannot be. */
static u64 pin_pages(const struct mmhelper_pin *pin)
{
	u64 length = pin->length + offset_in_page(pin->address);

	if (!pin->length || length > (u64)MMH_PAGES_MAX << PAGE_SHIFT || pin->address + length < pin->address)
		return 0;
	return DIV_ROUND_UP(length, PAGE_SIZE);
}

int pin_make(struct mmh_daemon *daemon, struct mmhelper_pin *pin)
{
	u64 n = pin_pages(pin);
	struct mmh_pages *pages;
	int r;

	if ((pin->flags & ~MMHELPER_PIN_WRITE) || !n || (!daemon->mm && pin->refs))
		return -EINVAL;
	if (daemon->mm && n + pages_dying(daemon->domid) > daemon->max_pages)
		return -ERANGE;
	pages = pages_new(n, true, pin->flags & MMHELPER_PIN_WRITE);
	if (!pages)
		return -ENOMEM;
	r = pages_pin(pages, pin, n);
	if (r == 0 && daemon->mm)
		r = pages_grant(pages, daemon->domid, pin->refs);
	if (r == 0)
		r = anon_inode_getfd("[paradice-pages]", &pin_fops, pages, O_RDWR | O_CLOEXEC);
	if (r < 0)
		pages_free(pages);
	return r;
}

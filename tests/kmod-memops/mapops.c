// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * /dev/mapops: maps memory in the ways that drivers do, for the tests (mapops.h).
 *
 * An open file has the buffers, so they live as long as it and its mappings.
 * mapops_file->lock covers them.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/version.h>

#include "mapops.h"

#define N_PAGES (1u << MAPOPS_ORDER)

struct mapops_buffer {
	struct page *pages[N_PAGES]; /* NULL: not made yet */
	bool block; /* they are one allocation */
	u32 n_faults;
	u32 protection; /* of the last mmap */
};

struct mapops_file {
	struct mutex lock;
	u32 value; /* that of the last MAPOPS_… */
	struct mapops_buffer buffers[MAPOPS_KINDS];
};

static bool is_lazy(u32 kind)
{
	return kind >= MAPOPS_LAZY && kind <= MAPOPS_LAZY_UNCOUNTED;
}

/* ---- buffers ---- */

static void buffer_free(struct mapops_buffer *buffer)
{
	u32 i;

	if (buffer->block && buffer->pages[0])
		__free_pages(buffer->pages[0], MAPOPS_ORDER);
	for (i = 0; i < N_PAGES; i++) {
		if (buffer->pages[i] && !buffer->block)
			__free_page(buffer->pages[i]);
		buffer->pages[i] = NULL;
	}
}

static int buffer_make(struct mapops_buffer *buffer, u32 kind)
{
	gfp_t flags = GFP_KERNEL | __GFP_ZERO;
	u32 i;

	if (buffer->pages[0])
		return 0;
	buffer->block = kind == MAPOPS_COMPOUND || kind == MAPOPS_UNCOUNTED || kind == MAPOPS_LAZY_UNCOUNTED;
	if (kind == MAPOPS_COMPOUND)
		flags |= __GFP_COMP;
	for (i = 0; i < N_PAGES; i++) {
		if (buffer->block && i)
			buffer->pages[i] = buffer->pages[0] + i;
		else
			buffer->pages[i] = alloc_pages(flags, buffer->block ? MAPOPS_ORDER : 0);
		if (!buffer->pages[i]) {
			buffer_free(buffer);
			return -ENOMEM;
		}
	}
	return 0;
}

static void buffer_fill(struct mapops_buffer *buffer, u32 seed)
{
	u32 i, k;

	for (i = 0; i < N_PAGES; i++) {
		u8 *data = page_address(buffer->pages[i]);

		for (k = 0; k < PAGE_SIZE; k++)
			data[k] = MAPOPS_BYTE(seed, i * PAGE_SIZE + k);
	}
}

static u32 buffer_check(struct mapops_buffer *buffer, u32 seed)
{
	u32 i, k, n = 0;

	for (i = 0; i < N_PAGES; i++) {
		u8 *data = page_address(buffer->pages[i]);

		for (k = 0; k < PAGE_SIZE; k++)
			n += data[k] != MAPOPS_BYTE(seed, i * PAGE_SIZE + k);
	}
	return n;
}

static int buffer_replace(struct file *file, struct mapops_buffer *buffer, u32 kind, u32 seed)
{
	struct mapops_buffer other = { 0 };
	int r = buffer_make(&other, kind);
	u32 i;

	if (r)
		return r;
	buffer_fill(&other, seed);
	for (i = 0; i < N_PAGES; i++)
		swap(other.pages[i], buffer->pages[i]);
	unmap_mapping_range(file->f_mapping, MAPOPS_OFFSET(kind), MAPOPS_SIZE, 1);
	buffer_free(&other);
	return 0;
}

/* ---- mmap ---- */

static vm_fault_t mapops_fault(struct vm_fault *vmf)
{
	struct mapops_file *mapops = vmf->vma->vm_file->private_data;
	u32 kind = vmf->pgoff >> (24 - PAGE_SHIFT);
	pgoff_t at = vmf->pgoff - (MAPOPS_OFFSET(kind) >> PAGE_SHIFT);
	struct mapops_buffer *buffer = &mapops->buffers[kind];
	vm_fault_t r = 0;

	if (at >= N_PAGES)
		return VM_FAULT_SIGBUS;
	mutex_lock(&mapops->lock);
	buffer->n_faults++;
	if (vmf->vma->vm_flags & VM_PFNMAP) {
		r = vmf_insert_pfn(vmf->vma, vmf->address, page_to_pfn(buffer->pages[at]));
	} else {
		get_page(buffer->pages[at]);
		vmf->page = buffer->pages[at];
	}
	mutex_unlock(&mapops->lock);
	return r;
}

static const struct vm_operations_struct lazy_operations = { .fault = mapops_fault };

static int map_lazily(struct vm_area_struct *vma, u32 kind)
{
	unsigned long flags = VM_DONTEXPAND | (kind == MAPOPS_LAZY ? 0 : VM_PFNMAP | VM_IO);

	if (kind != MAPOPS_LAZY && !(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	vma->vm_ops = &lazy_operations;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_set(vma, flags);
#else
	vma->vm_flags |= flags;
#endif
	return 0;
}

static int map_now(struct vm_area_struct *vma, struct mapops_buffer *buffer, u32 kind, pgoff_t at)
{
	unsigned long address = vma->vm_start;
	int r = 0;

	for (; !r && address < vma->vm_end; address += PAGE_SIZE, at++) {
		if (kind == MAPOPS_PAGES)
			r = vm_insert_page(vma, address, buffer->pages[at]);
		else
			r = remap_pfn_range(vma, address, page_to_pfn(buffer->pages[at]), PAGE_SIZE,
					    vma->vm_page_prot);
	}
	return r;
}

static int mapops_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct mapops_file *mapops = file->private_data;
	u64 kind = vma->vm_pgoff >> (24 - PAGE_SHIFT);
	pgoff_t at = vma->vm_pgoff - (MAPOPS_OFFSET(kind) >> PAGE_SHIFT);
	int r;

	if (kind >= MAPOPS_KINDS || at + vma_pages(vma) > N_PAGES)
		return -EINVAL;
	mutex_lock(&mapops->lock);
	r = buffer_make(&mapops->buffers[kind], kind);
	mapops->buffers[kind].protection = (vma->vm_flags & VM_READ ? PROT_READ : 0) |
					   (vma->vm_flags & VM_WRITE ? PROT_WRITE : 0);
	mutex_unlock(&mapops->lock);
	if (r)
		return r;
	return is_lazy(kind) ? map_lazily(vma, kind) : map_now(vma, &mapops->buffers[kind], kind, at);
}

/* ---- the rest ---- */

static long buffer_do(struct file *file, struct mapops_do *what)
{
	struct mapops_file *mapops = file->private_data;
	struct mapops_buffer *buffer = &mapops->buffers[what->kind];
	int r = buffer_make(buffer, what->kind);

	if (r)
		return r;
	switch (what->action) {
	case MAPOPS_FILL:
		buffer_fill(buffer, what->seed);
		return 0;
	case MAPOPS_CHECK:
		what->value = buffer_check(buffer, what->seed);
		return 0;
	case MAPOPS_FAULTS:
		what->value = buffer->n_faults;
		return 0;
	case MAPOPS_PROTECTION:
		what->value = buffer->protection;
		return 0;
	case MAPOPS_REPLACE:
		return is_lazy(what->kind) ? buffer_replace(file, buffer, what->kind, what->seed) : -EINVAL;
	}
	return -EINVAL;
}

static ssize_t mapops_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	struct mapops_file *mapops = file->private_data;
	struct mapops_do what;
	long r;

	if (size != sizeof(what))
		return -EINVAL;
	if (copy_from_user(&what, user, sizeof(what)))
		return -EFAULT;
	if (what.kind >= MAPOPS_KINDS)
		return -EINVAL;
	mutex_lock(&mapops->lock);
	r = buffer_do(file, &what);
	mapops->value = what.value;
	mutex_unlock(&mapops->lock);
	return r ?: (ssize_t)size;
}

static ssize_t mapops_read(struct file *file, char __user *user, size_t size, loff_t *offset)
{
	struct mapops_file *mapops = file->private_data;

	if (size != sizeof(mapops->value))
		return -EINVAL;
	return copy_to_user(user, &mapops->value, size) ? -EFAULT : (ssize_t)size;
}

static int mapops_open(struct inode *inode, struct file *file)
{
	struct mapops_file *mapops = kzalloc(sizeof(*mapops), GFP_KERNEL);

	if (!mapops)
		return -ENOMEM;
	mutex_init(&mapops->lock);
	file->private_data = mapops;
	return nonseekable_open(inode, file);
}

static int mapops_release(struct inode *inode, struct file *file)
{
	struct mapops_file *mapops = file->private_data;
	u32 i;

	for (i = 0; i < MAPOPS_KINDS; i++)
		buffer_free(&mapops->buffers[i]);
	kfree(mapops);
	return 0;
}

static const struct file_operations mapops_operations = {
	.owner = THIS_MODULE,
	.open = mapops_open,
	.release = mapops_release,
	.read = mapops_read,
	.write = mapops_write,
	.mmap = mapops_mmap,
};

static struct miscdevice mapops_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "mapops",
	.fops = &mapops_operations,
	.mode = 0600,
};

module_misc_device(mapops_device);
MODULE_DESCRIPTION("Mappings as drivers make them, for Paradice's tests");
MODULE_LICENSE("GPL");

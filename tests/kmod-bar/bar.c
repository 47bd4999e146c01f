// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A driver for tests: /dev/paradice-bar is the memory of QEMU's ivshmem-plain, a PCI
 * device whose BAR 2 is plain memory. It can be mapped in the ways of bar.h; read(2) and
 * write(2) at a position reach the same memory by the driver's own mapping. Parameters
 * tell how many files are open and how many mappings there are.
 */
#include <linux/io.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/version.h>

#include "bar.h"

#define MEMORY 2 /* BARs */
#define REGISTERS 0
#define HPET 0xfed00000 /* on every PC */

static atomic_t users = ATOMIC_INIT(0), mappings = ATOMIC_INIT(0);
module_param_named(users, users.counter, int, 0444);
module_param_named(mappings, mappings.counter, int, 0444);

static struct pci_dev *device;
static void __iomem *memory;

static void bar_vm_open(struct vm_area_struct *vma)
{
	atomic_inc(&mappings);
}

static void bar_vm_close(struct vm_area_struct *vma)
{
	atomic_dec(&mappings);
}

static vm_fault_t bar_vm_fault(struct vm_fault *vmf)
{
	unsigned long page = vmf->pgoff & (BAR_SIZE / PAGE_SIZE - 1);

	return vmf_insert_pfn(vmf->vma, vmf->address, PHYS_PFN(pci_resource_start(device, MEMORY)) + page);
}

static const struct vm_operations_struct bar_vm_ops = {
	.open = bar_vm_open,
	.close = bar_vm_close,
};

static const struct vm_operations_struct bar_vm_movable_ops = {
	.open = bar_vm_open,
	.close = bar_vm_close,
	.fault = bar_vm_fault,
};

static int map_pieces(struct vm_area_struct *vma, unsigned long frame)
{
	unsigned long n = vma_pages(vma), i;
	int r = 0;

	for (i = 0; r == 0 && i < n; i++)
		r = io_remap_pfn_range(vma, vma->vm_start + i * PAGE_SIZE, frame + n - 1 - i, PAGE_SIZE,
				       vma->vm_page_prot);
	return r;
}

static int bar_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long size = vma->vm_end - vma->vm_start;
	unsigned long offset = vma->vm_pgoff << PAGE_SHIFT;
	unsigned long within = offset & (BAR_SIZE - 1);
	unsigned long frame = PHYS_PFN(pci_resource_start(device, MEMORY) + within);
	int r = -EINVAL;

	vma->vm_ops = &bar_vm_ops;
	switch (offset & ~(unsigned long)(BAR_SIZE - 1)) {
	case BAR_COMBINE:
		vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);
		fallthrough;
	case BAR_MEMORY:
		if (within + size <= BAR_SIZE)
			r = io_remap_pfn_range(vma, vma->vm_start, frame, size, vma->vm_page_prot);
		break;
	case BAR_MOVABLE:
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
		vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND);
#else
		vma->vm_flags |= VM_IO | VM_PFNMAP | VM_DONTEXPAND;
#endif
		vma->vm_ops = &bar_vm_movable_ops;
		r = 0;
		break;
	case BAR_PIECES:
		if (within + size <= BAR_SIZE)
			r = map_pieces(vma, frame);
		break;
	case BAR_REGISTERS:
		if (size == PAGE_SIZE)
			r = io_remap_pfn_range(vma, vma->vm_start,
					       PHYS_PFN(pci_resource_start(device, REGISTERS)), size,
					       pgprot_noncached(vma->vm_page_prot));
		break;
	case BAR_OTHERS:
		r = io_remap_pfn_range(vma, vma->vm_start, PHYS_PFN(HPET), size, vma->vm_page_prot);
		break;
	}
	if (r == 0)
		atomic_inc(&mappings);
	return r;
}

/* Between a program and the memory, as far as one page goes. */
static ssize_t bar_copy(char __user *to, const char __user *from, size_t size, loff_t *at)
{
	void *bounce;
	ssize_t r;

	if (*at < 0 || *at >= BAR_SIZE)
		return 0;
	size = min3(size, (size_t)PAGE_SIZE, (size_t)(BAR_SIZE - *at));
	bounce = kmalloc(size, GFP_KERNEL);
	if (!bounce)
		return -ENOMEM;
	r = size;
	if (to) {
		memcpy_fromio(bounce, memory + *at, size);
		if (copy_to_user(to, bounce, size))
			r = -EFAULT;
	} else if (copy_from_user(bounce, from, size)) {
		r = -EFAULT;
	} else {
		memcpy_toio(memory + *at, bounce, size);
	}
	kfree(bounce);
	if (r > 0)
		*at += r;
	return r;
}

static ssize_t bar_read(struct file *file, char __user *to, size_t size, loff_t *at)
{
	return bar_copy(to, NULL, size, at);
}

static ssize_t bar_write(struct file *file, const char __user *from, size_t size, loff_t *at)
{
	return bar_copy(NULL, from, size, at);
}

static loff_t bar_llseek(struct file *file, loff_t offset, int whence)
{
	return fixed_size_llseek(file, offset, whence, BAR_SIZE);
}

static int bar_open(struct inode *inode, struct file *file)
{
	atomic_inc(&users);
	return 0;
}

static int bar_release(struct inode *inode, struct file *file)
{
	atomic_dec(&users);
	return 0;
}

static const struct file_operations bar_fops = {
	.owner = THIS_MODULE,
	.open = bar_open,
	.release = bar_release,
	.read = bar_read,
	.write = bar_write,
	.llseek = bar_llseek,
	.mmap = bar_mmap,
};

static struct miscdevice bar_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "paradice-bar",
	.fops = &bar_fops,
	.mode = 0666,
};

static int bar_probe(struct pci_dev *found, const struct pci_device_id *id)
{
	int r;

	if (device || pci_resource_len(found, MEMORY) != BAR_SIZE)
		return -ENODEV;
	r = pcim_enable_device(found);
	if (r)
		return r;
	memory = pcim_iomap(found, MEMORY, 0);
	if (!memory)
		return -ENOMEM;
	device = found;
	r = misc_register(&bar_misc);
	if (r)
		device = NULL;
	return r;
}

static void bar_remove(struct pci_dev *found)
{
	misc_deregister(&bar_misc);
	device = NULL;
}

static const struct pci_device_id bar_ids[] = { { PCI_DEVICE(0x1af4, 0x1110) }, {} };
MODULE_DEVICE_TABLE(pci, bar_ids);

static struct pci_driver bar_driver = {
	.name = "paradice-bar",
	.id_table = bar_ids,
	.probe = bar_probe,
	.remove = bar_remove,
};
module_pci_driver(bar_driver);
MODULE_DESCRIPTION("Paradice test driver: memory of a PCI device");
MODULE_LICENSE("GPL");

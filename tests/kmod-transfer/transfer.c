// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * /dev/transfer: a driver whose read and write are one copy each, and which tells what
 * it was asked for (transfer.h). Its memory can be mapped.
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>

#include "transfer.h"

#define MAPPED (4u * 1048576)

static DECLARE_WAIT_QUEUE_HEAD(never);
static DEFINE_MUTEX(lock); /* of what follows */
static struct transfer_last last;
static u8 *scratch; /* of a write */
static u8 *pattern;
static u8 *mapped;

static ssize_t copy_out(char __user *user, size_t size)
{
	size_t done = 0;

	while (done < size) {
		size_t n = min_t(size_t, size - done, TRANSFER_PERIOD);
		size_t left = copy_to_user(user + done, pattern, n);

		done += n - left;
		if (left)
			break;
	}
	return done ?: -EFAULT;
}

static ssize_t transfer_read(struct file *file, char __user *user, size_t size, loff_t *offset)
{
	u64 since_ns;
	ssize_t r;

	switch (size) {
	case TRANSFER_LAST:
		return copy_to_user(user, &last, sizeof(last)) ? -EFAULT : (ssize_t)sizeof(last);
	case TRANSFER_SLOW:
		msleep(500);
		return copy_out(user, size);
	case TRANSFER_NEVER:
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		return wait_event_interruptible(never, false) ? -EINTR : 0;
	default:
		WRITE_ONCE(last.read_size, size);
		WRITE_ONCE(last.read_offset, *offset);
		since_ns = ktime_get_ns();
		r = copy_out(user, size);
		WRITE_ONCE(last.read_ns, ktime_get_ns() - since_ns);
		return r;
	}
}

static ssize_t transfer_write(struct file *file, const char __user *user, size_t size, loff_t *offset)
{
	size_t done = 0;
	u32 sum = 0;

	mutex_lock(&lock);
	while (done < size) {
		size_t n = min_t(size_t, size - done, TRANSFER_PERIOD);
		size_t left = copy_from_user(scratch, user + done, n);

		for (size_t i = 0; i < n - left; i++)
			sum = TRANSFER_SUM_STEP(sum, scratch[i]);
		done += n - left;
		if (left)
			break;
	}
	last.write_size = size;
	last.write_offset = *offset;
	last.write_sum = sum;
	mutex_unlock(&lock);
	return done ?: -EFAULT;
}

static int transfer_mmap(struct file *file, struct vm_area_struct *vma)
{
	return remap_vmalloc_range(vma, mapped, vma->vm_pgoff);
}

static const struct file_operations transfer_operations = {
	.owner = THIS_MODULE,
	.read = transfer_read,
	.write = transfer_write,
	.mmap = transfer_mmap,
};

static struct miscdevice transfer_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "transfer",
	.fops = &transfer_operations,
	.mode = 0666,
};

static void transfer_free(void)
{
	vfree(scratch);
	vfree(pattern);
	vfree(mapped);
}

static int __init transfer_init(void)
{
	int r = -ENOMEM;

	scratch = vmalloc(TRANSFER_PERIOD);
	pattern = vmalloc(TRANSFER_PERIOD);
	mapped = vmalloc_user(MAPPED);
	if (scratch && pattern && mapped) {
		for (u32 i = 0; i < TRANSFER_PERIOD; i++)
			pattern[i] = TRANSFER_BYTE(i);
		r = misc_register(&transfer_device);
	}
	if (r)
		transfer_free();
	return r;
}

static void __exit transfer_exit(void)
{
	misc_deregister(&transfer_device);
	transfer_free();
}

module_init(transfer_init);
module_exit(transfer_exit);
MODULE_DESCRIPTION("Paradice's tests: plain reads and writes");
MODULE_LICENSE("GPL");

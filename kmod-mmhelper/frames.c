// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Device memory for another domain: frames of a PCI device that the session has
 * mapped, offered to the supervisor, which has Xen map them into the guest.
 *
 * Domain 0 may have any frame of the machine mapped anywhere, so what is told here is
 * all that stands between a guest and the memory of others: frames come from the page
 * tables, never from a daemon, and lie in a memory BAR of one device.
 *
 * An offer is the session's until it is taken; then it is the taker's, and stays, with
 * the device's file open, until the taker says that the guest has nothing any more. A
 * taker that dies leaves it to the next: Xen does not forget what it has mapped.
 * frames_lock covers all of it; outside it, a daemon's lock.
 */
#include <linux/file.h>
#include <linux/kdev_t.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include <xen/page.h>
#include <xen/xen.h>

#include "internal.h"

struct mmh_frames {
	struct list_head entry;
	struct mmh_daemon *daemon; /* who may drop it; NULL: its taker is gone */
	bool taken;
	struct file *file; /* of the device */
	struct mmhelper_frames told;
};

static unsigned long placed_frames;
module_param(placed_frames, ulong, 0444);
MODULE_PARM_DESC(placed_frames, "frames of devices that domains have access to now");

static void frames_bury(struct work_struct *work);

static LIST_HEAD(frames);
static LIST_HEAD(buried);
static DEFINE_MUTEX(frames_lock);
static DECLARE_WORK(bury_work, frames_bury);

static bool bar_has(const struct resource *bar, resource_size_t start, resource_size_t end)
{
	return resource_type(bar) == IORESOURCE_MEM && bar->parent && bar->start <= start &&
	       end <= bar->end;
}

/* True if all of it is in one memory BAR of one device. */
static bool device_has(unsigned long frame, unsigned long n)
{
	resource_size_t start = PFN_PHYS(frame), end = PFN_PHYS(frame + n) - 1;
	struct pci_dev *device = NULL;
	unsigned int i;

	for_each_pci_dev(device) {
		for (i = 0; i < PCI_STD_NUM_BARS; i++) {
			if (bar_has(&device->resource[i], start, end)) {
				pci_dev_put(device);
				return true;
			}
		}
	}
	return false;
}

/* The frame behind an address. In a PV domain that of a device is known by its own
 * number. */
static int frame_find(struct vm_area_struct *vma, unsigned long address, unsigned long *frame)
{
	int r = pfn_find(vma, address, frame);

	if (r)
		return r;
	return page_is_ram(*frame) || pfn_to_mfn(*frame) != *frame ? -EREMOTEIO : 0;
}

/* A mapping that its driver may move from one place to another (by its fault handler)
 * would leave the guest with the memory of others; and Xen cannot keep the guest from
 * writing. */
static int vma_is_fixed(const struct vm_area_struct *vma)
{
	const struct vm_operations_struct *ops = vma->vm_ops;

	if (!(vma->vm_flags & VM_PFNMAP) || !S_ISCHR(file_inode(vma->vm_file)->i_mode))
		return -EREMOTEIO;
	if (ops && (ops->fault || ops->huge_fault || ops->pfn_mkwrite))
		return -ETXTBSY;
	return (vma->vm_flags & VM_SHARED) && (vma->vm_flags & VM_WRITE) ? 0 : -EACCES;
}

static int frames_look(struct vm_area_struct *vma, unsigned long address,
		       struct mmhelper_frames *told)
{
	unsigned long frame, first = 0, i;
	int r;

	for (i = 0; i < told->n_frames; i++) {
		r = frame_find(vma, address + (i << PAGE_SHIFT), &frame);
		if (r)
			return r;
		if (i == 0)
			first = frame;
		else if (frame != first + i)
			return -EREMOTEIO;
		cond_resched();
	}
	told->frame = first;
	return device_has(first, told->n_frames) ? 0 : -EREMOTEIO;
}

/* What is under the range, and the file that is mapped there, held. */
static int frames_find(struct mmh_daemon *daemon, struct mmhelper_offer *offer,
		       struct mmh_frames *made)
{
	struct mmhelper_export range = {
		.address = offer->address,
		.length = offer->length,
		.flags = MMHELPER_EXPORT_WRITE,
	};
	struct vm_area_struct *vma;
	int r;

	made->told.domid = daemon->domid;
	made->told.n_frames = offer->length >> PAGE_SHIFT;
	mmap_read_lock(daemon->mm);
	vma = vma_lookup(daemon->mm, offer->address);
	r = vma_check(vma, &range);
	if (r == 0)
		r = vma_is_fixed(vma);
	if (r == 0)
		r = frames_look(vma, offer->address, &made->told);
	if (r == 0) {
		offer->cache = cache_of(vma);
		made->file = get_file(vma->vm_file);
		made->told.major = MAJOR(file_inode(made->file)->i_rdev);
		made->told.minor = MINOR(file_inode(made->file)->i_rdev);
	}
	mmap_read_unlock(daemon->mm);
	return r;
}

/* Pages of one domain's; under frames_lock. */
static u64 frames_count(u16 domid)
{
	struct mmh_frames *made;
	u64 n = 0;

	list_for_each_entry(made, &frames, entry)
		if (made->told.domid == domid)
			n += made->told.n_frames;
	return n;
}

static int frames_enter(struct mmh_daemon *daemon, struct mmh_frames *made)
{
	int r = 0;

	mutex_lock(&frames_lock);
	if (made->told.n_frames + frames_count(daemon->domid) > daemon->max_pages) {
		r = -ERANGE;
	} else {
		made->daemon = daemon;
		made->told.token = get_random_u64();
		list_add(&made->entry, &frames);
	}
	mutex_unlock(&frames_lock);
	return r;
}

int frames_offer(struct mmh_daemon *daemon, struct mmhelper_offer *offer)
{
	struct mmh_frames *made;
	int r;

	if (offer->flags || offer->cache || offer->token || !offer->length ||
	    ((offer->address | offer->length) & ~PAGE_MASK))
		return -EINVAL;
	made = kzalloc(sizeof(*made), GFP_KERNEL_ACCOUNT);
	if (!made)
		return -ENOMEM;
	mutex_lock(&daemon->lock);
	r = daemon->mm && daemon->mm == current->mm ? frames_find(daemon, offer, made) : -EPERM;
	if (r == 0)
		r = frames_enter(daemon, made);
	mutex_unlock(&daemon->lock);
	if (r == 0) {
		offer->token = made->told.token;
		return 0;
	}
	if (made->file)
		fput(made->file);
	kfree(made);
	return r;
}

/* Under frames_lock. */
static struct mmh_frames *frames_get(u64 token)
{
	struct mmh_frames *made;

	list_for_each_entry(made, &frames, entry)
		if (made->told.token == token)
			return made;
	return NULL;
}

int frames_take(struct mmh_daemon *daemon, struct mmhelper_frames *ask)
{
	struct mmh_frames *made;
	int r = -ENOENT;

	if (ask->frame || ask->n_frames || ask->major || ask->minor || ask->flags)
		return -EINVAL;
	/* A session has an open file too. */
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	mutex_lock(&frames_lock);
	made = frames_get(ask->token);
	if (made && made->taken) {
		r = -EBUSY;
	} else if (made && made->told.domid == ask->domid) {
		made->taken = true;
		made->daemon = daemon;
		made->told.guest_frame = ask->guest_frame;
		*ask = made->told;
		placed_frames += made->told.n_frames;
		__module_get(THIS_MODULE);
		r = 0;
	}
	mutex_unlock(&frames_lock);
	return r;
}

int frames_left(struct mmh_daemon *daemon, struct mmhelper_frames *left)
{
	struct mmh_frames *made;
	int r = -ENOENT;

	if (left->token || left->guest_frame || left->frame || left->n_frames || left->domid ||
	    left->major || left->minor || left->flags)
		return -EINVAL;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	mutex_lock(&frames_lock);
	list_for_each_entry(made, &frames, entry) {
		if (!made->daemon) {
			made->daemon = daemon;
			*left = made->told;
			r = 0;
			break;
		}
	}
	mutex_unlock(&frames_lock);
	return r;
}

/* The driver's own end of a file may take long, and is no business of a supervisor. */
static void frames_bury(struct work_struct *work)
{
	struct mmh_frames *made, *next;
	LIST_HEAD(list);

	mutex_lock(&frames_lock);
	list_splice_init(&buried, &list);
	mutex_unlock(&frames_lock);
	list_for_each_entry_safe(made, next, &list, entry) {
		fput(made->file);
		kfree(made);
	}
}

/* Under frames_lock. */
static void frames_end(struct mmh_frames *made)
{
	list_move(&made->entry, &buried);
	if (made->taken) {
		placed_frames -= made->told.n_frames;
		module_put(THIS_MODULE);
	}
	schedule_work(&bury_work);
}

int frames_drop(struct mmh_daemon *daemon, struct mmhelper_drop *drop)
{
	struct mmh_frames *made;
	int r = -ENOENT;

	mutex_lock(&frames_lock);
	made = frames_get(drop->token);
	if (made && made->daemon == daemon) {
		frames_end(made);
		r = 0;
	}
	mutex_unlock(&frames_lock);
	return r;
}

void frames_daemon_end(struct mmh_daemon *daemon)
{
	struct mmh_frames *made, *next;

	mutex_lock(&frames_lock);
	list_for_each_entry_safe(made, next, &frames, entry) {
		if (made->daemon != daemon)
			continue;
		made->daemon = NULL;
		if (!made->taken)
			frames_end(made);
	}
	mutex_unlock(&frames_lock);
}

/* Nothing is taken, or the module would be held. */
void frames_exit(void)
{
	flush_work(&bury_work);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Paradice mmhelper: the device that the daemons open.
 *
 * Objects: a daemon is an open file of the device. In the guest it has adopted
 * nodes (node.c, sigio.c), tracked mappings (map.c) and files on their way to programs
 * (descriptor.c), in the driver domain exports (export.c); all of it ends with the
 * file. Pinned memory (pin.c) is a file of its own. Only what Xen may still have mapped
 * stays for the next one: frames of devices (frames.c), and address space for them
 * (reserve.c). Only this file knows the numbers of the commands.
 */
#include <linux/capability.h>
#include <linux/fdtable.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "internal.h"

DEFINE_SPINLOCK(mmh_lock);

static int mmh_open(struct inode *inode, struct file *file)
{
	struct mmh_daemon *daemon;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	daemon = kzalloc(sizeof(*daemon), GFP_KERNEL);
	if (!daemon)
		return -ENOMEM;
	INIT_LIST_HEAD(&daemon->maps);
	INIT_LIST_HEAD(&daemon->events);
	INIT_LIST_HEAD(&daemon->exports);
	init_waitqueue_head(&daemon->wait);
	mutex_init(&daemon->lock);
	file->private_data = daemon;
	return stream_open(inode, file);
}

static int mmh_release(struct inode *inode, struct file *file)
{
	struct mmh_daemon *daemon = file->private_data;

	node_daemon_end(daemon);
	descriptor_daemon_end(daemon);
	map_daemon_end(daemon);
	export_daemon_end(daemon);
	frames_daemon_end(daemon);
	reserve_daemon_end(daemon);
	kfree(daemon);
	return 0;
}

union mmh_argument {
	struct mmhelper_adopt adopt;
	struct mmhelper_fetch fetch;
	struct mmhelper_supply supply;
	struct mmhelper_result result;
	struct mmhelper_signal signal;
	struct mmhelper_revoke revoke;
	struct mmhelper_give give;
	struct mmhelper_ask ask;
	struct mmhelper_pin pin;
	struct mmhelper_bind bind;
	struct mmhelper_export export;
	struct mmhelper_unexport unexport;
	struct mmhelper_reserve reserve;
	struct mmhelper_vacate vacate;
	struct mmhelper_offer offer;
	struct mmhelper_frames frames;
	struct mmhelper_drop drop;
};

static long mmh_dispatch(struct mmh_daemon *daemon, unsigned int command,
			 union mmh_argument *argument)
{
	switch (command) {
	case MMHELPER_ADOPT:
		return node_adopt(daemon, &argument->adopt);
	case MMHELPER_FETCH:
		return node_fetch(daemon, &argument->fetch);
	case MMHELPER_SUPPLY:
		return node_supply(daemon, &argument->supply);
	case MMHELPER_RESULT:
		return node_result(daemon, &argument->result);
	case MMHELPER_SIGNAL:
		return sigio_send(daemon, &argument->signal);
	case MMHELPER_REVOKE:
		return map_end_token(daemon, &argument->revoke);
	case MMHELPER_GIVE:
		return descriptor_give(daemon, &argument->give);
	case MMHELPER_ASK:
		return descriptor_ask(daemon, &argument->ask);
	case MMHELPER_PIN:
		return pin_make(daemon, &argument->pin);
	case MMHELPER_BIND:
		return export_bind(daemon, &argument->bind);
	case MMHELPER_EXPORT:
		return export_make(daemon, &argument->export);
	case MMHELPER_UNEXPORT:
		return export_end(daemon, &argument->unexport);
	case MMHELPER_RESERVE:
		return reserve_make(daemon, &argument->reserve);
	case MMHELPER_VACATE:
		return reserve_vacate(daemon, &argument->vacate);
	case MMHELPER_OFFER:
		return frames_offer(daemon, &argument->offer);
	case MMHELPER_TAKE:
		return frames_take(daemon, &argument->frames);
	case MMHELPER_LEFT:
		return frames_left(daemon, &argument->frames);
	case MMHELPER_DROP:
		return frames_drop(daemon, &argument->drop);
	default:
		return -ENOTTY;
	}
}

/* The caller could not be told of what was made: nobody knows of it. */
static void mmh_undo(struct mmh_daemon *daemon, unsigned int command,
		     const union mmh_argument *argument)
{
	switch (command) {
	case MMHELPER_EXPORT:
		export_end(daemon, &(struct mmhelper_unexport){ .id = argument->export.id });
		break;
	case MMHELPER_RESERVE:
		reserve_vacate(daemon,
			       &(struct mmhelper_vacate){ .frame = argument->reserve.frame });
		close_fd(argument->reserve.fd);
		break;
	case MMHELPER_OFFER:
		frames_drop(daemon, &(struct mmhelper_drop){ .token = argument->offer.token });
		break;
	case MMHELPER_TAKE:
		frames_drop(daemon, &(struct mmhelper_drop){ .token = argument->frames.token });
		break;
	}
}

static long mmh_ioctl(struct file *file, unsigned int command, unsigned long arg)
{
	struct mmh_daemon *daemon = file->private_data;
	void __user *user = (void __user *)arg;
	size_t size = _IOC_SIZE(command);
	union mmh_argument argument;
	long r;

	/* A command of another size is another command: none of ours. */
	if (size > sizeof(argument))
		return -ENOTTY;
	memset(&argument, 0, sizeof(argument));
	if (copy_from_user(&argument, user, size))
		return -EFAULT;
	r = mmh_dispatch(daemon, command, &argument);
	if (r == 0 && (_IOC_DIR(command) & _IOC_READ) && copy_to_user(user, &argument, size)) {
		r = -EFAULT;
		mmh_undo(daemon, command, &argument);
	}
	return r;
}

static ssize_t mmh_read(struct file *file, char __user *user, size_t size, loff_t *offset)
{
	struct mmh_daemon *daemon = file->private_data;
	struct mmhelper_event event;
	size_t n = 0;
	int r;

	if (size < sizeof(event))
		return -EINVAL;
	if (!(file->f_flags & O_NONBLOCK)) {
		r = wait_event_interruptible(daemon->wait, map_event_any(daemon));
		if (r)
			return r;
	}
	while (n + sizeof(event) <= size && map_event_take(daemon, &event)) {
		if (copy_to_user(user + n, &event, sizeof(event)))
			return -EFAULT;
		n += sizeof(event);
	}
	return n ?: -EAGAIN;
}

static __poll_t mmh_poll(struct file *file, poll_table *wait)
{
	struct mmh_daemon *daemon = file->private_data;

	poll_wait(file, &daemon->wait, wait);
	return map_event_any(daemon) ? EPOLLIN | EPOLLRDNORM : 0;
}

static const struct file_operations mmh_fops = {
	.owner = THIS_MODULE,
	.open = mmh_open,
	.release = mmh_release,
	.unlocked_ioctl = mmh_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.read = mmh_read,
	.poll = mmh_poll,
};

static struct miscdevice mmh_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "paradice-mmhelper",
	.fops = &mmh_fops,
	.mode = 0600,
};

static int __init mmh_init(void)
{
	return misc_register(&mmh_device);
}

static void __exit mmh_exit(void)
{
	misc_deregister(&mmh_device);
	node_exit();
	pages_exit();
	frames_exit();
}

module_init(mmh_init);
module_exit(mmh_exit);
MODULE_DESCRIPTION("Paradice: mmap and more on CUSE nodes, driver pages for other domains");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");

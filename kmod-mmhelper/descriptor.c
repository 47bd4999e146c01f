// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Descriptors that a node's ioctl returns to a program, or takes from it.
 *
 * A gift is a file that the daemon has given for a thread which waits in an ioctl of
 * a node, before it answers that ioctl with MMHELPER_IOCTL_GIVEN; the thread takes it
 * when it sees this. A thread that waits cannot end, so no gift stays behind unless
 * the daemon dies in between. mmh_lock covers the gifts.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/pid.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "internal.h"

struct mmh_gift {
	struct list_head entry;
	struct mmh_daemon *daemon;
	struct pid *pid; /* of the thread */
	struct file *file;
	struct mmhelper_give give;
};

static LIST_HEAD(gifts);

static void gift_free(struct mmh_gift *gift)
{
	if (gift->file)
		fput(gift->file);
	put_pid(gift->pid);
	kfree(gift);
}

/* The gift for a thread, or any of a daemon's; under mmh_lock. */
static struct mmh_gift *gift_find(const struct pid *pid, const struct mmh_daemon *daemon)
{
	struct mmh_gift *gift;

	list_for_each_entry(gift, &gifts, entry)
		if (pid ? gift->pid == pid : gift->daemon == daemon)
			return gift;
	return NULL;
}

static struct mmh_gift *gift_pop(const struct pid *pid, const struct mmh_daemon *daemon)
{
	struct mmh_gift *gift;

	spin_lock(&mmh_lock);
	gift = gift_find(pid, daemon);
	if (gift)
		list_del(&gift->entry);
	spin_unlock(&mmh_lock);
	return gift;
}

int descriptor_give(struct mmh_daemon *daemon, struct mmhelper_give *give)
{
	struct mmh_gift *gift;
	int r = 0;

	if ((give->flags & ~MMHELPER_GIVE_CLOEXEC) || give->result < 0)
		return -EINVAL;
	gift = kzalloc(sizeof(*gift), GFP_KERNEL);
	if (!gift)
		return -ENOMEM;
	gift->daemon = daemon;
	gift->give = *give;
	gift->pid = find_get_pid(give->pid);
	gift->file = fget(give->fd);
	if (!gift->pid)
		r = -ESRCH;
	else if (!gift->file)
		r = -EBADF;
	else if (!node_owns(daemon, gift->file))
		r = -EINVAL;
	if (r == 0) {
		spin_lock(&mmh_lock);
		if (gift_find(gift->pid, NULL))
			r = -EBUSY;
		else
			list_add(&gift->entry, &gifts);
		spin_unlock(&mmh_lock);
	}
	if (r)
		gift_free(gift);
	return r;
}

long descriptor_take(void)
{
	struct mmh_gift *gift = gift_pop(task_pid(current), NULL);
	long r;
	int fd;

	if (!gift)
		return -EIO;
	fd = get_unused_fd_flags(gift->give.flags & MMHELPER_GIVE_CLOEXEC ? O_CLOEXEC : 0);
	r = fd;
	if (fd >= 0 && put_user(fd, (s32 __user *)(uintptr_t)gift->give.address)) {
		put_unused_fd(fd);
		r = -EFAULT;
	}
	if (r >= 0) {
		fd_install(fd, gift->file);
		gift->file = NULL;
		r = gift->give.result;
	}
	gift_free(gift);
	return r;
}

void descriptor_daemon_end(struct mmh_daemon *daemon)
{
	struct mmh_gift *gift;

	while ((gift = gift_pop(NULL, daemon)))
		gift_free(gift);
}

struct fd_pick {
	unsigned int fd;
	struct file *file;
};

/* Called for open descriptors in order, until it returns nonzero. */
static int fd_pick(const void *context, struct file *file, unsigned int fd)
{
	struct fd_pick *pick = (struct fd_pick *)context;

	if (fd == pick->fd)
		pick->file = get_file(file);
	return 1;
}

int descriptor_ask(struct mmh_daemon *daemon, struct mmhelper_ask *ask)
{
	struct fd_pick pick = { .fd = ask->fd };
	struct task_struct *task;
	struct pid *pid;
	int r;

	if (ask->value)
		return -EINVAL;
	pid = find_get_pid(ask->pid);
	task = get_pid_task(pid, PIDTYPE_PID);
	put_pid(pid);
	if (!task)
		return -ESRCH;
	task_lock(task);
	if (task->files && ask->fd >= 0)
		iterate_fd(task->files, ask->fd, fd_pick, &pick);
	task_unlock(task);
	put_task_struct(task);
	if (!pick.file)
		return -EBADF;
	r = node_owns(daemon, pick.file) ? node_name(pick.file, &ask->value) : -EINVAL;
	fput(pick.file);
	return r;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Descriptors that a node's ioctl returns to a program, or takes from it.
 *
 * A gift is files that the daemon has given for a thread which waits in an ioctl of
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
	struct file *files[MMHELPER_GIFTS_MAX];
	struct mmhelper_give give;
};

static LIST_HEAD(gifts);

static void gift_free(struct mmh_gift *gift)
{
	int i;

	for (i = 0; i < MMHELPER_GIFTS_MAX; i++)
		if (gift->files[i])
			fput(gift->files[i]);
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

static int gift_fill(struct mmh_gift *gift)
{
	u32 i;

	for (i = 0; i < gift->give.n; i++) {
		if (gift->give.gifts[i].flags & ~MMHELPER_GIVE_CLOEXEC)
			return -EINVAL;
		gift->files[i] = fget(gift->give.gifts[i].fd);
		if (!gift->files[i])
			return -EBADF;
		if (!node_owns(gift->daemon, gift->files[i]))
			return -EINVAL;
	}
	return 0;
}

int descriptor_give(struct mmh_daemon *daemon, struct mmhelper_give *give)
{
	struct mmh_gift *gift;
	int r;

	if (!give->n || give->n > MMHELPER_GIFTS_MAX || give->pad || give->result < 0)
		return -EINVAL;
	gift = kzalloc(sizeof(*gift), GFP_KERNEL);
	if (!gift)
		return -ENOMEM;
	gift->daemon = daemon;
	gift->give = *give;
	gift->pid = find_get_pid(give->pid);
	r = gift->pid ? gift_fill(gift) : -ESRCH;
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
	int fds[MMHELPER_GIFTS_MAX];
	u32 i, n;
	long r;

	if (!gift)
		return -EIO;
	r = gift->give.result;
	for (n = 0; r >= 0 && n < gift->give.n; n++) {
		const struct mmhelper_gift *one = &gift->give.gifts[n];

		fds[n] = get_unused_fd_flags(one->flags & MMHELPER_GIVE_CLOEXEC ? O_CLOEXEC : 0);
		if (fds[n] < 0) {
			r = fds[n];
			break;
		}
		if (put_user(fds[n], (s32 __user *)(uintptr_t)one->address))
			r = -EFAULT;
	}
	for (i = 0; i < n; i++) {
		if (r < 0) {
			put_unused_fd(fds[i]);
		} else {
			fd_install(fds[i], gift->files[i]);
			gift->files[i] = NULL;
		}
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

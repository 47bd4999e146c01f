// SPDX-License-Identifier: GPL-2.0-or-later
/* Open files whose programs want SIGIO. mmh_lock covers their list. */
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "internal.h"

struct mmh_async {
	struct list_head entry;
	struct file *file;
	u64 number;
	struct fasync_struct *list;
};

static LIST_HEAD(asyncs);
static DEFINE_MUTEX(async_mutex); /* changes of `asyncs` and of its lists */

static struct mmh_async *async_find(const struct file *file)
{
	struct mmh_async *async;

	list_for_each_entry(async, &asyncs, entry)
		if (async->file == file)
			return async;
	return NULL;
}

static struct mmh_async *async_add(struct file *file)
{
	struct mmh_async *async = kzalloc(sizeof(*async), GFP_KERNEL);

	if (!async)
		return NULL;
	async->file = file;
	async->number = get_random_u64();
	spin_lock(&mmh_lock);
	list_add(&async->entry, &asyncs);
	spin_unlock(&mmh_lock);
	return async;
}

static void async_remove(struct mmh_async *async)
{
	spin_lock(&mmh_lock);
	list_del(&async->entry);
	spin_unlock(&mmh_lock);
	kfree(async);
}

int sigio_change(int fd, struct file *file, int on, u64 *number)
{
	struct mmh_async *async;
	int r = 0;

	mutex_lock(&async_mutex);
	async = async_find(file);
	if (!async && on) {
		async = async_add(file);
		r = async ? 0 : -ENOMEM;
	}
	if (async) {
		*number = async->number;
		r = fasync_helper(fd, file, on, &async->list);
		if (!async->list)
			async_remove(async);
	}
	mutex_unlock(&async_mutex);
	return r;
}

int sigio_send(struct mmh_daemon *daemon, struct mmhelper_signal *signal)
{
	struct mmh_async *async;
	int r = -ENOENT;

	if (signal->pad || signal->band < POLL_IN || signal->band > POLL_HUP)
		return -EINVAL;
	spin_lock(&mmh_lock);
	list_for_each_entry(async, &asyncs, entry) {
		if (async->number == signal->file) {
			kill_fasync(&async->list, SIGIO, signal->band);
			r = 0;
			break;
		}
	}
	spin_unlock(&mmh_lock);
	return r;
}

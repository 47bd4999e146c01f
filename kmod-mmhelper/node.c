// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Nodes of CUSE daemons that have mmap, lseek, pread and SIGIO, whose ioctls tell whether
 * the file is non-blocking, and whose large reads and writes the daemon gets as one.
 *
 * A daemon adopts the character device of a node: its file operations are replaced
 * by a copy with ours added, which is what files opened from then on have. What a
 * program asks becomes a request, which lives on the stack of the program's system
 * call; the daemon is asked by an ioctl on the same open file, so it needs no queue
 * of ours, knows the open file, and ends the wait when it dies. A request's token
 * cannot be guessed, so no program can have its own request answered by another.
 *
 * A request is under the lock of its bucket, so that large reads and writes share none.
 * mmh_lock covers nodes, which are looked up under RCU.
 */
#include <linux/capability.h>
#include <linux/cdev.h>
#include <linux/file.h>
#include <linux/fuse.h>
#include <linux/list_bl.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/rculist.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include <xen/xen.h>

#include "internal.h"

struct mmh_node {
	struct list_head entry;
	struct rcu_head rcu;
	struct mmh_daemon *daemon;
	struct cdev *cdev;
	u64 direct_from;
};

enum request_state {
	REQUEST_ASKED,
	REQUEST_FETCHED,
	REQUEST_DONE,
};

struct mmh_request {
	struct hlist_bl_node entry;
	enum request_state state;
	struct mmhelper_fetch ask;
	/* MAP */
	struct mmhelper_supply supply;
	struct file *backing;
	struct mmh_map *map;
	/* SEEK, NAME, READ, WRITE */
	s64 value;
};

static LIST_HEAD(nodes);
static struct hlist_bl_head requests[64]; /* by token */

/* CUSE's operations, and our copy. Set at the first adoption, which holds CUSE. */
static DEFINE_MUTEX(adopt_mutex);
static const struct file_operations *cuse_fops;
static struct file_operations node_fops;

/* Locks where a request with this token is. */
static struct hlist_bl_head *request_lock(u64 token) __acquires(bitlock)
{
	struct hlist_bl_head *bucket = &requests[token % ARRAY_SIZE(requests)];

	hlist_bl_lock(bucket);
	return bucket;
}

/* The request in this state, or NULL. */
static struct mmh_request *request_find(struct hlist_bl_head *bucket, u64 token, enum request_state state)
{
	struct mmh_request *request;
	struct hlist_bl_node *entry;

	hlist_bl_for_each_entry(request, entry, bucket, entry)
		if (request->ask.token == token)
			return request->state == state ? request : NULL;
	return NULL;
}

/* Has the daemon answer. 0 or a negative errno, as it says. */
static long request_run(struct file *file, struct mmh_request *request)
{
	struct hlist_bl_head *bucket;
	long r;

	request->state = REQUEST_ASKED;
	request->ask.token = get_random_u64();
	bucket = request_lock(request->ask.token);
	hlist_bl_add_head(&request->entry, bucket);
	hlist_bl_unlock(bucket);
	r = cuse_fops->unlocked_ioctl(file, MMHELPER_NODE_REQUEST, request->ask.token);
	hlist_bl_lock(bucket);
	hlist_bl_del(&request->entry);
	hlist_bl_unlock(bucket);
	if (r > 0)
		r = -EIO;
	return r;
}

int node_fetch(struct mmh_daemon *daemon, struct mmhelper_fetch *fetch)
{
	struct hlist_bl_head *bucket;
	struct mmh_request *request;
	int r = -ENOENT;

	if (fetch->kind || fetch->flags || fetch->offset || fetch->length || fetch->address ||
	    fetch->file)
		return -EINVAL;
	bucket = request_lock(fetch->token);
	request = request_find(bucket, fetch->token, REQUEST_ASKED);
	if (request) {
		request->state = REQUEST_FETCHED;
		*fetch = request->ask;
		r = 0;
	}
	hlist_bl_unlock(bucket);
	return r;
}

/* ---- mmap ---- */

static u32 map_flags(const struct vm_area_struct *vma)
{
	bool shared = vma->vm_flags & VM_MAYSHARE;
	u32 flags = shared ? MMHELPER_MAP_SHARED : 0;

	if (vma->vm_flags & VM_READ)
		flags |= MMHELPER_MAP_READ;
	if (vma->vm_flags & VM_WRITE)
		flags |= MMHELPER_MAP_WRITE;
	/* Not in a PV domain, where the grant's own mapping is the program's. */
	if (shared && (vma->vm_flags & VM_MAYWRITE) && !xen_pv_domain())
		flags |= MMHELPER_MAP_MAY_WRITE;
	return flags;
}

/* For tracked mappings, which are grants. gntdev maps for reading only what is not
 * for writing at this moment. */
static int map_tracked(struct mmh_request *request, struct vm_area_struct *vma)
{
	bool widen = false;
	int r;

	if (request->supply.flags & MMHELPER_SUPPLY_READONLY)
		vm_flags_clear(vma, VM_WRITE | VM_MAYWRITE);
	else if (!(request->ask.flags & (MMHELPER_MAP_WRITE | MMHELPER_MAP_MAY_WRITE)))
		vm_flags_clear(vma, VM_MAYWRITE);
	else
		widen = !(vma->vm_flags & VM_WRITE);
	if (request->supply.cache == MMHELPER_CACHE_COMBINE)
		vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);
	else if (request->supply.cache == MMHELPER_CACHE_NONE)
		vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	if (widen)
		vm_flags_set(vma, VM_WRITE);
	r = vfs_mmap(request->backing, vma);
	if (widen)
		vm_flags_clear(vma, VM_WRITE);
	if (r)
		return r;
	r = vma->vm_ops ? map_attach(request->map, vma) : -EINVAL;
	if (r && vma->vm_ops && vma->vm_ops->close)
		vma->vm_ops->close(vma);
	return r;
}

static int map_back(struct mmh_request *request, struct vm_area_struct *vma)
{
	vma_set_file(vma, request->backing);
	vma->vm_pgoff = request->supply.offset >> PAGE_SHIFT;
	if (request->map)
		return map_tracked(request, vma);
	return vfs_mmap(request->backing, vma);
}

static int node_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct mmh_request request = {
		.ask.kind = MMHELPER_MAP,
		.ask.flags = map_flags(vma),
		.ask.offset = (s64)vma->vm_pgoff << PAGE_SHIFT,
		.ask.length = vma->vm_end - vma->vm_start,
	};
	int r;

	if (vma->vm_pgoff > S64_MAX >> PAGE_SHIFT)
		return -EINVAL;
	r = request_run(file, &request);
	if (r == 0)
		r = request.backing ? map_back(&request, vma) : -EIO;
	if (request.map && r)
		map_end(request.map);
	if (request.backing)
		fput(request.backing);
	return r;
}

int node_supply(struct mmh_daemon *daemon, struct mmhelper_supply *supply)
{
	struct hlist_bl_head *bucket;
	struct mmh_request *request;
	struct mmh_map *map = NULL;
	struct file *backing;
	int r = -ENOENT;

	if ((supply->flags & ~(MMHELPER_SUPPLY_TRACKED | MMHELPER_SUPPLY_READONLY)) ||
	    supply->pad || supply->cache > MMHELPER_CACHE_NONE || (supply->offset & ~PAGE_MASK))
		return -EINVAL;
	if (!(supply->flags & MMHELPER_SUPPLY_TRACKED) && (supply->flags || supply->cache))
		return -EINVAL;
	/* A PV domain's mapping of a grant is what Xen makes it. */
	if (supply->cache != MMHELPER_CACHE_NORMAL && xen_pv_domain())
		return -EOPNOTSUPP;
	backing = fget(supply->fd);
	if (!backing)
		return -EBADF;
	/* Ourselves would be asked again; what has no mmap cannot back one. */
	if (!can_mmap_file(backing) || backing->f_op == &node_fops) {
		fput(backing);
		return -ENODEV;
	}
	if (supply->flags & MMHELPER_SUPPLY_TRACKED) {
		map = map_new(daemon, backing, supply->token);
		if (IS_ERR(map)) {
			fput(backing);
			return PTR_ERR(map);
		}
	}
	bucket = request_lock(supply->token);
	request = request_find(bucket, supply->token, REQUEST_FETCHED);
	if (request && request->ask.kind == MMHELPER_MAP) {
		request->state = REQUEST_DONE;
		request->supply = *supply;
		request->backing = backing;
		request->map = map;
		r = 0;
	}
	hlist_bl_unlock(bucket);
	if (r) {
		if (map)
			map_end(map);
		fput(backing);
	}
	return r;
}

/* ---- lseek ---- */

static loff_t node_llseek(struct file *file, loff_t offset, int whence)
{
	struct mmh_request request = {
		.ask.kind = MMHELPER_SEEK,
		.ask.flags = whence,
		.ask.offset = offset,
	};
	long r = request_run(file, &request);

	if (r)
		return r;
	return request.state == REQUEST_DONE ? request.value : -EIO;
}

int node_result(struct mmh_daemon *daemon, struct mmhelper_result *result)
{
	struct hlist_bl_head *bucket = request_lock(result->token);
	struct mmh_request *request = request_find(bucket, result->token, REQUEST_FETCHED);
	int r = -ENOENT;

	if (request && request->ask.kind != MMHELPER_MAP && request->ask.kind != MMHELPER_ASYNC) {
		request->state = REQUEST_DONE;
		request->value = result->value;
		r = 0;
	}
	hlist_bl_unlock(bucket);
	return r;
}

/* ---- ioctl ---- */

/* The node of an open file, under RCU. */
static struct mmh_node *node_of(const struct file *file)
{
	struct mmh_node *node;

	list_for_each_entry_rcu(node, &nodes, entry)
		if (node->cdev == file_inode(file)->i_cdev)
			return node;
	return NULL;
}

bool node_owns(struct mmh_daemon *daemon, const struct file *file)
{
	struct mmh_node *node;
	bool owns;

	if (file->f_op != &node_fops)
		return false;
	rcu_read_lock();
	node = node_of(file);
	owns = node && node->daemon == daemon;
	rcu_read_unlock();
	return owns;
}

int node_name(struct file *file, s64 *value)
{
	struct mmh_request request = { .ask.kind = MMHELPER_NAME };
	long r = request_run(file, &request);

	if (r == 0 && request.state != REQUEST_DONE)
		r = -EIO;
	*value = request.value;
	return r;
}

/* Of fs/fuse, which exports it for CUSE; its header is private. */
long fuse_do_ioctl(struct file *file, unsigned int cmd, unsigned long arg, unsigned int flags);

static unsigned int ioctl_flags(const struct file *file)
{
	return FUSE_IOCTL_UNRESTRICTED | MMHELPER_IOCTL_FLAGS |
	       (file->f_flags & O_NONBLOCK ? MMHELPER_IOCTL_NONBLOCK : 0);
}

/* The program's result for the daemon's. */
static long ioctl_result(long r)
{
	switch (r) {
	case MMHELPER_IOCTL_GIVEN:
		return descriptor_take();
	case MMHELPER_IOCTL_NOSYS:
		return -ENOSYS;
	default:
		return r;
	}
}

static long node_ioctl(struct file *file, unsigned int command, unsigned long arg)
{
	return ioctl_result(fuse_do_ioctl(file, command, arg, ioctl_flags(file)));
}

#ifdef CONFIG_COMPAT
static long node_compat_ioctl(struct file *file, unsigned int command, unsigned long arg)
{
	return ioctl_result(fuse_do_ioctl(file, command, arg,
					  ioctl_flags(file) | FUSE_IOCTL_COMPAT));
}
#endif

/* ---- read and write ---- */

static unsigned long buffer_address(const struct iov_iter *iter)
{
	return (unsigned long)iter->ubuf + iter->iov_offset;
}

/* Whether the daemon shall have a call as a whole. */
static bool is_direct(struct kiocb *iocb, const struct iov_iter *iter)
{
	struct mmh_node *node;
	bool direct;

	if (!iter_is_ubuf(iter) || !is_sync_kiocb(iocb) || (iocb->ki_flags & IOCB_NOWAIT))
		return false;
	rcu_read_lock();
	node = node_of(iocb->ki_filp);
	direct = node && node->direct_from &&
		 offset_in_page(buffer_address(iter)) + iov_iter_count(iter) >= node->direct_from;
	rcu_read_unlock();
	return direct;
}

/* True if it was served, and *r is the call's result. */
static bool direct_run(struct kiocb *iocb, struct iov_iter *iter, enum mmhelper_kind kind,
		       ssize_t *r)
{
	struct mmh_request request = {
		.ask.kind = kind,
		.ask.flags = iocb->ki_filp->f_flags,
		.ask.offset = iocb->ki_pos,
		.ask.address = buffer_address(iter),
		.ask.length = iov_iter_count(iter),
	};

	*r = request_run(iocb->ki_filp, &request);
	if (*r || request.state != REQUEST_DONE)
		return *r;
	*r = min_t(s64, request.value, request.ask.length);
	if (*r > 0)
		iov_iter_advance(iter, *r);
	return true;
}

typedef ssize_t (*cuse_serve)(struct kiocb *iocb, struct iov_iter *iter);

/* CUSE passes no position on, so the daemon is told beforehand. */
static ssize_t cuse_run(struct kiocb *iocb, struct iov_iter *iter, cuse_serve serve)
{
	struct mmh_request request = {
		.ask.kind = MMHELPER_AT,
		.ask.offset = iocb->ki_pos,
		.ask.length = iov_iter_count(iter),
	};
	ssize_t n, r;

	if (iocb->ki_pos == MMHELPER_OWN_POSITION || !request.ask.length)
		return serve(iocb, iter);
	r = request_run(iocb->ki_filp, &request);
	if (r)
		return r;
	n = serve(iocb, iter);
	if (n != request.ask.length) {
		/* The rest will not come. */
		request.ask.length = 0;
		request_run(iocb->ki_filp, &request);
	}
	return n;
}

/* The program never sees such a result: with a signal pending, the kernel restarts the
 * call or makes it EINTR. */
static ssize_t restarted(ssize_t r)
{
	if (r != -MMHELPER_RESTART && r != -ERESTARTSYS)
		return r;
	return signal_pending(current) ? -ERESTARTSYS : -EINTR;
}

static ssize_t node_read_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	ssize_t r;

	if (!is_direct(iocb, iter) || !direct_run(iocb, iter, MMHELPER_READ, &r))
		r = cuse_run(iocb, iter, cuse_fops->read_iter);
	return restarted(r);
}

static ssize_t node_write_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	ssize_t r;

	if (!is_direct(iocb, iter) || !direct_run(iocb, iter, MMHELPER_WRITE, &r))
		r = cuse_run(iocb, iter, cuse_fops->write_iter);
	return restarted(r);
}

/* ---- SIGIO ---- */

static int node_fasync(int fd, struct file *file, int on)
{
	struct mmh_request request = {
		.ask.kind = MMHELPER_ASYNC,
		.ask.flags = on != 0,
	};
	int r = sigio_change(fd, file, on, &request.ask.file);

	/* At the last close the daemon hears of the close. */
	if (r <= 0 || fd < 0)
		return r;
	r = request_run(file, &request);
	if (r && on)
		sigio_change(fd, file, 0, &request.ask.file);
	return r && on ? r : 1;
}

/* ---- open ---- */

/* An open file's true position is the daemon's; a call that begins elsewhere is one of
 * pread(2)'s kind. */
static int node_open(struct inode *inode, struct file *file)
{
	int r = restarted(cuse_fops->open(inode, file));

	if (r == 0)
		file->f_pos = MMHELPER_OWN_POSITION;
	return r;
}

/* ---- adoption ---- */

/* CUSE's operations are known by the name of their open(). */
static bool is_cuse(const struct file_operations *fops)
{
	char name[64];

	snprintf(name, sizeof(name), "%ps", fops->open);
	return strcmp(name, "cuse_open [cuse]") == 0 || strcmp(name, "cuse_open") == 0;
}

static int fops_take(const struct file_operations *fops)
{
	if (cuse_fops)
		return fops == cuse_fops ? 0 : -EINVAL;
	if (!is_cuse(fops) || !fops->unlocked_ioctl || !fops->read_iter || !fops->write_iter)
		return -EINVAL;
	if (!try_module_get(fops->owner))
		return -ENODEV;
	node_fops = *fops;
	/* Each open file holds this module. */
	node_fops.owner = THIS_MODULE;
	node_fops.open = node_open;
	node_fops.unlocked_ioctl = node_ioctl;
#ifdef CONFIG_COMPAT
	node_fops.compat_ioctl = node_compat_ioctl;
#endif
	node_fops.mmap = node_mmap;
	node_fops.llseek = node_llseek;
	node_fops.fasync = node_fasync;
	node_fops.read_iter = node_read_iter;
	node_fops.write_iter = node_write_iter;
	cuse_fops = fops;
	return 0;
}

static int cdev_adopt(struct mmh_daemon *daemon, struct cdev *cdev, u64 direct_from)
{
	struct mmh_node *node;
	int r;

	if (cdev->ops == &node_fops)
		return -EBUSY;
	r = fops_take(cdev->ops);
	if (r)
		return r;
	node = kzalloc(sizeof(*node), GFP_KERNEL);
	if (!node)
		return -ENOMEM;
	kobject_get(&cdev->kobj);
	node->cdev = cdev;
	node->daemon = daemon;
	node->direct_from = direct_from;
	spin_lock(&mmh_lock);
	list_add_rcu(&node->entry, &nodes);
	spin_unlock(&mmh_lock);
	WRITE_ONCE(cdev->ops, &node_fops);
	return 0;
}

int node_adopt(struct mmh_daemon *daemon, struct mmhelper_adopt *adopt)
{
	struct file *file;
	int r = -EINVAL;

	if (adopt->flags)
		return -EINVAL;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	file = fget(adopt->fd);
	if (!file)
		return -EBADF;
	/* An open file's node has its cdev; the file holds it. */
	mutex_lock(&adopt_mutex);
	if (S_ISCHR(file_inode(file)->i_mode) && file_inode(file)->i_cdev)
		r = cdev_adopt(daemon, file_inode(file)->i_cdev, adopt->direct_from);
	mutex_unlock(&adopt_mutex);
	fput(file);
	return r;
}

static struct mmh_node *node_pop(struct mmh_daemon *daemon)
{
	struct mmh_node *node, *popped = NULL;

	spin_lock(&mmh_lock);
	list_for_each_entry(node, &nodes, entry) {
		if (node->daemon == daemon) {
			list_del_rcu(&node->entry);
			popped = node;
			break;
		}
	}
	spin_unlock(&mmh_lock);
	return popped;
}

void node_daemon_end(struct mmh_daemon *daemon)
{
	struct mmh_node *node;

	while ((node = node_pop(daemon))) {
		WRITE_ONCE(node->cdev->ops, cuse_fops);
		kobject_put(&node->cdev->kobj);
		kfree_rcu(node, rcu);
	}
}

void node_exit(void)
{
	/* An open() that has just read cdev->ops is over. */
	synchronize_rcu();
	if (cuse_fops)
		module_put(cuse_fops->owner);
}

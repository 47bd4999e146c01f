// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * /dev/memops: a driver that does with its caller's memory what drivers may do, for
 * the tests (memops.h says what each command does). It keeps nothing between calls
 * but the number of open files, and whether it is ready.
 */
#include <linux/atomic.h>
#include <linux/compat.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/mmu_context.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/poll.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "memops.h"

static atomic_t n_open = ATOMIC_INIT(0);
/* Nobody wakes it: sleepers end by a signal or by their time. */
static DECLARE_WAIT_QUEUE_HEAD(sleepers);

static bool is_ready;
static wait_queue_head_t pollers[MEMOPS_QUEUES] = {
	__WAIT_QUEUE_HEAD_INITIALIZER(pollers[0]),
	__WAIT_QUEUE_HEAD_INITIALIZER(pollers[1]),
	__WAIT_QUEUE_HEAD_INITIALIZER(pollers[2]),
};

static u32 sum_bytes(u32 sum, const u8 *data, size_t size)
{
	while (size--)
		sum = MEMOPS_SUM_STEP(sum, *data++);
	return sum;
}

static void fill_bytes(u8 *data, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		data[i] = MEMOPS_BYTE(i);
}

static void add_one(u8 *data, size_t size)
{
	while (size--)
		++*data++;
}

/* ---- Structures with plain pointers, and what a 32-bit caller has for them ---- */

struct memops_level32 {
	compat_uptr_t next;
	u32 n;
	u32 value;
};
#define MEMOPS_NEST32 _IOWR('m', 1, struct memops_level32)

static int level_get(struct memops_level *level, void __user *from, bool compat)
{
	struct memops_level32 level32;

	if (!compat)
		return copy_from_user(level, from, sizeof(*level)) ? -EFAULT : 0;
	if (copy_from_user(&level32, from, sizeof(level32)))
		return -EFAULT;
	*level = (struct memops_level){
		.next = (__force void *)compat_ptr(level32.next),
		.n = level32.n,
		.value = level32.value,
	};
	return 0;
}

static int level_put_value(u32 value, void __user *to, bool compat)
{
	u32 __user *at = to + (compat ? offsetof(struct memops_level32, value) :
					offsetof(struct memops_level, value));

	return put_user(value, at);
}

static int nest_numbers(u32 __user *numbers, u32 n, u32 *sum)
{
	u32 i, number;

	if (n > MEMOPS_MOST_NUMBERS)
		return -E2BIG;
	for (i = 0; i < n; i++) {
		if (get_user(number, numbers + i) || put_user(number * 2, numbers + i))
			return -EFAULT;
		*sum += number;
	}
	return 0;
}

static long memops_nest(void __user *arg, bool compat)
{
	void __user *at[MEMOPS_DEPTH + 1];
	struct memops_level level = { .next = (__force void *)arg };
	u32 sum = 0;
	int i, r;

	for (i = 0; i <= MEMOPS_DEPTH; i++) {
		at[i] = (__force void __user *)level.next;
		if (level_get(&level, at[i], compat))
			return -EFAULT;
		sum += level.value;
	}
	r = nest_numbers((__force u32 __user *)level.next, level.n, &sum);
	if (r)
		return r;
	for (i = 0; i <= MEMOPS_DEPTH; i++)
		if (level_put_value(sum + i, at[i], compat))
			return -EFAULT;
	return 0;
}

struct memops_buffer32 {
	compat_uptr_t data;
	u32 size;
};
struct memops_vector32 {
	compat_uptr_t buffers;
	u32 n;
	u32 sum;
};
#define MEMOPS_VECTOR32 _IOWR('m', 2, struct memops_vector32)

static int vector_buffer(void __user *data, u32 size, u32 *sum)
{
	u8 *copy;
	u32 i;
	int r = -EFAULT;

	if (size > MEMOPS_MOST_BYTES)
		return -E2BIG;
	copy = kvmalloc(size + 1, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	if (copy_from_user(copy, data, size))
		goto out;
	*sum = sum_bytes(*sum, copy, size);
	for (i = 0; i < size / 2; i++)
		swap(copy[i], copy[size - 1 - i]);
	r = copy_to_user(data, copy, size) ? -EFAULT : 0;
out:
	kvfree(copy);
	return r;
}

static long memops_vector(void __user *arg, bool compat)
{
	struct memops_vector vector;
	struct memops_vector32 vector32;
	u32 i, sum = MEMOPS_SUM_INIT;
	int r;

	if (compat) {
		if (copy_from_user(&vector32, arg, sizeof(vector32)))
			return -EFAULT;
		vector.buffers = (__force void *)compat_ptr(vector32.buffers);
		vector.n = vector32.n;
	} else if (copy_from_user(&vector, arg, sizeof(vector))) {
		return -EFAULT;
	}
	if (vector.n > MEMOPS_MOST_BUFFERS)
		return -E2BIG;
	for (i = 0; i < vector.n; i++) {
		void __user *at = (__force void __user *)vector.buffers;
		struct memops_buffer32 buffer32;
		struct memops_buffer buffer;

		if (compat) {
			if (copy_from_user(&buffer32, at + i * sizeof(buffer32), sizeof(buffer32)))
				return -EFAULT;
			buffer.data = (__force void *)compat_ptr(buffer32.data);
			buffer.size = buffer32.size;
		} else if (copy_from_user(&buffer, at + i * sizeof(buffer), sizeof(buffer))) {
			return -EFAULT;
		}
		r = vector_buffer((__force void __user *)buffer.data, buffer.size, &sum);
		if (r)
			return r;
	}
	if (compat)
		return put_user(sum, &((struct memops_vector32 __user *)arg)->sum);
	return put_user(sum, &((struct memops_vector __user *)arg)->sum);
}

struct memops_node32 {
	compat_uptr_t next;
	u32 value;
	u32 number;
};
struct memops_list32 {
	u32 sum;
	u32 n;
	compat_uptr_t first;
};
#define MEMOPS_LIST32 _IOWR('m', 3, struct memops_list32)

/* Numbers the node at *atp and moves on to the next. */
static int list_node(void __user **atp, u32 number, u32 *sum, bool compat)
{
	struct memops_node __user *at = *atp;
	struct memops_node32 __user *at32 = *atp;
	struct memops_node node;
	compat_uptr_t next;

	if (compat) {
		if (get_user(next, &at32->next) || get_user(node.value, &at32->value) ||
		    put_user(number, &at32->number))
			return -EFAULT;
		*atp = compat_ptr(next);
	} else {
		if (copy_from_user(&node, at, sizeof(node)) || put_user(number, &at->number))
			return -EFAULT;
		*atp = (__force void __user *)node.next;
	}
	*sum += node.value;
	return 0;
}

static long memops_list(void __user *arg, bool compat)
{
	struct memops_list __user *list = arg;
	void __user *at;
	compat_uptr_t first32;
	void *first;
	u32 n = 0, sum = 0;
	int r = 0;

	if (compat) {
		if (get_user(first32, &((struct memops_list32 __user *)arg)->first))
			return -EFAULT;
		at = compat_ptr(first32);
	} else {
		if (get_user(first, &list->first))
			return -EFAULT;
		at = (__force void __user *)first;
	}
	while (at && !r) {
		if (n == MEMOPS_MOST_NODES) {
			r = -ELOOP;
			break;
		}
		r = list_node(&at, n + 1, &sum, compat);
		if (!r)
			n++;
	}
	/* The two stand at the same place in both layouts. */
	if (put_user(sum, &list->sum) || put_user(n, &list->n))
		return -EFAULT;
	return r;
}

struct memops_gather32 {
	compat_uptr_t iovec;
	u32 n;
	u32 sum;
};
#define MEMOPS_GATHER32 _IOWR('m', 4, struct memops_gather32)

static long gather_sum(void __user *iovec, u32 n, u32 *sum)
{
	struct iovec fast[UIO_FASTIOV], *vector = fast;
	struct iov_iter iter;
	ssize_t size;
	u8 *copy;

	/* The kernel's own reader, which knows both kinds of callers. */
	size = import_iovec(WRITE, iovec, n, UIO_FASTIOV, &vector, &iter);
	if (size < 0)
		return size;
	if (size > MEMOPS_MOST_BYTES) {
		kfree(vector);
		return -E2BIG;
	}
	copy = kvmalloc(size + 1, GFP_KERNEL);
	if (!copy) {
		kfree(vector);
		return -ENOMEM;
	}
	if (!copy_from_iter_full(copy, size, &iter))
		size = -EFAULT;
	else
		*sum = sum_bytes(MEMOPS_SUM_INIT, copy, size);
	kvfree(copy);
	kfree(vector);
	return size;
}

static long memops_gather(void __user *arg, bool compat)
{
	struct memops_gather gather;
	struct memops_gather32 gather32;
	u32 sum;
	long r;

	if (compat) {
		if (copy_from_user(&gather32, arg, sizeof(gather32)))
			return -EFAULT;
		gather.iovec = (__force void *)compat_ptr(gather32.iovec);
		gather.n = gather32.n;
	} else if (copy_from_user(&gather, arg, sizeof(gather))) {
		return -EFAULT;
	}
	r = gather_sum((__force void __user *)gather.iovec, gather.n, &sum);
	if (r < 0)
		return r;
	if (compat ? put_user(sum, &((struct memops_gather32 __user *)arg)->sum) :
		     put_user(sum, &((struct memops_gather __user *)arg)->sum))
		return -EFAULT;
	return r;
}

/* ---- One operation on one range ---- */

static unsigned long read_atomic(void *to, void __user *from, unsigned long size)
{
	unsigned long left = size;

	if (access_ok(from, size)) {
		pagefault_disable();
		left = __copy_from_user_inatomic(to, from, size);
		pagefault_enable();
	}
	return left ? copy_from_user(to + size - left, from + size - left, left) : 0;
}

static unsigned long write_atomic(void __user *to, void *from, unsigned long size)
{
	unsigned long left = size;

	if (access_ok(to, size)) {
		pagefault_disable();
		left = __copy_to_user_inatomic(to, from, size);
		pagefault_enable();
	}
	return left ? copy_to_user(to + size - left, from + size - left, left) : 0;
}

/* A copy that a kernel thread does in the caller's address space. */
struct remote_copy {
	struct work_struct work;
	struct mm_struct *mm;
	void __user *user;
	void *kernel;
	unsigned long size;
	unsigned long left;
	bool write;
};

static void remote_copy_work(struct work_struct *work)
{
	struct remote_copy *copy = container_of(work, struct remote_copy, work);

	kthread_use_mm(copy->mm);
	copy->left = copy->write ? copy_to_user(copy->user, copy->kernel, copy->size) :
				   copy_from_user(copy->kernel, copy->user, copy->size);
	kthread_unuse_mm(copy->mm);
}

static unsigned long remote_copy(void *kernel, void __user *user, unsigned long size, bool write)
{
	struct remote_copy copy = {
		.mm = current->mm,
		.user = user,
		.kernel = kernel,
		.size = size,
		.write = write,
	};

	INIT_WORK_ONSTACK(&copy.work, remote_copy_work);
	schedule_work(&copy.work);
	flush_work(&copy.work);
	destroy_work_on_stack(&copy.work);
	return copy.left;
}

static int copy_buffered(struct memops_copy *c)
{
	void __user *user = u64_to_user_ptr(c->address);
	u8 *data;

	if (c->size > MEMOPS_MOST_BYTES)
		return -E2BIG;
	data = kvzalloc(c->size + 1, GFP_KERNEL);
	if (!data)
		return -ENOMEM;
	switch (c->method) {
	case MEMOPS_READ:
	case MEMOPS_UPDATE:
		c->left = copy_from_user(data, user, c->size);
		break;
	case MEMOPS_READ_ATOMIC:
		c->left = read_atomic(data, user, c->size);
		break;
	case MEMOPS_READ_REMOTE:
		c->left = remote_copy(data, user, c->size, false);
		break;
	default:
		fill_bytes(data, c->size);
	}
	c->sum = sum_bytes(MEMOPS_SUM_INIT, data, c->size - c->left);
	switch (c->method) {
	case MEMOPS_UPDATE:
		if (c->left)
			break;
		add_one(data, c->size);
		fallthrough;
	case MEMOPS_WRITE:
		c->left = copy_to_user(user, data, c->size);
		break;
	case MEMOPS_WRITE_ATOMIC:
		c->left = write_atomic(user, data, c->size);
		break;
	case MEMOPS_WRITE_REMOTE:
		c->left = remote_copy(data, user, c->size, true);
		break;
	}
	kvfree(data);
	return c->left ? -EFAULT : 0;
}

static int copy_string(struct memops_copy *c)
{
	char *text;
	long n;

	if (c->size > PAGE_SIZE * 4)
		return -E2BIG;
	text = kzalloc(c->size + 1, GFP_KERNEL);
	if (!text)
		return -ENOMEM;
	n = strncpy_from_user(text, u64_to_user_ptr(c->address), c->size);
	if (n >= 0) {
		c->left = n;
		c->sum = sum_bytes(MEMOPS_SUM_INIT, text, n);
	}
	kfree(text);
	return n < 0 ? n : 0;
}

static void pinned_use(struct memops_copy *c, struct page **pages, bool write)
{
	u32 offset = offset_in_page(c->address), done = 0, n;

	c->sum = MEMOPS_SUM_INIT;
	for (; done < c->size; done += n, offset = 0) {
		u8 *data = kmap_local_page(*pages++);

		n = min_t(u32, c->size - done, PAGE_SIZE - offset);
		c->sum = sum_bytes(c->sum, data + offset, n);
		if (write)
			add_one(data + offset, n);
		kunmap_local(data);
	}
}

static int copy_pin(struct memops_copy *c, bool write)
{
	int n = DIV_ROUND_UP(offset_in_page(c->address) + (u64)c->size, PAGE_SIZE);
	struct page **pages;
	int n_pinned, r = 0;

	if (c->size > MEMOPS_MOST_BYTES)
		return -E2BIG;
	pages = kvmalloc_array(n, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	n_pinned = pin_user_pages_fast(c->address & PAGE_MASK, n, write ? FOLL_WRITE : 0, pages);
	if (n_pinned < 0) {
		r = n_pinned;
		n_pinned = 0;
	} else if (n_pinned < n) {
		r = -EFAULT;
	} else {
		pinned_use(c, pages, write);
	}
	c->left = n - n_pinned;
	unpin_user_pages_dirty_lock(pages, n_pinned, write);
	kvfree(pages);
	return r;
}

static long memops_copy(void __user *arg)
{
	struct memops_copy c;
	int r;

	if (copy_from_user(&c, arg, sizeof(c)))
		return -EFAULT;
	c.left = 0;
	switch (c.method) {
	case MEMOPS_GET:
		r = get_user(c.sum, (u32 __user *)u64_to_user_ptr(c.address));
		break;
	case MEMOPS_PUT:
		r = put_user(c.sum, (u32 __user *)u64_to_user_ptr(c.address));
		break;
	case MEMOPS_STRING:
		r = copy_string(&c);
		break;
	case MEMOPS_CLEAR:
		c.left = clear_user(u64_to_user_ptr(c.address), c.size);
		r = c.left ? -EFAULT : 0;
		break;
	case MEMOPS_PIN:
	case MEMOPS_PIN_WRITE:
		r = copy_pin(&c, c.method == MEMOPS_PIN_WRITE);
		break;
	default:
		if (c.method > MEMOPS_PIN_WRITE)
			return -EINVAL;
		r = copy_buffered(&c);
	}
	return copy_to_user(arg, &c, sizeof(c)) ? -EFAULT : r;
}

/* ---- The rest ---- */

static long memops_grid(void __user *arg)
{
	struct memops_grid grid;
	u32 size;
	u8 *row;
	int r = 0;

	if (copy_from_user(&grid, arg, sizeof(grid)))
		return -EFAULT;
	if (check_mul_overflow(grid.rows, grid.columns, &size))
		return -EOVERFLOW;
	if (size > MEMOPS_MOST_BYTES)
		return -E2BIG;
	row = kvmalloc(grid.columns + 1, GFP_KERNEL);
	if (!row)
		return -ENOMEM;
	grid.sum = MEMOPS_SUM_INIT;
	for (grid.done = 0; grid.done < grid.rows && !r; grid.done += !r) {
		if (copy_from_user(row, u64_to_user_ptr(grid.address + grid.done * grid.columns),
				   grid.columns))
			r = -EFAULT;
		else
			grid.sum = sum_bytes(grid.sum, row, grid.columns);
	}
	kvfree(row);
	return copy_to_user(arg, &grid, sizeof(grid)) ? -EFAULT : r;
}

static long memops_fail(void __user *arg)
{
	struct memops_fail fail;
	u8 byte;
	u32 i;

	if (copy_from_user(&fail, arg, sizeof(fail)))
		return -EFAULT;
	for (i = 0; i < fail.size; i++) {
		byte = MEMOPS_BYTE(i);
		if (put_user(byte, (u8 __user *)u64_to_user_ptr(fail.address + i)))
			return -EFAULT;
	}
	fail.out = fail.in + 1;
	if (copy_to_user(arg, &fail, sizeof(fail)))
		return -EFAULT;
	if (fail.error)
		return -(long)min_t(u32, fail.error, MAX_ERRNO);
	return fail.in & INT_MAX;
}

static long memops_sleep(struct memops_sleep __user *arg)
{
	struct memops_sleep sleep;
	long r;

	if (copy_from_user(&sleep, arg, sizeof(sleep)))
		return -EFAULT;
	r = wait_event_interruptible_timeout(sleepers, false, msecs_to_jiffies(sleep.ms));
	if (put_user(r ? MEMOPS_SIGNAL : MEMOPS_TIME, &arg->woken))
		return -EFAULT;
	return r;
}

static long memops_slow(struct memops_slow __user *arg)
{
	struct memops_slow slow;

	if (copy_from_user(&slow, arg, sizeof(slow)))
		return -EFAULT;
	msleep(slow.ms);
	return put_user(slow.value + 1, &arg->value);
}

static long memops_lie(unsigned int command, void __user *arg)
{
	struct memops_plain plain = { .a = 1, .b = 2 };

	if (command == MEMOPS_LIE_IN)
		return copy_to_user(arg, &plain, sizeof(plain)) ? -EFAULT : 0;
	if (copy_from_user(&plain, arg, sizeof(plain)))
		return -EFAULT;
	if (command == MEMOPS_LIE_OUT)
		return plain.a & INT_MAX;
	plain.b = plain.a + 1;
	add_one(plain.data, sizeof(plain.data));
	return copy_to_user(arg, &plain, sizeof(plain)) ? -EFAULT : 7;
}

static long memops_ready(unsigned long queue)
{
	if (queue > MEMOPS_QUEUES)
		return -EINVAL;
	WRITE_ONCE(is_ready, queue);
	if (queue)
		wake_up_all(&pollers[queue - 1]);
	return 0;
}

static __poll_t memops_poll(struct file *file, poll_table *wait)
{
	for (int i = 0; i < MEMOPS_QUEUES; i++)
		poll_wait(file, &pollers[i], wait);
	return READ_ONCE(is_ready) ? EPOLLIN | EPOLLRDNORM : 0;
}

/* The commands that are the same for both kinds of callers. */
static long memops_common(unsigned int command, unsigned long arg)
{
	void __user *user = (void __user *)arg;

	switch (command) {
	case MEMOPS_ABI:
		return put_user(in_compat_syscall() ? 4 : 8, (u32 __user *)user);
	case MEMOPS_OPENS:
		return put_user(atomic_read(&n_open), (u32 __user *)user);
	case MEMOPS_COPY:
		return memops_copy(user);
	case MEMOPS_GRID:
		return memops_grid(user);
	case MEMOPS_FAIL:
		return memops_fail(user);
	case MEMOPS_SLEEP:
		return memops_sleep(user);
	case MEMOPS_SLOW:
		return memops_slow(user);
	case MEMOPS_LIE_NONE:
	case MEMOPS_LIE_OUT:
	case MEMOPS_LIE_IN:
	case MEMOPS_LIE_SMALL:
	case MEMOPS_LIE_LARGE:
	case MEMOPS_LIE_EMPTY:
	case MEMOPS_LIE_OLD:
		return memops_lie(command, user);
	case MEMOPS_NUMBER:
		return arg >> 4 & 0xffff;
	case MEMOPS_READY:
		return memops_ready(arg);
	}
	return -ENOTTY;
}

static long memops_ioctl(struct file *file, unsigned int command, unsigned long arg)
{
	void __user *user = (void __user *)arg;

	switch (command) {
	case MEMOPS_NEST:
		return memops_nest(user, false);
	case MEMOPS_VECTOR:
		return memops_vector(user, false);
	case MEMOPS_LIST:
		return memops_list(user, false);
	case MEMOPS_GATHER:
		return memops_gather(user, false);
	}
	return memops_common(command, arg);
}

#ifdef CONFIG_COMPAT
static long memops_compat_ioctl(struct file *file, unsigned int command, unsigned long arg)
{
	void __user *user = compat_ptr(arg);

	switch (command) {
	case MEMOPS_NEST32:
		return memops_nest(user, true);
	case MEMOPS_VECTOR32:
		return memops_vector(user, true);
	case MEMOPS_LIST32:
		return memops_list(user, true);
	case MEMOPS_GATHER32:
		return memops_gather(user, true);
	}
	return memops_common(command, arg);
}
#endif

static int memops_open(struct inode *inode, struct file *file)
{
	atomic_inc(&n_open);
	return nonseekable_open(inode, file);
}

static int memops_release(struct inode *inode, struct file *file)
{
	atomic_dec(&n_open);
	return 0;
}

static const struct file_operations memops_operations = {
	.owner = THIS_MODULE,
	.open = memops_open,
	.release = memops_release,
	.poll = memops_poll,
	.unlocked_ioctl = memops_ioctl,
#ifdef CONFIG_COMPAT
	.compat_ioctl = memops_compat_ioctl,
#endif
};

static struct miscdevice memops_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "memops",
	.fops = &memops_operations,
	.mode = 0600,
};

module_misc_device(memops_device);
MODULE_DESCRIPTION("Driver memory operations, for Paradice's tests");
MODULE_LICENSE("GPL");

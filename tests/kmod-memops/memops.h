/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What /dev/memops does to the memory of its caller, command by command. Shared by
 * the module and memops_test.c. The structures with plain pointers have another
 * layout, and their commands another number, for a 32-bit caller.
 */
#ifndef PARADICE_TESTS_MEMOPS_H
#define PARADICE_TESTS_MEMOPS_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define MEMOPS_PATH "/dev/memops"
#define MEMOPS_DEPTH 5 /* structures between the argument and the numbers, both aside */
#define MEMOPS_MOST_NUMBERS 4096
#define MEMOPS_MOST_NODES 1000
#define MEMOPS_MOST_BUFFERS 64
#define MEMOPS_MOST_BYTES (16u << 20)

/* The bytes that the driver writes where it does not say what else. */
#define MEMOPS_BYTE(i) ((__u8)((i) * 7 + ((i) >> 8) + 1))

/* The sum of bytes: FNV-1a. */
#define MEMOPS_SUM_INIT 2166136261u
#define MEMOPS_SUM_STEP(sum, byte) (((sum) ^ (__u8)(byte)) * 16777619u)

/*
 * The argument is the first of MEMOPS_DEPTH + 1 structures, each pointing to the
 * next; the last points to `n` 32-bit numbers. Sums up all values and numbers,
 * doubles each number, and sets the value of structure i (0 the argument) to sum + i.
 */
struct memops_level {
	void *next;
	__u32 n;
	__u32 value;
};
#define MEMOPS_NEST _IOWR('m', 1, struct memops_level)

/* Sums up `n` buffers and reverses the bytes of each of them. E2BIG. */
struct memops_buffer {
	void *data;
	__u32 size;
};
struct memops_vector {
	struct memops_buffer *buffers;
	__u32 n;
	__u32 sum;
};
#define MEMOPS_VECTOR _IOWR('m', 2, struct memops_vector)

/*
 * Numbers the nodes of a list 1, 2, 3 … and sums up their values; `first` is the
 * first node. ELOOP after MEMOPS_MOST_NODES: those are numbered then.
 */
struct memops_node {
	struct memops_node *next;
	__u32 value;
	__u32 number;
};
struct memops_list {
	__u32 sum;
	__u32 n; /* out: nodes visited */
	struct memops_node *first;
};
#define MEMOPS_LIST _IOWR('m', 3, struct memops_list)

/* `iovec` is a struct iovec[n] of the caller; sums up what it names. */
struct memops_gather {
	void *iovec;
	__u32 n;
	__u32 sum;
};
#define MEMOPS_GATHER _IOWR('m', 4, struct memops_gather)

/* The size of a pointer of the caller. */
#define MEMOPS_ABI _IOR('m', 5, __u32)

/* How often the device is open now. */
#define MEMOPS_OPENS _IOR('m', 6, __u32)

/*
 * One operation on [address, address + size). Where it cannot be done whole the
 * answer is EFAULT, and `left` says how many bytes (with pinning: pages) were not.
 */
enum memops_method {
	MEMOPS_READ, /* copy_from_user, sum */
	MEMOPS_WRITE, /* copy_to_user of MEMOPS_BYTE */
	MEMOPS_UPDATE, /* both: adds 1 to each byte */
	MEMOPS_GET, /* get_user of a __u32, into sum */
	MEMOPS_PUT, /* put_user of a __u32, from sum */
	MEMOPS_STRING, /* strncpy_from_user; left: its length */
	MEMOPS_CLEAR, /* clear_user */
	MEMOPS_READ_ATOMIC, /* with page faults off first, then with them on the rest */
	MEMOPS_WRITE_ATOMIC,
	MEMOPS_READ_REMOTE, /* by a kernel thread that borrows the address space */
	MEMOPS_WRITE_REMOTE,
	MEMOPS_PIN, /* pin_user_pages_fast; sum */
	MEMOPS_PIN_WRITE, /* the same for writing: sum, then adds 1 to each byte */
};
struct memops_copy {
	__aligned_u64 address;
	__u32 size;
	__u32 method;
	__u32 left;
	__u32 sum;
};
#define MEMOPS_COPY _IOWR('m', 7, struct memops_copy)

/*
 * Reads rows × columns bytes, row by row. EOVERFLOW if they do not fit 32 bits,
 * E2BIG above MEMOPS_MOST_BYTES; at EFAULT `done` is the number of whole rows.
 */
struct memops_grid {
	__aligned_u64 address;
	__u32 rows;
	__u32 columns;
	__u32 done;
	__u32 sum;
};
#define MEMOPS_GRID _IOWR('m', 8, struct memops_grid)

/* Writes `size` MEMOPS_BYTEs to address and in + 1 to out, then fails with `error`;
 * an error of 0 returns `in` instead. */
struct memops_fail {
	__aligned_u64 address;
	__u32 size;
	__u32 error;
	__u32 in;
	__u32 out;
};
#define MEMOPS_FAIL _IOWR('m', 9, struct memops_fail)

/* Sleeps until a signal or the end of the time; `woken` says by which: EINTR and
 * MEMOPS_SIGNAL, or 0 and MEMOPS_TIME. */
enum { MEMOPS_SIGNAL = 1, MEMOPS_TIME = 2 };
struct memops_sleep {
	__u32 ms;
	__u32 woken;
};
#define MEMOPS_SLEEP _IOWR('m', 10, struct memops_sleep)

/* Reads the structure, sleeps, and writes value + 1 to value alone. */
struct memops_slow {
	__u32 ms;
	__u32 value;
};
#define MEMOPS_SLOW _IOWR('m', 11, struct memops_slow)

/*
 * Commands whose numbers lie. All but two read the structure, set b = a + 1 and add
 * 1 to each byte of data, and return 7.
 */
struct memops_plain {
	__u32 a;
	__u32 b;
	__u8 data[56];
};
#define MEMOPS_LIE_NONE _IO('m', 0x40) /* says: no argument */
#define MEMOPS_LIE_OUT _IOR('m', 0x41, struct memops_plain) /* only reads; returns a */
#define MEMOPS_LIE_IN _IOW('m', 0x42, struct memops_plain) /* only writes: a = 1, b = 2 */
#define MEMOPS_LIE_SMALL _IOWR('m', 0x43, __u32) /* says 4 bytes */
#define MEMOPS_LIE_LARGE _IOWR('m', 0x44, __u8[8192]) /* says more than it touches */
#define MEMOPS_LIE_EMPTY _IOC(_IOC_READ | _IOC_WRITE, 'm', 0x45, 0)
#define MEMOPS_LIE_OLD 0x2285 /* no type of its own, as those of the 1990s */
/* The argument is a number, whatever it looks like; returns its bits 4 to 19. */
#define MEMOPS_NUMBER _IO('m', 0x47)
/* The argument is the number, from 1 on, of the queue that is woken, as the device becomes
 * readable; 0: it is not any more. poll waits in all queues. */
#define MEMOPS_READY _IO('m', 0x48)
#define MEMOPS_QUEUES 3

#endif

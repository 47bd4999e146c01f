/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tests/kmod-transfer/transfer.c and the tests that use it share. */
#ifndef TRANSFER_H
#define TRANSFER_H

#include <linux/types.h>

/* Byte `at` of what a read gives, counted from its own begin. */
#define TRANSFER_PERIOD 1048573u
#define TRANSFER_BYTE(at) ((__u8)((__u32)((at) % TRANSFER_PERIOD) * 2654435761u >> 24))
#define TRANSFER_SUM_STEP(sum, byte) ((sum) * 33u + (byte))

/* Reads of these sizes are special; others are what they seem. */
#define TRANSFER_LAST 64u /* gives a struct transfer_last */
#define TRANSFER_SLOW (2u * 1048576 + 4096) /* comes after half a second, whatever happens */
#define TRANSFER_NEVER (2u * 1048576 + 8192) /* waits for a signal, or EAGAIN */

struct transfer_last {
	__u64 read_size; /* of the last that was not special */
	__u64 write_size;
	__u32 write_sum; /* of its bytes that came */
	__u32 pad;
	__u64 read_ns; /* that the copy of that read took */
	__u64 read_offset;
	__u64 write_offset;
	__u64 unused[2];
};

#endif

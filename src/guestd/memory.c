/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The calling program's memory, by process_vm_readv(2) on the thread that waits
 * for our answer. The local side is one buffer; the remote side is split at page
 * borders, because a transfer stops at the first piece that is not all there.
 */
#include "config.h"

#include <errno.h>
#include <sys/uio.h>

#include "guestd/guest.h"

#define PAGE 4096u
#define PIECES 20 /* covers LAYOUT_SIZE_MAX, 64 KiB, at any offset */

typedef ssize_t (*transfer_fn)(pid_t pid, const struct iovec *local, unsigned long n_local,
			       const struct iovec *remote, unsigned long n_remote, unsigned long flags);

static ssize_t transfer(transfer_fn call, pid_t pid, uint64_t address, void *data, size_t size)
{
	struct iovec local = { data, size };
	struct iovec remote[PIECES];
	size_t left = size;
	ssize_t n;
	int i;

	for (i = 0; left; i++) {
		size_t piece = PAGE - (address & (PAGE - 1));

		if (i == PIECES)
			return -EINVAL;
		if (piece > left)
			piece = left;
		remote[i] = (struct iovec){ (void *)(uintptr_t)address, piece };
		address += piece;
		left -= piece;
	}
	n = call(pid, &local, 1, remote, i, 0);
	return n < 0 ? -errno : n;
}

ssize_t memory_read(pid_t pid, uint64_t address, void *data, size_t size)
{
	return transfer(process_vm_readv, pid, address, data, size);
}

ssize_t memory_write(pid_t pid, uint64_t address, const void *data, size_t size)
{
	return transfer(process_vm_writev, pid, address, (void *)data, size);
}

uint32_t memory_read_pages(pid_t pid, const uint64_t *addresses, uint32_t n, void *data)
{
	struct iovec local = { data, (size_t)n * PAGE };
	struct iovec remote[PROTO_MEM_PAGES_MAX];
	ssize_t got;

	for (uint32_t i = 0; i < n; i++)
		remote[i] = (struct iovec){ (void *)(uintptr_t)addresses[i], PAGE };
	got = process_vm_readv(pid, &local, 1, remote, n, 0);
	return got < 0 ? 0 : got / PAGE;
}

int memory_write_ranges(pid_t pid, const struct proto_range *ranges, uint32_t n, const uint8_t *bytes)
{
	struct iovec local = { (void *)bytes, 0 };
	struct iovec remote[PROTO_RANGES_MAX];

	for (uint32_t i = 0; i < n; i++) {
		remote[i] = (struct iovec){ (void *)(uintptr_t)ranges[i].address, ranges[i].length };
		local.iov_len += ranges[i].length;
	}
	return process_vm_writev(pid, &local, 1, remote, n, 0) == (ssize_t)local.iov_len ? 0 : -EFAULT;
}

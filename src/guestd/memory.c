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
#define PIECES 1024 /* UIO_MAXIOV of the kernel */

typedef ssize_t (*transfer_fn)(pid_t pid, const struct iovec *local, unsigned long n_local,
			       const struct iovec *remote, unsigned long n_remote, unsigned long flags);

/* Splits the pieces at page borders. Their bytes, or -EINVAL for too many. */
static ssize_t split(const struct memory_piece *pieces, uint32_t n, struct iovec *remote,
		     unsigned long *n_remotep)
{
	unsigned long used = 0;
	size_t total = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t address = pieces[i].address;
		size_t left = pieces[i].size;

		total += left;
		while (left) {
			size_t part = PAGE - (address & (PAGE - 1));

			if (used == PIECES)
				return -EINVAL;
			if (part > left)
				part = left;
			remote[used++] = (struct iovec){ (void *)(uintptr_t)address, part };
			address += part;
			left -= part;
		}
	}
	*n_remotep = used;
	return total;
}

static ssize_t transfer(transfer_fn call, pid_t pid, const struct memory_piece *pieces, uint32_t n_pieces,
			void *data)
{
	struct iovec local = { data, 0 };
	struct iovec remote[PIECES];
	unsigned long n_remote = 0;
	ssize_t n;

	n = split(pieces, n_pieces, remote, &n_remote);
	if (n <= 0)
		return n;
	local.iov_len = n;
	n = call(pid, &local, 1, remote, n_remote, 0);
	return n < 0 ? -errno : n;
}

ssize_t memory_read(pid_t pid, uint64_t address, void *data, size_t size)
{
	struct memory_piece piece = { address, size };

	return transfer(process_vm_readv, pid, &piece, 1, data);
}

bool memory_read_pieces(pid_t pid, const struct memory_piece *pieces, uint32_t n, void *data)
{
	struct iovec local = { data, 0 };
	struct iovec remote[PROTO_RANGES_MAX];

	for (uint32_t i = 0; i < n; i++) {
		remote[i] = (struct iovec){ (void *)(uintptr_t)pieces[i].address, pieces[i].size };
		local.iov_len += pieces[i].size;
	}
	return process_vm_readv(pid, &local, 1, remote, n, 0) == (ssize_t)local.iov_len;
}

ssize_t memory_write_pieces(pid_t pid, const struct memory_piece *pieces, uint32_t n, const void *data)
{
	return transfer(process_vm_writev, pid, pieces, n, (void *)data);
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

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * transfer_speed NODE [NATIVE]: what large reads of tests/kmod-transfer's device cost,
 * each way. Prints "RATIO name value target". A call in two pieces is copied on its way,
 * one in one piece is not. What a call costs beyond what is fixed is the time for which
 * the driver copies, as it has measured it. The medians of many rounds count.
 */
#include "config.h"

#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kmod-transfer/transfer.h"
#include "speed.h"

#define MIB 1048576u
#define N_ROUNDS 301

struct cost {
	uint64_t call_ns;
	uint64_t copy_ns; /* of it, in the driver; the last piece only */
};

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static uint64_t median(uint64_t *values)
{
	qsort(values, N_ROUNDS, sizeof(*values), compare);
	return values[N_ROUNDS / 2];
}

/* Of a read of 1 MiB in `n` pieces. */
static struct cost read_cost(const char *path, uint8_t *memory, int n)
{
	static uint64_t call_ns[N_ROUNDS], copy_ns[N_ROUNDS];
	struct iovec pieces[2] = { { memory, MIB / n }, { memory + MIB / n, MIB - MIB / n } };
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		err(EXIT_FAILURE, "%s", path);
	for (int i = 0; i < N_ROUNDS; i++) {
		struct transfer_last last;
		uint64_t ns = now_ns();
		ssize_t got = n == 1 ? read(fd, memory, MIB) : readv(fd, pieces, n);

		call_ns[i] = now_ns() - ns;
		if (got != MIB || read(fd, &last, sizeof(last)) != sizeof(last))
			err(EXIT_FAILURE, "read");
		copy_ns[i] = last.read_ns;
	}
	close(fd);
	return (struct cost){ median(call_ns), median(copy_ns) };
}

int main(int argc, char **argv)
{
	uint8_t *memory = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	struct cost direct, copied, native;

	if (argc < 2)
		return 77;
	setvbuf(stdout, NULL, _IOLBF, 0);
	direct = read_cost(argv[1], memory, 1);
	copied = read_cost(argv[1], memory, 2);
	printf("read of 1 MiB: %.3f ms without copies, of which the driver copies for %.3f; %.3f ms copied\n",
	       direct.call_ns / 1e6, direct.copy_ns / 1e6, copied.call_ns / 1e6);
	if (!direct.call_ns || !direct.copy_ns) {
		printf("the clock here is too coarse for ratios\n");
		return 0;
	}
	printf("RATIO zero-copy-read-1MiB-vs-copy %.2f >=2.0\n", (double)copied.call_ns / direct.call_ns);
	if (argc < 3)
		return 0;
	native = read_cost(argv[2], memory, 1);
	printf("on the device: %.3f ms, of which the driver copies for %.3f\n", native.call_ns / 1e6,
	       native.copy_ns / 1e6);
	printf("RATIO zero-copy-read-1MiB-vs-native %.2f >=0.9\n", (double)native.copy_ns / direct.copy_ns);
	return 0;
}

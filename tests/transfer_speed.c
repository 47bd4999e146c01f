// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * transfer_speed NODE [NATIVE]: what large reads of tests/kmod-transfer's device cost,
 * each way. Prints "RATIO name value target". A call in two pieces is copied on its way,
 * one in one piece is not. What a call costs beyond what is fixed is the time for which
 * the driver copies, as it has measured it. All take turns; the medians count.
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

#include "bench/measure.h"
#include "kmod-transfer/transfer.h"

#define MIB 1048576u
#define N_ROUNDS 301

/* One way of reading, and what each call took. */
struct way {
	int fd;
	int n_pieces;
	double call_ns[N_ROUNDS];
	double copy_ns[N_ROUNDS]; /* of it, in the driver; the last piece only */
};

static void way_open(struct way *way, const char *path, int n_pieces)
{
	way->fd = open(path, O_RDWR | O_CLOEXEC);
	if (way->fd < 0)
		err(EXIT_FAILURE, "%s", path);
	way->n_pieces = n_pieces;
}

/* Reads 1 MiB, in the given round. */
static void way_read(struct way *way, uint8_t *memory, int round)
{
	int n = way->n_pieces;
	struct iovec pieces[2] = { { memory, MIB / n }, { memory + MIB / n, MIB - MIB / n } };
	struct transfer_last last;
	uint64_t ns = measure_now_ns();
	ssize_t got = n == 1 ? read(way->fd, memory, MIB) : readv(way->fd, pieces, n);

	way->call_ns[round] = measure_now_ns() - ns;
	if (got != MIB || read(way->fd, &last, sizeof(last)) != sizeof(last))
		err(EXIT_FAILURE, "read");
	way->copy_ns[round] = last.read_ns;
}

int main(int argc, char **argv)
{
	uint8_t *memory = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	static struct way direct, copied, native;
	double call_ns, copy_ns, copied_ns, native_ns;

	if (argc < 2)
		return 77;
	setvbuf(stdout, NULL, _IOLBF, 0);
	way_open(&direct, argv[1], 1);
	way_open(&copied, argv[1], 2);
	if (argc > 2)
		way_open(&native, argv[2], 1);
	/* In turns, so that what else the machine does meets all of them. */
	for (int round = 0; round < N_ROUNDS; round++) {
		way_read(&direct, memory, round);
		way_read(&copied, memory, round);
		if (argc > 2)
			way_read(&native, memory, round);
	}
	call_ns = measure_median(direct.call_ns, N_ROUNDS);
	copy_ns = measure_median(direct.copy_ns, N_ROUNDS);
	copied_ns = measure_median(copied.call_ns, N_ROUNDS);
	printf("read of 1 MiB: %.3f ms without copies, of which the driver copies for %.3f; %.3f ms copied\n",
	       call_ns / 1e6, copy_ns / 1e6, copied_ns / 1e6);
	if (!call_ns || !copy_ns) {
		printf("the clock here is too coarse for ratios\n");
		return 0;
	}
	printf("RATIO zero-copy-read-1MiB-vs-copy %.2f >=2.0\n", copied_ns / call_ns);
	if (argc < 3)
		return 0;
	native_ns = measure_median(native.copy_ns, N_ROUNDS);
	printf("on the device: %.3f ms, of which the driver copies for %.3f\n",
	       measure_median(native.call_ns, N_ROUNDS) / 1e6, native_ns / 1e6);
	printf("RATIO zero-copy-read-1MiB-vs-native %.2f >=0.9\n", native_ns / copy_ns);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mapping_hold NODE SECONDS: maps a buffer of a V4L2 node and uses it until that gives
 * a signal. Prints "holding" when it is mapped, then "SIGBUS", "SIGSEGV" or "still
 * there", and exits with 0, 1 or 2 for those; 3: it could not be mapped.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/videodev2.h>

static void on_signal(int number)
{
	static const char bus[] = "SIGBUS\n", segv[] = "SIGSEGV\n";

	(void)!write(1, number == SIGBUS ? bus : segv, number == SIGBUS ? sizeof(bus) - 1 : sizeof(segv) - 1);
	_exit(number == SIGBUS ? 0 : 1);
}

int main(int argc, char **argv)
{
	struct v4l2_requestbuffers request = {
		.count = 2,
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_MMAP,
	};
	struct v4l2_buffer buffer = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP };
	volatile uint8_t *memory;
	int fd;

	if (argc != 3)
		return 3;
	setvbuf(stdout, NULL, _IOLBF, 0);
	fd = open(argv[1], O_RDWR);
	if (fd < 0 || ioctl(fd, VIDIOC_REQBUFS, &request) < 0 || ioctl(fd, VIDIOC_QUERYBUF, &buffer) < 0) {
		printf("%s: %s\n", argv[1], strerror(errno));
		return 3;
	}
	memory = mmap(NULL, buffer.length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, buffer.m.offset);
	if (memory == MAP_FAILED) {
		printf("mmap: %s\n", strerror(errno));
		return 3;
	}
	signal(SIGBUS, on_signal);
	signal(SIGSEGV, on_signal);
	printf("holding\n");
	for (int i = 0; i < atoi(argv[2]) * 20; i++) {
		memory[4096]++;
		usleep(50000);
	}
	printf("still there\n");
	return 2;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mapping_speed NODE [NATIVE]: what a mapping of a V4L2 node costs. Prints "RATIO name
 * value target". Bandwidth is compared with the device's own mapping (NATIVE, on one
 * kernel) or with ordinary memory; mmap and munmap of a buffer with NATIVE, or with a
 * plain gntdev mapping of as many pages granted to ourselves; frames in a time with
 * NATIVE. The better of several rounds counts on either side.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/videodev2.h>
#include <xen/gntalloc.h>

typedef uint32_t grant_ref_t;
typedef uint16_t domid_t;
#include <xen/gntdev.h>

#include "speed.h"

#define PAGE 4096u
#define N_ROUNDS 31
#define N_FRAMES 30

struct camera {
	int fd;
	size_t length;
	off_t offset;
};

static void camera_open(struct camera *camera, const char *path)
{
	struct v4l2_format format = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.fmt.pix = { .width = 1920, .height = 1080, .pixelformat = V4L2_PIX_FMT_YUYV },
	};
	struct v4l2_requestbuffers request = {
		.count = 4,
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_MMAP,
	};
	struct v4l2_buffer buffer = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP };

	camera->fd = open(path, O_RDWR | O_CLOEXEC);
	if (camera->fd < 0 || ioctl(camera->fd, VIDIOC_S_FMT, &format) < 0 ||
	    ioctl(camera->fd, VIDIOC_REQBUFS, &request) < 0 || ioctl(camera->fd, VIDIOC_QUERYBUF, &buffer) < 0)
		err(EXIT_FAILURE, "%s", path);
	camera->length = buffer.length;
	camera->offset = buffer.m.offset;
}

static uint8_t *camera_map(const struct camera *camera)
{
	uint8_t *memory = mmap(NULL, camera->length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			       camera->fd, camera->offset);

	if (memory == MAP_FAILED)
		err(EXIT_FAILURE, "mmap");
	return memory;
}

static uint8_t *scratch;

static uint64_t copy_ns(void *to, const void *from, size_t size)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < N_ROUNDS; i++) {
		uint64_t ns = now_ns();

		memcpy(to, from, size);
		ns = now_ns() - ns;
		if (ns < best)
			best = ns;
	}
	return best;
}

static uint64_t map_ns(const struct camera *camera)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < N_ROUNDS; i++) {
		uint64_t ns = now_ns();

		munmap(camera_map(camera), camera->length);
		ns = now_ns() - ns;
		if (ns < best)
			best = ns;
	}
	return best;
}

/* A gntdev mapping of the pages with these references, and its end. */
static uint64_t gntdev_ns(struct ioctl_gntdev_map_grant_ref *map)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < N_ROUNDS; i++) {
		uint64_t ns = now_ns();
		int fd = open("/dev/xen/gntdev", O_RDWR | O_CLOEXEC);
		void *memory;

		if (fd < 0 || ioctl(fd, IOCTL_GNTDEV_MAP_GRANT_REF, map) < 0)
			err(EXIT_FAILURE, "gntdev");
		memory = mmap(NULL, map->count * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, map->index);
		if (memory == MAP_FAILED)
			err(EXIT_FAILURE, "gntdev: mmap");
		munmap(memory, map->count * PAGE);
		close(fd);
		ns = now_ns() - ns;
		if (ns < best)
			best = ns;
	}
	return best;
}

static uint64_t plain_map_ns(size_t length)
{
	uint32_t n = length / PAGE;
	struct ioctl_gntalloc_alloc_gref *alloc = calloc(1, sizeof(*alloc) + n * sizeof(uint32_t));
	struct ioctl_gntdev_map_grant_ref *map = calloc(1, sizeof(*map) + n * sizeof(map->refs[0]));
	int fd = open("/dev/xen/gntalloc", O_RDWR | O_CLOEXEC);
	const char *domid = getenv("PARADICE_SELF");

	if (!domid || !domid[0]) {
		errno = EINVAL;
		err(EXIT_FAILURE, "PARADICE_SELF, this domain's number");
	}
	alloc->domid = atoi(domid);
	alloc->flags = GNTALLOC_FLAG_WRITABLE;
	alloc->count = n;
	if (fd < 0 || ioctl(fd, IOCTL_GNTALLOC_ALLOC_GREF, alloc) < 0)
		err(EXIT_FAILURE, "gntalloc");
	map->count = n;
	for (uint32_t i = 0; i < n; i++) {
		map->refs[i].domid = alloc->domid;
		map->refs[i].ref = alloc->gref_ids[i];
	}
	return gntdev_ns(map);
}

static double frames_per_second(const struct camera *camera)
{
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	struct v4l2_buffer buffer = { .type = type, .memory = V4L2_MEMORY_MMAP };
	uint64_t ns = 0;

	for (buffer.index = 0; buffer.index < 4; buffer.index++)
		if (ioctl(camera->fd, VIDIOC_QBUF, &buffer) < 0)
			err(EXIT_FAILURE, "VIDIOC_QBUF");
	if (ioctl(camera->fd, VIDIOC_STREAMON, &type) < 0)
		err(EXIT_FAILURE, "VIDIOC_STREAMON");
	for (int i = 0; i <= N_FRAMES; i++) {
		if (ioctl(camera->fd, VIDIOC_DQBUF, &buffer) < 0 || ioctl(camera->fd, VIDIOC_QBUF, &buffer) < 0)
			err(EXIT_FAILURE, "VIDIOC_DQBUF");
		if (!ns)
			ns = now_ns();
	}
	ns = now_ns() - ns;
	ioctl(camera->fd, VIDIOC_STREAMOFF, &type);
	return N_FRAMES * 1e9 / ns;
}

static void ratio(const char *name, double value, const char *target)
{
	printf("RATIO %s %.2f %s\n", name, value, target);
}

int main(int argc, char **argv)
{
	struct camera ours, theirs;
	uint64_t read_ns, write_ns, ours_ns, other_ns;
	const char *native = argc > 2 ? argv[2] : NULL;
	uint8_t *memory, *other;
	double fps;

	if (argc < 2)
		return 77;
	setvbuf(stdout, NULL, _IOLBF, 0);
	camera_open(&ours, argv[1]);
	scratch = mmap(NULL, ours.length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
		       -1, 0);
	memory = camera_map(&ours);
	read_ns = copy_ns(scratch, memory, ours.length);
	write_ns = copy_ns(memory, scratch, ours.length);
	munmap(memory, ours.length);
	ours_ns = map_ns(&ours);
	fps = frames_per_second(&ours);
	close(ours.fd);

	if (native) {
		camera_open(&theirs, native);
		other = camera_map(&theirs);
	} else {
		other = mmap(NULL, ours.length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE,
			     -1, 0);
	}
	ratio("mapped-read", (double)copy_ns(scratch, other, ours.length) / read_ns, ">=0.98");
	ratio("mapped-write", (double)copy_ns(other, scratch, ours.length) / write_ns, ">=0.98");
	munmap(other, ours.length);
	other_ns = native ? map_ns(&theirs) : plain_map_ns(ours.length);
	printf("mmap and munmap of %zu KiB: %.2f ms, %s %.2f ms\n", ours.length / 1024, ours_ns / 1e6,
	       native ? "on the device" : "by gntdev alone", other_ns / 1e6);
	if (!native)
		ratio("mmap-munmap", (double)ours_ns / other_ns, "<=2.0");
	printf("frames a second, 1920x1080: %.2f", fps);
	if (native)
		printf(", on the device %.2f", frames_per_second(&theirs));
	printf("\n");
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mapping_speed NODE [NATIVE]: what a mapping of a V4L2 node costs. Prints "RATIO name
 * value target". Bandwidth is a part of that of the device's own mapping (NATIVE, on one
 * kernel) of the same buffer, or of ordinary memory's. With NATIVE, frames in a time are
 * compared with its. Without, mmap and munmap of a buffer are compared with a plain gntdev
 * mapping of as many pages that are granted to ourselves: in domain PARADICE_SELF. A PVH
 * domain must not map its own grants (gntdev fails there, and leaves memory behind in which
 * programs crash): without PARADICE_SELF that is not measured. Medians.
 */
#include "config.h"

#include <err.h>
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

#include "bench/measure.h"
#include "speed.h"

#define PAGE 4096u
#define N_ROUNDS 31
#define N_TURNS 3
#define N_FRAMES 12 /* in a turn */

static const struct size {
	const char *name;
	uint32_t width, height;
} sizes[] = {
	{ "640x480", 640, 480 },
	{ "1080p", 1920, 1080 },
};

struct camera {
	int fd;
	size_t length;
	off_t offset;
};

static void camera_open(struct camera *camera, const char *path, const struct size *size)
{
	struct v4l2_format format = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.fmt.pix = {
			.width = size->width,
			.height = size->height,
			.pixelformat = V4L2_PIX_FMT_YUYV,
		},
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

struct rounds {
	double ns[N_ROUNDS];
};

static double median(const struct rounds *rounds)
{
	return measure_median(rounds->ns, N_ROUNDS);
}

static void *memory_new(size_t length)
{
	void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (memory == MAP_FAILED)
		err(EXIT_FAILURE, "memory");
	return memory;
}

static uint64_t copy_ns(void *to, const void *from, size_t size)
{
	uint64_t ns = now_ns();

	memcpy(to, from, size);
	return now_ns() - ns;
}

/* How fast it is read and written, as a part of what `other`, a mapping of the same buffer by
 * the device itself, is, or without one ordinary memory. In turns, and each turn with new
 * mappings: what else the machine does is the same for both, and so is chance in where in the
 * processor's caches and tables a mapping falls. */
static void bandwidth(const struct camera *camera, const struct camera *other, double *readp, double *writep)
{
	struct rounds read[2], write[2];
	uint8_t *scratch = memory_new(camera->length);

	for (int i = 0; i < 2 * N_ROUNDS; i++) {
		int whose = (i + i / 2) % 2; /* each is first in every other round */
		uint8_t *memory = whose == 0 ? camera_map(camera) :
				  other ? camera_map(other) : memory_new(camera->length);

		read[whose].ns[i / 2] = copy_ns(scratch, memory, camera->length);
		write[whose].ns[i / 2] = copy_ns(memory, scratch, camera->length);
		munmap(memory, camera->length);
	}
	*readp = median(&read[1]) / median(&read[0]);
	*writep = median(&write[1]) / median(&write[0]);
	munmap(scratch, camera->length);
}

static uint64_t map_ns(const struct camera *camera)
{
	uint64_t ns = now_ns();

	munmap(camera_map(camera), camera->length);
	return now_ns() - ns;
}

/* A gntdev mapping of the pages with these references, and its end. */
static uint64_t gntdev_ns(struct ioctl_gntdev_map_grant_ref *map)
{
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
	return now_ns() - ns;
}

/* References of as many pages, granted to ourselves, which are domain `self`. */
static struct ioctl_gntdev_map_grant_ref *plain_grants(const char *self, size_t length)
{
	uint32_t n = length / PAGE;
	struct ioctl_gntalloc_alloc_gref *alloc = calloc(1, sizeof(*alloc) + n * sizeof(uint32_t));
	struct ioctl_gntdev_map_grant_ref *map = calloc(1, sizeof(*map) + n * sizeof(map->refs[0]));
	int fd = open("/dev/xen/gntalloc", O_RDWR | O_CLOEXEC);

	alloc->domid = atoi(self);
	alloc->flags = GNTALLOC_FLAG_WRITABLE;
	alloc->count = n;
	if (fd < 0 || ioctl(fd, IOCTL_GNTALLOC_ALLOC_GREF, alloc) < 0)
		err(EXIT_FAILURE, "gntalloc");
	map->count = n;
	for (uint32_t i = 0; i < n; i++) {
		map->refs[i].domid = alloc->domid;
		map->refs[i].ref = alloc->gref_ids[i];
	}
	return map;
}

/* Streams a camera of this size, which nobody else uses. */
static double frames_per_second(const char *path, const struct size *size)
{
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	struct v4l2_buffer buffer = { .type = type, .memory = V4L2_MEMORY_MMAP };
	struct camera camera;
	uint64_t ns = 0;

	camera_open(&camera, path, size);
	for (buffer.index = 0; buffer.index < 4; buffer.index++)
		if (ioctl(camera.fd, VIDIOC_QBUF, &buffer) < 0)
			err(EXIT_FAILURE, "VIDIOC_QBUF");
	if (ioctl(camera.fd, VIDIOC_STREAMON, &type) < 0)
		err(EXIT_FAILURE, "VIDIOC_STREAMON");
	for (int i = 0; i <= N_FRAMES; i++) {
		if (ioctl(camera.fd, VIDIOC_DQBUF, &buffer) < 0 || ioctl(camera.fd, VIDIOC_QBUF, &buffer) < 0)
			err(EXIT_FAILURE, "VIDIOC_DQBUF");
		if (!ns)
			ns = now_ns();
	}
	ns = now_ns() - ns;
	close(camera.fd);
	return N_FRAMES * 1e9 / ns;
}

static void ratio(const char *name, double value, const char *target)
{
	printf("RATIO %s %.2f %s\n", name, value, target);
}

static void compare_frames(const char *node, const char *native, const struct size *size)
{
	double ours[N_TURNS], theirs[N_TURNS];
	char name[32];

	for (int i = 0; i < N_TURNS; i++) {
		ours[i] = frames_per_second(node, size);
		theirs[i] = frames_per_second(native, size);
	}
	printf("frames a second, %s: %.2f, on the device %.2f\n", size->name, measure_median(ours, N_TURNS),
	       measure_median(theirs, N_TURNS));
	snprintf(name, sizeof(name), "frame-rate-%s", size->name);
	ratio(name, measure_median(ours, N_TURNS) / measure_median(theirs, N_TURNS), ">=0.98");
}

/* Of a buffer. */
static void compare_maps(const struct camera *ours, const struct camera *theirs,
			 struct ioctl_gntdev_map_grant_ref *plain)
{
	struct rounds our_maps, other_maps;

	for (int i = 0; i < N_ROUNDS; i++) {
		our_maps.ns[i] = map_ns(ours);
		other_maps.ns[i] = plain ? gntdev_ns(plain) : map_ns(theirs);
	}
	printf("mmap and munmap of %zu KiB: %.2f ms, %s %.2f ms\n", ours->length / 1024, median(&our_maps) / 1e6,
	       plain ? "by gntdev alone" : "on the device", median(&other_maps) / 1e6);
	if (plain)
		ratio("mmap-munmap", median(&our_maps) / median(&other_maps), "<=2.0");
}

int main(int argc, char **argv)
{
	const char *native = argc > 2 ? argv[2] : NULL;
	const char *self = getenv("PARADICE_SELF");
	struct camera ours, theirs;
	double reads, writes;

	if (argc < 2)
		return 77;
	setvbuf(stdout, NULL, _IOLBF, 0);
	camera_open(&ours, argv[1], &sizes[1]);
	/* Only one may set the buffers up; both may map them. */
	theirs = ours;
	if (native)
		theirs.fd = open(native, O_RDWR | O_CLOEXEC);
	if (theirs.fd < 0)
		err(EXIT_FAILURE, "%s", native);
	bandwidth(&ours, native ? &theirs : NULL, &reads, &writes);
	ratio("mapped-read", reads, ">=0.98");
	ratio("mapped-write", writes, ">=0.98");
	if (native || self)
		compare_maps(&ours, &theirs, native ? NULL : plain_grants(self, ours.length));
	else
		printf("mmap and munmap: not measured here\n");
	close(ours.fd);
	if (!native)
		return 0;
	close(theirs.fd);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		compare_frames(argv[1], native, &sizes[i]);
	return 0;
}

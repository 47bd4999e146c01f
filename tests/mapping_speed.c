// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mapping_speed NODE [NATIVE]: what a mapping of a V4L2 node costs. Prints "RATIO name
 * value target". Bandwidth is a part of that of the device's own mapping of the same buffer:
 * of NATIVE, on one kernel, or in the driver domain, where the command PARADICE_THERE runs
 * what follows it, which is "/share/mapping_speed --turn LENGTH OFFSET". With NATIVE,
 * frames in a time are compared with its. Without, mmap and munmap of a buffer are compared
 * with a plain gntdev mapping of as many pages that are granted to ourselves: in domain
 * PARADICE_SELF. A PVH domain must not map its own grants (gntdev fails there, and leaves
 * memory behind in which programs crash): without PARADICE_SELF that is not measured. Medians.
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

#define PAGE 4096u
#define DEVICE "/dev/video0" /* in the driver domain */
#define N_ROUNDS 31
#define N_IN_TURN 3 /* of which the middle one counts */
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

static void ratio(const char *name, double value, const char *target)
{
	printf("RATIO %s %.2f %s\n", name, value, target);
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
	uint64_t ns = measure_now_ns();

	memcpy(to, from, size);
	return measure_now_ns() - ns;
}

/* What it takes to read and to write all of a buffer that has just been mapped. */
struct turn {
	double read_ns, write_ns;
};

/* Of ordinary memory, without a descriptor. */
static struct turn turn_here(const struct camera *camera)
{
	double reads[N_IN_TURN], writes[N_IN_TURN];
	uint8_t *scratch = memory_new(camera->length);

	for (int i = 0; i < N_IN_TURN; i++) {
		uint8_t *memory = camera->fd < 0 ? memory_new(camera->length) : camera_map(camera);

		reads[i] = copy_ns(scratch, memory, camera->length);
		writes[i] = copy_ns(memory, scratch, camera->length);
		munmap(memory, camera->length);
	}
	munmap(scratch, camera->length);
	return (struct turn){ measure_median(reads, N_IN_TURN), measure_median(writes, N_IN_TURN) };
}

/* --turn, in the driver domain */
static void turn_print(const char *length, const char *offset)
{
	const struct camera camera = {
		.fd = open(DEVICE, O_RDWR | O_CLOEXEC),
		.length = strtoul(length, NULL, 0),
		.offset = strtoul(offset, NULL, 0),
	};
	struct turn turn;

	if (camera.fd < 0)
		err(EXIT_FAILURE, DEVICE);
	turn = turn_here(&camera);
	printf("%.0f %.0f\n", turn.read_ns, turn.write_ns);
}

static struct turn turn_there(const struct camera *camera, const char *there)
{
	char command[256];
	struct turn turn;
	FILE *said;

	snprintf(command, sizeof(command), "%s /share/mapping_speed --turn %zu %#jx", there, camera->length,
		 (uintmax_t)camera->offset);
	said = popen(command, "re");
	if (!said || fscanf(said, "%lf %lf", &turn.read_ns, &turn.write_ns) != 2)
		errx(EXIT_FAILURE, "no answer: %s", command);
	pclose(said);
	return turn;
}

/* How fast our mapping is read and written, and another one: by the device itself, in the
 * driver domain, or where neither is told ordinary memory. In turns, and each with new mappings:
 * what else the machine does is the same for both, and so is chance in where in the processor's
 * caches and tables a mapping falls. */
static void compare_bandwidth(const struct camera *ours, const struct camera *theirs, const char *there)
{
	struct rounds reads[2], writes[2];

	for (int i = 0; i < 2 * N_ROUNDS; i++) {
		int whose = (i + i / 2) % 2; /* each is first in every other round */
		struct turn turn = whose == 0 ? turn_here(ours) :
				   there      ? turn_there(ours, there) :
						turn_here(theirs);

		reads[whose].ns[i / 2] = turn.read_ns;
		writes[whose].ns[i / 2] = turn.write_ns;
	}
	printf("%zu KiB read in %.2f ms, written in %.2f ms; %s in %.2f and %.2f ms\n", ours->length / 1024,
	       median(&reads[0]) / 1e6, median(&writes[0]) / 1e6,
	       there ? "in the driver domain" : theirs->fd < 0 ? "ordinary memory" : "on the device",
	       median(&reads[1]) / 1e6, median(&writes[1]) / 1e6);
	if (theirs->fd < 0 && !there)
		return;
	ratio("mapped-read", median(&reads[1]) / median(&reads[0]), ">=0.98");
	ratio("mapped-write", median(&writes[1]) / median(&writes[0]), ">=0.98");
}

static uint64_t map_ns(const struct camera *camera)
{
	uint64_t ns = measure_now_ns();

	munmap(camera_map(camera), camera->length);
	return measure_now_ns() - ns;
}

/* A gntdev mapping of the pages with these references, and its end. */
static uint64_t gntdev_ns(struct ioctl_gntdev_map_grant_ref *map)
{
	uint64_t ns = measure_now_ns();
	int fd = open("/dev/xen/gntdev", O_RDWR | O_CLOEXEC);
	void *memory;

	if (fd < 0 || ioctl(fd, IOCTL_GNTDEV_MAP_GRANT_REF, map) < 0)
		err(EXIT_FAILURE, "gntdev");
	memory = mmap(NULL, map->count * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, map->index);
	if (memory == MAP_FAILED)
		err(EXIT_FAILURE, "gntdev: mmap");
	munmap(memory, map->count * PAGE);
	close(fd);
	return measure_now_ns() - ns;
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
			ns = measure_now_ns();
	}
	ns = measure_now_ns() - ns;
	close(camera.fd);
	return N_FRAMES * 1e9 / ns;
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
	const char *self = getenv("PARADICE_SELF"), *there = getenv("PARADICE_THERE");
	struct camera ours, theirs;

	if (argc < 2)
		return 77;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 4 && strcmp(argv[1], "--turn") == 0) {
		turn_print(argv[2], argv[3]);
		return 0;
	}
	camera_open(&ours, argv[1], &sizes[1]);
	/* Only one may set the buffers up; both may map them. */
	theirs = ours;
	theirs.fd = native ? open(native, O_RDWR | O_CLOEXEC) : -1;
	if (native && theirs.fd < 0)
		err(EXIT_FAILURE, "%s", native);
	compare_bandwidth(&ours, &theirs, there);
	if (there)
		compare_bandwidth(&ours, &theirs, NULL);
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

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * userptr NODE [NATIVE]: a V4L2 capture node with buffers in the program's own memory
 * (vivid, of one or several planes): what the program is told of them, when they are let
 * go of, and what memory is refused, with NATIVE just as on the device itself.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/videodev2.h>

#include "pinned.h"
#include "suite.h"

#define PAGE 4096u
#define N_BUFFERS 3u
#define N_FRAMES 12u

static const char *path, *native;

static void pause_ms(unsigned int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l };

	nanosleep(&ts, NULL);
}

/* ---- the camera ---- */

struct camera {
	int fd;
	uint32_t type;
	uint32_t n_planes; /* 0: the interface of one plane */
	uint32_t sizes[VIDEO_MAX_PLANES];
	size_t size; /* of a buffer's memory, with all planes */
};

/* How a buffer is told to the driver, or told by it. */
struct told {
	struct v4l2_buffer buffer;
	struct v4l2_plane planes[VIDEO_MAX_PLANES];
};

static void call(const struct camera *camera, unsigned long command, void *argument, const char *what)
{
	ck_assert_msg(ioctl(camera->fd, command, argument) == 0, "%s: %s", what, strerror(errno));
}

static void buffers_request(const struct camera *camera, uint32_t n)
{
	struct v4l2_requestbuffers request = { .count = n, .type = camera->type, .memory = V4L2_MEMORY_USERPTR };

	call(camera, VIDIOC_REQBUFS, &request, "VIDIOC_REQBUFS");
	ck_assert_uint_ge(request.count, n);
}

static void camera_open(struct camera *camera, const char *name)
{
	struct v4l2_capability capability;
	struct v4l2_format format = { 0 };

	*camera = (struct camera){ .fd = open(name, O_RDWR | O_CLOEXEC | O_NONBLOCK) };
	ck_assert_msg(camera->fd >= 0, "%s: %s", name, strerror(errno));
	call(camera, VIDIOC_QUERYCAP, &capability, "VIDIOC_QUERYCAP");
	camera->type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	if (capability.device_caps & V4L2_CAP_VIDEO_CAPTURE_MPLANE)
		camera->type = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
	format.type = camera->type;
	if (V4L2_TYPE_IS_MULTIPLANAR(camera->type)) {
		format.fmt.pix_mp.width = 640;
		format.fmt.pix_mp.height = 360;
		format.fmt.pix_mp.pixelformat = V4L2_PIX_FMT_NV16M;
	} else {
		format.fmt.pix.width = 640;
		format.fmt.pix.height = 360;
		format.fmt.pix.pixelformat = V4L2_PIX_FMT_YUYV;
	}
	call(camera, VIDIOC_S_FMT, &format, "VIDIOC_S_FMT");
	camera->sizes[0] = format.fmt.pix.sizeimage;
	if (V4L2_TYPE_IS_MULTIPLANAR(camera->type)) {
		camera->n_planes = format.fmt.pix_mp.num_planes;
		for (uint32_t i = 0; i < camera->n_planes; i++)
			camera->sizes[i] = format.fmt.pix_mp.plane_fmt[i].sizeimage;
	}
	for (uint32_t i = 0; i < VIDEO_MAX_PLANES; i++)
		camera->size += (camera->sizes[i] + PAGE - 1) & -PAGE;
	buffers_request(camera, N_BUFFERS);
}

/* Memory for a buffer, `shift` bytes off the page. */
static uint8_t *memory_new(const struct camera *camera, uint32_t shift)
{
	uint8_t *memory = mmap(NULL, camera->size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0);

	ck_assert_ptr_ne(memory, MAP_FAILED);
	return memory + shift;
}

static void memory_free(const struct camera *camera, uint8_t *memory)
{
	munmap((void *)((uintptr_t)memory & -(uintptr_t)PAGE), camera->size + PAGE);
}

static void told_init(const struct camera *camera, struct told *told, uint32_t index)
{
	memset(told, 0, sizeof(*told));
	told->buffer.type = camera->type;
	told->buffer.memory = V4L2_MEMORY_USERPTR;
	told->buffer.index = index;
	if (camera->n_planes) {
		told->buffer.m.planes = told->planes;
		told->buffer.length = camera->n_planes;
	}
}

static int queue(const struct camera *camera, uint32_t index, uint8_t *memory)
{
	struct told told;

	told_init(camera, &told, index);
	told.buffer.m.userptr = (uintptr_t)memory;
	told.buffer.length = camera->sizes[0];
	if (camera->n_planes) {
		told.buffer.m.planes = told.planes;
		told.buffer.length = camera->n_planes;
	}
	for (uint32_t i = 0; i < camera->n_planes; i++) {
		told.planes[i].m.userptr = (uintptr_t)memory;
		told.planes[i].length = camera->sizes[i];
		memory += (camera->sizes[i] + PAGE - 1) & -PAGE;
	}
	return ioctl(camera->fd, VIDIOC_QBUF, &told.buffer);
}

/* What the driver says must be the program's own address. */
static void tells(const struct camera *camera, const struct told *told, const uint8_t *memory)
{
	if (!camera->n_planes)
		ck_assert_uint_eq(told->buffer.m.userptr, (uintptr_t)memory);
	for (uint32_t i = 0; i < camera->n_planes; i++) {
		ck_assert_uint_eq(told->planes[i].m.userptr, (uintptr_t)memory);
		memory += memory ? (camera->sizes[i] + PAGE - 1) & -PAGE : 0;
	}
}

static void query(const struct camera *camera, uint32_t index, const uint8_t *memory)
{
	struct told told;

	told_init(camera, &told, index);
	told.buffer.memory = 0;
	call(camera, VIDIOC_QUERYBUF, &told.buffer, "VIDIOC_QUERYBUF");
	tells(camera, &told, memory);
}

static void stream(const struct camera *camera, bool on)
{
	int type = camera->type;

	call(camera, on ? VIDIOC_STREAMON : VIDIOC_STREAMOFF, &type, "VIDIOC_STREAMON or -OFF");
}

/* Waits for a frame. Its buffer's index. */
static uint32_t dequeue(const struct camera *camera, uint8_t *const *memory)
{
	struct pollfd pfd = { .fd = camera->fd, .events = POLLIN };
	struct told told;

	ck_assert_int_eq(poll(&pfd, 1, 20000), 1);
	told_init(camera, &told, 0);
	call(camera, VIDIOC_DQBUF, &told.buffer, "VIDIOC_DQBUF");
	ck_assert_uint_lt(told.buffer.index, N_BUFFERS);
	tells(camera, &told, memory[told.buffer.index]);
	return told.buffer.index;
}

/* A picture has more than one value in it. */
static bool painted(const struct camera *camera, const uint8_t *memory)
{
	for (uint32_t i = 1; i < camera->sizes[0]; i++)
		if (memory[i] != memory[0])
			return true;
	return false;
}

/* ---- tests ---- */

START_TEST(own_addresses)
{
	uint8_t *memory[N_BUFFERS];
	struct camera camera;

	camera_open(&camera, path);
	for (uint32_t i = 0; i < N_BUFFERS; i++) {
		query(&camera, i, NULL);
		memory[i] = memory_new(&camera, camera.n_planes ? 0 : 16 * i);
		ck_assert_int_eq(queue(&camera, i, memory[i]), 0);
		query(&camera, i, memory[i]);
	}
	stream(&camera, true);
	for (uint32_t n = 0; n < N_FRAMES; n++) {
		uint32_t i = dequeue(&camera, memory);

		ck_assert(painted(&camera, memory[i]));
		memset(memory[i], 0, camera.sizes[0]);
		ck_assert_int_eq(queue(&camera, i, memory[i]), 0);
	}
	stream(&camera, false);
	for (uint32_t i = 0; i < N_BUFFERS; i++) {
		query(&camera, i, memory[i]);
		memory_free(&camera, memory[i]);
	}
	close(camera.fd);
}
END_TEST

/* Other memory each time: what was there before is let go of. (A driver goes on with what
 * it had if the new memory has the old one's address.) */
START_TEST(other_memory)
{
	uint8_t *memory[N_BUFFERS], *old;
	struct camera camera;
	long long most = 0;

	camera_open(&camera, path);
	for (uint32_t i = 0; i < N_BUFFERS; i++) {
		memory[i] = memory_new(&camera, 0);
		ck_assert_int_eq(queue(&camera, i, memory[i]), 0);
	}
	most = pinned() - pinned_at_first;
	stream(&camera, true);
	for (uint32_t n = 0; n < N_FRAMES; n++) {
		uint32_t i = dequeue(&camera, memory);

		ck_assert(painted(&camera, memory[i]));
		old = memory[i];
		memory[i] = memory_new(&camera, 0);
		memory_free(&camera, old);
		ck_assert_int_eq(queue(&camera, i, memory[i]), 0);
		query(&camera, i, memory[i]);
	}
	ck_assert_int_le(pinned() - pinned_at_first, most + most / 2);
	stream(&camera, false);
	/* The buffers go, the file stays. */
	buffers_request(&camera, 0);
	pinned_after();
	for (uint32_t i = 0; i < N_BUFFERS; i++)
		memory_free(&camera, memory[i]);
	close(camera.fd);
}
END_TEST

/* What is told of each kind of memory that is not as it should be. */
#define N_BAD 5
static void refusals(const char *name, int *errors)
{
	uint8_t *bad[N_BAD] = { NULL, (uint8_t *)8, (uint8_t *)UINT64_C(0x0eadb00f) }, *good;
	struct camera camera;

	camera_open(&camera, name);
	bad[3] = memory_new(&camera, 0);
	munmap(bad[3] + (camera.size & -PAGE) - PAGE, 2 * PAGE);
	bad[4] = memory_new(&camera, 0);
	munmap(bad[4] + PAGE, PAGE);
	for (int i = 0; i < N_BAD; i++) {
		errno = 0;
		errors[i] = queue(&camera, 0, bad[i]) < 0 ? errno : 0;
	}
	/* Nothing is wrong with the next one. */
	good = memory_new(&camera, 0);
	ck_assert_msg(queue(&camera, 0, good) == 0, "%s: %s", name, strerror(errno));
	memory_free(&camera, good);
	memory_free(&camera, bad[3]);
	memory_free(&camera, bad[4]);
	close(camera.fd);
}

START_TEST(refused_memory)
{
	int ours[N_BAD], theirs[N_BAD] = { EFAULT, EFAULT, EFAULT, EFAULT, EFAULT };

	if (native)
		refusals(native, theirs);
	refusals(path, ours);
	for (int i = 0; i < N_BAD; i++)
		ck_assert_msg(ours[i] == theirs[i], "%d: %s, not %s", i, strerror(ours[i]), strerror(theirs[i]));
}
END_TEST

/* Linux before 6.2 lets the driver write there. */
START_TEST(read_only_memory)
{
	struct camera camera;
	uint8_t *memory;

	camera_open(&camera, path);
	memory = memory_new(&camera, 0);
	mprotect(memory, camera.size + PAGE, PROT_READ);
	ck_assert_int_eq(queue(&camera, 0, memory), -1);
	ck_assert_int_eq(errno, EFAULT);
	memory_free(&camera, memory);
	close(camera.fd);
}
END_TEST

/* The driver goes on with what it has. */
START_TEST(munmap_meanwhile)
{
	uint8_t *memory[N_BUFFERS];
	struct camera camera;

	camera_open(&camera, path);
	for (uint32_t i = 0; i < N_BUFFERS; i++) {
		memory[i] = memory_new(&camera, 0);
		ck_assert_int_eq(queue(&camera, i, memory[i]), 0);
		memory_free(&camera, memory[i]);
	}
	stream(&camera, true);
	for (uint32_t n = 0; n < N_BUFFERS; n++)
		dequeue(&camera, memory);
	close(camera.fd);
}
END_TEST

/* The parent's memory stays the one that is written. */
START_TEST(fork_meanwhile)
{
	uint8_t *memory[N_BUFFERS];
	struct camera camera;
	int status;
	pid_t pid;

	camera_open(&camera, path);
	for (uint32_t i = 0; i < N_BUFFERS; i++) {
		memory[i] = memory_new(&camera, 0);
		memset(memory[i], 7, camera.size);
		ck_assert_int_eq(queue(&camera, i, memory[i]), 0);
	}
	pid = fork();
	if (pid == 0) {
		pause_ms(2000);
		for (uint32_t i = 0; i < N_BUFFERS; i++)
			if (painted(&camera, memory[i]))
				_exit(1);
		_exit(0);
	}
	stream(&camera, true);
	for (uint32_t n = 0; n < N_BUFFERS; n++)
		ck_assert(painted(&camera, memory[dequeue(&camera, memory)]));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	for (uint32_t i = 0; i < N_BUFFERS; i++)
		memory_free(&camera, memory[i]);
	close(camera.fd);
}
END_TEST

START_TEST(kill_meanwhile)
{
	for (int round = 0; round < 4; round++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			uint8_t *memory[N_BUFFERS];
			struct camera camera;

			camera_open(&camera, path);
			for (uint32_t i = 0; i < N_BUFFERS; i++) {
				memory[i] = memory_new(&camera, 0);
				queue(&camera, i, memory[i]);
			}
			stream(&camera, true);
			for (;;) {
				uint32_t i = dequeue(&camera, memory);

				queue(&camera, i, memory[i]);
			}
		}
		pause_ms(50 + 300 * round);
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_int_eq(status, SIGKILL);
	}
}
END_TEST

int main(int argc, char **argv)
{
	TCase *tcase = tcase_create("userptr");

	if (argc < 2)
		return 77;
	path = argv[1];
	native = argc > 2 ? argv[2] : NULL;
	setvbuf(stdout, NULL, _IOLBF, 0);
	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, pinned_before, pinned_after);
	tcase_add_test(tcase, own_addresses);
	tcase_add_test(tcase, other_memory);
	tcase_add_test(tcase, refused_memory);
	tcase_add_test(tcase, read_only_memory);
	tcase_add_test(tcase, munmap_meanwhile);
	tcase_add_test(tcase, fork_meanwhile);
	tcase_add_test(tcase, kill_meanwhile);
	return suite_run("userptr", tcase);
}

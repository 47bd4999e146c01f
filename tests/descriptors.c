// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * descriptors: ioctls that return descriptors and ioctls that take them, on vivid, vgem
 * and virtio-gpu, through a guest's nodes or on the devices themselves: the same cases
 * must pass there. Environment: CAMERA, OUTPUT (V4L2 nodes of one vivid), MEDIA (its
 * media controller), DRI (the directory of the DRM nodes), and for a guest
 * PARADICE_NODES: the descriptors' own nodes, separated by blanks. "descriptors hold"
 * has descriptors and waits.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libdrm/drm.h>
#include <linux/dma-buf.h>
#include <linux/media.h>
#include <linux/sync_file.h>
#include <linux/videodev2.h>

#include "suite.h"

#define N_BUFFERS 3
#define WIDTH 640
#define HEIGHT 480
#define N_MANY 600 /* more than a guest may have open */

struct video {
	int fd;
	uint32_t type;
	uint32_t memory;
	uint32_t n;
	uint32_t length;
};

static void must_ioctl(int fd, unsigned long command, void *argument, const char *name)
{
	ck_assert_msg(ioctl(fd, command, argument) >= 0, "%s: %s", name, strerror(errno));
}

#define must(fd, command, argument) must_ioctl(fd, command, argument, #command)

static int node_open(const char *variable)
{
	const char *path = getenv(variable);
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	ck_assert_msg(fd >= 0, "%s=%s: %s", variable, path ? path : "", strerror(errno));
	return fd;
}

/* The node of this DRM driver; -1 if there is none. */
static int drm_try(const char *driver)
{
	for (int i = 0; i < 8; i++) {
		char path[256], name[16] = "";
		struct drm_version version = { .name = name, .name_len = sizeof(name) - 1 };
		int fd;

		snprintf(path, sizeof(path), "%s/card%d", getenv("DRI"), i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && ioctl(fd, DRM_IOCTL_VERSION, &version) == 0 && strcmp(name, driver) == 0)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

static int drm_open(const char *driver)
{
	int fd = drm_try(driver);

	ck_assert_msg(fd >= 0, "no node of %s", driver);
	return fd;
}

static void video_open(struct video *video, const char *variable, uint32_t type, uint32_t memory)
{
	struct v4l2_format format = { .type = type };
	struct v4l2_requestbuffers request = { .count = N_BUFFERS, .type = type, .memory = memory };

	*video = (struct video){ .fd = node_open(variable), .type = type, .memory = memory };
	format.fmt.pix.width = WIDTH;
	format.fmt.pix.height = HEIGHT;
	format.fmt.pix.pixelformat = V4L2_PIX_FMT_YUYV;
	must(video->fd, VIDIOC_S_FMT, &format);
	ck_assert_uint_eq(format.fmt.pix.pixelformat, V4L2_PIX_FMT_YUYV);
	video->length = format.fmt.pix.sizeimage;
	must(video->fd, VIDIOC_REQBUFS, &request);
	ck_assert_uint_ge(request.count, 2);
	video->n = request.count < N_BUFFERS ? request.count : N_BUFFERS;
}

static int try_export(const struct video *video, uint32_t index, uint32_t flags)
{
	struct v4l2_exportbuffer export = { .type = video->type, .index = index, .flags = flags, .fd = -7 };
	int r = ioctl(video->fd, VIDIOC_EXPBUF, &export);

	return r < 0 ? -errno : export.fd;
}

static int video_export(const struct video *video, uint32_t index)
{
	int fd = try_export(video, index, O_RDWR | O_CLOEXEC);

	ck_assert_msg(fd >= 0, "VIDIOC_EXPBUF: %s", strerror(-fd));
	return fd;
}

static int video_queue(const struct video *video, uint32_t index, int fd)
{
	struct v4l2_buffer buffer = { .type = video->type, .memory = video->memory, .index = index };

	if (video->memory == V4L2_MEMORY_DMABUF)
		buffer.m.fd = fd;
	if (video->type == V4L2_BUF_TYPE_VIDEO_OUTPUT)
		buffer.bytesused = video->length;
	if (ioctl(video->fd, VIDIOC_QBUF, &buffer) < 0)
		return -errno;
	if (video->memory == V4L2_MEMORY_DMABUF)
		ck_assert_int_eq(buffer.m.fd, fd);
	return 0;
}

static struct v4l2_buffer video_dequeue(const struct video *video)
{
	struct v4l2_buffer buffer = { .type = video->type, .memory = video->memory };
	struct pollfd pfd = { .fd = video->fd, .events = POLLIN | POLLOUT };

	ck_assert_int_eq(poll(&pfd, 1, 20000), 1);
	must(video->fd, VIDIOC_DQBUF, &buffer);
	return buffer;
}

static void video_stream(const struct video *video, bool on)
{
	int type = video->type;

	must_ioctl(video->fd, on ? VIDIOC_STREAMON : VIDIOC_STREAMOFF, &type, "stream on or off");
}

static uint8_t *map(int fd, size_t length, int prot, off_t offset)
{
	uint8_t *memory = mmap(NULL, length, prot, MAP_SHARED, fd, offset);

	ck_assert_msg(memory != MAP_FAILED, "mmap: %s", strerror(errno));
	return memory;
}

/* The picture that vivid makes, which stands still, in memory of our own. */
static uint8_t *picture(void)
{
	struct video camera;
	struct v4l2_buffer buffer;
	uint8_t *memory, *copy;

	video_open(&camera, "CAMERA", V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_MEMORY_MMAP);
	for (uint32_t i = 0; i < camera.n; i++)
		ck_assert_int_eq(video_queue(&camera, i, -1), 0);
	video_stream(&camera, true);
	buffer = video_dequeue(&camera);
	memory = map(camera.fd, buffer.length, PROT_READ, buffer.m.offset);
	copy = malloc(camera.length);
	ck_assert_ptr_nonnull(copy);
	memcpy(copy, memory, camera.length);
	munmap(memory, buffer.length);
	close(camera.fd);
	return copy;
}

static void check_picture(int fd, size_t length, const uint8_t *expected)
{
	uint8_t *memory = map(fd, length, PROT_READ, 0);

	ck_assert_int_eq(memcmp(memory, expected, length), 0);
	munmap(memory, length);
}

/* ---- made ---- */

START_TEST(exported_buffer_is_the_buffer)
{
	uint8_t *expected = picture();
	struct v4l2_buffer buffer;
	int fds[N_BUFFERS];
	struct video camera;
	uint8_t *memory;

	video_open(&camera, "CAMERA", V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_MEMORY_MMAP);
	for (uint32_t i = 0; i < camera.n; i++) {
		fds[i] = video_export(&camera, i);
		ck_assert_int_eq(video_queue(&camera, i, -1), 0);
	}
	video_stream(&camera, true);
	for (int i = 0; i < 5; i++) {
		buffer = video_dequeue(&camera);
		check_picture(fds[buffer.index], camera.length, expected);
		ck_assert_int_eq(video_queue(&camera, buffer.index, -1), 0);
	}
	buffer = video_dequeue(&camera);
	memory = map(camera.fd, buffer.length, PROT_READ | PROT_WRITE, buffer.m.offset);
	memory[0] ^= 0xff;
	expected[0] ^= 0xff;
	check_picture(fds[buffer.index], camera.length, expected);
	munmap(memory, buffer.length);
	for (uint32_t i = 0; i < camera.n; i++)
		close(fds[i]);
	close(camera.fd);
	free(expected);
}
END_TEST

START_TEST(flags_of_the_descriptor)
{
	struct video camera;
	int fd;

	video_open(&camera, "CAMERA", V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_MEMORY_MMAP);
	fd = try_export(&camera, 0, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
	close(fd);
	fd = try_export(&camera, 0, O_RDONLY);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	ck_assert_ptr_eq(mmap(NULL, camera.length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	ck_assert_int_eq(errno, EACCES);
	close(fd);
	/* The driver's own refusals. */
	ck_assert_int_eq(try_export(&camera, 77, O_RDWR), -EINVAL);
	ck_assert_int_eq(try_export(&camera, 0, 077777), -EINVAL);
	close(camera.fd);
}
END_TEST

START_TEST(works_as_the_real_one)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };
	struct pollfd pfd = { .events = POLLIN | POLLOUT };
	struct video camera;
	char byte;

	video_open(&camera, "CAMERA", V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_MEMORY_MMAP);
	pfd.fd = video_export(&camera, 0);
	ck_assert_int_ge(lseek(pfd.fd, 0, SEEK_END), camera.length);
	ck_assert_int_eq(lseek(pfd.fd, 0, SEEK_SET), 0);
	ck_assert_int_eq(lseek(pfd.fd, 12, SEEK_SET), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(poll(&pfd, 1, 20000), 1);
	ck_assert_int_eq(pfd.revents, POLLIN | POLLOUT);
	must(pfd.fd, DMA_BUF_IOCTL_SYNC, &sync);
	sync.flags |= DMA_BUF_SYNC_END;
	must(pfd.fd, DMA_BUF_IOCTL_SYNC, &sync);
	sync.flags = 99;
	ck_assert_int_eq(ioctl(pfd.fd, DMA_BUF_IOCTL_SYNC, &sync), -1);
	ck_assert_int_eq(errno, EINVAL);
	must(pfd.fd, DMA_BUF_SET_NAME_B, (void *)"from a guest");
	ck_assert_int_eq(read(pfd.fd, &byte, 1), -1);
	ck_assert_int_eq(errno, EINVAL);
	close(pfd.fd);
	close(camera.fd);
}
END_TEST

static int sync_export(int dmabuf)
{
	struct dma_buf_export_sync_file export = { .flags = DMA_BUF_SYNC_RW, .fd = -7 };

	must(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &export);
	return export.fd;
}

START_TEST(fences)
{
	struct dma_buf_import_sync_file import = { .flags = DMA_BUF_SYNC_WRITE };
	struct sync_merge_data merge = { .name = "merged", .fence = -7 };
	struct sync_fence_info found[4] = { 0 };
	struct sync_file_info info = { 0 };
	struct pollfd pfd = { .events = POLLIN };
	struct video camera;
	int dmabuf, a, b;

	video_open(&camera, "CAMERA", V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_MEMORY_MMAP);
	dmabuf = video_export(&camera, 0);
	a = sync_export(dmabuf);
	b = sync_export(dmabuf);
	merge.fd2 = b;
	must(a, SYNC_IOC_MERGE, &merge);
	ck_assert_int_ge(merge.fence, 0);
	ck_assert_int_eq(merge.fd2, b);
	must(merge.fence, SYNC_IOC_FILE_INFO, &info);
	ck_assert_str_eq(info.name, "merged");
	ck_assert_uint_le(info.num_fences, 4);
	ck_assert_int_eq(info.status, 1);
	info.num_fences = 4;
	info.sync_fence_info = (uintptr_t)found;
	must(merge.fence, SYNC_IOC_FILE_INFO, &info);
	ck_assert_uint_ge(info.num_fences, 1);
	ck_assert_int_eq(found[0].status, 1);
	pfd.fd = merge.fence;
	ck_assert_int_eq(poll(&pfd, 1, 20000), 1);
	import.fd = merge.fence;
	must(dmabuf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &import);
	/* One of another kind. */
	import.fd = dmabuf;
	ck_assert_int_eq(ioctl(dmabuf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &import), -1);
	ck_assert_int_eq(errno, EINVAL);
	close(a);
	close(b);
	close(merge.fence);
	close(dmabuf);
	close(camera.fd);
}
END_TEST

/* ---- taken ---- */

/* The camera fills buffers of another device. */
START_TEST(camera_into_buffers_of_the_output)
{
	uint8_t *expected = picture();
	struct video camera, output;
	int fds[N_BUFFERS], seen = 0;

	video_open(&output, "OUTPUT", V4L2_BUF_TYPE_VIDEO_OUTPUT, V4L2_MEMORY_MMAP);
	video_open(&camera, "CAMERA", V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_MEMORY_DMABUF);
	for (uint32_t i = 0; i < camera.n; i++) {
		fds[i] = video_export(&output, i);
		ck_assert_int_eq(video_queue(&camera, i, fds[i]), 0);
	}
	video_stream(&camera, true);
	for (int i = 0; i < 6; i++) {
		struct v4l2_buffer buffer = video_dequeue(&camera);

		ck_assert_int_eq(buffer.m.fd, fds[buffer.index]);
		check_picture(buffer.m.fd, camera.length, expected);
		seen |= 1 << buffer.index;
		ck_assert_int_eq(video_queue(&camera, buffer.index, fds[buffer.index]), 0);
	}
	ck_assert_int_eq(seen, (1 << camera.n) - 1);
	video_stream(&camera, false);
	for (uint32_t i = 0; i < camera.n; i++)
		close(fds[i]);
	close(camera.fd);
	close(output.fd);
	free(expected);
}
END_TEST

START_TEST(output_of_buffers_of_the_camera)
{
	struct video camera, output;
	int fds[N_BUFFERS];

	video_open(&camera, "CAMERA", V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_MEMORY_MMAP);
	video_open(&output, "OUTPUT", V4L2_BUF_TYPE_VIDEO_OUTPUT, V4L2_MEMORY_DMABUF);
	for (uint32_t i = 0; i < output.n; i++) {
		fds[i] = video_export(&camera, i);
		ck_assert_int_eq(video_queue(&output, i, fds[i]), 0);
		/* The driver has it. */
		if (i == 0)
			close(fds[i]);
	}
	video_stream(&output, true);
	/* The driver keeps the last one, to show it. */
	for (uint32_t i = 0; i + 1 < output.n; i++)
		ck_assert_int_eq(video_dequeue(&output).m.fd, fds[i]);
	video_stream(&output, false);
	for (uint32_t i = 1; i < output.n; i++)
		close(fds[i]);
	close(camera.fd);
	close(output.fd);
}
END_TEST

static uint32_t dumb_make(int drm, uint64_t *sizep)
{
	struct drm_mode_create_dumb create = { .width = WIDTH, .height = HEIGHT, .bpp = 32 };

	must(drm, DRM_IOCTL_MODE_CREATE_DUMB, &create);
	*sizep = create.size;
	return create.handle;
}

static uint8_t *dumb_map(int drm, uint32_t handle, uint64_t size)
{
	struct drm_mode_map_dumb dumb = { .handle = handle };

	must(drm, DRM_IOCTL_MODE_MAP_DUMB, &dumb);
	return map(drm, size, PROT_READ | PROT_WRITE, dumb.offset);
}

static int prime_export(int drm, uint32_t handle)
{
	struct drm_prime_handle prime = { .handle = handle, .flags = DRM_CLOEXEC | DRM_RDWR, .fd = -7 };

	must(drm, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);
	ck_assert_int_ge(prime.fd, 0);
	return prime.fd;
}

static int prime_import(int drm, int fd, uint32_t *handlep)
{
	struct drm_prime_handle prime = { .fd = fd };
	int r = ioctl(drm, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime);

	ck_assert_int_eq(prime.fd, fd);
	*handlep = prime.handle;
	return r < 0 ? -errno : 0;
}

/* A buffer of vgem, filled by the camera. */
START_TEST(prime_to_the_camera)
{
	uint8_t *expected = picture(), *memory;
	uint32_t handles[N_BUFFERS];
	struct v4l2_buffer buffer;
	struct video camera;
	int fds[N_BUFFERS], drm;
	uint64_t size = 0;

	drm = drm_open("vgem");
	video_open(&camera, "CAMERA", V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_MEMORY_DMABUF);
	for (uint32_t i = 0; i < camera.n; i++) {
		handles[i] = dumb_make(drm, &size);
		ck_assert_uint_ge(size, camera.length);
		fds[i] = prime_export(drm, handles[i]);
		ck_assert_int_eq(video_queue(&camera, i, fds[i]), 0);
	}
	video_stream(&camera, true);
	buffer = video_dequeue(&camera);
	memory = dumb_map(drm, handles[buffer.index], size);
	ck_assert_int_eq(memcmp(memory, expected, camera.length), 0);
	munmap(memory, size);
	check_picture(buffer.m.fd, camera.length, expected);
	video_stream(&camera, false);
	for (uint32_t i = 0; i < camera.n; i++)
		close(fds[i]);
	close(camera.fd);
	close(drm);
	free(expected);
}
END_TEST

/* A buffer of the camera becomes one of vgem and goes on from there; virtio-gpu takes
 * its own ones only. */
START_TEST(prime_from_the_camera)
{
	uint8_t *expected = picture();
	uint32_t handle, again;
	struct v4l2_buffer buffer;
	struct video camera;
	int drm, gpu, fd, back;
	uint64_t size = 0;

	drm = drm_open("vgem");
	gpu = drm_open("virtio_gpu");
	video_open(&camera, "CAMERA", V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_MEMORY_MMAP);
	for (uint32_t i = 0; i < camera.n; i++)
		ck_assert_int_eq(video_queue(&camera, i, -1), 0);
	video_stream(&camera, true);
	buffer = video_dequeue(&camera);
	fd = video_export(&camera, buffer.index);
	ck_assert_int_eq(prime_import(drm, fd, &handle), 0);
	back = prime_export(drm, handle);
	ck_assert_int_ne(back, fd);
	check_picture(back, camera.length, expected);
	ck_assert_int_eq(prime_import(drm, back, &again), 0);
	ck_assert_uint_eq(again, handle);
	ck_assert_int_eq(prime_import(gpu, fd, &again), -ENODEV);
	close(back);
	close(fd);

	handle = dumb_make(gpu, &size);
	fd = prime_export(gpu, handle);
	ck_assert_int_eq(prime_import(gpu, fd, &again), 0);
	ck_assert_uint_eq(again, handle);
	close(fd);
	close(camera.fd);
	close(drm);
	close(gpu);
	free(expected);
}
END_TEST

static int errno_of_queue(int fd)
{
	struct video camera;
	int r;

	video_open(&camera, "CAMERA", V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_MEMORY_DMABUF);
	r = video_queue(&camera, 0, fd);
	close(camera.fd);
	return r;
}

static int errno_of_import(int fd)
{
	uint32_t handle;
	int drm = drm_open("vgem"), r;

	r = prime_import(drm, fd, &handle);
	close(drm);
	return r;
}

/* What is no descriptor, or one of something else. */
START_TEST(foreign)
{
	int pair[2], null = open("/dev/null", O_RDWR), drm;

	ck_assert_int_eq(pipe(pair), 0);
	ck_assert_int_eq(errno_of_queue(null), -EINVAL);
	ck_assert_int_eq(errno_of_queue(pair[0]), -EINVAL);
	ck_assert_int_eq(errno_of_queue(-1), -EINVAL);
	ck_assert_int_eq(errno_of_queue(987654), -EINVAL);
	ck_assert_int_eq(errno_of_queue(INT32_MAX), -EINVAL);
	ck_assert_int_eq(errno_of_queue(INT32_MIN), -EINVAL);
	ck_assert_int_eq(errno_of_import(null), -EINVAL);
	ck_assert_int_eq(errno_of_import(pair[1]), -EINVAL);
	ck_assert_int_eq(errno_of_import(-1), -EBADF);
	ck_assert_int_eq(errno_of_import(987654), -EBADF);
	/* A device, whose driver is none of a buffer. */
	drm = drm_open("vgem");
	ck_assert_int_eq(errno_of_import(drm), -EINVAL);
	ck_assert_int_eq(dup2(drm, 500), 500);
	ck_assert_int_eq(errno_of_import(500), -EINVAL);
	close(500);
	ck_assert_int_eq(errno_of_import(500), -EBADF);
	close(drm);
	/* All low numbers, which are others on the other side. */
	for (int fd = 0; fd < 40; fd++)
		ck_assert_int_lt(errno_of_import(fd), 0);
	close(pair[0]);
	close(pair[1]);
	close(null);
}
END_TEST

/* ---- requests ---- */

START_TEST(requests)
{
	struct v4l2_ext_control control = { .id = V4L2_CID_BRIGHTNESS, .value = 77 };
	struct v4l2_ext_controls controls = {
		.which = V4L2_CTRL_WHICH_REQUEST_VAL, .count = 1, .controls = &control
	};
	struct v4l2_buffer buffer = { .memory = V4L2_MEMORY_MMAP, .flags = V4L2_BUF_FLAG_REQUEST_FD };
	struct pollfd pfd = { .events = POLLPRI };
	int media = node_open("MEDIA"), other;
	struct video camera;

	video_open(&camera, "CAMERA", V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_MEMORY_MMAP);
	must(media, MEDIA_IOC_REQUEST_ALLOC, &pfd.fd);
	must(media, MEDIA_IOC_REQUEST_ALLOC, &other);
	ck_assert_int_eq(fcntl(pfd.fd, F_GETFD), FD_CLOEXEC);
	/* Nothing is in it yet. */
	ck_assert_int_eq(ioctl(pfd.fd, MEDIA_REQUEST_IOC_QUEUE), -1);
	ck_assert_int_eq(errno, ENOENT);
	controls.request_fd = pfd.fd;
	must(camera.fd, VIDIOC_S_EXT_CTRLS, &controls);
	ck_assert_int_eq(controls.request_fd, pfd.fd);
	buffer.type = camera.type;
	buffer.request_fd = pfd.fd;
	must(camera.fd, VIDIOC_QBUF, &buffer);
	ck_assert_int_eq(buffer.request_fd, pfd.fd);
	video_stream(&camera, true);
	must(pfd.fd, MEDIA_REQUEST_IOC_QUEUE, NULL);
	ck_assert_int_eq(poll(&pfd, 1, 20000), 1);
	ck_assert_int_eq(pfd.revents, POLLPRI);
	control.value = 0;
	must(camera.fd, VIDIOC_G_EXT_CTRLS, &controls);
	ck_assert_int_eq(control.value, 77);
	must(pfd.fd, MEDIA_REQUEST_IOC_REINIT, NULL);
	/* Of another kind, or of nobody. */
	controls.request_fd = media;
	ck_assert_int_eq(ioctl(camera.fd, VIDIOC_S_EXT_CTRLS, &controls), -1);
	ck_assert_int_eq(errno, EINVAL);
	controls.request_fd = 98765;
	ck_assert_int_eq(ioctl(camera.fd, VIDIOC_S_EXT_CTRLS, &controls), -1);
	ck_assert_int_eq(errno, EINVAL);
	close(other);
	close(pfd.fd);
	close(media);
	control.value = 128;
	controls.which = V4L2_CTRL_WHICH_CUR_VAL;
	must(camera.fd, VIDIOC_S_EXT_CTRLS, &controls);
	close(camera.fd);
}
END_TEST

/* ---- passing on ---- */

static void fd_send(int socket, int fd)
{
	char byte = 0, space[CMSG_SPACE(sizeof(fd))] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	ck_assert_int_eq(sendmsg(socket, &message, 0), 1);
}

static int fd_receive(int socket)
{
	char byte, space[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)
	};
	int fd = -1;

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

/* What another process finds in a buffer of vgem that it got. */
static int other_process(int socket, int inherited, size_t size)
{
	uint8_t *memory;
	uint32_t handle;
	int fd = fd_receive(socket), drm = drm_try("vgem");

	if (fd < 0 || drm < 0)
		return 1;
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED || memory[size - 1] != 99)
		return 2;
	memory[0] = 17;
	munmap(memory, size);
	if (prime_import(drm, fd, &handle) < 0)
		return 3;
	memory = mmap(NULL, size, PROT_READ, MAP_SHARED, inherited, 0);
	if (memory == MAP_FAILED || memory[0] != 17)
		return 4;
	return 0;
}

START_TEST(passed_on)
{
	int drm = drm_open("vgem"), pair[2], fd, status;
	uint8_t *memory;
	uint64_t size = 0;
	pid_t pid;

	fd = prime_export(drm, dumb_make(drm, &size));
	memory = map(fd, size, PROT_READ | PROT_WRITE, 0);
	memory[size - 1] = 99;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	pid = fork();
	if (pid == 0)
		_exit(other_process(pair[1], fd, size));
	fd_send(pair[0], fd);
	close(fd);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(memory[0], 17);
	munmap(memory, size);
	close(pair[0]);
	close(pair[1]);
	close(drm);
}
END_TEST

/* ---- many, and the ends of things ---- */

static void room_for_many(rlim_t n)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = n;
	if (limit.rlim_max < n)
		limit.rlim_max = n;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Closed here is closed there: else the guest's quota would end this. */
START_TEST(again_and_again)
{
	struct video camera;

	video_open(&camera, "CAMERA", V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_MEMORY_MMAP);
	for (int i = 0; i < N_MANY; i++)
		close(video_export(&camera, i % camera.n));
	close(camera.fd);
}
END_TEST

START_TEST(number_has_no_place)
{
	struct v4l2_exportbuffer *export;
	struct video camera;
	void *page;

	video_open(&camera, "CAMERA", V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_MEMORY_MMAP);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(page, MAP_FAILED);
	export = page;
	*export = (struct v4l2_exportbuffer){ .type = camera.type, .flags = O_CLOEXEC };
	ck_assert_int_eq(mprotect(page, 4096, PROT_READ), 0);
	/* On the device itself the descriptor is lost when its number has no place. */
	for (int i = 0; i < (getenv("PARADICE_NODES") ? N_MANY : 1); i++) {
		ck_assert_int_eq(ioctl(camera.fd, VIDIOC_EXPBUF, export), -1);
		ck_assert_int_eq(errno, EFAULT);
	}
	ck_assert_int_eq(mprotect(page, 4096, PROT_READ | PROT_WRITE), 0);
	must(camera.fd, VIDIOC_EXPBUF, export);
	close(export->fd);
	munmap(page, 4096);
	close(camera.fd);
}
END_TEST

/* The program's own limit, and in a guest the guest's. */
START_TEST(limits)
{
	struct video camera;
	int fd = -1, r, n = 0;

	video_open(&camera, "CAMERA", V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_MEMORY_MMAP);
	room_for_many(64);
	while ((r = try_export(&camera, 0, O_CLOEXEC)) >= 0) {
		ck_assert_int_lt(n++, 64);
		fd = r;
	}
	ck_assert_int_eq(r, -EMFILE);
	close(fd);
	fd = try_export(&camera, 0, O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	if (!getenv("PARADICE_NODES"))
		return;
	room_for_many(N_MANY + 100);
	while ((r = try_export(&camera, 0, O_CLOEXEC)) >= 0) {
		ck_assert_int_lt(n++, N_MANY);
		fd = r;
	}
	ck_assert_int_eq(r, -EMFILE);
	close(fd);
	/* The close is told to the host before anything later. */
	fd = try_export(&camera, 0, O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	/* All that is open goes with this process. */
}
END_TEST

static void *exporter(void *argument)
{
	const struct video *camera = argument;
	int drm = drm_try("vgem");
	intptr_t bad = drm < 0;

	for (int i = 0; i < 100 && !bad; i++) {
		struct drm_prime_handle prime = { .fd = try_export(camera, i % camera->n, O_CLOEXEC) };
		struct drm_gem_close close_handle = { 0 };

		bad = prime.fd < 0 || ioctl(drm, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime) < 0;
		close_handle.handle = prime.handle;
		bad = bad || ioctl(drm, DRM_IOCTL_GEM_CLOSE, &close_handle) < 0 || close(prime.fd) < 0;
	}
	close(drm);
	return (void *)bad;
}

START_TEST(threads)
{
	pthread_t running[4];
	struct video camera;
	void *bad;

	video_open(&camera, "CAMERA", V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_MEMORY_MMAP);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&running[i], NULL, exporter, &camera), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(running[i], &bad);
		ck_assert_ptr_null(bad);
	}
	close(camera.fd);
}
END_TEST

/* Nobody but guestd opens what descriptors are made of. */
START_TEST(node_is_closed)
{
	char *nodes = getenv("PARADICE_NODES"), *copy = nodes ? strdup(nodes) : NULL;

	for (char *node = copy ? strtok(copy, " ") : NULL; node; node = strtok(NULL, " ")) {
		ck_assert_int_eq(open(node, O_RDWR), -1);
		ck_assert_int_eq(errno, ENXIO);
	}
	free(copy);
}
END_TEST

/* Holds a descriptor of each kind, for tests of what dies; says so, and goes on until
 * the camera's node fails. */
START_TEST(hold)
{
	struct video camera;
	struct pollfd pfd = { .events = POLLPRI };
	int request;

	video_open(&camera, "CAMERA", V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_MEMORY_MMAP);
	pfd.fd = video_export(&camera, 0);
	must(node_open("MEDIA"), MEDIA_IOC_REQUEST_ALLOC, &request);
	sync_export(pfd.fd);
	puts("held");
	do
		poll(&pfd, 1, 200);
	while (!(pfd.revents & (POLLERR | POLLHUP)));
}
END_TEST

int main(int argc, char **argv)
{
	TCase *tcase = tcase_create("descriptors");

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && strcmp(argv[1], "hold") == 0) {
		setenv("CK_FORK", "no", 1);
		tcase_add_test(tcase, hold);
		return suite_run("descriptors", tcase);
	}
	tcase_set_timeout(tcase, 180);
	tcase_add_test(tcase, exported_buffer_is_the_buffer);
	tcase_add_test(tcase, flags_of_the_descriptor);
	tcase_add_test(tcase, works_as_the_real_one);
	tcase_add_test(tcase, fences);
	tcase_add_test(tcase, camera_into_buffers_of_the_output);
	tcase_add_test(tcase, output_of_buffers_of_the_camera);
	tcase_add_test(tcase, prime_to_the_camera);
	tcase_add_test(tcase, prime_from_the_camera);
	tcase_add_test(tcase, foreign);
	tcase_add_test(tcase, requests);
	tcase_add_test(tcase, passed_on);
	tcase_add_test(tcase, again_and_again);
	tcase_add_test(tcase, number_has_no_place);
	tcase_add_test(tcase, limits);
	tcase_add_test(tcase, threads);
	tcase_add_test(tcase, node_is_closed);
	return suite_run("descriptors", tcase);
}

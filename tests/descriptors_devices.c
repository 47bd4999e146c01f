// SPDX-License-Identifier: GPL-2.0-or-later
/* The devices of the tests of descriptors; see descriptors.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <libdrm/drm.h>
#include <linux/dma-buf.h>
#include <linux/videodev2.h>

#include "descriptors.h"

void must_ioctl(int fd, unsigned long command, void *argument, const char *name)
{
	ck_assert_msg(ioctl(fd, command, argument) >= 0, "%s: %s", name, strerror(errno));
}

int node_open(const char *variable)
{
	const char *path = getenv(variable);
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	ck_assert_msg(fd >= 0, "%s=%s: %s", variable, path ? path : "", strerror(errno));
	return fd;
}

int drm_try(const char *driver)
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

int drm_open(const char *driver)
{
	int fd = drm_try(driver);

	ck_assert_msg(fd >= 0, "no node of %s", driver);
	return fd;
}

void video_open(struct video *video, const char *variable, uint32_t type, uint32_t memory)
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

int try_export(const struct video *video, uint32_t index, uint32_t flags)
{
	struct v4l2_exportbuffer export = { .type = video->type, .index = index, .flags = flags, .fd = -7 };
	int r = ioctl(video->fd, VIDIOC_EXPBUF, &export);

	return r < 0 ? -errno : export.fd;
}

int video_export(const struct video *video, uint32_t index)
{
	int fd = try_export(video, index, O_RDWR | O_CLOEXEC);

	ck_assert_msg(fd >= 0, "VIDIOC_EXPBUF: %s", strerror(-fd));
	return fd;
}

int video_queue(const struct video *video, uint32_t index, int fd)
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

struct v4l2_buffer video_dequeue(const struct video *video)
{
	struct v4l2_buffer buffer = { .type = video->type, .memory = video->memory };
	struct pollfd pfd = { .fd = video->fd, .events = POLLIN | POLLOUT };

	ck_assert_int_eq(poll(&pfd, 1, 20000), 1);
	must(video->fd, VIDIOC_DQBUF, &buffer);
	return buffer;
}

void video_stream(const struct video *video, bool on)
{
	int type = video->type;

	must_ioctl(video->fd, on ? VIDIOC_STREAMON : VIDIOC_STREAMOFF, &type, "stream on or off");
}

uint8_t *map(int fd, size_t length, int prot, off_t offset)
{
	uint8_t *memory = mmap(NULL, length, prot, MAP_SHARED, fd, offset);

	ck_assert_msg(memory != MAP_FAILED, "mmap: %s", strerror(errno));
	return memory;
}

bool combined_refused(int fd, size_t length)
{
	if (!getenv("PARADICE_PV"))
		return false;
	ck_assert_ptr_eq(mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0), MAP_FAILED);
	ck_assert_int_eq(errno, EOPNOTSUPP);
	return true;
}

uint8_t *picture(void)
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

void check_picture(int fd, size_t length, const uint8_t *expected)
{
	uint8_t *memory = map(fd, length, PROT_READ, 0);

	ck_assert_int_eq(memcmp(memory, expected, length), 0);
	munmap(memory, length);
}

int sync_export(int dmabuf)
{
	struct dma_buf_export_sync_file export = { .flags = DMA_BUF_SYNC_RW, .fd = -7 };

	must(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &export);
	return export.fd;
}

uint32_t dumb_make(int drm, uint64_t *sizep)
{
	struct drm_mode_create_dumb create = { .width = WIDTH, .height = HEIGHT, .bpp = 32 };

	must(drm, DRM_IOCTL_MODE_CREATE_DUMB, &create);
	*sizep = create.size;
	return create.handle;
}

uint8_t *dumb_map(int drm, uint32_t handle, uint64_t size)
{
	struct drm_mode_map_dumb dumb = { .handle = handle };

	must(drm, DRM_IOCTL_MODE_MAP_DUMB, &dumb);
	return map(drm, size, PROT_READ | PROT_WRITE, dumb.offset);
}

int prime_export(int drm, uint32_t handle)
{
	struct drm_prime_handle prime = { .handle = handle, .flags = DRM_CLOEXEC | DRM_RDWR, .fd = -7 };

	must(drm, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);
	ck_assert_int_ge(prime.fd, 0);
	return prime.fd;
}

int prime_import(int drm, int fd, uint32_t *handlep)
{
	struct drm_prime_handle prime = { .fd = fd };
	int r = ioctl(drm, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime);

	ck_assert_int_eq(prime.fd, fd);
	*handlep = prime.handle;
	return r < 0 ? -errno : 0;
}

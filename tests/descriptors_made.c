// SPDX-License-Identifier: GPL-2.0-or-later
/* Descriptors that drivers make. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <linux/videodev2.h>

#include "descriptors.h"

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

void descriptors_made_add(TCase *tcase)
{
	tcase_add_test(tcase, exported_buffer_is_the_buffer);
	tcase_add_test(tcase, flags_of_the_descriptor);
	tcase_add_test(tcase, works_as_the_real_one);
	tcase_add_test(tcase, fences);
}

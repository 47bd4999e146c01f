// SPDX-License-Identifier: GPL-2.0-or-later
/* Descriptors that drivers take. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/videodev2.h>

#include "descriptors.h"

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

/* What was prepared is queued whatever number the program says then, and told by its own. */
START_TEST(a_prepared_buffer_is_told_by_its_number)
{
	struct v4l2_buffer buffer = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_DMABUF,
	};
	struct video camera, output;
	int fd;

	video_open(&output, "OUTPUT", V4L2_BUF_TYPE_VIDEO_OUTPUT, V4L2_MEMORY_MMAP);
	video_open(&camera, "CAMERA", V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_MEMORY_DMABUF);
	fd = video_export(&output, 0);
	buffer.m.fd = fd;
	must(camera.fd, VIDIOC_PREPARE_BUF, &buffer);
	ck_assert_int_eq(buffer.m.fd, fd);
	buffer.m.fd = -559038737;
	must(camera.fd, VIDIOC_QBUF, &buffer);
	ck_assert_int_eq(buffer.m.fd, fd);
	must(camera.fd, VIDIOC_QUERYBUF, &buffer);
	ck_assert_int_eq(buffer.m.fd, fd);
	close(fd);
	close(camera.fd);
	close(output.fd);
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
	if (!combined_refused(buffer.m.fd, camera.length)) {
		memory = dumb_map(drm, handles[buffer.index], size);
		ck_assert_int_eq(memcmp(memory, expected, camera.length), 0);
		munmap(memory, size);
		check_picture(buffer.m.fd, camera.length, expected);
	}
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

void descriptors_taken_add(TCase *tcase)
{
	tcase_add_test(tcase, camera_into_buffers_of_the_output);
	tcase_add_test(tcase, a_prepared_buffer_is_told_by_its_number);
	tcase_add_test(tcase, output_of_buffers_of_the_camera);
	tcase_add_test(tcase, prime_to_the_camera);
	tcase_add_test(tcase, prime_from_the_camera);
	tcase_add_test(tcase, foreign);
}

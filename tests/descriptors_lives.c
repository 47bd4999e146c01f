// SPDX-License-Identifier: GPL-2.0-or-later
/* How long descriptors live: requests, passing on, many, limits. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libdrm/drm.h>
#include <linux/media.h>
#include <linux/videodev2.h>

#include "descriptors.h"

#define N_MANY 600 /* more than a guest may have open */

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
	if (combined_refused(fd, size))
		return;
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

void descriptors_lives_add(TCase *tcase)
{
	tcase_add_test(tcase, requests);
	tcase_add_test(tcase, passed_on);
	tcase_add_test(tcase, again_and_again);
	tcase_add_test(tcase, number_has_no_place);
	tcase_add_test(tcase, limits);
	tcase_add_test(tcase, threads);
	tcase_add_test(tcase, node_is_closed);
}

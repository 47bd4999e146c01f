// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mapping NODE [NATIVE]: mmap through a guest's node of a V4L2 capture device with
 * deterministic pictures (vivid), compared with the device itself where that is in
 * the same kernel. Environment: PARADICE_PLAIN (a node without mmap), PARADICE_PV
 * (set in a PV domain, where a mapping is in one piece and not inherited), PARADICE_CYCLES
 * (how often a program is killed that has mapped; 5), PARADICE_LIMIT (bytes that one may
 * have mapped).
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/videodev2.h>

#include "suite.h"

#define N_BUFFERS 4
#define WIDTH 640
#define HEIGHT 480
#define PAGE 4096u

static const char *node, *native;

struct camera {
	int fd;
	uint32_t n;
	struct v4l2_buffer buffers[N_BUFFERS];
	uint8_t *memory[N_BUFFERS];
};

static void must_ioctl(int fd, unsigned long command, void *argument, const char *name)
{
	ck_assert_msg(ioctl(fd, command, argument) >= 0, "%s: %s", name, strerror(errno));
}

#define must(fd, command, argument) must_ioctl(fd, command, argument, #command)

static void buffers_ask(struct camera *camera)
{
	struct v4l2_requestbuffers request = {
		.count = N_BUFFERS,
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_MMAP,
	};

	must(camera->fd, VIDIOC_REQBUFS, &request);
	camera->n = request.count < N_BUFFERS ? request.count : N_BUFFERS;
	for (uint32_t i = 0; i < camera->n; i++) {
		camera->buffers[i] = (struct v4l2_buffer){
			.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
			.memory = V4L2_MEMORY_MMAP,
			.index = i,
		};
		must(camera->fd, VIDIOC_QUERYBUF, &camera->buffers[i]);
	}
}

static void camera_open(struct camera *camera, const char *path)
{
	struct v4l2_format format = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.fmt.pix = { .width = WIDTH, .height = HEIGHT, .pixelformat = V4L2_PIX_FMT_YUYV },
	};

	memset(camera, 0, sizeof(*camera));
	camera->fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_msg(camera->fd >= 0, "%s: %s", path, strerror(errno));
	must(camera->fd, VIDIOC_S_FMT, &format);
	ck_assert_uint_eq(format.fmt.pix.width, WIDTH);
	buffers_ask(camera);
}

static void camera_map(struct camera *camera, int prot)
{
	for (uint32_t i = 0; i < camera->n; i++) {
		camera->memory[i] = mmap(NULL, camera->buffers[i].length, prot, MAP_SHARED, camera->fd,
					 camera->buffers[i].m.offset);
		ck_assert_msg(camera->memory[i] != MAP_FAILED, "buffer %u: mmap: %s", i, strerror(errno));
	}
}

static void camera_close(struct camera *camera)
{
	for (uint32_t i = 0; i < camera->n; i++)
		if (camera->memory[i])
			munmap(camera->memory[i], camera->buffers[i].length);
	if (camera->fd >= 0)
		close(camera->fd);
}

/* Queues all buffers and waits for the first picture; its buffer. */
static uint32_t camera_shoot(struct camera *camera)
{
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	struct v4l2_buffer buffer = { .type = type, .memory = V4L2_MEMORY_MMAP };

	for (uint32_t i = 0; i < camera->n; i++) {
		buffer.index = i;
		must(camera->fd, VIDIOC_QBUF, &buffer);
	}
	must(camera->fd, VIDIOC_STREAMON, &type);
	must(camera->fd, VIDIOC_DQBUF, &buffer);
	must(camera->fd, VIDIOC_STREAMOFF, &type);
	ck_assert_uint_lt(buffer.index, camera->n);
	return buffer.index;
}

static bool blank(const uint8_t *memory, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (memory[i])
			return false;
	return true;
}

/* ---- faults ---- */

static sigjmp_buf on_fault;
static volatile sig_atomic_t fault_signal;

static void fault(int number)
{
	fault_signal = number;
	siglongjmp(on_fault, 1);
}

/* The signal that touching a byte gives; 0: none. */
static int touch(volatile uint8_t *at, bool write)
{
	struct sigaction action = { .sa_handler = fault, .sa_flags = SA_NODEFER }, segv, bus;
	uint8_t value;

	fault_signal = 0;
	sigaction(SIGSEGV, &action, &segv);
	sigaction(SIGBUS, &action, &bus);
	if (sigsetjmp(on_fault, 1) == 0) {
		value = *at;
		if (write)
			*at = value;
	}
	sigaction(SIGSEGV, &segv, NULL);
	sigaction(SIGBUS, &bus, NULL);
	return fault_signal;
}

/* ---- tests ---- */

START_TEST(same_picture_as_native)
{
	struct camera ours, theirs;
	uint32_t at, other;

	if (!native)
		return;
	camera_open(&theirs, native);
	camera_map(&theirs, PROT_READ);
	other = camera_shoot(&theirs);
	ck_assert(!blank(theirs.memory[other], theirs.buffers[other].length));
	uint8_t *picture = malloc(theirs.buffers[other].length);
	memcpy(picture, theirs.memory[other], theirs.buffers[other].length);
	camera_close(&theirs);
	camera_open(&ours, node);
	camera_map(&ours, PROT_READ | PROT_WRITE);
	at = camera_shoot(&ours);
	ck_assert_mem_eq(ours.memory[at], picture, ours.buffers[at].length);
	camera_close(&ours);
	free(picture);
}
END_TEST

/* A second mapping of the same buffer shows what was written through the first:
 * both are the driver's memory, and no copy. */
START_TEST(coherent)
{
	struct camera camera;
	size_t n_wrong = 0;
	uint8_t *again;

	camera_open(&camera, node);
	camera_map(&camera, PROT_READ | PROT_WRITE);
	again = mmap(NULL, camera.buffers[1].length, PROT_READ, MAP_SHARED, camera.fd,
		     camera.buffers[1].m.offset);
	ck_assert_msg(again != MAP_FAILED, "mmap: %s", strerror(errno));
	for (size_t i = 0; i < camera.buffers[1].length; i++)
		camera.memory[1][i] = i * 7 + i / PAGE;
	for (size_t i = 0; i < camera.buffers[1].length; i++)
		n_wrong += again[i] != (uint8_t)(i * 7 + i / PAGE);
	ck_assert_uint_eq(n_wrong, 0);
	/* The driver overwrites it with a picture. */
	uint32_t at = camera_shoot(&camera);
	ck_assert_uint_ne(camera.memory[at][PAGE + 1], 0x5a);
	munmap(again, camera.buffers[1].length);
	camera_close(&camera);
}
END_TEST

START_TEST(outlives_close)
{
	struct camera camera;
	uint32_t at;

	camera_open(&camera, node);
	camera_map(&camera, PROT_READ | PROT_WRITE);
	at = camera_shoot(&camera);
	uint8_t *copy = malloc(camera.buffers[at].length);
	memcpy(copy, camera.memory[at], camera.buffers[at].length);
	ck_assert(!blank(copy, camera.buffers[at].length));
	close(camera.fd);
	camera.fd = -1;
	ck_assert_mem_eq(copy, camera.memory[at], camera.buffers[at].length);
	camera.memory[at][0] ^= 0xff;
	ck_assert_uint_eq(camera.memory[at][0], copy[0] ^ 0xff);
	camera_close(&camera);
	free(copy);
}
END_TEST

START_TEST(inherited)
{
	struct camera camera;
	int status;
	pid_t pid;

	if (getenv("PARADICE_PV"))
		return;
	camera_open(&camera, node);
	camera_map(&camera, PROT_READ | PROT_WRITE);
	camera.memory[0][5] = 1;
	pid = fork();
	if (pid == 0) {
		if (camera.memory[0][5] != 1)
			_exit(1);
		camera.memory[0][5] = 2;
		munmap(camera.memory[1], camera.buffers[1].length);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(camera.memory[0][5], 2);
	ck_assert_int_eq(touch(camera.memory[1], true), 0);
	camera_close(&camera);
}
END_TEST

START_TEST(in_pieces)
{
	struct camera camera;
	uint8_t *moved;

	if (getenv("PARADICE_PV"))
		return;
	camera_open(&camera, node);
	camera_map(&camera, PROT_READ | PROT_WRITE);
	camera.memory[0][0] = 3;
	camera.memory[0][4 * PAGE] = 4;
	ck_assert_int_eq(munmap(camera.memory[0] + PAGE, 2 * PAGE), 0);
	ck_assert_int_eq(touch(camera.memory[0] + PAGE, false), SIGSEGV);
	ck_assert_uint_eq(camera.memory[0][0], 3);
	ck_assert_uint_eq(camera.memory[0][4 * PAGE], 4);
	moved = mremap(camera.memory[0] + 4 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		       camera.memory[0] + PAGE);
	ck_assert_msg(moved != MAP_FAILED, "mremap: %s", strerror(errno));
	ck_assert_uint_eq(moved[0], 4);
	ck_assert_int_eq(touch(camera.memory[0] + 4 * PAGE, false), SIGSEGV);
	camera_close(&camera);
}
END_TEST

START_TEST(part_of_a_buffer)
{
	struct camera camera;
	uint8_t *part;

	camera_open(&camera, node);
	camera_map(&camera, PROT_READ | PROT_WRITE);
	part = mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED, camera.fd, camera.buffers[0].m.offset);
	ck_assert_msg(part != MAP_FAILED, "mmap of three pages: %s", strerror(errno));
	camera.memory[0][2 * PAGE + 9] = 0x77;
	ck_assert_uint_eq(part[2 * PAGE + 9], 0x77);
	munmap(part, 3 * PAGE);
	camera_close(&camera);
}
END_TEST

START_TEST(read_only)
{
	struct camera camera;

	camera_open(&camera, node);
	camera_map(&camera, PROT_READ);
	ck_assert_int_eq(touch(camera.memory[0], false), 0);
	ck_assert_int_eq(touch(camera.memory[0], true), SIGSEGV);
	if (!getenv("PARADICE_PV")) {
		ck_assert_int_eq(mprotect(camera.memory[0], PAGE, PROT_READ | PROT_WRITE), 0);
		ck_assert_int_eq(touch(camera.memory[0], true), 0);
	}
	camera_close(&camera);
}
END_TEST

/* As the device itself: vb2 asks for MAP_SHARED, a known offset and no more than
 * the buffer. */
START_TEST(refusals)
{
	struct camera camera;
	int plain;

	camera_open(&camera, node);
	ck_assert_ptr_eq(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, camera.fd, 0), MAP_FAILED);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_ptr_eq(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, camera.fd, 0), MAP_FAILED);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_ptr_eq(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, camera.fd, 0x7ff0000), MAP_FAILED);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_ptr_eq(mmap(NULL, camera.buffers[0].length + 64 * PAGE, PROT_READ, MAP_SHARED, camera.fd,
			      camera.buffers[0].m.offset), MAP_FAILED);
	ck_assert_int_eq(errno, EINVAL);
	camera_close(&camera);
	plain = open(getenv("PARADICE_PLAIN"), O_RDWR);
	ck_assert_msg(plain >= 0, "%s: %s", getenv("PARADICE_PLAIN"), strerror(errno));
	ck_assert_ptr_eq(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, plain, 0), MAP_FAILED);
	ck_assert_int_eq(errno, ENODEV);
	close(plain);
}
END_TEST

START_TEST(again_and_again)
{
	struct camera camera;

	camera_open(&camera, node);
	for (int i = 0; i < 50; i++) {
		camera_map(&camera, PROT_READ | PROT_WRITE);
		camera.memory[i % camera.n][i] = i;
		ck_assert_uint_eq(camera.memory[i % camera.n][i], i);
		for (uint32_t k = 0; k < camera.n; k++)
			ck_assert_int_eq(munmap(camera.memory[k], camera.buffers[k].length), 0);
	}
	memset(camera.memory, 0, sizeof(camera.memory));
	camera_close(&camera);
}
END_TEST

/* The driver must see a mapping end: with one left it keeps its buffers. */
START_TEST(driver_sees_the_end)
{
	struct v4l2_requestbuffers none = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_MMAP,
	};
	int n_cycles = getenv("PARADICE_CYCLES") ? atoi(getenv("PARADICE_CYCLES")) : 5;
	struct camera camera;
	int status;
	pid_t pid;

	for (int i = 0; i < n_cycles; i++) {
		pid = fork();
		if (pid == 0) {
			camera_open(&camera, node);
			camera_map(&camera, PROT_READ | PROT_WRITE);
			kill(getpid(), SIGKILL);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFSIGNALED(status));
		camera_open(&camera, node);
		must(camera.fd, VIDIOC_REQBUFS, &none);
		camera_close(&camera);
	}
}
END_TEST

/* The program's memory is locked while it maps; another of its threads needs it for
 * an ioctl at the same time. */
static void *asker(void *argument)
{
	const struct camera *camera = argument;
	struct v4l2_capability capability;

	for (int i = 0; i < 200; i++)
		if (ioctl(camera->fd, VIDIOC_QUERYCAP, &capability) < 0)
			return (void *)1;
	return NULL;
}

START_TEST(beside_ioctls)
{
	struct camera camera;
	pthread_t thread;
	void *result;

	camera_open(&camera, node);
	ck_assert_int_eq(pthread_create(&thread, NULL, asker, &camera), 0);
	for (int i = 0; i < 30; i++) {
		camera_map(&camera, PROT_READ);
		for (uint32_t k = 0; k < camera.n; k++)
			munmap(camera.memory[k], camera.buffers[k].length);
	}
	pthread_join(thread, &result);
	ck_assert_ptr_null(result);
	memset(camera.memory, 0, sizeof(camera.memory));
	camera_close(&camera);
}
END_TEST

/* Between domains there is a limit (64 MiB by default); what is let go of counts no
 * more. */
START_TEST(limit)
{
	uint8_t *memory[400];
	struct camera camera;
	int n = 0;

	if (!getenv("PARADICE_LIMIT"))
		return;
	camera_open(&camera, node);
	for (; n < 400; n++) {
		memory[n] = mmap(NULL, camera.buffers[0].length, PROT_READ, MAP_SHARED, camera.fd,
				 camera.buffers[0].m.offset);
		if (memory[n] == MAP_FAILED)
			break;
	}
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_int_eq(n, atoi(getenv("PARADICE_LIMIT")) / (int)camera.buffers[0].length);
	for (int i = 0; i < n; i++)
		munmap(memory[i], camera.buffers[0].length);
	/* The host hears of the end soon, but not at once. */
	for (int i = 0; i < 200; i++) {
		memory[0] = mmap(NULL, camera.buffers[0].length, PROT_READ, MAP_SHARED, camera.fd,
				 camera.buffers[0].m.offset);
		if (memory[0] != MAP_FAILED)
			break;
		usleep(50000);
	}
	ck_assert(memory[0] != MAP_FAILED);
	munmap(memory[0], camera.buffers[0].length);
	camera_close(&camera);
}
END_TEST

/* A token that the program made up is an ioctl that the driver does not know. */
START_TEST(made_up_token)
{
	int fd = open(node, O_RDWR);

	for (unsigned long token = 0; token < 20; token++) {
		ck_assert_int_eq(ioctl(fd, _IO(0xf9, 0x50), token), -1);
		ck_assert_int_eq(errno, ENOTTY);
		ck_assert_int_eq(ioctl(fd, _IO(0xf9, 0x50), token << 56 | 0x123456789), -1);
		ck_assert_int_eq(errno, ENOTTY);
	}
	close(fd);
}
END_TEST

int main(int argc, char **argv)
{
	TCase *tcase = tcase_create("mapping");

	if (argc < 2)
		return 77;
	setvbuf(stdout, NULL, _IOLBF, 0);
	node = argv[1];
	native = argc > 2 ? argv[2] : NULL;
	tcase_set_timeout(tcase, getenv("PARADICE_CYCLES") ? 0 : 120);
	tcase_add_test(tcase, same_picture_as_native);
	tcase_add_test(tcase, coherent);
	tcase_add_test(tcase, outlives_close);
	tcase_add_test(tcase, inherited);
	tcase_add_test(tcase, in_pieces);
	tcase_add_test(tcase, part_of_a_buffer);
	tcase_add_test(tcase, read_only);
	tcase_add_test(tcase, refusals);
	tcase_add_test(tcase, again_and_again);
	tcase_add_test(tcase, driver_sees_the_end);
	tcase_add_test(tcase, beside_ioctls);
	tcase_add_test(tcase, limit);
	tcase_add_test(tcase, made_up_token);
	return suite_run("mapping", tcase);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dumb_buffer CARD: DRM dumb buffers through a node: their mappings come at the
 * driver's made-up offsets, are filled in page by page when touched, and have no page
 * that the memory management knows (VM_PFNMAP). Prints "N passed, …".
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm.h>
#include <drm_mode.h>

#include "suite.h"

static const char *card;

struct buffer {
	struct drm_mode_create_dumb dumb;
	uint64_t offset;
};

static int card_open(void)
{
	int fd = open(card, O_RDWR | O_CLOEXEC);

	ck_assert_msg(fd >= 0, "%s: %s", card, strerror(errno));
	return fd;
}

static void buffer_make(int fd, struct buffer *buffer)
{
	struct drm_mode_map_dumb map = { 0 };

	*buffer = (struct buffer){ .dumb = { .width = 640, .height = 480, .bpp = 32 } };
	ck_assert_msg(ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &buffer->dumb) == 0, "CREATE_DUMB: %s",
		      strerror(errno));
	map.handle = buffer->dumb.handle;
	ck_assert_msg(ioctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &map) == 0, "MAP_DUMB: %s", strerror(errno));
	buffer->offset = map.offset;
}

static uint32_t *buffer_map(int fd, const struct buffer *buffer, int prot)
{
	uint32_t *memory = mmap(NULL, buffer->dumb.size, prot, MAP_SHARED, fd, buffer->offset);

	ck_assert_msg(memory != MAP_FAILED, "mmap: %s", strerror(errno));
	return memory;
}

START_TEST(coherent)
{
	struct buffer buffers[3];
	uint32_t *drawn[3], *seen[3];
	size_t n_wrong = 0;
	int fd = card_open();

	for (int i = 0; i < 3; i++) {
		buffer_make(fd, &buffers[i]);
		drawn[i] = buffer_map(fd, &buffers[i], PROT_READ | PROT_WRITE);
		seen[i] = buffer_map(fd, &buffers[i], PROT_READ);
	}
	for (int i = 0; i < 3; i++)
		for (size_t k = 0; k < buffers[i].dumb.size / 4; k++)
			drawn[i][k] = k * 2654435761u + i;
	for (int i = 0; i < 3; i++)
		for (size_t k = 0; k < buffers[i].dumb.size / 4; k++)
			n_wrong += seen[i][k] != (uint32_t)(k * 2654435761u + i);
	ck_assert_uint_eq(n_wrong, 0); /* once: each assertion writes to a pipe */
	for (int i = 0; i < 3; i++) {
		munmap(drawn[i], buffers[i].dumb.size);
		munmap(seen[i], buffers[i].dumb.size);
	}
	close(fd);
}
END_TEST

/* A mapping keeps what it shows when the handle and the file are gone. */
START_TEST(outlives)
{
	struct drm_mode_destroy_dumb destroy = { 0 };
	struct buffer buffer;
	uint32_t *memory;
	int fd = card_open();

	buffer_make(fd, &buffer);
	memory = buffer_map(fd, &buffer, PROT_READ | PROT_WRITE);
	memory[77] = 77;
	destroy.handle = buffer.dumb.handle;
	ck_assert_int_eq(ioctl(fd, DRM_IOCTL_MODE_DESTROY_DUMB, &destroy), 0);
	close(fd);
	ck_assert_uint_eq(memory[77], 77);
	memory[78] = 78;
	ck_assert_uint_eq(memory[78], 78);
	munmap(memory, buffer.dumb.size);
}
END_TEST

/* Offsets that were never given out, and another file's. */
START_TEST(not_ours)
{
	int fd = card_open(), other = card_open();
	struct buffer buffer;

	buffer_make(fd, &buffer);
	ck_assert_ptr_eq(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, buffer.offset + (UINT64_C(1) << 40)),
			 MAP_FAILED);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_ptr_eq(mmap(NULL, 4096, PROT_READ, MAP_SHARED, other, buffer.offset), MAP_FAILED);
	ck_assert_int_eq(errno, EACCES);
	close(other);
	close(fd);
}
END_TEST

int main(int argc, char **argv)
{
	TCase *tcase = tcase_create("dumb_buffer");

	if (argc < 2)
		return 77;
	card = argv[1];
	setvbuf(stdout, NULL, _IOLBF, 0);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, coherent);
	tcase_add_test(tcase, outlives);
	tcase_add_test(tcase, not_ours);
	return suite_run("dumb_buffer", tcase);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dumb_picture CARD FILE: draws a picture into a mapped dumb buffer of a DRM device and
 * shows it. The picture is written to FILE (PPM); it stays on the screen until a line of
 * standard input.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <drm.h>
#include <drm_mode.h>

#include "screen.h"

int main(int argc, char **argv)
{
	struct drm_mode_create_dumb dumb = { .width = SCREEN_WIDTH, .height = SCREEN_HEIGHT, .bpp = 32 };
	struct drm_mode_map_dumb map = { 0 };
	struct screen screen;
	uint32_t *memory;

	if (argc != 3)
		return 77;
	screen_open(&screen, argv[1]);
	if (ioctl(screen.fd, DRM_IOCTL_MODE_CREATE_DUMB, &dumb) < 0)
		screen_fail("DRM_IOCTL_MODE_CREATE_DUMB");
	map.handle = dumb.handle;
	if (ioctl(screen.fd, DRM_IOCTL_MODE_MAP_DUMB, &map) < 0)
		screen_fail("DRM_IOCTL_MODE_MAP_DUMB");
	memory = mmap(NULL, dumb.size, PROT_READ | PROT_WRITE, MAP_SHARED, screen.fd, map.offset);
	if (memory == MAP_FAILED)
		screen_fail("mmap");
	/* Neighbours differ much, so that nothing can be in a wrong place unseen. */
	for (uint32_t y = 0; y < SCREEN_HEIGHT; y++)
		for (uint32_t x = 0; x < SCREEN_WIDTH; x++)
			memory[y * dumb.pitch / 4 + x] = (y * SCREEN_WIDTH + x) * 2654435761u >> 8;
	screen_write(argv[2], memory, dumb.pitch);
	screen_show(&screen, dumb.handle, dumb.pitch);
	screen_hold();
	return EXIT_SUCCESS;
}

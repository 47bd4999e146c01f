// SPDX-License-Identifier: GPL-2.0-or-later
/* A DRM device's screen; see screen.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <drm.h>
#include <drm_mode.h>

#include "screen.h"

#define N_MOST 64

void screen_fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static void must_ioctl(const struct screen *screen, unsigned long command, void *argument, const char *name)
{
	if (ioctl(screen->fd, command, argument) < 0)
		screen_fail(name);
}

#define must(screen, command, argument) must_ioctl(screen, command, argument, #command)

static int mode_find(struct screen *screen, uint32_t id)
{
	struct drm_mode_modeinfo modes[N_MOST];
	struct drm_mode_get_connector connector = {
		.connector_id = id,
	};

	/* The first call looks for what is connected, and counts. */
	must(screen, DRM_IOCTL_MODE_GETCONNECTOR, &connector);
	if (connector.connection != 1 || connector.count_modes > N_MOST)
		return -1;
	connector.count_props = connector.count_encoders = 0;
	connector.modes_ptr = (uintptr_t)modes;
	must(screen, DRM_IOCTL_MODE_GETCONNECTOR, &connector);
	for (uint32_t i = 0; i < connector.count_modes; i++) {
		if (modes[i].hdisplay == SCREEN_WIDTH && modes[i].vdisplay == SCREEN_HEIGHT) {
			screen->connector = id;
			screen->mode = modes[i];
			return 0;
		}
	}
	return -1;
}

void screen_open(struct screen *screen, const char *card)
{
	uint32_t connectors[N_MOST], crtcs[N_MOST];
	struct drm_mode_card_res resources = {
		.count_connectors = N_MOST,
		.connector_id_ptr = (uintptr_t)connectors,
		.count_crtcs = N_MOST,
		.crtc_id_ptr = (uintptr_t)crtcs,
	};

	*screen = (struct screen){ .fd = open(card, O_RDWR | O_CLOEXEC) };
	if (screen->fd < 0)
		screen_fail(card);
	must(screen, DRM_IOCTL_MODE_GETRESOURCES, &resources);
	errno = ENODEV;
	if (!resources.count_crtcs || resources.count_crtcs > N_MOST || resources.count_connectors > N_MOST)
		screen_fail(card);
	screen->crtc = crtcs[0];
	for (uint32_t i = 0; i < resources.count_connectors; i++)
		if (mode_find(screen, connectors[i]) == 0)
			return;
	errno = ENODEV;
	screen_fail("a connected screen");
}

static void mode_set(struct screen *screen, uint32_t fb)
{
	struct drm_mode_crtc crtc = {
		.crtc_id = screen->crtc,
		.fb_id = fb,
		.set_connectors_ptr = (uintptr_t)&screen->connector,
		.count_connectors = 1,
		.mode = screen->mode,
		.mode_valid = 1,
	};

	must(screen, DRM_IOCTL_MODE_SETCRTC, &crtc);
}

static void flip(struct screen *screen, uint32_t fb)
{
	struct drm_mode_crtc_page_flip page_flip = {
		.crtc_id = screen->crtc,
		.fb_id = fb,
		.flags = DRM_MODE_PAGE_FLIP_EVENT,
		.user_data = fb,
	};
	struct pollfd pfd = { .fd = screen->fd, .events = POLLIN };
	struct drm_event_vblank event;

	must(screen, DRM_IOCTL_MODE_PAGE_FLIP, &page_flip);
	if (poll(&pfd, 1, -1) != 1 || read(screen->fd, &event, sizeof(event)) != sizeof(event))
		screen_fail("the event of a page flip");
	errno = EPROTO;
	if (event.base.type != DRM_EVENT_FLIP_COMPLETE || event.user_data != fb)
		screen_fail("the event of a page flip");
}

void screen_show(struct screen *screen, uint32_t handle, uint32_t stride)
{
	struct drm_mode_fb_cmd fb = {
		.width = SCREEN_WIDTH,
		.height = SCREEN_HEIGHT,
		.pitch = stride,
		.bpp = 32,
		.depth = 24,
		.handle = handle,
	};

	must(screen, DRM_IOCTL_MODE_ADDFB, &fb);
	if (!screen->fb) {
		mode_set(screen, fb.fb_id);
	} else {
		flip(screen, fb.fb_id);
		must(screen, DRM_IOCTL_MODE_RMFB, &screen->fb);
	}
	screen->fb = fb.fb_id;
}

void screen_write(const char *path, const void *pixels, size_t stride)
{
	FILE *file = fopen(path, "we");

	if (!file)
		screen_fail(path);
	fprintf(file, "P6\n%d %d\n255\n", SCREEN_WIDTH, SCREEN_HEIGHT);
	for (int y = 0; y < SCREEN_HEIGHT; y++) {
		const uint32_t *row = (const uint32_t *)((const uint8_t *)pixels + y * stride);

		for (int x = 0; x < SCREEN_WIDTH; x++) {
			uint8_t rgb[3] = { row[x] >> 16, row[x] >> 8, row[x] };

			fwrite(rgb, sizeof(rgb), 1, file);
		}
	}
	if (fclose(file) != 0)
		screen_fail(path);
}

void screen_hold(void)
{
	char byte;

	while (read(0, &byte, 1) == 1 && byte != '\n')
		;
}

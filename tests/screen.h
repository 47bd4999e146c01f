/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A DRM device's screen, for test programs that show a picture. Failures end the
 * program, with what failed and why. */
#ifndef PARADICE_TESTS_SCREEN_H
#define PARADICE_TESTS_SCREEN_H

#include <stddef.h>
#include <stdint.h>

struct screen {
	int fd;
	uint32_t connector;
	uint32_t crtc;
	struct drm_mode_modeinfo mode;
	uint32_t fb; /* shown now; 0: nothing */
};

#define SCREEN_WIDTH 640
#define SCREEN_HEIGHT 480

/* Ends the program. */
void screen_fail(const char *what) __attribute__((noreturn));

/* Opens the device and finds a connected screen of SCREEN_WIDTH × SCREEN_HEIGHT. */
void screen_open(struct screen *screen, const char *card);

/* Shows this buffer object of XRGB8888: sets the mode the first time; then by a page
 * flip, and waits for its event. */
void screen_show(struct screen *screen, uint32_t handle, uint32_t stride);

/* Writes a picture as PPM. `pixels` is XRGB8888, rows of `stride` bytes. */
void screen_write(const char *path, const void *pixels, size_t stride);

/* Waits for a line of standard input: who sees this process read knows that all is shown. */
void screen_hold(void);

#endif

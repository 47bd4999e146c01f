/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of descriptors have in common: the devices, and how they are used. All
 * fail the test when the device does, unless they say what they return then. */
#ifndef PARADICE_TESTS_DESCRIPTORS_H
#define PARADICE_TESTS_DESCRIPTORS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "suite.h"

#define N_BUFFERS 3
#define WIDTH 640
#define HEIGHT 480

struct video {
	int fd;
	uint32_t type;
	uint32_t memory;
	uint32_t n;
	uint32_t length;
};

void must_ioctl(int fd, unsigned long command, void *argument, const char *name);
#define must(fd, command, argument) must_ioctl(fd, command, argument, #command)

/* Opens the node that an environment variable names. */
int node_open(const char *variable);
/* The node of this DRM driver; drm_try(): -1 if there is none. */
int drm_try(const char *driver);
int drm_open(const char *driver);

/* A V4L2 node with N_BUFFERS buffers of a WIDTH × HEIGHT picture. */
void video_open(struct video *video, const char *variable, uint32_t type, uint32_t memory);
/* The descriptor of a buffer; try_export(): or negative errno. */
int video_export(const struct video *video, uint32_t index);
int try_export(const struct video *video, uint32_t index, uint32_t flags);
/* 0 or negative errno. */
int video_queue(const struct video *video, uint32_t index, int fd);
struct v4l2_buffer video_dequeue(const struct video *video);
void video_stream(const struct video *video, bool on);

uint8_t *map(int fd, size_t length, int prot, off_t offset);
/* True in a PV guest, after a look that it is told so: it has no write-combined mappings of
 * what is granted to it, and such is vgem's memory. */
bool combined_refused(int fd, size_t length);
/* The picture that vivid makes, which stands still, in memory of the caller's. */
uint8_t *picture(void);
void check_picture(int fd, size_t length, const uint8_t *expected);

/* A sync-file of a buffer. */
int sync_export(int dmabuf);

/* A DRM device's buffer of a picture's size and its handle; its memory. */
uint32_t dumb_make(int drm, uint64_t *sizep);
uint8_t *dumb_map(int drm, uint32_t handle, uint64_t size);
int prime_export(int drm, uint32_t handle);
/* 0 or negative errno. */
int prime_import(int drm, int fd, uint32_t *handlep);

/* The cases of the other files. */
void descriptors_made_add(TCase *tcase);
void descriptors_taken_add(TCase *tcase);
void descriptors_lives_add(TCase *tcase);
void descriptors_atomic_add(TCase *tcase);

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * descriptors: ioctls that return descriptors and ioctls that take them, on vivid, vgem
 * and virtio-gpu, through a guest's nodes or on the devices themselves: the same cases
 * must pass there. Environment: CAMERA, OUTPUT (V4L2 nodes of one vivid), MEDIA (its
 * media controller), DRI (the directory of the DRM nodes), and for a guest
 * PARADICE_NODES: the descriptors' own nodes, separated by blanks. "descriptors hold"
 * has descriptors and waits.
 */
#include "config.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/media.h>
#include <linux/videodev2.h>

#include "descriptors.h"

/* Holds a descriptor of each kind, for tests of what dies; says so, and goes on until
 * the camera's node fails. */
START_TEST(hold)
{
	struct video camera;
	struct pollfd pfd = { .events = POLLPRI };
	int request;

	video_open(&camera, "CAMERA", V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_MEMORY_MMAP);
	pfd.fd = video_export(&camera, 0);
	must(node_open("MEDIA"), MEDIA_IOC_REQUEST_ALLOC, &request);
	sync_export(pfd.fd);
	puts("held");
	do
		poll(&pfd, 1, 200);
	while (!(pfd.revents & (POLLERR | POLLHUP)));
}
END_TEST

int main(int argc, char **argv)
{
	TCase *tcase = tcase_create("descriptors");

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && strcmp(argv[1], "hold") == 0) {
		setenv("CK_FORK", "no", 1);
		tcase_add_test(tcase, hold);
		return suite_run("descriptors", tcase);
	}
	tcase_set_timeout(tcase, 180);
	descriptors_made_add(tcase);
	descriptors_taken_add(tcase);
	descriptors_lives_add(tcase);
	descriptors_atomic_add(tcase);
	return suite_run("descriptors", tcase);
}

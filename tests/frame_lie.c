// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Preloaded into paradice-guestd, it makes it a hostile guest's: where the file FRAME_LIE
 * has a number, that is the guest frame which the host is told, whatever the kernel
 * module has reserved.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>

#include "kmod-mmhelper/mmhelper.h"

#define FRAME_LIE "/run/paradice-frame-lie"

int ioctl(int fd, unsigned long command, ...);

int ioctl(int fd, unsigned long command, ...)
{
	int (*next)(int fd, unsigned long command, ...) =
		(int (*)(int fd, unsigned long command, ...))dlsym(RTLD_NEXT, "ioctl");
	struct mmhelper_reserve *reserve;
	unsigned long long frame;
	void *argument;
	va_list list;
	FILE *lie;
	int r;

	va_start(list, command);
	argument = va_arg(list, void *);
	va_end(list);
	r = next(fd, command, argument);
	if (r < 0 || command != MMHELPER_RESERVE)
		return r;
	lie = fopen(FRAME_LIE, "re");
	if (!lie)
		return r;
	reserve = argument;
	if (fscanf(lie, "%lli", (long long *)&frame) == 1)
		reserve->frame = frame;
	fclose(lie);
	return r;
}

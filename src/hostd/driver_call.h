/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System calls into drivers, which a signal interrupts.
 *
 * A driver that a signal wakes returns EINTR, or has the kernel begin the call anew
 * (ERESTARTSYS), which no program sees: a handler with SA_RESTART, a stop and its
 * continuation, a debugger or a frozen machine do not disturb such a call. It is the
 * guest's kernel that has to begin it anew, so the answer must tell the two apart. Here
 * the signal's handler has SA_RESTART itself, and sees the kernel about to make the call
 * again (handle_signal() in linux/arch/x86/kernel/signal.c): it has it return -PROTO_RESTART
 * instead. A call that has not begun yet ends so too.
 */
#ifndef PARADICE_HOSTD_DRIVER_CALL_H
#define PARADICE_HOSTD_DRIVER_CALL_H

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>

/* Has `number` interrupt driver calls, and nothing else. */
void driver_call_prepare(int number);

/* The system call `number` (SYS_…) on `fd`: its result, a negative errno or
 * -PROTO_RESTART. */
long driver_call(long fd, long second, long third, long fourth, long number);

static inline int driver_open(const char *path, int flags)
{
	return driver_call(AT_FDCWD, (long)path, flags, 0, SYS_openat);
}

/* read(2); with `at` pread(2) from `position` on. */
static inline int64_t driver_read(int fd, void *memory, size_t size, bool at, off_t position)
{
	return driver_call(fd, (long)memory, size, position, at ? SYS_pread64 : SYS_read);
}

/* write(2); with `at` pwrite(2) from `position` on. */
static inline int64_t driver_write(int fd, const void *memory, size_t size, bool at, off_t position)
{
	return driver_call(fd, (long)memory, size, position, at ? SYS_pwrite64 : SYS_write);
}

static inline int64_t driver_ioctl(int fd, uint32_t command, void *argument)
{
	return driver_call(fd, command, (long)argument, 0, SYS_ioctl);
}

#endif

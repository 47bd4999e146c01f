/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel of fuzz_guestd.c: its end of the FUSE session, and what programs ask. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "guestd_state.h"
#include "script.h"
#include "proto/layout.h"

/* ---- the kernel ---- */

static uint64_t unique; /* of the kernel's requests; libfuse remembers some */

ssize_t fuzz_kernel_read(int fd, void *buffer, size_t size)
{
	const struct fuse_in_header *in;
	uint32_t length;

	if (!now.n_queue) {
		errno = EAGAIN;
		return -1;
	}
	in = (const void *)now.queue[now.queue_first];
	length = in->len;
	if (length > size)
		abort();
	memcpy(buffer, in, length);
	now.queue_first = (now.queue_first + 1) % MAX_QUEUE;
	now.n_queue--;
	return length;
}

void kernel_queue(uint32_t opcode, uint64_t ino, int file, const void *body, size_t size,
		  const void *more, size_t more_size)
{
	struct fuse_in_header in = {
		.len = sizeof(in) + size + more_size,
		.opcode = opcode,
		.unique = ++unique,
		.nodeid = ino,
		.pid = 1 + unique % 16, /* a crowd, after some */
	};
	uint8_t *place;

	if (now.n_queue == MAX_QUEUE || now.n_requests == MAX_REQUESTS)
		return;
	place = now.queue[(now.queue_first + now.n_queue++) % MAX_QUEUE];
	memcpy(place, &in, sizeof(in));
	memcpy(place + sizeof(in), body, size);
	if (more_size)
		memcpy(place + sizeof(in) + size, more, more_size);
	if (opcode == FUSE_INTERRUPT)
		return;
	now.requests[now.n_requests++] = (struct request){ unique, opcode, file };
	if (file >= 0)
		now.files[file].n_busy++;
}

static void kernel_opened(const struct request *request, const struct fuse_open_out *out)
{
	for (int i = 0; i < MAX_FILES; i++) {
		if (now.files[i].open)
			continue;
		now.files[i] = (struct kernel_file){ .fh = out->fh, .open = true, .ino = 2 };
		return;
	}
	abort(); /* kernel_open() sees to it that there is room */
}

/* A reply of guestd. */
ssize_t fuzz_kernel_writev(int fd, const struct iovec *iov, int n)
{
	const struct fuse_out_header *out = iov[0].iov_base;
	size_t length = 0;
	uint32_t i = 0;

	for (int j = 0; j < n; j++)
		length += iov[j].iov_len;
	if (out->len != length)
		abort();
	if (out->unique == 0) /* a notification: poll */
		return length;
	while (i < now.n_requests && now.requests[i].unique != out->unique)
		i++;
	if (i == now.n_requests) {
		/* An interrupt that came too late is sent back. */
		if (out->error == -EAGAIN && length == sizeof(*out))
			return length;
		abort(); /* answered twice, or not a request */
	}
	if (out->error > 0 || out->error < -4095)
		abort();
	if (now.requests[i].file >= 0)
		now.files[now.requests[i].file].n_busy--;
	if (now.requests[i].opcode == FUSE_POLL && out->error)
		abort(); /* never an errno: the kernel would ask this file no more */
	if (now.requests[i].opcode == FUSE_OPEN && !out->error) {
		if (now.kill) {
			now.kill = false;
			now.requests[i] = now.requests[--now.n_requests];
			errno = ENOENT;
			return -1;
		}
		kernel_opened(&now.requests[i], iov[1].iov_base);
	}
	now.requests[i] = now.requests[--now.n_requests];
	return length;
}

/* ---- programs ---- */

static int file_pick(uint8_t choice)
{
	for (int i = 0; i < MAX_FILES; i++)
		if (now.files[(choice + i) % MAX_FILES].open)
			return (choice + i) % MAX_FILES;
	return -1;
}

static uint32_t size_pick(uint8_t choice)
{
	static const uint32_t sizes[] = { 1, 0, 100, 4096, 16384, 16385, 65537, 1 << 20 };

	return sizes[choice % 8];
}

static void request_open(uint8_t choice)
{
	struct fuse_open_in in = { .flags = choice & 0x80 ? O_RDWR | O_NONBLOCK : O_RDWR };
	uint32_t n = 0;

	for (uint32_t i = 0; i < now.n_requests; i++)
		n += now.requests[i].opcode == FUSE_OPEN;
	for (int i = 0; i < MAX_FILES; i++)
		n += now.files[i].open;
	if (n < MAX_FILES)
		kernel_queue(FUSE_OPEN, 2 + choice % 8, -1, &in, sizeof(in), NULL, 0);
}

static void request_write(int file, uint8_t choice)
{
	static uint8_t data[20000];
	struct fuse_write_in in = { .fh = now.files[file].fh, .size = size_pick(choice % 6) };

	kernel_queue(FUSE_WRITE, 2, file, &in, sizeof(in), data, in.size);
}

static void request_ioctl(int file, uint8_t choice)
{
	struct fuse_ioctl_in in = {
		.fh = now.files[file].fh,
		.flags = FUSE_IOCTL_UNRESTRICTED | (choice >= 0xf0 ? FUSE_IOCTL_COMPAT : 0),
		.cmd = script_command(choice),
		.arg = MEMORY_BASE + input_byte(&now.input) * 255,
	};

	if (choice >= 0xe0)
		in.arg = choice;
	kernel_queue(FUSE_IOCTL, 2, file, &in, sizeof(in), NULL, 0);
}

static void request_poll(int file, uint8_t choice)
{
	struct fuse_poll_in in = {
		.fh = now.files[file].fh,
		.kh = 1000 + file,
		.flags = choice & 1 ? FUSE_POLL_SCHEDULE_NOTIFY : 0,
		.events = choice & 2 ? POLLIN : POLLIN | POLLOUT,
	};

	kernel_queue(FUSE_POLL, 2, file, &in, sizeof(in), NULL, 0);
}

void program_release(int file)
{
	struct fuse_release_in in = { .fh = now.files[file].fh };

	if (now.files[file].n_busy || now.n_queue == MAX_QUEUE || now.n_requests == MAX_REQUESTS)
		return;
	now.files[file].open = false;
	kernel_queue(FUSE_RELEASE, 2, -1, &in, sizeof(in), NULL, 0);
}

static void request_name(uint8_t choice)
{
	struct fuse_read_in list = { .size = choice * 17, .offset = choice % 5 };
	struct fuse_setattr_in set = { .valid = choice };
	struct fuse_getattr_in get = { 0 };

	switch (choice % 4) {
	case 0:
		kernel_queue(FUSE_LOOKUP, 1 + choice / 4 % 4, -1, choice & 0x40 ? "a" : "b0",
			     choice & 0x40 ? 2 : 3, NULL, 0);
		return;
	case 1:
		kernel_queue(FUSE_GETATTR, 1 + choice / 4 % 8, -1, &get, sizeof(get), NULL, 0);
		return;
	case 2:
		kernel_queue(FUSE_READDIR, 1 + choice / 4 % 4, -1, &list, sizeof(list), NULL, 0);
		return;
	default:
		kernel_queue(FUSE_SETATTR, 1 + choice / 4 % 8, -1, &set, sizeof(set), NULL, 0);
	}
}

void program_request(uint8_t what, uint8_t choice)
{
	int file = file_pick(input_byte(&now.input));
	struct fuse_read_in in = { .size = size_pick(choice) };

	if (what % 8 == 0) {
		request_open(choice);
		return;
	}
	if (what % 8 == 6 || file < 0) {
		request_name(choice);
		return;
	}
	switch (what % 8) {
	case 2:
		request_write(file, choice);
		return;
	case 3:
		request_ioctl(file, choice);
		return;
	case 4:
		request_poll(file, choice);
		return;
	case 5:
		program_release(file);
		return;
	default:
		in.fh = now.files[file].fh;
		kernel_queue(FUSE_READ, 2, file, &in, sizeof(in), NULL, 0);
	}
}

void program_interrupt(uint8_t choice)
{
	struct fuse_interrupt_in in = { 0 };

	if (!now.n_requests)
		return;
	in.unique = now.requests[choice % now.n_requests].unique;
	kernel_queue(FUSE_INTERRUPT, 0, -1, &in, sizeof(in), NULL, 0);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of fuzz_guestd.c: what they share. */
#ifndef PARADICE_FUZZ_GUESTD_STATE_H
#define PARADICE_FUZZ_GUESTD_STATE_H

#include <linux/fuse.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "guestd/guest.h"
#include "input.h"

#define MAX_DEPTH 4
#define MAX_OPS 400
#define MAX_QUEUE 64 /* requests that guestd has not read */
#define MAX_REQUESTS 512
#define MAX_FILES 32
#define MAX_OFFERS 64
#define REQUEST_MAX (FUSE_MIN_READ_BUFFER + 20480)
#define MEMORY_BASE UINT64_C(0x7f0000000000) /* where programs have memory */
#define MEMORY_SIZE 65536u

/* A request of the kernel that is not answered yet. */
struct request {
	uint64_t unique;
	uint32_t opcode;
	int file; /* place in now.files, or -1 */
};

/* An open file, as the kernel knows it. */
struct kernel_file {
	uint64_t fh;
	uint64_t ino;
	uint32_t n_busy; /* requests under way */
	bool open;
};

/* A request of guestd that the host has not answered. */
struct asked {
	uint64_t tag;
	uint16_t opcode;
	uint32_t size;
	uint32_t bulk;
	uint64_t address;
	uint32_t length;
};

struct offer {
	uint64_t address;
	uint32_t length;
};

/* Of one input. */
struct fuzz {
	struct input input;
	struct channel *host;
	bool quiet; /* the host does not read by itself, and the ring may fill up */
	bool scripted; /* the script's own messages may have answered what is in `asked` */
	bool broken; /* the host has spoilt its own rings: what it reads means nothing */
	int depth;
	int n_ops;
	_Alignas(8) uint8_t queue[MAX_QUEUE][REQUEST_MAX];
	uint32_t queue_first, n_queue;
	struct request requests[MAX_REQUESTS];
	uint32_t n_requests;
	struct kernel_file files[MAX_FILES];
	struct asked asked[MAX_REQUESTS];
	uint32_t n_asked;
	struct offer offers[MAX_OFFERS];
	uint32_t n_offers;
	uint64_t handle;
	bool kill; /* the program that waits for the next open dies */
};

extern struct fuzz now;

/* A page of a program takes long, perhaps: others lead meanwhile, and stay in the lead. */
void fuzz_blocks(void);

/* ---- guestd_kernel.c: the kernel, and its programs ---- */

/* In place of the FUSE descriptor's system calls. */
ssize_t fuzz_kernel_read(int fd, void *buffer, size_t size);
ssize_t fuzz_kernel_writev(int fd, const struct iovec *iov, int n);

/* A request of the kernel's own, or about place `file` in now.files; -1: none. */
void kernel_queue(uint32_t opcode, uint64_t ino, int file, const void *body, size_t size,
		  const void *more, size_t more_size);

/* A request of some program: `what` it does, the rest is the input's choice. */
void program_request(uint8_t what, uint8_t choice);
/* Some program is interrupted. */
void program_interrupt(uint8_t choice);
/* The last close of a file, unless something uses it. */
void program_release(int file);

#endif

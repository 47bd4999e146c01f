/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A real paradice-guestd with a FUSE mount, a fake host that says what it likes,
 * and programs that use the node "dev": threads of this process.
 */
#ifndef PARADICE_TESTS_GUESTD_RIG_H
#define PARADICE_TESTS_GUESTD_RIG_H

#include <pthread.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "raw.h"

#define HANDLE 0x1234u

struct program {
	pthread_t thread;
	void (*run)(struct program *program);
	int fd;
	long result;
	int error;
	struct winsize size;
	char data[40000];
	size_t n; /* bytes to read or write */
};

extern struct daemon rig_guestd;
extern struct raw host; /* the connection of this test */

/* Unchecked fixture: guestd and the socket that it connects to. */
void rig_setup(void);
void rig_teardown(void);
/* Checked fixture: after each test guestd runs, connects, and works. */
void rig_before(void);
void rig_after(void);

/* Takes guestd's next connection; nothing is said yet. */
void host_accept(void);
/* Announces a device; the end of the announcements. */
void host_device(uint32_t device, uint32_t minor, const char *name, size_t length);
void host_devices_end(void);
/* PROTO_DEVICE_…, and the class, of what is announced from now on. */
extern uint32_t host_device_flags, host_device_class;
/* A connection as it should be, with the device "dev", which is number 1. */
void host_ready(void);

void program_start(struct program *program, void (*run)(struct program *program));
/* Fails the test if the program hangs. */
void program_join(struct program *program);
void program_reads(struct program *program);
void program_writes(struct program *program);
void program_ioctls(struct program *program);
void program_does_open(struct program *program);
/* Opens the node; the host gives it this handle. */
void program_open(struct program *program, uint64_t handle);
/* Starts an operation and waits for its request; the tag. */
uint64_t program_ask(struct program *program, void (*run)(struct program *program), uint16_t opcode);

/* guestd closes the connection and says why. */
void expect_violation(const char *text);

/* The cases of test_guestd_answers.c and test_guestd_on_demand.c. */
TCase *case_answers(void);
TCase *case_on_demand(void);

#endif

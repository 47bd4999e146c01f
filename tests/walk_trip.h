/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A nested ioctl from the caller's memory to a driver and back, through what both
 * daemons use for it: the caller is this process, and the driver a function of the
 * test that copies from and to its argument as the kernel does.
 */
#ifndef PARADICE_TESTS_WALK_TRIP_H
#define PARADICE_TESTS_WALK_TRIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/layout_walk.h"

/* What a driver of a test does with the address that it gets. Returns as ioctl(2)
 * in the kernel does. */
typedef int trip_driver(uint64_t argument);

/* copy_from_user() and copy_to_user(): 0, or -EFAULT. As there, what comes before the
 * byte that is not there is copied. */
int driver_read(void *to, uint64_t from, size_t size);
int driver_write(uint64_t to, const void *from, size_t size);
uint64_t driver_pointer(uint64_t from);

/* The message between the two sides, for tests that change it. */
struct trip_message {
	uint32_t n;
	struct proto_range ranges[PROTO_RANGES_MAX];
	const uint8_t *bytes;
	uint32_t size;
};

extern struct layout_facts trip_facts;
extern uint32_t trip_limit; /* as of walk_limit() */
extern int trip_number; /* the host's for every descriptor that the caller passes; -1: unknown */
extern uint64_t trip_kept; /* the host's address for all memory that a driver keeps; 0: none */

/* The host's walk of the last trip. */
struct walk *trip_walk(void);

/* What a row says, as layout_find() would. */
struct layout_need trip_need(const struct layout *row);

/* The guest's half: 0 or as gather_walk(). */
int trip_gather(const struct layout *row, const void *argument, struct trip_message *message);
/* The host's half: as declared_walk(). */
int trip_declare(const struct layout *row, const void *argument, const struct trip_message *message);
/* The rest, after trip_declare(): the driver, and what it wrote goes to the caller. */
int trip_drive(const struct trip_message *message, trip_driver *driver);
/* All of it. The driver's result, or the error of the half that refused. */
int trip(const struct layout *row, const void *argument, trip_driver *driver);

/* Bytes that came back in the last trip. */
extern uint32_t trip_changed;

/* A page followed by one that is not there; `before_end` bytes of it are left. */
void *page_end(size_t before_end);
/* Takes that page away. */
void page_end_take(void *at);

void trip_setup(void);
void trip_teardown(void);

#endif

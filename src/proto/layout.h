/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ioctl layout table: what memory of the caller a command reads and writes.
 *
 * One file per class of device (layout_input.c, layout_v4l2.c, …). This version
 * knows flat commands: one structure at the argument, without pointers in it.
 * Both daemons look a command up here: guestd to know what to send, hostd to
 * check it, so that no guest can have a driver follow a pointer of its choice.
 * The table is constant; the index over it is built once, at the first look-up.
 *
 * An argument below LAYOUT_POINTER_MIN can be no pointer (Linux maps nothing
 * there, vm.mmap_min_addr), so such calls go as they are, whatever the command:
 * commands that take a number work without a row, and a driver that takes the
 * number for a pointer answers EFAULT just as natively. layout_refused() names
 * the few commands for which even that is wrong.
 *
 * How the sizes are used, for an argument of LAYOUT_POINTER_MIN and above:
 * - in and out both 0: the command takes a number or ignores its argument. The
 *   argument goes to the driver as it is; the driver never uses it as a pointer.
 * - else the driver gets a private image of max(in, out) bytes, filled with the
 *   caller's, and `out` bytes of it go back. The caller's bytes are needed even
 *   where in < out: a driver that fails, or has less to say, writes a part or
 *   nothing, and what it leaves alone must come back as it was.
 * Sizes are those of a 64-bit caller; a 32-bit one must not be served from here
 * (some structures differ although the command's number is the same).
 */
#ifndef PARADICE_LAYOUT_H
#define PARADICE_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#define LAYOUT_POINTER_MIN 65536u
#define LAYOUT_SIZE_MAX 65536u

struct layout {
	uint32_t command; /* with the bits of `mask` */
	uint32_t mask; /* bits that must match: all but the size (EVIOCGNAME(len)) or an index */
	uint32_t in; /* bytes that the driver reads at the argument; if the size is free: its minimum */
	uint32_t out; /* bytes that the driver writes there; if the size is free: 0, see the number */
	const char *name; /* as in the UAPI header */
	/* NULL, or says whether these `in` bytes make the command flat; needs no alignment */
	bool (*flat_if)(const void *in);
};

/* A class's rows. */
struct layout_table {
	const struct layout *rows;
	uint32_t n_rows;
	uint32_t classes; /* devices it holds for: 1 << PROTO_CLASS_… of proto.h */
	const char *header; /* the UAPI header they were read from */
};

/* What a command needs, by the table. Sizes in bytes. */
struct layout_need {
	uint32_t in;
	uint32_t out;
	uint32_t classes;
	const char *name;
	bool (*flat_if)(const void *in);
};

/* Looks `command` up. 0 and *need, or -ENOENT if no row declares it. */
int layout_find(uint32_t command, struct layout_need *need);

/* True if the row holds for devices of this PROTO_CLASS_…. A number means another
 * thing to another driver, perhaps with pointers, so a row that does not hold for
 * the device's class must be treated as if it were not there. */
bool layout_need_class(const struct layout_need *need, uint32_t class);

/* True if the command is flat with the `size` bytes at `in`, which are what its
 * driver will read: some structures hold a pointer in one variant of a union
 * only. hostd asks about its private copy, after the last change to it. False
 * also if `size` is less than need->in. */
bool layout_need_flat(const struct layout_need *need, const void *in, uint32_t size);

/* True for a command that must not be issued on a guest's behalf whatever its
 * argument: it acts on the calling process, on its descriptors or on the file
 * system of the device node, and not on the device. */
bool layout_refused(uint32_t command);

/* All tables, for tests and documents; ends with NULL. */
extern const struct layout_table *const layout_tables[];

#endif

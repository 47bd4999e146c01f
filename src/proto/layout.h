/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ioctl layout table: what memory of the caller a command reads and writes.
 *
 * One file per class of device (layout_input.c, layout_v4l2.c, …). A row is flat,
 * one structure at the argument without pointers in it, or has a struct
 * layout_type that tells what the structure points to; layout_walk.h follows it.
 * Both daemons look a command up here: guestd to know what to send, hostd to
 * check it, so that no guest can have a driver follow a pointer of its choice.
 * The tables are constant; the index over them is built once, at the first look-up.
 *
 * An argument below LAYOUT_POINTER_MIN can be no pointer (Linux maps nothing
 * there, vm.mmap_min_addr), so such calls go as they are, whatever the command:
 * commands that take a number work without a row (at first in a mirror, where a
 * descriptor that one makes or takes does no harm), and a driver that takes the number
 * for a pointer answers EFAULT just as natively. layout_refused() names the few
 * commands for which even that is wrong.
 *
 * How the sizes are used, for an argument of LAYOUT_POINTER_MIN and above:
 * - in and out both 0: the command takes a number or ignores its argument. The
 *   argument goes to the driver as it is; the driver never uses it as a pointer.
 * - else the driver gets a private image of max(in, out) bytes, filled with the
 *   caller's, and `out` bytes of it go back. The caller's bytes are needed even
 *   where in < out: a driver that fails, or has less to say, writes a part or
 *   nothing, and what it leaves alone must come back as it was.
 * Sizes are those of a 64-bit caller; a 32-bit one must not be served from here
 * (some structures differ although the command's number is the same), but for
 * the rows of which layout_row_serves() says so.
 */
#ifndef PARADICE_LAYOUT_H
#define PARADICE_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#define LAYOUT_POINTER_MIN 65536u
#define LAYOUT_SIZE_MAX 65536u

/* What earlier calls on an open file have settled, where a later one's sizes depend
 * on it. Both daemons keep it with the file, zero at first. */
struct layout_facts {
	uint32_t frame_bits; /* ALSA PCM: of a frame, all channels; 0: not set up */
	uint32_t channels;
	/* DRM: the numbers of the device's properties with these names; 0: not asked for. */
	uint32_t in_fence_fd;
	uint32_t out_fence_ptr;
	uint32_t writeback_out_fence_ptr;
};

/* What a driver does with a piece of memory. */
#define LAYOUT_IN 1u /* reads it */
#define LAYOUT_OUT 2u /* writes it, or a part of it */

enum layout_kind {
	LAYOUT_POINTER, /* at `at`: a pointer to what is counted */
	LAYOUT_FOLLOWS, /* what is counted follows the structure, which is at the argument */
	LAYOUT_EMBEDS, /* at `at`: `most` structures of `type`, inside this one */
	LAYOUT_CLAMP, /* the count at `count_at` is cut to what fits a message */
	LAYOUT_OPAQUE, /* at `at`: a pointer that the driver carries and does not follow */
	/* At `at`: an int. IN: a descriptor that the driver takes, unless negative. OUT: one
	 * that it makes, of class `most`. Neither: the number that one had which another
	 * call has passed, as the driver remembers it. */
	LAYOUT_DESCRIPTOR,
	/* At `at`: a pointer to what is counted, which the driver goes on using after the
	 * call, until the object has other memory or is freed: it works in the program's
	 * own pages. Which object it is, the numbers at `group_at` and `index_at` and the
	 * place in an array tell. Without access: the address of what it was given before. */
	LAYOUT_KEPT,
	LAYOUT_FREES, /* the objects of the group at `group_at` are freed, if the call succeeds */
	LAYOUT_UNDECLARED, /* with `when`: a variant of the structure that no part covers */
	LAYOUT_INVALID, /* with `when`: a variant that no driver takes: EINVAL */
};

/* Bits of layout_part.flags. */
#define LAYOUT_STRING 1u /* ends at the first zero byte */
#define LAYOUT_UP_TO 2u /* the driver knows the length: at most so much, less may be there */
#define LAYOUT_SUM 4u /* the count is the sum of the array that this part is `after` */
#define LAYOUT_OF_PARENT 16u /* the count is in the structure that points to this one */
#define LAYOUT_OBJECT_OF_PARENT 32u /* so are group and index */
#define LAYOUT_DONE 64u /* KEPT without access: the driver has done what it should with the memory */
#define LAYOUT_ZERO 128u /* DESCRIPTOR, OUT: the driver finds 0 where it puts the number, not -1 */

struct layout_type;

/* One thing in a structure that is more than bytes. Bytes of a pointer's target:
 * unit × the count, which is the field at `count_at` or, without one, `most`;
 * unless `bits` or `length` is there. */
struct layout_part {
	uint8_t kind; /* enum layout_kind */
	uint8_t access; /* LAYOUT_IN, LAYOUT_OUT or both */
	uint8_t count_size; /* bytes of the count's field: 1, 2, 4 or 8; 0: there is none */
	uint8_t flags;
	uint16_t at; /* offset in the structure */
	uint16_t count_at;
	uint32_t most; /* POINTER, with a count field: above this the driver refuses; 0: no such limit */
	uint32_t unit; /* bytes of one element */
	uint16_t group_at; /* KEPT, FREES: numbers of 32 bits */
	uint16_t index_at;
	const char *name; /* POINTER: the member, for messages */
	const struct layout_type *type; /* what is in an element, or NULL: bytes */
	/* NULL, or says whether this part is there; `structure` needs no alignment */
	bool (*when)(const void *structure);
	/* NULL, or says the same by the number that stands beside: layout_type.beside_at */
	bool (*when_beside)(uint32_t number, const struct layout_facts *facts);
	/* NULL, or tells the bits of one element, instead of `unit` */
	uint32_t (*bits)(const struct layout_facts *facts);
	/* NULL, or computes the bytes where no count tells */
	uint64_t (*length)(const void *structure, const struct layout_facts *facts);
};

/* A structure and its parts. */
struct layout_type {
	uint32_t size; /* bytes */
	uint16_t n_parts;
	uint16_t n_after;
	const struct layout_part *parts;
	/* Looked at once for a whole array of this type, when its bytes are there; they
	 * are parts of the structure that points to the array. */
	const struct layout_part *after;
	/* For when_beside() of the parts: where, in the structure that points to the array of
	 * this type, the pointer to an array of 32-bit numbers is, one for each element;
	 * 0: there is none. */
	uint16_t beside_at;
};

/* Bits of layout.flags. */
#define LAYOUT_ROW_UP_TO 1u /* the argument's size is the most; less may be there */
#define LAYOUT_ROW_STRING 2u /* the argument is a string of at most this size */
/* It makes or takes a descriptor, or settles for others what is one: never on demand.
 * Its structure is the same for a 32-bit program (tests/check_compat.sh). */
#define LAYOUT_ROW_DESCRIPTOR 4u
#define LAYOUT_ROW_PROPERTIES 8u /* it sets properties of DRM: hostd/drm_values.h */
/* After it a poll may begin something anew: none but the program's own may come. */
#define LAYOUT_ROW_UNWATCHED 16u
/* The argument itself is a descriptor that it takes. */
#define LAYOUT_ROW_ARGUMENT 32u

/* The class of a descriptor that does what the device does (a DRM lease). */
#define LAYOUT_CLASS_SAME UINT32_MAX

struct layout {
	uint32_t command; /* with the bits of `mask` */
	uint32_t mask; /* bits that must match: all but the size (EVIOCGNAME(len)) or an index */
	uint32_t in; /* bytes that the driver reads at the argument; if the size is free: its minimum */
	uint32_t out; /* bytes that the driver writes there; if the size is free: 0, see the number */
	const char *name; /* as in the UAPI header */
	/* NULL, or says whether these `in` bytes make the command flat; needs no alignment */
	bool (*flat_if)(const void *in);
	const struct layout_type *type; /* what is in the structure, or NULL: it is flat */
	uint32_t flags; /* LAYOUT_ROW_… */
	/* NULL, or takes note of what a successful call has settled. `structure` is what
	 * the driver left at the argument, max(in, out) bytes without alignment. */
	void (*learn)(struct layout_facts *facts, const void *structure);
};

/* A class's rows. */
struct layout_table {
	const struct layout *rows;
	uint32_t n_rows;
	uint32_t classes; /* devices it holds for: 1 << PROTO_CLASS_… of proto.h */
	const char *header; /* the UAPI header they were read from */
	const char *name; /* of the table: "v4l2" */
};

/* What a command needs, by the table. Sizes in bytes. */
struct layout_need {
	uint32_t in;
	uint32_t out;
	uint32_t classes;
	const char *name;
	bool (*flat_if)(const void *in);
	bool may_carry; /* some part is one of layout_part_carries() */
	const struct layout *row;
};

/* Looks `command` up. 0 and *need, or -ENOENT if no row declares it. */
int layout_find(uint32_t command, struct layout_need *need);

/* True if a part is a descriptor, or tells of memory that drivers keep: what only the
 * declared way carries. */
static inline bool layout_part_carries(const struct layout_part *part)
{
	return part->kind == LAYOUT_DESCRIPTOR || part->kind == LAYOUT_KEPT || part->kind == LAYOUT_FREES;
}

/* Looks a row up by its name in the UAPI header, without "(len)" and the like. 0 with
 * the command and the bits of it that count, or -ENOENT. */
int layout_find_name(const char *name, uint32_t *commandp, uint32_t *maskp);

/* True if the row holds for devices of this PROTO_CLASS_…. A number means another
 * thing to another driver, perhaps with pointers, so a row that does not hold for
 * the device's class must be treated as if it were not there. */
bool layout_need_class(const struct layout_need *need, uint32_t class);

/* True if the command is flat with the `size` bytes at `in`, which are what its
 * driver will read: some structures hold a pointer in one variant of a union
 * only. hostd asks about its private copy, after the last change to it. False
 * also if `size` is less than need->in. */
bool layout_need_flat(const struct layout_need *need, const void *in, uint32_t size);

/* True if the row holds for the caller; `compat`: a 32-bit program. */
static inline bool layout_row_serves(const struct layout *row, bool compat)
{
	return !compat || (row->flags & LAYOUT_ROW_DESCRIPTOR);
}

/* The row that declares a 32-bit program's command for devices of this class, or
 * NULL. Such a command may differ from the 64-bit one in its size. Its structures are
 * not the row's: unless layout_find() has it and layout_row_serves() says so, it can only
 * be served on demand. */
const struct layout *layout_find_compat(uint32_t command, uint32_t class);

/* True for a command that must not be issued on a guest's behalf whatever its
 * argument: it acts on the calling process, on its descriptors or on the file
 * system of the device node, and not on the device. */
bool layout_refused(uint32_t command);

/* All tables, for tests and documents; ends with NULL. */
extern const struct layout_table *const layout_tables[];

#endif

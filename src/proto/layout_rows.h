/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The forms of a row, for the files that hold layout tables only.
 *
 * A row names the command and the type at its argument, as the UAPI header does,
 * so that it can be checked by eye; the compiler compares the type's size with
 * the one in the command's number. The type of a flat row must have no pointer in
 * it, no integer that a driver takes for one, no descriptor and no array that ends
 * elsewhere than the type; what only the driver's source tells is said in a
 * comment, with the source file of Linux 6.1.
 *
 * What else a structure holds is said by its parts, and LAYOUT_TYPE() ties them to
 * the C type; a row of such a type is NESTED. An example, with everything that
 * struct v4l2_edid needs:
 *
 *	static const struct layout_part edid_parts[] = {
 *		POINTER(struct v4l2_edid, edid, blocks, __u8[128], INOUT),
 *	};
 *	LAYOUT_TYPE(edid, struct v4l2_edid, edid_parts);
 *	… NESTED(VIDIOC_G_EDID, struct v4l2_edid, edid),
 */
#ifndef PARADICE_LAYOUT_ROWS_H
#define PARADICE_LAYOUT_ROWS_H

#include <linux/ioctl.h>
#include <stddef.h>

#include "proto/layout.h"
#include "proto/proto.h"

#define LAYOUT_ALL UINT32_MAX
#define LAYOUT_NO_SIZE (~((uint32_t)_IOC_SIZEMASK << _IOC_SIZESHIFT))

/* sizeof(type), if it is the size in the number. */
#define LAYOUT_SIZE(command, type)                                                             \
	(sizeof(type) +                                                                        \
	 0 * sizeof(struct {                                                                   \
		 _Static_assert(_IOC_SIZE(command) == sizeof(type), "size is not the number's"); \
		 char unused;                                                                  \
	 }))

/* sizeof(type), if the number tells no size that could be compared. */
#define LAYOUT_OLD_SIZE(command, type)                                                  \
	(sizeof(type) +                                                                 \
	 0 * sizeof(struct {                                                            \
		 _Static_assert(_IOC_SIZE(command) != sizeof(type), "number has the size"); \
		 char unused;                                                           \
	 }))

#define LAYOUT_READS(command) ((_IOC_DIR(command) & _IOC_WRITE) != 0)
#define LAYOUT_WRITES(command) ((_IOC_DIR(command) & _IOC_READ) != 0)

/* The number tells the truth: direction and size are the driver's. */
#define FLAT(command, type)                                                            \
	{ command, LAYOUT_ALL, LAYOUT_READS(command) * LAYOUT_SIZE(command, type),     \
	  LAYOUT_WRITES(command) * LAYOUT_SIZE(command, type), #command, NULL, NULL, 0, NULL }

/* The same, if the predicate says so. */
#define FLAT_IF(command, type, predicate)                                              \
	{ command, LAYOUT_ALL, LAYOUT_READS(command) * LAYOUT_SIZE(command, type),     \
	  LAYOUT_WRITES(command) * LAYOUT_SIZE(command, type), #command, predicate, NULL, 0, NULL }

/* The same, and what it settles is learnt. */
#define FLAT_LEARN(command, type, learn)                                               \
	{ command, LAYOUT_ALL, LAYOUT_READS(command) * LAYOUT_SIZE(command, type),     \
	  LAYOUT_WRITES(command) * LAYOUT_SIZE(command, type), #command, NULL, NULL, 0, learn }

/* The number's size is right and its direction is not: the driver reads and writes. */
#define FLAT_INOUT(command, type)                                                      \
	{ command, LAYOUT_ALL, LAYOUT_SIZE(command, type), LAYOUT_SIZE(command, type), \
	  #command, NULL, NULL, 0, NULL }
/* The same: the driver only reads. */
#define FLAT_IN(command, type) \
	{ command, LAYOUT_ALL, LAYOUT_SIZE(command, type), 0, #command, NULL, NULL, 0, NULL }

/* Old commands, whose number says nothing or something false of the size. */
#define OLD_IN(command, type) \
	{ command, LAYOUT_ALL, LAYOUT_OLD_SIZE(command, type), 0, #command, NULL, NULL, 0, NULL }
#define OLD_OUT(command, type) \
	{ command, LAYOUT_ALL, 0, LAYOUT_OLD_SIZE(command, type), #command, NULL, NULL, 0, NULL }
#define OLD_INOUT(command, type)                                                               \
	{ command, LAYOUT_ALL, LAYOUT_OLD_SIZE(command, type), LAYOUT_OLD_SIZE(command, type), \
	  #command, NULL, NULL, 0, NULL }

/* The caller chooses the size in the number, `least` bytes or more; drivers write
 * as much of it as they have. command(len) is a macro of the header. */
#define FLAT_LENGTH(command, least) \
	{ command(0), LAYOUT_NO_SIZE, least, 0, #command "(len)", NULL, NULL, 0, NULL }
/* The same where the header's macro has a size, but the driver takes any. */
#define FLAT_ANY_SIZE(command, least) \
	{ (command) & LAYOUT_NO_SIZE, LAYOUT_NO_SIZE, least, 0, #command, NULL, NULL, 0, NULL }

/* command(index) is a macro of the header, index is 0 … max, max + 1 a power of 2. */
#define FLAT_INDEX(command, max, type)                                                        \
	{ command(0), LAYOUT_ALL & ~(uint32_t)(max), LAYOUT_READS(command(0)) *               \
	  LAYOUT_SIZE(command(0), type), LAYOUT_WRITES(command(0)) *                          \
	  LAYOUT_SIZE(command(0), type), #command "(index)", NULL, NULL, 0, NULL }
/* command(index, len). */
#define FLAT_INDEX_LENGTH(command, max, least)                                       \
	{ command(0, 0), LAYOUT_NO_SIZE & ~(uint32_t)(max), least, 0,                \
	  #command "(index, len)", NULL, NULL, 0, NULL }

/* The driver ignores the argument. The row is needed because ioctl(fd, command)
 * passes whatever the register held. */
#define NO_ARGUMENT(command) { command, LAYOUT_ALL, 0, 0, #command, NULL, NULL, 0, NULL }
/* The driver takes the argument as a number, which may be LAYOUT_POINTER_MIN or more. */
#define NUMBER(command) { command, LAYOUT_ALL, 0, 0, #command, NULL, NULL, 0, NULL }
/* The argument is a descriptor of the calling program. */
#define DESCRIPTOR_ARGUMENT(command)                                                     \
	{ command, LAYOUT_ALL, 0, 0, #command, NULL, NULL,                               \
	  LAYOUT_ROW_DESCRIPTOR | LAYOUT_ROW_ARGUMENT, NULL }

/* ---- structures with more in them than bytes ---- */

#define LAYOUT_INOUT (LAYOUT_IN | LAYOUT_OUT)
#define LAYOUT_MEMBER(type, member) ((type *)0)->member

/* The offset of a pointer: a real one, or an integer of 64 bits. */
#define LAYOUT_POINTER_AT(type, member)                                                  \
	(offsetof(type, member) +                                                        \
	 0 * sizeof(struct {                                                             \
		 _Static_assert(sizeof(LAYOUT_MEMBER(type, member)) == 8, "a pointer"); \
		 char unused;                                                            \
	 }))
#define LAYOUT_COUNT(type, member) \
	.count_size = sizeof(LAYOUT_MEMBER(type, member)), .count_at = offsetof(type, member)

/* In `type`, `pointer` points to as many elements as `count` says; access is IN, OUT
 * or INOUT. What follows may set .when, .most, .flags or .length. */
#define POINTER(t, pointer, count, element, how, ...)                                    \
	{ .kind = LAYOUT_POINTER, .name = #pointer, .access = LAYOUT_##how, .at = LAYOUT_POINTER_AT(t, pointer), \
	  LAYOUT_COUNT(t, count), .unit = sizeof(element), __VA_ARGS__ }
/* The same to structures that have a LAYOUT_TYPE. */
#define POINTER_TO(t, pointer, count, element_type, how, ...)                            \
	{ .kind = LAYOUT_POINTER, .name = #pointer, .access = LAYOUT_##how, .at = LAYOUT_POINTER_AT(t, pointer), \
	  LAYOUT_COUNT(t, count), .unit = sizeof(element_type##_c), .type = &element_type##_type, \
	  __VA_ARGS__ }
/* To a fixed number of elements. */
#define POINTER_FIXED(t, pointer, number, element, how, ...)                             \
	{ .kind = LAYOUT_POINTER, .name = #pointer, .access = LAYOUT_##how, .at = LAYOUT_POINTER_AT(t, pointer), \
	  .most = number, .unit = sizeof(element), __VA_ARGS__ }
/* To one structure that has a LAYOUT_TYPE: also to the next of a list. */
#define POINTER_ONE(t, pointer, element_type, how, ...)                                  \
	{ .kind = LAYOUT_POINTER, .name = #pointer, .access = LAYOUT_##how, .at = LAYOUT_POINTER_AT(t, pointer), \
	  .most = 1, .unit = sizeof(element_type##_c), .type = &element_type##_type, __VA_ARGS__ }
/* To at most this number of elements; the driver knows how many there are. */
#define POINTER_UP_TO(t, pointer, number, element, how, ...) \
	POINTER_FIXED(t, pointer, number, element, how, .flags = LAYOUT_UP_TO, __VA_ARGS__)
/* To as many bytes as a function computes. */
#define POINTER_LENGTH(t, pointer, function, how, ...)                                   \
	{ .kind = LAYOUT_POINTER, .name = #pointer, .access = LAYOUT_##how, .at = LAYOUT_POINTER_AT(t, pointer), \
	  .unit = 1, .length = function, __VA_ARGS__ }
/* Elements whose size in bits earlier calls on the file have settled. */
#define POINTER_BITS(t, pointer, count, function, how, ...)                              \
	{ .kind = LAYOUT_POINTER, .name = #pointer, .access = LAYOUT_##how, .at = LAYOUT_POINTER_AT(t, pointer), \
	  LAYOUT_COUNT(t, count), .bits = function, __VA_ARGS__ }
/* In the `after` of an array of 32-bit numbers: to as many elements as they add up to. */
#define POINTER_SUM(t, pointer, element, how, ...)                                       \
	{ .kind = LAYOUT_POINTER, .name = #pointer, .access = LAYOUT_##how, .at = LAYOUT_POINTER_AT(t, pointer), \
	  .unit = sizeof(element), .flags = LAYOUT_SUM, __VA_ARGS__ }
/* The same to structures that have a LAYOUT_TYPE. */
#define POINTER_SUM_TO(t, pointer, element_type, how, ...)                               \
	{ .kind = LAYOUT_POINTER, .name = #pointer, .access = LAYOUT_##how, .at = LAYOUT_POINTER_AT(t, pointer), \
	  .unit = sizeof(element_type##_c), .type = &element_type##_type, .flags = LAYOUT_SUM, __VA_ARGS__ }
/* The same to structures or pointers that have a LAYOUT_TYPE, bytes by a function. */
#define POINTER_LENGTH_TO(t, pointer, function, element_type, how, ...)                  \
	{ .kind = LAYOUT_POINTER, .name = #pointer, .access = LAYOUT_##how, .at = LAYOUT_POINTER_AT(t, pointer), \
	  .unit = 1, .length = function, .type = &element_type##_type, __VA_ARGS__ }
/* `count` elements follow the structure. */
#define FOLLOWS(t, count, element, how, ...)                                             \
	{ .kind = LAYOUT_FOLLOWS, .access = LAYOUT_##how, LAYOUT_COUNT(t, count),        \
	  .unit = sizeof(element), __VA_ARGS__ }
/* A member that is itself a structure with a LAYOUT_TYPE. */
#define EMBEDS(t, member, element_type, ...)                                             \
	{ .kind = LAYOUT_EMBEDS, .at = offsetof(t, member), .most = 1,                   \
	  .unit = sizeof(element_type##_c), .type = &element_type##_type, __VA_ARGS__ }
/* `count` is cut to what a message carries; the driver does less, and says so. */
#define CLAMP(t, count, element) \
	{ .kind = LAYOUT_CLAMP, LAYOUT_COUNT(t, count), .unit = sizeof(element) }
#define CLAMP_BITS(t, count, function) \
	{ .kind = LAYOUT_CLAMP, LAYOUT_COUNT(t, count), .bits = function }
/* A pointer that drivers ignore, or keep for somebody else: they see NULL, and the
 * program sees what it had there. */
#define OPAQUE(t, pointer, ...) \
	{ .kind = LAYOUT_OPAQUE, .at = LAYOUT_POINTER_AT(t, pointer), __VA_ARGS__ }
#define LAYOUT_INT_AT(type, member)                                                      \
	(offsetof(type, member) +                                                        \
	 0 * sizeof(struct {                                                             \
		 _Static_assert(sizeof(LAYOUT_MEMBER(type, member)) == 4, "an int");     \
		 char unused;                                                            \
	 }))
/* A descriptor of the calling program that the driver takes. */
#define DESCRIPTOR_IN(t, member, ...)                                                    \
	{ .kind = LAYOUT_DESCRIPTOR, .access = LAYOUT_IN, .at = LAYOUT_INT_AT(t, member), \
	  __VA_ARGS__ }
/* One that it makes, for things of this class; at most one in a call. */
#define DESCRIPTOR_OUT(t, member, NAME, ...)                                             \
	{ .kind = LAYOUT_DESCRIPTOR, .access = LAYOUT_OUT, .at = LAYOUT_INT_AT(t, member), \
	  .most = PROTO_CLASS_##NAME, __VA_ARGS__ }
/* Takes one, and leaves one that it makes in its place. */
#define DESCRIPTOR_INOUT(t, member, NAME, ...)                                           \
	{ .kind = LAYOUT_DESCRIPTOR, .access = LAYOUT_INOUT, .at = LAYOUT_INT_AT(t, member), \
	  .most = PROTO_CLASS_##NAME, __VA_ARGS__ }
/* The number of one that it was given before. .when is asked about what the driver
 * has left. */
#define DESCRIPTOR_NUMBER(t, member, ...) \
	{ .kind = LAYOUT_DESCRIPTOR, .at = LAYOUT_INT_AT(t, member), __VA_ARGS__ }

/* A pointer to `count` bytes that the driver keeps, for the object with these two
 * numbers; OF_PARENT: which are in the structure that points to this one. */
#define KEPT(t, pointer, count, group, index, how, ...)                                  \
	{ .kind = LAYOUT_KEPT, .name = #pointer, .access = LAYOUT_##how, .at = LAYOUT_POINTER_AT(t, pointer), \
	  LAYOUT_COUNT(t, count), .unit = 1, .group_at = LAYOUT_INT_AT(t, group),        \
	  .index_at = LAYOUT_INT_AT(t, index), __VA_ARGS__ }
#define KEPT_OF_PARENT(t, pointer, count, parent, group, index, how, ...)                \
	{ .kind = LAYOUT_KEPT, .name = #pointer, .access = LAYOUT_##how, .at = LAYOUT_POINTER_AT(t, pointer), \
	  LAYOUT_COUNT(t, count), .unit = 1, .flags = LAYOUT_OBJECT_OF_PARENT,           \
	  .group_at = LAYOUT_INT_AT(parent, group), .index_at = LAYOUT_INT_AT(parent, index), __VA_ARGS__ }
/* The address of what it has kept, as far as it is one; .flags = LAYOUT_DONE: the program
 * has the memory back. */
#define KEPT_ADDRESS(t, member, ...) { .kind = LAYOUT_KEPT, .at = LAYOUT_POINTER_AT(t, member), __VA_ARGS__ }
/* It lets go of all objects of this group. */
#define FREES(t, group) { .kind = LAYOUT_FREES, .group_at = LAYOUT_INT_AT(t, group) }

/* A variant of the structure that these parts do not cover. */
#define UNDECLARED_IF(predicate) { .kind = LAYOUT_UNDECLARED, .when = predicate }
/* A variant that no driver takes: EINVAL. */
#define INVALID_IF(predicate) { .kind = LAYOUT_INVALID, .when = predicate }

#define LAYOUT_PARTS(list) .n_parts = sizeof(list) / sizeof((list)[0]), .parts = list
/* NAME_type: the C type and its parts. */
#define LAYOUT_TYPE(name, type, part_list)                                               \
	typedef type name##_c;                                                           \
	static const struct layout_type name##_type = { .size = sizeof(type),            \
							LAYOUT_PARTS(part_list) }
/* The same for an array that tells how long other things are, see POINTER_SUM. */
#define LAYOUT_TYPE_AFTER(name, type, part_list)                                         \
	typedef type name##_c;                                                           \
	static const struct layout_type name##_type = { .size = sizeof(type),            \
							.n_after = sizeof(part_list) / sizeof((part_list)[0]), \
							.after = part_list }
/* For an array beside which, in `parent`, `pointer` leads to as many numbers: .when_beside. */
#define LAYOUT_TYPE_BESIDE(name, type, parent, pointer, part_list)                       \
	typedef type name##_c;                                                           \
	static const struct layout_type name##_type = { .size = sizeof(type),            \
							LAYOUT_PARTS(part_list),         \
							.beside_at = LAYOUT_POINTER_AT(parent, pointer) }
/* Before LAYOUT_TYPE, where a structure points to one of its own kind. */
#define LAYOUT_TYPE_LIST(name, type)   \
	typedef type name##_c;         \
	static const struct layout_type name##_type

/* Rows, with the same suffixes as above. */
#define NESTED_ROW(command, text, in, out, ctype, name, flags, learn)                     \
	{ command, LAYOUT_ALL, (in) * LAYOUT_SIZE(command, ctype),                        \
	  (out) * LAYOUT_SIZE(command, ctype) +                                           \
		  0 * sizeof(struct {                                                     \
			  _Static_assert(sizeof(ctype) == sizeof(name##_c), "its type"); \
			  char unused;                                                    \
		  }),                                                                     \
	  text, NULL, &name##_type, flags, learn }
#define NESTED(command, ctype, name) \
	NESTED_ROW(command, #command, LAYOUT_READS(command), LAYOUT_WRITES(command), ctype, name, 0, NULL)
#define NESTED_INOUT(command, ctype, name) NESTED_ROW(command, #command, 1, 1, ctype, name, 0, NULL)
#define NESTED_IN(command, ctype, name) NESTED_ROW(command, #command, 1, 0, ctype, name, 0, NULL)
#define NESTED_OLD_IN(command, ctype, name)                                             \
	{ command, LAYOUT_ALL, LAYOUT_OLD_SIZE(command, ctype), 0, #command, NULL,      \
	  &name##_type, 0, NULL }
#define NESTED_OLD_INOUT(command, ctype, name)                                          \
	{ command, LAYOUT_ALL, LAYOUT_OLD_SIZE(command, ctype), LAYOUT_OLD_SIZE(command, ctype), \
	  #command, NULL, &name##_type, 0, NULL }
/* command(n): an array of structures at the argument, its size in the number. */
#define NESTED_ARRAY(command, name) \
	{ command(0), LAYOUT_NO_SIZE, sizeof(name##_c), 0, #command "(n)", NULL, &name##_type, 0, NULL }
/* Memory at the argument whose length the driver knows: at most `bytes`. */
#define UP_TO_IN(command, bytes) \
	{ command, LAYOUT_ALL, bytes, 0, #command, NULL, &layout_type_bytes, LAYOUT_ROW_UP_TO, NULL }
#define UP_TO_OUT(command, bytes) \
	{ command, LAYOUT_ALL, 0, bytes, #command, NULL, &layout_type_bytes, LAYOUT_ROW_UP_TO, NULL }
/* A string of at most `bytes` at the argument. */
#define STRING_IN(command, bytes) \
	{ command, LAYOUT_ALL, bytes, 0, #command, NULL, &layout_type_bytes, LAYOUT_ROW_STRING, NULL }
/* A driver's poll after it may begin something anew. */
#define NESTED_UNWATCHED(command, ctype, name)                                           \
	{ command, LAYOUT_ALL, LAYOUT_SIZE(command, ctype), LAYOUT_SIZE(command, ctype), \
	  #command, NULL, &name##_type, LAYOUT_ROW_UNWATCHED, NULL }
/* It sets DRM properties, whose values must be plain; it is flat otherwise. */
#define PROPERTIES(command, ctype)                                                       \
	{ command, LAYOUT_ALL, LAYOUT_SIZE(command, ctype), LAYOUT_SIZE(command, ctype), \
	  #command, NULL, &layout_type_bytes, LAYOUT_ROW_PROPERTIES, NULL }
/* The command makes or takes descriptors of the calling program. */
#define DESCRIPTOR_ROW(command, text, ctype, name, flags, learn)                         \
	NESTED_ROW(command, text, LAYOUT_READS(command), LAYOUT_WRITES(command), ctype, name, \
		   LAYOUT_ROW_DESCRIPTOR | (flags), learn)
#define DESCRIPTOR(command, ctype, name) DESCRIPTOR_ROW(command, #command, ctype, name, 0, NULL)
/* As values of DRM properties; all others must be plain. */
#define DESCRIPTOR_PROPERTIES(command, ctype, name) \
	DESCRIPTOR_ROW(command, #command, ctype, name, LAYOUT_ROW_PROPERTIES, NULL)
/* What it settles is learnt: which values of later calls are descriptors. */
#define DESCRIPTOR_LEARN(command, ctype, name, learn) \
	DESCRIPTOR_ROW(command, #command, ctype, name, 0, learn)

/* Bytes without parts. */
extern const struct layout_type layout_type_bytes;

#define LAYOUT_CLASS(NAME) (1u << PROTO_CLASS_##NAME)

/* `table` is layout_NAME. */
#define LAYOUT_TABLE(table, header, classes)                                                   \
	const struct layout_table table = { rows, sizeof(rows) / sizeof(rows[0]), classes, header, \
					    &#table[sizeof("layout_") - 1] }

extern const struct layout_table layout_input;
extern const struct layout_table layout_uinput;
extern const struct layout_table layout_hidraw;
extern const struct layout_table layout_rtc;
extern const struct layout_table layout_random;
extern const struct layout_table layout_watchdog;
extern const struct layout_table layout_v4l2;
extern const struct layout_table layout_media;
extern const struct layout_table layout_cec;
extern const struct layout_table layout_dvb;
extern const struct layout_table layout_sound;
extern const struct layout_table layout_sequencer;
extern const struct layout_table layout_tty;
extern const struct layout_table layout_tun;
extern const struct layout_table layout_drm;
extern const struct layout_table layout_virtgpu;
extern const struct layout_table layout_console;
extern const struct layout_table layout_netmap;
extern const struct layout_table layout_fb;
extern const struct layout_table layout_ptp;
extern const struct layout_table layout_spi;
extern const struct layout_table layout_i2c;
extern const struct layout_table layout_gpio;
extern const struct layout_table layout_dma_heap;
extern const struct layout_table layout_descriptor;

#endif

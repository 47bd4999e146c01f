/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The forms of a row, for the files that hold layout tables only.
 *
 * A row names the command and the type at its argument, as the UAPI header does,
 * so that it can be checked by eye; the compiler compares the type's size with
 * the one in the command's number. The type must have no pointer in it, no
 * integer that a driver takes for one, no descriptor and no array that ends
 * elsewhere than the type; what only the driver's source tells is said in a
 * comment, with the source file of Linux 6.1.
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
	  LAYOUT_WRITES(command) * LAYOUT_SIZE(command, type), #command, NULL }

/* The same, if the predicate says so. */
#define FLAT_IF(command, type, predicate)                                              \
	{ command, LAYOUT_ALL, LAYOUT_READS(command) * LAYOUT_SIZE(command, type),     \
	  LAYOUT_WRITES(command) * LAYOUT_SIZE(command, type), #command, predicate }

/* The number's size is right and its direction is not: the driver reads and writes. */
#define FLAT_INOUT(command, type)                                                      \
	{ command, LAYOUT_ALL, LAYOUT_SIZE(command, type), LAYOUT_SIZE(command, type), \
	  #command, NULL }
/* The same: the driver only reads. */
#define FLAT_IN(command, type) \
	{ command, LAYOUT_ALL, LAYOUT_SIZE(command, type), 0, #command, NULL }

/* Old commands, whose number says nothing or something false of the size. */
#define OLD_IN(command, type) \
	{ command, LAYOUT_ALL, LAYOUT_OLD_SIZE(command, type), 0, #command, NULL }
#define OLD_OUT(command, type) \
	{ command, LAYOUT_ALL, 0, LAYOUT_OLD_SIZE(command, type), #command, NULL }
#define OLD_INOUT(command, type)                                                               \
	{ command, LAYOUT_ALL, LAYOUT_OLD_SIZE(command, type), LAYOUT_OLD_SIZE(command, type), \
	  #command, NULL }

/* The caller chooses the size in the number, `least` bytes or more; drivers write
 * as much of it as they have. command(len) is a macro of the header. */
#define FLAT_LENGTH(command, least) \
	{ command(0), LAYOUT_NO_SIZE, least, 0, #command "(len)", NULL }
/* The same where the header's macro has a size, but the driver takes any. */
#define FLAT_ANY_SIZE(command, least) \
	{ (command) & LAYOUT_NO_SIZE, LAYOUT_NO_SIZE, least, 0, #command, NULL }

/* command(index) is a macro of the header, index is 0 … max, max + 1 a power of 2. */
#define FLAT_INDEX(command, max, type)                                                        \
	{ command(0), LAYOUT_ALL & ~(uint32_t)(max), LAYOUT_READS(command(0)) *               \
	  LAYOUT_SIZE(command(0), type), LAYOUT_WRITES(command(0)) *                          \
	  LAYOUT_SIZE(command(0), type), #command "(index)", NULL }
/* command(index, len). */
#define FLAT_INDEX_LENGTH(command, max, least)                                       \
	{ command(0, 0), LAYOUT_NO_SIZE & ~(uint32_t)(max), least, 0,                \
	  #command "(index, len)", NULL }

/* The driver ignores the argument. The row is needed because ioctl(fd, command)
 * passes whatever the register held. */
#define NO_ARGUMENT(command) { command, LAYOUT_ALL, 0, 0, #command, NULL }
/* The driver takes the argument as a number, which may be LAYOUT_POINTER_MIN or more. */
#define NUMBER(command) { command, LAYOUT_ALL, 0, 0, #command, NULL }

#define LAYOUT_CLASS(NAME) (1u << PROTO_CLASS_##NAME)

#define LAYOUT_TABLE(table, header, classes)                                                   \
	const struct layout_table table = { rows, sizeof(rows) / sizeof(rows[0]), classes, header }

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
extern const struct layout_table layout_fb;
extern const struct layout_table layout_ptp;
extern const struct layout_table layout_spi;
extern const struct layout_table layout_i2c;

#endif

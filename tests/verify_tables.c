/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table of terminal rows of a test's own, which the test's paradice-hostd has
 * instead of layout_tty.c: with right rows, or with WRONG_ROWS deliberately wrong
 * ones, each in another way.
 */
#include "config.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <asm/termios.h>
#include <linux/kd.h>

#include "proto/layout_rows.h"

#ifndef WRONG_ROWS
static const struct layout_part unimap_parts[] = {
	POINTER(struct unimapdesc, entries, entry_ct, struct unipair, OUT),
};
LAYOUT_TYPE(unimap, struct unimapdesc, unimap_parts);

static const struct layout rows[] = {
	OLD_OUT(TCGETS, struct termios),
	OLD_IN(TIOCSWINSZ, struct winsize),
	OLD_OUT(TIOCINQ, int),
	OLD_OUT(TIOCGETD, int),
	NO_ARGUMENT(TIOCNXCL),
	NESTED_OLD_INOUT(GIO_UNIMAP, struct unimapdesc, unimap),
};
#elif WRONG_ROWS == 1
/* An element is twice as large. */
static const struct layout_part unimap_parts[] = {
	POINTER(struct unimapdesc, entries, entry_ct, __u8[2], OUT),
};
LAYOUT_TYPE(unimap, struct unimapdesc, unimap_parts);

static const struct layout rows[] = {
	OLD_OUT(TCGETS, __u8[20]), /* too short */
	OLD_OUT(TIOCSWINSZ, struct winsize), /* it reads */
	OLD_OUT(TIOCINQ, __u8[64]), /* too long */
	OLD_IN(TIOCGETD, int), /* it writes */
	NUMBER(TIOCGSOFTCAR), /* no number */
	NESTED_OLD_INOUT(GIO_UNIMAP, struct unimapdesc, unimap),
};
#else
static const struct layout rows[] = {
	OLD_INOUT(GIO_UNIMAP, struct unimapdesc), /* entries is followed */
};
#endif

LAYOUT_TABLE(layout_tty, "a test's", LAYOUT_CLASS(TTY));

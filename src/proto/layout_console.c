/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: the Linux console. Checked against drivers/tty/vt: vt_ioctl.c, vt.c,
 * keyboard.c, consolemap.c. Other terminals refuse these commands without a look at
 * the argument.
 *
 * Left out: what signals the calling process (VT_SETMODE, KDSIGACCEPT), the machine's
 * I/O ports (KDADDIO and the like) and what no kernel has any more (GIO_FONT, …X).
 * KDSKBMODE, KDSETMODE, VT_ACTIVATE and the like take a small number.
 */
#include "config.h"

#include <linux/kd.h>
#include <linux/keyboard.h>
#include <linux/vt.h>
#include <string.h>

#include "proto/layout_rows.h"

#define FONT_NAME 32u /* MAX_FONT_NAME */
#define FONT_SIZE 65536u /* max_font_size: 512 glyphs of 32 rows, 32 bits wide */

#define FIRST_TALL 4u /* KD_FONT_OP_SET_TALL of Linux 6.3; they have `height` rows */

/* con_font_op(): glyphs of 32 rows, or the name of a built-in font. */
static uint64_t font_length(const void *structure, const struct layout_facts *facts)
{
	struct console_font_op font;
	uint64_t length, rows = 32;

	memcpy(&font, structure, sizeof(font));
	if (font.op == KD_FONT_OP_SET_DEFAULT)
		return FONT_NAME;
	if (font.op >= FIRST_TALL)
		rows = font.height < 128 ? font.height : 128;
	length = ((uint64_t)font.width + 7) / 8 * rows * font.charcount;
	return length < FONT_SIZE ? length : FONT_SIZE;
}

static const struct layout_part font_parts[] = {
	POINTER_LENGTH(struct console_font_op, data, font_length, INOUT),
};
LAYOUT_TYPE(font, struct console_font_op, font_parts);

static const struct layout_part get_map_parts[] = {
	POINTER(struct unimapdesc, entries, entry_ct, struct unipair, OUT),
};
LAYOUT_TYPE(get_map, struct unimapdesc, get_map_parts);

static const struct layout_part put_map_parts[] = {
	POINTER(struct unimapdesc, entries, entry_ct, struct unipair, IN),
};
LAYOUT_TYPE(put_map, struct unimapdesc, put_map_parts);

static const struct layout rows[] = {
	NESTED_OLD_INOUT(KDFONTOP, struct console_font_op, font),
	NESTED_OLD_INOUT(GIO_UNIMAP, struct unimapdesc, get_map),
	NESTED_OLD_IN(PIO_UNIMAP, struct unimapdesc, put_map),
	OLD_IN(PIO_UNIMAPCLR, struct unimapinit),
	OLD_OUT(GIO_SCRNMAP, scrnmap_t[E_TABSZ]),
	OLD_IN(PIO_SCRNMAP, scrnmap_t[E_TABSZ]),
	OLD_OUT(GIO_UNISCRNMAP, unsigned short[E_TABSZ]),
	OLD_IN(PIO_UNISCRNMAP, unsigned short[E_TABSZ]),
	OLD_OUT(GIO_CMAP, unsigned char[48]),
	OLD_IN(PIO_CMAP, unsigned char[48]),
	OLD_OUT(KDGKBTYPE, char),
	OLD_OUT(KDGETMODE, int),
	OLD_OUT(KDGKBMODE, int),
	OLD_OUT(KDGKBMETA, int),
	OLD_OUT(KDGETLED, char),
	OLD_OUT(KDGKBLED, char),
	OLD_INOUT(KDGETKEYCODE, struct kbkeycode),
	OLD_IN(KDSETKEYCODE, struct kbkeycode),
	OLD_INOUT(KDGKBENT, struct kbentry),
	OLD_IN(KDSKBENT, struct kbentry),
	OLD_INOUT(KDGKBSENT, struct kbsentry),
	OLD_IN(KDSKBSENT, struct kbsentry),
	OLD_OUT(KDGKBDIACR, struct kbdiacrs),
	OLD_IN(KDSKBDIACR, struct kbdiacrs),
	OLD_OUT(KDGKBDIACRUC, struct kbdiacrsuc),
	OLD_IN(KDSKBDIACRUC, struct kbdiacrsuc),
	OLD_INOUT(KDKBDREP, struct kbd_repeat),
	NUMBER(KDMKTONE),
	NUMBER(KIOCSOUND),
	OLD_OUT(VT_OPENQRY, int),
	OLD_OUT(VT_GETMODE, struct vt_mode),
	OLD_OUT(VT_GETSTATE, struct vt_stat),
	OLD_IN(VT_RESIZE, struct vt_sizes),
	OLD_IN(VT_RESIZEX, struct vt_consize),
	OLD_OUT(VT_GETHIFONTMASK, unsigned short),
	OLD_INOUT(VT_WAITEVENT, struct vt_event),
};

LAYOUT_TABLE(layout_console, "linux/kd.h, linux/vt.h", LAYOUT_CLASS(TTY));

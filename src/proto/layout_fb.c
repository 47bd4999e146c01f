/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: frame buffers. Checked against drivers/video/fbdev/core/fbmem.c.
 *
 * Left out: FBIO_CURSOR, which the driver refuses, and FBIOPUT_CON2FBMAP, which moves the driver domain's consoles.
 * FBIOBLANK takes a small number.
 */
#include "config.h"

#include <linux/fb.h>

#include "proto/layout_rows.h"

static const struct layout_part get_cmap_parts[] = {
	POINTER(struct fb_cmap, red, len, __u16, OUT),
	POINTER(struct fb_cmap, green, len, __u16, OUT),
	POINTER(struct fb_cmap, blue, len, __u16, OUT),
	POINTER(struct fb_cmap, transp, len, __u16, OUT),
};
LAYOUT_TYPE(get_cmap, struct fb_cmap, get_cmap_parts);

static const struct layout_part put_cmap_parts[] = {
	POINTER(struct fb_cmap, red, len, __u16, IN),
	POINTER(struct fb_cmap, green, len, __u16, IN),
	POINTER(struct fb_cmap, blue, len, __u16, IN),
	POINTER(struct fb_cmap, transp, len, __u16, IN),
};
LAYOUT_TYPE(put_cmap, struct fb_cmap, put_cmap_parts);

static const struct layout rows[] = {
	OLD_OUT(FBIOGET_VSCREENINFO, struct fb_var_screeninfo),
	/* What was set comes back: do_fb_ioctl(). */
	OLD_INOUT(FBIOPUT_VSCREENINFO, struct fb_var_screeninfo),
	OLD_INOUT(FBIOPAN_DISPLAY, struct fb_var_screeninfo),
	OLD_OUT(FBIOGET_FSCREENINFO, struct fb_fix_screeninfo),
	NESTED_OLD_IN(FBIOGETCMAP, struct fb_cmap, get_cmap),
	NESTED_OLD_IN(FBIOPUTCMAP, struct fb_cmap, put_cmap),
	OLD_INOUT(FBIOGET_CON2FBMAP, struct fb_con2fbmap),
	FLAT(FBIOGET_VBLANK, struct fb_vblank),
	FLAT(FBIO_WAITFORVSYNC, __u32),
};

LAYOUT_TABLE(layout_fb, "linux/fb.h", LAYOUT_CLASS(OTHER));

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: frame buffers. Checked against drivers/video/fbdev/core/fbmem.c.
 *
 * Not flat: FBIOGETCMAP, FBIOPUTCMAP and FBIO_CURSOR (pointers to colours and
 * images). Left out: FBIOPUT_CON2FBMAP, which moves the driver domain's consoles.
 * FBIOBLANK takes a small number.
 */
#include "config.h"

#include <linux/fb.h>

#include "proto/layout_rows.h"

static const struct layout rows[] = {
	OLD_OUT(FBIOGET_VSCREENINFO, struct fb_var_screeninfo),
	/* What was set comes back: do_fb_ioctl(). */
	OLD_INOUT(FBIOPUT_VSCREENINFO, struct fb_var_screeninfo),
	OLD_INOUT(FBIOPAN_DISPLAY, struct fb_var_screeninfo),
	OLD_OUT(FBIOGET_FSCREENINFO, struct fb_fix_screeninfo),
	OLD_INOUT(FBIOGET_CON2FBMAP, struct fb_con2fbmap),
	FLAT(FBIOGET_VBLANK, struct fb_vblank),
	FLAT(FBIO_WAITFORVSYNC, __u32),
};

LAYOUT_TABLE(layout_fb, "linux/fb.h", LAYOUT_CLASS(OTHER));

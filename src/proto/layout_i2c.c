/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: i2c-dev. Checked against drivers/i2c/i2c-dev.c.
 *
 * Not flat: I2C_RDWR and I2C_SMBUS (pointers to messages and data). I2C_SLAVE,
 * I2C_TENBIT, I2C_RETRIES and the like take a small number.
 */
#include "config.h"

#include <linux/i2c-dev.h>

#include "proto/layout_rows.h"

static const struct layout rows[] = {
	OLD_OUT(I2C_FUNCS, unsigned long),
};

LAYOUT_TABLE(layout_i2c, "linux/i2c-dev.h", LAYOUT_CLASS(OTHER));

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: i2c-dev. Checked against drivers/i2c/i2c-dev.c. I2C_SLAVE, I2C_TENBIT,
 * I2C_RETRIES and the like take a small number.
 */
#include "config.h"

#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <string.h>

#include "proto/layout_rows.h"

static bool message_is_read(const void *in)
{
	struct i2c_msg message;

	memcpy(&message, in, sizeof(message));
	return message.flags & I2C_M_RD;
}

static bool message_is_write(const void *in)
{
	return !message_is_read(in);
}

/* The bytes of a message that reads are copied in as well. */
static const struct layout_part message_parts[] = {
	POINTER(struct i2c_msg, buf, len, __u8, INOUT, .most = 8192, .when = message_is_read),
	POINTER(struct i2c_msg, buf, len, __u8, IN, .most = 8192, .when = message_is_write),
};
LAYOUT_TYPE(message, struct i2c_msg, message_parts);

static const struct layout_part rdwr_parts[] = {
	POINTER_TO(struct i2c_rdwr_ioctl_data, msgs, nmsgs, message, IN, .most = I2C_RDWR_IOCTL_MAX_MSGS),
};
LAYOUT_TYPE(rdwr, struct i2c_rdwr_ioctl_data, rdwr_parts);

/* i2cdev_ioctl_smbus(). */
static uint64_t smbus_length(const void *structure, const struct layout_facts *facts)
{
	struct i2c_smbus_ioctl_data data;

	memcpy(&data, structure, sizeof(data));
	switch (data.size) {
	case I2C_SMBUS_QUICK:
		return 0;
	case I2C_SMBUS_BYTE:
	case I2C_SMBUS_BYTE_DATA:
		return 1;
	case I2C_SMBUS_WORD_DATA:
	case I2C_SMBUS_PROC_CALL:
		return 2;
	default:
		return sizeof(union i2c_smbus_data);
	}
}

static const struct layout_part smbus_parts[] = {
	POINTER_LENGTH(struct i2c_smbus_ioctl_data, data, smbus_length, INOUT),
};
LAYOUT_TYPE(smbus, struct i2c_smbus_ioctl_data, smbus_parts);

static const struct layout rows[] = {
	OLD_OUT(I2C_FUNCS, unsigned long),
	NESTED_OLD_IN(I2C_RDWR, struct i2c_rdwr_ioctl_data, rdwr),
	NESTED_OLD_IN(I2C_SMBUS, struct i2c_smbus_ioctl_data, smbus),
};

LAYOUT_TABLE(layout_i2c, "linux/i2c-dev.h", LAYOUT_CLASS(OTHER));

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: spidev. Checked against drivers/spi/spidev.c.
 */
#include "config.h"

#include <linux/spi/spidev.h>

#include "proto/layout_rows.h"

static const struct layout_part transfer_parts[] = {
	POINTER(struct spi_ioc_transfer, tx_buf, len, __u8, IN),
	POINTER(struct spi_ioc_transfer, rx_buf, len, __u8, OUT),
};
LAYOUT_TYPE(transfer, struct spi_ioc_transfer, transfer_parts);

static const struct layout rows[] = {
	NESTED_ARRAY(SPI_IOC_MESSAGE, transfer),
	FLAT(SPI_IOC_RD_MODE, __u8),
	FLAT(SPI_IOC_WR_MODE, __u8),
	FLAT(SPI_IOC_RD_LSB_FIRST, __u8),
	FLAT(SPI_IOC_WR_LSB_FIRST, __u8),
	FLAT(SPI_IOC_RD_BITS_PER_WORD, __u8),
	FLAT(SPI_IOC_WR_BITS_PER_WORD, __u8),
	FLAT(SPI_IOC_RD_MAX_SPEED_HZ, __u32),
	FLAT(SPI_IOC_WR_MAX_SPEED_HZ, __u32),
	FLAT(SPI_IOC_RD_MODE32, __u32),
	FLAT(SPI_IOC_WR_MODE32, __u32),
};

LAYOUT_TABLE(layout_spi, "linux/spi/spidev.h", LAYOUT_CLASS(OTHER));

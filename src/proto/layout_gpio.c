/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: GPIO chips, and the lines that are requested of them. Checked against
 * drivers/gpio/gpiolib-cdev.c.
 */
#include "config.h"

#include <linux/gpio.h>

#include "proto/layout_rows.h"

static const struct layout_part line_parts[] = {
	DESCRIPTOR_OUT(struct gpio_v2_line_request, fd, GPIO_LINE),
};
LAYOUT_TYPE(line, struct gpio_v2_line_request, line_parts);

static const struct layout_part handle_parts[] = {
	DESCRIPTOR_OUT(struct gpiohandle_request, fd, GPIO_LINE),
};
LAYOUT_TYPE(handle, struct gpiohandle_request, handle_parts);

static const struct layout_part event_parts[] = {
	DESCRIPTOR_OUT(struct gpioevent_request, fd, GPIO_LINE),
};
LAYOUT_TYPE(event, struct gpioevent_request, event_parts);

static const struct layout rows[] = {
	FLAT(GPIO_GET_CHIPINFO_IOCTL, struct gpiochip_info),
	FLAT_IN(GPIO_GET_LINEINFO_UNWATCH_IOCTL, __u32),
	FLAT(GPIO_V2_GET_LINEINFO_IOCTL, struct gpio_v2_line_info),
	FLAT(GPIO_V2_GET_LINEINFO_WATCH_IOCTL, struct gpio_v2_line_info),
	DESCRIPTOR(GPIO_V2_GET_LINE_IOCTL, struct gpio_v2_line_request, line),
	FLAT(GPIO_GET_LINEINFO_IOCTL, struct gpioline_info),
	FLAT(GPIO_GET_LINEINFO_WATCH_IOCTL, struct gpioline_info),
	DESCRIPTOR(GPIO_GET_LINEHANDLE_IOCTL, struct gpiohandle_request, handle),
	DESCRIPTOR(GPIO_GET_LINEEVENT_IOCTL, struct gpioevent_request, event),
	/* of a line */
	FLAT_IN(GPIO_V2_LINE_SET_CONFIG_IOCTL, struct gpio_v2_line_config),
	FLAT(GPIO_V2_LINE_GET_VALUES_IOCTL, struct gpio_v2_line_values),
	FLAT_IN(GPIO_V2_LINE_SET_VALUES_IOCTL, struct gpio_v2_line_values),
	FLAT(GPIOHANDLE_GET_LINE_VALUES_IOCTL, struct gpiohandle_data), /* only written */
	FLAT_IN(GPIOHANDLE_SET_LINE_VALUES_IOCTL, struct gpiohandle_data),
	FLAT_IN(GPIOHANDLE_SET_CONFIG_IOCTL, struct gpiohandle_config),
};

LAYOUT_TABLE(layout_gpio, "linux/gpio.h", LAYOUT_CLASS(GPIO) | LAYOUT_CLASS(GPIO_LINE));

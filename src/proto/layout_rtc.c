/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: real-time clocks. Checked against drivers/rtc/dev.c.
 * RTC_IRQP_SET and RTC_EPOCH_SET take a small number.
 */
#include "config.h"

#include <linux/rtc.h>
#include <string.h>

#include "proto/layout_rows.h"

/* A parameter that a driver of its own defines could have a pointer in the union. */
static bool param_is_other(const void *in)
{
	struct rtc_param param;

	memcpy(&param, in, sizeof(param));
	return param.param > RTC_PARAM_BACKUP_SWITCH_MODE;
}

static const struct layout_part param_parts[] = { UNDECLARED_IF(param_is_other) };
LAYOUT_TYPE(param, struct rtc_param, param_parts);

static const struct layout rows[] = {
	NO_ARGUMENT(RTC_AIE_ON),
	NO_ARGUMENT(RTC_AIE_OFF),
	NO_ARGUMENT(RTC_UIE_ON),
	NO_ARGUMENT(RTC_UIE_OFF),
	NO_ARGUMENT(RTC_PIE_ON),
	NO_ARGUMENT(RTC_PIE_OFF),
	NO_ARGUMENT(RTC_WIE_ON),
	NO_ARGUMENT(RTC_WIE_OFF),
	FLAT(RTC_ALM_SET, struct rtc_time),
	FLAT(RTC_ALM_READ, struct rtc_time),
	FLAT(RTC_RD_TIME, struct rtc_time),
	FLAT(RTC_SET_TIME, struct rtc_time),
	FLAT(RTC_IRQP_READ, unsigned long),
	FLAT(RTC_EPOCH_READ, unsigned long),
	FLAT(RTC_WKALM_SET, struct rtc_wkalrm),
	FLAT(RTC_WKALM_RD, struct rtc_wkalrm),
	FLAT(RTC_PLL_GET, struct rtc_pll_info),
	FLAT(RTC_PLL_SET, struct rtc_pll_info),
	FLAT(RTC_VL_READ, unsigned int),
	NO_ARGUMENT(RTC_VL_CLR),
	/* _IOW, but the value is written. */
	NESTED_INOUT(RTC_PARAM_GET, struct rtc_param, param),
	NESTED(RTC_PARAM_SET, struct rtc_param, param),
};

LAYOUT_TABLE(layout_rtc, "linux/rtc.h", LAYOUT_CLASS(RTC));

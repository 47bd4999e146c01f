/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: real-time clocks. Checked against drivers/rtc/dev.c.
 *
 * Not flat: RTC_PARAM_GET and RTC_PARAM_SET (a member of the union is a pointer
 * for parameters that a driver defines). RTC_IRQP_SET and RTC_EPOCH_SET take a
 * small number.
 */
#include "config.h"

#include <linux/rtc.h>

#include "proto/layout_rows.h"

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
};

LAYOUT_TABLE(layout_rtc, "linux/rtc.h", LAYOUT_CLASS(RTC));

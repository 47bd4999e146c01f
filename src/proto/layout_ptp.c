/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: PTP hardware clocks. Checked against drivers/ptp/ptp_chardev.c.
 * PTP_ENABLE_PPS takes a small number.
 */
#include "config.h"

#include <linux/ptp_clock.h>

#include "proto/layout_rows.h"

static const struct layout rows[] = {
	FLAT(PTP_CLOCK_GETCAPS, struct ptp_clock_caps),
	FLAT(PTP_CLOCK_GETCAPS2, struct ptp_clock_caps),
	FLAT(PTP_EXTTS_REQUEST, struct ptp_extts_request),
	FLAT(PTP_EXTTS_REQUEST2, struct ptp_extts_request),
	FLAT(PTP_PEROUT_REQUEST, struct ptp_perout_request),
	FLAT(PTP_PEROUT_REQUEST2, struct ptp_perout_request),
	/* _IOW, but the samples are written. */
	FLAT_INOUT(PTP_SYS_OFFSET, struct ptp_sys_offset),
	FLAT_INOUT(PTP_SYS_OFFSET2, struct ptp_sys_offset),
	FLAT(PTP_PIN_GETFUNC, struct ptp_pin_desc),
	FLAT(PTP_PIN_GETFUNC2, struct ptp_pin_desc),
	FLAT(PTP_PIN_SETFUNC, struct ptp_pin_desc),
	FLAT(PTP_PIN_SETFUNC2, struct ptp_pin_desc),
	FLAT(PTP_SYS_OFFSET_PRECISE, struct ptp_sys_offset_precise),
	FLAT(PTP_SYS_OFFSET_PRECISE2, struct ptp_sys_offset_precise),
	FLAT(PTP_SYS_OFFSET_EXTENDED, struct ptp_sys_offset_extended),
	FLAT(PTP_SYS_OFFSET_EXTENDED2, struct ptp_sys_offset_extended),
};

LAYOUT_TABLE(layout_ptp, "linux/ptp_clock.h", LAYOUT_CLASS(OTHER));

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: HDMI CEC adapters. Checked against drivers/media/cec/core/cec-api.c.
 */
#include "config.h"

#include <linux/cec.h>

#include "proto/layout_rows.h"

static const struct layout rows[] = {
	FLAT(CEC_ADAP_G_CAPS, struct cec_caps),
	FLAT(CEC_ADAP_G_PHYS_ADDR, __u16),
	FLAT(CEC_ADAP_S_PHYS_ADDR, __u16),
	FLAT(CEC_ADAP_G_LOG_ADDRS, struct cec_log_addrs),
	FLAT(CEC_ADAP_S_LOG_ADDRS, struct cec_log_addrs),
	FLAT(CEC_ADAP_G_CONNECTOR_INFO, struct cec_connector_info),
	FLAT(CEC_TRANSMIT, struct cec_msg),
	FLAT(CEC_RECEIVE, struct cec_msg),
	FLAT(CEC_DQEVENT, struct cec_event),
	FLAT(CEC_G_MODE, __u32),
	FLAT(CEC_S_MODE, __u32),
};

LAYOUT_TABLE(layout_cec, "linux/cec.h", LAYOUT_CLASS(MEDIA) | LAYOUT_CLASS(OTHER));

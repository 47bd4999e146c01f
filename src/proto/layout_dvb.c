/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: digital TV front ends, demultiplexers and conditional access.
 * Checked against drivers/media/dvb-core: dvb_usercopy() of dvbdev.c copies in
 * and out by the number's size, and in even for _IOR.
 *
 * Left out: NET_ADD_IF and the like, which make network interfaces,
 * and the decoder commands of audio.h, video.h and osd.h, used by one old driver.
 */
#include "config.h"

#include <linux/dvb/ca.h>
#include <linux/dvb/dmx.h>
#include <linux/dvb/frontend.h>

#include "proto/layout_rows.h"

/* reserved2 of a property is nobody's. */
static const struct layout_part set_properties_parts[] = {
	POINTER(struct dtv_properties, props, num, struct dtv_property, IN, .most = DTV_IOCTL_MAX_MSGS),
};
LAYOUT_TYPE(set_properties, struct dtv_properties, set_properties_parts);

static const struct layout_part get_properties_parts[] = {
	POINTER(struct dtv_properties, props, num, struct dtv_property, INOUT, .most = DTV_IOCTL_MAX_MSGS),
};
LAYOUT_TYPE(get_properties, struct dtv_properties, get_properties_parts);

static const struct layout_part export_parts[] = {
	DESCRIPTOR_OUT(struct dmx_exportbuffer, fd, DMABUF),
};
LAYOUT_TYPE(export, struct dmx_exportbuffer, export_parts);

static const struct layout rows[] = {
	FLAT_INOUT(FE_GET_INFO, struct dvb_frontend_info),
	NO_ARGUMENT(FE_DISEQC_RESET_OVERLOAD),
	FLAT(FE_DISEQC_SEND_MASTER_CMD, struct dvb_diseqc_master_cmd),
	FLAT_INOUT(FE_DISEQC_RECV_SLAVE_REPLY, struct dvb_diseqc_slave_reply),
	FLAT_INOUT(FE_READ_STATUS, fe_status_t),
	FLAT_INOUT(FE_READ_BER, __u32),
	FLAT_INOUT(FE_READ_SIGNAL_STRENGTH, __u16),
	FLAT_INOUT(FE_READ_SNR, __u16),
	FLAT_INOUT(FE_READ_UNCORRECTED_BLOCKS, __u32),
	NESTED(FE_SET_PROPERTY, struct dtv_properties, set_properties),
	NESTED_INOUT(FE_GET_PROPERTY, struct dtv_properties, get_properties),
	FLAT(FE_SET_FRONTEND, struct dvb_frontend_parameters),
	FLAT_INOUT(FE_GET_FRONTEND, struct dvb_frontend_parameters),
	FLAT_INOUT(FE_GET_EVENT, struct dvb_frontend_event),

	NO_ARGUMENT(DMX_START),
	NO_ARGUMENT(DMX_STOP),
	FLAT(DMX_SET_FILTER, struct dmx_sct_filter_params),
	FLAT(DMX_SET_PES_FILTER, struct dmx_pes_filter_params),
	NUMBER(DMX_SET_BUFFER_SIZE),
	FLAT_INOUT(DMX_GET_PES_PIDS, __u16[5]),
	FLAT(DMX_GET_STC, struct dmx_stc),
	FLAT(DMX_ADD_PID, __u16),
	FLAT(DMX_REMOVE_PID, __u16),
	FLAT(DMX_REQBUFS, struct dmx_requestbuffers),
	FLAT(DMX_QUERYBUF, struct dmx_buffer),
	FLAT(DMX_QBUF, struct dmx_buffer),
	FLAT(DMX_DQBUF, struct dmx_buffer),
	DESCRIPTOR(DMX_EXPBUF, struct dmx_exportbuffer, export),

	NO_ARGUMENT(CA_RESET),
	FLAT_INOUT(CA_GET_CAP, struct ca_caps),
	FLAT_INOUT(CA_GET_SLOT_INFO, struct ca_slot_info),
	FLAT_INOUT(CA_GET_DESCR_INFO, struct ca_descr_info),
	FLAT_INOUT(CA_GET_MSG, struct ca_msg),
	FLAT(CA_SEND_MSG, struct ca_msg),
	FLAT(CA_SET_DESCR, struct ca_descr),
};

LAYOUT_TABLE(layout_dvb, "linux/dvb/frontend.h, dmx.h, ca.h",
	     LAYOUT_CLASS(MEDIA) | LAYOUT_CLASS(OTHER));

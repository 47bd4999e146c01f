/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: netmap. It comes with no system, so its commands and structures are
 * declared here, after netmap(4) and the comments of its public header: API 11 and
 * before (struct nmreq), and 12 and later (struct nmreq_header).
 *
 * Not covered: options that name memory or descriptors which netmap uses after the
 * call (external memory, CSB, eventfds), and requests of struct nmreq that keep a
 * pointer in nr_arg1. NIOCTXSYNC and NIOCRXSYNC have no argument.
 */
#include "config.h"

#include <string.h>

#include "proto/layout_rows.h"

struct nmreq {
	char nr_name[16];
	uint32_t nr_version;
	uint32_t nr_offset;
	uint32_t nr_memsize;
	uint32_t nr_tx_slots;
	uint32_t nr_rx_slots;
	uint16_t nr_tx_rings;
	uint16_t nr_rx_rings;
	uint16_t nr_ringid;
	uint16_t nr_cmd;
	uint16_t nr_arg1;
	uint16_t nr_arg2;
	uint32_t nr_arg3;
	uint32_t nr_flags;
	uint32_t spare1;
};
/* nr_cmd */
#define BDG_LAST 12 /* NETMAP_VNET_HDR_GET */
#define PT_HOST_CREATE 8
#define PT_HOST_DELETE 9

struct nmreq_option {
	uint64_t nro_next;
	uint32_t nro_reqtype;
	uint32_t nro_status;
	uint64_t nro_size;
};
#define OPTION_KLOOP_MODE 4 /* NETMAP_REQ_OPT_SYNC_KLOOP_MODE */

struct nmreq_opt_sync_kloop_mode {
	struct nmreq_option nro_opt;
	uint32_t mode;
	uint32_t pad;
};

struct nmreq_header {
	uint16_t nr_version;
	uint16_t nr_reqtype;
	uint32_t nr_reserved;
	char nr_name[64];
	uint64_t nr_options;
	uint64_t nr_body;
};

#define NIOCGINFO _IOWR('i', 145, struct nmreq)
#define NIOCREGIF _IOWR('i', 146, struct nmreq)
#define NIOCTXSYNC _IO('i', 148)
#define NIOCRXSYNC _IO('i', 149)
#define NIOCCTRL _IOWR('i', 151, struct nmreq_header)

static bool command_has_pointer(const void *in)
{
	struct nmreq request;

	memcpy(&request, in, sizeof(request));
	return request.nr_cmd == PT_HOST_CREATE || request.nr_cmd == PT_HOST_DELETE ||
	       request.nr_cmd > BDG_LAST;
}

static const struct layout_part request_parts[] = { UNDECLARED_IF(command_has_pointer) };
LAYOUT_TYPE(request, struct nmreq, request_parts);

/* Bytes of the body, by NETMAP_REQ_…; those without one have no pointer either. */
static const uint8_t body_sizes[] = {
	[1] = 56, /* REGISTER */
	[2] = 32, /* PORT_INFO_GET */
	[3] = 64, /* VALE_ATTACH */
	[4] = 8, /* VALE_DETACH */
	[5] = 8, /* VALE_LIST */
	[6] = 8, /* PORT_HDR_SET */
	[7] = 8, /* PORT_HDR_GET */
	[8] = 16, /* VALE_NEWIF */
	[9] = 0, /* VALE_DELIF */
	[10] = 16, /* VALE_POLLING_ENABLE */
	[11] = 16, /* VALE_POLLING_DISABLE */
	[12] = 64, /* POOLS_INFO_GET */
	[13] = 8, /* SYNC_KLOOP_START */
	[14] = 0, /* SYNC_KLOOP_STOP */
	[15] = 0, /* CSB_ENABLE */
};

static bool request_is_unknown(const void *in)
{
	struct nmreq_header header;

	memcpy(&header, in, sizeof(header));
	return header.nr_reqtype >= sizeof(body_sizes);
}

static uint64_t body_length(const void *structure, const struct layout_facts *facts)
{
	struct nmreq_header header;

	memcpy(&header, structure, sizeof(header));
	return header.nr_reqtype < sizeof(body_sizes) ? body_sizes[header.nr_reqtype] : 0;
}

static bool option_is_other(const void *in)
{
	struct nmreq_option option;

	memcpy(&option, in, sizeof(option));
	return option.nro_reqtype != OPTION_KLOOP_MODE;
}

LAYOUT_TYPE_LIST(option, struct nmreq_opt_sync_kloop_mode);
static const struct layout_part option_parts[] = {
	UNDECLARED_IF(option_is_other),
	POINTER_ONE(struct nmreq_opt_sync_kloop_mode, nro_opt.nro_next, option, INOUT),
};
LAYOUT_TYPE(option, struct nmreq_opt_sync_kloop_mode, option_parts);

static const struct layout_part header_parts[] = {
	UNDECLARED_IF(request_is_unknown),
	POINTER_LENGTH(struct nmreq_header, nr_body, body_length, INOUT),
	POINTER_ONE(struct nmreq_header, nr_options, option, INOUT),
};
LAYOUT_TYPE(header, struct nmreq_header, header_parts);

static const struct layout rows[] = {
	NESTED(NIOCGINFO, struct nmreq, request),
	NESTED(NIOCREGIF, struct nmreq, request),
	NO_ARGUMENT(NIOCTXSYNC),
	NO_ARGUMENT(NIOCRXSYNC),
	NESTED(NIOCCTRL, struct nmreq_header, header),
};

LAYOUT_TABLE(layout_netmap, "net/netmap.h", LAYOUT_CLASS(NETMAP));

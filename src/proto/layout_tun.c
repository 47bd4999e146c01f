/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: /dev/net/tun and macvtap. Checked against drivers/net/tun.c, whose
 * numbers lie, and tap.c. Of the union in struct ifreq the drivers use ifr_flags
 * and ifr_hwaddr, never ifr_data.
 * TUNSETNOCSUM, TUNSETPERSIST and TUNSETOFFLOAD take a small number.
 */
#include "config.h"

#include <linux/filter.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>

#include "proto/layout_rows.h"

static const struct layout_part filter_parts[] = {
	POINTER(struct sock_fprog, filter, len, struct sock_filter, IN, .most = BPF_MAXINSNS),
};
LAYOUT_TYPE(filter, struct sock_fprog, filter_parts);

/* The driver gives the address back that it was given. */
static const struct layout_part get_filter_parts[] = { OPAQUE(struct sock_fprog, filter) };
LAYOUT_TYPE(get_filter, struct sock_fprog, get_filter_parts);

static const struct layout_part tx_filter_parts[] = {
	FOLLOWS(struct tun_filter, count, __u8[ETH_ALEN], IN),
};
LAYOUT_TYPE(tx_filter, struct tun_filter, tx_filter_parts);

/* Of a program of bpf(2), or -1. */
static const struct layout_part program_parts[] = {
	{ .kind = LAYOUT_DESCRIPTOR, .access = LAYOUT_IN },
};
LAYOUT_TYPE(program, int, program_parts);

static const struct layout rows[] = {
	OLD_INOUT(TUNSETIFF, struct ifreq),
	/* tap.c writes a part only. */
	OLD_INOUT(TUNGETIFF, struct ifreq),
	OLD_IN(TUNSETQUEUE, struct ifreq),
	OLD_INOUT(SIOCGIFHWADDR, struct ifreq),
	OLD_IN(SIOCSIFHWADDR, struct ifreq),
	FLAT(TUNGETFEATURES, unsigned int),
	FLAT(TUNSETIFINDEX, unsigned int),
	FLAT(TUNGETSNDBUF, int),
	FLAT(TUNSETSNDBUF, int),
	FLAT(TUNGETVNETHDRSZ, int),
	FLAT(TUNSETVNETHDRSZ, int),
	FLAT(TUNGETVNETLE, int),
	FLAT(TUNSETVNETLE, int),
	FLAT(TUNGETVNETBE, int),
	FLAT(TUNSETVNETBE, int),
	FLAT(TUNSETCARRIER, int),
	NESTED(TUNATTACHFILTER, struct sock_fprog, filter),
	NO_ARGUMENT(TUNDETACHFILTER),
	NESTED(TUNGETFILTER, struct sock_fprog, get_filter),
	NESTED(TUNSETTXFILTER, struct tun_filter, tx_filter),
	DESCRIPTOR(TUNSETSTEERINGEBPF, int, program),
	DESCRIPTOR(TUNSETFILTEREBPF, int, program),
	NUMBER(TUNSETOWNER),
	NUMBER(TUNSETGROUP),
	NUMBER(TUNSETLINK),
	NUMBER(TUNSETDEBUG),
};

LAYOUT_TABLE(layout_tun, "linux/if_tun.h", LAYOUT_CLASS(TUN));

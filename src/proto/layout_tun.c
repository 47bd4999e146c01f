/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: /dev/net/tun and macvtap. Checked against drivers/net/tun.c, whose
 * numbers lie, and tap.c. Of the union in struct ifreq the drivers use ifr_flags
 * and ifr_hwaddr, never ifr_data.
 *
 * Not flat: TUNATTACHFILTER and TUNGETFILTER (struct sock_fprog), TUNSETTXFILTER
 * (addresses follow the structure), TUNSETSTEERINGEBPF and TUNSETFILTEREBPF
 * (descriptors). TUNSETNOCSUM, TUNSETPERSIST and TUNSETOFFLOAD take a small number.
 */
#include "config.h"

#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>

#include "proto/layout_rows.h"

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
	NUMBER(TUNSETOWNER),
	NUMBER(TUNSETGROUP),
	NUMBER(TUNSETLINK),
	NUMBER(TUNSETDEBUG),
};

LAYOUT_TABLE(layout_tun, "linux/if_tun.h", LAYOUT_CLASS(TUN));

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The toolstack's calls of Xen for device memory; see guest_frames.h. */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#ifdef HAVE_XEN
#include <xenctrl.h>
#endif

#include "hostd/guest_frames.h"

#ifdef HAVE_XEN

/* Opened at the first use, and then for good. NULL with errno. */
static xc_interface *interface(void)
{
	static xc_interface *opened;

	if (!opened)
		opened = xc_interface_open(NULL, NULL, 0);
	return opened;
}

int guest_frames_xen_permit(uint32_t domid, uint64_t frame, uint64_t n, bool allow)
{
	xc_interface *xen = interface();

	return xen && xc_domain_iomem_permission(xen, domid, frame, n, allow) == 0 ? 0 : -errno;
}

int guest_frames_xen_map(uint32_t domid, uint64_t guest_frame, uint64_t frame, uint64_t n, bool add)
{
	xc_interface *xen = interface();

	return xen && xc_domain_memory_mapping(xen, domid, guest_frame, frame, n, add) == 0 ? 0 : -errno;
}

#else

int guest_frames_xen_permit(uint32_t domid, uint64_t frame, uint64_t n, bool allow)
{
	return -ENOSYS;
}

int guest_frames_xen_map(uint32_t domid, uint64_t guest_frame, uint64_t frame, uint64_t n, bool add)
{
	return -ENOSYS;
}

#endif

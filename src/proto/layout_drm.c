/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: the graphics core. Checked against drivers/gpu/drm.
 *
 * drm_ioctl() chooses the handler by the number's low byte alone, whatever size
 * and direction the caller gave. The low bytes of DRM_COMMAND_BASE and above mean
 * another thing to each driver (0x44 is VIRTGPU_RESOURCE_CREATE, flat, and
 * AMDGPU_CS, with pointers), so no such row may stand here until rows can hold
 * for one driver only. The core's commands below are the same in all drivers.
 *
 * Not flat: VERSION, GET_UNIQUE, GETRESOURCES, GETCRTC, SETCRTC, GETCONNECTOR,
 * GETGAMMA, SETGAMMA, GETPROPERTY, GETPROPBLOB, DIRTYFB, GETPLANERESOURCES,
 * GETPLANE, OBJ_GETPROPERTIES, ATOMIC, CREATEPROPBLOB, LIST_LESSEES, GET_LEASE and
 * most SYNCOBJ_… (pointers as 64-bit integers); PRIME_…, SYNCOBJ_HANDLE_TO_FD,
 * FD_TO_HANDLE and CREATE_LEASE (descriptors); OBJ_SETPROPERTY and SETPROPERTY,
 * where the value of OUT_FENCE_PTR is an address to write to and that of
 * IN_FENCE_FD a descriptor (drm_atomic_uapi.c). Left out: drivers with user mode
 * setting (maps, buffers, contexts, locks, AGP).
 */
#include "config.h"

#include <libdrm/drm.h>

#include "proto/layout_rows.h"

static const struct layout rows[] = {
	FLAT(DRM_IOCTL_GET_MAGIC, struct drm_auth),
	FLAT(DRM_IOCTL_AUTH_MAGIC, struct drm_auth),
	FLAT(DRM_IOCTL_GET_CLIENT, struct drm_client),
	FLAT(DRM_IOCTL_GET_STATS, struct drm_stats),
	FLAT(DRM_IOCTL_SET_VERSION, struct drm_set_version),
	FLAT(DRM_IOCTL_GET_CAP, struct drm_get_cap),
	FLAT(DRM_IOCTL_SET_CLIENT_CAP, struct drm_set_client_cap),
	NO_ARGUMENT(DRM_IOCTL_SET_MASTER),
	NO_ARGUMENT(DRM_IOCTL_DROP_MASTER),
	FLAT(DRM_IOCTL_GEM_CLOSE, struct drm_gem_close),
	FLAT(DRM_IOCTL_GEM_FLINK, struct drm_gem_flink),
	FLAT(DRM_IOCTL_GEM_OPEN, struct drm_gem_open),
	/* request.signal and user_data below come back in an event, unread. */
	FLAT(DRM_IOCTL_WAIT_VBLANK, union drm_wait_vblank),
	FLAT(DRM_IOCTL_CRTC_GET_SEQUENCE, struct drm_crtc_get_sequence),
	FLAT(DRM_IOCTL_CRTC_QUEUE_SEQUENCE, struct drm_crtc_queue_sequence),

	FLAT(DRM_IOCTL_MODE_CURSOR, struct drm_mode_cursor),
	FLAT(DRM_IOCTL_MODE_CURSOR2, struct drm_mode_cursor2),
	FLAT(DRM_IOCTL_MODE_GETENCODER, struct drm_mode_get_encoder),
	FLAT(DRM_IOCTL_MODE_SETPLANE, struct drm_mode_set_plane),
	FLAT(DRM_IOCTL_MODE_GETFB, struct drm_mode_fb_cmd),
	FLAT(DRM_IOCTL_MODE_GETFB2, struct drm_mode_fb_cmd2),
	FLAT(DRM_IOCTL_MODE_ADDFB, struct drm_mode_fb_cmd),
	FLAT(DRM_IOCTL_MODE_ADDFB2, struct drm_mode_fb_cmd2),
	FLAT(DRM_IOCTL_MODE_RMFB, unsigned int),
	FLAT(DRM_IOCTL_MODE_PAGE_FLIP, struct drm_mode_crtc_page_flip),
	FLAT(DRM_IOCTL_MODE_CREATE_DUMB, struct drm_mode_create_dumb),
	FLAT(DRM_IOCTL_MODE_MAP_DUMB, struct drm_mode_map_dumb),
	FLAT(DRM_IOCTL_MODE_DESTROY_DUMB, struct drm_mode_destroy_dumb),
	FLAT(DRM_IOCTL_MODE_DESTROYPROPBLOB, struct drm_mode_destroy_blob),
	FLAT(DRM_IOCTL_MODE_REVOKE_LEASE, struct drm_mode_revoke_lease),

	FLAT(DRM_IOCTL_SYNCOBJ_CREATE, struct drm_syncobj_create),
	FLAT(DRM_IOCTL_SYNCOBJ_DESTROY, struct drm_syncobj_destroy),
	FLAT(DRM_IOCTL_SYNCOBJ_TRANSFER, struct drm_syncobj_transfer),
};

LAYOUT_TABLE(layout_drm, "drm/drm.h, drm/drm_mode.h", LAYOUT_CLASS(DRM));

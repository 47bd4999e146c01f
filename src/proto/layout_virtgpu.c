/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: what DRM devices of the driver virtio_gpu have besides the core's
 * commands. Checked against drivers/gpu/drm/virtio/virtgpu_ioctl.c.
 *
 * libdrm's header is older than the driver: the commands that it lacks are declared
 * here after include/uapi/drm/virtgpu_drm.h of Linux 6.1. drm_ioctl() takes both
 * sizes of EXECBUFFER and fills up with zeros.
 */
#include "config.h"

#include <libdrm/drm.h>
#include <libdrm/virtgpu_drm.h>
#include <string.h>

#include "proto/layout_rows.h"

struct virtgpu_execbuffer_ring {
	__u32 flags;
	__u32 size;
	__u64 command;
	__u64 bo_handles;
	__u32 num_bo_handles;
	__s32 fence_fd;
	__u32 ring_idx;
	__u32 pad;
};
#define DRM_IOCTL_VIRTGPU_EXECBUFFER_RING \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_VIRTGPU_EXECBUFFER, struct virtgpu_execbuffer_ring)

struct virtgpu_create_blob {
	__u32 blob_mem;
	__u32 blob_flags;
	__u32 bo_handle;
	__u32 res_handle;
	__u64 size;
	__u32 pad;
	__u32 cmd_size;
	__u64 cmd;
	__u64 blob_id;
};
#define DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB \
	DRM_IOWR(DRM_COMMAND_BASE + 0x0a, struct virtgpu_create_blob)

struct virtgpu_context_param {
	__u64 param;
	__u64 value;
};
struct virtgpu_context_init {
	__u32 num_params;
	__u32 pad;
	__u64 ctx_set_params;
};
#define DRM_IOCTL_VIRTGPU_CONTEXT_INIT \
	DRM_IOWR(DRM_COMMAND_BASE + 0x0b, struct virtgpu_context_init)

/* flags come first in both. */
static __u32 execbuffer_fences(const void *in)
{
	__u32 flags;

	memcpy(&flags, in, sizeof(flags));
	return flags & (VIRTGPU_EXECBUF_FENCE_FD_IN | VIRTGPU_EXECBUF_FENCE_FD_OUT);
}

static bool execbuffer_waits(const void *in)
{
	return execbuffer_fences(in) == VIRTGPU_EXECBUF_FENCE_FD_IN;
}

static bool execbuffer_tells(const void *in)
{
	return execbuffer_fences(in) == VIRTGPU_EXECBUF_FENCE_FD_OUT;
}

static bool execbuffer_both(const void *in)
{
	return execbuffer_fences(in) == (VIRTGPU_EXECBUF_FENCE_FD_IN | VIRTGPU_EXECBUF_FENCE_FD_OUT);
}

#define EXECBUFFER_PARTS(type)                                                                    \
	DESCRIPTOR_IN(type, fence_fd, .when = execbuffer_waits),                                 \
	DESCRIPTOR_OUT(type, fence_fd, SYNC_FILE, .when = execbuffer_tells),                     \
	DESCRIPTOR_INOUT(type, fence_fd, SYNC_FILE, .when = execbuffer_both),                    \
	POINTER(type, command, size, __u8, IN), POINTER(type, bo_handles, num_bo_handles, __u32, IN)

static const struct layout_part execbuffer_parts[] = { EXECBUFFER_PARTS(struct drm_virtgpu_execbuffer) };
LAYOUT_TYPE(execbuffer, struct drm_virtgpu_execbuffer, execbuffer_parts);

static const struct layout_part execbuffer_ring_parts[] = {
	EXECBUFFER_PARTS(struct virtgpu_execbuffer_ring),
};
LAYOUT_TYPE(execbuffer_ring, struct virtgpu_execbuffer_ring, execbuffer_ring_parts);

/* virtio_gpu_getparam_ioctl() writes an int. */
static const struct layout_part getparam_parts[] = {
	POINTER_FIXED(struct drm_virtgpu_getparam, value, 1, int, OUT),
};
LAYOUT_TYPE(getparam, struct drm_virtgpu_getparam, getparam_parts);

static const struct layout_part caps_parts[] = {
	POINTER(struct drm_virtgpu_get_caps, addr, size, __u8, OUT),
};
LAYOUT_TYPE(caps, struct drm_virtgpu_get_caps, caps_parts);

static const struct layout_part create_blob_parts[] = {
	POINTER(struct virtgpu_create_blob, cmd, cmd_size, __u8, IN),
};
LAYOUT_TYPE(create_blob, struct virtgpu_create_blob, create_blob_parts);

/* More parameters than there are kinds are refused. */
static const struct layout_part context_parts[] = {
	POINTER(struct virtgpu_context_init, ctx_set_params, num_params, struct virtgpu_context_param, IN),
};
LAYOUT_TYPE(context, struct virtgpu_context_init, context_parts);

static const struct layout rows[] = {
	FLAT(DRM_IOCTL_VIRTGPU_MAP, struct drm_virtgpu_map),
	NESTED(DRM_IOCTL_VIRTGPU_EXECBUFFER, struct drm_virtgpu_execbuffer, execbuffer),
	NESTED(DRM_IOCTL_VIRTGPU_EXECBUFFER_RING, struct virtgpu_execbuffer_ring, execbuffer_ring),
	NESTED(DRM_IOCTL_VIRTGPU_GETPARAM, struct drm_virtgpu_getparam, getparam),
	FLAT(DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, struct drm_virtgpu_resource_create),
	FLAT(DRM_IOCTL_VIRTGPU_RESOURCE_INFO, struct drm_virtgpu_resource_info),
	FLAT(DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, struct drm_virtgpu_3d_transfer_from_host),
	FLAT(DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, struct drm_virtgpu_3d_transfer_to_host),
	FLAT(DRM_IOCTL_VIRTGPU_WAIT, struct drm_virtgpu_3d_wait),
	NESTED(DRM_IOCTL_VIRTGPU_GET_CAPS, struct drm_virtgpu_get_caps, caps),
	NESTED(DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, struct virtgpu_create_blob, create_blob),
	NESTED(DRM_IOCTL_VIRTGPU_CONTEXT_INIT, struct virtgpu_context_init, context),
};

LAYOUT_TABLE(layout_virtgpu, "drm/virtgpu_drm.h", LAYOUT_CLASS(VIRTGPU));

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: the graphics core. Checked against drivers/gpu/drm.
 *
 * drm_ioctl() chooses the handler by the number's low byte alone, whatever size
 * and direction the caller gave. The low bytes of DRM_COMMAND_BASE and above mean
 * another thing to each driver (0x44 is VIRTGPU_RESOURCE_CREATE, flat, and
 * AMDGPU_CS, with pointers), so a driver's rows are for a class of its own, as in
 * layout_virtgpu.c. The core's commands below are the same in all drivers.
 *
 * Counts are in and out: the driver writes no more than the caller's count and says
 * how many there are. Left out: drivers with user mode setting (maps,
 * buffers, contexts, locks, AGP).
 */
#include "config.h"

#include <libdrm/drm.h>
#include <string.h>

#include "proto/layout_rows.h"

static const struct layout_part version_parts[] = {
	POINTER(struct drm_version, name, name_len, char, OUT),
	POINTER(struct drm_version, date, date_len, char, OUT),
	POINTER(struct drm_version, desc, desc_len, char, OUT),
};
LAYOUT_TYPE(version, struct drm_version, version_parts);

static const struct layout_part unique_parts[] = {
	POINTER(struct drm_unique, unique, unique_len, char, OUT),
};
LAYOUT_TYPE(unique, struct drm_unique, unique_parts);

static const struct layout_part resources_parts[] = {
	POINTER(struct drm_mode_card_res, fb_id_ptr, count_fbs, __u32, OUT),
	POINTER(struct drm_mode_card_res, crtc_id_ptr, count_crtcs, __u32, OUT),
	POINTER(struct drm_mode_card_res, connector_id_ptr, count_connectors, __u32, OUT),
	POINTER(struct drm_mode_card_res, encoder_id_ptr, count_encoders, __u32, OUT),
};
LAYOUT_TYPE(resources, struct drm_mode_card_res, resources_parts);

static const struct layout_part get_crtc_parts[] = {
	OPAQUE(struct drm_mode_crtc, set_connectors_ptr),
};
LAYOUT_TYPE(get_crtc, struct drm_mode_crtc, get_crtc_parts);

static const struct layout_part set_crtc_parts[] = {
	POINTER(struct drm_mode_crtc, set_connectors_ptr, count_connectors, __u32, IN),
};
LAYOUT_TYPE(set_crtc, struct drm_mode_crtc, set_crtc_parts);

static const struct layout_part connector_parts[] = {
	POINTER(struct drm_mode_get_connector, encoders_ptr, count_encoders, __u32, OUT),
	POINTER(struct drm_mode_get_connector, modes_ptr, count_modes, struct drm_mode_modeinfo, OUT),
	POINTER(struct drm_mode_get_connector, props_ptr, count_props, __u32, OUT),
	POINTER(struct drm_mode_get_connector, prop_values_ptr, count_props, __u64, OUT),
};
LAYOUT_TYPE(connector, struct drm_mode_get_connector, connector_parts);

static const struct layout_part get_gamma_parts[] = {
	POINTER(struct drm_mode_crtc_lut, red, gamma_size, __u16, OUT),
	POINTER(struct drm_mode_crtc_lut, green, gamma_size, __u16, OUT),
	POINTER(struct drm_mode_crtc_lut, blue, gamma_size, __u16, OUT),
};
LAYOUT_TYPE(get_gamma, struct drm_mode_crtc_lut, get_gamma_parts);

static const struct layout_part set_gamma_parts[] = {
	POINTER(struct drm_mode_crtc_lut, red, gamma_size, __u16, IN),
	POINTER(struct drm_mode_crtc_lut, green, gamma_size, __u16, IN),
	POINTER(struct drm_mode_crtc_lut, blue, gamma_size, __u16, IN),
};
LAYOUT_TYPE(set_gamma, struct drm_mode_crtc_lut, set_gamma_parts);

static const struct layout_part property_parts[] = {
	POINTER(struct drm_mode_get_property, values_ptr, count_values, __u64, OUT),
	POINTER(struct drm_mode_get_property, enum_blob_ptr, count_enum_blobs,
		struct drm_mode_property_enum, OUT),
};
LAYOUT_TYPE(property, struct drm_mode_get_property, property_parts);

static const struct layout_part get_blob_parts[] = {
	POINTER(struct drm_mode_get_blob, data, length, __u8, OUT),
};
LAYOUT_TYPE(get_blob, struct drm_mode_get_blob, get_blob_parts);

static const struct layout_part create_blob_parts[] = {
	POINTER(struct drm_mode_create_blob, data, length, __u8, IN),
};
LAYOUT_TYPE(create_blob, struct drm_mode_create_blob, create_blob_parts);

static const struct layout_part dirty_parts[] = {
	POINTER(struct drm_mode_fb_dirty_cmd, clips_ptr, num_clips, struct drm_clip_rect, IN,
		.most = DRM_MODE_FB_DIRTY_MAX_CLIPS),
};
LAYOUT_TYPE(dirty, struct drm_mode_fb_dirty_cmd, dirty_parts);

static const struct layout_part plane_resources_parts[] = {
	POINTER(struct drm_mode_get_plane_res, plane_id_ptr, count_planes, __u32, OUT),
};
LAYOUT_TYPE(plane_resources, struct drm_mode_get_plane_res, plane_resources_parts);

static const struct layout_part plane_parts[] = {
	POINTER(struct drm_mode_get_plane, format_type_ptr, count_format_types, __u32, OUT),
};
LAYOUT_TYPE(plane, struct drm_mode_get_plane, plane_parts);

static const struct layout_part object_parts[] = {
	POINTER(struct drm_mode_obj_get_properties, props_ptr, count_props, __u32, OUT),
	POINTER(struct drm_mode_obj_get_properties, prop_values_ptr, count_props, __u64, OUT),
};
LAYOUT_TYPE(object, struct drm_mode_obj_get_properties, object_parts);

/* Which properties have values that are more than numbers, only the device knows. */
static void property_learn(struct layout_facts *facts, const void *structure)
{
	struct drm_mode_get_property property;

	memcpy(&property, structure, sizeof(property));
	if (strncmp(property.name, "IN_FENCE_FD", sizeof(property.name)) == 0)
		facts->in_fence_fd = property.prop_id;
	else if (strncmp(property.name, "OUT_FENCE_PTR", sizeof(property.name)) == 0)
		facts->out_fence_ptr = property.prop_id;
	else if (strncmp(property.name, "WRITEBACK_OUT_FENCE_PTR", sizeof(property.name)) == 0)
		facts->writeback_out_fence_ptr = property.prop_id;
}

static bool value_is_fence(uint32_t property, const struct layout_facts *facts)
{
	return property && property == facts->in_fence_fd;
}

static bool value_is_fence_pointer(uint32_t property, const struct layout_facts *facts)
{
	return property &&
	       (property == facts->out_fence_ptr || property == facts->writeback_out_fence_ptr);
}

/* The core puts -1 there at first, and the number when the commit has succeeded
 * (drm_atomic_uapi.c). */
struct out_fence {
	__s32 fd;
};
static const struct layout_part out_fence_parts[] = {
	DESCRIPTOR_OUT(struct out_fence, fd, SYNC_FILE, .flags = LAYOUT_ZERO),
};
LAYOUT_TYPE(out_fence, struct out_fence, out_fence_parts);

struct property_value {
	union {
		struct {
			__s32 fd; /* of all that the core reads this much */
			__u32 high;
		};
		__u64 pointer;
	};
};
static const struct layout_part property_value_parts[] = {
	DESCRIPTOR_IN(struct property_value, fd, .when_beside = value_is_fence),
	POINTER_ONE(struct property_value, pointer, out_fence, OUT, .when_beside = value_is_fence_pointer),
};
LAYOUT_TYPE_BESIDE(property_value, struct property_value, struct drm_mode_atomic, props_ptr,
		   property_value_parts);

/* count_props[] says how many properties each object has; they stand together. */
static const struct layout_part atomic_after[] = {
	POINTER_SUM(struct drm_mode_atomic, props_ptr, __u32, IN),
	POINTER_SUM_TO(struct drm_mode_atomic, prop_values_ptr, property_value, IN),
};
LAYOUT_TYPE_AFTER(atomic_counts, __u32, atomic_after);

static const struct layout_part atomic_parts[] = {
	POINTER(struct drm_mode_atomic, objs_ptr, count_objs, __u32, IN),
	POINTER_TO(struct drm_mode_atomic, count_props_ptr, count_objs, atomic_counts, IN),
};
LAYOUT_TYPE(atomic, struct drm_mode_atomic, atomic_parts);

static const struct layout_part lessees_parts[] = {
	POINTER(struct drm_mode_list_lessees, lessees_ptr, count_lessees, __u64, OUT),
};
LAYOUT_TYPE(lessees, struct drm_mode_list_lessees, lessees_parts);

static const struct layout_part lease_parts[] = {
	POINTER(struct drm_mode_get_lease, objects_ptr, count_objects, __u32, OUT),
};
LAYOUT_TYPE(lease, struct drm_mode_get_lease, lease_parts);

static const struct layout_part wait_parts[] = {
	POINTER(struct drm_syncobj_wait, handles, count_handles, __u32, IN),
};
LAYOUT_TYPE(wait, struct drm_syncobj_wait, wait_parts);

static const struct layout_part timeline_wait_parts[] = {
	POINTER(struct drm_syncobj_timeline_wait, handles, count_handles, __u32, IN),
	POINTER(struct drm_syncobj_timeline_wait, points, count_handles, __u64, IN),
};
LAYOUT_TYPE(timeline_wait, struct drm_syncobj_timeline_wait, timeline_wait_parts);

static const struct layout_part syncobjs_parts[] = {
	POINTER(struct drm_syncobj_array, handles, count_handles, __u32, IN),
};
LAYOUT_TYPE(syncobjs, struct drm_syncobj_array, syncobjs_parts);

static const struct layout_part timeline_signal_parts[] = {
	POINTER(struct drm_syncobj_timeline_array, handles, count_handles, __u32, IN),
	POINTER(struct drm_syncobj_timeline_array, points, count_handles, __u64, IN),
};
LAYOUT_TYPE(timeline_signal, struct drm_syncobj_timeline_array, timeline_signal_parts);

static const struct layout_part timeline_query_parts[] = {
	POINTER(struct drm_syncobj_timeline_array, handles, count_handles, __u32, IN),
	POINTER(struct drm_syncobj_timeline_array, points, count_handles, __u64, OUT),
};
LAYOUT_TYPE(timeline_query, struct drm_syncobj_timeline_array, timeline_query_parts);

static const struct layout_part prime_export_parts[] = {
	DESCRIPTOR_OUT(struct drm_prime_handle, fd, DMABUF),
};
LAYOUT_TYPE(prime_export, struct drm_prime_handle, prime_export_parts);

static const struct layout_part prime_import_parts[] = {
	DESCRIPTOR_IN(struct drm_prime_handle, fd),
};
LAYOUT_TYPE(prime_import, struct drm_prime_handle, prime_import_parts);

static const struct layout_part create_lease_parts[] = {
	{ .kind = LAYOUT_DESCRIPTOR, .access = LAYOUT_OUT,
	  .at = LAYOUT_INT_AT(struct drm_mode_create_lease, fd), .most = LAYOUT_CLASS_SAME },
	POINTER(struct drm_mode_create_lease, object_ids, object_count, __u32, IN),
};
LAYOUT_TYPE(create_lease, struct drm_mode_create_lease, create_lease_parts);

static bool syncobj_is_file(const void *in)
{
	struct drm_syncobj_handle handle;

	memcpy(&handle, in, sizeof(handle));
	return handle.flags & DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE;
}

static bool syncobj_is_itself(const void *in)
{
	return !syncobj_is_file(in);
}

static const struct layout_part syncobj_export_parts[] = {
	DESCRIPTOR_OUT(struct drm_syncobj_handle, fd, SYNC_FILE, .when = syncobj_is_file),
	DESCRIPTOR_OUT(struct drm_syncobj_handle, fd, OTHER, .when = syncobj_is_itself),
};
LAYOUT_TYPE(syncobj_export, struct drm_syncobj_handle, syncobj_export_parts);

static const struct layout_part syncobj_import_parts[] = {
	DESCRIPTOR_IN(struct drm_syncobj_handle, fd),
};
LAYOUT_TYPE(syncobj_import, struct drm_syncobj_handle, syncobj_import_parts);

static const struct layout rows[] = {
	NESTED(DRM_IOCTL_VERSION, struct drm_version, version),
	NESTED(DRM_IOCTL_GET_UNIQUE, struct drm_unique, unique),
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
	DESCRIPTOR(DRM_IOCTL_PRIME_HANDLE_TO_FD, struct drm_prime_handle, prime_export),
	DESCRIPTOR(DRM_IOCTL_PRIME_FD_TO_HANDLE, struct drm_prime_handle, prime_import),
	/* request.signal and user_data below come back in an event, unread. */
	FLAT(DRM_IOCTL_WAIT_VBLANK, union drm_wait_vblank),
	FLAT(DRM_IOCTL_CRTC_GET_SEQUENCE, struct drm_crtc_get_sequence),
	FLAT(DRM_IOCTL_CRTC_QUEUE_SEQUENCE, struct drm_crtc_queue_sequence),

	NESTED(DRM_IOCTL_MODE_GETRESOURCES, struct drm_mode_card_res, resources),
	NESTED(DRM_IOCTL_MODE_GETCRTC, struct drm_mode_crtc, get_crtc),
	NESTED(DRM_IOCTL_MODE_SETCRTC, struct drm_mode_crtc, set_crtc),
	NESTED(DRM_IOCTL_MODE_GETCONNECTOR, struct drm_mode_get_connector, connector),
	NESTED(DRM_IOCTL_MODE_GETGAMMA, struct drm_mode_crtc_lut, get_gamma),
	NESTED(DRM_IOCTL_MODE_SETGAMMA, struct drm_mode_crtc_lut, set_gamma),
	DESCRIPTOR_LEARN(DRM_IOCTL_MODE_GETPROPERTY, struct drm_mode_get_property, property, property_learn),
	NESTED(DRM_IOCTL_MODE_GETPROPBLOB, struct drm_mode_get_blob, get_blob),
	NESTED(DRM_IOCTL_MODE_CREATEPROPBLOB, struct drm_mode_create_blob, create_blob),
	NESTED(DRM_IOCTL_MODE_DIRTYFB, struct drm_mode_fb_dirty_cmd, dirty),
	NESTED(DRM_IOCTL_MODE_GETPLANERESOURCES, struct drm_mode_get_plane_res, plane_resources),
	NESTED(DRM_IOCTL_MODE_GETPLANE, struct drm_mode_get_plane, plane),
	NESTED(DRM_IOCTL_MODE_OBJ_GETPROPERTIES, struct drm_mode_obj_get_properties, object),
	PROPERTIES(DRM_IOCTL_MODE_SETPROPERTY, struct drm_mode_connector_set_property),
	PROPERTIES(DRM_IOCTL_MODE_OBJ_SETPROPERTY, struct drm_mode_obj_set_property),
	DESCRIPTOR_PROPERTIES(DRM_IOCTL_MODE_ATOMIC, struct drm_mode_atomic, atomic),
	DESCRIPTOR(DRM_IOCTL_MODE_CREATE_LEASE, struct drm_mode_create_lease, create_lease),
	NESTED(DRM_IOCTL_MODE_LIST_LESSEES, struct drm_mode_list_lessees, lessees),
	NESTED(DRM_IOCTL_MODE_GET_LEASE, struct drm_mode_get_lease, lease),
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
	DESCRIPTOR(DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, struct drm_syncobj_handle, syncobj_export),
	DESCRIPTOR(DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, struct drm_syncobj_handle, syncobj_import),
	NESTED(DRM_IOCTL_SYNCOBJ_WAIT, struct drm_syncobj_wait, wait),
	NESTED(DRM_IOCTL_SYNCOBJ_RESET, struct drm_syncobj_array, syncobjs),
	NESTED(DRM_IOCTL_SYNCOBJ_SIGNAL, struct drm_syncobj_array, syncobjs),
	NESTED(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, struct drm_syncobj_timeline_wait, timeline_wait),
	NESTED(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, struct drm_syncobj_timeline_array, timeline_signal),
	NESTED(DRM_IOCTL_SYNCOBJ_QUERY, struct drm_syncobj_timeline_array, timeline_query),
	FLAT(DRM_IOCTL_SYNCOBJ_TRANSFER, struct drm_syncobj_transfer),
};

LAYOUT_TABLE(layout_drm, "drm/drm.h, drm/drm_mode.h",
	     LAYOUT_CLASS(DRM) | LAYOUT_CLASS(VIRTGPU));

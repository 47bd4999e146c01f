/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: video4linux nodes and sub-devices. Checked against
 * drivers/media/v4l2-core/v4l2-ioctl.c: video_usercopy() copies by the number's
 * own size and direction, check_array_args() says where it follows a pointer.
 *
 * Buffers in the program's own memory (V4L2_MEMORY_USERPTR) are kept from one QBUF to
 * the next of the same buffer with other memory, or to REQBUFS (videobuf2-core.c).
 *
 * USB cameras have two of their own, for the controls that a maker has added
 * (drivers/media/usb/uvc/uvc_v4l2.c, uvc_ctrl.c).
 *
 * Sub-devices share G_STD, S_STD, ENUMSTD, QUERYSTD and the DV timings with video
 * nodes, number and structure alike.
 */
#include "config.h"

#include <linux/usb/video.h>
#include <linux/uvcvideo.h>
#include <linux/v4l2-subdev.h>
#include <linux/videodev2.h>
#include <string.h>

#include "proto/layout_rows.h"

/* Types whose member of the union in struct v4l2_format has no pointer: not
 * VIDEO_OVERLAY and VIDEO_OUTPUT_OVERLAY (struct v4l2_window), and nothing that
 * this table does not know. */
static bool format_type_flat(uint32_t type)
{
	switch (type) {
	case V4L2_BUF_TYPE_VIDEO_CAPTURE:
	case V4L2_BUF_TYPE_VIDEO_OUTPUT:
	case V4L2_BUF_TYPE_VBI_CAPTURE:
	case V4L2_BUF_TYPE_VBI_OUTPUT:
	case V4L2_BUF_TYPE_SLICED_VBI_CAPTURE:
	case V4L2_BUF_TYPE_SLICED_VBI_OUTPUT:
	case V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE:
	case V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE:
	case V4L2_BUF_TYPE_SDR_CAPTURE:
	case V4L2_BUF_TYPE_SDR_OUTPUT:
	case V4L2_BUF_TYPE_META_CAPTURE:
	case V4L2_BUF_TYPE_META_OUTPUT:
		return true;
	default:
		return false;
	}
}

/* Overlays have a window with clips. */
static bool format_is_window(const void *in)
{
	struct v4l2_format format;

	memcpy(&format, in, sizeof(format));
	return format.type == V4L2_BUF_TYPE_VIDEO_OVERLAY ||
	       format.type == V4L2_BUF_TYPE_VIDEO_OUTPUT_OVERLAY;
}

/* check_fmt() refuses what it does not know. */
static bool format_is_unknown(const void *in)
{
	struct v4l2_format format;

	memcpy(&format, in, sizeof(format));
	return !format_type_flat(format.type) && !format_is_window(in);
}

/* `next` of a clip is ignored by all drivers. The bitmap has a bit for each pixel of
 * the window that the driver has settled on. */
static const struct layout_part format_parts[] = {
	INVALID_IF(format_is_unknown),
	POINTER(struct v4l2_format, fmt.win.clips, fmt.win.clipcount, struct v4l2_clip, INOUT,
		.most = 2048, .when = format_is_window),
	POINTER_UP_TO(struct v4l2_format, fmt.win.bitmap, 65536, __u8, INOUT, .when = format_is_window),
};
LAYOUT_TYPE(format, struct v4l2_format, format_parts);

/* Buffers have a type without a window (videobuf2-core.c). */
static bool create_is_invalid(const void *in)
{
	struct v4l2_create_buffers create;

	memcpy(&create, in, sizeof(create));
	return !format_type_flat(create.format.type);
}

static const struct layout_part create_parts[] = { INVALID_IF(create_is_invalid) };
LAYOUT_TYPE(create, struct v4l2_create_buffers, create_parts);

static bool buffer_has_planes(const void *in)
{
	struct v4l2_buffer buffer;

	memcpy(&buffer, in, sizeof(buffer));
	return V4L2_TYPE_IS_MULTIPLANAR(buffer.type) && buffer.length;
}

/* Elsewhere `length` is that of the buffer, and m holds what is said of it. */
static bool buffer_is_dmabuf(const void *in)
{
	struct v4l2_buffer buffer;

	memcpy(&buffer, in, sizeof(buffer));
	return buffer.memory == V4L2_MEMORY_DMABUF && !V4L2_TYPE_IS_MULTIPLANAR(buffer.type);
}

static bool buffer_has_dmabuf_planes(const void *in)
{
	struct v4l2_buffer buffer;

	memcpy(&buffer, in, sizeof(buffer));
	return buffer.memory == V4L2_MEMORY_DMABUF && buffer_has_planes(in);
}

static bool buffer_has_other_planes(const void *in)
{
	return buffer_has_planes(in) && !buffer_has_dmabuf_planes(in);
}

static bool buffer_has_request(const void *in)
{
	struct v4l2_buffer buffer;

	memcpy(&buffer, in, sizeof(buffer));
	return buffer.flags & V4L2_BUF_FLAG_REQUEST_FD;
}

/* In the program's own memory. Other kinds than the four are refused by drivers. */
static bool buffer_is_userptr(const void *in)
{
	struct v4l2_buffer buffer;

	memcpy(&buffer, in, sizeof(buffer));
	return buffer.memory == V4L2_MEMORY_USERPTR && !V4L2_TYPE_IS_MULTIPLANAR(buffer.type);
}

static bool buffer_has_userptr_planes(const void *in)
{
	struct v4l2_buffer buffer;

	memcpy(&buffer, in, sizeof(buffer));
	return buffer.memory == V4L2_MEMORY_USERPTR && buffer_has_planes(in);
}

static bool buffer_has_plain_planes(const void *in)
{
	return buffer_has_other_planes(in) && !buffer_has_userptr_planes(in);
}

static const struct layout_part plane_parts[] = {
	DESCRIPTOR_NUMBER(struct v4l2_plane, m.fd),
};
LAYOUT_TYPE(plane, struct v4l2_plane, plane_parts);

/* A buffer that was prepared goes on with what it has (videobuf2-core.c): the driver looks
 * at no descriptor then, and says that one. */
#define DESCRIPTOR_QUEUED(t, member) DESCRIPTOR_IN(t, member), DESCRIPTOR_NUMBER(t, member)

static const struct layout_part plane_queue_parts[] = { DESCRIPTOR_QUEUED(struct v4l2_plane, m.fd) };
LAYOUT_TYPE(plane_queue, struct v4l2_plane, plane_queue_parts);

typedef __typeof__(((struct v4l2_buffer *)NULL)->m) buffer_union;

static const struct layout_part fd_queue_parts[] = { DESCRIPTOR_QUEUED(buffer_union, fd) };
LAYOUT_TYPE(fd_queue, buffer_union, fd_queue_parts);

static const struct layout_part plane_userptr_parts[] = {
	KEPT_OF_PARENT(struct v4l2_plane, m.userptr, length, struct v4l2_buffer, type, index, INOUT),
};
LAYOUT_TYPE(plane_userptr, struct v4l2_plane, plane_userptr_parts);

static const struct layout_part plane_other_parts[] = {
	KEPT_ADDRESS(struct v4l2_plane, m.userptr),
};
LAYOUT_TYPE(plane_other, struct v4l2_plane, plane_other_parts);

static const struct layout_part plane_done_parts[] = {
	KEPT_ADDRESS(struct v4l2_plane, m.userptr, .flags = LAYOUT_DONE),
};
LAYOUT_TYPE(plane_done, struct v4l2_plane, plane_done_parts);

/* For what the driver fills in: it ignores flags and m, and may say another kind of
 * memory than the program does. */
#define BUFFER_PARTS(plane_type, ...)                                                    \
	DESCRIPTOR_NUMBER(struct v4l2_buffer, m.fd, .when = buffer_is_dmabuf),           \
	DESCRIPTOR_NUMBER(struct v4l2_buffer, request_fd, .when = buffer_has_request),   \
	POINTER_TO(struct v4l2_buffer, m.planes, length, plane, INOUT,                   \
		   .most = VIDEO_MAX_PLANES, .when = buffer_has_dmabuf_planes),          \
	POINTER_TO(struct v4l2_buffer, m.planes, length, plane_type, INOUT,              \
		   .most = VIDEO_MAX_PLANES, .when = buffer_has_other_planes),           \
	KEPT_ADDRESS(struct v4l2_buffer, m.userptr, __VA_ARGS__)

static const struct layout_part buffer_parts[] = { BUFFER_PARTS(plane_other) };
LAYOUT_TYPE(buffer, struct v4l2_buffer, buffer_parts);

static const struct layout_part buffer_done_parts[] = { BUFFER_PARTS(plane_done, .flags = LAYOUT_DONE) };
LAYOUT_TYPE(buffer_done, struct v4l2_buffer, buffer_done_parts);

/* For what the driver takes. */
static const struct layout_part buffer_queue_parts[] = {
	KEPT(struct v4l2_buffer, m.userptr, length, type, index, INOUT, .when = buffer_is_userptr),
	/* The driver refuses another kind of memory than it has: what the program says counts. */
	EMBEDS(struct v4l2_buffer, m, fd_queue, .when = buffer_is_dmabuf),
	DESCRIPTOR_IN(struct v4l2_buffer, request_fd, .when = buffer_has_request),
	POINTER_TO(struct v4l2_buffer, m.planes, length, plane_queue, INOUT,
		   .most = VIDEO_MAX_PLANES, .when = buffer_has_dmabuf_planes),
	POINTER_TO(struct v4l2_buffer, m.planes, length, plane_userptr, INOUT,
		   .most = VIDEO_MAX_PLANES, .when = buffer_has_userptr_planes),
	POINTER(struct v4l2_buffer, m.planes, length, struct v4l2_plane, INOUT,
		.most = VIDEO_MAX_PLANES, .when = buffer_has_plain_planes),
};
LAYOUT_TYPE(buffer_queue, struct v4l2_buffer, buffer_queue_parts);

/* Also to other kinds of memory, and to none. */
static const struct layout_part request_buffers_parts[] = {
	FREES(struct v4l2_requestbuffers, type),
};
LAYOUT_TYPE(request_buffers, struct v4l2_requestbuffers, request_buffers_parts);

/* Zero for controls that are no more than their value (v4l2-ctrls-api.c). */
static bool control_has_payload(const void *in)
{
	struct v4l2_ext_control control;

	memcpy(&control, in, sizeof(control));
	return control.size != 0;
}

static bool controls_of_request(const void *in)
{
	struct v4l2_ext_controls controls;

	memcpy(&controls, in, sizeof(controls));
	return controls.which == V4L2_CTRL_WHICH_REQUEST_VAL;
}

static const struct layout_part ext_control_parts[] = {
	POINTER(struct v4l2_ext_control, ptr, size, __u8, INOUT, .when = control_has_payload),
};
LAYOUT_TYPE(ext_control, struct v4l2_ext_control, ext_control_parts);

static const struct layout_part ext_controls_parts[] = {
	DESCRIPTOR_IN(struct v4l2_ext_controls, request_fd, .when = controls_of_request),
	POINTER_TO(struct v4l2_ext_controls, controls, count, ext_control, INOUT,
		   .most = V4L2_CID_MAX_CTRLS),
};
LAYOUT_TYPE(ext_controls, struct v4l2_ext_controls, ext_controls_parts);

static const struct layout_part export_buffer_parts[] = {
	DESCRIPTOR_OUT(struct v4l2_exportbuffer, fd, DMABUF),
};
LAYOUT_TYPE(export_buffer, struct v4l2_exportbuffer, export_buffer_parts);

static const struct layout_part edid_parts[] = {
	POINTER(struct v4l2_edid, edid, blocks, __u8[128], INOUT, .most = 256),
};
LAYOUT_TYPE(edid, struct v4l2_edid, edid_parts);

/* A physical address: drivers let the driver domain's administrator set it only, and
 * a session has none of those rights. */
static bool framebuffer_flat(const void *in)
{
	struct v4l2_framebuffer framebuffer;

	memcpy(&framebuffer, in, sizeof(framebuffer));
	return !framebuffer.base;
}

static bool uvc_mapping_is_menu(const void *in)
{
	struct uvc_xu_control_mapping mapping;

	memcpy(&mapping, in, sizeof(mapping));
	return mapping.v4l2_type == V4L2_CTRL_TYPE_MENU;
}

static const struct layout_part uvc_mapping_parts[] = {
	POINTER(struct uvc_xu_control_mapping, menu_info, menu_count, struct uvc_menu_info, IN,
		.most = 32, .when = uvc_mapping_is_menu),
};
LAYOUT_TYPE(uvc_mapping, struct uvc_xu_control_mapping, uvc_mapping_parts);

static bool uvc_query_sets(const void *in)
{
	struct uvc_xu_control_query query;

	memcpy(&query, in, sizeof(query));
	return query.query == UVC_SET_CUR;
}

static bool uvc_query_gets(const void *in)
{
	return !uvc_query_sets(in);
}

static const struct layout_part uvc_query_parts[] = {
	POINTER(struct uvc_xu_control_query, data, size, __u8, IN, .when = uvc_query_sets),
	POINTER(struct uvc_xu_control_query, data, size, __u8, OUT, .when = uvc_query_gets),
};
LAYOUT_TYPE(uvc_query, struct uvc_xu_control_query, uvc_query_parts);

static const struct layout rows[] = {
	FLAT(VIDIOC_QUERYCAP, struct v4l2_capability),
	FLAT(VIDIOC_ENUM_FMT, struct v4l2_fmtdesc),
	NESTED(VIDIOC_G_FMT, struct v4l2_format, format),
	NESTED(VIDIOC_S_FMT, struct v4l2_format, format),
	NESTED(VIDIOC_TRY_FMT, struct v4l2_format, format),
	/* Without buffers, poll begins to read (vb2_poll() in videobuf2-v4l2.c). */
	NESTED_UNWATCHED(VIDIOC_REQBUFS, struct v4l2_requestbuffers, request_buffers),
	NESTED(VIDIOC_CREATE_BUFS, struct v4l2_create_buffers, create),
	NESTED(VIDIOC_QUERYBUF, struct v4l2_buffer, buffer),
	NESTED(VIDIOC_QBUF, struct v4l2_buffer, buffer_queue),
	NESTED(VIDIOC_PREPARE_BUF, struct v4l2_buffer, buffer_queue),
	NESTED(VIDIOC_DQBUF, struct v4l2_buffer, buffer_done),
	DESCRIPTOR(VIDIOC_EXPBUF, struct v4l2_exportbuffer, export_buffer),
	/* base is what the driver says, and nobody follows it. */
	FLAT(VIDIOC_G_FBUF, struct v4l2_framebuffer),
	FLAT_IF(VIDIOC_S_FBUF, struct v4l2_framebuffer, framebuffer_flat),
	FLAT(VIDIOC_OVERLAY, int),
	FLAT(VIDIOC_STREAMON, int),
	FLAT(VIDIOC_STREAMOFF, int),
	FLAT(VIDIOC_G_PARM, struct v4l2_streamparm),
	FLAT(VIDIOC_S_PARM, struct v4l2_streamparm),
	FLAT(VIDIOC_G_STD, v4l2_std_id),
	FLAT(VIDIOC_S_STD, v4l2_std_id),
	FLAT(VIDIOC_ENUMSTD, struct v4l2_standard),
	FLAT(VIDIOC_QUERYSTD, v4l2_std_id),
	FLAT(VIDIOC_ENUMINPUT, struct v4l2_input),
	FLAT(VIDIOC_G_INPUT, int),
	FLAT(VIDIOC_S_INPUT, int),
	FLAT(VIDIOC_ENUMOUTPUT, struct v4l2_output),
	FLAT(VIDIOC_G_OUTPUT, int),
	FLAT(VIDIOC_S_OUTPUT, int),
	FLAT(VIDIOC_G_CTRL, struct v4l2_control),
	FLAT(VIDIOC_S_CTRL, struct v4l2_control),
	NESTED(VIDIOC_G_EXT_CTRLS, struct v4l2_ext_controls, ext_controls),
	NESTED(VIDIOC_S_EXT_CTRLS, struct v4l2_ext_controls, ext_controls),
	NESTED(VIDIOC_TRY_EXT_CTRLS, struct v4l2_ext_controls, ext_controls),
	FLAT(VIDIOC_QUERYCTRL, struct v4l2_queryctrl),
	FLAT(VIDIOC_QUERY_EXT_CTRL, struct v4l2_query_ext_ctrl),
	FLAT(VIDIOC_QUERYMENU, struct v4l2_querymenu),
	FLAT(VIDIOC_G_TUNER, struct v4l2_tuner),
	FLAT(VIDIOC_S_TUNER, struct v4l2_tuner),
	FLAT(VIDIOC_G_MODULATOR, struct v4l2_modulator),
	FLAT(VIDIOC_S_MODULATOR, struct v4l2_modulator),
	FLAT(VIDIOC_G_FREQUENCY, struct v4l2_frequency),
	FLAT(VIDIOC_S_FREQUENCY, struct v4l2_frequency),
	FLAT(VIDIOC_ENUM_FREQ_BANDS, struct v4l2_frequency_band),
	FLAT(VIDIOC_S_HW_FREQ_SEEK, struct v4l2_hw_freq_seek),
	FLAT(VIDIOC_G_AUDIO, struct v4l2_audio),
	FLAT(VIDIOC_S_AUDIO, struct v4l2_audio),
	FLAT(VIDIOC_ENUMAUDIO, struct v4l2_audio),
	FLAT(VIDIOC_G_AUDOUT, struct v4l2_audioout),
	FLAT(VIDIOC_S_AUDOUT, struct v4l2_audioout),
	FLAT(VIDIOC_ENUMAUDOUT, struct v4l2_audioout),
	FLAT(VIDIOC_CROPCAP, struct v4l2_cropcap),
	FLAT(VIDIOC_G_CROP, struct v4l2_crop),
	FLAT(VIDIOC_S_CROP, struct v4l2_crop),
	FLAT(VIDIOC_G_SELECTION, struct v4l2_selection),
	FLAT(VIDIOC_S_SELECTION, struct v4l2_selection),
	FLAT(VIDIOC_G_JPEGCOMP, struct v4l2_jpegcompression),
	FLAT(VIDIOC_S_JPEGCOMP, struct v4l2_jpegcompression),
	FLAT(VIDIOC_G_PRIORITY, __u32),
	FLAT(VIDIOC_S_PRIORITY, __u32),
	FLAT(VIDIOC_G_SLICED_VBI_CAP, struct v4l2_sliced_vbi_cap),
	NO_ARGUMENT(VIDIOC_LOG_STATUS),
	FLAT(VIDIOC_ENUM_FRAMESIZES, struct v4l2_frmsizeenum),
	FLAT(VIDIOC_ENUM_FRAMEINTERVALS, struct v4l2_frmivalenum),
	FLAT(VIDIOC_G_ENC_INDEX, struct v4l2_enc_idx),
	FLAT(VIDIOC_ENCODER_CMD, struct v4l2_encoder_cmd),
	FLAT(VIDIOC_TRY_ENCODER_CMD, struct v4l2_encoder_cmd),
	FLAT(VIDIOC_DECODER_CMD, struct v4l2_decoder_cmd),
	FLAT(VIDIOC_TRY_DECODER_CMD, struct v4l2_decoder_cmd),
	NESTED(VIDIOC_G_EDID, struct v4l2_edid, edid),
	NESTED(VIDIOC_S_EDID, struct v4l2_edid, edid),
	FLAT(VIDIOC_S_DV_TIMINGS, struct v4l2_dv_timings),
	FLAT(VIDIOC_G_DV_TIMINGS, struct v4l2_dv_timings),
	FLAT(VIDIOC_QUERY_DV_TIMINGS, struct v4l2_dv_timings),
	FLAT(VIDIOC_ENUM_DV_TIMINGS, struct v4l2_enum_dv_timings),
	FLAT(VIDIOC_DV_TIMINGS_CAP, struct v4l2_dv_timings_cap),
	/* For an administrator of the driver domain, which a session is not. */
	FLAT(VIDIOC_DBG_G_REGISTER, struct v4l2_dbg_register),
	FLAT(VIDIOC_DBG_S_REGISTER, struct v4l2_dbg_register),
	FLAT(VIDIOC_DBG_G_CHIP_INFO, struct v4l2_dbg_chip_info),
	FLAT(VIDIOC_DQEVENT, struct v4l2_event),
	FLAT(VIDIOC_SUBSCRIBE_EVENT, struct v4l2_event_subscription),
	FLAT(VIDIOC_UNSUBSCRIBE_EVENT, struct v4l2_event_subscription),

	FLAT(VIDIOC_SUBDEV_QUERYCAP, struct v4l2_subdev_capability),
	FLAT(VIDIOC_SUBDEV_G_FMT, struct v4l2_subdev_format),
	FLAT(VIDIOC_SUBDEV_S_FMT, struct v4l2_subdev_format),
	FLAT(VIDIOC_SUBDEV_G_FRAME_INTERVAL, struct v4l2_subdev_frame_interval),
	FLAT(VIDIOC_SUBDEV_S_FRAME_INTERVAL, struct v4l2_subdev_frame_interval),
	FLAT(VIDIOC_SUBDEV_ENUM_MBUS_CODE, struct v4l2_subdev_mbus_code_enum),
	FLAT(VIDIOC_SUBDEV_ENUM_FRAME_SIZE, struct v4l2_subdev_frame_size_enum),
	FLAT(VIDIOC_SUBDEV_ENUM_FRAME_INTERVAL, struct v4l2_subdev_frame_interval_enum),
	FLAT(VIDIOC_SUBDEV_G_CROP, struct v4l2_subdev_crop),
	FLAT(VIDIOC_SUBDEV_S_CROP, struct v4l2_subdev_crop),
	FLAT(VIDIOC_SUBDEV_G_SELECTION, struct v4l2_subdev_selection),
	FLAT(VIDIOC_SUBDEV_S_SELECTION, struct v4l2_subdev_selection),

	NESTED(UVCIOC_CTRL_MAP, struct uvc_xu_control_mapping, uvc_mapping),
	NESTED(UVCIOC_CTRL_QUERY, struct uvc_xu_control_query, uvc_query),
};

LAYOUT_TABLE(layout_v4l2, "linux/videodev2.h, linux/v4l2-subdev.h, linux/uvcvideo.h", LAYOUT_CLASS(V4L2));

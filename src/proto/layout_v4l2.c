/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: video4linux nodes and sub-devices. Checked against
 * drivers/media/v4l2-core/v4l2-ioctl.c: video_usercopy() copies by the number's
 * own size and direction, check_array_args() says where it follows a pointer.
 *
 * Not flat: VIDIOC_G_EXT_CTRLS, S_, TRY_ (controls), VIDIOC_G_EDID and S_EDID
 * (edid), VIDIOC_EXPBUF (a new descriptor), VIDIOC_G_FBUF and S_FBUF (base, an
 * address of the machine to which the device then writes). Left out:
 * VIDIOC_DBG_G_REGISTER and the like, for the machine's administrator only.
 *
 * Sub-devices share G_STD, S_STD, ENUMSTD, QUERYSTD and the DV timings with video
 * nodes, number and structure alike.
 */
#include "config.h"

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

static bool format_flat(const void *in)
{
	struct v4l2_format format;

	memcpy(&format, in, sizeof(format));
	return format_type_flat(format.type);
}

static bool create_buffers_flat(const void *in)
{
	struct v4l2_create_buffers create;

	memcpy(&create, in, sizeof(create));
	return format_type_flat(create.format.type);
}

/* Of one plane (no array of planes), and in the driver's memory: the other kinds
 * of memory put a pointer or a descriptor into the union m. */
static bool buffer_is_mmap(const struct v4l2_buffer *buffer)
{
	return format_type_flat(buffer->type) && !V4L2_TYPE_IS_MULTIPLANAR(buffer->type) &&
	       buffer->memory == V4L2_MEMORY_MMAP;
}

/* For what the driver fills in: it ignores flags and m. */
static bool buffer_flat(const void *in)
{
	struct v4l2_buffer buffer;

	memcpy(&buffer, in, sizeof(buffer));
	return buffer_is_mmap(&buffer);
}

/* For what the driver takes: request_fd must not count either. */
static bool buffer_queue_flat(const void *in)
{
	struct v4l2_buffer buffer;

	memcpy(&buffer, in, sizeof(buffer));
	return buffer_is_mmap(&buffer) && !(buffer.flags & V4L2_BUF_FLAG_REQUEST_FD);
}

static const struct layout rows[] = {
	FLAT(VIDIOC_QUERYCAP, struct v4l2_capability),
	FLAT(VIDIOC_ENUM_FMT, struct v4l2_fmtdesc),
	FLAT_IF(VIDIOC_G_FMT, struct v4l2_format, format_flat),
	FLAT_IF(VIDIOC_S_FMT, struct v4l2_format, format_flat),
	FLAT_IF(VIDIOC_TRY_FMT, struct v4l2_format, format_flat),
	FLAT(VIDIOC_REQBUFS, struct v4l2_requestbuffers),
	FLAT_IF(VIDIOC_CREATE_BUFS, struct v4l2_create_buffers, create_buffers_flat),
	FLAT_IF(VIDIOC_QUERYBUF, struct v4l2_buffer, buffer_flat),
	FLAT_IF(VIDIOC_QBUF, struct v4l2_buffer, buffer_queue_flat),
	FLAT_IF(VIDIOC_PREPARE_BUF, struct v4l2_buffer, buffer_queue_flat),
	FLAT_IF(VIDIOC_DQBUF, struct v4l2_buffer, buffer_flat),
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
	FLAT(VIDIOC_S_DV_TIMINGS, struct v4l2_dv_timings),
	FLAT(VIDIOC_G_DV_TIMINGS, struct v4l2_dv_timings),
	FLAT(VIDIOC_QUERY_DV_TIMINGS, struct v4l2_dv_timings),
	FLAT(VIDIOC_ENUM_DV_TIMINGS, struct v4l2_enum_dv_timings),
	FLAT(VIDIOC_DV_TIMINGS_CAP, struct v4l2_dv_timings_cap),
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
};

LAYOUT_TABLE(layout_v4l2, "linux/videodev2.h, linux/v4l2-subdev.h", LAYOUT_CLASS(V4L2));

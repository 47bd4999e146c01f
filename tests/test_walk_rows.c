/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nested ioctls: rows of the tables, with drivers that copy as the kernel's do. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <libdrm/drm.h>
#include <linux/dma-heap.h>
#include <linux/media.h>
#include <linux/videodev2.h>
#include <sound/asound.h>
#include <stdlib.h>
#include <string.h>

#include "proto/layout_rows.h"
#include "walk_cases.h"
#include "walk_trip.h"

static const struct layout *row_of(uint32_t command)
{
	struct layout_need need;

	ck_assert_int_eq(layout_find(command, &need), 0);
	return need.row;
}

/* ---- DRM ---- */

static int copy_field(uint64_t to, size_t *lengthp, const char *text)
{
	size_t n = strlen(text), room = *lengthp;

	*lengthp = n;
	n = n < room ? n : room;
	return n && to ? driver_write(to, text, n) : 0;
}

/* drm_version(), drm_copy_field(). */
static int version_driver(uint64_t argument)
{
	struct drm_version version;

	if (driver_read(&version, argument, sizeof(version)) < 0)
		return -EFAULT;
	version.version_major = 6;
	if (copy_field((uintptr_t)version.name, &version.name_len, "virtio_gpu") < 0 ||
	    copy_field((uintptr_t)version.date, &version.date_len, "0") < 0 ||
	    copy_field((uintptr_t)version.desc, &version.desc_len, "virtio GPU") < 0)
		return -EFAULT;
	return driver_write(argument, &version, sizeof(version));
}

/* As libdrm does: lengths first. */
START_TEST(drm_version_in_two_calls)
{
	const struct layout *row = row_of(DRM_IOCTL_VERSION);
	struct drm_version version = { 0 };
	char name[11] = "", date[2] = "", desc[11] = "";

	ck_assert_int_eq(trip(row, &version, version_driver), 0);
	ck_assert_int_eq(version.version_major, 6);
	ck_assert_uint_eq(version.name_len, 10);
	ck_assert_uint_eq(version.desc_len, 10);
	version.name = name;
	version.date = date;
	version.desc = desc;
	ck_assert_int_eq(trip(row, &version, version_driver), 0);
	ck_assert_str_eq(name, "virtio_gpu");
	ck_assert_str_eq(date, "0");
	ck_assert_str_eq(desc, "virtio GPU");
	ck_assert_ptr_eq(version.name, name);
}
END_TEST

/* drm_mode_getresources(): writes no more than there is room for. */
static int resources_driver(uint64_t argument)
{
	static const uint32_t crtcs[] = { 31, 32 }, connectors[] = { 41, 42, 43 };
	struct drm_mode_card_res res;

	if (driver_read(&res, argument, sizeof(res)) < 0)
		return -EFAULT;
	for (uint32_t i = 0; i < 2 && i < res.count_crtcs; i++)
		if (driver_write(res.crtc_id_ptr + 4 * i, &crtcs[i], 4) < 0)
			return -EFAULT;
	for (uint32_t i = 0; i < 3 && i < res.count_connectors; i++)
		if (driver_write(res.connector_id_ptr + 4 * i, &connectors[i], 4) < 0)
			return -EFAULT;
	res.count_fbs = 0;
	res.count_crtcs = 2;
	res.count_connectors = 3;
	return driver_write(argument, &res, sizeof(res));
}

START_TEST(drm_resources)
{
	const struct layout *row = row_of(DRM_IOCTL_MODE_GETRESOURCES);
	struct drm_mode_card_res res = { 0 };
	uint32_t crtcs[4] = { 0 }, *connectors = page_end(4 * 4);

	ck_assert_int_eq(trip(row, &res, resources_driver), 0);
	ck_assert_uint_eq(res.count_connectors, 3);
	/* More than there are, and fewer; an array that is not all there. */
	res.count_crtcs = 4;
	res.count_connectors = 100;
	res.crtc_id_ptr = (uintptr_t)crtcs;
	res.connector_id_ptr = (uintptr_t)connectors;
	ck_assert_int_eq(trip(row, &res, resources_driver), 0);
	ck_assert_uint_eq(crtcs[1], 32);
	ck_assert_uint_eq(crtcs[2], 0);
	ck_assert_uint_eq(connectors[2], 43);
	res.count_crtcs = 1;
	crtcs[1] = 7;
	ck_assert_int_eq(trip(row, &res, resources_driver), 0);
	ck_assert_uint_eq(crtcs[1], 7);
	ck_assert_uint_eq(res.count_crtcs, 2);
	ck_assert_uint_eq(res.crtc_id_ptr, (uintptr_t)crtcs);
}
END_TEST

/* drm_mode_atomic_ioctl(): objects, how many properties each has, and those. */
static int atomic_driver(uint64_t argument)
{
	struct drm_mode_atomic atomic;
	uint32_t object, n, property, at = 0;
	uint64_t value, sum = 0;

	if (driver_read(&atomic, argument, sizeof(atomic)) < 0)
		return -EFAULT;
	for (uint32_t i = 0; i < atomic.count_objs; i++) {
		if (driver_read(&object, atomic.objs_ptr + 4 * i, 4) < 0 ||
		    driver_read(&n, atomic.count_props_ptr + 4 * i, 4) < 0)
			return -EFAULT;
		for (uint32_t j = 0; j < n; j++, at++) {
			if (driver_read(&property, atomic.props_ptr + 4 * at, 4) < 0 ||
			    driver_read(&value, atomic.prop_values_ptr + 8 * at, 8) < 0)
				return -EFAULT;
			sum += object * (property + value);
		}
	}
	return sum;
}

START_TEST(drm_atomic)
{
	const struct layout *row = row_of(DRM_IOCTL_MODE_ATOMIC);
	uint32_t objects[2] = { 10, 100 }, counts[2] = { 1, 2 }, properties[3] = { 1, 2, 3 };
	uint64_t values[3] = { 5, 6, 7 };
	struct drm_mode_atomic atomic = {
		.count_objs = 2,
		.objs_ptr = (uintptr_t)objects,
		.count_props_ptr = (uintptr_t)counts,
		.props_ptr = (uintptr_t)properties,
		.prop_values_ptr = (uintptr_t)values,
		.user_data = 0x1234567890,
	};

	ck_assert_int_eq(trip(row, &atomic, atomic_driver), 10 * 6 + 100 * 8 + 100 * 10);
	ck_assert_uint_eq(trip_changed, 0);
	counts[1] = 20000;
	ck_assert_int_eq(trip(row, &atomic, atomic_driver), -ENOMEM);
	counts[1] = 2;
	atomic.prop_values_ptr = (uintptr_t)page_end(16);
	ck_assert_int_eq(trip(row, &atomic, atomic_driver), -EFAULT);
	atomic.count_objs = 0;
	ck_assert_int_eq(trip(row, &atomic, atomic_driver), 0);
}
END_TEST

/* ---- V4L2 ---- */

/* v4l2-ctrls-api.c: array controls by c->ptr, strings by c->string, the rest by value. */
static int ext_controls_driver(uint64_t argument)
{
	static const uint8_t matrix[6] = { 1, 2, 3, 4, 5, 6 };
	struct v4l2_ext_controls controls;
	struct v4l2_ext_control control;

	if (driver_read(&controls, argument, sizeof(controls)) < 0)
		return -EFAULT;
	for (uint32_t i = 0; i < controls.count; i++) {
		uint64_t at = (uintptr_t)(controls.controls + i);

		if (driver_read(&control, at, sizeof(control)) < 0)
			return -EFAULT;
		if (control.id == 1)
			control.value++;
		if (control.id == 2 && driver_write((uintptr_t)control.string, "name", 5) < 0)
			return -EFAULT;
		if (control.id == 3 && control.size < sizeof(matrix)) {
			control.size = sizeof(matrix);
			controls.error_idx = i;
			driver_write(at, &control, sizeof(control));
			driver_write(argument, &controls, sizeof(controls));
			return -ENOSPC;
		}
		if (control.id == 3 && driver_write((uintptr_t)control.ptr, matrix, sizeof(matrix)) < 0)
			return -EFAULT;
		if (driver_write(at, &control, sizeof(control)) < 0)
			return -EFAULT;
	}
	return 0;
}

START_TEST(v4l2_extended_controls)
{
	const struct layout *row = row_of(VIDIOC_G_EXT_CTRLS);
	uint8_t name[8] = "", matrix[6] = "";
	struct v4l2_ext_control array[3] = {
		{ .id = 1, .value = 0x12345678 },
		{ .id = 2, .size = sizeof(name), .string = (char *)name },
		{ .id = 3, .size = 1, .ptr = matrix },
	};
	struct v4l2_ext_controls controls = { .count = 3, .controls = array };

	ck_assert_int_eq(trip(row, &controls, ext_controls_driver), -ENOSPC);
	ck_assert_uint_eq(controls.error_idx, 2);
	ck_assert_uint_eq(array[2].size, 6);
	ck_assert_ptr_eq(array[2].ptr, matrix);
	ck_assert_uint_eq(array[0].value, 0x12345679);
	ck_assert_int_eq(trip(row, &controls, ext_controls_driver), 0);
	ck_assert_uint_eq(array[0].value, 0x1234567a);
	ck_assert_str_eq((char *)name, "name");
	ck_assert_uint_eq(matrix[5], 6);
	ck_assert_ptr_eq(array[1].string, (char *)name);
}
END_TEST

static int plane_driver(uint64_t argument)
{
	struct v4l2_buffer buffer;
	struct v4l2_plane plane;

	if (driver_read(&buffer, argument, sizeof(buffer)) < 0)
		return -EFAULT;
	for (uint32_t i = 0; i < 2; i++) {
		uint64_t at = (uintptr_t)(buffer.m.planes + i);

		if (driver_read(&plane, at, sizeof(plane)) < 0)
			return -EFAULT;
		plane.m.mem_offset = 0x1000 * (i + 1);
		if (driver_write(at, &plane, sizeof(plane)) < 0)
			return -EFAULT;
	}
	buffer.length = 2;
	return driver_write(argument, &buffer, sizeof(buffer));
}

static int plane_less(uint64_t argument)
{
	return 7;
}

static int single_driver(uint64_t argument)
{
	struct v4l2_buffer buffer;

	if (driver_read(&buffer, argument, sizeof(buffer)) < 0)
		return -EFAULT;
	buffer.m.offset = 0x5000;
	return driver_write(argument, &buffer, sizeof(buffer));
}

START_TEST(v4l2_buffers_of_planes)
{
	const struct layout *row = row_of(VIDIOC_QUERYBUF);
	struct v4l2_plane planes[3] = { 0 };
	struct v4l2_buffer buffer = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
		.memory = V4L2_MEMORY_MMAP,
		.length = 3,
		.m.planes = planes,
	};

	ck_assert_int_eq(trip(row, &buffer, plane_driver), 0);
	ck_assert_uint_eq(buffer.length, 2);
	ck_assert_ptr_eq(buffer.m.planes, planes);
	ck_assert_uint_eq(planes[1].m.mem_offset, 0x2000);
	ck_assert_uint_eq(planes[2].m.mem_offset, 0);
	/* The same word is a cookie for mmap() in a buffer of one plane. */
	buffer.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	buffer.m.userptr = 0x123456789;
	ck_assert_int_eq(trip(row, &buffer, single_driver), 0);
	ck_assert_uint_eq(buffer.m.userptr, 0x100005000);
}
END_TEST

/* drivers/media/test-drivers/vivid: clips are copied from and to the caller. */
static int window_driver(uint64_t argument)
{
	struct v4l2_format format;
	struct v4l2_clip clip;

	if (driver_read(&format, argument, sizeof(format)) < 0)
		return -EFAULT;
	for (uint32_t i = 0; i < format.fmt.win.clipcount; i++) {
		uint64_t at = (uintptr_t)(format.fmt.win.clips + i);

		if (driver_read(&clip, at, sizeof(clip)) < 0)
			return -EFAULT;
		clip.c.width *= 2;
		if (driver_write(at, &clip, sizeof(clip)) < 0)
			return -EFAULT;
	}
	return format.fmt.win.bitmap ? driver_write((uintptr_t)format.fmt.win.bitmap, "bits", 4) : 0;
}

START_TEST(v4l2_windows_have_clips)
{
	const struct layout *row = row_of(VIDIOC_S_FMT);
	uint8_t *bitmap = page_end(100);
	struct v4l2_clip clips[2] = { { .c.width = 3, .next = &clips[1] }, { .c.width = 4 } };
	struct v4l2_format format = {
		.type = V4L2_BUF_TYPE_VIDEO_OVERLAY,
		.fmt.win = { .clips = clips, .clipcount = 2, .bitmap = bitmap },
	};

	ck_assert_int_eq(trip(row, &format, window_driver), 0);
	ck_assert_int_eq(clips[0].c.width, 6);
	ck_assert_int_eq(clips[1].c.width, 8);
	ck_assert_ptr_eq(clips[0].next, &clips[1]);
	ck_assert_ptr_eq(format.fmt.win.bitmap, bitmap);
	ck_assert_mem_eq(bitmap, "bits", 4);
	/* The same bytes are no pointers in another format. */
	format.type = V4L2_BUF_TYPE_META_OUTPUT;
	ck_assert_int_eq(trip(row, &format, plane_less), 7);
	ck_assert_ptr_eq(format.fmt.win.clips, clips);
}
END_TEST

START_TEST(v4l2_unknown_types_are_invalid)
{
	static const uint32_t types[] = { 0, 15, 0x80, 0xffffffff };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct v4l2_format format = { .type = types[i] };
		struct v4l2_create_buffers create = { .format.type = types[i] };

		ck_assert_int_eq(trip(row_of(VIDIOC_G_FMT), &format, plane_less), -EINVAL);
		ck_assert_int_eq(trip(row_of(VIDIOC_CREATE_BUFS), &create, plane_less), -EINVAL);
	}
}
END_TEST

/* Descriptors that a driver found in a buffer, plane by plane, or in it. */
static int32_t found[VIDEO_MAX_PLANES], found_request;
static int queue_driver(uint64_t argument)
{
	struct v4l2_buffer buffer;
	struct v4l2_plane plane;

	if (driver_read(&buffer, argument, sizeof(buffer)) < 0)
		return -EFAULT;
	found_request = buffer.request_fd;
	found[0] = buffer.m.fd;
	for (uint32_t i = 0; V4L2_TYPE_IS_MULTIPLANAR(buffer.type) && i < buffer.length; i++) {
		if (driver_read(&plane, (uintptr_t)(buffer.m.planes + i), sizeof(plane)) < 0)
			return -EFAULT;
		found[i] = plane.m.fd;
	}
	return 0;
}

START_TEST(v4l2_descriptors)
{
	const struct layout *row = row_of(VIDIOC_QBUF);
	struct v4l2_plane planes[2] = { { .m.fd = 5 }, { .m.fd = -6 } };
	struct v4l2_buffer buffer = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_DMABUF };

	buffer.m.fd = 3;
	buffer.request_fd = 4;
	ck_assert_int_eq(trip(row, &buffer, queue_driver), 0);
	ck_assert_int_eq(found[0], -1);
	ck_assert_int_eq(found_request, 4); /* means nothing without its flag */
	trip_number = 1234;
	buffer.flags = V4L2_BUF_FLAG_REQUEST_FD;
	ck_assert_int_eq(trip(row, &buffer, queue_driver), 0);
	ck_assert_int_eq(found[0], 1234);
	ck_assert_int_eq(found_request, 1234);
	ck_assert_int_eq(buffer.m.fd, 3);
	ck_assert_int_eq(buffer.request_fd, 4);
	buffer.type = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
	buffer.length = 2;
	buffer.m.planes = planes;
	ck_assert_int_eq(trip(row, &buffer, queue_driver), 0);
	ck_assert_int_eq(found[0], 1234);
	ck_assert_int_eq(found[1], -6);
	ck_assert_int_eq(planes[0].m.fd, 5);
	ck_assert_int_eq(planes[1].m.fd, -6);
	/* In another kind of buffer the same word is none. */
	buffer.memory = V4L2_MEMORY_MMAP;
	ck_assert_int_eq(trip(row, &buffer, queue_driver), 0);
	ck_assert_int_eq(found[0], 5);
}
END_TEST

static int export_driver(uint64_t argument)
{
	struct v4l2_exportbuffer export;

	if (driver_read(&export, argument, sizeof(export)) < 0)
		return -EFAULT;
	found[0] = export.fd;
	export.fd = 55;
	export.plane = 1;
	return driver_write(argument, &export, sizeof(export));
}

/* The program's number is nothing to the driver, nor the driver's to the program. */
START_TEST(v4l2_descriptor_that_is_made)
{
	struct v4l2_exportbuffer export = { .fd = 3 };

	ck_assert_int_eq(trip(row_of(VIDIOC_EXPBUF), &export, export_driver), 0);
	ck_assert_int_eq(found[0], -1);
	ck_assert_int_eq(export.fd, 3);
	ck_assert_uint_eq(export.plane, 1);
}
END_TEST

/* dma_heap_ioctl_allocate(): the place of the descriptor must be zero. */
static int heap_driver(uint64_t argument)
{
	struct dma_heap_allocation_data data;

	if (driver_read(&data, argument, sizeof(data)) < 0)
		return -EFAULT;
	found[0] = data.fd;
	data.fd = 5;
	return data.len == 8192 ? driver_write(argument, &data, sizeof(data)) : -EINVAL;
}

START_TEST(heap_descriptor)
{
	struct dma_heap_allocation_data data = { .len = 8192, .fd_flags = O_RDWR };

	ck_assert_int_eq(trip(row_of(DMA_HEAP_IOCTL_ALLOC), &data, heap_driver), 0);
	ck_assert_int_eq(found[0], 0);
	/* Which one the program gets is settled elsewhere. */
	ck_assert_int_eq(data.fd, 0);
	data.fd = 1;
	ck_assert_int_eq(trip(row_of(DMA_HEAP_IOCTL_ALLOC), &data, heap_driver), -EINVAL);
}
END_TEST

/* ---- media ---- */

/* __media_device_enum_links(): as many as the entity has. */
static int links_driver(uint64_t argument)
{
	struct media_links_enum links;
	struct media_pad_desc pad = { .entity = 5, .index = 1 };
	struct media_link_desc link = { .flags = MEDIA_LNK_FL_ENABLED };

	if (driver_read(&links, argument, sizeof(links)) < 0)
		return -EFAULT;
	for (int i = 0; links.pads && i < 2; i++)
		if (driver_write((uintptr_t)(links.pads + i), &pad, sizeof(pad)) < 0)
			return -EFAULT;
	for (int i = 0; links.links && i < 1; i++)
		if (driver_write((uintptr_t)(links.links + i), &link, sizeof(link)) < 0)
			return -EFAULT;
	return driver_write(argument, &links, sizeof(links));
}

START_TEST(media_links)
{
	const struct layout *row = row_of(MEDIA_IOC_ENUM_LINKS);
	struct media_pad_desc *pads = page_end(2 * sizeof(*pads));
	struct media_link_desc links[3];
	struct media_links_enum enumeration = { .entity = 5, .pads = pads, .links = links };

	memset(links, 0x77, sizeof(links));
	ck_assert_int_eq(trip(row, &enumeration, links_driver), 0);
	ck_assert_uint_eq(pads[1].entity, 5);
	ck_assert_uint_eq(links[0].flags, MEDIA_LNK_FL_ENABLED);
	ck_assert_uint_eq(links[1].flags, 0x77777777);
	ck_assert_ptr_eq(enumeration.pads, pads);
	enumeration.pads = pads + 1;
	ck_assert_int_eq(trip(row, &enumeration, links_driver), -EFAULT);
	enumeration.pads = NULL;
	ck_assert_int_eq(trip(row, &enumeration, links_driver), 0);
	ck_assert_ptr_null(enumeration.pads);
}
END_TEST

/* ---- ALSA ---- */

static struct snd_pcm_hw_params stereo(void)
{
	struct snd_pcm_hw_params params = { 0 };

	params.intervals[SNDRV_PCM_HW_PARAM_FRAME_BITS - SNDRV_PCM_HW_PARAM_FIRST_INTERVAL].min = 32;
	params.intervals[SNDRV_PCM_HW_PARAM_CHANNELS - SNDRV_PCM_HW_PARAM_FIRST_INTERVAL].min = 2;
	return params;
}

/* snd_pcm_xfern_frames_ioctl(): reads frames to each channel that there is. */
static int readn_driver(uint64_t argument)
{
	struct snd_xfern transfer;

	if (driver_read(&transfer, argument, sizeof(transfer)) < 0)
		return -EFAULT;
	for (unsigned int channel = 0; channel < 2; channel++) {
		uint64_t buffer = driver_pointer((uintptr_t)(transfer.bufs + channel));

		for (uint64_t i = 0; buffer && i < transfer.frames; i++) {
			int16_t sample = 100 * channel + i;

			if (driver_write(buffer + 2 * i, &sample, sizeof(sample)) < 0)
				return -EFAULT;
		}
	}
	transfer.result = transfer.frames;
	return driver_write(argument, &transfer.result, sizeof(transfer.result));
}

START_TEST(alsa_channels)
{
	const struct layout *hw_params = row_of(SNDRV_PCM_IOCTL_HW_PARAMS);
	const struct layout *row = row_of(SNDRV_PCM_IOCTL_READN_FRAMES);
	struct snd_pcm_hw_params params = stereo();
	int16_t left[8] = { 0 }, right[8] = { 0 };
	void *bufs[2] = { left, right };
	struct snd_xfern transfer = { .bufs = bufs, .frames = 7 };

	hw_params->learn(&trip_facts, &params);
	ck_assert_uint_eq(trip_facts.frame_bits, 32);
	ck_assert_int_eq(trip(row, &transfer, readn_driver), 0);
	ck_assert_int_eq(transfer.result, 7);
	ck_assert_int_eq(left[6], 6);
	ck_assert_int_eq(right[6], 106);
	ck_assert_int_eq(right[7], 0);
	ck_assert_ptr_eq(bufs[1], right);
	bufs[0] = NULL;
	left[0] = 5;
	ck_assert_int_eq(trip(row, &transfer, readn_driver), 0);
	ck_assert_int_eq(left[0], 5);
	/* More than a message carries: both channels get as many. */
	transfer.frames = 1000000;
	bufs[0] = calloc(1000000, 2);
	bufs[1] = calloc(1000000, 2);
	ck_assert_int_eq(trip(row, &transfer, readn_driver), 0);
	ck_assert_int_gt(transfer.result, 30000);
	ck_assert_int_lt(transfer.result, 40000);
	ck_assert_uint_eq(transfer.frames, 1000000);
	ck_assert_int_eq(((int16_t *)bufs[1])[transfer.result - 1], (int16_t)(100 + transfer.result - 1));
	ck_assert_int_eq(((int16_t *)bufs[1])[transfer.result], 0);
	free(bufs[0]);
	free(bufs[1]);
}
END_TEST

/* snd_pcm_xferi_frames_ioctl() before HW_PARAMS: the driver does not look. */
static int not_set_up(uint64_t argument)
{
	return -EBADFD;
}

START_TEST(alsa_frames_before_setup)
{
	int16_t samples[8];
	struct snd_xferi transfer = { .buf = samples, .frames = 4 };

	ck_assert_int_eq(trip(row_of(SNDRV_PCM_IOCTL_READI_FRAMES), &transfer, not_set_up), -EBADFD);
	ck_assert_ptr_eq(transfer.buf, samples);
}
END_TEST

/* ---- all rows ---- */

static uint32_t seed = 1;
static uint32_t any(uint32_t below)
{
	/* Xorshift (Marsaglia). */
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

/* Memory that is full of small numbers and of pointers into itself. */
static void fill(uint8_t *memory, size_t size)
{
	for (size_t at = 0; at + 8 <= size;) {
		uint32_t kind = any(4);
		uint64_t value = kind == 3 ? (uintptr_t)memory + any(size) : any(12);
		size_t n = kind < 2 ? 4 : 8;

		memcpy(memory + at, &value, n);
		at += n;
	}
}

static uint64_t driven;
static int driver_that_looks(uint64_t argument)
{
	driven = argument;
	return 0;
}

/* Both sides find the same in any memory, and what no driver touches stays. */
static void row_agrees(const struct layout *row)
{
	static uint8_t memory[8192] __attribute__((aligned(16))), before[8192];
	struct trip_message message;
	int r, n_served = 0;

	for (int i = 0; i < 500; i++) {
		fill(memory, sizeof(memory));
		memcpy(before, memory, sizeof(memory));
		r = trip_gather(row, memory, &message);
		if (r != 0) {
			ck_assert_msg(r == WALK_VARIANT || r == -ENOMEM ||
					      r == -E2BIG || r == -EINVAL,
				      "%s: %d", row->name, r);
			continue;
		}
		r = trip_declare(row, memory, &message);
		ck_assert_msg(r == 0, "%s: the halves differ: %d", row->name, r);
		ck_assert_int_eq(trip_drive(&message, driver_that_looks), 0);
		ck_assert_uint_ne(driven, (uintptr_t)memory);
		/* Of what is learnt all comes back. */
		ck_assert_msg(trip_changed == 0 || row->learn, "%s: %u bytes changed", row->name, trip_changed);
		ck_assert_mem_eq(memory, before, sizeof(memory));
		n_served++;
	}
	ck_assert_msg(n_served > 0, "%s is never served", row->name);
}

START_TEST(both_halves_agree)
{
	trip_facts = (struct layout_facts){ .frame_bits = 64, .channels = 4 };
	for (size_t i = 0; layout_tables[i]; i++)
		for (uint32_t j = 0; j < layout_tables[i]->n_rows; j++)
			if (layout_tables[i]->rows[j].type)
				row_agrees(&layout_tables[i]->rows[j]);
}
END_TEST

TCase *case_rows(void)
{
	TCase *tcase = tcase_create("rows");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, trip_setup, trip_teardown);
	tcase_add_test(tcase, drm_version_in_two_calls);
	tcase_add_test(tcase, drm_resources);
	tcase_add_test(tcase, drm_atomic);
	tcase_add_test(tcase, v4l2_extended_controls);
	tcase_add_test(tcase, v4l2_buffers_of_planes);
	tcase_add_test(tcase, v4l2_windows_have_clips);
	tcase_add_test(tcase, v4l2_unknown_types_are_invalid);
	tcase_add_test(tcase, v4l2_descriptors);
	tcase_add_test(tcase, v4l2_descriptor_that_is_made);
	tcase_add_test(tcase, heap_descriptor);
	tcase_add_test(tcase, media_links);
	tcase_add_test(tcase, alsa_channels);
	tcase_add_test(tcase, alsa_frames_before_setup);
	tcase_add_test(tcase, both_halves_agree);
	return tcase;
}

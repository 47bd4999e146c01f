/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: ALSA control, PCM, raw MIDI, timer and hwdep nodes. Checked against
 * sound/core: control.c, pcm.c, pcm_native.c, rawmidi.c, timer.c, hwdep.c. The
 * numbers' directions are often wrong.
 *
 * SNDRV_PCM_IOCTL_PAUSE takes a small number.
 *
 * How many bytes a frame has is nowhere in the structures that move frames; it is
 * learnt from HW_PARAMS. More frames than a message carries are moved in part, as
 * drivers do by themselves when a signal comes.
 */
#include "config.h"

#include <sound/asound.h>
#include <string.h>

#include "proto/layout_rows.h"

/* A new element's names_ptr is followed for enumerated ones only:
 * snd_ctl_elem_add() and snd_ctl_elem_init_enum_names() in control.c. */
static bool elem_is_enumerated(const void *in)
{
	struct snd_ctl_elem_info info;

	memcpy(&info, in, sizeof(info));
	return info.type == SNDRV_CTL_ELEM_TYPE_ENUMERATED;
}

static const struct layout_part elem_add_parts[] = {
	POINTER(struct snd_ctl_elem_info, value.enumerated.names_ptr, value.enumerated.names_length,
		__u8, IN, .most = 64 * 1024, .when = elem_is_enumerated),
};
LAYOUT_TYPE(elem_add, struct snd_ctl_elem_info, elem_add_parts);

static const struct layout_part elem_list_parts[] = {
	CLAMP(struct snd_ctl_elem_list, space, struct snd_ctl_elem_id),
	POINTER(struct snd_ctl_elem_list, pids, space, struct snd_ctl_elem_id, OUT),
};
LAYOUT_TYPE(elem_list, struct snd_ctl_elem_list, elem_list_parts);

static const struct layout_part tlv_parts[] = {
	FOLLOWS(struct snd_ctl_tlv, length, __u8, INOUT),
};
LAYOUT_TYPE(tlv, struct snd_ctl_tlv, tlv_parts);

static uint32_t interval_get(const struct snd_pcm_hw_params *params, unsigned int which)
{
	return params->intervals[which - SNDRV_PCM_HW_PARAM_FIRST_INTERVAL].min;
}

/* Each interval has one value when the parameters are set (pcm_native.c). */
static void hw_params_learn(struct layout_facts *facts, const void *structure)
{
	struct snd_pcm_hw_params params;

	memcpy(&params, structure, sizeof(params));
	facts->frame_bits = interval_get(&params, SNDRV_PCM_HW_PARAM_FRAME_BITS);
	facts->channels = interval_get(&params, SNDRV_PCM_HW_PARAM_CHANNELS);
}

static uint32_t frame_bits(const struct layout_facts *facts)
{
	return facts->frame_bits;
}

static uint32_t sample_bits(const struct layout_facts *facts)
{
	return facts->channels ? facts->frame_bits / facts->channels : 0;
}

static uint64_t channel_pointers(const void *structure, const struct layout_facts *facts)
{
	return (uint64_t)facts->channels * sizeof(void *);
}

static const struct layout_part writei_parts[] = {
	CLAMP_BITS(struct snd_xferi, frames, frame_bits),
	POINTER_BITS(struct snd_xferi, buf, frames, frame_bits, IN),
};
LAYOUT_TYPE(writei, struct snd_xferi, writei_parts);

static const struct layout_part readi_parts[] = {
	CLAMP_BITS(struct snd_xferi, frames, frame_bits),
	POINTER_BITS(struct snd_xferi, buf, frames, frame_bits, OUT),
};
LAYOUT_TYPE(readi, struct snd_xferi, readi_parts);

/* bufs: one pointer for each channel, NULL for silence. */
struct channel_buffer {
	void *samples;
};
static const struct layout_part writen_channel_parts[] = {
	{ .kind = LAYOUT_POINTER, .access = LAYOUT_IN, LAYOUT_COUNT(struct snd_xfern, frames),
	  .bits = sample_bits, .flags = LAYOUT_OF_PARENT },
};
LAYOUT_TYPE(writen_channel, struct channel_buffer, writen_channel_parts);
static const struct layout_part writen_parts[] = {
	CLAMP_BITS(struct snd_xfern, frames, frame_bits),
	POINTER_LENGTH_TO(struct snd_xfern, bufs, channel_pointers, writen_channel, IN),
};
LAYOUT_TYPE(writen, struct snd_xfern, writen_parts);

static const struct layout_part readn_channel_parts[] = {
	{ .kind = LAYOUT_POINTER, .access = LAYOUT_OUT, LAYOUT_COUNT(struct snd_xfern, frames),
	  .bits = sample_bits, .flags = LAYOUT_OF_PARENT },
};
LAYOUT_TYPE(readn_channel, struct channel_buffer, readn_channel_parts);
static const struct layout_part readn_parts[] = {
	CLAMP_BITS(struct snd_xfern, frames, frame_bits),
	POINTER_LENGTH_TO(struct snd_xfern, bufs, channel_pointers, readn_channel, IN),
};
LAYOUT_TYPE(readn, struct snd_xfern, readn_parts);

static const struct layout_part dsp_image_parts[] = {
	POINTER(struct snd_hwdep_dsp_image, image, length, __u8, IN),
};
LAYOUT_TYPE(dsp_image, struct snd_hwdep_dsp_image, dsp_image_parts);

static const struct layout rows[] = {
	FLAT(SNDRV_CTL_IOCTL_PVERSION, int),
	FLAT(SNDRV_CTL_IOCTL_CARD_INFO, struct snd_ctl_card_info),
	NESTED(SNDRV_CTL_IOCTL_ELEM_LIST, struct snd_ctl_elem_list, elem_list),
	NESTED(SNDRV_CTL_IOCTL_TLV_READ, struct snd_ctl_tlv, tlv),
	NESTED(SNDRV_CTL_IOCTL_TLV_WRITE, struct snd_ctl_tlv, tlv),
	NESTED(SNDRV_CTL_IOCTL_TLV_COMMAND, struct snd_ctl_tlv, tlv),
	/* snd_ctl_elem_info_user() ignores names_ptr. */
	FLAT(SNDRV_CTL_IOCTL_ELEM_INFO, struct snd_ctl_elem_info),
	/* value_ptr and data_ptr of the unions are obsolete: no file below sound/
	 * uses them, nor `indirect`. */
	FLAT(SNDRV_CTL_IOCTL_ELEM_READ, struct snd_ctl_elem_value),
	FLAT(SNDRV_CTL_IOCTL_ELEM_WRITE, struct snd_ctl_elem_value),
	FLAT(SNDRV_CTL_IOCTL_ELEM_LOCK, struct snd_ctl_elem_id),
	FLAT(SNDRV_CTL_IOCTL_ELEM_UNLOCK, struct snd_ctl_elem_id),
	FLAT(SNDRV_CTL_IOCTL_SUBSCRIBE_EVENTS, int),
	NESTED(SNDRV_CTL_IOCTL_ELEM_ADD, struct snd_ctl_elem_info, elem_add),
	NESTED(SNDRV_CTL_IOCTL_ELEM_REPLACE, struct snd_ctl_elem_info, elem_add),
	FLAT(SNDRV_CTL_IOCTL_ELEM_REMOVE, struct snd_ctl_elem_id),
	FLAT(SNDRV_CTL_IOCTL_HWDEP_NEXT_DEVICE, int),
	/* _IOR, but `device` is read: snd_hwdep_control_ioctl(). */
	FLAT_INOUT(SNDRV_CTL_IOCTL_HWDEP_INFO, struct snd_hwdep_info),
	/* _IOR, but the last device is read: snd_pcm_control_ioctl(). */
	FLAT_INOUT(SNDRV_CTL_IOCTL_PCM_NEXT_DEVICE, int),
	FLAT(SNDRV_CTL_IOCTL_PCM_INFO, struct snd_pcm_info),
	FLAT(SNDRV_CTL_IOCTL_PCM_PREFER_SUBDEVICE, int),
	FLAT(SNDRV_CTL_IOCTL_RAWMIDI_NEXT_DEVICE, int),
	FLAT(SNDRV_CTL_IOCTL_RAWMIDI_INFO, struct snd_rawmidi_info),
	FLAT(SNDRV_CTL_IOCTL_RAWMIDI_PREFER_SUBDEVICE, int),
	FLAT(SNDRV_CTL_IOCTL_POWER_STATE, int),

	FLAT(SNDRV_PCM_IOCTL_PVERSION, int),
	FLAT(SNDRV_PCM_IOCTL_INFO, struct snd_pcm_info),
	/* Kept for old programs: the driver looks at nothing and returns 0. */
	NO_ARGUMENT(SNDRV_PCM_IOCTL_TSTAMP),
	FLAT(SNDRV_PCM_IOCTL_TTSTAMP, int),
	FLAT(SNDRV_PCM_IOCTL_USER_PVERSION, int),
	FLAT(SNDRV_PCM_IOCTL_HW_REFINE, struct snd_pcm_hw_params),
	FLAT_LEARN(SNDRV_PCM_IOCTL_HW_PARAMS, struct snd_pcm_hw_params, hw_params_learn),
	NO_ARGUMENT(SNDRV_PCM_IOCTL_HW_FREE),
	FLAT(SNDRV_PCM_IOCTL_SW_PARAMS, struct snd_pcm_sw_params),
	FLAT(SNDRV_PCM_IOCTL_STATUS, struct snd_pcm_status),
	FLAT(SNDRV_PCM_IOCTL_STATUS_EXT, struct snd_pcm_status),
	FLAT(SNDRV_PCM_IOCTL_DELAY, snd_pcm_sframes_t),
	NO_ARGUMENT(SNDRV_PCM_IOCTL_HWSYNC),
	FLAT(SNDRV_PCM_IOCTL_SYNC_PTR, struct snd_pcm_sync_ptr),
	/* _IOR, but `channel` is read. */
	FLAT_INOUT(SNDRV_PCM_IOCTL_CHANNEL_INFO, struct snd_pcm_channel_info),
	NO_ARGUMENT(SNDRV_PCM_IOCTL_PREPARE),
	NO_ARGUMENT(SNDRV_PCM_IOCTL_RESET),
	NO_ARGUMENT(SNDRV_PCM_IOCTL_START),
	NO_ARGUMENT(SNDRV_PCM_IOCTL_DROP),
	NO_ARGUMENT(SNDRV_PCM_IOCTL_DRAIN),
	NO_ARGUMENT(SNDRV_PCM_IOCTL_RESUME),
	NO_ARGUMENT(SNDRV_PCM_IOCTL_XRUN),
	DESCRIPTOR_ARGUMENT(SNDRV_PCM_IOCTL_LINK),
	NO_ARGUMENT(SNDRV_PCM_IOCTL_UNLINK),
	/* The directions are those of the sound; `result` is written in any case. */
	NESTED_INOUT(SNDRV_PCM_IOCTL_WRITEI_FRAMES, struct snd_xferi, writei),
	NESTED_INOUT(SNDRV_PCM_IOCTL_READI_FRAMES, struct snd_xferi, readi),
	NESTED_INOUT(SNDRV_PCM_IOCTL_WRITEN_FRAMES, struct snd_xfern, writen),
	NESTED_INOUT(SNDRV_PCM_IOCTL_READN_FRAMES, struct snd_xfern, readn),
	/* _IOW, but the frames that were moved are written. */
	FLAT_INOUT(SNDRV_PCM_IOCTL_REWIND, snd_pcm_uframes_t),
	FLAT_INOUT(SNDRV_PCM_IOCTL_FORWARD, snd_pcm_uframes_t),

	FLAT(SNDRV_RAWMIDI_IOCTL_PVERSION, int),
	/* _IOR, but `stream` is read. */
	FLAT_INOUT(SNDRV_RAWMIDI_IOCTL_INFO, struct snd_rawmidi_info),
	FLAT(SNDRV_RAWMIDI_IOCTL_USER_PVERSION, int),
	FLAT(SNDRV_RAWMIDI_IOCTL_PARAMS, struct snd_rawmidi_params),
	FLAT(SNDRV_RAWMIDI_IOCTL_STATUS, struct snd_rawmidi_status),
	FLAT(SNDRV_RAWMIDI_IOCTL_DROP, int),
	FLAT(SNDRV_RAWMIDI_IOCTL_DRAIN, int),

	FLAT(SNDRV_TIMER_IOCTL_PVERSION, int),
	FLAT(SNDRV_TIMER_IOCTL_NEXT_DEVICE, struct snd_timer_id),
	FLAT(SNDRV_TIMER_IOCTL_TREAD_OLD, int),
	FLAT(SNDRV_TIMER_IOCTL_TREAD64, int),
	FLAT(SNDRV_TIMER_IOCTL_GINFO, struct snd_timer_ginfo),
	FLAT(SNDRV_TIMER_IOCTL_GPARAMS, struct snd_timer_gparams),
	FLAT(SNDRV_TIMER_IOCTL_GSTATUS, struct snd_timer_gstatus),
	FLAT(SNDRV_TIMER_IOCTL_SELECT, struct snd_timer_select),
	FLAT(SNDRV_TIMER_IOCTL_INFO, struct snd_timer_info),
	/* _IOW, but the parameters in force are written. */
	FLAT_INOUT(SNDRV_TIMER_IOCTL_PARAMS, struct snd_timer_params),
	FLAT(SNDRV_TIMER_IOCTL_STATUS, struct snd_timer_status),
	NO_ARGUMENT(SNDRV_TIMER_IOCTL_START),
	NO_ARGUMENT(SNDRV_TIMER_IOCTL_STOP),
	NO_ARGUMENT(SNDRV_TIMER_IOCTL_CONTINUE),
	NO_ARGUMENT(SNDRV_TIMER_IOCTL_PAUSE),

	FLAT(SNDRV_HWDEP_IOCTL_PVERSION, int),
	FLAT(SNDRV_HWDEP_IOCTL_INFO, struct snd_hwdep_info),
	FLAT(SNDRV_HWDEP_IOCTL_DSP_STATUS, struct snd_hwdep_dsp_status),
	NESTED(SNDRV_HWDEP_IOCTL_DSP_LOAD, struct snd_hwdep_dsp_image, dsp_image),
};

LAYOUT_TABLE(layout_sound, "sound/asound.h", LAYOUT_CLASS(SOUND));

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: ALSA control, PCM, raw MIDI, timer and hwdep nodes. Checked against
 * sound/core: control.c, pcm.c, pcm_native.c, rawmidi.c, timer.c, hwdep.c. The
 * numbers' directions are often wrong.
 *
 * Not flat: SNDRV_CTL_IOCTL_ELEM_LIST (pids), SNDRV_CTL_IOCTL_TLV_… (data follows
 * the structure), SNDRV_PCM_IOCTL_WRITEI_FRAMES, READI_, WRITEN_ and READN_ (buf,
 * bufs), SNDRV_PCM_IOCTL_LINK (a descriptor), SNDRV_HWDEP_IOCTL_DSP_LOAD (image).
 * SNDRV_PCM_IOCTL_PAUSE takes a small number.
 */
#include "config.h"

#include <sound/asound.h>
#include <string.h>

#include "proto/layout_rows.h"

/* A new element's names_ptr is followed for enumerated ones only:
 * snd_ctl_elem_add() and snd_ctl_elem_init_enum_names() in control.c. */
static bool elem_info_flat(const void *in)
{
	struct snd_ctl_elem_info info;

	memcpy(&info, in, sizeof(info));
	switch (info.type) {
	case SNDRV_CTL_ELEM_TYPE_BOOLEAN:
	case SNDRV_CTL_ELEM_TYPE_INTEGER:
	case SNDRV_CTL_ELEM_TYPE_BYTES:
	case SNDRV_CTL_ELEM_TYPE_IEC958:
	case SNDRV_CTL_ELEM_TYPE_INTEGER64:
		return true;
	default:
		return false;
	}
}

static const struct layout rows[] = {
	FLAT(SNDRV_CTL_IOCTL_PVERSION, int),
	FLAT(SNDRV_CTL_IOCTL_CARD_INFO, struct snd_ctl_card_info),
	/* snd_ctl_elem_info_user() ignores names_ptr. */
	FLAT(SNDRV_CTL_IOCTL_ELEM_INFO, struct snd_ctl_elem_info),
	/* value_ptr and data_ptr of the unions are obsolete: no file below sound/
	 * uses them, nor `indirect`. */
	FLAT(SNDRV_CTL_IOCTL_ELEM_READ, struct snd_ctl_elem_value),
	FLAT(SNDRV_CTL_IOCTL_ELEM_WRITE, struct snd_ctl_elem_value),
	FLAT(SNDRV_CTL_IOCTL_ELEM_LOCK, struct snd_ctl_elem_id),
	FLAT(SNDRV_CTL_IOCTL_ELEM_UNLOCK, struct snd_ctl_elem_id),
	FLAT(SNDRV_CTL_IOCTL_SUBSCRIBE_EVENTS, int),
	FLAT_IF(SNDRV_CTL_IOCTL_ELEM_ADD, struct snd_ctl_elem_info, elem_info_flat),
	FLAT_IF(SNDRV_CTL_IOCTL_ELEM_REPLACE, struct snd_ctl_elem_info, elem_info_flat),
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
	FLAT(SNDRV_PCM_IOCTL_TSTAMP, int),
	FLAT(SNDRV_PCM_IOCTL_TTSTAMP, int),
	FLAT(SNDRV_PCM_IOCTL_USER_PVERSION, int),
	FLAT(SNDRV_PCM_IOCTL_HW_REFINE, struct snd_pcm_hw_params),
	FLAT(SNDRV_PCM_IOCTL_HW_PARAMS, struct snd_pcm_hw_params),
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
	NO_ARGUMENT(SNDRV_PCM_IOCTL_UNLINK),
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
};

LAYOUT_TABLE(layout_sound, "sound/asound.h", LAYOUT_CLASS(SOUND));

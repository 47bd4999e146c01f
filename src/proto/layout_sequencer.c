/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: the ALSA sequencer. Checked against sound/core/seq/seq_clientmgr.c.
 */
#include "config.h"

#include <sound/asequencer.h>
#include <string.h>

#include "proto/layout_rows.h"

/* The member `kernel` is for clients in the kernel. It is refused or ignored for
 * others; refusing it here too makes that no concern of this table. */
static bool port_info_flat(const void *in)
{
	struct snd_seq_port_info info;

	memcpy(&info, in, sizeof(info));
	return !info.kernel;
}

static const struct layout rows[] = {
	FLAT(SNDRV_SEQ_IOCTL_PVERSION, int),
	FLAT(SNDRV_SEQ_IOCTL_CLIENT_ID, int),
	FLAT(SNDRV_SEQ_IOCTL_SYSTEM_INFO, struct snd_seq_system_info),
	FLAT(SNDRV_SEQ_IOCTL_RUNNING_MODE, struct snd_seq_running_info),
	FLAT(SNDRV_SEQ_IOCTL_USER_PVERSION, int),
	FLAT(SNDRV_SEQ_IOCTL_GET_CLIENT_INFO, struct snd_seq_client_info),
	FLAT(SNDRV_SEQ_IOCTL_SET_CLIENT_INFO, struct snd_seq_client_info),
	FLAT_IF(SNDRV_SEQ_IOCTL_CREATE_PORT, struct snd_seq_port_info, port_info_flat),
	FLAT_IF(SNDRV_SEQ_IOCTL_DELETE_PORT, struct snd_seq_port_info, port_info_flat),
	FLAT_IF(SNDRV_SEQ_IOCTL_GET_PORT_INFO, struct snd_seq_port_info, port_info_flat),
	FLAT_IF(SNDRV_SEQ_IOCTL_SET_PORT_INFO, struct snd_seq_port_info, port_info_flat),
	FLAT(SNDRV_SEQ_IOCTL_SUBSCRIBE_PORT, struct snd_seq_port_subscribe),
	FLAT(SNDRV_SEQ_IOCTL_UNSUBSCRIBE_PORT, struct snd_seq_port_subscribe),
	FLAT(SNDRV_SEQ_IOCTL_CREATE_QUEUE, struct snd_seq_queue_info),
	FLAT(SNDRV_SEQ_IOCTL_DELETE_QUEUE, struct snd_seq_queue_info),
	FLAT(SNDRV_SEQ_IOCTL_GET_QUEUE_INFO, struct snd_seq_queue_info),
	FLAT(SNDRV_SEQ_IOCTL_SET_QUEUE_INFO, struct snd_seq_queue_info),
	FLAT(SNDRV_SEQ_IOCTL_GET_NAMED_QUEUE, struct snd_seq_queue_info),
	FLAT(SNDRV_SEQ_IOCTL_GET_QUEUE_STATUS, struct snd_seq_queue_status),
	FLAT(SNDRV_SEQ_IOCTL_GET_QUEUE_TEMPO, struct snd_seq_queue_tempo),
	FLAT(SNDRV_SEQ_IOCTL_SET_QUEUE_TEMPO, struct snd_seq_queue_tempo),
	FLAT(SNDRV_SEQ_IOCTL_GET_QUEUE_TIMER, struct snd_seq_queue_timer),
	FLAT(SNDRV_SEQ_IOCTL_SET_QUEUE_TIMER, struct snd_seq_queue_timer),
	FLAT(SNDRV_SEQ_IOCTL_GET_QUEUE_CLIENT, struct snd_seq_queue_client),
	/* _IOW, but snd_seq_ioctl() writes these two back. */
	FLAT_INOUT(SNDRV_SEQ_IOCTL_SET_QUEUE_CLIENT, struct snd_seq_queue_client),
	FLAT(SNDRV_SEQ_IOCTL_GET_CLIENT_POOL, struct snd_seq_client_pool),
	FLAT_INOUT(SNDRV_SEQ_IOCTL_SET_CLIENT_POOL, struct snd_seq_client_pool),
	FLAT(SNDRV_SEQ_IOCTL_REMOVE_EVENTS, struct snd_seq_remove_events),
	FLAT(SNDRV_SEQ_IOCTL_QUERY_SUBS, struct snd_seq_query_subs),
	FLAT(SNDRV_SEQ_IOCTL_GET_SUBSCRIPTION, struct snd_seq_port_subscribe),
	FLAT(SNDRV_SEQ_IOCTL_QUERY_NEXT_CLIENT, struct snd_seq_client_info),
	FLAT_IF(SNDRV_SEQ_IOCTL_QUERY_NEXT_PORT, struct snd_seq_port_info, port_info_flat),
};

LAYOUT_TABLE(layout_sequencer, "sound/asequencer.h", LAYOUT_CLASS(SOUND));

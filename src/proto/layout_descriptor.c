/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: what descriptors that ioctls of devices return have ioctls for.
 * Checked against drivers/dma-buf/dma-buf.c and sync_file.c, drivers/media/mc/
 * mc-request.c. A syncobj's own descriptor has none.
 */
#include "config.h"

#include <linux/dma-buf.h>
#include <linux/media.h>
#include <linux/sync_file.h>

#include "proto/layout_rows.h"

static const struct layout_part export_sync_parts[] = {
	DESCRIPTOR_OUT(struct dma_buf_export_sync_file, fd, SYNC_FILE),
};
LAYOUT_TYPE(export_sync, struct dma_buf_export_sync_file, export_sync_parts);

static const struct layout_part import_sync_parts[] = {
	DESCRIPTOR_IN(struct dma_buf_import_sync_file, fd),
};
LAYOUT_TYPE(import_sync, struct dma_buf_import_sync_file, import_sync_parts);

static const struct layout_part merge_parts[] = {
	DESCRIPTOR_IN(struct sync_merge_data, fd2),
	DESCRIPTOR_OUT(struct sync_merge_data, fence, SYNC_FILE),
};
LAYOUT_TYPE(merge, struct sync_merge_data, merge_parts);

static const struct layout_part sync_info_parts[] = {
	POINTER(struct sync_file_info, sync_fence_info, num_fences, struct sync_fence_info, OUT),
};
LAYOUT_TYPE(sync_info, struct sync_file_info, sync_info_parts);

static const struct layout rows[] = {
	FLAT(DMA_BUF_IOCTL_SYNC, struct dma_buf_sync),
	STRING_IN(DMA_BUF_SET_NAME_A, DMA_BUF_NAME_LEN),
	STRING_IN(DMA_BUF_SET_NAME_B, DMA_BUF_NAME_LEN),
	DESCRIPTOR(DMA_BUF_IOCTL_EXPORT_SYNC_FILE, struct dma_buf_export_sync_file, export_sync),
	DESCRIPTOR(DMA_BUF_IOCTL_IMPORT_SYNC_FILE, struct dma_buf_import_sync_file, import_sync),
	DESCRIPTOR(SYNC_IOC_MERGE, struct sync_merge_data, merge),
	NESTED(SYNC_IOC_FILE_INFO, struct sync_file_info, sync_info),
	NO_ARGUMENT(MEDIA_REQUEST_IOC_QUEUE),
	NO_ARGUMENT(MEDIA_REQUEST_IOC_REINIT),
};

LAYOUT_TABLE(layout_descriptor, "linux/dma-buf.h, linux/sync_file.h, linux/media.h",
	     LAYOUT_CLASS(DMABUF) | LAYOUT_CLASS(SYNC_FILE) | LAYOUT_CLASS(MEDIA_REQUEST));

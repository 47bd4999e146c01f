/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Look-up in the layout tables. The index is a hash over all rows, built once
 * (pthread_once) and constant afterwards, so look-ups take no lock. Rows with a
 * free size or index are found by looking up the command under each mask that
 * occurs in the tables; those are few.
 */
#include "config.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <sound/asound.h>
#include <stddef.h>
#include <string.h>

#include "proto/layout_rows.h"

#define INDEX_BITS 11
#define INDEX_SLOTS (1u << INDEX_BITS)
#define INDEX_MASKS 8u

struct index_slot {
	const struct layout *row; /* NULL: free */
	const struct layout_table *table;
	bool may_carry;
};

static struct {
	pthread_once_t once;
	uint32_t n_rows;
	uint32_t n_masks;
	uint32_t masks[INDEX_MASKS];
	struct index_slot slots[INDEX_SLOTS];
} layout_index = { .once = PTHREAD_ONCE_INIT };

const struct layout_table *const layout_tables[] = {
	&layout_input, &layout_uinput, &layout_hidraw, &layout_rtc, &layout_random,
	&layout_watchdog, &layout_v4l2, &layout_media, &layout_cec, &layout_dvb,
	&layout_sound, &layout_sequencer, &layout_tty, &layout_tun, &layout_drm,
	&layout_virtgpu, &layout_fb, &layout_ptp, &layout_spi, &layout_i2c, &layout_console,
	&layout_netmap, &layout_gpio, &layout_dma_heap, &layout_descriptor, NULL,
};

static uint32_t index_hash(uint32_t command)
{
	/* Multiplicative hashing, Knuth, The Art of Computer Programming, 6.4. */
	return command * 2654435769u >> (32 - INDEX_BITS);
}

/* False if there is no more room for another mask. */
static bool index_add_mask(uint32_t mask)
{
	for (uint32_t i = 0; i < layout_index.n_masks; i++)
		if (layout_index.masks[i] == mask)
			return true;
	if (layout_index.n_masks == INDEX_MASKS)
		return false;
	layout_index.masks[layout_index.n_masks++] = mask;
	return true;
}

/* True if the structure, or what it points to, has a part of layout_part_carries(). */
static bool type_may_carry(const struct layout_type *type)
{
	bool found = false;

	for (uint16_t i = 0; type && !found && i < type->n_parts; i++) {
		const struct layout_part *part = &type->parts[i];

		found = layout_part_carries(part) || (part->type != type && type_may_carry(part->type));
	}
	return found;
}

/* A row for which there is no room stays unknown: the command is not served. */
static void index_add(const struct layout_table *table, const struct layout *row)
{
	uint32_t slot = index_hash(row->command);

	if (layout_index.n_rows >= INDEX_SLOTS / 2 || !index_add_mask(row->mask))
		return;
	while (layout_index.slots[slot].row)
		slot = (slot + 1) % INDEX_SLOTS;
	layout_index.slots[slot].row = row;
	layout_index.slots[slot].table = table;
	layout_index.slots[slot].may_carry = type_may_carry(row->type);
	layout_index.n_rows++;
}

static void index_build(void)
{
	for (size_t i = 0; layout_tables[i]; i++)
		for (uint32_t j = 0; j < layout_tables[i]->n_rows; j++)
			index_add(layout_tables[i], &layout_tables[i]->rows[j]);
}

/* Fills *need from a row. False if the row does not take the number's size. */
static bool need_set(struct layout_need *need, const struct index_slot *slot, uint32_t command)
{
	const struct layout *row = slot->row;

	need->in = row->in;
	need->out = row->out;
	need->classes = slot->table->classes;
	need->name = row->name;
	need->flat_if = row->flat_if;
	need->may_carry = slot->may_carry;
	need->row = row;
	if ((row->mask & ~LAYOUT_NO_SIZE) != 0)
		return true;
	if (_IOC_SIZE(command) < row->in)
		return false;
	need->in = _IOC_SIZE(command);
	need->out = LAYOUT_WRITES(command) ? _IOC_SIZE(command) : 0;
	return true;
}

/* The slot of the row with this mask that declares `command`, or NULL. */
static const struct index_slot *index_find(uint32_t command, uint32_t mask)
{
	const struct index_slot *slot;

	for (uint32_t i = index_hash(command & mask);; i = (i + 1) % INDEX_SLOTS) {
		slot = &layout_index.slots[i];
		if (!slot->row)
			return NULL;
		if (slot->row->mask == mask && slot->row->command == (command & mask))
			return slot;
	}
}

int layout_find(uint32_t command, struct layout_need *need)
{
	const struct index_slot *slot;

	pthread_once(&layout_index.once, index_build);
	for (uint32_t i = 0; i < layout_index.n_masks; i++) {
		slot = index_find(command, layout_index.masks[i]);
		if (slot)
			return need_set(need, slot, command) ? 0 : -ENOENT;
	}
	return -ENOENT;
}

int layout_find_name(const char *name, uint32_t *commandp, uint32_t *maskp)
{
	size_t length = strlen(name);

	for (size_t i = 0; layout_tables[i]; i++) {
		for (uint32_t j = 0; j < layout_tables[i]->n_rows; j++) {
			const struct layout *row = &layout_tables[i]->rows[j];

			if (strncmp(row->name, name, length) != 0 ||
			    (row->name[length] && row->name[length] != '('))
				continue;
			*commandp = row->command;
			*maskp = row->mask;
			return 0;
		}
	}
	return -ENOENT;
}

const struct layout *layout_find_compat(uint32_t command, uint32_t class)
{
	for (size_t i = 0; layout_tables[i]; i++) {
		const struct layout_table *table = layout_tables[i];

		for (uint32_t j = 0; class < 32 && (table->classes & 1u << class) && j < table->n_rows; j++)
			if (!((table->rows[j].command ^ command) & table->rows[j].mask & LAYOUT_NO_SIZE))
				return &table->rows[j];
	}
	return NULL;
}

bool layout_need_class(const struct layout_need *need, uint32_t class)
{
	return class < 32 && (need->classes & 1u << class) != 0;
}

bool layout_need_flat(const struct layout_need *need, const void *in, uint32_t size)
{
	return size >= need->in && (!need->flat_if || need->flat_if(in));
}

bool layout_refused(uint32_t command)
{
	switch (command) {
	/* The caller's kernel serves these before any driver sees them (ioctl(2) and
	 * do_vfs_ioctl() in fs/ioctl.c), so an honest guest sends none of them; here
	 * they would act on our descriptor or on our /dev. */
	case FIOCLEX:
	case FIONCLEX:
	case FIONBIO:
	case FIOASYNC:
	case FIOQSIZE:
	case FIGETBSZ:
	case FIFREEZE:
	case FITHAW:
	case FICLONE:
	case FICLONERANGE:
	case FIDEDUPERANGE:
	case FS_IOC_FIEMAP:
	case FS_IOC_GETFLAGS:
	case FS_IOC_SETFLAGS:
	case FS_IOC_FSGETXATTR:
	case FS_IOC_FSSETXATTR:
	/* Session and job control of the calling process (tty_jobctrl.c). */
	case TIOCSCTTY:
	case TIOCNOTTY:
	case TIOCGPGRP:
	case TIOCSPGRP:
	case TIOCGSID:
	/* A new descriptor in the calling process (pty.c, tun.c, kvm_main.c). */
	case TIOCGPTPEER:
	case TUNGETDEVNETNS:
	case SIOCGSKNS:
	case KVM_CREATE_VM:
		return true;
	default:
		return false;
	}
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verify_probe CLASS NODE...: issues every command of a class's layout rows on nodes
 * of a guest, so that verify mode sees also what no ordinary program uses. What a row
 * takes is made from the row itself: structures of zeros, or with small numbers at
 * their begin (types, indices), with memory behind their pointers, with the counts
 * that the driver told before, and what a getter gave for the setter of its name.
 * Not a test: it prints how many rows succeeded, and its status says nothing else.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ioctl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "proto/layout.h"
#include "proto/proto.h"

#define REPEAT 6 /* successful calls, for verify mode to place memory differently */
#define BUFFER 65536u
#define BUFFERS 64u
#define CHOSEN_SIZE 64u /* where the caller chooses */
#define DEPTH_MAX 4u
#define KEPT_MAX 128u
#define PATIENCE_S 3

/* Put at the structure's begin: types and indices; control ids; "the next one". */
static const uint32_t beginnings[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
				       0x980900, 0x980913, 0x9a0901, 0x80000000 };

static uint8_t *buffers[BUFFERS];
static unsigned int n_buffers;
static const char *path;
static int fd = -1;

/* What getters gave. */
static struct kept {
	const char *name;
	uint8_t *bytes;
	uint32_t size;
} kept[KEPT_MAX];
static unsigned int n_kept;

static void on_alarm(int number)
{
	(void)number;
}

static uint8_t *buffer_get(void)
{
	unsigned int i = n_buffers++ % BUFFERS;

	if (!buffers[i])
		buffers[i] = malloc(BUFFER);
	if (!buffers[i])
		exit(EXIT_FAILURE);
	memset(buffers[i], 0, BUFFER);
	return buffers[i];
}

static uint64_t number_get(const uint8_t *at, uint32_t size)
{
	uint64_t value = 0;

	memcpy(&value, at, size);
	return value;
}

static void structure_fill(uint8_t *structure, const struct layout_type *type, unsigned int depth);

static void pointer_fill(uint8_t *structure, const struct layout_part *part, unsigned int depth)
{
	uint8_t *buffer = buffer_get();
	uint64_t address = (uintptr_t)buffer, count = part->most ? part->most : 1;
	uint32_t unit = part->unit ? part->unit : 1;

	if (part->count_size && !(part->flags & LAYOUT_OF_PARENT)) {
		count = number_get(structure + part->count_at, part->count_size);
		if (!count || count > BUFFER / unit || (part->most && count > part->most))
			count = unit == 1 ? 8 : 1; /* bytes come in words */
		memcpy(structure + part->count_at, &count, part->count_size);
	}
	memcpy(structure + part->at, &address, sizeof(address));
	for (uint64_t i = 0; part->type && i < count && i < 16; i++)
		structure_fill(buffer + i * unit, part->type, depth + 1);
}

/* Puts memory behind all pointers, as far as they are there for what it says. */
static void structure_fill(uint8_t *structure, const struct layout_type *type, unsigned int depth)
{
	if (depth > DEPTH_MAX)
		return;
	for (uint16_t i = 0; i < type->n_parts; i++) {
		const struct layout_part *part = &type->parts[i];

		if (part->when && !part->when(structure))
			continue;
		if (part->kind == LAYOUT_POINTER)
			pointer_fill(structure, part, depth);
		else if (part->kind == LAYOUT_EMBEDS)
			for (uint32_t n = 0; n < part->most; n++)
				structure_fill(structure + part->at + n * part->unit, part->type, depth + 1);
		else if (part->kind == LAYOUT_FOLLOWS)
			memcpy(structure + part->count_at, &(uint64_t){ 8 }, part->count_size);
	}
}

/* ---- calls ---- */

static void device_open(void)
{
	if (fd >= 0)
		close(fd);
	fd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static bool call(uint32_t command, void *argument)
{
	int r;

	alarm(PATIENCE_S);
	r = ioctl(fd, command, argument);
	alarm(0);
	if (r < 0 && (errno == ENODEV || errno == EIO))
		device_open();
	return r >= 0;
}

static void keep(const char *name, const uint8_t *bytes, uint32_t size)
{
	if (n_kept == KEPT_MAX)
		return;
	kept[n_kept].bytes = malloc(size);
	if (!kept[n_kept].bytes)
		return;
	memcpy(kept[n_kept].bytes, bytes, size);
	kept[n_kept].name = name;
	kept[n_kept++].size = size;
}

/* The same name but for its verb. */
static const struct kept *getter_find(const char *name, uint32_t size)
{
	static const char *const verbs[][2] = {
		{ "_S_", "_G_" },     { "_TRY_", "_G_" },   { "SET", "GET" },	  { "EVIOCS", "EVIOCG" },
		{ "TIOCS", "TIOCG" }, { "TCSETSW", "TCGETS" }, { "TCSETSF", "TCGETS" }, { "TCSETS", "TCGETS" },
		{ "TCSETAW", "TCGETA" }, { "TCSETAF", "TCGETA" }, { "WRITE", "READ" }, { "_SET", "_RD" }, { "SET", "READ" },
	};
	char wanted[128];

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		const char *at = strstr(name, verbs[i][0]);

		if (!at)
			continue;
		snprintf(wanted, sizeof(wanted), "%.*s%s%s", (int)(at - name), name, verbs[i][1],
			 at + strlen(verbs[i][0]));
		for (unsigned int k = 0; k < n_kept; k++)
			if (strcmp(kept[k].name, wanted) == 0 && kept[k].size == size)
				return &kept[k];
	}
	return NULL;
}

/* Where a row's structure lies, with room behind it. */
static uint8_t memory[2 * BUFFER] __attribute__((aligned(16)));

/* Calls with `bytes`, and again as it succeeded. */
static bool tried(const struct layout *row, uint32_t command, const uint8_t *bytes, uint32_t size, bool fill)
{
	bool succeeded = false;

	for (int i = 0; i < REPEAT; i++) {
		memset(memory, 0, size + 4096);
		memcpy(memory, bytes, size);
		if (fill)
			structure_fill(memory, row->type, 0);
		if (!call(command, memory))
			break;
		if (!succeeded)
			keep(row->name, memory, size);
		succeeded = true;
	}
	return succeeded;
}

static bool swept(const struct layout *row, uint32_t command, const uint8_t *bytes, uint32_t size, bool fill)
{
	uint8_t *with = malloc(size);
	bool succeeded = false;

	for (size_t i = 0; with && !succeeded && i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
		memcpy(with, bytes, size);
		memcpy(with, &beginnings[i], size < 4 ? size : 4);
		succeeded = tried(row, command, with, size, fill);
		if (!succeeded && errno == ENOTTY)
			break;
	}
	free(with);
	return succeeded;
}

static bool row_probe(const struct layout *row)
{
	static const uint8_t zeros[BUFFER];
	uint32_t command = row->command, size = row->in > row->out ? row->in : row->out;
	const struct kept *getter;
	bool succeeded;

	/* Descriptors are the session's: verify mode does not look at them. */
	if (row->flags & LAYOUT_ROW_DESCRIPTOR)
		return false;
	if (!(row->mask & _IOC_SIZEMASK << _IOC_SIZESHIFT)) {
		if (size < CHOSEN_SIZE && !row->type)
			size = CHOSEN_SIZE;
		command = (command & ~(_IOC_SIZEMASK << _IOC_SIZESHIFT)) | size << _IOC_SIZESHIFT;
	}
	if (!size) {
		succeeded = call(command, NULL);
		/* A number may look like a pointer. */
		return call(command, memory) || succeeded;
	}
	if (row->flags & (LAYOUT_ROW_UP_TO | LAYOUT_ROW_STRING))
		return tried(row, command, (const uint8_t *)"probe", 6, false);
	getter = getter_find(row->name, size);
	succeeded = getter && tried(row, command, getter->bytes, size, row->type);
	succeeded |= swept(row, command, zeros, size, false);
	if (row->type && row->type->n_parts) {
		/* With the counts that it told, if it did. */
		getter = succeeded && n_kept && kept[n_kept - 1].name == row->name ? &kept[n_kept - 1] : NULL;
		if (getter)
			succeeded |= tried(row, command, getter->bytes, size, true);
		succeeded |= swept(row, command, zeros, size, true);
	}
	return succeeded;
}

static void node_probe(uint32_t class)
{
	unsigned int n = 0, succeeded = 0;

	device_open();
	if (fd < 0) {
		printf("%s: %s\n", path, strerror(errno));
		return;
	}
	n_kept = 0;
	for (size_t i = 0; layout_tables[i]; i++) {
		for (uint32_t j = 0; (layout_tables[i]->classes & 1u << class) && j < layout_tables[i]->n_rows; j++) {
			n++;
			succeeded += row_probe(&layout_tables[i]->rows[j]);
		}
	}
	printf("%s: %u of %u rows succeeded\n", path, succeeded, n);
	fflush(stdout);
	close(fd);
	fd = -1;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_alarm };
	uint32_t class = 0;

	while (argc > 2 && class < PROTO_CLASS_MAX_ && strcmp(proto_class_name(class), argv[1]) != 0)
		class++;
	if (argc < 3 || class == PROTO_CLASS_MAX_) {
		fprintf(stderr, "usage: verify_probe CLASS NODE...\n");
		return EXIT_FAILURE;
	}
	sigaction(SIGALRM, &action, NULL);
	for (int i = 2; i < argc; i++) {
		path = argv[i];
		node_probe(class);
	}
	return EXIT_SUCCESS;
}

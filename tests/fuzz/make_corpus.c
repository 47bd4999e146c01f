/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes the first inputs of a fuzz target's corpus: make_corpus TARGET DIRECTORY. Each is
 * a script as the target reads it (see its run_op()): every kind of message by its
 * place in the table, after what it needs to mean something. tools/fuzz adds what
 * the fuzzer finds.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layout_seed.h"
#include "seed.h"

static struct {
	uint8_t bytes[256];
	size_t n;
} script;

static void put(uint8_t byte)
{
	if (script.n < sizeof(script.bytes))
		script.bytes[script.n++] = byte;
}

static void put_all(const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put(bytes[i]);
}

static void save(const char *directory, const char *name, unsigned int number)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/seed-%s-%u", directory, name, number);
	file = fopen(path, "we");
	if (!file || fwrite(script.bytes, 1, script.n, file) != script.n || fclose(file)) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	script.n = 0;
}

/* A message with the same choice for each field, the tag and the payload. */
static void put_message(uint8_t op, size_t kind, uint8_t choice)
{
	put(op);
	put(kind);
	for (uint16_t i = 0; i < proto_descs[kind].n_fields; i++)
		if (proto_descs[kind].fields[i].kind != PROTO_KIND_PAD)
			put(choice);
	put(choice);
	put(choice);
}

static size_t kind_of(uint16_t opcode)
{
	return proto_desc_find(opcode) - proto_descs;
}

/* fuzz_hostd.c: 0 message, 1 message that waits, 2 serve, 3 readiness, 4 opened,
 * 5 supervisor, 6 device, 7 the guest reads, 8 back, 9 seed, 10 raw, 11 indices. */
static void put_open(uint8_t device)
{
	static const char opened[] = { 4, 2 };

	put_message(0, kind_of(PROTO_OPEN), device);
	put_all(opened, sizeof(opened));
}

static void hostd(const char *directory)
{
	static const char blocked[] = { 1, 2 };

	for (size_t kind = 0; kind < proto_n_descs; kind++) {
		const struct proto_desc *desc = &proto_descs[kind];

		for (uint8_t choice = 0; choice < 4 && (desc->from & PROTO_FROM_GUEST); choice++) {
			put(choice);
			put_open(1);
			put_open(2);
			put_message(0, kind, choice * 60);
			put_all("\x20\x20\x03\x06\x01\x03", 6);
			put_message(0, kind, 1);
			/* A call that blocks, and meanwhile others. */
			put_message(0, kind_of(PROTO_READ), 0);
			put(blocked[0]);
			put_message(0, kind, 1);
			put_message(0, kind_of(PROTO_INTERRUPT), 0);
			put_message(0, kind_of(PROTO_RELEASE), 0);
			put_all("\x08\x20\x03\x02", 4);
			save(directory, desc->name, choice);
		}
		put_all("\x00\x09", 2);
		put(kind);
		put_all("\x00\x00\x00\x02", 4);
		save(directory, desc->name, 4);
	}
}

/* fuzz_guestd.c: 0 request, 1 request that waits, 2 serve, 3 answer, 4 message of
 * the host, 5 lost, 6 reconnect, 7 back, 8 seed, 9 raw, 10 indices, 11 interrupt. */

/* Writes until the ring is full, and signals for those that are sent and that wait. */
static void full_ring(const char *directory)
{
	for (uint8_t choice = 0; choice < 2; choice++) {
		put_all(choice ? "\x18" : "\x10", 1);
		put_all("\x00\x00\x00\x00\x03\x00\x00\x0f\x0a", 9);
		for (int i = 0; i < 40; i++)
			put(0);
		put_all("\x0b\x00\x0b\x05\x0b\x14\x0b\x27\x02\x03\x00\x00\x03\x01\x00\x02\x0b\x03",
			18);
		save(directory, "full", choice);
	}
}

static void guestd(const char *directory)
{
	full_ring(directory);
	for (size_t kind = 0; kind < proto_n_descs; kind++) {
		const struct proto_desc *desc = &proto_descs[kind];

		for (uint8_t choice = 0; choice < 3; choice++) {
			put(choice ? choice * 9 : 0);
			/* Two opens, then each kind of request, answered in their order. */
			put_all("\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00\x01\x00\x00\x03\x00\x00",
				16);
			for (uint8_t what = 0; what < 6; what++) {
				put(what % 2);
				put(what);
				put_all("\x00\x01\x02\x03", 4);
			}
			if (desc->from & PROTO_FROM_HOST)
				put_message(4, kind, choice * 60);
			put_all("\x03\x00\x00\x03\x00\x00\x0b\x00\x03\x01\x01\x02", 12);
			save(directory, desc->name, choice);
		}
		put_all("\x00\x08", 2);
		put(kind);
		put_all("\x00\x00\x00\x02", 4);
		save(directory, desc->name, 3);
	}
}

static void layout(const char *directory)
{
	uint8_t data[LAYOUT_SEED_SIZE];

	for (uint32_t n = 0; layout_seed(n, data); n++) {
		put_all((const char *)data, sizeof(data));
		save(directory, "row", n);
	}
}

static const struct {
	const char *name;
	void (*write)(const char *directory);
} targets[] = { { "hostd", hostd }, { "guestd", guestd }, { "layout", layout } };

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 3 && i < sizeof(targets) / sizeof(targets[0]); i++) {
		if (strcmp(targets[i].name, argv[1]) == 0) {
			targets[i].write(argv[2]);
			return EXIT_SUCCESS;
		}
	}
	fprintf(stderr, "usage: make_corpus hostd|guestd|layout DIRECTORY\n");
	return EXIT_FAILURE;
}

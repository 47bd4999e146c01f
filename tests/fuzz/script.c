/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages from fuzz input; see script.h. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "proto/layout.h"
#include "script.h"
#include "seed.h"

#define PAYLOAD_MAX 4096u

static const struct proto_desc *pick(uint8_t choice, enum proto_from from)
{
	size_t n = choice % proto_n_descs;

	while (!(proto_descs[n].from & from))
		n = (n + 1) % proto_n_descs;
	return &proto_descs[n];
}

uint32_t script_command(uint8_t choice)
{
	uint32_t n = 0;

	for (size_t i = 0; layout_tables[i]; i++)
		for (uint32_t j = 0; j < layout_tables[i]->n_rows; j += 4)
			if (n++ == choice)
				return layout_tables[i]->rows[j].command;
	return choice;
}

static uint64_t get(const struct proto_desc *desc, const uint8_t *body, const char *name)
{
	const struct proto_field *field = seed_field(desc, name);
	uint64_t value = 0;

	if (field)
		memcpy(&value, body + field->offset, field->size);
	return value;
}

/* One range that fits the argument, or several as the input has them. */
static size_t ranges_put(struct input *input, const struct proto_desc *desc, uint8_t *body,
			 uint8_t *payload, uint64_t address)
{
	uint32_t carries = desc->opcode == PROTO_IOCTL ? PROTO_RANGE_IN : PROTO_RANGE_OUT;
	uint8_t n = input_byte(input) % 4;
	size_t at = n * sizeof(struct proto_range);

	for (uint8_t i = 0; i < n; i++) {
		struct proto_range range = { address, input_byte(input), carries };
		uint8_t how = input_byte(input);

		if (how & 1)
			range.direction = how >> 4;
		else if (desc->opcode == PROTO_IOCTL)
			range.direction = PROTO_RANGE_IN | PROTO_RANGE_OUT;
		if (how & 2)
			range.length |= (how & 12) << 6;
		if (how & 4)
			range.address += how;
		memcpy(payload + i * sizeof(range), &range, sizeof(range));
		if ((range.direction & carries) && at + range.length < PAYLOAD_MAX) {
			input_bytes(input, payload + at, range.length);
			at += range.length;
		}
	}
	seed_set(desc, body, "n_ranges", n);
	return at;
}

static size_t data_put(struct input *input, const struct proto_desc *desc, uint8_t *body,
		       uint8_t *payload)
{
	uint32_t size = input_number(input, 2) % PAYLOAD_MAX;

	if (get(desc, body, "bulk") != PROTO_BULK_NONE && seed_field(desc, "bulk"))
		return 0;
	if ((int64_t)get(desc, body, "result") < 0)
		return 0;
	memset(payload, size, size);
	seed_set(desc, body, "size", size);
	seed_set(desc, body, "result", size);
	return size;
}

static size_t payload_put(struct input *input, const struct proto_desc *desc, uint8_t *body,
			  uint8_t *payload, uint64_t address)
{
	uint8_t how = input_byte(input);
	size_t size;

	if (how >= 0xf0) { /* whatever: mostly refused */
		size = input_byte(input);
		input_bytes(input, payload, size);
		return size;
	}
	switch (desc->payload) {
	case PROTO_PAYLOAD_NAME:
		size = 1 + how % 12;
		if (how & 0x80) {
			input_bytes(input, payload, size);
			return size;
		}
		memcpy(payload, "a/b0", 4);
		payload[3] += how & 7;
		return how & 8 ? 4 : 1;
	case PROTO_PAYLOAD_DATA:
		return data_put(input, desc, body, payload);
	case PROTO_PAYLOAD_RANGES:
		return ranges_put(input, desc, body, payload, address);
	default:
		return 0;
	}
}

int script_message(struct input *input, struct channel *channel, enum proto_from from,
		   script_value_fn value, void *context)
{
	static uint8_t payload[PAYLOAD_MAX];
	_Alignas(8) uint8_t body[SEED_MAX] = { 0 };
	const struct proto_desc *desc = pick(input_byte(input), from);
	struct iovec iov = { payload, 0 };
	uint64_t address, tag = 0;
	uint8_t choice;

	for (uint16_t i = 0; i < desc->n_fields; i++) {
		const struct proto_field *field = &desc->fields[i];

		if (field->kind == PROTO_KIND_PAD)
			continue;
		choice = input_byte(input);
		seed_set(desc, body, field->name,
			 choice < 0xf0 ? value(field->name, choice, context)
				       : input_number(input, field->size));
	}
	if ((desc->opcode & 0x7ff0) == 0x10) {
		choice = input_byte(input);
		tag = choice < 0xf0 ? value(from == PROTO_FROM_GUEST ? "tag" : desc->name, choice,
					    context)
				    : input_number(input, 8);
	}
	address = desc->opcode == PROTO_IOCTL ? get(desc, body, "argument")
					      : value("address", 0, context);
	iov.iov_len = payload_put(input, desc, body, payload, address);
	return channel_send(channel, desc->opcode, tag, body, &iov, 1);
}

static void put_bytes(struct ring *ring, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		ring->untrusted_buffer[(ring->index + i) & (ring->size - 1)] = data[i];
	ring->index += size;
	__atomic_store_n(ring->untrusted_prod, ring->index, __ATOMIC_RELEASE);
}

void script_raw(struct input *input, struct channel *channel)
{
	uint8_t data[256];
	size_t size = input_byte(input);

	input_bytes(input, data, size);
	put_bytes(&channel->transport->send, data, size);
}

void script_seed(struct input *input, struct channel *channel)
{
	_Alignas(8) uint8_t data[SEED_MAX];
	uint8_t choice = input_byte(input);
	size_t size =
		seed_message(&proto_descs[choice % proto_n_descs], choice / 64 % SEED_FORMS, data);
	size_t at = input_number(input, 2) % size;

	data[at] ^= input_byte(input);
	put_bytes(&channel->transport->send, data, size);
}

void script_indices(struct input *input, struct channel *channel)
{
	struct transport *t = channel->transport;
	uint32_t value = input_number(input, 4);

	if (value & 1)
		*t->receive.untrusted_cons += value >> 1;
	else
		*t->send.untrusted_prod += value >> 1;
}

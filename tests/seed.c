/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Valid messages from the tables; see seed.h. */
#include "config.h"

#include <string.h>

#include "seed.h"

#define NAME "input/event0"
#define PROPERTIES "\0GROUP=input\nID_INPUT=1\n"

const struct proto_field *seed_field(const struct proto_desc *desc, const char *name)
{
	for (uint16_t i = 0; i < desc->n_fields; i++)
		if (strcmp(desc->fields[i].name, name) == 0)
			return &desc->fields[i];
	return NULL;
}

void seed_set(const struct proto_desc *desc, void *body, const char *name, uint64_t value)
{
	const struct proto_field *field = seed_field(desc, name);

	/* Little-endian, as proto.h demands: the low bytes come first. */
	if (field)
		memcpy((uint8_t *)body + field->offset, &value, field->size);
}

enum proto_from seed_from(const struct proto_desc *desc)
{
	return desc->from & PROTO_FROM_GUEST ? PROTO_FROM_GUEST : PROTO_FROM_HOST;
}

/* Two ranges, of which the first carries its bytes in a request and the second in
 * an answer. */
static size_t put_ranges(uint8_t *payload, uint32_t carries)
{
	const struct proto_range ranges[] = {
		{ .address = 0x7f0000001000, .length = 24, .direction = PROTO_RANGE_IN },
		{ .address = 0x7f0000002000, .length = 40, .direction = PROTO_RANGE_OUT },
	};
	size_t bytes = carries == PROTO_RANGE_IN ? ranges[0].length : ranges[1].length;

	memcpy(payload, ranges, sizeof(ranges));
	memset(payload + sizeof(ranges), 0x5a, bytes);
	return sizeof(ranges) + bytes;
}

/* Fills the payload and the fields that speak of it. Returns its length. */
static size_t put_payload(const struct proto_desc *desc, enum seed_form form, uint8_t *body)
{
	uint8_t *payload = body + desc->body_size;

	switch (desc->payload) {
	case PROTO_PAYLOAD_NAME:
		memcpy(payload, NAME PROPERTIES, sizeof(NAME PROPERTIES) - 1);
		return form == SEED_FULL ? sizeof(NAME PROPERTIES) - 1 : strlen(NAME);
	case PROTO_PAYLOAD_DATA:
		if (form != SEED_FULL)
			return 0;
		seed_set(desc, body, "size", SEED_DATA);
		seed_set(desc, body, "result", SEED_DATA);
		seed_set(desc, body, "bulk", PROTO_BULK_NONE);
		memset(payload, 0xa5, SEED_DATA);
		return SEED_DATA;
	case PROTO_PAYLOAD_RANGES:
		seed_set(desc, body, "n_ranges", form == SEED_FULL ? 2 : 0);
		if (form != SEED_FULL)
			return 0;
		return put_ranges(payload,
				  desc->from == PROTO_FROM_GUEST ? PROTO_RANGE_IN : PROTO_RANGE_OUT);
	default:
		return 0;
	}
}

size_t seed_message(const struct proto_desc *desc, enum seed_form form, void *buffer)
{
	struct proto_header *header = buffer;
	uint8_t *body = (uint8_t *)buffer + sizeof(*header);

	memset(buffer, 0, SEED_MAX);
	for (uint16_t i = 0; i < desc->n_fields; i++)
		if (desc->fields[i].kind != PROTO_KIND_PAD)
			seed_set(desc, body, desc->fields[i].name, i + 1);
	seed_set(desc, body, "magic", PROTO_MAGIC);
	seed_set(desc, body, "version_min", PROTO_VERSION_MIN);
	seed_set(desc, body, "version_max", PROTO_VERSION_MAX);
	seed_set(desc, body, "max_message", PROTO_MESSAGE_MAX);
	seed_set(desc, body, "max_in_flight", PROTO_IN_FLIGHT_MAX);
	seed_set(desc, body, "result", 0);
	header->length = sizeof(*header) + desc->body_size + put_payload(desc, form, body);
	header->opcode = desc->opcode;
	header->tag = proto_tagged(desc->opcode) ? 7 : 0;
	if (form == SEED_FAILED)
		seed_set(desc, body, "result", (uint64_t)-5);
	return header->length;
}

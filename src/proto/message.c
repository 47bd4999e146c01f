/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decoder and the trace printer, both driven by the tables of proto.h.
 * Stateless; what is decoded is private memory, copied before (channel.c).
 */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/proto.h"

#define FIELD_SIZE(struct_name, name) sizeof(((struct struct_name *)0)->name)

#define PROTO_FIELD_ROW(struct_name, name, kind) \
	{ #name, offsetof(struct struct_name, name), FIELD_SIZE(struct_name, name), PROTO_KIND_##kind },

/* The field tables need the struct's name at each field, so one macro a message. */
#define HELLO_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_hello, name, kind)
#define DEVICE_ADD_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_device_add, name, kind)
#define DEVICE_REMOVE_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_device_remove, name, kind)
#define DEVICE_END_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_device_end, name, kind)
#define OPEN_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_open, name, kind)
#define RELEASE_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_release, name, kind)
#define READ_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_read, name, kind)
#define WRITE_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_write, name, kind)
#define IOCTL_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_ioctl, name, kind)
#define POLL_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_poll, name, kind)
#define INTERRUPT_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_interrupt, name, kind)
#define READY_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_ready, name, kind)
#define MMAP_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_mmap, name, kind)
#define MMAP_ANSWER_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_mmap_answer, name, kind)
#define MUNMAP_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_munmap, name, kind)
#define MUNMAP_ANSWER_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_munmap_answer, name, kind)
#define PLACE_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_place, name, kind)
#define PLACE_ANSWER_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_place_answer, name, kind)
#define LSEEK_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_lseek, name, kind)
#define LSEEK_ANSWER_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_lseek_answer, name, kind)
#define FASYNC_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_fasync, name, kind)
#define FASYNC_ANSWER_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_fasync_answer, name, kind)
#define DIRECT_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_direct, name, kind)
#define DIRECT_ANSWER_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_direct_answer, name, kind)
#define LET_GO_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_let_go, name, kind)
#define SIGNAL_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_signal, name, kind)
#define PROCESS_END_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_process_end, name, kind)
#define MEM_READ_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_mem_read, name, kind)
#define MEM_WRITE_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_mem_write, name, kind)
#define MEM_READ_ANSWER_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_mem_read_answer, name, kind)
#define OPEN_ANSWER_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_open_answer, name, kind)
#define RELEASE_ANSWER_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_release_answer, name, kind)
#define READ_ANSWER_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_read_answer, name, kind)
#define WRITE_ANSWER_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_write_answer, name, kind)
#define IOCTL_ANSWER_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_ioctl_answer, name, kind)
#define POLL_ANSWER_ROW(type, name, kind, meaning) PROTO_FIELD_ROW(proto_poll_answer, name, kind)

#define PROTO_FIELD_TABLE(NAME, name, opcode, from, payload, meaning)                             \
	static const struct proto_field fields_##name[] = { PROTO_##NAME##_FIELDS(NAME##_ROW) };   \
	/* Natural alignment without holes: the last field ends the struct. */                    \
	_Static_assert(sizeof(struct proto_##name) % 8 == 0, #NAME " is not a multiple of 8 bytes");
PROTO_MESSAGES(PROTO_FIELD_TABLE)

#define PROTO_DESC_ROW(NAME, name, opcode, from, payload, meaning)                               \
	{ #NAME, opcode, PROTO_FROM_##from, PROTO_PAYLOAD_##payload, sizeof(struct proto_##name), \
	  sizeof(fields_##name) / sizeof(fields_##name[0]), fields_##name },
const struct proto_desc proto_descs[] = { PROTO_MESSAGES(PROTO_DESC_ROW) };
const size_t proto_n_descs = sizeof(proto_descs) / sizeof(proto_descs[0]);

_Static_assert(sizeof(struct proto_header) == 16, "the header is 16 bytes");
_Static_assert(sizeof(struct proto_range) == 16, "a range is 16 bytes");
_Static_assert(sizeof(struct proto_pages) == 8, "pages are 8 bytes, and their references");
_Static_assert(sizeof(struct proto_descriptor) == 16, "a descriptor is 16 bytes");

int proto_fault_set(struct proto_fault *fault, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(fault->text, sizeof(fault->text), format, args);
	va_end(args);
	return -EPROTO;
}

/* From opcode to row: numbers are below 64, or that with PROTO_ANSWER. */
#define PROTO_SLOT(opcode) ((((opcode) & PROTO_ANSWER) ? 64 : 0) + ((opcode) & 63))
#define PROTO_ROW_ENUM(NAME, name, opcode, from, payload, meaning) PROTO_ROW_##NAME,
enum { PROTO_MESSAGES(PROTO_ROW_ENUM) };
#define PROTO_SLOT_ROW(NAME, name, opcode, from, payload, meaning) \
	[PROTO_SLOT(opcode)] = PROTO_ROW_##NAME,
static const uint8_t rows[128] = { PROTO_MESSAGES(PROTO_SLOT_ROW) };

const struct proto_desc *proto_desc_find(uint16_t opcode)
{
	const struct proto_desc *desc = &proto_descs[rows[PROTO_SLOT(opcode)]];

	return desc->opcode == opcode ? desc : NULL;
}

const char *proto_class_name(uint32_t class)
{
#define PROTO_CLASS_STRING(NAME, string) string,
	static const char *const names[] = { PROTO_CLASSES(PROTO_CLASS_STRING) };

	return class < PROTO_CLASS_MAX_ ? names[class] : names[PROTO_CLASS_OTHER];
}

static uint64_t field_get(const struct proto_field *field, const void *body)
{
	const uint8_t *at = (const uint8_t *)body + field->offset;
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;

	switch (field->size) {
	case 2:
		memcpy(&v16, at, 2);
		return v16;
	case 4:
		memcpy(&v32, at, 4);
		return v32;
	default:
		memcpy(&v64, at, 8);
		return v64;
	}
}

bool proto_tagged(uint16_t opcode)
{
	opcode &= ~PROTO_ANSWER;
	return (opcode & 0xfff0) == 0x10 || opcode == PROTO_MEM_READ;
}

int proto_header_check(const struct proto_header *header, enum proto_from from,
		       uint32_t max_message, struct proto_fault *fault)
{
	const struct proto_desc *desc = proto_desc_find(header->opcode);

	if (!desc)
		return proto_fault_set(fault, "opcode 0x%x is unknown", header->opcode);
	if (!(desc->from & from))
		return proto_fault_set(fault, "%s is not for the %s to send", desc->name,
				       from == PROTO_FROM_GUEST ? "guest" : "host");
	if (header->pad)
		return proto_fault_set(fault, "%s: header.pad is 0x%x, not zero", desc->name, header->pad);
	if (header->length < sizeof(*header) + desc->body_size)
		return proto_fault_set(fault, "%s: header.length %u is less than the %zu of its fields",
				       desc->name, header->length, sizeof(*header) + desc->body_size);
	if (header->length > max_message)
		return proto_fault_set(fault, "%s: header.length %u is over the agreed %u", desc->name,
				       header->length, max_message);
	if (desc->payload == PROTO_PAYLOAD_NONE && header->length != sizeof(*header) + desc->body_size)
		return proto_fault_set(fault, "%s: header.length %u, but it has no payload", desc->name,
				       header->length);
	if (!proto_tagged(header->opcode) && header->tag)
		return proto_fault_set(fault, "%s: header.tag is not zero", desc->name);
	return 0;
}

bool proto_name_valid(const char *name, size_t length)
{
	size_t part = 0;

	if (length == 0 || length > PROTO_NAME_MAX)
		return false;
	for (size_t i = 0; i <= length; i++) {
		if (i == length || name[i] == '/') {
			size_t n = i - part;

			if (n == 0 || (n == 1 && name[part] == '.') ||
			    (n == 2 && name[part] == '.' && name[part + 1] == '.'))
				return false;
			part = i + 1;
		} else if (name[i] <= ' ' || name[i] > '~' || strchr("!\\=%,", name[i])) {
			return false;
		}
	}
	return true;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

bool proto_property_valid(const char *text, size_t length)
{
	const char *equals = memchr(text, '=', length), *end = text + length, *at = text;

	if (!equals || equals == text)
		return false;
	for (; at < equals; at++)
		if (!(*at >= 'A' && *at <= 'Z') && !(*at >= '0' && *at <= '9') && *at != '_')
			return false;
	at++;
	if (at < end && (blank(*at) || blank(end[-1]) || *at == '"' || *at == '\''))
		return false;
	for (; at < end; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			return false;
	return true;
}

bool proto_property_describes(const char *text)
{
	static const char *const prefixes[] = { "ID_", "LIBINPUT_", "MOUSE_" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(text, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

const char *proto_properties(const struct proto_message *message, size_t *name_lengthp, size_t *lengthp)
{
	const char *payload = (const char *)message->payload;

	*name_lengthp = strnlen(payload, message->payload_length);
	*lengthp = 0;
	if (*name_lengthp == message->payload_length)
		return payload + *name_lengthp;
	*lengthp = message->payload_length - *name_lengthp - 1;
	return payload + *name_lengthp + 1;
}

const struct proto_range *proto_ranges(const struct proto_message *message, uint32_t *np,
				       const uint8_t **bytesp)
{
	const union {
		struct proto_ioctl ioctl;
		struct proto_ioctl_answer ioctl_answer;
		struct proto_mem_read_answer mem_read_answer;
		struct proto_mem_write mem_write;
	} *body = message->body;

	switch (message->desc->opcode) {
	case PROTO_IOCTL:
		*np = body->ioctl.n_ranges;
		break;
	case PROTO_IOCTL_ANSWER:
		*np = body->ioctl_answer.n_ranges;
		break;
	case PROTO_MEM_READ_ANSWER:
		*np = body->mem_read_answer.n_ranges;
		break;
	default:
		*np = body->mem_write.n_ranges;
		break;
	}
	*bytesp = message->payload + *np * sizeof(struct proto_range);
	return (const struct proto_range *)message->payload;
}

/* The descriptors are the last of the ranges, and so are their bytes. */
const struct proto_range *proto_descriptors(const struct proto_message *message, uint32_t *np,
					    const uint8_t **bytesp)
{
	const struct proto_range *ranges;
	uint32_t n, n_memory = 0;

	ranges = proto_ranges(message, &n, bytesp);
	while (n_memory < n && ranges[n_memory].direction != PROTO_RANGE_DESCRIPTOR)
		n_memory++;
	*np = n - n_memory;
	*bytesp = message->payload + message->payload_length - *np * sizeof(struct proto_descriptor);
	return ranges + n_memory;
}

const struct proto_range *proto_pages(const struct proto_message *message, uint32_t *np, const uint8_t **bytesp)
{
	const struct proto_range *end, *ranges;
	const uint8_t *bytes;
	uint32_t n, n_descriptors;

	ranges = proto_ranges(message, &n, &bytes);
	end = proto_descriptors(message, &n_descriptors, bytesp);
	*np = 0;
	while (end - *np > ranges && end[-1 - (int64_t)*np].direction == PROTO_RANGE_PAGES) {
		++*np;
		*bytesp -= end[-(int64_t)*np].length;
	}
	return end - *np;
}

static bool carries_descriptors(const struct proto_message *message)
{
	return message->desc->opcode == PROTO_IOCTL || message->desc->opcode == PROTO_IOCTL_ANSWER;
}

static int ranges_check(const struct proto_message *message, struct proto_fault *fault)
{
	const char *name = message->desc->name;
	uint32_t carries = message->desc->from == PROTO_FROM_GUEST ? PROTO_RANGE_IN : PROTO_RANGE_OUT;
	const struct proto_range *ranges;
	const uint8_t *bytes;
	uint32_t n, n_descriptors = 0, n_pages = 0;
	uint64_t total;

	ranges = proto_ranges(message, &n, &bytes);
	if (n > PROTO_RANGES_MAX)
		return proto_fault_set(fault, "%s: n_ranges %u is over %u", name, n, PROTO_RANGES_MAX);
	total = (uint64_t)n * sizeof(*ranges);
	if (total > message->payload_length)
		return proto_fault_set(fault, "%s: n_ranges %u does not fit a payload of %u bytes", name, n,
				       message->payload_length);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t direction = ranges[i].direction;
		bool descriptor = direction == PROTO_RANGE_DESCRIPTOR && carries_descriptors(message);
		bool pages = direction == PROTO_RANGE_PAGES && message->desc->opcode == PROTO_IOCTL;

		if (!descriptor && !pages && (direction == 0 || (direction & ~(PROTO_RANGE_IN | PROTO_RANGE_OUT))))
			return proto_fault_set(fault, "%s: range %u: direction is 0x%x", name, i, direction);
		if (descriptor && ranges[i].length != sizeof(struct proto_descriptor))
			return proto_fault_set(fault, "%s: range %u: a descriptor of %u bytes", name, i,
					       ranges[i].length);
		if (pages && (ranges[i].length < sizeof(struct proto_pages) || ranges[i].length % sizeof(uint32_t)))
			return proto_fault_set(fault, "%s: range %u: pages of %u bytes", name, i, ranges[i].length);
		if (!descriptor && (n_descriptors || (n_pages && !pages)))
			return proto_fault_set(fault, "%s: range %u: memory after a descriptor or pages", name, i);
		n_descriptors += descriptor;
		n_pages += pages;
		if (ranges[i].address + ranges[i].length < ranges[i].address)
			return proto_fault_set(fault, "%s: range %u: address and length wrap around", name, i);
		if (direction & (carries | PROTO_RANGE_DESCRIPTOR | PROTO_RANGE_PAGES))
			total += ranges[i].length;
	}
	if (total != message->payload_length)
		return proto_fault_set(fault, "%s: ranges need %llu bytes of payload, there are %u", name,
				       (unsigned long long)total, message->payload_length);
	return 0;
}

static int name_check(const struct proto_message *message, struct proto_fault *fault)
{
	const char *what = message->desc->name, *properties, *end;
	size_t name_length, length;

	properties = proto_properties(message, &name_length, &length);
	if (!proto_name_valid((const char *)message->payload, name_length))
		return proto_fault_set(fault, "%s: name: not a valid device name", what);
	if (length > PROTO_PROPERTIES_MAX)
		return proto_fault_set(fault, "%s: properties: %zu bytes are over %u", what, length,
				       PROTO_PROPERTIES_MAX);
	for (; length; properties = end + 1) {
		end = memchr(properties, '\n', length);
		if (!end || !proto_property_valid(properties, end - properties))
			return proto_fault_set(fault, "%s: properties: not a line KEY=VALUE", what);
		length -= end + 1 - properties;
	}
	return 0;
}

/* What one opcode's fields say about its payload beyond the table's form. */
static int payload_check(const struct proto_message *message, struct proto_fault *fault)
{
	const struct proto_write *request = message->body;
	const struct proto_read_answer *answer = message->body;

	switch (message->desc->payload) {
	case PROTO_PAYLOAD_NAME:
		return name_check(message, fault);
	case PROTO_PAYLOAD_RANGES:
		return ranges_check(message, fault);
	case PROTO_PAYLOAD_DATA:
		if (message->desc->opcode == PROTO_WRITE &&
		    message->payload_length != (request->bulk == PROTO_BULK_NONE ? request->size : 0))
			return proto_fault_set(fault, "WRITE: size %u, but %u bytes of payload",
					       request->size, message->payload_length);
		if (message->desc->opcode == PROTO_READ_ANSWER && message->payload_length &&
		    answer->result != message->payload_length)
			return proto_fault_set(fault, "READ_ANSWER: result %lld, but %u bytes of payload",
					       (long long)answer->result, message->payload_length);
		return 0;
	default:
		return 0;
	}
}

int proto_decode(const void *buffer, size_t size, enum proto_from from, uint32_t max_message,
		 struct proto_message *message, struct proto_fault *fault)
{
	const struct proto_desc *desc;
	int r;

	if (size < sizeof(message->header))
		return proto_fault_set(fault, "%zu bytes are less than a header", size);
	memcpy(&message->header, buffer, sizeof(message->header));
	r = proto_header_check(&message->header, from, max_message, fault);
	if (r < 0)
		return r;
	desc = proto_desc_find(message->header.opcode);
	if (message->header.length != size)
		return proto_fault_set(fault, "%s: header.length %u, but %zu bytes came", desc->name,
				       message->header.length, size);
	message->desc = desc;
	message->body = (const uint8_t *)buffer + sizeof(message->header);
	message->payload = (const uint8_t *)message->body + desc->body_size;
	message->payload_length = size - sizeof(message->header) - desc->body_size;
	for (uint16_t i = 0; i < desc->n_fields; i++) {
		uint64_t value = field_get(&desc->fields[i], message->body);

		if (desc->fields[i].kind == PROTO_KIND_PAD && value)
			return proto_fault_set(fault, "%s: %s is 0x%llx, not zero", desc->name,
					       desc->fields[i].name, (unsigned long long)value);
		/* No device answers below -4095: that would be no errno. */
		if (desc->fields[i].kind == PROTO_KIND_RESULT && (int64_t)value < -4095)
			return proto_fault_set(fault, "%s: %s is %lld", desc->name, desc->fields[i].name,
					       (long long)value);
	}
	return payload_check(message, fault);
}

char *proto_print(const struct proto_message *message, char *text, size_t size)
{
	size_t used;
	int n;

	n = snprintf(text, size, "%s", message->desc->name);
	used = n;
	if (message->header.tag && used < size)
		used += snprintf(text + used, size - used, " tag=%llu",
				 (unsigned long long)message->header.tag);
	for (uint16_t i = 0; i < message->desc->n_fields && used < size; i++) {
		const struct proto_field *field = &message->desc->fields[i];
		uint64_t value = field_get(field, message->body);

		if (field->kind == PROTO_KIND_PAD)
			continue;
		if (field->kind == PROTO_KIND_HEX)
			used += snprintf(text + used, size - used, " %s=0x%llx", field->name,
					 (unsigned long long)value);
		else
			used += snprintf(text + used, size - used, " %s=%lld", field->name,
					 (long long)value);
	}
	if (message->payload_length && used < size) {
		if (message->desc->payload == PROTO_PAYLOAD_NAME)
			snprintf(text + used, size - used, " name=%.*s", (int)message->payload_length,
				 (const char *)message->payload);
		else
			snprintf(text + used, size - used, " +%u bytes", message->payload_length);
	}
	return text;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prints the tables of proto.h as the Markdown of docs/PROTOCOL.md; see
 * check_protocol_doc.sh. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "proto/proto.h"

#define FROM_GUEST "guest"
#define FROM_HOST "host"
#define FROM_BOTH "both"
#define PAYLOAD_NONE "–"
#define PAYLOAD_NAME "name"
#define PAYLOAD_DATA "data"
#define PAYLOAD_RANGES "ranges"

#define SENTENCE_NONE "No payload"
#define SENTENCE_NAME "Payload: a name, and properties"
#define SENTENCE_DATA "Payload: data"
#define SENTENCE_RANGES "Payload: ranges"

#define KIND_DEC ""
#define KIND_HEX ""
#define KIND_RESULT ""
#define KIND_SIGNED ""
#define KIND_PAD " (checked)"

static size_t at;

static void field(const char *type, size_t size, const char *name, const char *meaning)
{
	/* uint32_t is u32 here; what is signed says so. */
	printf("| %zu | %c%zu | `%s` | %s |\n", at, type[0] == 'u' ? 'u' : 's', size * 8, name,
	       meaning);
	at += size;
}

static void fields_begin(void)
{
	printf("\n| at | type | field | meaning |\n|---:|---|---|---|\n");
}

#define FIELD(type, name, kind, meaning) field(#type, sizeof(type), #name, meaning KIND_##kind);

#define MESSAGE_ROW(NAME, name, opcode, from, payload, meaning)                  \
	printf("| `0x%04x` | %s | %s | %s | %s |\n", opcode, #NAME, FROM_##from, \
	       PAYLOAD_##payload, meaning);

#define MESSAGE_FIELDS(NAME, name, opcode, from, payload, meaning)                        \
	printf("\n### %s (`0x%04x`, from %s)\n\n%c%s. %s.\n", #NAME, opcode,              \
	       strcmp(FROM_##from, "both") ? "the " FROM_##from : "both", upper(meaning), \
	       (meaning) + 1, SENTENCE_##payload);                                        \
	at = sizeof(struct proto_header);                                                 \
	fields_begin();                                                                   \
	PROTO_##NAME##_FIELDS(FIELD)

#define CLASS_ROW(NAME, string) printf("| %d | %s |\n", PROTO_CLASS_##NAME, string);

static char upper(const char *text)
{
	return text[0] >= 'a' && text[0] <= 'z' ? text[0] - 'a' + 'A' : text[0];
}

static void limit(const char *name, uint32_t value, const char *meaning)
{
	printf("| %s | %u | %s |\n", name, value, meaning);
}

int main(void)
{
	printf("### Limits\n\n| name | value | meaning |\n|---|---:|---|\n");
	limit("version", PROTO_VERSION_MAX, "newest protocol version");
	limit("oldest version", PROTO_VERSION_MIN, "oldest one that is still spoken");
	limit("largest message", PROTO_MESSAGE_MAX, "bytes, header included");
	limit("least largest message", PROTO_MESSAGE_MIN, "a HELLO that announces less is refused");
	limit("largest inline data", PROTO_DATA_MAX, "bytes of one read or write in a message");
	limit("requests in flight", PROTO_IN_FLIGHT_MAX, "at most");
	limit("name", PROTO_NAME_MAX, "bytes of a device's name, at most");
	limit("ranges", PROTO_RANGES_MAX, "in one message, at most");

	printf("\n### Messages\n\n| opcode | name | from | payload | meaning "
	       "|\n|---|---|---|---|---|\n");
	PROTO_MESSAGES(MESSAGE_ROW)

	printf("\n### Header\n");
	fields_begin();
	at = 0;
	PROTO_HEADER_FIELDS(FIELD)
	PROTO_MESSAGES(MESSAGE_FIELDS)

	printf("\n### Device classes\n\n| number | class |\n|---:|---|\n");
	PROTO_CLASSES(CLASS_ROW)
	return 0;
}

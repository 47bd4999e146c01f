/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The decoder and the trace printer, for every kind of message in the table. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/proto.h"
#include "seed.h"

/* Decodes a copy that ends where its memory ends, so that a sanitizer sees any
 * look beyond; the printer must cope with whatever the decoder lets through. */
static int decode(const void *bytes, size_t size, enum proto_from from, struct proto_fault *fault)
{
	struct proto_message message;
	char text[256], tiny[5];
	void *copy = malloc(size ? size : 1);
	int r;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, bytes, size);
	memset(fault, 0, sizeof(*fault));
	r = proto_decode(copy, size, from, PROTO_MESSAGE_MAX, &message, fault);
	if (r == 0) {
		ck_assert_ptr_eq(proto_print(&message, text, sizeof(text)), text);
		ck_assert_int_eq(strncmp(text, message.desc->name, strlen(message.desc->name)), 0);
		ck_assert_uint_lt(strlen(proto_print(&message, tiny, sizeof(tiny))), sizeof(tiny));
	} else {
		ck_assert_int_eq(r, -EPROTO);
		ck_assert_uint_gt(strlen(fault->text), 0);
	}
	free(copy);
	return r;
}

/* Of one seed with one field changed. */
static int decode_with(uint16_t opcode, enum seed_form form, const char *field, uint64_t value,
		       struct proto_fault *fault)
{
	_Alignas(8) uint8_t buffer[SEED_MAX];
	const struct proto_desc *desc = proto_desc_find(opcode);
	size_t size = seed_message(desc, form, buffer);

	ck_assert_ptr_nonnull(seed_field(desc, field));
	seed_set(desc, buffer + sizeof(struct proto_header), field, value);
	return decode(buffer, size, seed_from(desc), fault);
}

START_TEST(decodes_every_kind)
{
	_Alignas(8) uint8_t buffer[SEED_MAX];
	const struct proto_desc *desc = &proto_descs[_i];
	struct proto_fault fault;

	ck_assert_ptr_eq(proto_desc_find(desc->opcode), desc);
	for (int form = 0; form < SEED_FORMS; form++) {
		size_t size = seed_message(desc, form, buffer);

		ck_assert_msg(decode(buffer, size, seed_from(desc), &fault) == 0, "%s: %s",
			      desc->name, fault.text);
	}
}
END_TEST

START_TEST(prints_every_field)
{
	_Alignas(8) uint8_t buffer[SEED_MAX];
	const struct proto_desc *desc = &proto_descs[_i];
	struct proto_message message;
	struct proto_fault fault;
	char text[512], name[64];
	size_t size = seed_message(desc, SEED_FULL, buffer);

	ck_assert_int_eq(
		proto_decode(buffer, size, seed_from(desc), PROTO_MESSAGE_MAX, &message, &fault),
		0);
	proto_print(&message, text, sizeof(text));
	for (uint16_t i = 0; i < desc->n_fields; i++) {
		snprintf(name, sizeof(name), " %s=", desc->fields[i].name);
		ck_assert_msg(!strstr(text, name) == (desc->fields[i].kind == PROTO_KIND_PAD), "%s",
			      text);
	}
}
END_TEST

/* Fields lie one after the other, aligned, and fill the body. */
START_TEST(table_has_no_holes)
{
	const struct proto_desc *desc = &proto_descs[_i];
	uint16_t at = 0;

	for (uint16_t i = 0; i < desc->n_fields; i++) {
		ck_assert_uint_eq(desc->fields[i].offset, at);
		ck_assert_uint_eq(at % desc->fields[i].size, 0);
		at += desc->fields[i].size;
	}
	ck_assert_uint_eq(at, desc->body_size);
	for (size_t i = 0; i < proto_n_descs; i++)
		ck_assert((proto_descs[i].opcode == desc->opcode) == (&proto_descs[i] == desc));
}
END_TEST

START_TEST(refuses_the_wrong_sender)
{
	_Alignas(8) uint8_t buffer[SEED_MAX];
	const struct proto_desc *desc = &proto_descs[_i];
	struct proto_fault fault;
	size_t size = seed_message(desc, SEED_FULL, buffer);
	enum proto_from other =
		seed_from(desc) == PROTO_FROM_GUEST ? PROTO_FROM_HOST : PROTO_FROM_GUEST;

	ck_assert_int_eq(decode(buffer, size, other, &fault),
			 desc->from == PROTO_FROM_BOTH ? 0 : -EPROTO);
}
END_TEST

/* Cut anywhere, with the header's length as it was and with one that fits. */
START_TEST(survives_every_truncation)
{
	_Alignas(8) uint8_t buffer[SEED_MAX];
	const struct proto_desc *desc = &proto_descs[_i];
	struct proto_header *header = (struct proto_header *)buffer;
	struct proto_fault fault;

	for (int form = 0; form < SEED_FORMS; form++) {
		size_t whole = seed_message(desc, form, buffer);

		for (size_t size = 0; size < whole; size++) {
			header->length = whole;
			ck_assert_int_eq(decode(buffer, size, seed_from(desc), &fault), -EPROTO);
			header->length = size;
			decode(buffer, size, seed_from(desc), &fault);
			if (size < sizeof(*header) + desc->body_size)
				ck_assert_uint_gt(strlen(fault.text), 0);
		}
		header->length = whole + 1;
		ck_assert_int_eq(decode(buffer, whole, seed_from(desc), &fault), -EPROTO);
	}
}
END_TEST

START_TEST(survives_every_flip)
{
	_Alignas(8) uint8_t buffer[SEED_MAX];
	const struct proto_desc *desc = &proto_descs[_i];
	struct proto_fault fault;

	for (int form = 0; form < SEED_FORMS; form++) {
		size_t size = seed_message(desc, form, buffer);

		for (size_t at = 0; at < size; at++) {
			for (int bit = 0; bit <= 8; bit++) {
				uint8_t flip = bit < 8 ? 1u << bit : 0xff;

				buffer[at] ^= flip;
				decode(buffer, size, PROTO_FROM_GUEST, &fault);
				decode(buffer, size, PROTO_FROM_HOST, &fault);
				buffer[at] ^= flip;
			}
		}
	}
}
END_TEST

START_TEST(refuses_padding)
{
	_Alignas(8) uint8_t buffer[SEED_MAX];
	const struct proto_desc *desc = &proto_descs[_i];
	struct proto_fault fault;
	size_t size = seed_message(desc, SEED_BARE, buffer);

	((struct proto_header *)buffer)->pad = 1;
	ck_assert_int_eq(decode(buffer, size, seed_from(desc), &fault), -EPROTO);
	ck_assert_ptr_nonnull(strstr(fault.text, "pad"));
	for (uint16_t i = 0; i < desc->n_fields; i++) {
		const struct proto_field *field = &desc->fields[i];

		if (field->kind != PROTO_KIND_PAD)
			continue;
		ck_assert_int_eq(decode_with(desc->opcode, SEED_BARE, field->name,
					     UINT64_C(1) << (field->size * 8 - 1), &fault),
				 -EPROTO);
		ck_assert_ptr_nonnull(strstr(fault.text, field->name));
	}
}
END_TEST

START_TEST(bounds_results)
{
	const struct proto_desc *desc = &proto_descs[_i];
	struct proto_fault fault;

	if (!seed_field(desc, "result"))
		return;
	ck_assert_int_eq(decode_with(desc->opcode, SEED_FAILED, "result", (uint64_t)-1, &fault), 0);
	ck_assert_int_eq(decode_with(desc->opcode, SEED_FAILED, "result", (uint64_t)-4095, &fault),
			 0);
	ck_assert_int_eq(decode_with(desc->opcode, SEED_FAILED, "result", (uint64_t)-4096, &fault),
			 -EPROTO);
	ck_assert_ptr_nonnull(strstr(fault.text, "result"));
	ck_assert_int_eq(
		decode_with(desc->opcode, SEED_FAILED, "result", (uint64_t)INT64_MIN, &fault),
		-EPROTO);
}
END_TEST

START_TEST(tags_only_requests_and_answers)
{
	_Alignas(8) uint8_t buffer[SEED_MAX];
	const struct proto_desc *desc = &proto_descs[_i];
	struct proto_header *header = (struct proto_header *)buffer;
	struct proto_fault fault;
	size_t size = seed_message(desc, SEED_FULL, buffer);
	bool tagged = header->tag != 0;

	header->tag = UINT64_MAX;
	ck_assert_int_eq(decode(buffer, size, seed_from(desc), &fault), tagged ? 0 : -EPROTO);
}
END_TEST

START_TEST(refuses_unknown_opcodes)
{
	struct proto_header header = { .length = sizeof(header) };
	struct proto_fault fault;
	uint32_t n_known = 0;

	for (uint32_t opcode = 0; opcode <= UINT16_MAX; opcode++) {
		header.opcode = opcode;
		if (proto_desc_find(opcode)) {
			n_known++;
			continue;
		}
		ck_assert_int_eq(
			proto_header_check(&header, PROTO_FROM_GUEST, PROTO_MESSAGE_MAX, &fault),
			-EPROTO);
	}
	ck_assert_uint_eq(n_known, proto_n_descs);
}
END_TEST

START_TEST(bounds_length)
{
	struct proto_header header = { .opcode = PROTO_WRITE, .length = PROTO_MESSAGE_MIN };
	struct proto_fault fault;

	ck_assert_int_eq(proto_header_check(&header, PROTO_FROM_GUEST, PROTO_MESSAGE_MIN, &fault),
			 0);
	header.length++;
	ck_assert_int_eq(proto_header_check(&header, PROTO_FROM_GUEST, PROTO_MESSAGE_MIN, &fault),
			 -EPROTO);
	header.length = UINT32_MAX;
	ck_assert_int_eq(proto_header_check(&header, PROTO_FROM_GUEST, UINT32_MAX, &fault), 0);
	header.opcode = PROTO_READ;
	ck_assert_int_eq(proto_header_check(&header, PROTO_FROM_GUEST, UINT32_MAX, &fault),
			 -EPROTO);
}
END_TEST

/* ---- payloads ---- */

START_TEST(write_size_is_the_payload)
{
	struct proto_fault fault;

	ck_assert_int_eq(decode_with(PROTO_WRITE, SEED_FULL, "size", SEED_DATA - 1, &fault),
			 -EPROTO);
	ck_assert_int_eq(decode_with(PROTO_WRITE, SEED_FULL, "size", SEED_DATA + 1, &fault),
			 -EPROTO);
	ck_assert_int_eq(decode_with(PROTO_WRITE, SEED_FULL, "bulk", 0, &fault), -EPROTO);
	ck_assert_int_eq(decode_with(PROTO_WRITE, SEED_BARE, "size", UINT32_MAX, &fault),
			 0); /* bulk */
	ck_assert_int_eq(decode_with(PROTO_WRITE, SEED_BARE, "bulk", PROTO_BULK_NONE, &fault),
			 -EPROTO);
}
END_TEST

START_TEST(read_result_is_the_payload)
{
	struct proto_fault fault;

	ck_assert_int_eq(decode_with(PROTO_READ_ANSWER, SEED_FULL, "result", SEED_DATA + 1, &fault),
			 -EPROTO);
	ck_assert_int_eq(decode_with(PROTO_READ_ANSWER, SEED_FULL, "result", (uint64_t)-5, &fault),
			 -EPROTO);
	ck_assert_int_eq(decode_with(PROTO_READ_ANSWER, SEED_BARE, "result", 1 << 20, &fault),
			 0); /* bulk */
}
END_TEST

/* An IOCTL, or its answer, with these ranges and that many bytes after them. */
static int decode_ranges(uint16_t opcode, const struct proto_range *ranges, uint32_t n,
			 size_t n_bytes, struct proto_fault *fault)
{
	const struct proto_desc *desc = proto_desc_find(opcode);
	size_t size = sizeof(struct proto_header) + desc->body_size + n * sizeof(*ranges) + n_bytes;
	uint8_t *buffer = malloc(size + SEED_MAX);
	struct proto_header *header = (struct proto_header *)buffer;
	int r;

	ck_assert_ptr_nonnull(buffer);
	seed_message(desc, SEED_BARE, buffer);
	header->length = size;
	seed_set(desc, buffer + sizeof(*header), "n_ranges", n);
	memcpy(buffer + sizeof(*header) + desc->body_size, ranges, n * sizeof(*ranges));
	memset(buffer + size - n_bytes, 1, n_bytes);
	r = decode(buffer, size, seed_from(desc), fault);
	free(buffer);
	return r;
}

START_TEST(ranges_carry_their_direction)
{
	const struct proto_range in = { 0x1000, 24, PROTO_RANGE_IN };
	const struct proto_range out = { 0x1000, 24, PROTO_RANGE_OUT };
	const struct proto_range both = { 0x1000, 24, PROTO_RANGE_IN | PROTO_RANGE_OUT };
	struct proto_fault fault;

	ck_assert_int_eq(decode_ranges(PROTO_IOCTL, &in, 1, 24, &fault), 0);
	ck_assert_int_eq(decode_ranges(PROTO_IOCTL, &in, 1, 23, &fault), -EPROTO);
	ck_assert_int_eq(decode_ranges(PROTO_IOCTL, &in, 1, 25, &fault), -EPROTO);
	ck_assert_int_eq(decode_ranges(PROTO_IOCTL, &out, 1, 0, &fault), 0);
	ck_assert_int_eq(decode_ranges(PROTO_IOCTL, &out, 1, 24, &fault), -EPROTO);
	ck_assert_int_eq(decode_ranges(PROTO_IOCTL, &both, 1, 24, &fault), 0);
	ck_assert_int_eq(decode_ranges(PROTO_IOCTL_ANSWER, &in, 1, 0, &fault), 0);
	ck_assert_int_eq(decode_ranges(PROTO_IOCTL_ANSWER, &in, 1, 24, &fault), -EPROTO);
	ck_assert_int_eq(decode_ranges(PROTO_IOCTL_ANSWER, &out, 1, 24, &fault), 0);
	ck_assert_int_eq(decode_ranges(PROTO_IOCTL_ANSWER, &both, 1, 24, &fault), 0);
}
END_TEST

/* Descriptors have one size, come last, and go with ioctls only. */
START_TEST(descriptors_among_ranges)
{
	const struct proto_range memory = { 0x1000, 24, PROTO_RANGE_IN };
	const struct proto_range descriptor = { 0x1004, 16, PROTO_RANGE_DESCRIPTOR };
	struct proto_range ranges[3] = { memory, descriptor, descriptor };
	struct proto_fault fault;

	ck_assert_int_eq(decode_ranges(PROTO_IOCTL, ranges, 3, 24 + 32, &fault), 0);
	ck_assert_int_eq(decode_ranges(PROTO_IOCTL, ranges, 3, 24 + 31, &fault), -EPROTO);
	ck_assert_int_eq(decode_ranges(PROTO_IOCTL_ANSWER, ranges, 3, 32, &fault), 0);
	ck_assert_int_eq(decode_ranges(PROTO_MEM_WRITE, ranges, 3, 32, &fault), -EPROTO);
	ck_assert_int_eq(decode_ranges(PROTO_MEM_READ_ANSWER, ranges + 1, 1, 16, &fault), -EPROTO);
	ranges[2].length = 8;
	ck_assert_int_eq(decode_ranges(PROTO_IOCTL, ranges, 3, 24 + 24, &fault), -EPROTO);
	ranges[2] = memory;
	ck_assert_int_eq(decode_ranges(PROTO_IOCTL, ranges, 3, 24 + 16 + 24, &fault), -EPROTO);
	ranges[2] = descriptor;
	ranges[2].direction |= PROTO_RANGE_IN;
	ck_assert_int_eq(decode_ranges(PROTO_IOCTL, ranges, 3, 24 + 32, &fault), -EPROTO);
}
END_TEST

START_TEST(ranges_are_bounded)
{
	struct proto_range ranges[PROTO_RANGES_MAX + 1];
	struct proto_fault fault;

	for (uint32_t i = 0; i <= PROTO_RANGES_MAX; i++)
		ranges[i] = (struct proto_range){ i * 4096, 1, PROTO_RANGE_IN };
	ck_assert_int_eq(
		decode_ranges(PROTO_IOCTL, ranges, PROTO_RANGES_MAX, PROTO_RANGES_MAX, &fault), 0);
	ck_assert_int_eq(decode_ranges(PROTO_IOCTL, ranges, PROTO_RANGES_MAX + 1,
				       PROTO_RANGES_MAX + 1, &fault),
			 -EPROTO);
	ck_assert_ptr_nonnull(strstr(fault.text, "n_ranges"));
	/* More than there is payload for, also where n × 16 wraps 32 bits. */
	for (int bit = 0; bit < 32; bit++)
		ck_assert_int_eq(
			decode_with(PROTO_IOCTL, SEED_BARE, "n_ranges", UINT64_C(1) << bit, &fault),
			-EPROTO);
	ck_assert_int_eq(decode_with(PROTO_IOCTL, SEED_FULL, "n_ranges", 1, &fault), -EPROTO);
	ck_assert_int_eq(decode_with(PROTO_IOCTL, SEED_FULL, "n_ranges", 3, &fault), -EPROTO);
}
END_TEST

START_TEST(ranges_do_not_wrap)
{
	struct proto_range range = { UINT64_MAX - 23, 23, PROTO_RANGE_IN };
	struct proto_range lengths[3];
	struct proto_fault fault;

	ck_assert_int_eq(decode_ranges(PROTO_IOCTL, &range, 1, 23, &fault), 0);
	range.length = 24; /* the sum is 2^64 */
	ck_assert_int_eq(decode_ranges(PROTO_IOCTL, &range, 1, 24, &fault), -EPROTO);
	ck_assert_ptr_nonnull(strstr(fault.text, "wrap"));
	range = (struct proto_range){ UINT64_MAX, 1, PROTO_RANGE_OUT };
	ck_assert_int_eq(decode_ranges(PROTO_IOCTL, &range, 1, 0, &fault), -EPROTO);
	range.length = 0;
	ck_assert_int_eq(decode_ranges(PROTO_IOCTL, &range, 1, 0, &fault), 0);
	/* Lengths whose sum is right in 32 bits only. */
	for (int i = 0; i < 3; i++)
		lengths[i] = (struct proto_range){ 0x1000, UINT32_C(0x55555555), PROTO_RANGE_IN };
	lengths[2].length += 2 + 8;
	ck_assert_int_eq(decode_ranges(PROTO_IOCTL, lengths, 3, 9, &fault), -EPROTO);
}
END_TEST

START_TEST(ranges_have_a_direction)
{
	struct proto_range range = { 0x1000, 0, 0 };
	struct proto_fault fault;

	ck_assert_int_eq(decode_ranges(PROTO_IOCTL, &range, 1, 0, &fault), -EPROTO);
	for (int bit = 2; bit < 32; bit++) {
		range.direction = UINT32_C(1) << bit | PROTO_RANGE_IN;
		ck_assert_int_eq(decode_ranges(PROTO_IOCTL, &range, 1, 0, &fault), -EPROTO);
	}
	ck_assert_ptr_nonnull(strstr(fault.text, "direction"));
}
END_TEST

START_TEST(finds_ranges)
{
	_Alignas(8) uint8_t buffer[SEED_MAX];
	const struct proto_range *ranges;
	struct proto_message message;
	struct proto_fault fault;
	const uint8_t *bytes;
	size_t size;
	uint32_t n;

	size = seed_message(proto_desc_find(PROTO_IOCTL), SEED_FULL, buffer);
	ck_assert_int_eq(
		proto_decode(buffer, size, PROTO_FROM_GUEST, PROTO_MESSAGE_MAX, &message, &fault),
		0);
	ranges = proto_ranges(&message, &n, &bytes);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(ranges[0].direction, PROTO_RANGE_IN);
	ck_assert_ptr_eq(bytes + ranges[0].length, buffer + size);
}
END_TEST

static const struct {
	const char *name;
	bool valid;
} names[] = {
	{ "video0", true },
	{ "snd/pcmC0D0p", true },
	{ "dri/by-path/x:0", true },
	{ "a", true },
	{ "...", true },
	{ ".hidden", true },
	{ "a/..b", true },
	{ "a..b/c.", true },
	{ "bus/usb/001/002", true },
	{ "", false },
	{ "/", false },
	{ "/video0", false },
	{ "video0/", false },
	{ "a//b", false },
	{ ".", false },
	{ "..", false },
	{ "../a", false },
	{ "a/..", false },
	{ "a/./b", false },
	{ "a/../../b", false },
	{ "a b", false },
	{ "a\tb", false },
	{ "a\nb", false },
	{ "a\x7f", false },
	{ "vid\xc3\xa9o", false },
	{ "a=b", false },
	{ "a!b", false },
	{ "a%d", false },
	{ "a\\b", false },
	{ "a,b", false },
};

START_TEST(checks_names)
{
	ck_assert_int_eq(proto_name_valid(names[_i].name, strlen(names[_i].name)), names[_i].valid);
}
END_TEST

START_TEST(checks_name_lengths)
{
	char name[PROTO_NAME_MAX + 2];

	memset(name, 'a', sizeof(name));
	ck_assert(proto_name_valid(name, PROTO_NAME_MAX));
	ck_assert(!proto_name_valid(name, PROTO_NAME_MAX + 1));
	name[3] = '\0';
	ck_assert(proto_name_valid(name, 3));
	ck_assert(!proto_name_valid(name, 4)); /* a NUL is part of no name */
	ck_assert(!proto_name_valid(name, 5));
}
END_TEST

/* Every byte, alone in a name, by the rule and not by the code. */
START_TEST(checks_name_bytes)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
		"_-.:+@#$&'()*;<>?[]^`{|}~\"/";

	for (int c = 0; c < 256; c++) {
		char name[] = { 'a', (char)c, 'b' };

		ck_assert_msg(proto_name_valid(name, 3) == (c && strchr(allowed, c)), "byte 0x%x",
			      c);
	}
}
END_TEST

static const struct {
	const char *text;
	bool valid;
} properties[] = {
	{ "ID_INPUT=1", true },
	{ "A=", true },
	{ "9_=a=b c", true },
	{ "ID_MODEL=vid\xc3\xa9o", true },
	{ "ID_A=a'\"", true },
	{ "", false },
	{ "ID_INPUT", false },
	{ "=1", false },
	{ "id=1", false },
	{ "ID-A=1", false },
	{ " ID=1", false },
	{ "ID= 1", false },
	{ "ID=1 ", false },
	{ "ID=\t1", false },
	{ "ID=\"1\"", false },
	{ "ID='", false },
	{ "ID=a\nb", false },
	{ "ID=a\x7f", false },
};

START_TEST(checks_properties)
{
	ck_assert_int_eq(proto_property_valid(properties[_i].text, strlen(properties[_i].text)), properties[_i].valid);
}
END_TEST

START_TEST(finds_properties)
{
	_Alignas(8) uint8_t buffer[SEED_MAX];
	struct proto_message message;
	struct proto_fault fault;
	size_t size, name_length, length;
	const char *found;

	for (int form = SEED_FULL; form <= SEED_BARE; form++) {
		size = seed_message(proto_desc_find(PROTO_DEVICE_ADD), form, buffer);
		ck_assert_int_eq(proto_decode(buffer, size, PROTO_FROM_HOST, PROTO_MESSAGE_MAX, &message, &fault), 0);
		found = proto_properties(&message, &name_length, &length);
		ck_assert_uint_eq(name_length, strlen("input/event0"));
		ck_assert_uint_eq(length, form == SEED_FULL ? strlen("GROUP=input\nID_INPUT=1\n") : 0);
		if (form == SEED_FULL)
			ck_assert_mem_eq(found, "GROUP=input\nID_INPUT=1\n", length);
	}
}
END_TEST

START_TEST(names_classes)
{
	ck_assert_str_eq(proto_class_name(PROTO_CLASS_OTHER), "other");
	ck_assert_str_eq(proto_class_name(PROTO_CLASS_NETMAP), "netmap");
	ck_assert_str_eq(proto_class_name(PROTO_CLASS_MAX_), "other");
	ck_assert_str_eq(proto_class_name(UINT32_MAX), "other");
}
END_TEST

static TCase *kinds_case(void)
{
	TCase *tcase = tcase_create("kinds");
	int n = proto_n_descs;

	tcase_add_loop_test(tcase, decodes_every_kind, 0, n);
	tcase_add_loop_test(tcase, prints_every_field, 0, n);
	tcase_add_loop_test(tcase, table_has_no_holes, 0, n);
	tcase_add_loop_test(tcase, refuses_the_wrong_sender, 0, n);
	tcase_add_loop_test(tcase, survives_every_truncation, 0, n);
	tcase_add_loop_test(tcase, survives_every_flip, 0, n);
	tcase_add_loop_test(tcase, refuses_padding, 0, n);
	tcase_add_loop_test(tcase, bounds_results, 0, n);
	tcase_add_loop_test(tcase, tags_only_requests_and_answers, 0, n);
	tcase_add_test(tcase, refuses_unknown_opcodes);
	tcase_add_test(tcase, bounds_length);
	tcase_set_timeout(tcase, 60);
	return tcase;
}

static TCase *payloads_case(void)
{
	TCase *tcase = tcase_create("payloads");

	tcase_add_test(tcase, write_size_is_the_payload);
	tcase_add_test(tcase, read_result_is_the_payload);
	tcase_add_test(tcase, ranges_carry_their_direction);
	tcase_add_test(tcase, descriptors_among_ranges);
	tcase_add_test(tcase, ranges_are_bounded);
	tcase_add_test(tcase, ranges_do_not_wrap);
	tcase_add_test(tcase, ranges_have_a_direction);
	tcase_add_test(tcase, finds_ranges);
	tcase_add_loop_test(tcase, checks_names, 0, sizeof(names) / sizeof(names[0]));
	tcase_add_test(tcase, checks_name_lengths);
	tcase_add_test(tcase, checks_name_bytes);
	tcase_add_loop_test(tcase, checks_properties, 0, sizeof(properties) / sizeof(properties[0]));
	tcase_add_test(tcase, finds_properties);
	tcase_add_test(tcase, names_classes);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("proto/message");
	SRunner *runner;
	int n_failed;

	suite_add_tcase(suite, kinds_case());
	suite_add_tcase(suite, payloads_case());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

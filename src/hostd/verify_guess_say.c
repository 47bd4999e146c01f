/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guess in the words of layout_rows.h; see verify_guess.h. */
#include "config.h"

#include <linux/ioctl.h>
#include <stdarg.h>
#include <stdio.h>

#include "hostd/session.h"
#include "hostd/verify_guess.h"

#define TEXT_MAX 700u
#define SAYINGS_MAX 6u /* of one command: what differs from call to call is not all news */

struct text {
	char text[TEXT_MAX];
	size_t used;
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *text, const char *format, ...)
{
	va_list args;
	int n;

	if (text->used >= TEXT_MAX - 1)
		return;
	va_start(args, format);
	n = vsnprintf(text->text + text->used, TEXT_MAX - text->used, format, args);
	va_end(args);
	text->used += n > 0 ? n : 0;
}

static const char *access_word(bool read, bool written)
{
	return read && written ? "INOUT" : written ? "OUT" : "IN";
}

/* A structure whose members have names where the row needs them. */
static void struct_add(struct text *text, const struct guess *guess)
{
	uint32_t at = 0, gap = 0;

	add(text, "struct guess_%08x {", guess->command);
	while (at <= guess->size) {
		uint32_t size = 0, count = 0;

		for (uint32_t i = 0; i < guess->n_leads; i++) {
			if (guess->leads[i].at == at)
				size = 8;
			if (guess->leads[i].count_at == (int32_t)at)
				size = count = guess->leads[i].count_size;
		}
		if ((size || at == guess->size) && at > gap)
			add(text, " __u8 bytes_%u[%u];", gap, at - gap);
		if (!size) {
			at++;
			continue;
		}
		add(text, " __u%u %s_%u;", size * 8, count ? "count" : "pointer", at);
		at += size;
		gap = at;
	}
	add(text, " } __attribute__((packed));");
}

static void parts_add(struct text *text, const struct guess *guess)
{
	add(text, "static const struct layout_part guess_%08x_parts[] = {", guess->command);
	for (uint32_t i = 0; i < guess->n_leads; i++) {
		const struct lead_to *lead = &guess->leads[i];
		const char *access = access_word(lead->read, lead->written);

		if (lead->count_at >= 0)
			add(text, " POINTER(struct guess_%08x, pointer_%u, count_%d, __u8[%u], %s),",
			    guess->command, lead->at, lead->count_at, lead->unit, access);
		else
			add(text, " POINTER_FIXED(struct guess_%08x, pointer_%u, 1, __u8[%u], %s),",
			    guess->command, lead->at, lead->extent, access);
	}
	add(text, " };");
}

static void row_add(struct text *text, const struct guess *guess)
{
	const char *old = guess->size_known ? "" : "OLD_";
	uint32_t direction = _IOC_DIR(guess->command);
	bool truthful = guess->size_known && guess->read == !!(direction & _IOC_WRITE) &&
			guess->written == !!(direction & _IOC_READ);
	const char *access = access_word(guess->read, guess->written);

	if (!guess->read && !guess->written)
		add(text, "NUMBER(0x%08x),", guess->command);
	else if (guess->n_leads)
		add(text, "NESTED%s%s(0x%08x, struct guess_%08x, guess_%08x),", truthful ? "" : "_",
		    truthful ? "" : guess->size_known ? (guess->written ? "INOUT" : "IN") :
		    guess->written ? "OLD_INOUT" : "OLD_IN", guess->command, guess->command, guess->command);
	else if (truthful)
		add(text, "FLAT(0x%08x, __u8[%u]),", guess->command, guess->size);
	else
		add(text, "%s%s(0x%08x, __u8[%u]),", guess->size_known ? "FLAT_" : old,
		    guess->size_known && !guess->read ? "INOUT" : access, guess->command,
		    guess->size ? guess->size : 1);
}

static void seen_add(struct text *text, const struct guess *guess, int64_t result)
{
	add(text, "result %lld; argument %s%s%s, %u bytes%s", (long long)result,
	    guess->read ? "read" : "", guess->read && guess->written ? " and " : "",
	    guess->written ? "written" : guess->read ? "" : "untouched", guess->size,
	    guess->size_known ? " by its number" : " or more");
	for (uint32_t i = 0; i < guess->n_leads; i++) {
		const struct lead_to *lead = &guess->leads[i];

		add(text, "; the pointer at %u: %s%s%s, %u bytes or more", lead->at,
		    lead->read ? "read" : "", lead->read && lead->written ? " and " : "",
		    lead->written ? "written" : "", lead->extent);
		if (lead->count_at >= 0)
			add(text, " (%u for each of the number at %d)", lead->unit, lead->count_at);
	}
	if (guess->n_lost)
		add(text, "; %u places that nothing in the argument points to", guess->n_lost);
}

static void say(const struct session *session, const struct verify_guess *record, const char *what,
		const struct text *text)
{
	log_info("guest \"%s\": VERIFY %s 0x%08x %s %s", session->guest, proto_class_name(record->class),
		 record->sum.command, what, text->text);
}

void verify_guess_say(const struct session *session, struct verify_guess *record, const struct guess *guess,
		      int64_t result)
{
	struct text row = { .used = 0 }, text = { .used = 0 };
	uint32_t hash = guess->n_lost + (result < 0);

	row_add(&row, guess);
	parts_add(&text, guess);
	for (const char *at = text.text; *at; at++)
		hash = (hash ^ (uint8_t)*at) * 16777619u; /* FNV-1a */
	for (const char *at = row.text; *at; at++)
		hash = (hash ^ (uint8_t)*at) * 16777619u;
	if (hash == record->said || record->n_said == SAYINGS_MAX ||
	    (result < 0 && !guess->read && !guess->written && !guess->n_leads))
		return;
	record->said = hash;
	record->n_said++;
	text.used = 0;
	seen_add(&text, guess, result);
	say(session, record, "undeclared", &text);
	if (result < 0)
		return;
	if (guess->n_leads) {
		text.used = 0;
		struct_add(&text, guess);
		say(session, record, "row", &text);
		text.used = 0;
		parts_add(&text, guess);
		say(session, record, "row", &text);
		text.used = 0;
		add(&text, "LAYOUT_TYPE(guess_%08x, struct guess_%08x, guess_%08x_parts);", guess->command,
		    guess->command, guess->command);
		say(session, record, "row", &text);
	}
	say(session, record, "row", &row);
}

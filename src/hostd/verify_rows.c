/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What verify mode has learnt of each row, and what it says of it. A line stands for
 * all that is known, and is said again when that has changed:
 *
 *	VERIFY class command verdict details
 *
 * The verdicts, of which the first that holds counts:
 *	missing		the driver used memory that the row does not name
 *	wrong		it wrote what only goes in, or read what only comes out
 *	superfluous	it never gets to the end of what goes in
 *	incomplete	not seen in all places, or not all pointers were followed
 *	ok		exactly what the row says
 */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostd/session.h"
#include "hostd/verify.h"

#define TAILS_ENOUGH 2u /* calls that must miss the end for it to count as never used */
#define DEPTH_MAX 4u /* of parts that must have been followed */

enum verdict { VERDICT_OK, VERDICT_INCOMPLETE, VERDICT_SUPERFLUOUS, VERDICT_WRONG, VERDICT_MISSING };

static const char *const verdicts[] = {
	[VERDICT_OK] = "ok",		 [VERDICT_INCOMPLETE] = "incomplete", [VERDICT_SUPERFLUOUS] = "superfluous",
	[VERDICT_WRONG] = "wrong",	 [VERDICT_MISSING] = "missing",
};

struct line {
	char text[800];
	size_t used;
	enum verdict verdict;
};

struct verify *verify_new(void)
{
	return calloc(1, sizeof(struct verify));
}

struct verify_row *verify_row_get(struct verify *verify, const struct layout_need *need, uint32_t class)
{
	struct verify_row *row = verify->rows;

	while (row && (row->row != need->row || row->class != class))
		row = row->next;
	if (row)
		return row;
	row = calloc(1, sizeof(*row));
	if (!row)
		return NULL;
	row->row = need->row;
	row->class = class;
	row->next = verify->rows;
	verify->rows = row;
	return row;
}

struct verify_node *verify_node_get(struct verify_row *row, struct verify_node *parent,
				    const struct layout_part *part)
{
	struct verify_node **at = &row->nodes;

	/* The next one of a list is like this one. */
	if (parent && parent->part == part)
		return parent;
	while (*at && ((*at)->parent != parent || (*at)->part != part))
		at = &(*at)->next;
	if (!*at) {
		*at = calloc(1, sizeof(**at));
		if (*at) {
			(*at)->parent = parent;
			(*at)->part = part;
		}
	}
	return *at;
}

/* ---- taking in ---- */

static void node_note(const struct verify_piece *piece, bool succeeded)
{
	struct verify_node *node = piece->node;

	if (piece->touched > node->touched)
		node->touched = piece->touched;
	if (piece->whole && !piece->ends_early && piece->beyond > node->beyond)
		node->beyond = piece->beyond;
	/* Strings are read in aligned words (lib/strnlen_user.c). */
	if (piece->before > node->before && !(piece->ends_early && piece->before < sizeof(long)))
		node->before = piece->before;
	node->read |= piece->read;
	node->written |= piece->written;
	node->reached |= piece->touched == piece->size;
	if (!succeeded)
		return;
	node->n_calls++;
	/* A driver that did not even begin with it tells nothing of its end. */
	if (!piece->touched)
		return;
	node->n_placed[piece->place]++;
	if (piece->place != VERIFY_TAIL)
		return;
	if (piece->tail && node->untouched && piece->split >= node->untouched)
		node->untouched = 0;
	if (!piece->tail && (!node->untouched || piece->split < node->untouched))
		node->untouched = piece->split;
}

static void stray_note(struct verify_row *row, const struct verify_stray *stray)
{
	for (uint32_t i = 0; i < row->n_strays; i++) {
		struct verify_stray *known = &row->strays[i];

		if (known->node != stray->node || known->offset != stray->offset)
			continue;
		known->write |= stray->write;
		if (stray->extent > known->extent)
			known->extent = stray->extent;
		return;
	}
	if (row->n_strays < VERIFY_STRAYS_MAX)
		row->strays[row->n_strays++] = *stray;
}

/* ---- saying ---- */

static void line_add(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void line_add(struct line *line, const char *format, ...)
{
	va_list args;
	int n;

	if (line->used >= sizeof(line->text) - 1)
		return;
	va_start(args, format);
	n = vsnprintf(line->text + line->used, sizeof(line->text) - line->used, format, args);
	va_end(args);
	line->used += n > 0 ? n : 0;
}

static void line_judge(struct line *line, enum verdict verdict)
{
	if (verdict > line->verdict)
		line->verdict = verdict;
}

static void node_name(struct line *line, const struct verify_node *node)
{
	if (!node || !node->part) {
		line_add(line, "argument");
		return;
	}
	if (node->parent && node->parent->part) {
		node_name(line, node->parent);
		line_add(line, "->");
	}
	line_add(line, "%s", node->part->name ? node->part->name : "?");
}

/* True when calls have shown that nothing is used behind the end, and that the end
 * is. */
static bool node_settled(const struct verify_node *node)
{
	return node->n_placed[VERIFY_END] && (node->reached || !node->required);
}

static void node_say(struct line *line, const struct verify_node *node)
{
	bool never = node->n_calls >= VERIFY_PLACES && !node->read && !node->written;

	line_add(line, "; ");
	node_name(line, node);
	line_add(line, ": %u bytes %s%s%s", node->length, node->read ? "read" : "",
		 node->read && node->written ? " and " : "", node->written ? "written" : "");
	if (!node->read && !node->written)
		line_add(line, "untouched");
	if (node->beyond) {
		line_add(line, ", and %u behind its end", node->beyond);
		line_judge(line, VERDICT_MISSING);
	}
	if (node->before) {
		line_add(line, ", and %u before its begin", node->before);
		line_judge(line, VERDICT_MISSING);
	}
	if (node->written && !(node->access & LAYOUT_OUT)) {
		line_add(line, ", but only goes in");
		line_judge(line, VERDICT_WRONG);
	}
	if (node->read && !(node->access & LAYOUT_IN)) {
		line_add(line, ", but only comes out");
		line_judge(line, VERDICT_WRONG);
	}
	if (node->untouched && !node->reached && node->n_placed[VERIFY_TAIL] >= TAILS_ENOUGH) {
		line_add(line, ", none from byte %u on", node->untouched);
		if (node->required)
			line_judge(line, VERDICT_SUPERFLUOUS);
	}
	/* A pointer may be there and not count for what the structure says. */
	if (never && node->required && !node->part)
		line_judge(line, VERDICT_SUPERFLUOUS);
	if (!node_settled(node))
		line_judge(line, VERDICT_INCOMPLETE);
}

static void stray_say(struct line *line, const struct verify_stray *stray)
{
	if (stray->node) {
		line_add(line, "; the pointer at offset %u of ", stray->offset);
		node_name(line, stray->node);
		line_add(line, " is followed (%s, %u bytes or more)", stray->write ? "written" : "read",
			 stray->extent);
	} else {
		line_add(line, "; memory was %s that nothing there points to", stray->write ? "written" : "read");
	}
	line_judge(line, VERDICT_MISSING);
}

static bool part_seen(const struct verify_row *row, const struct layout_part *part)
{
	for (const struct verify_node *node = row->nodes; node; node = node->next)
		if (node->part == part && node_settled(node))
			return true;
	return false;
}

/* Names the pointers that no call has had. */
static void parts_say(struct line *line, const struct verify_row *row, const struct layout_type *type,
		      unsigned int depth)
{
	if (!type || depth == DEPTH_MAX)
		return;
	for (uint32_t i = 0; i < (uint32_t)type->n_parts + type->n_after; i++) {
		const struct layout_part *part =
			i < type->n_parts ? &type->parts[i] : &type->after[i - type->n_parts];

		if (part->kind == LAYOUT_POINTER && !part_seen(row, part)) {
			line_add(line, "; %s was not followed", part->name ? part->name : "a pointer");
			line_judge(line, VERDICT_INCOMPLETE);
		}
		if (part->type != type)
			parts_say(line, row, part->type, depth + 1);
	}
}

static uint32_t hash(const char *text)
{
	uint32_t value = 2166136261u; /* FNV-1a */

	while (*text)
		value = (value ^ (uint8_t)*text++) * 16777619u;
	return value;
}

static void row_line(struct line *line, const struct verify_row *row)
{
	line->used = 0;
	line->text[0] = '\0';
	line->verdict = VERDICT_OK;
	for (const struct verify_node *node = row->nodes; node; node = node->next)
		node_say(line, node);
	if (!row->nodes)
		line_add(line, "; no memory used");
	for (uint32_t i = 0; i < row->n_strays; i++)
		stray_say(line, &row->strays[i]);
	parts_say(line, row, row->row->type, 0);
	if (!row->n_succeeded) {
		line_add(line, "; it has not succeeded (%s)", strerror(row->error));
		line_judge(line, VERDICT_INCOMPLETE);
	}
}

/* The name of a row in one word: of macros with arguments, too. */
static void row_name(char *name, size_t size, const struct layout *row)
{
	size_t n = 0;

	for (const char *at = row->name; *at && n + 1 < size; at++)
		if (*at != ' ')
			name[n++] = *at;
	name[n] = '\0';
}

static void row_print(const struct session *session, const struct verify_row *row, const struct line *line)
{
	char name[80];

	row_name(name, sizeof(name), row->row);
	log_info("guest \"%s\": VERIFY %s %s %s%s", session->guest, proto_class_name(row->class), name,
		 verdicts[line->verdict], line->text[0] ? line->text + 1 : "");
}

void verify_row_note(struct session *session, struct verify_row *row, const struct verify_call *call,
		     int64_t result)
{
	struct line line;
	uint32_t now;

	row->n_calls++;
	if (result >= 0)
		row->n_succeeded++;
	else
		row->error = -result;
	for (uint32_t i = 0; i < call->n_pieces; i++)
		node_note(&call->pieces[i], result >= 0);
	for (uint32_t i = 0; i < call->n_strays; i++)
		stray_note(row, &call->strays[i]);
	row_line(&line, row);
	now = hash(line.text) ^ line.verdict;
	if (now == row->printed)
		return;
	row->printed = now;
	row_print(session, row, &line);
}

void verify_report(struct session *session)
{
	struct line line;

	for (const struct verify_row *row = session->verify->rows; row; row = row->next) {
		row_line(&line, row);
		row_print(session, row, &line);
	}
}

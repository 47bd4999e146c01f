/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Verify mode (paradice-hostd --verify-layouts): what drivers really do to the
 * memory of their callers, compared with the layout tables.
 *
 * A declared command runs in a mirror, on copies of the pieces of memory that its
 * row names. They lie far apart, at addresses that no program uses, on pages that
 * are absent until the driver touches them. From call to call they lie differently:
 * against the page's end, against its begin, or with their last byte on a page of its
 * own. So faults tell what was touched before, within and beyond each piece. A command
 * without a row runs on demand as ever, and its faults and changes suggest a row.
 *
 * struct verify is the session's: what was learnt of each row, in a tree of the
 * pieces that the row's parts lead to (struct verify_node). struct verify_call lives
 * for one ioctl, in the mirror that runs it. All of it under the session's lock, but
 * for a call's pieces, which are the calling thread's before and after it.
 */
#ifndef PARADICE_HOSTD_VERIFY_H
#define PARADICE_HOSTD_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "hostd/mirror.h"
#include "hostd/operation.h"
#include "proto/layout.h"

struct declared;
struct handle;
struct session;

#define VERIFY_PIECES_MAX (PROTO_RANGES_MAX + 1)
#define VERIFY_STRAYS_MAX 8u

/* How a piece lies. */
enum verify_place {
	VERIFY_TAIL, /* from `split` on it is on pages of its own */
	VERIFY_END, /* it ends with a page; the next one is absent */
	VERIFY_START, /* it begins with a page; the one before is absent */
	VERIFY_PLACES,
};

/* What is known of one piece of memory of a row, over all calls that had it. */
struct verify_node {
	struct verify_node *next; /* of the same row */
	struct verify_node *parent; /* NULL: this is the argument */
	const struct layout_part *part;
	uint32_t n_calls; /* that succeeded */
	uint32_t n_placed[VERIFY_PLACES]; /* of those */
	uint32_t n_turns; /* calls begun, for the next place */
	uint32_t length; /* bytes, of the latest call */
	uint32_t touched; /* bytes from the begin that some call got to */
	uint32_t untouched; /* the least split behind which no call touched it; 0: none */
	uint32_t beyond; /* bytes behind the end that were touched, at most */
	uint32_t before;
	bool required; /* its end must be reached for the row to be right */
	bool reached; /* its end was */
	bool read, written;
	uint8_t access; /* LAYOUT_… as declared */
};

/* A pointer that the driver followed and the row does not know. */
struct verify_stray {
	struct verify_node *node; /* the piece that has it, or NULL: not found */
	uint32_t offset; /* there */
	uint32_t extent; /* bytes from there that were touched, at least */
	bool write;
};

struct verify_row {
	struct verify_row *next;
	const struct layout *row;
	uint32_t class;
	uint32_t n_calls, n_succeeded;
	int error; /* the last failure's errno */
	struct verify_node *nodes; /* parents before children */
	struct verify_stray strays[VERIFY_STRAYS_MAX];
	uint32_t n_strays;
	uint32_t printed; /* a hash of what was last said */
};

struct verify {
	struct verify_row *rows;
	struct verify_guess *guesses; /* verify_guess.c */
};

/* One piece in one call. */
struct verify_piece {
	struct verify_node *node;
	uint8_t *memory; /* the session's */
	uint32_t size; /* bytes there */
	bool whole; /* they are all that the row declares */
	bool ends_early; /* a string: what is behind its end may be looked at */
	enum verify_place place;
	uint32_t split;
	uint64_t address; /* in the mirror */
	uint64_t slot, slot_end; /* addresses that belong to it there */
	uint32_t touched; /* as in the node */
	uint32_t beyond, before;
	bool tail; /* something at or behind `split` was touched */
	bool read, written;
};

struct verify_page {
	uint64_t address;
	uint8_t *bytes; /* as they were put there */
	struct verify_piece *piece; /* NULL: of nobody */
};

struct verify_call {
	struct verify_piece pieces[VERIFY_PIECES_MAX];
	uint32_t n_pieces;
	uint64_t argument;
	struct verify_page *pages;
	uint32_t n_pages, max_pages;
	struct verify_stray strays[VERIFY_STRAYS_MAX];
	uint64_t stray_pages[VERIFY_STRAYS_MAX]; /* where they led */
	uint32_t n_strays;
	struct verify_observed *observed; /* on demand: verify_guess.c */
};

/* NULL when memory is short. */
struct verify *verify_new(void);

/* ---- verify.c: declared commands ---- */

/* Runs a flat command on its structure in `image`, of which the caller has `present`
 * bytes. False, with nothing done, if it must run in the session, because part of its
 * memory is not there. Else *resultp is the driver's, or a negative errno of ours; it
 * gave the lock up, and operation_handle_put() must follow. */
bool verify_flat(struct session *session, struct operation *operation, struct handle *handle,
		 const struct proto_ioctl *request, const struct layout_need *need, uint8_t *image,
		 uint32_t present, int64_t *resultp);
/* The same for a nested one, after declared_walk(). */
bool verify_nested(struct session *session, struct operation *operation, struct handle *handle,
		   const struct proto_ioctl *request, const struct layout_need *need,
		   struct declared *declared, int64_t *resultp);
/* A command whose argument was a small number has run in the session. */
void verify_number(struct session *session, const struct handle *handle,
		   const struct proto_ioctl *request, int64_t result);

/* ---- verify_memory.c: the pieces of one call ---- */

/* Gives each piece its place in the mirror. */
void verify_place(struct verify_call *call);
/* The address in the mirror of one of the session's, if it is in a piece. */
bool verify_address_there(const struct verify_call *call, const uint8_t *memory, uint64_t *addressp);
/* The session's address of one in the mirror, ends included, or the value as it is. */
uint64_t verify_address_here(const struct verify_call *call, uint64_t address);

/* A fault in a mirror that has a verify_call. False if it is to be served on demand. */
bool verify_fault(struct session *session, struct mirror *mirror, uint64_t address, uint64_t flags);

/* After the call: what the driver wrote is in the pieces, and the pages are given back.
 * False when the mirror died. */
bool verify_collect(struct mirror *mirror, struct verify_call *call);

/* ---- verify_rows.c: what was learnt ---- */

/* The row's record in this session, or NULL when memory is short. */
struct verify_row *verify_row_get(struct verify *verify, const struct layout_need *need, uint32_t class);
/* The node that `part` leads to from `parent`; both NULL for the argument. */
struct verify_node *verify_node_get(struct verify_row *row, struct verify_node *parent,
				    const struct layout_part *part);
/* Takes the call's outcome in and says what is new. */
void verify_row_note(struct session *session, struct verify_row *row, const struct verify_call *call,
		     int64_t result);
/* Says all that is known. */
void verify_report(struct session *session);

/* ---- verify_guess.c: commands without a row ---- */

/* Begins to observe a call on demand; NULL in any other mode, and for a number. */
struct verify_call *verify_observe(struct session *session, uint64_t argument);
/* Bytes that the driver changed. */
void verify_observe_change(struct verify_call *call, uint64_t address, const uint8_t *bytes, uint32_t length);
void verify_observe_fault(struct verify_call *call, uint64_t address, bool write);
/* Ends it: what was seen, and the row that fits it, if that is new. The mirror's
 * pages are those of the call. Frees `call`. */
void verify_observe_end(struct session *session, struct verify_call *call, const struct mirror *mirror,
			const struct handle *handle, const struct proto_ioctl *request, int64_t result);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Valid messages of every kind, made from the tables of proto.h: for the tests of
 * the decoder and for the corpus of the fuzz targets. Stateless.
 */
#ifndef PARADICE_TESTS_SEED_H
#define PARADICE_TESTS_SEED_H

#include <stddef.h>
#include <stdint.h>

#include "proto/proto.h"

#define SEED_MAX 512u /* bytes; no seed is larger */
#define SEED_DATA 21u /* bytes of a DATA payload: odd, so that nothing after it is aligned */

/* Each kind in these forms; forms that make no difference to a kind are the same. */
enum seed_form {
	SEED_FULL, /* with a payload */
	SEED_BARE, /* without one, where that is allowed */
	SEED_FAILED, /* an answer with an errno; else as SEED_BARE */
	SEED_FORMS,
};

/* The field of that name, or NULL. */
const struct proto_field *seed_field(const struct proto_desc *desc, const char *name);

/* Stores a field of a body, cut to the field's size; does nothing if the kind has
 * no such field. */
void seed_set(const struct proto_desc *desc, void *body, const char *name, uint64_t value);

/* Writes a whole valid message to `buffer` of SEED_MAX bytes. Returns its length. */
size_t seed_message(const struct proto_desc *desc, enum seed_form form, void *buffer);

/* The side that sends this kind; the guest where both may. */
enum proto_from seed_from(const struct proto_desc *desc);

#endif

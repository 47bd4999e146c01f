/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cases of test_layout_walk, one file each. */
#ifndef PARADICE_TESTS_WALK_CASES_H
#define PARADICE_TESTS_WALK_CASES_H

#include <check.h>

/* test_walk_constructs.c: what is more than a counted pointer. */
TCase *case_constructs(void);
/* test_walk_kept.c: memory that the driver keeps. */
TCase *case_kept(void);
/* test_walk_rows.c: real commands, with drivers that do what the kernel does. */
TCase *case_rows(void);
/* test_walk_lies.c: messages that are not what the table asks for. */
TCase *case_lies(void);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of a test program: it runs its tests and says "N passed, N failed, N skipped". */
#ifndef PARADICE_TESTS_SUITE_H
#define PARADICE_TESTS_SUITE_H

#include <check.h>

/* Takes the suite; `n_skipped` tests are not in it. Returns the status of main(): 77 if
 * there was no test at all. V in the environment names each test. */
int suite_end(Suite *suite, int n_skipped);

/* The same for a suite of one case, which it takes. */
int suite_run(const char *name, TCase *tcase);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of a test program that runs in a rig: it runs its one test case and says
 * "N passed, N failed, 0 skipped". */
#ifndef PARADICE_TESTS_SUITE_H
#define PARADICE_TESTS_SUITE_H

#include <check.h>

/* Takes the case. Returns the status of main(). V in the environment names each test. */
int suite_run(const char *name, TCase *tcase);

#endif

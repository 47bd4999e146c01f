// SPDX-License-Identifier: GPL-2.0-or-later
/* Runs a program's test case; see suite.h. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "suite.h"

int suite_run(const char *name, TCase *tcase)
{
	Suite *suite = suite_create(name);
	SRunner *runner;
	int n_run, n_failed;

	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, getenv("V") ? CK_VERBOSE : CK_NORMAL);
	n_run = srunner_ntests_run(runner);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	printf("%d passed, %d failed, 0 skipped\n", n_run - n_failed, n_failed);
	fflush(stdout);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

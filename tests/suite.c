// SPDX-License-Identifier: GPL-2.0-or-later
/* Runs a program's tests; see suite.h. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "suite.h"

int suite_end(Suite *suite, int n_skipped)
{
	SRunner *runner = srunner_create(suite);
	int n_run, n_failed;

	srunner_run_all(runner, getenv("V") ? CK_VERBOSE : CK_NORMAL);
	n_run = srunner_ntests_run(runner);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	printf("%d passed, %d failed, %d skipped\n", n_run - n_failed, n_failed, n_skipped);
	fflush(stdout);
	if (n_failed)
		return EXIT_FAILURE;
	return n_run ? EXIT_SUCCESS : 77;
}

int suite_run(const char *name, TCase *tcase)
{
	Suite *suite = suite_create(name);

	suite_add_tcase(suite, tcase);
	return suite_end(suite, 0);
}

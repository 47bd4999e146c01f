// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * integration [DIRECTORY]: the tests that run in the guest, over the nodes of a
 * running guestd. Environment: PARADICE_DEV (the directory of the nodes; /dev),
 * PARADICE_PREFIX (the puppet's, "ptest"), PARADICE_TRANSPORT (for the report),
 * PARADICE_CASES (names of the cases to run, blanks between; all).
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "integration.h"
#include "suite.h"

static int n_skipped;

void test_skip(const char *test, const char *reason)
{
	printf("SKIP: %s: %s\n", test, reason);
	n_skipped++;
}

static const struct {
	const char *name;
	TCase *(*make)(void);
} cases[] = {
	{ "basic", case_basic },	     { "ioctl", case_ioctl },
	{ "nested", case_nested },	     { "on_demand", case_on_demand },
	{ "nonblock", case_nonblock },	     { "poll", case_poll },
	{ "blocking", case_blocking },	     { "concurrency", case_concurrency },
	{ "processes", case_processes },     { "limits", case_limits },
	{ "reconnect", case_reconnect },
};

static bool wanted(const char *name)
{
	const char *list = getenv("PARADICE_CASES");
	size_t n = strlen(name);

	if (!list || !list[0])
		return true;
	while (*list) {
		size_t word = strcspn(list, " ");

		if (word == n && memcmp(list, name, n) == 0)
			return true;
		list += word + strspn(list + word, " ");
	}
	return false;
}

/* Before each test: one that failed may have left the connection broken. */
static void connected(void)
{
	close(node_open_again("control", O_RDWR));
}

int main(int argc, char **argv)
{
	const char *transport = getenv("PARADICE_TRANSPORT");
	Suite *suite = suite_create("integration");

	if (argc > 1)
		setenv("PARADICE_DEV", argv[1], 1);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!node_exists("control")) {
		printf("SKIP: integration: there is no node %s: is a puppet configured, and guestd connected?\n",
		       node_path("control"));
		return 77;
	}
	printf("integration: nodes in %s, transport %s\n", node_path("."), transport ? transport : "unknown");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		TCase *tcase;

		if (!wanted(cases[i].name))
			continue;
		tcase = cases[i].make();
		tcase_add_checked_fixture(tcase, connected, NULL);
		suite_add_tcase(suite, tcase);
	}
	return suite_end(suite, n_skipped);
}

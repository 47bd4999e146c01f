// SPDX-License-Identifier: GPL-2.0-or-later
/* Quotas: a guest that opens until it hits its limit. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "integration.h"

#define MORE_THAN_ENOUGH 3000

static int open_zero(void)
{
	return open(node_path("zero"), O_RDONLY | O_CLOEXEC);
}

START_TEST(opens_until_the_limit)
{
	struct rlimit limit = { MORE_THAN_ENOUGH + 64, MORE_THAN_ENOUGH + 64 };
	static int fds[MORE_THAN_ENOUGH];
	uint64_t until = now_ms() + HANG_MS;
	char byte = 'x';
	int n = 0, fd;

	ck_assert_msg(setrlimit(RLIMIT_NOFILE, &limit) == 0, "RLIMIT_NOFILE: %s", strerror(errno));
	while (n < MORE_THAN_ENOUGH && (fds[n] = open_zero()) >= 0)
		n++;
	ck_assert_msg(n < MORE_THAN_ENOUGH, "%d opens met no limit: set a smaller max-handles", n);
	ck_assert_msg(errno == EMFILE, "open number %d: %s", n + 1, strerror(errno));
	ck_assert_int_gt(n, 16);
	/* What is open works, and the limit is no other than before. */
	ck_assert_int_eq(read(fds[0], &byte, 1), 1);
	ck_assert_int_eq(read(fds[n - 1], &byte, 1), 1);
	ck_assert_int_lt(open_zero(), 0);
	ck_assert_int_eq(errno, EMFILE);
	/* The host closes a little after close() has returned. */
	close(fds[--n]);
	while ((fd = open_zero()) < 0 && errno == EMFILE && now_ms() < until)
		rest_ms(20);
	ck_assert_msg(fd >= 0, "open after a close: %s", strerror(errno));
	ck_assert_int_eq(read(fd, &byte, 1), 1);
	ck_assert_int_lt(open_zero(), 0);
	ck_assert_int_eq(errno, EMFILE);
	close(fd);
	while (n)
		close(fds[--n]);
}
END_TEST

START_TEST(open_and_close_for_long)
{
	/* More often than there are handles, natively. */
	for (int i = 0; i < test_rounds(3000); i++) {
		int fd = open_zero();
		uint64_t until = now_ms() + HANG_MS;

		/* close() does not wait for the host, so it may be behind. */
		while (fd < 0 && errno == EMFILE && now_ms() < until)
			fd = open_zero();
		ck_assert_msg(fd >= 0, "open number %d: %s", i, strerror(errno));
		close(fd);
	}
}
END_TEST

TCase *case_limits(void)
{
	TCase *tcase = tcase_create("limits");

	tcase_set_timeout(tcase, 180);
	tcase_add_test(tcase, opens_until_the_limit);
	tcase_add_test(tcase, open_and_close_for_long);
	return tcase;
}

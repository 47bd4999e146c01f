// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * memops_test PATH [CASE...]: tests driver memory operations over /dev/memops or a
 * guest's node of it. Closes with "N passed, N failed, N skipped"; exits with 77 if
 * the node is not there or nothing has run.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memops_test.h"

#define CASE_SECONDS 120 /* nothing takes that long, emulated machines included */
#define SKIPPED 77

int memops_fd;
const char *memops_path;

void memops_failed(const char *file, int line, const char *what, int code, int wanted, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	printf("%s:%d: %s: %s", file, line, what, text);
	if (code != wanted)
		printf("errno %d (%s), not %d", code, code ? strerror(code) : "success", wanted);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

void memops_skip(const char *why)
{
	printf("SKIP: memops: %s\n", why);
	fflush(stdout);
	_exit(SKIPPED);
}

int memops_errno(int result)
{
	return result < 0 ? errno : 0;
}

uint8_t *pages(size_t n)
{
	uint8_t *at = mmap(NULL, (n + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(at != MAP_FAILED, "%zu pages: %s", n, strerror(errno));
	CHECK(munmap(at + n * PAGE, PAGE) == 0, "%s", strerror(errno));
	return at;
}

uint8_t *hole(void)
{
	return pages(1) + PAGE;
}

void fill(uint8_t *data, size_t n, unsigned int seed)
{
	for (size_t i = 0; i < n; i++)
		data[i] = (seed + i) * 2654435761u >> 24;
}

uint32_t sum_of(const void *data, size_t n)
{
	const uint8_t *at = data;
	uint32_t sum = MEMOPS_SUM_INIT;

	while (n--)
		sum = MEMOPS_SUM_STEP(sum, *at++);
	return sum;
}

int copy(enum memops_method method, const void *address, uint32_t size, struct memops_copy *c)
{
	struct memops_copy own;
	uint32_t value = c ? c->sum : 0;

	if (!c)
		c = &own;
	*c = (struct memops_copy){
		.address = (uintptr_t)address,
		.size = size,
		.method = method,
		.sum = value,
	};
	return ioctl(memops_fd, MEMOPS_COPY, c);
}

void child_end(int pid)
{
	int status = -1;

	CHECK(pid > 0, "fork: %s", strerror(errno));
	CHECK(waitpid(pid, &status, 0) == pid && status == 0, "wait status 0x%x", status);
}

/* Returns the child's exit status; a signal's number from 128. */
static int case_run(const struct memops_case *one)
{
	int pid, status;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(CASE_SECONDS);
		memops_fd = open(memops_path, O_RDWR | O_CLOEXEC);
		CHECK(memops_fd >= 0, "%s: %s", memops_path, strerror(errno));
		one->run();
		exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool wanted(const char *name, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	static const struct memops_case *const all[] = { memops_structures, memops_ranges, memops_calls };
	int n_passed = 0, n_failed = 0, n_skipped = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: memops_test PATH [CASE...]\n");
		return 2;
	}
	memops_path = argv[1];
	if (access(memops_path, F_OK) < 0) {
		printf("SKIP: memops: there is no %s\n", memops_path);
		return SKIPPED;
	}
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		for (const struct memops_case *one = all[i]; one->name; one++) {
			int status;

			if (!wanted(one->name, argv + 2))
				continue;
			status = case_run(one);
			printf("%s: %s", status == 0 ? "PASS" : status == SKIPPED ? "skipped" : "FAIL", one->name);
			printf(status > 128 ? ": signal %d\n" : "\n", status - 128);
			*(status == 0 ? &n_passed : status == SKIPPED ? &n_skipped : &n_failed) += 1;
		}
	}
	printf("%d passed, %d failed, %d skipped\n", n_passed, n_failed, n_skipped);
	if (n_failed)
		return EXIT_FAILURE;
	return n_passed ? EXIT_SUCCESS : SKIPPED;
}

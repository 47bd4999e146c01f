/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memops_test: cases in plain C (it is built for 32 bits too), each in a process of
 * its own. The same expectations hold for the device itself and for a guest's node
 * of it: the former proves them.
 */
#ifndef PARADICE_TESTS_MEMOPS_TEST_H
#define PARADICE_TESTS_MEMOPS_TEST_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "kmod-memops/memops.h"

#define PAGE 4096u /* x86 */
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

struct memops_case {
	const char *name;
	void (*run)(void);
};
extern const struct memops_case memops_structures[], memops_ranges[], memops_calls[];

/* The device, opened anew for each case; its path. */
extern int memops_fd;
extern const char *memops_path;

/* Ends the case, and its process, unless the condition holds. */
#define CHECK(condition, ...)                                                              \
	do {                                                                               \
		if (!(condition))                                                          \
			memops_failed(__FILE__, __LINE__, #condition, 0, 0, __VA_ARGS__);  \
	} while (0)
/* The same unless `call` fails with `error`, or succeeds if that is 0. */
#define CHECK_CALL(call, error, ...)                                                       \
	do {                                                                               \
		int code_ = memops_errno(call);                                            \
		if (code_ != (error))                                                      \
			memops_failed(__FILE__, __LINE__, #call, code_, error, __VA_ARGS__); \
	} while (0)
/* Says where, `format`, and both error numbers if they differ. */
void memops_failed(const char *file, int line, const char *what, int code, int wanted, const char *format,
		   ...) __attribute__((format(printf, 6, 7), noreturn));
/* Ends the case, and says why it could not run. */
void memops_skip(const char *why) __attribute__((noreturn));
/* 0 for results from 0, else errno. */
int memops_errno(int result);

/* Pages of anonymous memory, zero, followed by a hole of one page. */
uint8_t *pages(size_t n);
/* A page that is not there. */
uint8_t *hole(void);
/* Bytes that differ by place and seed. */
void fill(uint8_t *data, size_t n, unsigned int seed);
uint32_t sum_of(const void *data, size_t n);
/* A MEMOPS_COPY; returns as ioctl. `c` gets what the driver left there, and gives the
 * sum to it; it may be NULL. */
int copy(enum memops_method method, const void *address, uint32_t size, struct memops_copy *c);
/* Waits for a child, which must exit with 0. */
void child_end(int pid);

#endif

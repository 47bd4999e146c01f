/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's half of the integration tests; the other half is the puppet
 * (puppet.c). Each topic is a check case in its own file; each test runs in a
 * process of its own. Nothing is measured: deadlines only tell a hang.
 */
#ifndef PARADICE_TESTS_INTEGRATION_H
#define PARADICE_TESTS_INTEGRATION_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* How often to repeat something: `n` times, or less where the machine is emulated
 * (PARADICE_SLOW is set). */
int test_rounds(int n);

#define HANG_MS 20000 /* nothing here takes that long */
#define REST_MS 300 /* long enough for a thread to get into its system call, mostly */

/* Path of a node; in one of a few static buffers. */
const char *node_path(const char *name);
/* True if the node is there. */
bool node_exists(const char *name);
/* True if nodes are regular files (guestd --frontend fuse). */
bool nodes_are_files(void);

/* Opens a node; fails the test if that fails. */
int node_open(const char *name, int flags);
/* The same until it works: for after a connection was lost. */
int node_open_again(const char *name, int flags);

/* Opens a node whose device was taken away and made anew: the node goes and comes
 * back, so any errno may be seen on the way. */
int node_open_renewed(const char *name, int flags);
/* Opens a terminal of the puppet after having it reset. */
int terminal_open(const char *name, int flags);

/* Uses a terminal alone, and often: then guestd has a thread for its node (guestd/reader.h). */
void use_alone(int fd);

/* Writes one line to the puppet. */
void say(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Reads one line, without its end, into a static buffer of the thread. */
const char *hear(int fd);
/* Says a line and returns the number in the answer "WORD NUMBER". */
long ask(int fd, const char *line);
/* The same over the control terminal, which is opened and closed for it. */
long control_ask(const char *line);
/* Tells the puppet over the control terminal; waits for "done". */
void control_do(const char *line);
/* Reads exactly `size` bytes, however many reads that takes. */
void read_fully(int fd, void *data, size_t size);
void write_fully(int fd, const void *data, size_t size);

/* Poll for `events` up to HANG_MS; the mask, 0 at the deadline. */
int wait_ready(int fd, int events);
/* Waits for `check` to come true; false at the deadline. */
bool wait_until(bool (*check)(void *context), void *context);
void rest_ms(unsigned int ms);
uint64_t now_ms(void);

/* One read in a thread of its own. */
struct reader {
	pthread_t thread;
	int fd;
	size_t size; /* up to sizeof(data) */
	char data[256];
	ssize_t result;
	int error;
	bool done;
};
void reader_start(struct reader *reader, int fd, size_t size);
bool reader_done(const struct reader *reader);
/* Waits for its end; fails the test at the deadline. */
void reader_join(struct reader *reader);

/* Waits for a child; fails the test unless it exits with `status`. */
void child_wait(pid_t pid, int status);
/* In a child: ends it with 1 unless the condition holds. */
#define child_check(condition)                                                      \
	do {                                                                        \
		if (!(condition)) {                                                 \
			fprintf(stderr, "%s:%d: child: %s: errno %d\n", __FILE__,   \
				__LINE__, #condition, errno);                       \
			_exit(1);                                                   \
		}                                                                   \
	} while (0)

/* Says that a test is left out, and why. */
void test_skip(const char *test, const char *reason);

TCase *case_on_demand(void);
TCase *case_basic(void);
TCase *case_ioctl(void);
TCase *case_nested(void);
TCase *case_nonblock(void);
TCase *case_poll(void);
TCase *case_blocking(void);
TCase *case_concurrency(void);
TCase *case_processes(void);
TCase *case_limits(void);
TCase *case_reconnect(void);

#endif

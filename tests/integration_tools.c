// SPDX-License-Identifier: GPL-2.0-or-later
/* What the topics share: nodes, the conversation with the puppet, waiting. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "integration.h"

/* ---- time ---- */

uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * UINT64_C(1000) + ts.tv_nsec / 1000000;
}

void rest_ms(unsigned int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l };

	while (nanosleep(&ts, &ts) < 0)
		;
}

bool wait_until(bool (*check)(void *context), void *context)
{
	uint64_t until = now_ms() + HANG_MS;

	while (!check(context)) {
		if (now_ms() > until)
			return false;
		rest_ms(20);
	}
	return true;
}

int wait_ready(int fd, int events)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int r;

	do
		r = poll(&pfd, 1, HANG_MS);
	while (r < 0 && errno == EINTR);
	ck_assert_msg(r >= 0, "poll: %s", strerror(errno));
	return r ? pfd.revents : 0;
}

int test_rounds(int n)
{
	return getenv("PARADICE_SLOW") ? (n + 19) / 20 : n;
}

/* ---- nodes ---- */

const char *node_path(const char *name)
{
	static __thread char buffers[4][256];
	static __thread unsigned int next;
	const char *dev = getenv("PARADICE_DEV"), *prefix = getenv("PARADICE_PREFIX");
	char *buffer = buffers[next++ % 4];

	snprintf(buffer, sizeof(buffers[0]), "%s/%s/%s", dev ? dev : "/dev", prefix ? prefix : "ptest", name);
	return buffer;
}

bool node_exists(const char *name)
{
	struct stat st;

	return stat(node_path(name), &st) == 0;
}

bool nodes_are_files(void)
{
	struct stat st;

	return stat(node_path("control"), &st) == 0 && S_ISREG(st.st_mode);
}

int node_open(const char *name, int flags)
{
	int fd = open(node_path(name), flags | O_CLOEXEC | O_NOCTTY);

	ck_assert_msg(fd >= 0, "%s: open: %s", node_path(name), strerror(errno));
	return fd;
}

int node_open_again(const char *name, int flags)
{
	uint64_t until = now_ms() + HANG_MS;
	int fd;

	for (;;) {
		fd = open(node_path(name), flags | O_CLOEXEC | O_NOCTTY);
		if (fd >= 0)
			return fd;
		/* While the connection is away nothing else is right, above all
		 * not ENOENT: nodes stay. */
		ck_assert_msg(errno == ENODEV || errno == EIO, "%s: open: %s", node_path(name),
			      strerror(errno));
		ck_assert_msg(now_ms() < until, "%s: still \"%s\"", node_path(name), strerror(errno));
		rest_ms(50);
	}
}

int node_open_renewed(const char *name, int flags)
{
	uint64_t until = now_ms() + HANG_MS;
	int fd;

	while ((fd = open(node_path(name), flags | O_CLOEXEC | O_NOCTTY)) < 0) {
		ck_assert_msg(now_ms() < until, "%s: still \"%s\"", node_path(name), strerror(errno));
		rest_ms(50);
	}
	return fd;
}

int terminal_open(const char *name, int flags)
{
	char line[128], wanted[64];
	int fd = node_open("control", O_RDWR);

	snprintf(wanted, sizeof(wanted), "reset %d-%llu", (int)getpid(), (unsigned long long)now_ms());
	snprintf(line, sizeof(line), "@%s %s", name, wanted);
	say(fd, "%s", line);
	/* Answers to a test that was killed may come before. */
	while (strcmp(hear(fd), wanted))
		;
	close(fd);
	fd = node_open(name, flags);
	ck_assert_msg(ioctl(fd, TCFLSH, TCIOFLUSH) == 0, "%s: TCFLSH: %s", name, strerror(errno));
	return fd;
}

/* ---- the puppet ---- */

void write_fully(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size) {
		ssize_t n = write(fd, at, size);

		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			ck_assert_msg(wait_ready(fd, POLLOUT), "the terminal takes nothing any more");
			continue;
		}
		ck_assert_msg(n > 0, "write of %zu: %zd, %s", size, n, strerror(errno));
		at += n;
		size -= n;
	}
}

void read_fully(int fd, void *data, size_t size)
{
	char *at = data;

	while (size) {
		ssize_t n;

		ck_assert_msg(wait_ready(fd, POLLIN), "%zu bytes do not come", size);
		n = read(fd, at, size);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		ck_assert_msg(n > 0, "read of %zu: %zd, %s", size, n, strerror(errno));
		at += n;
		size -= n;
	}
}

void use_alone(int fd)
{
	struct winsize size;

	for (int i = 0; i < 200; i++)
		ck_assert_int_eq(ioctl(fd, TIOCGWINSZ, &size), 0);
}

void say(int fd, const char *format, ...)
{
	char text[512];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text) - 1, format, args);
	va_end(args);
	text[n++] = '\n';
	write_fully(fd, text, n);
}

const char *hear(int fd)
{
	static __thread char line[1024];
	size_t n = 0;

	do
		read_fully(fd, &line[n], 1);
	while (line[n] != '\n' && ++n < sizeof(line) - 1);
	line[n] = '\0';
	return line;
}

long ask(int fd, const char *line)
{
	const char *text;
	char *blank;

	say(fd, "%s", line);
	text = hear(fd);
	blank = strchr(text, ' ');
	ck_assert_msg(blank != NULL, "the puppet answers \"%s\" to \"%s\"", text, line);
	return strtol(blank + 1, NULL, 10);
}

long control_ask(const char *line)
{
	int fd = terminal_open("control", O_RDWR);
	long answer = ask(fd, line);

	close(fd);
	return answer;
}

void control_do(const char *line)
{
	int fd = terminal_open("control", O_RDWR);
	const char *text;

	say(fd, "%s", line);
	text = hear(fd);
	ck_assert_msg(strcmp(text, "done") == 0, "the puppet answers \"%s\" to \"%s\"", text, line);
	close(fd);
}

/* ---- readers and children ---- */

static void *reader_main(void *argument)
{
	struct reader *reader = argument;

	reader->result = read(reader->fd, reader->data, reader->size);
	reader->error = reader->result < 0 ? errno : 0;
	__atomic_store_n(&reader->done, true, __ATOMIC_RELEASE);
	return NULL;
}

void reader_start(struct reader *reader, int fd, size_t size)
{
	*reader = (struct reader){ .fd = fd, .size = size };
	ck_assert_uint_le(size, sizeof(reader->data));
	ck_assert_int_eq(pthread_create(&reader->thread, NULL, reader_main, reader), 0);
}

bool reader_done(const struct reader *reader)
{
	return __atomic_load_n(&reader->done, __ATOMIC_ACQUIRE);
}

static bool reader_is_done(void *context)
{
	return reader_done(context);
}

void reader_join(struct reader *reader)
{
	ck_assert_msg(wait_until(reader_is_done, reader), "a read hangs");
	pthread_join(reader->thread, NULL);
}

struct child {
	pid_t pid;
	int status;
};

static bool child_is_done(void *context)
{
	struct child *child = context;

	return waitpid(child->pid, &child->status, WNOHANG) == child->pid;
}

void child_wait(pid_t pid, int status)
{
	struct child child = { .pid = pid };

	ck_assert_int_gt(pid, 0);
	ck_assert_msg(wait_until(child_is_done, &child), "a child hangs");
	ck_assert_msg(WIFEXITED(child.status) && WEXITSTATUS(child.status) == status,
		      "a child ended with wait status 0x%x, not with %d", child.status, status);
}

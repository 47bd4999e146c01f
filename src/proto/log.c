/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log lines: one write(2) each, so that lines of several threads do not mix. */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/log.h"

static const struct {
	const char *name;
	const char *mark; /* sd-daemon(3) */
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", "<3>" }, [LOG_LEVEL_WARNING] = { "warning", "<4>" },
	[LOG_LEVEL_INFO] = { "info", "<6>" },   [LOG_LEVEL_DEBUG] = { "debug", "<7>" },
	[LOG_LEVEL_TRACE] = { "trace", "<7>" },
};

static const char *speaker = "paradice";
static enum log_level highest = LOG_LEVEL_INFO;
static bool to_journal;

void log_init(const char *who, enum log_level level)
{
	speaker = who;
	highest = level;
	to_journal = getenv("JOURNAL_STREAM") != NULL;
}

void log_level_set(enum log_level level)
{
	__atomic_store_n(&highest, level, __ATOMIC_RELAXED);
}

enum log_level log_level_get(void)
{
	return __atomic_load_n(&highest, __ATOMIC_RELAXED);
}

int log_level_parse(const char *text, enum log_level *levelp)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcmp(text, levels[i].name) == 0) {
			*levelp = i;
			return 0;
		}
	}
	return -EINVAL;
}

void log_at(enum log_level level, const char *format, ...)
{
	int saved = errno;
	char line[1024];
	va_list args;
	size_t used;
	ssize_t r;

	if (level > log_level_get())
		return;
	if (to_journal)
		used = snprintf(line, sizeof(line), "%s", levels[level].mark);
	else
		used = snprintf(line, sizeof(line), "%s: %s: ", speaker, levels[level].name);
	va_start(args, format);
	vsnprintf(line + used, sizeof(line) - used - 1, format, args);
	va_end(args);
	used = strlen(line);
	line[used++] = '\n';
	do
		r = write(STDERR_FILENO, line, used);
	while (r < 0 && errno == EINTR);
	errno = saved;
}

#define LIMIT_BURST 20
#define NS_PER_S UINT64_C(1000000000)

int log_limit_pass(struct log_limit *limit, const char *what)
{
	struct timespec ts;
	uint64_t now, n;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = ts.tv_sec * NS_PER_S + ts.tv_nsec;
	if (!limit->tokens_at_ns) {
		limit->tokens_at_ns = now;
		limit->n_tokens = LIMIT_BURST;
	}
	n = (now - limit->tokens_at_ns) / NS_PER_S;
	limit->tokens_at_ns += n * NS_PER_S;
	limit->n_tokens = n + limit->n_tokens > LIMIT_BURST ? LIMIT_BURST : n + limit->n_tokens;
	if (!limit->n_tokens) {
		limit->n_suppressed++;
		return 0;
	}
	limit->n_tokens--;
	if (limit->n_suppressed)
		log_warning("%s: %u more lines were left out", what, limit->n_suppressed);
	limit->n_suppressed = 0;
	return 1;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Log lines of the daemons, on standard error: with the level marks of
 * sd-daemon(3) when standard error is the journal, else with the level's name.
 * One process-wide level; safe from any thread. Only daemons log; the protocol,
 * transport and channel code reports to its caller.
 */
#ifndef PARADICE_LOG_H
#define PARADICE_LOG_H

#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG, LOG_LEVEL_TRACE };

/* Sets who speaks (a static string, e.g. "hostd") and how much. */
void log_init(const char *who, enum log_level level);
void log_level_set(enum log_level level);
enum log_level log_level_get(void);

/* Parses error, warning, info, debug or trace. 0 or -EINVAL. */
int log_level_parse(const char *text, enum log_level *levelp);

void log_at(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_at(LOG_LEVEL_INFO, __VA_ARGS__)
/* Arguments of these two are not evaluated when the level is lower. */
#define log_debug(...)                                          \
	do {                                                    \
		if (log_level_get() >= LOG_LEVEL_DEBUG)         \
			log_at(LOG_LEVEL_DEBUG, __VA_ARGS__);   \
	} while (0)
#define log_trace(...)                                          \
	do {                                                    \
		if (log_level_get() >= LOG_LEVEL_TRACE)         \
			log_at(LOG_LEVEL_TRACE, __VA_ARGS__);   \
	} while (0)

/* A bound on lines that a peer can cause: `burst` lines at once, then one a
 * second. Zero-initialise; covered by the owner's lock. */
struct log_limit {
	uint64_t tokens_at_ns;
	uint32_t n_tokens;
	uint32_t n_suppressed;
};

/* True if one more line may be written now. After a pause it logs how many lines
 * were left out, with `what` as their subject. */
int log_limit_pass(struct log_limit *limit, const char *what);

#endif

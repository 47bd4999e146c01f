/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading a configuration file as text. No state. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostd/conf_text.h"

/* The end of the quoted string that begins at `s`: its last quote, or the NUL. */
static const char *quoted_end(const char *s)
{
	char quote = *s++;

	while (*s && *s != quote) {
		if (*s == '\\' && s[1])
			s++;
		s++;
	}
	return s;
}

/* Blanks up to `end` (not included), line ends excepted. */
static char *blank_to(char *s, const char *end)
{
	for (; s < end; s++) {
		if (*s != '\n')
			*s = ' ';
	}
	return s;
}

void conf_text_blank(char *text)
{
	bool token = false; /* within an unquoted word, where # and / are letters */
	char *s = text, *end;

	while (*s) {
		if (!token && (*s == '#' || (s[0] == '/' && s[1] == '/'))) {
			s = blank_to(s, s + strcspn(s, "\n"));
		} else if (!token && s[0] == '/' && s[1] == '*') {
			end = strstr(s + 2, "*/");
			s = blank_to(s, end ? end + 2 : s + strlen(s));
		} else if (*s == '"' || *s == '\'') {
			s += quoted_end(s) - s;
			s += *s != '\0';
			token = false;
		} else {
			token = !strchr(" \t\r\n={}()+,", *s);
			s++;
		}
	}
}

int conf_text_unclosed(const char *text)
{
	int line = 1, depth = 0, outermost = 0;

	for (const char *s = text; *s; s++) {
		if (*s == '"' || *s == '\'') {
			const char *end = quoted_end(s);

			for (; s < end; s++)
				line += *s == '\n';
			if (!*s)
				break;
		} else if (*s == '{') {
			if (depth++ == 0)
				outermost = line;
		} else if (*s == '}') {
			depth--;
		}
		line += *s == '\n';
	}
	return depth > 0 ? outermost : 0;
}

static int read_whole(int fd, char *text, size_t size, size_t *np)
{
	size_t n = 0;

	while (n < size) {
		ssize_t r = read(fd, text + n, size - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		n += r;
	}
	*np = n;
	return n == size ? -EFBIG : 0;
}

int conf_text_read(const char *path, char **textp)
{
	size_t n = 0;
	struct stat st;
	char *text;
	int fd, r;

	/* O_NONBLOCK: a FIFO must not hold the daemon up. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	r = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -ENOTDIR;
	text = malloc(CONF_TEXT_MAX + 1);
	if (r == 0)
		r = text ? read_whole(fd, text, CONF_TEXT_MAX, &n) : -ENOMEM;
	close(fd);
	if (r == 0 && memchr(text, '\0', n))
		r = -EILSEQ;
	if (r < 0) {
		free(text);
		return r;
	}
	text[n] = '\0';
	conf_text_blank(text);
	*textp = text;
	return 0;
}

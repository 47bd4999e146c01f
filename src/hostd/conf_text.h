/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text of a configuration file, made ready for libconfuse. */
#ifndef PARADICE_HOSTD_CONF_TEXT_H
#define PARADICE_HOSTD_CONF_TEXT_H

#define CONF_TEXT_MAX (1 << 20)

/* Reads the file at `path`, comments blanked. 0 and *textp, which the caller
 * frees; -EFBIG over CONF_TEXT_MAX bytes, -EILSEQ when it holds a NUL byte,
 * -ENOTDIR when it is no regular file, or another negative errno. */
int conf_text_read(const char *path, char **textp);

/* Blanks comments (#, //, and between slash-star and star-slash) outside of
 * quotes, in place, and keeps the line ends: libconfuse 3.3 counts the lines of
 * comments more than once, so that its line numbers would be wrong. */
void conf_text_blank(char *text);

/* The line of the outermost { of `text`, comments blanked, that no } closes, or
 * 0: libconfuse 3.3 takes the end of the file for the end of a section. */
int conf_text_unclosed(const char *text);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The puppet's parts: its terminals, and paradice-hostd as it sees it. */
#ifndef PARADICE_TESTS_PUPPET_H
#define PARADICE_TESTS_PUPPET_H

#include <stdbool.h>
#include <stdio.h>

/* Ends the puppet with errno's text. */
void die(const char *what);

/* Makes a terminal; one that is locked can never be opened. */
void terminal_add(const char *name, bool locked);
/* To be called before the first terminal is made, and after the last one. */
void terminal_fillers(bool take);
/* Writes the device sections of the terminals, with this policy for ioctls. */
void terminals_conf(FILE *file, const char *prefix, const char *guest, const char *ioctls);
/* The path of the first terminal. */
const char *terminal_path(void);
/* Does what is said, until a signal other than SIGCHLD comes by this signalfd. */
void terminals_serve(int signals);

/* Says what hostd is: a shell command that stays in the foreground, or a unit of
 * systemd. Both NULL: hostd is not ours to start. */
void hostd_set(const char *command, const char *service);

/* Starts it; does nothing if it runs. */
void hostd_start(void);
/* Kills it with SIGKILL and waits for its end. Its sessions follow by themselves. */
void hostd_kill(void);
/* Stops it with SIGTERM if it is our child. */
void hostd_end(void);
/* After SIGCHLD. */
void hostd_reap(void);

/* Sends `signal` (may be 0) to each session process; how many there are. */
int hostd_sessions(int signal);
/* How many descriptors hostd's processes have open on the device at `path`; those of
 * mirrors only if there are no others. */
int hostd_count_open(const char *path);
/* How many descriptors the supervisor has open; -1 if it does not run. */
int hostd_count_descriptors(void);

#endif

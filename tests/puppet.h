/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the puppet starts, kills and looks into paradice-hostd. */
#ifndef PARADICE_TESTS_PUPPET_H
#define PARADICE_TESTS_PUPPET_H

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
/* How many descriptors hostd's processes have open on the device at `path`. */
int hostd_count_open(const char *path);
/* How many descriptors the supervisor has open; -1 if it does not run. */
int hostd_count_descriptors(void);

#endif

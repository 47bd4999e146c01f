/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A real paradice-hostd with a well-behaved raw guest, connected all the time, and
 * as many other guests as one likes. Each connection of a hostile guest takes the
 * next configured guest, because hostd makes one that fails wait longer each time.
 */
#ifndef PARADICE_TESTS_SESSION_RIG_H
#define PARADICE_TESTS_SESSION_RIG_H

#include "raw.h"

#define RIG_HANDLES 8 /* max-handles of the hostile guests */
#define RIG_TUN "/dev/net/tun" /* the device "tun", where there is one */
#define RIG_PAGE_MS 600 /* page-timeout-ms: more than the default, for slow machines */
#define RIG_CALL_MEMORY 1 /* max-call-memory, in MiB */

/* Unchecked fixture: starts hostd (environment HOSTD) and the good guest. */
void rig_setup(void);
void rig_teardown(void);
/* Checked fixture: the good guest works before and after each test, and hostd has
 * as many descriptors and sessions after it as before. */
void rig_before(void);
void rig_after(void);

/* The hostd of this test. */
extern struct daemon rig_hostd;

/* Connects the next hostile guest, without HELLO. `raw` must be static: a test that
 * fails leaves it connected, and the next one ends it. */
void rig_evil_raw(struct raw *raw);
/* The same with HELLO, all announcements read. */
void rig_evil(struct raw *raw);
/* Its name, as the log has it: guest "evil7". */
const char *rig_evil_name(void);
/* The path of its socket. */
const char *rig_evil_socket(void);

/* The number of the device that is called `name`: zero, null or tty; and those whose
 * ioctls run on demand: term (the same terminal), ptmx, and uffd (/dev/userfaultfd), vt
 * (/dev/tty0) and tap (RIG_TUN) where there is one. */
uint32_t rig_device(const char *name);
bool rig_has(const char *name);
/* The terminal "tty" as its driver domain has it open. */
int rig_tty(void);
/* The other side of the terminal "tty", and the same with a text to arrive there. */
int rig_tty_master(void);
void rig_tty_write(const char *text);

/* Opens a device; its handle, or a negative errno. */
int64_t rig_open(struct raw *raw, const char *name, uint32_t flags);
/* Sends a READ without waiting. */
void rig_read_send(struct raw *raw, uint64_t tag, uint64_t handle, uint32_t size, uint32_t bulk);
/* Reads; the result. */
int64_t rig_read(struct raw *raw, uint64_t handle, uint32_t size);
int64_t rig_release(struct raw *raw, uint64_t handle);

/* The good guest opens, reads and closes. */
void rig_good_works(void);
/* A handle that the good guest has open. */
uint64_t rig_good_handle(void);

/* The evil guest's connection ends, and hostd says why. */
void rig_expect_violation(struct raw *raw, const char *text);

/* The cases of the other test_session_….c. */
TCase *case_descriptors(void);
TCase *case_misuse(void);
TCase *case_nested(void);
TCase *case_pages(void);
TCase *case_pressure(void);
TCase *case_on_demand(void);
TCase *case_mirror(void);

#endif

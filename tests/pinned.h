/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How many pages are pinned (FOLL_PIN) on this kernel. */
#ifndef PARADICE_TESTS_PINNED_H
#define PARADICE_TESTS_PINNED_H

long long pinned(void);

/* A checked fixture: as many after the test as before. What a process that was killed
 * leaves behind ends soon, not at once. */
void pinned_before(void);
void pinned_after(void);
/* What the former has found. */
extern long long pinned_at_first;

#endif

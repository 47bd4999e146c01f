/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pins: memory of programs that the host works in, held by the kernel module
 * mmhelper(4). A pin is told once, by its number: between domains with grants, on one
 * kernel with the module's descriptor, which then is the host's alone to hold. Covered
 * by guest->lead.lock.
 */
#ifndef PARADICE_GUESTD_PIN_H
#define PARADICE_GUESTD_PIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PIN_PAGE 4096u

struct guest;

/* Zero: nothing is held. */
struct pin {
	uint64_t id; /* its number, not used again */
	uint32_t n; /* pages */
	int fd; /* holds them, if n is not 0; one kernel: -1 when it is passed */
	uint32_t *refs; /* grants, or NULL: it is to be passed */
};

/* Binds the module to the host's domain, if there is one. Without that or the module
 * (logged) nothing can be pinned. */
void pin_start(struct guest *guest);

/* How many pages are under a range; of one that is too long, more than can be told. */
uint32_t pin_pages(uint64_t address, uint64_t length);

/* Pins the pages under a range of the memory of thread `pid`, which waits for us. Gives
 * the lock up. 0; -ENOMEM: over the quota, or what a message can tell; -EFAULT: not all
 * of it can be pinned; or another negative errno. */
int pin_make(struct guest *guest, pid_t pid, uint64_t address, uint64_t length, bool write, struct pin *pin);

/* On one kernel: passes the descriptor, if that is not done. 0 or negative errno. */
int pin_pass(struct guest *guest, struct pin *pin);

/* Lets go. What the host still has mapped stays pinned until it lets go, too. */
void pin_end(struct guest *guest, struct pin *pin);

#endif

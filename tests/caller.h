/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A program whose ioctls run on demand, as a raw guest plays it: its memory is a few
 * pages that stand here, from which MEM_READ is answered and to which MEM_WRITE and
 * answers go, with every rule of the protocol checked.
 */
#ifndef PARADICE_TESTS_CALLER_H
#define PARADICE_TESTS_CALLER_H

#include "session_rig.h"

#define CALLER_PAGES 64
#define CALLER_BASE UINT64_C(0x7f1234560000) /* where tests put things */

struct caller_page {
	uint64_t address;
	bool readonly;
	uint8_t bytes[PROTO_PAGE] __attribute__((aligned(16)));
};

struct caller {
	struct raw *raw;
	uint64_t process;
	uint64_t handle;
	struct caller_page pages[CALLER_PAGES];
	uint32_t n_pages;
	uint32_t n_asked; /* MEM_READs of the last call */
	struct {
		uint64_t tag;
		int64_t result;
	} done[256]; /* by tag: answers that came */
};

/* A program of a new hostile guest with `device` open. `raw` must be static. */
void caller_init(struct caller *caller, struct raw *raw, const char *device);

/* Memory of the program; the page is made if need be. */
uint8_t *caller_memory(struct caller *caller, uint64_t address);
struct caller_page *caller_page_find(struct caller *caller, uint64_t address);

/* Sends an ioctl on demand, with `n` ranges of `direction` and their pages from the
 * program's memory (zero where there is none). The tag. */
uint64_t caller_send(struct caller *caller, uint32_t command, uint64_t argument,
		     const struct proto_range *ranges, uint32_t n);
/* Receives one message, and notes the result if it is an answer; its opcode. */
uint16_t caller_receive(struct caller *caller);
/* Receives until this call waits for a page. False if it is answered instead. */
bool caller_waits(struct caller *caller, uint64_t tag);
/* Receives until it is answered, and serves nothing; its result. */
int64_t caller_result(struct caller *caller, uint64_t tag);
/* Answers the MEM_READ that is in raw->message. */
void caller_answer(struct caller *caller);
/* Serves what the host wants until the call is answered; its result. */
int64_t caller_finish(struct caller *caller, uint64_t tag);
/* All of it, without prefetch. */
int64_t caller_ioctl(struct caller *caller, uint32_t command, uint64_t argument);
/* With the argument's page in the request. */
int64_t caller_ioctl_ahead(struct caller *caller, uint32_t command, uint64_t argument);

void caller_interrupt(struct caller *caller, uint64_t tag);
void caller_process_end(struct caller *caller, uint64_t process);

#endif

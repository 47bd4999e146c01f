/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A mirror: the process in whose address space a driver meets a guest program's
 * own pointers (docs/ARCHITECTURE.md, "On demand").
 *
 * After its start nothing is left of the C library in it. Its whole address space
 * is one empty reservation that the session watches by userfaultfd, but for one
 * small region at a random place: the code of mirror_core.c, the memory below,
 * and two stacks. Two threads: the worker runs ioctls, the service thread changes
 * the address space while the worker is inside a driver.
 *
 * A guest may have a driver write into that region and so take the mirror over:
 * it holds nothing but the devices that its guest program uses, and the session
 * believes nothing that stands in the shared memory.
 */
#ifndef PARADICE_HOSTD_MIRROR_CORE_H
#define PARADICE_HOSTD_MIRROR_CORE_H

#include <linux/filter.h>
#include <stdint.h>

#define MIRROR_PAGE 4096u
#define MIRROR_WINDOW_PAGES 32u /* collected at a time */
#define MIRROR_LOW UINT64_C(0x10000) /* vm.mmap_min_addr: nothing is mapped below */
#define MIRROR_TOP UINT64_C(0x7ffffffff000) /* TASK_SIZE of x86-64 with 4-level paging */
#define MIRROR_FILTER_MAX 120u
#define MIRROR_FILE_FIRST 16 /* the devices' descriptors; 0 is the socket */
#define MIRROR_FILES_MAX 32u /* devices open in one mirror */

/* The region, in pages from its base. */
#define MIRROR_CODE_PAGES 3u
#define MIRROR_STACK_PAGES 5u /* a signal frame with AVX-512 and AMX state fits */
enum {
	MIRROR_AT_CODE = 0,
	MIRROR_AT_SHARED = MIRROR_AT_CODE + MIRROR_CODE_PAGES,
	MIRROR_AT_WINDOW = MIRROR_AT_SHARED + 1,
	MIRROR_AT_PRIVATE = MIRROR_AT_WINDOW + MIRROR_WINDOW_PAGES,
	MIRROR_AT_STACK = MIRROR_AT_PRIVATE + 1,
	MIRROR_AT_SERVICE_STACK = MIRROR_AT_STACK + MIRROR_STACK_PAGES,
	MIRROR_N_PAGES = MIRROR_AT_SERVICE_STACK + MIRROR_STACK_PAGES,
};
#define MIRROR_SHARED_SIZE ((1 + MIRROR_WINDOW_PAGES) * MIRROR_PAGE) /* the shared page and the window */

/* What the worker does. */
enum mirror_job {
	MIRROR_CALL = 1, /* the ioctl, then as MIRROR_COLLECT */
	MIRROR_COLLECT, /* copies pages[] to the window and gives them back */
};

/* In pages[], beside the address: */
#define MIRROR_DROP 1u /* give it back without a copy */
#define MIRROR_KEEP 2u /* copy it, but let it stay for the next call */
#define MIRROR_FILL 4u /* it stayed: copy it from the window before the call */
#define MIRROR_KEPT_MAX 8u /* pages that stay */

#define MIRROR_YIELDS 32

/* The first shared page. The session writes, then counts `request` up; the worker
 * answers by setting `answer` to it. Whoever waits yields the processor, on which the
 * other one runs, for MIRROR_YIELDS times: that takes half as long as sleeping and
 * being woken. Then it says that it sleeps, looks once more, and does. */
struct mirror_shared {
	uint32_t request; /* futex */
	uint32_t answer; /* futex; 1 when the worker is ready, 0 before */
	uint32_t worker_sleeps; /* and must be woken */
	uint32_t session_sleeps;
	uint32_t job; /* enum mirror_job */
	int32_t fd; /* the device, as MIRROR_ATTACH named it */
	uint32_t command;
	uint32_t compat; /* the caller is a 32-bit program */
	uint64_t capabilities; /* in effect during the call (rights.h), as far as it has them */
	uint32_t installed; /* the driver installed a descriptor, which is gone again */
	uint64_t argument;
	int64_t result; /* the ioctl's, or of the start: 0 or negative errno */
	uint32_t n_pages; /* may grow while the ioctl runs */
	uint32_t n_collected; /* by the worker, of the last job */
	uint32_t n_stale; /* pages that stayed, but are not used this time */
	uint32_t cpu; /* where the session runs: a switch on one processor costs least */
	uint64_t stale[MIRROR_KEPT_MAX];
	uint64_t pages[MIRROR_WINDOW_PAGES]; /* addresses, and MIRROR_… bits */
};

/* Requests to the service thread, over its SOCK_SEQPACKET socket; each but the last
 * is answered by one int64_t, the result or a negative errno. */
enum mirror_service {
	MIRROR_ATTACH = 1, /* a descriptor comes along, to have number `fd` here */
	MIRROR_DETACH, /* close `fd` */
	MIRROR_PROTECT, /* mprotect(2) */
	MIRROR_INTERRUPT, /* a signal to the worker; not answered */
};

struct mirror_request {
	uint32_t kind; /* enum mirror_service */
	int32_t fd;
	uint64_t address;
	uint64_t length;
	uint32_t protection;
	uint32_t pad;
};

/* The mirror's own page. */
struct mirror_private {
	uint64_t base; /* of the region */
	int32_t socket;
	int32_t pid;
	int32_t worker; /* thread id */
	uint32_t n_filter;
	uint64_t capabilities; /* that were kept */
	struct sock_filter filter[MIRROR_FILTER_MAX];
};

_Static_assert(sizeof(struct mirror_shared) <= MIRROR_PAGE, "one page");
_Static_assert(sizeof(struct mirror_private) <= MIRROR_PAGE, "one page");

/* Memory of the region that starts at `base`. Always inline: mirror_core.c calls
 * nothing outside its section. */
static inline __attribute__((always_inline)) void *mirror_at(uint64_t base, uint32_t page)
{
	return (void *)(uintptr_t)(base + (uint64_t)page * MIRROR_PAGE);
}

/* The code, from here (mirror_core_begin) to there; position-independent. The
 * linker makes the names from the section's. */
extern const char __start_mirror_core[], __stop_mirror_core[];

/* Runs a mirror; at the copy of its code in the region, on the region's stack. The
 * rest of the region is filled in but for the shared page. Never returns. */
void mirror_core_run(struct mirror_private *private) __attribute__((noreturn));

#endif

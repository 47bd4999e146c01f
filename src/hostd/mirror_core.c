/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The code that stays in a mirror; see mirror_core.h.
 *
 * It is copied to another place and runs when everything else of the process is
 * unmapped. So it is freestanding and position-independent, calls nothing outside
 * its section, has no constants outside it (no strings, no tables), and is built
 * without stack protector and sanitizers (Makefile.am). tests/check_mirror_core.sh
 * checks that.
 */
#define _GNU_SOURCE /* for REG_RIP */
#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <ucontext.h>

#include "hostd/mirror_core.h"
#include "proto/proto.h"

#define CORE __attribute__((section("mirror_core"), noinline))
#define CORE_INLINE static inline __attribute__((always_inline))

_Static_assert(__NR_rt_sigreturn == 15, "as restorer() has it");
#define FUTEX_WAKE_ALL 0x7fffffff

/* The kernel's, not the C library's (asm/signal.h). */
struct core_sigaction {
	void (*handler)(int number, void *info, void *context);
	unsigned long flags;
	void (*restorer)(void);
	unsigned long mask;
};
#define CORE_SA_RESTORER 0x04000000

CORE_INLINE long call6(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

CORE_INLINE long call3(long number, long a, long b, long c)
{
	return call6(number, a, b, c, 0, 0, 0);
}

/*
 * ioctl(2), of which on_signal() knows by the place whether it is about to be made. That
 * of a 32-bit program goes through the compat entry, whose numbers and structures are
 * those of a 32-bit kernel; it is open to 64-bit code too (arch/x86/entry/entry_64_compat.S).
 */
long core_ioctl(long fd, unsigned long command, unsigned long argument);
int core_ioctl_32(int fd, uint32_t command, uint32_t argument);
extern const char core_ioctl_made[], core_ioctl_back[], core_ioctl_32_made[], core_ioctl_32_back[];
_Static_assert(__NR_ioctl == 16, "as core_ioctl() has it");
__asm__(".pushsection mirror_core, \"ax\"\n"
	"core_ioctl:\n"
	"	mov $16, %eax\n"
	"core_ioctl_made:\n"
	"	syscall\n"
	"core_ioctl_back:\n"
	"	ret\n"
	"core_ioctl_32:\n"
	"	push %rbx\n"
	"	mov %edi, %ebx\n"
	"	mov %esi, %ecx\n"
	"	mov $54, %eax\n" /* __NR_ioctl of asm/unistd_32.h */
	"core_ioctl_32_made:\n"
	"	int $0x80\n"
	"core_ioctl_32_back:\n"
	"	pop %rbx\n"
	"	ret\n"
	".popsection\n");

CORE_INLINE void copy_page(void *to, uint64_t from)
{
	unsigned long n = MIRROR_PAGE / 8;

	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static CORE __attribute__((noreturn)) void core_exit(void)
{
	for (;;)
		call3(__NR_exit_group, 0, 0, 0);
}

/* The address of a label of the section, wherever that runs. */
#define CORE_ADDRESS(label)                                                   \
	({                                                                    \
		greg_t address;                                               \
		__asm__("lea " #label "(%%rip), %0" : "=r"(address));         \
		address;                                                      \
	})

/* As that of driver_call.c. */
static CORE void on_signal(int number, void *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)number;
	(void)info;
	if (registers[REG_RIP] == CORE_ADDRESS(core_ioctl_made))
		registers[REG_RIP] = CORE_ADDRESS(core_ioctl_back);
	else if (registers[REG_RIP] == CORE_ADDRESS(core_ioctl_32_made))
		registers[REG_RIP] = CORE_ADDRESS(core_ioctl_32_back);
	else
		return;
	registers[REG_RAX] = -PROTO_RESTART;
}

/* Where the handler returns to: rt_sigreturn(2). */
static CORE __attribute__((naked)) void restorer(void)
{
	__asm__ volatile("mov $15, %eax\n\tsyscall"); /* a naked function takes no operands */
}

CORE_INLINE uint64_t page_of(uint64_t entry)
{
	return entry & ~(uint64_t)(MIRROR_PAGE - 1);
}

/* Gives pages back; runs of neighbours at once. */
static CORE void pages_drop(const uint64_t *pages, uint32_t n)
{
	uint32_t i = 0;

	while (i < n) {
		uint64_t begin = page_of(pages[i]), end = begin + MIRROR_PAGE;

		if (pages[i++] & MIRROR_KEEP)
			continue;
		for (; i < n && page_of(pages[i]) == end && !(pages[i] & MIRROR_KEEP); i++)
			end += MIRROR_PAGE;
		call3(__NR_madvise, begin, end - begin, MADV_DONTNEED);
	}
}

/* Brings pages that stayed to what the guest has in them now. */
static CORE void refresh(const struct mirror_private *private, const struct mirror_shared *shared)
{
	uint32_t n_stale = shared->n_stale;

	if (n_stale && n_stale <= MIRROR_KEPT_MAX)
		pages_drop(shared->stale, n_stale);
	for (uint32_t i = 0; i < MIRROR_KEPT_MAX && i < shared->n_pages; i++)
		if (shared->pages[i] & MIRROR_FILL)
			copy_page((void *)(uintptr_t)page_of(shared->pages[i]),
				  (uintptr_t)mirror_at(private->base, MIRROR_AT_WINDOW + i));
}

static CORE void collect(const struct mirror_private *private, struct mirror_shared *shared)
{
	uint32_t n = __atomic_load_n(&shared->n_pages, __ATOMIC_ACQUIRE);

	if (n > MIRROR_WINDOW_PAGES)
		n = MIRROR_WINDOW_PAGES;
	for (uint32_t i = 0; i < n; i++)
		if (!(shared->pages[i] & MIRROR_DROP))
			copy_page(mirror_at(private->base, MIRROR_AT_WINDOW + i), page_of(shared->pages[i]));
	pages_drop(shared->pages, n);
	shared->n_collected = n;
}

/* What a driver installed is out of reach for the program: it must not pile up. 1 is
 * the lowest number that is free. Returns whether there was something. */
static CORE bool files_drop(void)
{
	bool any = call3(__NR_close, 1, 0, 0) == 0;

	if (any)
		call3(__NR_close_range, 1, MIRROR_FILE_FIRST - 1, 0);
	return any;
}

/* As rights_use(); fails only for what is not permitted. */
static CORE void rights_use_here(uint64_t permitted, uint64_t effective)
{
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	header.version = _LINUX_CAPABILITY_VERSION_3;
	header.pid = 0;
	for (uint32_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		data[i].effective = effective >> (32 * i);
		data[i].permitted = permitted >> (32 * i);
		data[i].inheritable = 0;
	}
	call3(__NR_capset, (long)&header, (long)data, 0);
}

static CORE void call_run(const struct mirror_private *private, struct mirror_shared *shared)
{
	uint64_t capabilities = private->capabilities & shared->capabilities;

	refresh(private, shared);
	if (capabilities)
		rights_use_here(private->capabilities, capabilities);
	if (shared->compat)
		shared->result = core_ioctl_32(shared->fd, shared->command, shared->argument);
	else
		shared->result = core_ioctl(shared->fd, shared->command, shared->argument);
	if (capabilities)
		rights_use_here(private->capabilities, 0);
	shared->installed = files_drop();
}

static CORE void job_run(const struct mirror_private *private, struct mirror_shared *shared)
{
	if (shared->job == MIRROR_CALL)
		call_run(private, shared);
	collect(private, shared);
}

static CORE void answer(struct mirror_shared *shared, uint32_t value)
{
	__atomic_store_n(&shared->answer, value, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&shared->session_sleeps, __ATOMIC_SEQ_CST))
		call3(__NR_futex, (long)&shared->answer, FUTEX_WAKE, FUTEX_WAKE_ALL);
}

/* Best effort: where there is no such processor the call fails. */
static CORE void stay_on(uint32_t cpu)
{
	unsigned long set[16];

	for (uint32_t i = 0; i < 16; i++)
		__atomic_store_n(&set[i], i == cpu / 64 ? 1ul << cpu % 64 : 0, __ATOMIC_RELAXED);
	call3(__NR_sched_setaffinity, 0, sizeof(set), (long)set);
}

/* Until there is another request than the one that is done; returns it. */
static CORE uint32_t request_await(struct mirror_shared *shared, uint32_t done)
{
	for (uint32_t i = 0;; i++) {
		uint32_t request = __atomic_load_n(&shared->request, __ATOMIC_SEQ_CST);

		if (request != done) {
			__atomic_store_n(&shared->worker_sleeps, 0, __ATOMIC_RELAXED);
			return request;
		}
		if (i < MIRROR_YIELDS)
			call3(__NR_sched_yield, 0, 0, 0);
		else if (i == MIRROR_YIELDS)
			__atomic_store_n(&shared->worker_sleeps, 1, __ATOMIC_SEQ_CST);
		else
			call6(__NR_futex, (long)&shared->request, FUTEX_WAIT, done, 0, 0, 0);
	}
}

static CORE __attribute__((noreturn)) void worker(const struct mirror_private *private,
						  struct mirror_shared *shared)
{
	uint32_t done = 1, cpu = UINT32_MAX;

	for (;;) {
		done = request_await(shared, done);
		if (shared->cpu != cpu) {
			cpu = shared->cpu;
			stay_on(cpu);
		}
		job_run(private, shared);
		answer(shared, done);
	}
}

/* Receives one request; *fdp is a descriptor that came with it, or -1. */
static CORE long service_receive(int socket, struct mirror_request *request, int *fdp)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov;
	struct msghdr message;
	long n;

	iov.iov_base = request;
	iov.iov_len = sizeof(*request);
	message.msg_name = NULL;
	message.msg_namelen = 0;
	message.msg_iov = &iov;
	message.msg_iovlen = 1;
	message.msg_control = &control;
	message.msg_controllen = sizeof(control);
	message.msg_flags = 0;
	*fdp = -1;
	n = call3(__NR_recvmsg, socket, (long)&message, MSG_CMSG_CLOEXEC);
	if (n > 0 && message.msg_controllen >= CMSG_LEN(sizeof(int)))
		*fdp = *(const int *)CMSG_DATA(&control.header);
	return n;
}

static CORE long service_run(const struct mirror_private *private, const struct mirror_request *request,
			     int fd)
{
	if (request->kind == MIRROR_ATTACH) {
		long r = call3(__NR_dup3, fd, request->fd, O_CLOEXEC);

		call3(__NR_close, fd, 0, 0);
		return r;
	}
	if (request->kind == MIRROR_DETACH)
		return call3(__NR_close, request->fd, 0, 0);
	if (request->kind == MIRROR_PROTECT)
		return call3(__NR_mprotect, request->address, request->length, request->protection);
	return call3(__NR_tgkill, private->pid, private->worker, SIGUSR1);
}

static CORE __attribute__((noreturn, used)) void service(const struct mirror_private *private)
{
	struct mirror_request request;
	int64_t result;
	int fd;

	for (;;) {
		long n = service_receive(private->socket, &request, &fd);

		if (n == -EINTR)
			continue;
		/* The session is gone, or is not what we know. */
		if (n != sizeof(request))
			core_exit();
		result = service_run(private, &request, fd);
		if (request.kind != MIRROR_INTERRUPT)
			call6(__NR_sendto, private->socket, (long)&result, sizeof(result), MSG_NOSIGNAL, 0, 0);
	}
}

static CORE long service_start(const struct mirror_private *private)
{
	const unsigned long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
				    CLONE_SYSVSEM;
	void *stack = mirror_at(private->base, MIRROR_AT_SERVICE_STACK + MIRROR_STACK_PAGES);
	register long r10 __asm__("r10") = 0;
	register long r8 __asm__("r8") = 0;
	register void (*function)(const struct mirror_private *private) __asm__("r12") = service;
	register const struct mirror_private *argument __asm__("r13") = private;
	long result;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %%r13, %%rdi\n\t"
			 "call *%%r12\n\t"
			 "hlt\n"
			 "1:"
			 : "=a"(result)
			 : "a"(__NR_clone), "D"(flags), "S"(stack), "d"(0), "r"(r10), "r"(r8), "r"(function),
			   "r"(argument)
			 : "rcx", "r11", "memory");
	return result < 0 ? result : 0;
}

/* Nothing but the region stays, and nothing else can be mapped afterwards. */
static CORE long space_reserve(const struct mirror_private *private)
{
	uint64_t begin = private->base, end = begin + (uint64_t)MIRROR_N_PAGES * MIRROR_PAGE;
	const long flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
	long r;

	call3(__NR_munmap, MIRROR_LOW, begin - MIRROR_LOW, 0);
	call3(__NR_munmap, end, MIRROR_TOP - end, 0);
	r = call6(__NR_mmap, MIRROR_LOW, begin - MIRROR_LOW, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (r >= 0)
		r = call6(__NR_mmap, end, MIRROR_TOP - end, PROT_READ | PROT_WRITE, flags, -1, 0);
	return r < 0 ? r : 0;
}

static CORE long signal_prepare(void)
{
	struct core_sigaction action;

	action.handler = on_signal;
	action.flags = SA_SIGINFO | SA_RESTART | CORE_SA_RESTORER;
	action.restorer = restorer;
	action.mask = 0;
	return call6(__NR_rt_sigaction, SIGUSR1, (long)&action, 0, sizeof(action.mask), 0, 0);
}

static CORE long filter_load(struct mirror_private *private)
{
	struct sock_fprog program;

	program.len = private->n_filter;
	program.filter = private->filter;
	return call3(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, (long)&program);
}

CORE void mirror_core_run(struct mirror_private *private)
{
	struct mirror_shared *shared = mirror_at(private->base, MIRROR_AT_SHARED);
	long r;

	/* The C library's places for the kernel to write to at a thread's end. */
	call3(__NR_set_robust_list, 0, 24, 0);
	call3(__NR_set_tid_address, 0, 0, 0);
	r = space_reserve(private);
	if (r == 0)
		r = signal_prepare();
	if (r == 0) {
		private->pid = call3(__NR_getpid, 0, 0, 0);
		private->worker = call3(__NR_gettid, 0, 0, 0);
		r = service_start(private);
	}
	if (r == 0)
		r = filter_load(private);
	shared->result = r;
	__atomic_store_n(&shared->request, 1, __ATOMIC_SEQ_CST);
	answer(shared, 1);
	if (r < 0)
		core_exit();
	worker(private, shared);
}

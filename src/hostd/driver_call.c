/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls into drivers; see driver_call.h. */
#include "config.h"

#include <signal.h>
#include <ucontext.h>

#include "hostd/driver_call.h"
#include "proto/proto.h"

/* fd, second and third are where the kernel wants them. */
__asm__(".pushsection .text\n"
	".globl driver_call\n"
	".hidden driver_call\n"
	".type driver_call, @function\n"
	"driver_call:\n"
	".cfi_startproc\n"
	"	mov %rcx, %r10\n"
	"	mov %r8, %rax\n"
	"driver_call_made:\n"
	"	syscall\n"
	"driver_call_back:\n"
	"	ret\n"
	".cfi_endproc\n"
	".size driver_call, . - driver_call\n"
	".popsection\n");
extern const char driver_call_made[] __attribute__((visibility("hidden")));
extern const char driver_call_back[] __attribute__((visibility("hidden")));

static void on_signal(int number, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

	if (registers[REG_RIP] != (greg_t)driver_call_made)
		return;
	registers[REG_RIP] = (greg_t)driver_call_back;
	registers[REG_RAX] = -PROTO_RESTART;
}

void driver_call_prepare(int number)
{
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART };

	sigaction(number, &action, NULL);
}

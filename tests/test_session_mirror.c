// SPDX-License-Identifier: GPL-2.0-or-later
/* Life of mirror processes under a hostile guest, and when they or the session are
 * killed or stopped; see test_session_hostile.c. */
#include "config.h"

#include <asm/termbits.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "caller.h"

#define SOON_MS 6000
#define STOPPED_MS 15000 /* one that does not react is given 5 seconds */
#define MIRRORS 128

static struct caller caller;
static struct raw raw;

/* ---- looking at processes ---- */

static bool text_of(pid_t pid, const char *file, char *text, size_t size)
{
	char path[64];
	FILE *stream;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	stream = fopen(path, "r");
	if (!stream)
		return false;
	text[fread(text, 1, size - 1, stream)] = '\0';
	fclose(stream);
	return true;
}

/* hostd's children of this name. */
static int children(const char *name, pid_t *pids, int most)
{
	char path[64], text[8192], comm[32], *rest = text, *word;
	int n = 0;

	snprintf(path, sizeof(path), "task/%d/children", (int)rig_hostd.pid);
	ck_assert(text_of(rig_hostd.pid, path, text, sizeof(text)));
	while ((word = strsep(&rest, " "))) {
		pid_t pid = atoi(word);

		if (!pid || !text_of(pid, "comm", comm, sizeof(comm)) || strncmp(comm, name, strlen(name)) != 0)
			continue;
		ck_assert_int_lt(n, most);
		pids[n++] = pid;
	}
	return n;
}

static int mirrors(pid_t *pids)
{
	return children("paradice-mirror", pids, MIRRORS);
}

static pid_t only_mirror(void)
{
	pid_t pids[MIRRORS];

	ck_assert_int_eq(mirrors(pids), 1);
	return pids[0];
}

static void mirrors_become(int n)
{
	uint64_t until = raw_now_ms() + RAW_HANG_MS;
	pid_t pids[MIRRORS];

	while (mirrors(pids) != n && raw_now_ms() < until)
		raw_rest_ms(10);
	ck_assert_int_eq(mirrors(pids), n);
}

static int descriptors(pid_t pid)
{
	struct dirent *entry;
	char path[64];
	int n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return n;
}

/* The session of the hostile guest: the good one's is older. */
static pid_t session_of_caller(void)
{
	pid_t sessions[8];

	ck_assert_int_eq(children("paradice-sessio", sessions, 8), 2);
	return sessions[1];
}

static void session_descriptors_become(int n)
{
	uint64_t until = raw_now_ms() + RAW_HANG_MS;
	pid_t session = session_of_caller();

	while (descriptors(session) != n && raw_now_ms() < until)
		raw_rest_ms(10);
	ck_assert_int_eq(descriptors(session), n);
}

/* A number of /proc/PID/status, in its unit. */
static long status_of(pid_t pid, const char *name)
{
	char text[8192], *at;

	ck_assert(text_of(pid, "status", text, sizeof(text)));
	at = strstr(text, name);
	/* One that is just ending has no memory. */
	return at ? atol(at + strlen(name) + 1) : 0;
}

/* ---- descriptors ---- */

START_TEST(released_device_is_closed_everywhere)
{
	pid_t pids[MIRRORS];
	uint64_t kept;

	caller_init(&caller, &raw, "term");
	kept = caller.handle;
	caller_memory(&caller, CALLER_BASE);
	for (int i = 0; i < 20; i++) {
		caller.handle = rig_open(&raw, "term", O_RDWR);
		for (caller.process = 1; caller.process <= 3; caller.process++)
			ck_assert_int_eq(caller_ioctl(&caller, TCGETS, CALLER_BASE), 0);
		ck_assert_int_eq(mirrors(pids), 3);
		for (int m = 0; m < 3; m++)
			ck_assert_int_eq(descriptors(pids[m]), 2);
		ck_assert_int_eq(rig_release(&raw, caller.handle), 0);
		for (int m = 0; m < 3; m++)
			ck_assert_int_eq(descriptors(pids[m]), 1);
	}
	caller.handle = kept;
	caller.process = 2;
	ck_assert_int_eq(caller_ioctl(&caller, TCGETS, CALLER_BASE), 0);
	raw_fini(&raw);
}
END_TEST

/* The device of a mirror that is just ending, too: who opens it alone must not find
 * it open. */
START_TEST(released_device_is_closed_in_dying_mirrors)
{
	int n_open;

	caller_init(&caller, &raw, "term");
	caller_memory(&caller, CALLER_BASE);
	for (int i = 0; i < 40; i++) {
		pid_t pid;

		caller.process = 100 + i;
		ck_assert_int_eq(caller_ioctl(&caller, TCGETS, CALLER_BASE), 0);
		pid = only_mirror();
		caller_process_end(&caller, caller.process);
		ck_assert_int_eq(rig_release(&raw, caller.handle), 0);
		n_open = descriptors(pid);
		ck_assert_msg(n_open == 0, "the mirror has %d descriptors after the release", n_open);
		caller.handle = rig_open(&raw, "term", O_RDWR);
	}
	raw_fini(&raw);
}
END_TEST

/* More devices than one mirror holds, and handles that come and go. */
START_TEST(many_handles)
{
	uint64_t handles[RIG_HANDLES];

	caller_init(&caller, &raw, "term");
	caller_memory(&caller, CALLER_BASE);
	handles[0] = caller.handle;
	for (int round = 0; round < 12; round++) {
		for (int i = 1; i < RIG_HANDLES; i++)
			handles[i] = rig_open(&raw, i % 2 ? "term" : "ptmx", O_RDWR);
		for (int i = 0; i < RIG_HANDLES; i++) {
			caller.handle = handles[i];
			ck_assert_int_eq(caller_ioctl(&caller, TCGETS, CALLER_BASE), 0);
		}
		ck_assert_int_eq(descriptors(only_mirror()), 1 + RIG_HANDLES);
		for (int i = 1; i < RIG_HANDLES; i++)
			ck_assert_int_eq(rig_release(&raw, handles[i]), 0);
	}
	raw_fini(&raw);
}
END_TEST

/* An ioctl whose argument is a number: its result. */
static int64_t ioctl_of_number(uint32_t command, uint64_t number)
{
	struct proto_ioctl body = { .handle = caller.handle, .command = command, .argument = number };

	raw_send(&raw, PROTO_IOCTL, ++raw.tag, &body, sizeof(body), NULL, 0);
	return ((const struct proto_ioctl_answer *)raw_expect(&raw, PROTO_IOCTL_ANSWER))->result;
}

/* Drivers install descriptors in who calls them: they do not pile up there, and the
 * program gets no number that is none of its own. The same for a command that has no
 * pointer, which needs no page of the program. */
START_TEST(installed_descriptors_go)
{
	int of_session = 0;
	pid_t pid = 0;

	caller_init(&caller, &raw, "null");
	if (!rig_has("uffd")) {
		printf("no /dev/userfaultfd: installed_descriptors_go does nothing\n");
		raw_fini(&raw);
		return;
	}
	ck_assert_int_eq(rig_release(&raw, caller.handle), 0);
	caller.handle = rig_open(&raw, "uffd", O_RDWR);
	for (int i = 0; i < 200; i++) {
		int64_t r = _i ? ioctl_of_number(_IO(0xAA, 0x00), 0) :
				 caller_ioctl(&caller, _IO(0xAA, 0x00), O_CLOEXEC);

		ck_assert_msg(r == -ENOTTY, "call %d: %d", i, (int)r);
		if (i == 0) {
			pid = only_mirror();
			of_session = descriptors(session_of_caller());
		}
		ck_assert_int_eq(descriptors(pid), 2);
	}
	ck_assert_int_eq(descriptors(session_of_caller()), of_session);
	ck_assert_int_eq(only_mirror(), pid);
	raw_fini(&raw);
}
END_TEST

/* A command that has shown that it is harmless needs no mirror any more, but each open
 * file has to see for itself. */
START_TEST(harmless_numbers_need_one_look)
{
	pid_t pids[MIRRORS];

	caller_init(&caller, &raw, "null");
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(ioctl_of_number(_IO('P', 0x7f), i), -ENOTTY);
		if (i)
			continue;
		kill(only_mirror(), SIGKILL);
		mirrors_become(0);
	}
	ck_assert_int_eq(mirrors(pids), 0);
	caller.handle = rig_open(&raw, "null", O_RDWR);
	ck_assert_int_eq(ioctl_of_number(_IO('P', 0x7f), 0), -ENOTTY);
	ck_assert_int_eq(mirrors(pids), 1);
	raw_fini(&raw);
}
END_TEST

/* ---- memory ---- */

#define MUCH 31
START_TEST(memory_is_given_back)
{
	pid_t pid;

	caller_init(&caller, &raw, "term");
	caller_memory(&caller, CALLER_BASE);
	for (int i = 0; i < 100; i++) {
		struct proto_range run = { CALLER_BASE + i * (MUCH + 1) * PROTO_PAGE, MUCH * PROTO_PAGE,
					   PROTO_RANGE_IN | PROTO_RANGE_OUT };
		uint64_t tag = caller_send(&caller, TCGETS, CALLER_BASE, &run, 1);

		ck_assert_int_eq(caller_finish(&caller, tag), 0);
	}
	pid = only_mirror();
	ck_assert_int_lt(status_of(pid, "VmRSS:"), 1024);
	ck_assert_int_lt(status_of(pid, "VmSwap:"), 1024);
	raw_fini(&raw);
}
END_TEST

/* One page in each 2 MiB has a page table, which stays until the process ends. */
START_TEST(page_tables_are_bounded)
{
	uint64_t address = CALLER_BASE + 0x200000;
	pid_t pids[MIRRORS];

	caller_init(&caller, &raw, "term");
	caller_memory(&caller, CALLER_BASE);
	for (int i = 0; i < 60; i++) {
		struct proto_range runs[MUCH];
		uint64_t tag;

		for (int n = 0; n < MUCH; n++, address += 0x40000000)
			runs[n] = (struct proto_range){ address & 0x7fffffffffff, PROTO_PAGE,
							PROTO_RANGE_IN | PROTO_RANGE_OUT };
		tag = caller_send(&caller, TCGETS, CALLER_BASE, runs, MUCH);
		ck_assert_int_eq(caller_finish(&caller, tag), 0);
		if (mirrors(pids) == 1)
			ck_assert_int_lt(status_of(pids[0], "VmPTE:"), 4096);
	}
	raw_fini(&raw);
}
END_TEST

/* ---- ends ---- */

/* A call that waits for its page. */
static uint64_t begin_waiting(void)
{
	uint64_t tag = caller_send(&caller, TCGETS, CALLER_BASE + 0x10000, NULL, 0);

	ck_assert(caller_waits(&caller, tag));
	return tag;
}

static int64_t result_of(uint64_t tag)
{
	return caller_result(&caller, tag);
}

START_TEST(process_ends_in_a_call)
{
	uint64_t first, second;

	caller_init(&caller, &raw, "term");
	caller_memory(&caller, CALLER_BASE);
	for (int i = 0; i < 20; i++) {
		caller.process = 10 + i;
		first = begin_waiting();
		second = begin_waiting();
		caller_process_end(&caller, caller.process);
		caller_process_end(&caller, 999);
		ck_assert_int_eq(result_of(first) + result_of(second), -2 * EFAULT);
	}
	caller.process = 1;
	ck_assert_int_eq(caller_ioctl(&caller, TCGETS, CALLER_BASE), 0);
	caller_process_end(&caller, 1);
	caller_process_end(&caller, 1);
	mirrors_become(0);
	ck_assert_int_eq(caller_ioctl(&caller, TCGETS, CALLER_BASE), 0);
	raw_fini(&raw);
}
END_TEST

/* It ends before its mirror has even started. */
START_TEST(process_ends_at_once)
{
	int n_descriptors;
	uint64_t tag;

	caller_init(&caller, &raw, "term");
	caller_memory(&caller, CALLER_BASE);
	n_descriptors = descriptors(session_of_caller());
	for (int i = 0; i < 100; i++) {
		caller.process = 10 + i;
		tag = caller_send(&caller, TCGETS, CALLER_BASE + 0x10000, NULL, 0);
		if (i % 2)
			raw_rest_ms(i % 10);
		caller_process_end(&caller, caller.process);
		ck_assert_int_lt(result_of(tag), 0);
	}
	mirrors_become(0);
	session_descriptors_become(n_descriptors);
	ck_assert_int_eq(caller_ioctl(&caller, TCGETS, CALLER_BASE), 0);
	raw_fini(&raw);
}
END_TEST

/* So many calls that most still wait for a mirror when the process ends. */
START_TEST(process_ends_while_calls_wait)
{
	uint64_t tags[50];
	int n_descriptors;

	caller_init(&caller, &raw, "term");
	caller_memory(&caller, CALLER_BASE);
	n_descriptors = descriptors(session_of_caller());
	for (int i = 0; i < 50; i++)
		tags[i] = caller_send(&caller, TCGETS, CALLER_BASE + 0x10000, NULL, 0);
	caller_process_end(&caller, caller.process);
	for (int i = 0; i < 50; i++)
		ck_assert_int_lt(result_of(tags[i]), 0);
	mirrors_become(0);
	session_descriptors_become(n_descriptors);
	ck_assert_int_eq(caller_ioctl(&caller, TCGETS, CALLER_BASE), 0);
	raw_fini(&raw);
}
END_TEST

/* Serves `n` calls that were sent, whose last tag is raw.tag. Where the processors are
 * so busy that a page comes too late a call may fail; how many did. */
static int all_done(uint64_t n)
{
	int n_late = 0;

	for (uint64_t n_done = 0; n_done < n;) {
		uint16_t opcode = caller_receive(&caller);

		if (opcode == PROTO_MEM_READ)
			caller_answer(&caller);
		n_done += opcode == PROTO_IOCTL_ANSWER;
	}
	for (uint64_t i = 0; i < n; i++) {
		int64_t result = result_of(raw.tag - i);

		ck_assert(result == 0 || result == -EFAULT);
		n_late += result != 0;
	}
	return n_late;
}

START_TEST(hundred_processes_at_once)
{
	int n_descriptors;

	caller_init(&caller, &raw, "term");
	caller_memory(&caller, CALLER_BASE);
	n_descriptors = descriptors(session_of_caller());
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 100; i++) {
			/* Other processes each time: mirrors make room for others. */
			caller.process = 1 + 100 * round + i;
			caller_send(&caller, TCGETS, CALLER_BASE + 8 * i, NULL, 0);
		}
		ck_assert_int_le(all_done(100), 50);
		rig_good_works();
		/* Each again, now that its mirror is there. */
		for (int i = 0; i < 100; i++) {
			caller.process = 1 + 100 * round + i;
			ck_assert_int_eq(caller_ioctl_ahead(&caller, TCGETS, CALLER_BASE + 8 * i), 0);
		}
	}
	for (int i = 0; i < 200; i++)
		caller_process_end(&caller, 1 + i);
	mirrors_become(0);
	session_descriptors_become(n_descriptors);
	raw_fini(&raw);
}
END_TEST

/* Many calls of one process: each has a mirror for itself. */
START_TEST(many_calls_of_one_process)
{
	caller_init(&caller, &raw, "term");
	caller_memory(&caller, CALLER_BASE);
	for (int i = 0; i < 20; i++)
		caller_send(&caller, TCGETS, CALLER_BASE + 100 * i, NULL, 0);
	ck_assert_int_le(all_done(20), 10);
	caller_process_end(&caller, caller.process);
	mirrors_become(0);
	raw_fini(&raw);
}
END_TEST

/* The session hears of the end of a mirror a little after it: until then a call may
 * still be given to it. */
static void works_again(void)
{
	uint64_t until = raw_now_ms() + SOON_MS;
	int64_t result;

	mirrors_become(0);
	while ((result = caller_ioctl(&caller, TCGETS, CALLER_BASE)) == -EFAULT && raw_now_ms() < until)
		;
	ck_assert_int_eq(result, 0);
}

START_TEST(mirror_is_killed_in_a_call)
{
	uint64_t tag, since;

	caller_init(&caller, &raw, "term");
	caller_memory(&caller, CALLER_BASE);
	for (int i = 0; i < 6; i++) {
		tag = begin_waiting();
		since = raw_now_ms();
		kill(only_mirror(), i % 2 ? SIGKILL : SIGSEGV);
		ck_assert_int_eq(result_of(tag), -EFAULT);
		ck_assert_uint_lt(raw_now_ms() - since, SOON_MS);
		works_again();
		/* And between calls. */
		kill(only_mirror(), SIGKILL);
		works_again();
	}
	daemon_log_expect(&rig_hostd, "was ended by signal", "Segmentation");
	raw_fini(&raw);
}
END_TEST

/* All its threads: until then one may still do as it is told. */
static void stop(pid_t pid)
{
	uint64_t until = raw_now_ms() + RAW_HANG_MS;
	char text[8192] = "";

	kill(pid, SIGSTOP);
	do
		ck_assert(text_of(pid, "status", text, sizeof(text)));
	while (!strstr(text, "T (stopped)") && raw_now_ms() < until);
	raw_rest_ms(50);
}

/* One that a guest took over may do nothing any more: its own program waits until it
 * ends, and nobody else does. */
START_TEST(mirror_stops)
{
	uint64_t tag, since = raw_now_ms();

	caller_init(&caller, &raw, "term");
	caller_memory(&caller, CALLER_BASE);
	ck_assert_int_eq(caller_ioctl(&caller, TCGETS, CALLER_BASE), 0);
	stop(only_mirror());
	tag = caller_send(&caller, TCGETS, CALLER_BASE, NULL, 0);
	caller.process = 2;
	ck_assert_int_eq(caller_ioctl(&caller, TCGETS, CALLER_BASE), 0);
	rig_good_works();
	caller_process_end(&caller, 1);
	ck_assert_int_eq(result_of(tag), -EFAULT);
	ck_assert_uint_lt(raw_now_ms() - since, SOON_MS);
	mirrors_become(1);
	raw_fini(&raw);
}
END_TEST

/* Stopped between calls: the release of its device does not wait for ever either. */
START_TEST(mirror_stops_before_a_release)
{
	uint64_t since = raw_now_ms();

	caller_init(&caller, &raw, "term");
	caller_memory(&caller, CALLER_BASE);
	ck_assert_int_eq(caller_ioctl(&caller, TCGETS, CALLER_BASE), 0);
	stop(only_mirror());
	ck_assert_int_eq(rig_release(&raw, caller.handle), 0);
	ck_assert_uint_lt(raw_now_ms() - since, STOPPED_MS);
	mirrors_become(0);
	raw_fini(&raw);
}
END_TEST

START_TEST(session_is_killed)
{
	caller_init(&caller, &raw, "term");
	for (caller.process = 1; caller.process < 6; caller.process++)
		begin_waiting();
	kill(session_of_caller(), SIGKILL);
	raw_expect_end(&raw);
	mirrors_become(0);
	raw_fini(&raw);
}
END_TEST

/* ---- interrupts ---- */

/* A call that sleeps in the driver, interruptibly: until the display switches to
 * another terminal. */
static uint64_t begin_sleeping(void)
{
	struct vt_event *event = (struct vt_event *)caller_memory(&caller, CALLER_BASE);
	struct proto_range page = { CALLER_BASE, PROTO_PAGE, PROTO_RANGE_IN | PROTO_RANGE_OUT };

	*event = (struct vt_event){ .event = VT_EVENT_SWITCH };
	return caller_send(&caller, VT_WAITEVENT, CALLER_BASE, &page, 1);
}

/* By the driver, or before it was called. */
static void was_interrupted(int64_t result)
{
	ck_assert_msg(result == -EINTR || result == -PROTO_RESTART, "%lld", (long long)result);
}

START_TEST(interrupt_of_a_sleeping_call)
{
	struct vt_mode *mode;
	uint64_t tag;

	caller_init(&caller, &raw, "null");
	if (!rig_has("vt")) {
		printf("no /dev/tty0: interrupt_of_a_sleeping_call does nothing\n");
		raw_fini(&raw);
		return;
	}
	caller.handle = rig_open(&raw, "vt", O_RDWR);
	for (int i = 0; i < 100; i++) {
		tag = begin_sleeping();
		raw_rest_ms(i % 7);
		caller_interrupt(&caller, tag);
		was_interrupted(result_of(tag));
		/* The next one has nothing to do with it. */
		tag = begin_sleeping();
		mode = (struct vt_mode *)caller_memory(&caller, CALLER_BASE + PROTO_PAGE);
		mode->mode = 0x55;
		caller.process = 2;
		ck_assert_int_eq(caller_ioctl_ahead(&caller, VT_GETMODE, CALLER_BASE + PROTO_PAGE), 0);
		ck_assert_int_ne(mode->mode, 0x55);
		caller.process = 1;
		raw_rest_ms(3);
		ck_assert_msg(!channel_readable(raw.channel), "a call was interrupted by the last one's signal");
		caller_interrupt(&caller, tag);
		was_interrupted(result_of(tag));
	}
	raw_fini(&raw);
}
END_TEST

/* While the driver waits for a page that never comes. */
START_TEST(interrupt_while_a_page_is_withheld)
{
	uint64_t tag, since;

	caller_init(&caller, &raw, "term");
	caller_memory(&caller, CALLER_BASE);
	for (int i = 0; i < 3; i++) {
		tag = begin_waiting();
		since = raw_now_ms();
		caller_interrupt(&caller, tag);
		caller.process = 2;
		ck_assert_int_eq(caller_ioctl(&caller, TCGETS, CALLER_BASE), 0);
		caller.process = 1;
		rig_good_works();
		ck_assert_int_eq(result_of(tag), -EFAULT);
		ck_assert_uint_lt(raw_now_ms() - since, SOON_MS);
		ck_assert_int_eq(caller_ioctl(&caller, TCGETS, CALLER_BASE), 0);
	}
	raw_fini(&raw);
}
END_TEST

/* The signal is there already when the driver meets the missing page. */
START_TEST(interrupt_before_the_page_is_missed)
{
	uint64_t tag, since;

	caller_init(&caller, &raw, "term");
	caller_memory(&caller, CALLER_BASE);
	ck_assert_int_eq(caller_ioctl(&caller, TCGETS, CALLER_BASE), 0);
	for (int i = 0; i < 5; i++) {
		since = raw_now_ms();
		tag = caller_send(&caller, TCGETS, CALLER_BASE + 0x10000, NULL, 0);
		caller_interrupt(&caller, tag);
		ck_assert_int_eq(result_of(tag), -EFAULT);
		ck_assert_uint_lt(raw_now_ms() - since, SOON_MS);
		ck_assert_int_eq(caller_ioctl(&caller, TCGETS, CALLER_BASE), 0);
	}
	raw_fini(&raw);
}
END_TEST

TCase *case_mirror(void)
{
	TCase *tcase = tcase_create("mirror");

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, released_device_is_closed_everywhere);
	tcase_add_test(tcase, released_device_is_closed_in_dying_mirrors);
	tcase_add_test(tcase, many_handles);
	tcase_add_loop_test(tcase, installed_descriptors_go, 0, 2);
	tcase_add_test(tcase, harmless_numbers_need_one_look);
	tcase_add_test(tcase, memory_is_given_back);
	tcase_add_test(tcase, page_tables_are_bounded);
	tcase_add_test(tcase, process_ends_in_a_call);
	tcase_add_test(tcase, process_ends_at_once);
	tcase_add_test(tcase, process_ends_while_calls_wait);
	tcase_add_test(tcase, hundred_processes_at_once);
	tcase_add_test(tcase, many_calls_of_one_process);
	tcase_add_test(tcase, mirror_is_killed_in_a_call);
	tcase_add_test(tcase, mirror_stops);
	tcase_add_test(tcase, mirror_stops_before_a_release);
	tcase_add_test(tcase, session_is_killed);
	tcase_add_test(tcase, interrupt_of_a_sleeping_call);
	tcase_add_test(tcase, interrupt_while_a_page_is_withheld);
	tcase_add_test(tcase, interrupt_before_the_page_is_missed);
	return tcase;
}

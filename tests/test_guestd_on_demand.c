// SPDX-License-Identifier: GPL-2.0-or-later
/* A host that asks for memory, or writes it, as it may not; see
 * test_guestd_hostile.c. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <linux/videodev2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guestd_rig.h"

#define NO_PAGE UINT64_C(0x10000)

static uint8_t *pages; /* four of the program's; the third is read-only */
static uint32_t command;
static uint8_t *argument;
static struct program program;
static uint64_t call;

static uint64_t at(uint32_t page)
{
	return (uintptr_t)pages + page * PROTO_PAGE;
}

static void program_asks(struct program *who)
{
	who->result = ioctl(who->fd, command, argument);
	who->error = errno;
}

/* A call on demand under way: its tag is `call`, its first page that of `argument`. */
static void begin_at(uint32_t with_command, uint8_t *with)
{
	const struct proto_ioctl *body;
	const struct proto_range *ranges;
	const uint8_t *bytes;
	uint32_t n;

	command = with_command;
	argument = with;
	host_device_flags = PROTO_DEVICE_IOCTL_ON_DEMAND;
	host_ready();
	host_device_flags = 0;
	program_open(&program, HANDLE);
	call = program_ask(&program, program_asks, PROTO_IOCTL);
	body = host.message.body;
	ck_assert_uint_eq(body->flags, PROTO_IOCTL_ON_DEMAND);
	ck_assert_uint_eq(body->argument, (uintptr_t)with);
	ck_assert_uint_ne(body->process, 0);
	ranges = proto_ranges(&host.message, &n, &bytes);
	ck_assert_uint_ge(n, 1);
	ck_assert_uint_eq(ranges[0].address, (uintptr_t)with & ~(uintptr_t)(PROTO_PAGE - 1));
	ck_assert_uint_eq(ranges[0].direction, PROTO_RANGE_IN | PROTO_RANGE_OUT);
	ck_assert_mem_eq(bytes + 100, with, PROTO_PAGE - 100);
}

static void begin(void)
{
	begin_at(TIOCGWINSZ, pages + 100);
}

static void want(uint64_t tag, uint64_t of, uint64_t address, uint32_t n)
{
	struct proto_mem_read body = { .call = of, .address = address, .n_pages = n };

	raw_send(&host, PROTO_MEM_READ, tag, &body, sizeof(body), NULL, 0);
}

/* The answer to the MEM_READ with this tag: how many pages, or a negative errno. */
static int64_t pages_of(uint64_t tag)
{
	const struct proto_mem_read_answer *answer = raw_expect(&host, PROTO_MEM_READ_ANSWER);
	const struct proto_range *ranges;
	const uint8_t *bytes;
	int64_t n_bytes = 0;
	uint32_t n;

	ck_assert_uint_eq(host.message.header.tag, tag);
	ranges = proto_ranges(&host.message, &n, &bytes);
	for (uint32_t i = 0; i < n; i++)
		n_bytes += ranges[i].length;
	return answer->result < 0 ? answer->result : n_bytes / PROTO_PAGE;
}

static void answer_ranges(uint16_t opcode, uint64_t tag, const struct proto_range *ranges, uint32_t n)
{
	static uint8_t payload[PROTO_MESSAGE_MAX];
	struct proto_ioctl_answer answer = { .ready = PROTO_READY_UNKNOWN, .n_ranges = n };
	struct proto_mem_write write = { .call = tag, .n_ranges = n };
	size_t size = n * sizeof(*ranges);

	memset(payload, 0x42, sizeof(payload));
	if (n)
		memcpy(payload, ranges, size);
	for (uint32_t i = 0; i < n; i++)
		size += ranges[i].length;
	if (opcode == PROTO_MEM_WRITE)
		raw_send(&host, opcode, 0, &write, sizeof(write), payload, size);
	else
		raw_send(&host, opcode, tag, &answer, sizeof(answer), payload, size);
}

/* The host answers, and the program gets `error` (0: none). */
static void finish(int error)
{
	answer_ranges(PROTO_IOCTL_ANSWER, call, NULL, 0);
	program_join(&program);
	ck_assert_int_eq(program.result, error ? -1 : 0);
	if (error)
		ck_assert_int_eq(program.error, error);
	close(program.fd);
	raw_fini(&host);
}

START_TEST(memory_as_it_is)
{
	begin();
	want(1, call, at(1), 1);
	ck_assert_int_eq(pages_of(1), 1);
	want(2, call, at(0), 32);
	ck_assert_int_eq(pages_of(2), 3);
	want(3, call, at(2), 1);
	ck_assert_int_eq(pages_of(3), 1);
	want(4, call, at(3), 1); /* PROT_NONE */
	ck_assert_int_eq(pages_of(4), -EFAULT);
	want(5, call, NO_PAGE, 1);
	ck_assert_int_eq(pages_of(5), -EFAULT);
	want(6, call, 0xffff800000000000, 4);
	ck_assert_int_eq(pages_of(6), -EFAULT);
	finish(0);
}
END_TEST

/* The driver's pages as the host asks for them, `n` from number 1 on. */
static void want_in_order(const uint8_t *of, uint32_t n)
{
	uint32_t first = 1;

	for (uint32_t step = 1; first < n; first += step, step *= 2) {
		uint32_t left = n - first < step ? n - first : step;

		want(first, call, (uintptr_t)of + first * PROTO_PAGE, left);
		ck_assert_int_eq(pages_of(first), left);
	}
}

/* What a command needed once comes with it the next time, also when the buffer has
 * moved: behind the argument, or behind a pointer in it. */
#define MANY 24u
START_TEST(repeated_call_needs_one_trip)
{
	uint8_t *many = mmap(NULL, 4 * MANY * PROTO_PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	bool pointed = _i;

	ck_assert_ptr_ne(many, MAP_FAILED);
	for (uint32_t round = 0; round < 3; round++) {
		uint8_t *here = many + (round ? MANY * PROTO_PAGE : 0), *there = here;
		const struct proto_range *ranges;
		uint64_t n_bytes = 0;
		const uint8_t *bytes;
		uint32_t n;

		if (pointed) {
			there = many + (3 - (round ? 1 : 0)) * MANY * PROTO_PAGE;
			memcpy(here + 100, &there, sizeof(there));
		}
		if (round == 0) {
			begin_at(_IO('P', _i), here + 100);
			if (pointed) {
				want(1000, call, (uintptr_t)there, 1);
				ck_assert_int_eq(pages_of(1000), 1);
			}
			want_in_order(there, MANY);
		} else {
			argument = here + 100;
			call = program_ask(&program, program_asks, PROTO_IOCTL);
			ranges = proto_ranges(&host.message, &n, &bytes);
			for (uint32_t i = 0; i < n; i++)
				n_bytes += ranges[i].length;
			ck_assert_uint_eq(n_bytes, (MANY + pointed) * PROTO_PAGE);
			ck_assert_uint_eq(ranges[n - 1].address + ranges[n - 1].length,
					  (uintptr_t)there + MANY * PROTO_PAGE);
		}
		answer_ranges(PROTO_IOCTL_ANSWER, call, NULL, 0);
		program_join(&program);
		ck_assert_int_eq(program.result, 0);
	}
	close(program.fd);
	raw_fini(&host);
	munmap(many, 4 * MANY * PROTO_PAGE);
}
END_TEST

/* A call that is none, one that is over, one that is not on demand: nothing is read. */
START_TEST(memory_for_no_call)
{
	struct program other = { .fd = -1, .n = 16 };
	uint64_t tag;

	begin();
	want(1, 0, at(0), 1);
	ck_assert_int_eq(pages_of(1), -EFAULT);
	want(2, call + 0x100, at(0), 1);
	ck_assert_int_eq(pages_of(2), -EFAULT);
	want(3, UINT64_MAX, at(0), 1);
	ck_assert_int_eq(pages_of(3), -EFAULT);
	other.fd = program.fd;
	tag = program_ask(&other, program_reads, PROTO_READ);
	want(4, tag, at(0), 1);
	ck_assert_int_eq(pages_of(4), -EFAULT);
	answer_ranges(PROTO_IOCTL_ANSWER, call, NULL, 0);
	program_join(&program);
	want(5, call, at(0), 1);
	ck_assert_int_eq(pages_of(5), -EFAULT);
	raw_fini(&host);
	program_join(&other);
	close(program.fd);
}
END_TEST

static const struct {
	uint64_t address;
	uint32_t n;
} no_pages[] = {
	{ 0x7f0000000001, 1 }, { 0x7f0000000000, 0 }, { 0x7f0000000000, 33 }, { 0x7f0000000000, UINT32_MAX },
	{ 0xfffffffffffff000, 2 }, { UINT64_MAX, 1 }, { 0xffffffffffff0000, 32 },
};

START_TEST(pages_that_are_none)
{
	begin();
	want(1, call, no_pages[_i].address, no_pages[_i].n);
	expect_violation("MEM_READ: address");
	program_join(&program);
	ck_assert_int_eq(program.error, EIO);
	close(program.fd);
}
END_TEST

START_TEST(memory_is_written)
{
	struct proto_range ranges[2] = { { at(0) + 100, 8, PROTO_RANGE_OUT },
					 { at(1) + PROTO_PAGE - 4, 4, PROTO_RANGE_OUT } };

	begin();
	memset(pages, 0, 2 * PROTO_PAGE);
	for (int i = 0; i < 10; i++)
		answer_ranges(PROTO_MEM_WRITE, call, ranges, 2);
	finish(0);
	ck_assert_int_eq(pages[99], 0);
	ck_assert_int_eq(pages[100], 0x42);
	ck_assert_int_eq(pages[107], 0x42);
	ck_assert_int_eq(pages[108], 0);
	ck_assert_int_eq(pages[2 * PROTO_PAGE - 5], 0);
	ck_assert_int_eq(pages[2 * PROTO_PAGE - 1], 0x42);
}
END_TEST

static const uint64_t unwritable[] = { NO_PAGE, 0, 0x7ffffffff000, 0xffff800000000000 };

/* The program gets EFAULT, also when what comes later is in order. */
START_TEST(memory_that_cannot_be_written)
{
	struct proto_range range = { _i < 4 ? unwritable[_i] : at(2), 8, PROTO_RANGE_OUT };
	struct proto_range good = { at(0), 8, PROTO_RANGE_OUT };

	begin();
	answer_ranges(PROTO_MEM_WRITE, call, &range, 1);
	answer_ranges(PROTO_MEM_WRITE, call, &good, 1);
	finish(EFAULT);
}
END_TEST

START_TEST(writing_for_no_call)
{
	struct proto_range range = { at(0), 8, PROTO_RANGE_OUT };
	struct program other = { .fd = -1, .n = 16 };
	uint64_t tag = call + 0x100;

	begin();
	memset(pages, 0, PROTO_PAGE);
	if (_i == 1) {
		other.fd = program.fd;
		tag = program_ask(&other, program_reads, PROTO_READ);
	} else if (_i == 2) {
		answer_ranges(PROTO_IOCTL_ANSWER, call, NULL, 0);
		program_join(&program);
		tag = call;
	}
	answer_ranges(PROTO_MEM_WRITE, tag, &range, 1);
	expect_violation("MEM_WRITE: tag");
	if (_i == 1)
		program_join(&other);
	if (_i != 2)
		program_join(&program);
	ck_assert_int_eq(pages[0], 0);
	close(program.fd);
}
END_TEST

START_TEST(answer_with_many_ranges)
{
	struct proto_range ranges[PROTO_RANGES_MAX];

	begin();
	memset(pages, 0, PROTO_PAGE);
	for (uint32_t i = 0; i < PROTO_RANGES_MAX; i++)
		ranges[i] = (struct proto_range){ at(0) + 2 * i, 1, PROTO_RANGE_OUT };
	answer_ranges(PROTO_IOCTL_ANSWER, call, ranges, PROTO_RANGES_MAX);
	program_join(&program);
	ck_assert_int_eq(program.result, 0);
	for (uint32_t i = 0; i < 2 * PROTO_RANGES_MAX; i++)
		ck_assert_int_eq(pages[i], i % 2 ? 0 : 0x42);
	close(program.fd);
	raw_fini(&host);
}
END_TEST

/* The host goes while guestd is busy with all that it wanted. */
START_TEST(connection_lost_meanwhile)
{
	begin();
	for (uint32_t i = 0; i < 2000; i++)
		want(1 + i, call, at(0), 3);
	raw_fini(&host);
	program_join(&program);
	ck_assert_int_eq(program.error, EIO);
	close(program.fd);
}
END_TEST

/* ---- memory that comes late ---- */

static uint8_t *late; /* a page that is there when late_comes(); until then who touches it waits */
static int late_fd;

static bool late_make(const char *test)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register where = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	late_fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (late_fd < 0) {
		printf("no userfaultfd: %s does nothing\n", test);
		return false;
	}
	late = mmap(NULL, PROTO_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	where.range = (struct uffdio_range){ (uintptr_t)late, PROTO_PAGE };
	ck_assert_int_eq(ioctl(late_fd, UFFDIO_API, &api), 0);
	ck_assert_int_eq(ioctl(late_fd, UFFDIO_REGISTER, &where), 0);
	return true;
}

static void late_comes(void)
{
	struct uffdio_zeropage zero = { .range = { (uintptr_t)late, PROTO_PAGE } };

	ck_assert_int_eq(ioctl(late_fd, UFFDIO_ZEROPAGE, &zero), 0);
}

/* Returns when somebody waits for it. */
static void late_wanted(void)
{
	struct uffd_msg message;

	ck_assert_int_eq(read(late_fd, &message, sizeof(message)), sizeof(message));
}

static void late_end(void)
{
	munmap(late, PROTO_PAGE);
	close(late_fd);
}

/* What was written before the answer is there when the program goes on, not only soon
 * after. */
START_TEST(answer_overtakes_no_writing)
{
	struct proto_range range;

	if (!late_make("answer_overtakes_no_writing"))
		return;
	begin();
	range = (struct proto_range){ (uintptr_t)late, 8, PROTO_RANGE_OUT };
	answer_ranges(PROTO_MEM_WRITE, call, &range, 1);
	late_wanted();
	answer_ranges(PROTO_IOCTL_ANSWER, call, NULL, 0);
	raw_rest_ms(100);
	ck_assert_int_eq(pthread_tryjoin_np(program.thread, NULL), EBUSY);
	late_comes();
	program_join(&program);
	ck_assert_int_eq(program.result, 0);
	ck_assert_int_eq(late[7], 0x42);
	close(program.fd);
	raw_fini(&host);
	late_end();
}
END_TEST

#define N_READERS 8 /* a crowd, if they come together */
static pthread_barrier_t together;

static void program_reads_together(struct program *who)
{
	pthread_barrier_wait(&together);
	program_reads(who);
}

/* The answers of a crowd come at once, and the memory for the second does not: the others
 * have theirs. */
START_TEST(late_memory_holds_up_no_answer)
{
	static struct program readers[N_READERS];
	struct proto_read_answer answer = { .result = 1, .ready = PROTO_READY_UNKNOWN };
	struct proto_range range;
	uint64_t tags[N_READERS];

	if (!late_make("late_memory_holds_up_no_answer"))
		return;
	late_comes();
	command = TIOCGWINSZ;
	argument = late;
	host_ready();
	program_open(&program, HANDLE);
	call = program_ask(&program, program_asks, PROTO_IOCTL);
	pthread_barrier_init(&together, NULL, N_READERS + 1);
	for (int i = 0; i < N_READERS; i++) {
		readers[i].fd = program.fd;
		readers[i].n = 1;
		program_start(&readers[i], program_reads_together);
	}
	pthread_barrier_wait(&together);
	for (int i = 0; i < N_READERS; i++) {
		raw_expect(&host, PROTO_READ);
		tags[i] = host.message.header.tag;
	}
	ck_assert_int_eq(madvise(late, PROTO_PAGE, MADV_DONTNEED), 0);
	range = (struct proto_range){ (uintptr_t)late, sizeof(struct winsize), PROTO_RANGE_OUT };
	kill(rig_guestd.pid, SIGSTOP);
	for (int i = 0; i < N_READERS; i++) {
		raw_send(&host, PROTO_READ_ANSWER, tags[i], &answer, sizeof(answer), "x", 1);
		if (i == 0)
			answer_ranges(PROTO_IOCTL_ANSWER, call, &range, 1);
	}
	kill(rig_guestd.pid, SIGCONT);
	late_wanted();
	for (int i = 0; i < N_READERS; i++) {
		program_join(&readers[i]);
		ck_assert_int_eq(readers[i].result, 1);
	}
	ck_assert_int_eq(pthread_tryjoin_np(program.thread, NULL), EBUSY);
	late_comes();
	program_join(&program);
	ck_assert_int_eq(program.result, 0);
	ck_assert_int_eq(late[0], 0x42);
	close(program.fd);
	raw_fini(&host);
	late_end();
}
END_TEST

/* ---- what only the declared way carries ---- */

static const struct {
	uint32_t command;
	uint32_t memory;
	bool on_demand; /* it goes on demand, else the declared way */
	bool refused; /* without the module guestd cannot carry it */
} buffers[] = {
	{ VIDIOC_QBUF, V4L2_MEMORY_MMAP, true, false },
	{ VIDIOC_PREPARE_BUF, V4L2_MEMORY_MMAP, true, false },
	{ VIDIOC_QBUF, V4L2_MEMORY_DMABUF, false, true },
	{ VIDIOC_PREPARE_BUF, V4L2_MEMORY_DMABUF, false, true },
	{ VIDIOC_QBUF, V4L2_MEMORY_USERPTR, false, true },
	/* Of what the driver took before, whatever the program says here. */
	{ VIDIOC_DQBUF, V4L2_MEMORY_MMAP, false, false },
	{ VIDIOC_QUERYBUF, 0, false, false },
};

static void video_open(void)
{
	host_device_flags = PROTO_DEVICE_IOCTL_ON_DEMAND;
	host_device_class = PROTO_CLASS_V4L2;
	host_ready();
	host_device_flags = 0;
	host_device_class = PROTO_CLASS_TTY;
	program_open(&program, HANDLE);
}

/* The program's command with this argument: how it goes. */
static void expect_way(uint32_t with, void *structure, bool on_demand, bool refused)
{
	command = with;
	argument = structure;
	if (refused) {
		program_start(&program, program_asks);
		program_join(&program);
		ck_assert_int_eq(program.result, -1);
		ck_assert_int_eq(program.error, ENOTTY);
		return;
	}
	call = program_ask(&program, program_asks, PROTO_IOCTL);
	ck_assert_uint_eq(((const struct proto_ioctl *)host.message.body)->flags,
			  on_demand ? PROTO_IOCTL_ON_DEMAND : 0);
	answer_ranges(PROTO_IOCTL_ANSWER, call, NULL, 0);
	program_join(&program);
	ck_assert_int_eq(program.result, 0);
}

/* A mirror has none of the program's descriptors and memory: the same command goes one
 * way or the other by what this call's bytes say. */
START_TEST(bytes_decide_the_way)
{
	struct v4l2_buffer buffer = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = buffers[_i].memory,
		.m.userptr = (uintptr_t)pages,
		.length = PROTO_PAGE,
	};

	if (buffer.memory == V4L2_MEMORY_DMABUF)
		buffer.m.fd = 0;
	video_open();
	expect_way(buffers[_i].command, &buffer, buffers[_i].on_demand, buffers[_i].refused);
	close(program.fd);
	raw_fini(&host);
}
END_TEST

START_TEST(planes_decide_the_way)
{
	struct v4l2_plane plane = { .length = PROTO_PAGE, .m.fd = 0 };
	struct v4l2_buffer buffer = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
		.memory = V4L2_MEMORY_DMABUF,
		.m.planes = &plane,
		.length = 1,
	};

	video_open();
	expect_way(VIDIOC_QBUF, &buffer, false, true);
	buffer.memory = V4L2_MEMORY_MMAP;
	expect_way(VIDIOC_QBUF, &buffer, true, false);
	close(program.fd);
	raw_fini(&host);
}
END_TEST

START_TEST(controls_decide_the_way)
{
	struct v4l2_ext_control control = { .id = V4L2_CID_BRIGHTNESS };
	struct v4l2_ext_controls controls = { .count = 1, .controls = &control };

	video_open();
	expect_way(VIDIOC_S_EXT_CTRLS, &controls, true, false);
	controls.which = V4L2_CTRL_WHICH_REQUEST_VAL;
	expect_way(VIDIOC_S_EXT_CTRLS, &controls, false, true);
	close(program.fd);
	raw_fini(&host);
}
END_TEST

/* The compat entry, as a 32-bit program enters it; it is open to 64-bit code too. */
static void program_asks_compat(struct program *who)
{
	const int number = 54; /* of ioctl: asm/unistd_32.h */
	int result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(who->fd), "c"(command), "d"((uint32_t)(uintptr_t)argument)
			 : "r8", "r9", "r10", "r11", "memory");
	who->result = result < 0 ? -1 : result;
	who->error = -result;
}

/* A kernel without 32-bit programs ends who tries with SIGSEGV. */
static bool has_compat_entry(void)
{
	int number = 20, status; /* getpid */
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		__asm__ volatile("int $0x80" : "+a"(number) : : "r8", "r9", "r10", "r11", "memory");
		_exit(0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status);
}

/* A 32-bit program's descriptors are carried where the structure is the same. */
START_TEST(a_32_bit_program_goes_the_declared_way)
{
	struct v4l2_exportbuffer *low = mmap(NULL, PROTO_PAGE, PROT_READ | PROT_WRITE,
					     MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	ck_assert_ptr_ne(low, MAP_FAILED);
	video_open();
	command = VIDIOC_EXPBUF;
	argument = (uint8_t *)low;
	program_start(&program, program_asks_compat);
	program_join(&program);
	ck_assert_int_eq(program.result, -1);
	ck_assert_int_eq(program.error, ENOTTY);
	daemon_log_expect(&rig_guestd, "passes a descriptor", "ENOTTY");
	command = VIDIOC_QUERYCAP;
	call = program_ask(&program, program_asks_compat, PROTO_IOCTL);
	ck_assert_uint_eq(((const struct proto_ioctl *)host.message.body)->flags,
			  PROTO_IOCTL_ON_DEMAND | PROTO_IOCTL_COMPAT);
	answer_ranges(PROTO_IOCTL_ANSWER, call, NULL, 0);
	program_join(&program);
	close(program.fd);
	raw_fini(&host);
	munmap(low, PROTO_PAGE);
}
END_TEST

static void setup(void)
{
	rig_setup();
	pages = mmap(NULL, 4 * PROTO_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(pages, MAP_FAILED);
	memset(pages, 0x11, 3 * PROTO_PAGE);
	ck_assert_int_eq(mprotect(pages + 2 * PROTO_PAGE, PROTO_PAGE, PROT_READ), 0);
	ck_assert_int_eq(mprotect(pages + 3 * PROTO_PAGE, PROTO_PAGE, PROT_NONE), 0);
}

static void teardown(void)
{
	rig_teardown();
	munmap(pages, 4 * PROTO_PAGE);
}

TCase *case_on_demand(void)
{
	TCase *tcase = tcase_create("on_demand");

	tcase_add_unchecked_fixture(tcase, setup, teardown);
	tcase_add_checked_fixture(tcase, rig_before, rig_after);
	tcase_add_test(tcase, memory_as_it_is);
	tcase_add_loop_test(tcase, repeated_call_needs_one_trip, 0, 2);
	tcase_add_test(tcase, memory_for_no_call);
	tcase_add_loop_test(tcase, pages_that_are_none, 0, sizeof(no_pages) / sizeof(no_pages[0]));
	tcase_add_test(tcase, memory_is_written);
	tcase_add_loop_test(tcase, memory_that_cannot_be_written, 0, 5);
	tcase_add_loop_test(tcase, writing_for_no_call, 0, 3);
	tcase_add_test(tcase, answer_with_many_ranges);
	tcase_add_test(tcase, connection_lost_meanwhile);
	tcase_add_test(tcase, answer_overtakes_no_writing);
	tcase_add_test(tcase, late_memory_holds_up_no_answer);
	tcase_add_loop_test(tcase, bytes_decide_the_way, 0, sizeof(buffers) / sizeof(buffers[0]));
	tcase_add_test(tcase, planes_decide_the_way);
	tcase_add_test(tcase, controls_decide_the_way);
	if (has_compat_entry())
		tcase_add_test(tcase, a_32_bit_program_goes_the_declared_way);
	else
		printf("SKIP: a 32-bit program goes the declared way: this kernel runs no 32-bit programs\n");
	return tcase;
}

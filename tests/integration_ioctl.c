// SPDX-License-Identifier: GPL-2.0-or-later
/* ioctl without nested pointers. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/random.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "integration.h"

START_TEST(structure_goes_both_ways)
{
	int fd = terminal_open("tty0", O_RDWR);
	struct winsize size = { .ws_row = 12, .ws_col = 345, .ws_xpixel = 6, .ws_ypixel = 7 };
	struct winsize back = { 0 };

	ck_assert_int_eq(ioctl(fd, TIOCSWINSZ, &size), 0);
	ck_assert_int_eq(ioctl(fd, TIOCGWINSZ, &back), 0);
	ck_assert_mem_eq(&size, &back, sizeof(size));
	say(fd, "winsize");
	ck_assert_str_eq(hear(fd), "winsize 12 345");
	say(fd, "winsize 78 90");
	ck_assert_str_eq(hear(fd), "winsize 78 90");
	ck_assert_int_eq(ioctl(fd, TIOCGWINSZ, &back), 0);
	ck_assert_uint_eq(back.ws_row, 78);
	ck_assert_uint_eq(back.ws_col, 90);
	close(fd);
}
END_TEST

START_TEST(settings_of_a_terminal)
{
	int fd = terminal_open("tty1", O_RDWR);
	struct termios before, changed, after;

	ck_assert_int_eq(isatty(fd), 1);
	ck_assert_int_eq(tcgetattr(fd, &before), 0);
	ck_assert_uint_eq(before.c_lflag & (ICANON | ECHO), 0);
	changed = before;
	changed.c_cc[VMIN] = 5;
	changed.c_cc[VTIME] = 3;
	cfsetspeed(&changed, B19200);
	ck_assert_int_eq(tcsetattr(fd, TCSANOW, &changed), 0);
	ck_assert_int_eq(tcgetattr(fd, &after), 0);
	ck_assert_uint_eq(after.c_cc[VMIN], 5);
	ck_assert_uint_eq(after.c_cc[VTIME], 3);
	ck_assert_uint_eq(cfgetospeed(&after), B19200);
	ck_assert_int_eq(tcsetattr(fd, TCSADRAIN, &before), 0);
	close(fd);
}
END_TEST

/* Gives a capability up, for the calling thread. */
static void capability_drop(unsigned int capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	child_check(syscall(SYS_capget, &header, data) == 0);
	data[capability / 32].effective &= ~(1u << capability % 32);
	child_check(syscall(SYS_capset, &header, data) == 0);
}

/* Both ask for CAP_SYS_ADMIN (random(4)). RNDZAPENTCNT has done nothing since Linux 5.18,
 * and an addition of no entropy does nothing to speak of. */
START_TEST(capabilities_as_configured)
{
	int without = node_open("random", O_RDWR), with = node_open("random-capable", O_RDWR);
	uint64_t bytes[2] = { 0 };
	struct rand_pool_info *none = (void *)bytes;
	pid_t pid;

	none->buf_size = 4;
	if (geteuid() != 0) {
		test_skip("capabilities_as_configured", "only root has any");
		return;
	}
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(ioctl(without, RNDZAPENTCNT), -1);
		ck_assert_int_eq(errno, EPERM);
		ck_assert_int_eq(ioctl(with, RNDZAPENTCNT), 0);
		ck_assert_int_eq(ioctl(with, RNDADDENTROPY, none), 0);
		/* It was for that call only. */
		ck_assert_int_eq(ioctl(without, RNDADDENTROPY, none), -1);
		ck_assert_int_eq(errno, EPERM);
	}
	pid = fork();
	if (pid == 0) {
		/* The program must have them itself, and all of them. */
		capability_drop(CAP_NET_ADMIN);
		child_check(ioctl(with, RNDZAPENTCNT) == -1 && errno == EPERM);
		child_check(ioctl(with, RNDADDENTROPY, none) == -1 && errno == EPERM);
		_exit(0);
	}
	child_wait(pid, 0);
	ck_assert_int_eq(ioctl(with, RNDADDENTROPY, none), 0);
	close(without);
	close(with);
}
END_TEST

START_TEST(number_as_argument)
{
	int fd = terminal_open("tty1", O_RDWR);

	ck_assert_int_eq(tcflush(fd, TCIFLUSH), 0);
	ck_assert_int_eq(ioctl(fd, TCFLSH, 99), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(tcdrain(fd), 0);
	close(fd);
}
END_TEST

START_TEST(flush_drops_what_waits)
{
	int fd = terminal_open("tty1", O_RDWR);

	say(fd, "echo this is dropped");
	ck_assert_int_ne(wait_ready(fd, POLLIN), 0);
	rest_ms(REST_MS);
	ck_assert_int_eq(tcflush(fd, TCIFLUSH), 0);
	say(fd, "echo this comes");
	ck_assert_str_eq(hear(fd), "this comes");
	close(fd);
}
END_TEST

START_TEST(exclusive_and_number_out)
{
	int fd = terminal_open("tty1", O_RDWR);
	int exclusive = -1;

	ck_assert_int_eq(ioctl(fd, TIOCEXCL), 0);
	ck_assert_int_eq(ioctl(fd, TIOCGEXCL, &exclusive), 0);
	ck_assert_int_eq(exclusive, 1);
	ck_assert_int_eq(ioctl(fd, TIOCNXCL), 0);
	ck_assert_int_eq(ioctl(fd, TIOCGEXCL, &exclusive), 0);
	ck_assert_int_eq(exclusive, 0);
	close(fd);
}
END_TEST

START_TEST(bytes_waiting)
{
	int fd = terminal_open("tty1", O_RDWR);
	int n = -1;

	say(fd, "echo 12345");
	ck_assert_int_ne(wait_ready(fd, POLLIN), 0);
	rest_ms(REST_MS);
	ck_assert_int_eq(ioctl(fd, FIONREAD, &n), 0);
	ck_assert_int_eq(n, 6);
	close(fd);
}
END_TEST

START_TEST(unknown_command_is_enotty)
{
	int tty = terminal_open("tty1", O_RDWR), zero = node_open("zero", O_RDONLY);
	char data[64] = { 0 };

	ck_assert_int_eq(ioctl(tty, _IO('T', 0xfe), 0), -1);
	ck_assert_int_eq(errno, ENOTTY);
	ck_assert_int_eq(ioctl(tty, _IOWR('z', 0x77, data), data), -1);
	ck_assert_int_eq(errno, ENOTTY);
	ck_assert_int_eq(ioctl(zero, TCGETS, data), -1);
	ck_assert_int_eq(errno, ENOTTY);
	ck_assert_int_eq(isatty(zero), 0);
	close(zero);
	close(tty);
}
END_TEST

START_TEST(bad_pointer_is_efault)
{
	int fd = terminal_open("tty1", O_RDWR);
	void *hole = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(hole, MAP_FAILED);
	ck_assert_int_eq(ioctl(fd, TIOCGWINSZ, NULL), -1);
	ck_assert_int_eq(errno, EFAULT);
	ck_assert_int_eq(ioctl(fd, TIOCSWINSZ, (void *)8), -1);
	ck_assert_int_eq(errno, EFAULT);
	ck_assert_int_eq(ioctl(fd, TIOCGWINSZ, hole), -1);
	ck_assert_int_eq(errno, EFAULT);
	ck_assert_int_eq(ioctl(fd, TIOCSWINSZ, hole), -1);
	ck_assert_int_eq(errno, EFAULT);
	ck_assert_int_eq(ioctl(fd, TIOCSWINSZ, (void *)(UINTPTR_MAX - 4)), -1);
	ck_assert_int_eq(errno, EFAULT);
	munmap(hole, 4096);
	close(fd);
}
END_TEST

START_TEST(read_only_memory_is_efault)
{
	int fd = terminal_open("tty1", O_RDWR);
	struct winsize *size = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	/* The driver's answer must differ from what is there. */
	say(fd, "winsize 3 4");
	hear(fd);
	ck_assert_int_eq(ioctl(fd, TIOCGWINSZ, size), -1);
	ck_assert_int_eq(errno, EFAULT);
	ck_assert_uint_eq(size->ws_row, 0);
	munmap(size, 4096);
	close(fd);
}
END_TEST

START_TEST(structure_at_the_end_of_memory)
{
	int fd = terminal_open("tty1", O_RDWR);
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct winsize *last, *over;

	ck_assert_ptr_ne(pages, MAP_FAILED);
	ck_assert_int_eq(mprotect(pages + 4096, 4096, PROT_NONE), 0);
	last = (struct winsize *)(pages + 4096) - 1;
	over = (struct winsize *)(pages + 4096 - 4);
	say(fd, "winsize 21 43");
	hear(fd);
	ck_assert_int_eq(ioctl(fd, TIOCGWINSZ, last), 0);
	ck_assert_uint_eq(last->ws_row, 21);
	ck_assert_uint_eq(last->ws_col, 43);
	last->ws_row = 22;
	ck_assert_int_eq(ioctl(fd, TIOCSWINSZ, last), 0);
	say(fd, "winsize");
	ck_assert_str_eq(hear(fd), "winsize 22 43");
	/* Half of it is there: natively all of it fails. */
	ck_assert_int_eq(ioctl(fd, TIOCGWINSZ, over), -1);
	ck_assert_int_eq(errno, EFAULT);
	ck_assert_int_eq(ioctl(fd, TIOCSWINSZ, over), -1);
	ck_assert_int_eq(errno, EFAULT);
	munmap(pages, 8192);
	close(fd);
}
END_TEST

START_TEST(neighbours_are_left_alone)
{
	int fd = terminal_open("tty1", O_RDWR);
	struct {
		uint8_t before[16];
		struct winsize size;
		uint8_t after[16];
	} memory;

	memset(&memory, 0x5a, sizeof(memory));
	say(fd, "winsize 5 6");
	hear(fd);
	ck_assert_int_eq(ioctl(fd, TIOCGWINSZ, &memory.size), 0);
	ck_assert_uint_eq(memory.size.ws_row, 5);
	for (int i = 0; i < 16; i++)
		ck_assert_msg(memory.before[i] == 0x5a && memory.after[i] == 0x5a, "byte %d changed", i);
	close(fd);
}
END_TEST

/* A page that comes when it is asked for, and then late. */
struct late_page {
	pthread_t thread;
	int fd; /* userfaultfd */
	void *page;
	int node, result; /* of an ioctl with it */
};

static bool late_page_make(struct late_page *late)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	late->fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (late->fd < 0 || ioctl(late->fd, UFFDIO_API, &api) < 0)
		return false;
	late->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	range.range = (struct uffdio_range){ .start = (uintptr_t)late->page, .len = 4096 };
	return late->page != MAP_FAILED && ioctl(late->fd, UFFDIO_REGISTER, &range) == 0;
}

static void late_page_end(struct late_page *late)
{
	if (late->page && late->page != MAP_FAILED)
		munmap(late->page, 4096);
	if (late->fd >= 0)
		close(late->fd);
}

static void *late_page_main(void *argument)
{
	static const struct winsize size = { .ws_row = 31, .ws_col = 32 };
	struct late_page *late = argument;
	static char content[4096] __attribute__((aligned(4096)));
	struct uffdio_copy copy = { .dst = (uintptr_t)late->page, .src = (uintptr_t)content, .len = 4096 };
	struct uffd_msg message;

	memcpy(content, &size, sizeof(size));
	if (read(late->fd, &message, sizeof(message)) != sizeof(message))
		return NULL;
	rest_ms(REST_MS);
	ioctl(late->fd, UFFDIO_COPY, &copy);
	return NULL;
}

/* While guestd waits for a program's memory it serves the others, and the ioctl
 * itself goes on when the memory has come. */
START_TEST(memory_that_comes_late)
{
	int fd = terminal_open("tty1", O_RDWR), zero = node_open("zero", O_RDONLY);
	struct late_page late = { .fd = -1 };
	struct winsize back;
	char byte;

	for (int i = 0; i < 3; i++) {
		ck_assert(late_page_make(&late));
		ck_assert_int_eq(pthread_create(&late.thread, NULL, late_page_main, &late), 0);
		if (i == 1)
			ck_assert_int_eq(read(zero, &byte, 1), 1);
		ck_assert_int_eq(ioctl(fd, TIOCSWINSZ, late.page), 0);
		pthread_join(late.thread, NULL);
		late_page_end(&late);
		ck_assert_int_eq(ioctl(fd, TIOCGWINSZ, &back), 0);
		ck_assert_uint_eq(back.ws_row, 31);
	}
	close(zero);
	close(fd);
}
END_TEST

static void *late_ioctl_main(void *argument)
{
	struct late_page *late = argument;

	late->result = ioctl(late->node, TIOCSWINSZ, late->page);
	return NULL;
}

/* The same where a thread of guestd has the node for itself: another program that uses
 * the node is served, and only then does the memory come. */
START_TEST(late_memory_delays_nobody_on_its_node)
{
	static char content[4096] __attribute__((aligned(4096)));
	int other = node_open("tty1", O_RDWR);
	struct late_page late = { .fd = -1, .node = terminal_open("tty1", O_RDWR) };
	struct uffdio_copy copy = { .src = (uintptr_t)content, .len = sizeof(content) };
	struct uffd_msg message;
	struct winsize back;

	for (int i = 0; i < 3; i++) {
		use_alone(late.node);
		ck_assert(late_page_make(&late));
		copy.dst = (uintptr_t)late.page;
		ck_assert_int_eq(pthread_create(&late.thread, NULL, late_ioctl_main, &late), 0);
		ck_assert_int_eq(read(late.fd, &message, sizeof(message)), sizeof(message));
		ck_assert_int_eq(ioctl(other, TIOCGWINSZ, &back), 0);
		ck_assert_int_eq(ioctl(late.fd, UFFDIO_COPY, &copy), 0);
		pthread_join(late.thread, NULL);
		ck_assert_int_eq(late.result, 0);
		late_page_end(&late);
	}
	close(late.node);
	close(other);
}
END_TEST

static bool late_pages_work(void)
{
	struct late_page late = { .fd = -1 };
	bool works = late_page_make(&late);

	late_page_end(&late);
	return works;
}

TCase *case_ioctl(void)
{
	TCase *tcase = tcase_create("ioctl");

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, structure_goes_both_ways);
	tcase_add_test(tcase, settings_of_a_terminal);
	tcase_add_test(tcase, capabilities_as_configured);
	tcase_add_test(tcase, number_as_argument);
	tcase_add_test(tcase, flush_drops_what_waits);
	tcase_add_test(tcase, exclusive_and_number_out);
	if (nodes_are_files())
		test_skip("bytes_waiting", "the kernel itself serves FIONREAD on the files of a FUSE mount");
	else
		tcase_add_test(tcase, bytes_waiting);
	tcase_add_test(tcase, unknown_command_is_enotty);
	tcase_add_test(tcase, bad_pointer_is_efault);
	tcase_add_test(tcase, read_only_memory_is_efault);
	tcase_add_test(tcase, structure_at_the_end_of_memory);
	tcase_add_test(tcase, neighbours_are_left_alone);
	if (late_pages_work()) {
		tcase_add_test(tcase, memory_that_comes_late);
		tcase_add_test(tcase, late_memory_delays_nobody_on_its_node);
	} else {
		test_skip("late memory", "no userfaultfd for kernel faults (needs root)");
	}
	return tcase;
}

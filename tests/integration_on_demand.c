// SPDX-License-Identifier: GPL-2.0-or-later
/* What only ioctls on demand can get wrong: pages of the program that the driver
 * fetches while it runs, and what it wrote there on its way back. The commands are
 * those of the ioctl case, whose tests run too. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vt.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "integration.h"

#define PAGE 4096
#define N_THREADS 12
#define N_PROCESSES 12

static char *pages_map(size_t n)
{
	char *pages = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(pages, MAP_FAILED);
	return pages;
}

/* Sets a size at `at`, reads it back to `back`. */
static void there_and_back(int fd, void *at, void *back, uint16_t row)
{
	struct winsize size = { .ws_row = row, .ws_col = row + 1, .ws_xpixel = row + 2, .ws_ypixel = row + 3 };

	memcpy(at, &size, sizeof(size));
	ck_assert_int_eq(ioctl(fd, TIOCSWINSZ, at), 0);
	memset(back, 0x5a, sizeof(size));
	ck_assert_int_eq(ioctl(fd, TIOCGWINSZ, back), 0);
	ck_assert_mem_eq(back, &size, sizeof(size));
}

START_TEST(structure_across_pages)
{
	int fd = terminal_open("tty1", O_RDWR);
	char *pages = pages_map(4);

	for (size_t i = 0; i <= sizeof(struct winsize); i++)
		there_and_back(fd, pages + PAGE - i, pages + 3 * PAGE - i, 100 + i);
	munmap(pages, 4 * PAGE);
	close(fd);
}
END_TEST

START_TEST(memory_never_touched)
{
	int fd = terminal_open("tty1", O_RDWR);
	struct winsize none = { 0 };

	say(fd, "winsize 33 44");
	hear(fd);
	for (int i = 0; i < test_rounds(50); i++) {
		char *pages = pages_map(2);
		struct winsize *size = (struct winsize *)(pages + i * 64);

		ck_assert_int_eq(ioctl(fd, TIOCGWINSZ, size), 0);
		ck_assert_uint_eq(size->ws_row, 33);
		ck_assert_uint_eq(size->ws_col, 44);
		munmap(pages, 2 * PAGE);
		/* What nobody wrote is zero. */
		pages = pages_map(1);
		ck_assert_int_eq(ioctl(fd, TIOCSWINSZ, pages), 0);
		ck_assert_mem_eq(pages, &none, sizeof(none));
		munmap(pages, PAGE);
		say(fd, "winsize 33 44");
		hear(fd);
	}
	close(fd);
}
END_TEST

/* What the command touched before is sent along: buffers that move, go and change
 * their rights must still be right. */
START_TEST(buffers_that_move)
{
	int fd = terminal_open("tty1", O_RDWR);
	char *pages = pages_map(16), *back = pages_map(1);

	srand(1);
	for (int i = 0; i < test_rounds(300); i++) {
		char *at = pages + rand() % 15 * PAGE + rand() % PAGE;

		there_and_back(fd, at, back, i);
		if (i % 5 == 0) {
			ck_assert_ptr_eq(mmap(pages, 16 * PAGE, PROT_READ | PROT_WRITE,
					      MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
					 pages);
		}
		if (i % 7 == 0) {
			at = pages + rand() % 15 * PAGE;
			ck_assert_int_eq(mprotect(at, PAGE, PROT_READ), 0);
			ck_assert_int_eq(ioctl(fd, TIOCSWINSZ, at), 0);
			say(fd, "winsize 9 9");
			hear(fd);
			ck_assert_int_eq(ioctl(fd, TIOCGWINSZ, at), -1);
			ck_assert_int_eq(errno, EFAULT);
			ck_assert_int_eq(mprotect(at, PAGE, PROT_READ | PROT_WRITE), 0);
		}
		if (i % 11 == 0) {
			at = pages + rand() % 15 * PAGE;
			ck_assert_int_eq(mprotect(at, PAGE, PROT_NONE), 0);
			ck_assert_int_eq(ioctl(fd, TIOCSWINSZ, at), -1);
			ck_assert_int_eq(errno, EFAULT);
			ck_assert_int_eq(mprotect(at, PAGE, PROT_READ | PROT_WRITE), 0);
		}
	}
	munmap(pages, 16 * PAGE);
	munmap(back, PAGE);
	close(fd);
}
END_TEST

/* Another thread goes on writing right beside the structure. */
struct neighbour {
	volatile uint64_t before;
	struct winsize size;
	volatile uint64_t after;
	volatile bool stop;
	uint64_t n;
};

static void *neighbour_main(void *argument)
{
	struct neighbour *neighbour = argument;

	while (!neighbour->stop) {
		neighbour->before++;
		neighbour->after++;
		/* It must not take the processor from what the call needs. */
		if (++neighbour->n % 1000 == 0)
			sched_yield();
	}
	return NULL;
}

START_TEST(neighbour_goes_on_writing)
{
	int fd = terminal_open("tty1", O_RDWR);
	struct neighbour *neighbour = (struct neighbour *)pages_map(1);
	struct winsize size = { .ws_row = 1 };
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, neighbour_main, neighbour), 0);
	for (int i = 0; i < test_rounds(100); i++) {
		size.ws_row = i;
		ck_assert_int_eq(ioctl(fd, TIOCSWINSZ, &size), 0);
		ck_assert_int_eq(ioctl(fd, TIOCGWINSZ, &neighbour->size), 0);
		ck_assert_uint_eq(neighbour->size.ws_row, (uint16_t)i);
	}
	neighbour->stop = true;
	pthread_join(thread, NULL);
	ck_assert_uint_eq(neighbour->before, neighbour->n);
	ck_assert_uint_eq(neighbour->after, neighbour->n);
	munmap(neighbour, PAGE);
	close(fd);
}
END_TEST

struct worker {
	pthread_t thread;
	int number;
	char *page; /* of all workers */
};

static void *worker_main(void *argument)
{
	struct worker *worker = argument;
	char name[16];
	int fd;

	snprintf(name, sizeof(name), "tty%d", worker->number % 6);
	fd = node_open(name, O_RDWR);
	for (int i = 0; i < test_rounds(100); i++) {
		struct termios *at = (struct termios *)(worker->page + 64 * worker->number), here;

		ck_assert_int_eq(ioctl(fd, TCGETS, at), 0);
		ck_assert_int_eq(ioctl(fd, TCGETS, &here), 0);
		/* The kernel's structure, which is the first 36 bytes. */
		ck_assert_mem_eq(at, &here, 36);
		memset(at, 0x77, 36);
	}
	close(fd);
	return NULL;
}

START_TEST(many_threads_on_one_page)
{
	struct worker workers[N_THREADS];
	char *page = pages_map(1);

	for (int i = 0; i < 6; i++) {
		char name[16];

		snprintf(name, sizeof(name), "tty%d", i);
		close(terminal_open(name, O_RDWR));
	}
	for (int i = 0; i < N_THREADS; i++) {
		workers[i] = (struct worker){ .number = i, .page = page };
		ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]), 0);
	}
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	munmap(page, PAGE);
}
END_TEST

/* The same addresses in many processes, with something else in each. */
START_TEST(processes_with_the_same_addresses)
{
	char *page = pages_map(2), name[16];
	pid_t pids[N_PROCESSES];
	int status;

	for (int i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "tty%d", i);
		close(terminal_open(name, O_RDWR));
	}
	for (int i = 0; i < N_PROCESSES; i++) {
		pids[i] = fork();
		ck_assert_int_ge(pids[i], 0);
		if (pids[i] == 0) {
			struct termios *at = (struct termios *)page;
			int fd;

			snprintf(name, sizeof(name), "tty%d", i % 6);
			fd = open(node_path(name), O_RDWR);
			for (int n = 0; n < 30; n++) {
				memset(page, i + 1, 2 * PAGE);
				if (fd < 0 || ioctl(fd, TCGETS, at) < 0)
					_exit(1);
				for (int b = 36; b < 2 * PAGE; b++)
					if (page[b] != i + 1)
						_exit(2);
			}
			_exit(0);
		}
	}
	for (int i = 0; i < N_PROCESSES; i++) {
		ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
		ck_assert_int_eq(status, 0);
	}
	for (int b = 0; b < 2 * PAGE; b++)
		ck_assert_int_eq(page[b], 0);
	munmap(page, 2 * PAGE);
}
END_TEST

static void on_alarm(int number)
{
	(void)number;
}

/* A call that sleeps in the driver, until the display shows another terminal. */
START_TEST(signal_ends_a_sleeping_call)
{
	struct sigaction action = { .sa_handler = on_alarm }; /* no SA_RESTART */
	int fd = node_open("console", O_RDWR), tty = terminal_open("tty1", O_RDWR);
	struct itimerval once = { .it_value.tv_usec = REST_MS * 1000 };
	struct vt_event event = { .event = VT_EVENT_SWITCH };
	char *page = pages_map(1);

	sigaction(SIGALRM, &action, NULL);
	for (int i = 0; i < 3; i++) {
		uint64_t since = now_ms();

		setitimer(ITIMER_REAL, &once, NULL);
		ck_assert_int_eq(ioctl(fd, VT_WAITEVENT, &event), -1);
		ck_assert_int_eq(errno, EINTR);
		ck_assert_uint_ge(now_ms() - since, REST_MS / 2);
		ck_assert_uint_lt(now_ms() - since, HANG_MS);
		there_and_back(tty, page, page + 100, i);
	}
	munmap(page, PAGE);
	close(tty);
	close(fd);
}
END_TEST

/* The program is killed in it: it ends, and the device is free again. */
START_TEST(kill_ends_a_sleeping_call)
{
	struct vt_event event = { .event = VT_EVENT_SWITCH };
	int status, fd;
	uint64_t since;
	pid_t pid;

	for (int i = 0; i < 3; i++) {
		pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid == 0) {
			fd = open(node_path("console"), O_RDWR);
			ioctl(fd, VT_WAITEVENT, &event);
			_exit(1);
		}
		rest_ms(REST_MS);
		since = now_ms();
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFSIGNALED(status));
		ck_assert_uint_lt(now_ms() - since, HANG_MS);
	}
	/* No mirror is left over for it. */
	fd = terminal_open("tty1", O_RDWR);
	ck_assert_int_eq(ioctl(fd, TIOCGWINSZ, &(struct winsize){ 0 }), 0);
	close(fd);
}
END_TEST

TCase *case_on_demand(void)
{
	TCase *tcase = tcase_create("on_demand");

	tcase_set_timeout(tcase, 240);
	tcase_add_test(tcase, structure_across_pages);
	tcase_add_test(tcase, memory_never_touched);
	tcase_add_test(tcase, buffers_that_move);
	tcase_add_test(tcase, neighbour_goes_on_writing);
	tcase_add_test(tcase, many_threads_on_one_page);
	tcase_add_test(tcase, processes_with_the_same_addresses);
	if (node_exists("console") && getenv("PARADICE_IOCTLS")) {
		tcase_add_test(tcase, signal_ends_a_sleeping_call);
		tcase_add_test(tcase, kill_ends_a_sleeping_call);
	} else {
		test_skip("calls that sleep", "no /dev/tty1, or its commands are not served on demand");
	}
	return tcase;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* See guestd_rig.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "guestd_rig.h"

struct daemon rig_guestd;
struct raw host;
uint32_t host_device_flags, host_device_class = PROTO_CLASS_TTY;

static char folder[64], node[128], mount_path[128];
static int listener = -1, n_descriptors;

/* ---- the fake host ---- */

void host_accept(void)
{
	struct pollfd pfd = { .fd = listener, .events = POLLIN };
	struct transport *transport;
	int fd;

	ck_assert_msg(poll(&pfd, 1, RAW_HANG_MS) == 1, "guestd does not connect");
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(transport_unix_accept(fd, &transport), 0);
	raw_init(&host, transport, PROTO_FROM_GUEST);
}

void host_device(uint32_t device, uint32_t minor, const char *name, size_t length)
{
	struct proto_device_add add = { .device = device, .class = host_device_class, .major = 4,
					.minor = minor, .mode = 0666,
					.flags = host_device_flags };

	raw_send(&host, PROTO_DEVICE_ADD, 0, &add, sizeof(add), name, length);
}

void host_devices_end(void)
{
	struct proto_device_end end = { .n_devices = 1 };

	raw_send(&host, PROTO_DEVICE_END, 0, &end, sizeof(end), NULL, 0);
}

/* A connection as it should be, with one device. */
void host_ready(void)
{
	host_accept();
	raw_hello(&host);
	raw_expect(&host, PROTO_HELLO);
	host_device(1, 1, "dev", 3);
	host_devices_end();
}

/* ---- a program ---- */

static void *program_main(void *argument)
{
	struct program *program = argument;

	program->run(program);
	return NULL;
}

void program_start(struct program *program, void (*run)(struct program *program))
{
	program->run = run;
	ck_assert_int_eq(pthread_create(&program->thread, NULL, program_main, program), 0);
}

void program_join(struct program *program)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += RAW_HANG_MS / 1000;
	ck_assert_msg(pthread_timedjoin_np(program->thread, NULL, &until) == 0, "a program hangs");
}

void program_does_open(struct program *program)
{
	/* The node appears a little after its announcement was sent. */
	for (int i = 0; i < 500; i++) {
		program->fd = open(node, O_RDWR | O_CLOEXEC);
		program->error = errno;
		if (program->fd >= 0 || (errno != ENOENT && errno != ENODEV))
			return;
		raw_rest_ms(10);
	}
}

void program_reads(struct program *program)
{
	program->result = read(program->fd, program->data, program->n);
	program->error = errno;
}

void program_writes(struct program *program)
{
	program->result = write(program->fd, program->data, program->n);
	program->error = errno;
}

void program_ioctls(struct program *program)
{
	program->result = ioctl(program->fd, TIOCGWINSZ, &program->size);
	program->error = errno;
}

/* Opens the node, and answers with `handle`. */
void program_open(struct program *program, uint64_t handle)
{
	struct proto_open_answer answer = { .handle = handle };

	*program = (struct program){ .fd = -1, .n = 16 };
	program_start(program, program_does_open);
	raw_expect(&host, PROTO_OPEN);
	raw_send(&host, PROTO_OPEN_ANSWER, host.message.header.tag, &answer, sizeof(answer), NULL, 0);
	program_join(program);
	ck_assert_msg(program->fd >= 0, "open: %s", strerror(program->error));
}

/* An operation of the program, up to its arrival at the host; the tag. */
uint64_t program_ask(struct program *program, void (*run)(struct program *program), uint16_t opcode)
{
	program_start(program, run);
	raw_expect(&host, opcode);
	return host.message.header.tag;
}

/* guestd closes the connection and says why. */
void expect_violation(const char *text)
{
	raw_expect_end(&host);
	daemon_log_expect(&rig_guestd, "protocol violation", text);
	raw_fini(&host);
}

/* All is well: a connection, an open, a read with its data. */
static void expect_works(void)
{
	struct proto_read_answer answer = { .result = 4, .ready = PROTO_READY_UNKNOWN };
	struct program program;
	uint64_t tag;

	host_ready();
	program_open(&program, HANDLE);
	tag = program_ask(&program, program_reads, PROTO_READ);
	raw_send(&host, PROTO_READ_ANSWER, tag, &answer, sizeof(answer), "good", 4);
	program_join(&program);
	ck_assert_int_eq(program.result, 4);
	ck_assert_mem_eq(program.data, "good", 4);
	close(program.fd);
	raw_expect(&host, PROTO_RELEASE);
	ck_assert_uint_eq(((const struct proto_release *)host.message.body)->handle, HANDLE);
	raw_fini(&host);
}

/* ---- fixtures ---- */

void rig_setup(void)
{
	const char *program = getenv("GUESTD");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char where[160], log[128];
	char *argv[] = { (char *)(program ? program : "src/guestd/paradice-guestd"),
			 (char *)"--foreground", (char *)"--host", where, (char *)"--frontend",
			 (char *)"fuse", (char *)"--mount", mount_path, NULL };

	signal(SIGPIPE, SIG_IGN);
	snprintf(folder, sizeof(folder), "/tmp/paradice-hostile.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(mount_path, sizeof(mount_path), "%s/dev", folder);
	snprintf(node, sizeof(node), "%s/dev/dev", folder);
	snprintf(log, sizeof(log), "%s/guestd.log", folder);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/host.sock", folder);
	snprintf(where, sizeof(where), "unix:%s", address.sun_path);
	ck_assert_int_eq(mkdir(mount_path, 0755), 0);
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listener, 4), 0);
	daemon_start(&rig_guestd, log, argv);
	expect_works();
	raw_rest_ms(50);
	n_descriptors = -1;
}

void rig_teardown(void)
{
	char command[320];

	daemon_stop(&rig_guestd);
	close(listener);
	snprintf(command, sizeof(command), "umount -l '%s' 2>/dev/null; rm -rf --one-file-system '%s'",
		 mount_path, folder);
	ck_assert_int_eq(system(command), 0);
}

void rig_before(void)
{
	daemon_log_mark(&rig_guestd);
}

/* Without a connection guestd has as many descriptors each time. */
void rig_after(void)
{
	uint64_t until = raw_now_ms() + RAW_HANG_MS;
	int n;

	ck_assert_msg(daemon_runs(&rig_guestd), "guestd has ended");
	if (host.channel)
		raw_fini(&host);
	expect_works();
	/* It may be connected again, so several numbers are right. */
	do
		n = daemon_count_descriptors(&rig_guestd);
	while (n_descriptors >= 0 && n > n_descriptors && raw_now_ms() < until);
	if (n_descriptors < 0)
		n_descriptors = n + 4; /* those of a connection on its way */
	ck_assert_msg(n <= n_descriptors, "guestd has %d descriptors, not %d", n, n_descriptors);
}

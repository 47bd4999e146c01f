// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A real session where something is scarce; its supervisor is a thread of the test.
 *
 * Threads: closes that block must not take those that operations need. The device
 * "slow" is a TCP connection whose peer takes nothing: close(2) waits until all is sent
 * (SO_LINGER, socket(7)). Mirrors: this supervisor starts none, as where there is no
 * userfaultfd.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ioctl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostd/control.h"
#include "raw.h"
#include "suite.h"

#define N_SLOW ((int)PROTO_IN_FLIGHT_MAX + 100) /* more than a session has threads */
#define LINGER_S 3600

enum { SLOW = 1, ZERO };

static struct daemon session; /* its process */
static struct raw raw;
static int control, listener; /* the supervisor's */
static int sink; /* where the slow connections lead */
static char path[64]; /* of the guest's socket */
static int n_mirrors; /* that the session has asked for */

/* ---- the supervisor ---- */

/* A connection that is full. */
static int slow_make(void)
{
	struct linger linger = { .l_onoff = 1, .l_linger = LINGER_S };
	struct sockaddr_in address;
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), little = 1;
	char data[4096] = { 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &little, sizeof(little));
	getsockname(sink, (struct sockaddr *)&address, &size);
	if (connect(fd, (struct sockaddr *)&address, size) < 0) {
		close(fd);
		return -1;
	}
	while (send(fd, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
	return fd;
}

static void device_tell(uint32_t id, const char *name)
{
	struct control_message message = { .kind = CONTROL_DEVICE_ADD, .id = id, .mode = 0600 };

	strncpy(message.name, name, sizeof(message.name) - 1);
	(void)control_send(control, &message, -1);
}

static void open_answer(const struct control_message *request)
{
	struct control_message message = { .kind = CONTROL_OPENED, .tag = request->tag };
	int fd = request->id == SLOW ? slow_make() : open("/dev/zero", O_RDWR | O_CLOEXEC);

	message.error = fd < 0 ? EIO : 0;
	(void)control_send(control, &message, fd);
	close(fd);
}

static void mirror_answer(const struct control_message *request)
{
	struct control_message message = { .kind = CONTROL_MIRROR_STARTED, .tag = request->tag, .error = ENOSYS };

	(void)control_send(control, &message, -1);
	message = (struct control_message){ .kind = CONTROL_MIRROR_ENDED, .tag = request->tag };
	(void)control_send(control, &message, -1);
	n_mirrors++;
}

/* Checks nothing: that is for the thread of the test. */
static void *supervisor(void *unused)
{
	struct control_message message = {
		.kind = CONTROL_START,
		.transport = CONTROL_UNIX,
		.max_handles = N_SLOW + 10,
		.max_call_pages = 16,
		.page_timeout_ms = 1000,
		.name = "scarce",
	};
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	(void)control_send(control, &message, fd);
	close(fd);
	device_tell(SLOW, "slow");
	device_tell(ZERO, "zero");
	message = (struct control_message){ .kind = CONTROL_DEVICE_END };
	(void)control_send(control, &message, -1);
	while (control_receive(control, &message, &fd) == 1) {
		if (message.kind == CONTROL_OPEN)
			open_answer(&message);
		if (message.kind == CONTROL_MIRROR)
			mirror_answer(&message);
	}
	return unused;
}

static void session_start(void)
{
	const char *hostd = getenv("HOSTD");
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	session.pid = fork();
	ck_assert_int_ge(session.pid, 0);
	if (session.pid == 0) {
		dup2(pair[1], 3);
		close_range(4, ~0U, 0);
		execl(hostd ? hostd : "src/hostd/paradice-hostd", "paradice-hostd", "--session", NULL);
		_exit(EXIT_FAILURE);
	}
	close(pair[1]);
	control = pair[0];
}

/* ---- the guest ---- */

static uint64_t handle_open(uint32_t device)
{
	struct proto_open body = { .device = device, .flags = O_RDWR };
	const struct proto_open_answer *answer;

	raw_send(&raw, PROTO_OPEN, ++raw.tag, &body, sizeof(body), NULL, 0);
	answer = raw_expect(&raw, PROTO_OPEN_ANSWER);
	ck_assert_int_eq(answer->result, 0);
	return answer->handle;
}

static void handle_release(uint64_t handle)
{
	struct proto_release body = { .handle = handle };

	raw_send(&raw, PROTO_RELEASE, ++raw.tag, &body, sizeof(body), NULL, 0);
}

static void expect_works(void)
{
	struct proto_read body = { .handle = handle_open(ZERO), .size = 8, .bulk = PROTO_BULK_NONE };
	const struct proto_read_answer *answer;

	raw_send(&raw, PROTO_READ, ++raw.tag, &body, sizeof(body), NULL, 0);
	answer = raw_expect(&raw, PROTO_READ_ANSWER);
	ck_assert_int_eq(answer->result, 8);
	handle_release(body.handle);
}

START_TEST(closes_that_block)
{
	uint64_t handles[N_SLOW];
	int n;

	expect_works();
	for (int i = 0; i < N_SLOW; i++)
		handles[i] = handle_open(SLOW);
	n = daemon_count_descriptors(&session);
	for (int i = 0; i < N_SLOW; i++)
		handle_release(handles[i]);
	for (int i = 0; i < 5; i++)
		expect_works();
	/* They do block, and all of them are closed in the end. */
	ck_assert_int_gt(daemon_count_descriptors(&session), n - N_SLOW / 2);
	close(sink);
	sink = -1;
	for (int i = 0; daemon_count_descriptors(&session) > n - N_SLOW && i < RAW_HANG_MS / 10; i++)
		raw_rest_ms(10);
	ck_assert_int_le(daemon_count_descriptors(&session), n - N_SLOW);
	expect_works();
}
END_TEST

/* Commands with a number work also where no mirror can look at them first. */
START_TEST(numbers_without_mirrors)
{
	struct proto_ioctl body = { .handle = handle_open(ZERO), .command = _IO('P', 0x7f) };
	const struct proto_ioctl_answer *answer;

	for (int i = 0; i < 3; i++) {
		raw_send(&raw, PROTO_IOCTL, ++raw.tag, &body, sizeof(body), NULL, 0);
		answer = raw_expect(&raw, PROTO_IOCTL_ANSWER);
		ck_assert_int_eq(answer->result, -ENOTTY);
	}
	ck_assert_int_eq(n_mirrors, 1);
	handle_release(body.handle);
	expect_works();
}
END_TEST

/* ---- fixtures ---- */

static pthread_t thread;

static void setup(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un guest = { .sun_family = AF_UNIX };
	struct transport *transport;
	int little = 1;

	sink = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(sink, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little));
	ck_assert_int_eq(bind(sink, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(sink, N_SLOW + 1), 0);
	snprintf(path, sizeof(path), "/tmp/paradice-scarce.%d", (int)getpid());
	snprintf(guest.sun_path, sizeof(guest.sun_path), "%s", path);
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&guest, sizeof(guest)), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	session_start();
	ck_assert_int_eq(pthread_create(&thread, NULL, supervisor, NULL), 0);
	ck_assert_int_eq(transport_unix_connect(path, RAW_HANG_MS, &transport), 0);
	raw_init(&raw, transport, PROTO_FROM_HOST);
	raw_hello(&raw);
	(void)raw_expect(&raw, PROTO_DEVICE_END);
}

static void teardown(void)
{
	raw_fini(&raw); /* the session ends, and with it the supervisor */
	pthread_join(thread, NULL);
	waitpid(session.pid, NULL, 0);
	close(control);
	close(listener);
	unlink(path);
}

int main(void)
{
	TCase *tcase = tcase_create("scarce");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, closes_that_block);
	tcase_add_test(tcase, numbers_without_mirrors);
	tcase_set_timeout(tcase, 120);
	return suite_run("session_scarce", tcase);
}

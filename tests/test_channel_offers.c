/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Offers of a server that means harm, to a client of the unix transport; their layout is
 * transport_unix.c's. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel_rig.h"
#include "entries.h"

struct offer {
	uint64_t magic;
	uint32_t layout_version;
	uint32_t ring_size;
	uint32_t bulk_size;
	uint32_t n_bulk;
};

enum memory {
	MEMORY_SEALED,
	MEMORY_UNSEALED,
	MEMORY_SEALED_SHRINK_ONLY,
	MEMORY_SMALL,
	MEMORY_LARGE,
	MEMORY_FILE,
	MEMORY_ZERO,
	MEMORY_PIPE
};

static struct evil {
	struct offer offer;
	size_t size;
	enum memory memory;
	int n_fds;
} evil;

static const struct offer good_offer = {
	.magic = PROTO_MAGIC,
	.layout_version = 2,
	.ring_size = 256 * 1024,
	.bulk_size = 1024 * 1024,
	.n_bulk = PROTO_IN_FLIGHT_MAX,
};

static int evil_memory(enum memory kind)
{
	off_t size = 4096 + 2 * 256 * 1024 + 2048 + PROTO_IN_FLIGHT_MAX * 1024l * 1024;
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int fds[2], fd = -1;

	if (kind == MEMORY_FILE)
		fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (kind == MEMORY_ZERO)
		return open("/dev/zero", O_RDWR | O_CLOEXEC);
	if (kind == MEMORY_PIPE)
		return pipe2(fds, O_CLOEXEC) < 0 || close(fds[0]) < 0 ? -1 : fds[1];
	if (kind != MEMORY_FILE)
		fd = memfd_create("evil", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (kind == MEMORY_SMALL)
		size = 4096;
	if (kind == MEMORY_LARGE)
		size += 4096;
	if (kind == MEMORY_SEALED_SHRINK_ONLY)
		seals = F_SEAL_SHRINK;
	if (ftruncate(fd, size) < 0)
		abort();
	if (kind != MEMORY_UNSEALED && kind != MEMORY_FILE && fcntl(fd, F_ADD_SEALS, seals) < 0)
		abort();
	return fd;
}

static void evil_send(int socket)
{
	char space[CMSG_SPACE(16 * sizeof(int))] __attribute__((aligned(8))) = { 0 };
	struct iovec iov = { &evil.offer, evil.size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg = (struct cmsghdr *)space;
	int fds[16];

	for (int i = 0; i < evil.n_fds; i++)
		fds[i] = i == 0 ? evil_memory(evil.memory) : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (evil.n_fds) {
		msg.msg_control = space;
		msg.msg_controllen = CMSG_SPACE(evil.n_fds * sizeof(int));
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(evil.n_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, evil.n_fds * sizeof(int));
	}
	if (sendmsg(socket, &msg, MSG_NOSIGNAL) < 0)
		abort();
	for (int i = 0; i < evil.n_fds; i++)
		close(fds[i]);
}

static void *serve_evil(void *context)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	evil_send(fd);
	/* Until the client has gone. */
	(void)!read(fd, &fd, sizeof(fd));
	return (void *)(intptr_t)close(fd);
}

static int connect_evil(void)
{
	struct transport *transport = NULL;
	pthread_t thread;
	int r;

	pthread_create(&thread, NULL, serve_evil, NULL);
	r = transport_unix_connect(path, TIMEOUT_MS, &transport);
	if (r == 0)
		transport_close(transport);
	pthread_join(thread, NULL);
	ck_assert_int_eq(count_entries("/proc/self/fd"), n_descriptors + 1); /* the listener */
	return r;
}

static void evil_setup(void)
{
	listen_setup();
	evil = (struct evil){ good_offer, sizeof(good_offer), MEMORY_SEALED, 3 };
}

START_TEST(takes_a_good_offer)
{
	ck_assert_int_eq(connect_evil(), 0);
}
END_TEST

START_TEST(refuses_odd_numbers_of_descriptors)
{
	evil.n_fds = _i;
	ck_assert_int_eq(connect_evil(), _i == 3 ? 0 : -EPROTO);
}
END_TEST

START_TEST(refuses_odd_sizes)
{
	evil.size = _i;
	ck_assert_int_eq(connect_evil(), _i == sizeof(struct offer) ? 0 : -EPROTO);
}
END_TEST

START_TEST(refuses_other_layouts)
{
	((uint8_t *)&evil.offer)[_i / 8] ^= 1u << _i % 8;
	ck_assert_int_eq(connect_evil(), -EPROTO);
}
END_TEST

START_TEST(refuses_untrusty_memory)
{
	evil.memory = _i;
	ck_assert_int_eq(connect_evil(), -EPROTO);
}
END_TEST

START_TEST(tells_why_there_is_no_connection)
{
	struct transport *transport;
	char long_path[200];

	ck_assert_int_eq(transport_unix_connect("/nonexistent/socket", 100, &transport), -ENOENT);
	memset(long_path, 'a', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	ck_assert_int_eq(transport_unix_connect(long_path, 100, &transport), -ENAMETOOLONG);
	ck_assert_int_eq(transport_unix_connect(path, 20, &transport),
			 -ETIMEDOUT); /* nobody accepts */
	close(listener);
	ck_assert_int_eq(transport_unix_connect(path, 100, &transport), -ECONNREFUSED);
	listener = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(count_entries("/proc/self/fd"), n_descriptors + 1);
}
END_TEST

static void *serve_nothing(void *context)
{
	return (void *)(intptr_t)close(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
}

START_TEST(server_that_goes)
{
	struct transport *transport;
	pthread_t thread;

	pthread_create(&thread, NULL, serve_nothing, NULL);
	ck_assert_int_eq(transport_unix_connect(path, TIMEOUT_MS, &transport), -ECONNREFUSED);
	pthread_join(thread, NULL);
}
END_TEST

START_TEST(accept_on_a_dead_socket)
{
	struct transport *transport;
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	close(fds[1]);
	ck_assert_int_eq(transport_unix_accept(fds[0], &transport), -EPIPE);
	ck_assert_int_eq(count_entries("/proc/self/fd"), n_descriptors + 1);
}
END_TEST

TCase *offers_case(void)
{
	TCase *tcase = tcase_create("offers");

	tcase_add_checked_fixture(tcase, evil_setup, listen_teardown);
	tcase_add_test(tcase, takes_a_good_offer);
	tcase_add_loop_test(tcase, refuses_odd_numbers_of_descriptors, 0, 9);
	tcase_add_loop_test(tcase, refuses_odd_sizes, 1, sizeof(struct offer) + 1);
	tcase_add_loop_test(tcase, refuses_other_layouts, 0, sizeof(struct offer) * 8);
	tcase_add_loop_test(tcase, refuses_untrusty_memory, MEMORY_UNSEALED, MEMORY_PIPE + 1);
	tcase_add_test(tcase, tells_why_there_is_no_connection);
	tcase_add_test(tcase, server_that_goes);
	tcase_add_test(tcase, accept_on_a_dead_socket);
	return tcase;
}

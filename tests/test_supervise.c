/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The supervisor's parts that need no session process: listening sockets,
 * announcements, and the watch on folders of devices. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "hostd/announce.h"
#include "hostd/listener.h"
#include "hostd/watch.h"

static char folder[64], path[128];

static void setup(void)
{
	strcpy(folder, "/tmp/test_supervise.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	umask(077);
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r '%s'", folder);
	ck_assert_int_eq(system(command), 0);
}

static const char *in_folder(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int try_connect(const char *to)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path, to);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -errno;
}

START_TEST(listens)
{
	struct listener listener, second;
	struct stat st;
	int client, fd;

	ck_assert_int_eq(listener_open(&listener, in_folder("a/b/s")), 0);
	ck_assert_int_eq(stat(in_folder("a/b"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0755);
	ck_assert_int_eq(stat(in_folder("a/b/s"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(listener_accept(&listener), -EAGAIN);
	client = try_connect(path);
	ck_assert_int_ge(client, 0);
	fd = listener_accept(&listener);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	close(fd);
	close(client);
	/* A live one is not replaced. */
	ck_assert_int_eq(listener_open(&second, path), -EADDRINUSE);
	ck_assert_int_eq(second.fd, -1);
	listener_close(&listener, path);
	ck_assert_int_eq(access(path, F_OK), -1);
	listener_close(&listener, path);
}
END_TEST

START_TEST(replaces_dead_socket)
{
	struct listener listener, other;

	ck_assert_int_eq(listener_open(&listener, in_folder("s")), 0);
	close(listener.fd); /* as if its daemon were killed */
	ck_assert_int_eq(listener_open(&other, path), 0);
	/* Ours is gone; the file is somebody else's. */
	listener.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	listener_close(&listener, path);
	ck_assert_int_eq(access(path, F_OK), 0);
	listener_close(&other, path);
	ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

START_TEST(keeps_other_files)
{
	struct listener listener;
	char long_path[300];

	close(open(in_folder("s"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	ck_assert_int_eq(listener_open(&listener, path), -EEXIST);
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert_int_eq(listener_open(&listener, in_folder("s/below")), -ENOTDIR);
	memset(long_path, 'x', sizeof(long_path));
	long_path[0] = '/';
	long_path[299] = '\0';
	ck_assert_int_eq(listener_open(&listener, long_path), -ENAMETOOLONG);
}
END_TEST

static int session;
static struct broker *broker;

static void start_broker(void)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
				    pair),
			 0);
	session = pair[1];
	ck_assert_int_eq(broker_new(pair[0], "a", &broker), 0);
}

static char got_file[64]; /* what the descriptor of the last message holds */

static struct control_message get(uint32_t kind)
{
	struct control_message message;
	int fd;

	ck_assert_int_eq(control_receive(session, &message, &fd), 1);
	memset(got_file, 0, sizeof(got_file));
	if (fd >= 0) {
		ck_assert_int_ge(pread(fd, got_file, sizeof(got_file) - 1, 0), 0);
		close(fd);
	}
	ck_assert_uint_eq(message.kind, kind);
	return message;
}

static void get_nothing(void)
{
	struct control_message message;
	int fd;

	ck_assert_int_eq(control_receive(session, &message, &fd), -EAGAIN);
}

START_TEST(announces_difference)
{
	char null[] = "/dev/null", zero[] = "/dev/zero", group[] = "video";
	char properties[] = "GROUP=video\n";
	struct conf_device all = { .all_guests = true, .mode = 0640 }, none = { .mode = 0600 };
	struct policy_node nodes[] = {
		{ .device = &all, .path = null, .name = "n", .rdev = makedev(1, 3), .inode = 1,
		  .class = PROTO_CLASS_INPUT, .flags = 1 },
		{ .device = &none, .path = zero, .name = "hidden", .rdev = makedev(1, 5) },
	};
	struct policy policy = { .nodes = nodes, .n_nodes = 2 };
	struct control_message message;
	struct announce announce;

	start_broker();
	announce_init(&announce, "a");
	ck_assert_int_eq(announce_sync(&announce, broker, &policy), 0);
	message = get(CONTROL_DEVICE_ADD);
	ck_assert_uint_eq(message.id, 1);
	ck_assert_str_eq(message.name, "n");
	ck_assert_uint_eq(message.class, PROTO_CLASS_INPUT);
	ck_assert_uint_eq(message.flags, 1);
	ck_assert_uint_eq(message.mode, 0640);
	ck_assert_uint_eq(message.major, 1);
	ck_assert_str_eq(got_file, "");
	ck_assert_uint_eq(message.minor, 3);
	get(CONTROL_DEVICE_END);
	ck_assert_int_eq(announce_sync(&announce, broker, &policy), 0);
	get_nothing();
	/* The same numbers, but another device: it was replaced. */
	nodes[0].inode = 2;
	ck_assert_int_eq(announce_sync(&announce, broker, &policy), 0);
	ck_assert_uint_eq(get(CONTROL_DEVICE_REMOVE).id, 1);
	ck_assert_uint_eq(get(CONTROL_DEVICE_ADD).id, 2);
	/* Udev says something else, and then it shall have another group. */
	nodes[0].properties = properties;
	ck_assert_int_eq(announce_sync(&announce, broker, &policy), 0);
	get_nothing();
	all.group = group;
	ck_assert_int_eq(announce_sync(&announce, broker, &policy), 0);
	ck_assert_uint_eq(get(CONTROL_DEVICE_REMOVE).id, 2);
	ck_assert_uint_eq(get(CONTROL_DEVICE_ADD).id, 3);
	ck_assert_str_eq(got_file, properties);
	ck_assert_int_eq(announce_sync(&announce, broker, &policy), 0);
	get_nothing();
	nodes[1].device = &all;
	policy.n_nodes = 0;
	ck_assert_int_eq(announce_sync(&announce, broker, &policy), 0);
	ck_assert_uint_eq(get(CONTROL_DEVICE_REMOVE).id, 3);
	policy.n_nodes = 2;
	ck_assert_int_eq(announce_sync(&announce, broker, &policy), 0);
	ck_assert_uint_eq(get(CONTROL_DEVICE_ADD).id, 4);
	ck_assert_uint_eq(get(CONTROL_DEVICE_ADD).id, 5);
	get_nothing();
	announce_fini(&announce);
	broker_free(broker);
	close(session);
}
END_TEST

#define N_MANY 2000

/* More than the socket holds: in parts, each device once, END last. */
START_TEST(announces_many)
{
	struct conf_device all = { .all_guests = true };
	struct policy_node *nodes = calloc(N_MANY, sizeof(*nodes));
	struct policy policy = { .nodes = nodes, .n_nodes = N_MANY };
	struct control_message message = { 0 };
	struct announce announce;
	uint32_t n_got = 0;
	char null[] = "/dev/null";
	int r, fd, n_full = 0;

	for (int i = 0; i < N_MANY; i++) {
		nodes[i] = (struct policy_node){ .device = &all, .path = null };
		snprintf(nodes[i].name, sizeof(nodes[i].name), "n%d", i);
	}
	start_broker();
	announce_init(&announce, "a");
	do {
		r = announce_sync(&announce, broker, &policy);
		ck_assert(r == 0 || r == -EAGAIN);
		n_full += r == -EAGAIN;
		while (control_receive(session, &message, &fd) == 1 &&
		       message.kind == CONTROL_DEVICE_ADD)
			ck_assert_uint_eq(message.id, ++n_got);
	} while (r == -EAGAIN);
	ck_assert_int_gt(n_full, 0);
	ck_assert_uint_eq(n_got, N_MANY);
	ck_assert_uint_eq(message.kind, CONTROL_DEVICE_END);
	announce_fini(&announce);
	broker_free(broker);
	close(session);
	free(nodes);
}
END_TEST

static int n_changes;

static void on_change(void *context)
{
	n_changes++;
}

/* Runs the loop until nothing has happened for a while. */
static int count_changes(sd_event *event)
{
	n_changes = 0;
	while (sd_event_run(event, 300000) > 0)
		;
	return n_changes;
}

START_TEST(watches_what_comes_and_goes)
{
	char pattern[128];
	struct conf_device device = { .path = pattern, .is_glob = true };
	struct conf conf = { .devices = &device, .n_devices = 1 };
	struct watch *watch;
	sd_event *event;

	strcpy(pattern, in_folder("sub/*/ev*"));
	ck_assert_int_ge(sd_event_new(&event), 0);
	ck_assert_int_eq(watch_new(event, on_change, NULL, &watch), 0);
	ck_assert_int_eq(watch_update(watch, &conf), 0);
	ck_assert_int_eq(count_changes(event), 0);
	/* The folder itself is not there yet; several changes are told at once. */
	ck_assert_int_eq(mkdir(in_folder("sub"), 0700), 0);
	ck_assert_int_eq(mkdir(in_folder("other"), 0700), 0);
	ck_assert_int_eq(count_changes(event), 1);
	ck_assert_int_eq(watch_update(watch, &conf), 0);
	count_changes(event);
	ck_assert_int_eq(mkdir(in_folder("sub/x"), 0700), 0);
	ck_assert_int_eq(count_changes(event), 1);
	ck_assert_int_eq(watch_update(watch, &conf), 0);
	count_changes(event);
	ck_assert_int_eq(symlink("/dev/null", in_folder("sub/x/ev0")), 0);
	ck_assert_int_eq(count_changes(event), 1);
	ck_assert_int_eq(unlink(in_folder("sub/x/ev0")), 0);
	ck_assert_int_eq(rmdir(in_folder("sub/x")), 0);
	ck_assert_int_ge(count_changes(event), 1);
	conf.n_devices = 0;
	ck_assert_int_eq(watch_update(watch, &conf), 0);
	count_changes(event);
	ck_assert_int_eq(mkdir(in_folder("sub/y"), 0700), 0);
	ck_assert_int_eq(count_changes(event), 0);
	watch_free(watch);
	sd_event_unref(event);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hostd/supervise");
	TCase *tcase = tcase_create("supervise");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, listens);
	tcase_add_test(tcase, replaces_dead_socket);
	tcase_add_test(tcase, keeps_other_files);
	tcase_add_test(tcase, announces_difference);
	tcase_add_test(tcase, announces_many);
	tcase_add_test(tcase, watches_what_comes_and_goes);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* See session_rig.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "session_rig.h"

#define N_EVIL 150

struct daemon rig_hostd;

static struct raw good;
static uint64_t good_handle;
static char folder[64], evil_name[32], evil_socket[128];
static int n_evil; /* connections so far */
static struct raw *last_evil; /* static memory of a test */
static int master, slave;
static int idle_descriptors; /* hostd's, with the good guest alone */
static struct {
	char name[16];
	uint32_t device;
} devices[12];
static size_t n_devices;

static void conf_write(const char *path, const char *tty)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	/* As many ids as there may be sessions at once. */
	fprintf(file, "session-uids = \"61000-61400\"\npoll-us = \"1000\"\npage-timeout-ms = %d\n", RIG_PAGE_MS);
	fprintf(file, "guest \"good\" { socket = \"%s/good.sock\" }\n", folder);
	for (int i = 0; i < N_EVIL; i++)
		fprintf(file, "guest \"evil%d\" { socket = \"%s/evil%d.sock\" max-handles = %d max-call-memory = %d }\n",
			i, folder, i, RIG_HANDLES, RIG_CALL_MEMORY);
	fprintf(file, "device \"zero\" { path = \"/dev/zero\" name = \"zero\" guests = { \"*\" } }\n");
	fprintf(file, "device \"null\" { path = \"/dev/null\" name = \"null\" guests = { \"*\" } }\n");
	if (access(RIG_TUN, R_OK | W_OK) == 0)
		fprintf(file, "device \"tun\" { path = \"" RIG_TUN "\" name = \"tun\" guests = { \"*\" } }\n"
			      "device \"tap\" { path = \"" RIG_TUN "\" name = \"tap\" ioctls = \"on-demand\""
			      " guests = { \"*\" } }\n");
	fprintf(file, "device \"tty\" { path = \"%s\" name = \"tty\" group = operator guests = { \"*\" } }\n", tty);
	fprintf(file, "device \"term\" { path = \"%s\" name = \"term\" ioctls = \"on-demand\" guests = { \"*\" } }\n",
		tty);
	fprintf(file, "device \"ptmx\" { path = \"/dev/ptmx\" name = \"ptmx\" ioctls = \"any\" guests = { \"*\" } }\n");
	fprintf(file, "device \"uffd\" { path = \"/dev/userfaultfd\" name = \"uffd\" ioctls = \"any\" guests = { \"*\" } }\n");
	fprintf(file, "device \"vt\" { path = \"/dev/tty0\" name = \"vt\" ioctls = \"any\" guests = { \"*\" } }\n");
	fclose(file);
}

static void tty_make(char *path, size_t size)
{
	struct termios raw;

	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	ck_assert_int_ge(master, 0);
	ck_assert_int_eq(unlockpt(master), 0);
	ck_assert_int_eq(ptsname_r(master, path, size), 0);
	slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ge(slave, 0);
	tcgetattr(slave, &raw);
	cfmakeraw(&raw);
	tcsetattr(slave, TCSANOW, &raw);
}

int rig_tty_master(void)
{
	return master;
}

void rig_tty_write(const char *text)
{
	ck_assert_int_eq(write(master, text, strlen(text)), strlen(text));
}

/* Connects to a socket that hostd may only just be making. */
static void connect_to(struct raw *raw, const char *path)
{
	uint64_t until = raw_now_ms() + RAW_HANG_MS;
	struct transport *transport;
	int r;

	while ((r = transport_unix_connect(path, RAW_HANG_MS, &transport)) < 0 && raw_now_ms() < until)
		raw_rest_ms(20);
	ck_assert_msg(r == 0, "%s: %s", path, strerror(-r));
	raw_init(raw, transport, PROTO_FROM_HOST);
}

static void devices_receive(struct raw *raw)
{
	n_devices = 0;
	do {
		ck_assert_msg(raw_receive(raw), "the connection ended");
		if (raw->message.header.opcode == PROTO_DEVICE_ADD && n_devices < sizeof(devices) / sizeof(devices[0])) {
			const struct proto_device_add *add = raw->message.body;

			snprintf(devices[n_devices].name, sizeof(devices[0].name), "%.*s",
				 (int)raw->message.payload_length, (const char *)raw->message.payload);
			devices[n_devices++].device = add->device;
		}
	} while (raw->message.header.opcode != PROTO_DEVICE_END);
}

bool rig_has(const char *name)
{
	for (size_t i = 0; i < n_devices; i++)
		if (strcmp(devices[i].name, name) == 0)
			return true;
	return false;
}

int rig_tty(void)
{
	return slave;
}

uint32_t rig_device(const char *name)
{
	for (size_t i = 0; i < n_devices; i++)
		if (strcmp(devices[i].name, name) == 0)
			return devices[i].device;
	ck_abort_msg("device %s is not announced", name);
}

const char *rig_evil_name(void)
{
	return evil_name;
}

const char *rig_evil_socket(void)
{
	return evil_socket;
}

void rig_evil_raw(struct raw *raw)
{
	snprintf(evil_name, sizeof(evil_name), "guest \"evil%d\"", n_evil % N_EVIL);
	snprintf(evil_socket, sizeof(evil_socket), "%s/evil%d.sock", folder, n_evil % N_EVIL);
	n_evil++;
	last_evil = raw;
	connect_to(raw, evil_socket);
}

void rig_evil(struct raw *raw)
{
	rig_evil_raw(raw);
	raw_hello(raw);
	devices_receive(raw);
}

int64_t rig_open(struct raw *raw, const char *name, uint32_t flags)
{
	struct proto_open body = { .device = rig_device(name), .flags = flags };
	const struct proto_open_answer *answer;

	raw_send(raw, PROTO_OPEN, ++raw->tag, &body, sizeof(body), NULL, 0);
	answer = raw_expect(raw, PROTO_OPEN_ANSWER);
	ck_assert_uint_eq(raw->message.header.tag, raw->tag);
	return answer->result < 0 ? answer->result : (int64_t)answer->handle;
}

void rig_read_send(struct raw *raw, uint64_t tag, uint64_t handle, uint32_t size, uint32_t bulk)
{
	struct proto_read body = { .handle = handle, .size = size, .bulk = bulk };

	raw_send(raw, PROTO_READ, tag, &body, sizeof(body), NULL, 0);
}

int64_t rig_read(struct raw *raw, uint64_t handle, uint32_t size)
{
	const struct proto_read_answer *answer;

	rig_read_send(raw, ++raw->tag, handle, size, PROTO_BULK_NONE);
	answer = raw_expect(raw, PROTO_READ_ANSWER);
	ck_assert_uint_eq(raw->message.header.tag, raw->tag);
	return answer->result;
}

int64_t rig_release(struct raw *raw, uint64_t handle)
{
	struct proto_release body = { .handle = handle };
	const struct proto_release_answer *answer;

	raw_send(raw, PROTO_RELEASE, ++raw->tag, &body, sizeof(body), NULL, 0);
	answer = raw_expect(raw, PROTO_RELEASE_ANSWER);
	return answer->result;
}

uint64_t rig_good_handle(void)
{
	return good_handle;
}

void rig_good_works(void)
{
	int64_t handle = rig_open(&good, "zero", O_RDWR);

	ck_assert_int_gt(handle, 0);
	ck_assert_int_eq(rig_read(&good, handle, 100), 100);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(good.message.payload[i], 0);
	ck_assert_int_eq(rig_release(&good, handle), 0);
	ck_assert_int_eq(rig_read(&good, good_handle, 8), 8);
}

void rig_expect_violation(struct raw *raw, const char *text)
{
	raw_expect_end(raw);
	daemon_log_expect(&rig_hostd, evil_name, text);
	raw_fini(raw);
}

/* hostd makes descriptors that it keeps for its first guest that fails twice. */
static void idle_count(void)
{
	static struct raw evil;
	int n = -1;

	n_evil = N_EVIL - 1;
	for (int i = 0; i < 2; i++) {
		rig_evil(&evil);
		raw_publish(&evil, evil.channel->transport->send.index + 1);
		raw_expect_end(&evil);
		raw_fini(&evil);
		n_evil = N_EVIL - 1;
	}
	n_evil = 0;
	do {
		idle_descriptors = n;
		raw_rest_ms(300);
		n = daemon_count_descriptors(&rig_hostd);
	} while (n != idle_descriptors || daemon_count_children(&rig_hostd) != 1);
}

void rig_setup(void)
{
	const char *hostd = getenv("HOSTD");
	char conf[128], log[128], tty[64], path[128];
	char *argv[] = { (char *)(hostd ? hostd : "src/hostd/paradice-hostd"), (char *)"--foreground",
			 (char *)"--config", conf, NULL };

	signal(SIGPIPE, SIG_IGN);
	n_evil = 0;
	snprintf(folder, sizeof(folder), "/tmp/paradice-hostile.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	chmod(folder, 0755);
	snprintf(conf, sizeof(conf), "%s/hostd.conf", folder);
	snprintf(log, sizeof(log), "%s/hostd.log", folder);
	tty_make(tty, sizeof(tty));
	conf_write(conf, tty);
	daemon_start(&rig_hostd, log, argv);
	snprintf(path, sizeof(path), "%s/good.sock", folder);
	connect_to(&good, path);
	raw_hello(&good);
	devices_receive(&good);
	good_handle = rig_open(&good, "zero", O_RDWR);
	ck_assert_int_gt((int64_t)good_handle, 0);
	idle_count();
}

void rig_teardown(void)
{
	char command[128];

	raw_fini(&good);
	daemon_stop(&rig_hostd);
	close(master);
	close(slave);
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	ck_assert_int_eq(system(command), 0);
}

/* Sessions of earlier tests may still be ending. */
static bool settled(void)
{
	uint64_t until = raw_now_ms() + RAW_HANG_MS;

	while (raw_now_ms() < until) {
		if (daemon_count_children(&rig_hostd) == 1 &&
		    daemon_count_descriptors(&rig_hostd) == idle_descriptors)
			return true;
		raw_rest_ms(20);
	}
	return false;
}

void rig_before(void)
{
	/* A test that failed has left it. */
	if (last_evil && last_evil->channel)
		raw_fini(last_evil);
	rig_good_works();
	ck_assert_msg(settled(), "hostd has %d sessions", daemon_count_children(&rig_hostd));
	daemon_log_mark(&rig_hostd);
}

void rig_after(void)
{
	ck_assert_msg(daemon_runs(&rig_hostd), "hostd has ended");
	rig_good_works();
	ck_assert_msg(settled(), "hostd has %d sessions and %d descriptors, not %d",
		      daemon_count_children(&rig_hostd), daemon_count_descriptors(&rig_hostd),
		      idle_descriptors);
}

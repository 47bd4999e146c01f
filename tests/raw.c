// SPDX-License-Identifier: GPL-2.0-or-later
/* See raw.h. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "raw.h"

uint64_t raw_now_ms(void)
{
	return channel_now_ns() / 1000000;
}

void raw_rest_ms(unsigned int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l };

	nanosleep(&ts, NULL);
}

/* ---- the peer ---- */

void raw_init(struct raw *raw, struct transport *transport, enum proto_from peer)
{
	*raw = (struct raw){ 0 };
	raw->channel = channel_new(transport, peer, 0);
	ck_assert_ptr_nonnull(raw->channel);
	ck_assert_int_eq(channel_buffer_init(&raw->buffer), 0);
}

void raw_fini(struct raw *raw)
{
	channel_free(raw->channel);
	channel_buffer_fini(&raw->buffer);
	raw->channel = NULL;
}

void raw_room(struct raw *raw, size_t size)
{
	struct ring *ring = &raw->channel->transport->send;
	uint64_t until = raw_now_ms() + RAW_HANG_MS;

	while (ring->index - __atomic_load_n(ring->untrusted_cons, __ATOMIC_ACQUIRE) + size > ring->size) {
		ck_assert_msg(raw_now_ms() < until, "the peer reads nothing any more");
		raw_rest_ms(1);
	}
}

void raw_ring_doorbell(struct raw *raw)
{
	struct transport *t = raw->channel->transport;

	t->ops->doorbell(t);
}

void raw_publish(struct raw *raw, uint32_t prod)
{
	__atomic_store_n(raw->channel->transport->send.untrusted_prod, prod, __ATOMIC_SEQ_CST);
	raw_ring_doorbell(raw);
}

void raw_put(struct raw *raw, const void *data, size_t size)
{
	struct ring *ring = &raw->channel->transport->send;
	const uint8_t *bytes = data;

	for (size_t i = 0; i < size; i++)
		ring->untrusted_buffer[ring->index++ & (ring->size - 1)] = bytes[i];
	raw_publish(raw, ring->index);
}

size_t raw_make(uint8_t *data, uint16_t opcode, uint64_t tag, const void *body, size_t body_size,
		const void *payload, size_t payload_size)
{
	struct proto_header header = {
		.length = sizeof(header) + body_size + payload_size,
		.opcode = opcode,
		.tag = tag,
	};

	memcpy(data, &header, sizeof(header));
	if (body_size)
		memcpy(data + sizeof(header), body, body_size);
	if (payload_size)
		memcpy(data + sizeof(header) + body_size, payload, payload_size);
	return header.length;
}

void raw_send(struct raw *raw, uint16_t opcode, uint64_t tag, const void *body, size_t body_size,
	      const void *payload, size_t payload_size)
{
	static uint8_t data[PROTO_MESSAGE_MAX];

	raw_put(raw, data, raw_make(data, opcode, tag, body, body_size, payload, payload_size));
}

void raw_hello(struct raw *raw)
{
	ck_assert_int_eq(channel_hello(raw->channel, PROTO_IN_FLIGHT_MAX), 0);
	raw_ring_doorbell(raw);
}

/* Sleeps until the peer rings or goes; the deadline fails the test. */
static void raw_wait(struct raw *raw)
{
	struct transport *t = raw->channel->transport;
	struct pollfd pfds[2] = { { .fd = t->event_fd, .events = POLLIN },
				  { .fd = t->life_fd, .events = POLLIN | POLLRDHUP } };
	int r;

	if (channel_arm(raw->channel, false))
		return;
	do
		r = poll(pfds, 2, RAW_HANG_MS);
	while (r < 0 && errno == EINTR);
	ck_assert_msg(r > 0, "the peer says nothing any more");
	if (pfds[0].revents)
		t->ops->acknowledge(t);
}

bool raw_receive(struct raw *raw)
{
	int r;

	for (;;) {
		r = channel_receive(raw->channel, &raw->buffer, &raw->message);
		ck_assert_msg(r >= 0, "the daemon broke the protocol: %s", raw->channel->fault.text);
		if (r == 0) {
			if (!channel_alive(raw->channel) && !channel_readable(raw->channel))
				return false;
			channel_flush(raw->channel);
			raw_wait(raw);
			continue;
		}
		channel_flush(raw->channel);
		if (raw->message.header.opcode == PROTO_HELLO)
			ck_assert_int_eq(channel_hello_settle(raw->channel, &raw->message), 0);
		return true;
	}
}

const void *raw_expect(struct raw *raw, uint16_t opcode)
{
	const struct proto_desc *desc = proto_desc_find(opcode);

	do
		ck_assert_msg(raw_receive(raw), "%s does not come: the connection has ended", desc->name);
	while (raw->message.header.opcode != opcode);
	return raw->message.body;
}

void raw_expect_end(struct raw *raw)
{
	uint64_t until = raw_now_ms() + RAW_HANG_MS;

	while (raw_receive(raw))
		ck_assert_msg(raw_now_ms() < until, "the connection does not end");
}

/* ---- daemons ---- */

void daemon_start(struct daemon *daemon, const char *log, char *const argv[])
{
	*daemon = (struct daemon){ 0 };
	snprintf(daemon->log, sizeof(daemon->log), "%s", log);
	daemon->pid = fork();
	ck_assert_int_ge(daemon->pid, 0);
	if (daemon->pid == 0) {
		int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

		prctl(PR_SET_PDEATHSIG, SIGTERM);
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		close(fd);
		execv(argv[0], argv);
		_exit(127);
	}
}

bool daemon_runs(const struct daemon *daemon)
{
	siginfo_t info = { 0 };

	return daemon->pid > 0 && waitid(P_PID, daemon->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == 0;
}

void daemon_stop(struct daemon *daemon)
{
	uint64_t until = raw_now_ms() + RAW_HANG_MS;
	int status = 0;

	if (daemon->pid <= 0)
		return;
	kill(daemon->pid, SIGTERM);
	while (daemon_runs(daemon) && raw_now_ms() < until)
		raw_rest_ms(10);
	if (daemon_runs(daemon))
		kill(daemon->pid, SIGKILL);
	waitpid(daemon->pid, &status, 0);
	daemon->pid = 0;
	if (status)
		daemon_log_print(daemon);
	ck_assert_msg(status == 0, "the daemon ended with wait status 0x%x", status);
}

static char *log_read(const struct daemon *daemon, long from)
{
	FILE *file = fopen(daemon->log, "r");
	char *text;
	size_t n;

	ck_assert_ptr_nonnull(file);
	text = malloc(1 << 20);
	ck_assert_ptr_nonnull(text);
	fseek(file, from, SEEK_SET);
	n = fread(text, 1, (1 << 20) - 1, file);
	text[n] = '\0';
	fclose(file);
	return text;
}

void daemon_log_mark(struct daemon *daemon)
{
	char *text = log_read(daemon, daemon->mark);

	daemon->mark += strlen(text);
	free(text);
}

static bool log_has(const struct daemon *daemon, const char *text, const char *other)
{
	char *all = log_read(daemon, daemon->mark), *rest = all, *line;
	bool found = false;

	while (!found && (line = strsep(&rest, "\n")))
		found = strstr(line, text) && strstr(line, other);
	free(all);
	return found;
}

void daemon_log_expect(struct daemon *daemon, const char *text, const char *other)
{
	uint64_t until = raw_now_ms() + RAW_HANG_MS / 4;

	while (!log_has(daemon, text, other)) {
		if (raw_now_ms() > until) {
			daemon_log_print(daemon);
			ck_abort_msg("no line of the log has both \"%s\" and \"%s\"", text, other);
		}
		raw_rest_ms(10);
	}
}

void daemon_log_print(const struct daemon *daemon)
{
	char *text = log_read(daemon, daemon->mark);

	printf("---- log since the mark:\n%s----\n", text);
	free(text);
}

int daemon_count_descriptors(const struct daemon *daemon)
{
	struct dirent *entry;
	char path[64];
	int n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)daemon->pid);
	dir = opendir(path);
	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

int daemon_count_children(const struct daemon *daemon)
{
	char path[64], *at, text[8192];
	FILE *file;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)daemon->pid, (int)daemon->pid);
	file = fopen(path, "r");
	ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	for (at = text; *at; at++)
		n += *at == ' ';
	return n;
}

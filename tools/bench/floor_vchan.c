/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ping-pong over plain libxenvchan. See floor_vchan.h. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench/floor_vchan.h"

#ifdef HAVE_XEN
#include <libxenvchan.h>
#include <xenstore.h>

#define MESSAGE_SIZE 64
#define RING_SIZE 4096
#define CONNECT_TRIES 50
#define CONNECT_PAUSE_NS 200000000

struct floor_vchan {
	struct libxenvchan *vchan;
};

bool floor_vchan_built(void)
{
	return true;
}

int floor_vchan_domid(void)
{
	struct xs_handle *xs = xs_open(0);
	char *text;
	int domid;

	if (!xs)
		return errno ? -errno : -ENODEV;
	text = xs_read(xs, XBT_NULL, "domid", NULL);
	domid = text ? atoi(text) : -ENOENT;
	free(text);
	xs_close(xs);
	return domid;
}

int floor_vchan_serve(uint32_t domid)
{
	char path[64], message[MESSAGE_SIZE];
	struct libxenvchan *vchan;

	snprintf(path, sizeof(path), "data/paradice-bench/%u", domid);
	errno = 0;
	vchan = libxenvchan_server_init(NULL, domid, path, RING_SIZE, RING_SIZE);
	if (!vchan)
		return errno ? -errno : -EIO;
	vchan->blocking = 1;
	while (!measure_stop && libxenvchan_recv(vchan, message, sizeof(message)) == MESSAGE_SIZE)
		if (libxenvchan_send(vchan, message, sizeof(message)) != MESSAGE_SIZE)
			break;
	libxenvchan_close(vchan);
	return 0;
}

/* The server may still be on its way. */
static struct libxenvchan *client_connect(uint32_t domid, const char *path)
{
	const struct timespec pause = { .tv_nsec = CONNECT_PAUSE_NS };
	struct libxenvchan *vchan = NULL;

	for (int i = 0; i < CONNECT_TRIES && !vchan && !measure_stop; i++) {
		if (i)
			nanosleep(&pause, NULL);
		vchan = libxenvchan_client_init(NULL, domid, path);
	}
	return vchan;
}

int floor_vchan_new(uint32_t domid, struct floor_vchan **vchanp)
{
	struct floor_vchan *floor;
	int mine = floor_vchan_domid();
	char path[80];

	if (mine < 0)
		return -ENODEV;
	floor = calloc(1, sizeof(*floor));
	if (!floor)
		return -ENOMEM;
	snprintf(path, sizeof(path), "/local/domain/%u/data/paradice-bench/%d", domid, mine);
	floor->vchan = client_connect(domid, path);
	if (!floor->vchan) {
		free(floor);
		return -ENOENT;
	}
	floor->vchan->blocking = 1;
	*vchanp = floor;
	return 0;
}

void floor_vchan_free(struct floor_vchan *vchan)
{
	if (!vchan)
		return;
	libxenvchan_close(vchan->vchan);
	free(vchan);
}

static int ping(void *context)
{
	struct floor_vchan *vchan = context;
	char message[MESSAGE_SIZE] = { 0 };

	if (libxenvchan_send(vchan->vchan, message, sizeof(message)) != MESSAGE_SIZE ||
	    libxenvchan_recv(vchan->vchan, message, sizeof(message)) != MESSAGE_SIZE)
		return -EPIPE;
	return 0;
}

int floor_vchan_slice(struct floor_vchan *vchan, const struct limit *limit, struct sample *sample)
{
	return measure_round_trips(ping, vchan, 2 * MESSAGE_SIZE, limit, sample);
}

#else

bool floor_vchan_built(void)
{
	return false;
}

int floor_vchan_domid(void)
{
	return -ENOSYS;
}

int floor_vchan_serve(uint32_t domid)
{
	return -ENOSYS;
}

int floor_vchan_new(uint32_t domid, struct floor_vchan **vchanp)
{
	return -ENOSYS;
}

void floor_vchan_free(struct floor_vchan *vchan)
{
}

int floor_vchan_slice(struct floor_vchan *vchan, const struct limit *limit, struct sample *sample)
{
	return -ENOSYS;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The transport within one process; see pair.h. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "pair.h"
#include "proto/proto.h"

#define RING_SIZE (256u * 1024)
#define BULK_SIZE (64u * 1024)

/* The ends have no state of their own but this. */
static struct pair *the_pair;

static int pair_doorbell(struct transport *t)
{
	return 0;
}

static void pair_acknowledge(struct transport *t)
{
}

static bool pair_alive(struct transport *t)
{
	return the_pair->alive;
}

static void pair_close(struct transport *t)
{
	the_pair->alive = false;
}

static const struct transport_ops ops = {
	.name = "pair",
	.doorbell = pair_doorbell,
	.acknowledge = pair_acknowledge,
	.peer_alive = pair_alive,
	.close = pair_close,
};

static void end_init(struct pair *pair, struct transport *t, int side, uint8_t *rings[2])
{
	t->ops = &ops;
	t->send.untrusted_prod = &pair->indices[2 * side];
	t->send.untrusted_cons = &pair->indices[2 * side + 1];
	t->send.untrusted_buffer = rings[side];
	t->receive.untrusted_prod = &pair->indices[2 * !side];
	t->receive.untrusted_cons = &pair->indices[2 * !side + 1];
	t->receive.untrusted_buffer = rings[!side];
	t->send.size = t->receive.size = RING_SIZE;
	t->untrusted_wanted = &pair->wanted[side];
	t->untrusted_asked = &pair->wanted[!side];
	t->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	t->life_fd = -1;
	t->bulk_size = BULK_SIZE;
}

void pair_init(struct pair *pair, uint32_t n_bulk)
{
	uint8_t *rings[2] = { calloc(1, RING_SIZE), calloc(1, RING_SIZE) };
	uint8_t *bulk = calloc(n_bulk ? n_bulk : 1, BULK_SIZE);

	if (!rings[0] || !rings[1] || !bulk)
		abort();
	memset(pair, 0, sizeof(*pair));
	the_pair = pair;
	end_init(pair, &pair->host, 0, rings);
	end_init(pair, &pair->guest, 1, rings);
	pair->host.bulk = pair->guest.bulk = bulk;
	pair->host.n_bulk = pair->guest.n_bulk = n_bulk;
	pair_reset(pair, 0);
}

void pair_reset(struct pair *pair, uint32_t index)
{
	struct transport *ends[] = { &pair->host, &pair->guest };

	for (int i = 0; i < 2; i++) {
		ends[i]->send.index = ends[i]->receive.index = index;
		ends[i]->send.used = 0;
	}
	for (int i = 0; i < 4; i++)
		pair->indices[i] = index;
	memset(pair->wanted, 0, sizeof(pair->wanted));
	pair->alive = true;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes: they come with the host's offers, stay while the host is away, and go
 * when it no longer offers them and nobody has them open. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "guestd/guest.h"
#include "guestd/properties.h"

struct node *node_find(struct guest *guest, uint32_t device)
{
	struct node *node = guest->nodes;

	while (node && (node->add.device != device || node->removed))
		node = node->next;
	return node;
}

static bool same_device(const struct node *node, const struct proto_device_add *add, const char *name, gid_t gid)
{
	return !node->removed && strcmp(node->name, name) == 0 && node->add.mode == add->mode &&
	       node->add.major == add->major && node->add.minor == add->minor && node->gid == gid;
}

static void node_free(struct node *node)
{
	if (node->guest->frontend->devices)
		properties_forget(node->name);
	free(node);
}

void node_offer(struct guest *guest, const struct proto_device_add *add, const char *name,
		const char *properties, size_t length)
{
	gid_t gid = properties_group(properties, length);
	struct node *node;

	for (node = guest->nodes; node; node = node->next) {
		if (same_device(node, add, name, gid)) {
			node->add = *add;
			log_debug("node \"%s\" is back", name);
			return;
		}
		if (!node->removed && strcmp(node->name, name) == 0) {
			node_withdraw(guest, node);
			break;
		}
	}
	node = calloc(1, sizeof(*node));
	if (!node) {
		log_error("node \"%s\": no memory", name);
		return;
	}
	memcpy(node->name, name, strlen(name) + 1);
	node->add = *add;
	node->guest = guest;
	node->gid = gid;
	/* Before udev hears of it. */
	if (guest->frontend->devices)
		properties_store(name, properties, length);
	if (guest->frontend->node_add(node) < 0) {
		node_free(node);
		return;
	}
	node->next = guest->nodes;
	guest->nodes = node;
	log_info("node \"%s\": %s device %u:%u of the host", name, proto_class_name(add->class), add->major,
		 add->minor);
}

void node_put(struct node *node)
{
	struct node **at = &node->guest->nodes;

	if (!node->removed || node->n_files)
		return;
	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	node->guest->frontend->node_remove(node);
	node_free(node);
}

void node_withdraw(struct guest *guest, struct node *node)
{
	log_info("node \"%s\" is gone from the host", node->name);
	node->removed = true;
	node_put(node);
}

void node_sweep(struct guest *guest)
{
	struct node *next;

	for (struct node *node = guest->nodes; node; node = next) {
		next = node->next;
		if (!node->add.device && !node->removed)
			node_withdraw(guest, node);
	}
}

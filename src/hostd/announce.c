/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sending the difference between wanted and told devices. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "hostd/announce.h"
#include "proto/log.h"

void announce_init(struct announce *announce, const char *guest)
{
	*announce = (struct announce){ .guest = guest };
}

static void device_clear(struct announce_device *told)
{
	free(told->path);
	free(told->group);
}

void announce_fini(struct announce *announce)
{
	for (size_t i = 0; i < announce->n_devices; i++)
		device_clear(&announce->devices[i]);
	free(announce->devices);
	*announce = (struct announce){ .guest = announce->guest };
}

static bool same_group(const char *one, const char *other)
{
	return one && other ? strcmp(one, other) == 0 : one == other;
}

/* What udev says of it may change: a node that is in use stays as it is. */
static bool same(const struct announce_device *told, const struct policy_node *node)
{
	return told->rdev == node->rdev && told->inode == node->inode &&
	       told->mode == node->device->mode && told->flags == node->flags &&
	       memcmp(&told->rules, &node->rules, sizeof(node->rules)) == 0 &&
	       told->capabilities == node->device->capabilities &&
	       strcmp(told->path, node->path) == 0 &&
	       same_group(told->group, node->device->group) &&
	       strcmp(told->name, node->name) == 0;
}

static bool is_wanted(const struct announce *announce, const struct announce_device *told,
		      const struct policy *policy)
{
	for (size_t i = 0; i < policy->n_nodes; i++) {
		if (same(told, &policy->nodes[i]) && policy_allows(policy, i, announce->guest))
			return true;
	}
	return false;
}

static bool is_told(const struct announce *announce, const struct policy_node *node)
{
	for (size_t i = 0; i < announce->n_devices; i++) {
		if (same(&announce->devices[i], node))
			return true;
	}
	return false;
}

/* Takes the right away even when the session cannot be told yet. */
static int remove_device(struct announce *announce, struct broker *broker, size_t index)
{
	struct announce_device *told = &announce->devices[index];
	struct control_message message = { .kind = CONTROL_DEVICE_REMOVE, .id = told->id };
	int r;

	broker_device_remove(broker, told->id);
	r = broker_send(broker, &message, -1);
	if (r < 0)
		return r;
	log_info("guest \"%s\": device \"%s\" (%s) is removed", announce->guest, told->name,
		 told->path);
	device_clear(told);
	*told = announce->devices[--announce->n_devices];
	return 0;
}

static int remove_unwanted(struct announce *announce, struct broker *broker,
			   const struct policy *policy)
{
	size_t i = 0;
	int result = 0;

	while (i < announce->n_devices) {
		int r = -EEXIST; /* it stays */

		if (!is_wanted(announce, &announce->devices[i], policy))
			r = result = remove_device(announce, broker, i);
		if (r < 0)
			i++;
	}
	return result;
}

/* They are too long for every message to have room for them. */
static int properties_file(const char *properties)
{
	ssize_t length = strlen(properties);
	int fd = memfd_create("paradice-properties", MFD_CLOEXEC);

	if (fd >= 0 && pwrite(fd, properties, length, 0) == length)
		return fd;
	if (fd >= 0)
		close(fd);
	return -ENOMEM;
}

static int send_device(const struct announce_device *told, const struct policy_node *node,
		       struct broker *broker)
{
	struct control_message message = {
		.kind = CONTROL_DEVICE_ADD,
		.id = told->id,
		.flags = node->flags,
		.rules = node->rules,
		.class = node->class,
		.major = major(node->rdev),
		.minor = minor(node->rdev),
		.mode = told->mode,
		.capabilities = told->capabilities,
	};
	int fd = -1, r;

	memcpy(message.name, told->name, sizeof(message.name));
	if (node->properties && node->properties[0]) {
		fd = properties_file(node->properties);
		if (fd < 0)
			return fd;
	}
	r = broker_send(broker, &message, fd);
	if (fd >= 0)
		close(fd);
	return r;
}

/* The session may open a device as soon as it is told, so the broker knows first. */
static int add_device(struct announce *announce, struct broker *broker,
		      const struct policy_node *node)
{
	struct announce_device told = {
		.id = announce->last_id + 1,
		.rdev = node->rdev,
		.inode = node->inode,
		.mode = node->device->mode,
		.flags = node->flags,
		.rules = node->rules,
		.capabilities = node->device->capabilities,
	};
	struct announce_device *devices;
	int r;

	memcpy(told.name, node->name, sizeof(told.name));
	devices = reallocarray(announce->devices, announce->n_devices + 1, sizeof(*devices));
	if (!devices)
		return -ENOMEM;
	announce->devices = devices;
	told.path = strdup(node->path);
	told.group = node->device->group ? strdup(node->device->group) : NULL;
	if (!told.path || (node->device->group && !told.group)) {
		device_clear(&told);
		return -ENOMEM;
	}
	r = broker_device_add(broker, told.id, told.path, told.rdev);
	if (r == 0)
		r = send_device(&told, node, broker);
	if (r < 0) {
		broker_device_remove(broker, told.id);
		device_clear(&told);
		return r;
	}
	announce->last_id = told.id;
	devices[announce->n_devices++] = told;
	/* Those of the start are only counted in the log. */
	log_at(announce->complete ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG,
	       "guest \"%s\": device \"%s\" (%s, %s) is announced", announce->guest, told.name,
	       told.path, proto_class_name(node->class));
	return 0;
}

static int add_wanted(struct announce *announce, struct broker *broker,
		      const struct policy *policy)
{
	for (size_t i = 0; i < policy->n_nodes; i++) {
		const struct policy_node *node = &policy->nodes[i];
		int r;

		if (is_told(announce, node) || !policy_allows(policy, i, announce->guest))
			continue;
		r = add_device(announce, broker, node);
		if (r < 0)
			return r;
	}
	return 0;
}

int announce_sync(struct announce *announce, struct broker *broker, const struct policy *policy)
{
	struct control_message end = { .kind = CONTROL_DEVICE_END };
	int r;

	r = remove_unwanted(announce, broker, policy);
	if (r == 0)
		r = add_wanted(announce, broker, policy);
	if (r == 0 && !announce->complete) {
		r = broker_send(broker, &end, -1);
		announce->complete = r == 0;
	}
	return r;
}

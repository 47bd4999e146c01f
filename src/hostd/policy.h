/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which device files are there, and which of them a guest may open.
 *
 * policy_scan() takes a picture of the file system for one configuration: a
 * struct policy, which never changes and borrows from the configuration, so it
 * must be freed first. Supervisor's main thread only.
 */
#ifndef PARADICE_HOSTD_POLICY_H
#define PARADICE_HOSTD_POLICY_H

#include <stdbool.h>
#include <sys/types.h>

#include "hostd/conf.h"

/* One device file that a configured device matched. */
struct policy_node {
	const struct conf_device *device;
	char *path;
	char name[PROTO_NAME_MAX + 1]; /* below the guest's /dev */
	dev_t rdev;
	ino_t inode; /* tells a device that was replaced at once from the one before */
	uint32_t class; /* PROTO_CLASS_… */
	uint32_t flags; /* PROTO_DEVICE_… */
	struct control_rules rules; /* deny and allow */
	char *properties; /* as udev_look() */
};

struct policy {
	struct policy_node *nodes; /* in the configuration's order, then by path */
	size_t n_nodes;
	bool incomplete; /* udev is about to process some, which were left out: udev.h */
};

/* What policy_scan() finds odd. */
enum policy_oddity {
	POLICY_MISSING, /* no file matches */
	POLICY_NOT_DEVICE, /* the file is no character device: left out */
	POLICY_BAD_NAME, /* the file's name is none that a guest can be given: left out */
	POLICY_ERROR, /* the file cannot be looked at (error): left out */
};

/* Is told of each oddity; `path` is the file, or the device's pattern. */
typedef void policy_report_fn(void *context, enum policy_oddity oddity,
			      const struct conf_device *device, const char *path, int error);

/* Looks for all devices of `conf`. 0 and *policyp, which the caller frees, or
 * -ENOMEM. `report` may be NULL. */
int policy_scan(const struct conf *conf, policy_report_fn *report, void *context,
		struct policy **policyp);
void policy_free(struct policy *policy);

/* True if `guest` may open node `index`: the configuration allows it, and no
 * earlier node has the same name for this guest. */
bool policy_allows(const struct policy *policy, size_t index, const char *guest);

/* The earlier node that keeps node `index` from `guest` by having its name, or
 * NULL. */
const struct policy_node *policy_shadowed(const struct policy *policy, size_t index,
					  const char *guest);

/* PROTO_CLASS_… of a device, from its numbers, its subsystem and its kernel
 * name, each NULL if unknown; *flagsp gets its PROTO_DEVICE_… bits. */
uint32_t policy_class(dev_t rdev, const char *subsystem, const char *kernel_name,
		      uint32_t *flagsp);

/* The PROTO_DEVICE_IOCTL_… bits of a device of this class. */
uint32_t policy_ioctls(enum conf_ioctls ioctls, uint32_t class);

#endif

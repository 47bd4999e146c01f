/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this domain knows of a device besides its file, for the guest's udev, where the
 * device has no parents to ask: udev's properties of it (libsystemd's sd-device(3)), and
 * the file's group.
 *
 * Supervisor's main thread only.
 */
#ifndef PARADICE_HOSTD_UDEV_H
#define PARADICE_HOSTD_UDEV_H

#include <sys/stat.h>

/* The properties of the character device `st`, as DEVICE_ADD has them (docs/PROTOCOL.md):
 * at most PROTO_PROPERTIES_MAX bytes and a NUL, which the caller frees. `group`: instead of
 * the file's own, unless NULL. Those that are no valid ones, or for which there is no room,
 * are left out. 0; -EAGAIN if udev is about to process the device, and has had less than
 * some seconds for that: look again soon; or -ENOMEM. */
int udev_look(const struct stat *st, const char *group, char **propertiesp);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the host tells of a device besides its numbers: the file's group, and what udev
 * knows there. This machine's udev cannot find the latter itself, as a CUSE device has no
 * parents; it reads it from a file below PROPERTIES_FOLDER with the node's name, by the
 * rules in systemd/60-paradice.rules.
 *
 * `properties` are those of proto_properties(): checked, `length` bytes.
 */
#ifndef PARADICE_GUESTD_PROPERTIES_H
#define PARADICE_GUESTD_PROPERTIES_H

#include <stddef.h>
#include <sys/types.h>

#define PROPERTIES_FOLDER "/run/paradice-guestd/udev"

/* The number of the group that the host names (GROUP), or 0: none that is known here. */
gid_t properties_group(const char *properties, size_t length);

/* Writes the file for udev, without what would be more than a description; without
 * properties there is none. What goes wrong is logged. */
void properties_store(const char *name, const char *properties, size_t length);
void properties_forget(const char *name);

#endif

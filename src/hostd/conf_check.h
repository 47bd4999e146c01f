/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checks of hostd.conf that look at one value or at the whole. Each writes to
 * text[CONF_REASON_MAX] what is wrong and what to do. No state.
 */
#ifndef PARADICE_HOSTD_CONF_CHECK_H
#define PARADICE_HOSTD_CONF_CHECK_H

#include "hostd/conf.h"

#define CONF_REASON_MAX 384

/* Where a finding of conf_check_whole() belongs. */
enum conf_place { CONF_PLACE_GUEST, CONF_PLACE_DEVICE };

struct conf_finding {
	enum conf_place place;
	size_t index; /* of the guest or device in the conf */
	const char *key; /* option within the section */
	char reason[CONF_REASON_MAX];
};

/* Parses "FIRST-LAST". 0, or -EINVAL with the reason. */
int conf_check_uids(const char *value, uint32_t *firstp, uint32_t *lastp, char *reason);

/* Parses permission bits in octal. 0, or -EINVAL with the reason. */
int conf_check_mode(const char *value, uint32_t *modep, char *reason);

/* 0 if `value` may name a group (groupadd(8)), or -EINVAL with the reason. */
int conf_check_group(const char *value, char *reason);

/* Parses a device's policy for ioctls; NULL: the default. 0, or -EINVAL with the
 * reason. */
int conf_check_ioctls(const char *value, enum conf_ioctls *ioctlsp, char *reason);

/* Parses an ioctl: its name in the layout tables, or its number. 0, or -EINVAL with
 * the reason. */
int conf_check_ioctl(const char *value, struct control_rule *rule, char *reason);

/* Parses the name of a capability, like CAP_SYS_ADMIN, and adds its bit to the set. 0, or
 * -EINVAL with the reason. */
int conf_check_capability(const char *value, uint64_t *capabilitiesp, char *reason);

/* True for a string with glob(7) characters. */
bool conf_check_is_glob(const char *path);

/* Checks a device's path, a guest's socket path, a guest's name. 0, or -EINVAL
 * with the reason. */
int conf_check_path(const char *path, char *reason);
int conf_check_socket(const char *path, char *reason);
int conf_check_guest_name(const char *name, char *reason);

/* Checks what concerns several values or sections: names in guests, guests in
 * devices, addresses and names that are used twice. 0, or -EINVAL with the first
 * finding. */
int conf_check_whole(const struct conf *conf, struct conf_finding *finding);

#endif

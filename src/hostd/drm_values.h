/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values of properties in the graphics core. Most are numbers, but that of
 * OUT_FENCE_PTR is an address to which the core writes a descriptor, and that of
 * IN_FENCE_FD a descriptor (drm_atomic_uapi.c). Which property has which name only the
 * device knows.
 */
#ifndef PARADICE_HOSTD_DRM_VALUES_H
#define PARADICE_HOSTD_DRM_VALUES_H

#include <stdbool.h>

#include "hostd/declared.h"
#include "proto/layout.h"

/* True if no value in a command whose row has LAYOUT_ROW_PROPERTIES is an address or
 * a descriptor, by the names that the device `fd` gives its properties, but for those
 * that the walk has found and replaces: of properties whose names the program has asked
 * this open file for, in an atomic commit. After
 * declared_walk(), before declared_argument(), without the session's lock. */
bool drm_values_plain(int fd, const struct layout_need *need, const struct declared *declared);

#endif

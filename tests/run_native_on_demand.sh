#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# run_native.sh with devices whose ioctls all run on demand. Environment as there, and
# PARADICE_CASES.

NATIVE=$(realpath "${NATIVE:-$(dirname "$0")/run_native.sh}")

skip() {
	echo "SKIP: run_native_on_demand: $1"
	exit 77
}

[ "$(id -u)" = 0 ] || skip "not root: a driver's page faults are root's to serve"
[ -w /dev/userfaultfd ] || [ -e /proc/sys/vm/unprivileged_userfaultfd ] ||
	skip "this kernel has no userfaultfd"
IOCTLS=on-demand PARADICE_CASES=${PARADICE_CASES-ioctl on_demand concurrency processes reconnect} \
	exec sh "$NATIVE"

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run_cycles.sh RIG BUILD N [PARTY…]: N times for each party (program, guestd, session,
# hostd, module), a program maps a buffer of vivid, the party is killed and started again,
# and what is left is counted before and after (tests/mapping_cycles.sh, of which
# run_mapping.sh does some few). Takes, for each N, some 5 s in loopback and 13 s in xen-pvh
# (0.8, 1.3, 2.3, 4.1 and 4.5): RIG_TIMEOUT bounds it.
# Prints "N passed, N failed, N skipped". Needs a build with --enable-kmod.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/rig.sh
. "$top/tests/rig.sh"
shift 2
n_cycles=$* # and the parties
rig_take mapping_hold
cp "$top/tests/mapping_cycles.sh" "$share"
rig_there

case $rig in
loopback) camera=video90 ;;
*) camera=video0 ;;
esac
rig_device camera /dev/video0 "$camera"

cat >"$share/host.sh" <<'EOF'
modprobe vivid n_devs=1 || exit 1
modprobe -q fuse
[ -e /sys/module/mmhelper ] || insmod /lib/modules/$(uname -r)/updates/mmhelper.ko || exit 1
[ "$PARADICE_RIG" = loopback ] || sh /share/ears.sh >/tmp/ears.log 2>&1 &
EOF

rig_run --host-run 'sh /share/host.sh' --guest-run "CAMERA=$camera sh /share/mapping_cycles.sh $n_cycles"
rig_sum

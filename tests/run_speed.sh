#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run_speed.sh RIG BUILD: what the mapping of a camera's buffers costs (mapping_speed),
# in a rig of tools/vm. Prints RATIO lines, of which none is a failure, and "N passed, N
# failed, N skipped": what could be measured. Needs a build with --enable-kmod.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/rig.sh
. "$top/tests/rig.sh"
rig_take mapping_speed
rig_there

prefix=
[ "$rig" != loopback ] || prefix=paradice/
rig_device camera /dev/video0 "${prefix}video0"

cat >"$share/host.sh" <<'EOF'
modprobe vivid n_devs=1 || exit 1
modprobe -q fuse
[ -e /sys/module/mmhelper ] || insmod /lib/modules/$(uname -r)/updates/mmhelper.ko
[ "$PARADICE_RIG" = loopback ] || sh /share/ears.sh >/tmp/ears.log 2>&1 &
EOF
cat >"$share/turn.sh" <<'EOF'
. /share/there.sh
there "$*"
EOF
cat >"$share/guest.sh" <<'EOF'
case $PARADICE_RIG in
loopback) set -- /dev/paradice/video0 /dev/video0 ;;
*)
	set -- /dev/video0
	export PARADICE_THERE='sh /share/turn.sh'
	;;
esac
if [ "$PARADICE_RIG" = xen-pv ]; then
	modprobe xen-gntalloc limit=65536
	PARADICE_SELF=$(xenstore-read domid)
	export PARADICE_SELF
fi
if /share/mapping_speed "$@"; then
	echo "1 passed, 0 failed, 0 skipped"
else
	echo "0 passed, 1 failed, 0 skipped"
	exit 1
fi
EOF

rig_run --host-run 'sh /share/host.sh' --guest-run 'sh /share/guest.sh'
rig_sum

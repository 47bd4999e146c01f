#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run_rig.sh RIG BUILD [CASE...]: runs the integration tests in a rig of
# tools/vm with what was built in BUILD: the puppet in the driver domain, the tests
# in the guest, over the nodes of the rig's own services. Then, in the Xen rigs,
# paradice-bench. Prints "N passed, N failed, N skipped" as the tests do. Without
# CASEs all of them; "none" for only the bench.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
rig=$1
build=$(cd "$2" && pwd)
shift 2

share=$(mktemp -d)
trap 'rm -rf --one-file-system "$share"' EXIT
trap 'exit 130' INT TERM HUP
cp "$build/tests/puppet" "$build/tests/integration" "$build/tools/bench/paradice-bench" "$share"
# libcheck's only library that a Debian machine does not have anyway
ldd "$share/integration" | sed -n 's/.*libsubunit.* => \([^ ]*\).*/\1/p' | xargs -r -I{} cp {} "$share"

cat >"$share/host.sh" <<'EOF_HOST'
set -e
cd /tmp
/share/puppet --conf /tmp/puppet.conf --prefix ptest --hostd-service paradice-hostd --pidfile /run/puppet.pid --control /run/puppet.control \
	>/tmp/puppet.log 2>&1 &
n=0
until [ -s /run/puppet.control ]; do
	n=$((n + 1))
	[ $n -lt 300 ] || { cat /tmp/puppet.log; echo "the puppet does not start"; exit 1; }
	sleep 0.1
done
cat /tmp/puppet.conf >>/etc/paradice/hostd.conf
# One server serves one client; the bench in the guest is the only one.
if [ "$PARADICE_RIG" != loopback ]; then
	/share/paradice-bench --vchan-server "$(xl domid guest)" >/tmp/vchan.log 2>&1 &
fi
EOF_HOST

cat >"$share/guest.sh" <<'EOF_GUEST'
export PARADICE_SLOW=1 LD_LIBRARY_PATH=/share PARADICE_DEV=/dev PARADICE_PREFIX=ptest PARADICE_TRANSPORT=$PARADICE_RIG
status=0
if [ "$PARADICE_CASES" != none ]; then
	/share/integration || status=$?
fi
guestd=$(systemctl show -P MainPID paradice-guestd)
if [ "$PARADICE_RIG" != loopback ]; then
	echo "bench: in $PARADICE_RIG; absolute times mean nothing under emulation"
	/share/paradice-bench -q --vchan-client 0 --native /dev/zero --floor cuse --threads 1 --seconds 2 \
		--only ioctl,read,poll,open --pid-guestd "$guestd" /dev/ptest/zero || status=$?
fi
exit $status
EOF_GUEST

"$top/tools/vm" --rig "$rig" --build "$build" --share "$share" --timeout "${RIG_TIMEOUT:-1500}" \
	${RIG_KERNEL:+--kernel "$RIG_KERNEL"} \
	--host-run 'sh /share/host.sh' --guest-run "PARADICE_CASES='$*' sh /share/guest.sh"

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run_rig.sh RIG BUILD [CASE...]: runs the integration tests in a rig of
# tools/vm with what was built in BUILD: the puppet in the driver domain, the tests
# in the guest, over the nodes of the rig's own services. Then, in the Xen rigs,
# paradice-bench. Prints "N passed, N failed, N skipped". Without CASEs all of them;
# "none" for only the bench.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/rig.sh
. "$top/tests/rig.sh"
shift 2
rig_take puppet integration
cp "$build/tools/bench/paradice-bench" "$share"

rig_device zero /dev/zero paradice/zero
rig_device null /dev/null paradice/null
rig_device full /dev/full paradice/full

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
	{
		until domid=$(xl domid guest 2>/dev/null); do sleep 0.5; done # it is being made
		exec /share/paradice-bench --vchan-server "$domid"
	} >/tmp/vchan.log 2>&1 &
fi
EOF_HOST

cat >"$share/guest.sh" <<'EOF_GUEST'
export PARADICE_SLOW=1 LD_LIBRARY_PATH=/share PARADICE_DEV=/dev PARADICE_PREFIX=ptest PARADICE_TRANSPORT=$PARADICE_RIG
bench() {
	[ "$PARADICE_RIG" != loopback ] || return 0
	echo "bench: in $PARADICE_RIG; absolute times mean nothing under emulation"
	/share/paradice-bench -q --vchan-client 0 --native /dev/zero --floor cuse --threads 1 --seconds 2 \
		--only ioctl,read,poll,open --pid-guestd "$(systemctl show -P MainPID paradice-guestd)" /dev/ptest/zero
}
status=0
for case in $CASES; do
	PARADICE_CASES=$case /share/integration || status=1
done
bench || status=1
exit $status
EOF_GUEST

cases=${*:-basic ioctl nested on_demand nonblock poll blocking concurrency processes limits reconnect}
[ "$cases" != none ] || cases=
rig_run --host-run 'sh /share/host.sh' --guest-run "CASES='$cases' sh /share/guest.sh"
rig_sum

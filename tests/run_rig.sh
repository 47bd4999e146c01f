#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run_rig.sh RIG BUILD [CASE...]: runs the integration tests in a rig of
# tools/vm with what was built in BUILD: the puppet in the driver domain, the tests
# in the guest, over the nodes of the rig's own services. Then, in the Xen rigs,
# paradice-bench. Prints "N passed, N failed, N skipped". Without CASEs all of them;
# "none" for only the bench. Where the emulation ends the domain (tools/vm, status 126),
# another boot runs the cases that had not come to their end.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/rig.sh
. "$top/tests/rig.sh"
shift 2
rig_take puppet integration
cp "$build/tools/bench/paradice-bench" "$share"

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
worst=0
for case in $CASES; do
	status=0
	if [ $case = bench ]; then
		bench || status=$?
	else
		PARADICE_CASES=$case /share/integration || status=$?
	fi
	[ $status = 0 ] || worst=$status
	echo "@end $case $status"
done
exit $worst
EOF_GUEST

boots=0
left="${*:-basic ioctl nested on_demand nonblock poll blocking concurrency processes limits reconnect} bench"
[ "$*" != none ] || left=bench
while :; do
	boots=$((boots + 1)) rig_status=0
	{
		"$top/tools/vm" --rig "$rig" --build "$build" --share "$share" --timeout "${RIG_TIMEOUT:-1500}" \
			--boots 1 ${RIG_KERNEL:+--kernel "$RIG_KERNEL"} --host-run 'sh /share/host.sh' \
			--guest-run "CASES='$left' sh /share/guest.sh" 2>&1 || echo $? >"$work/status.$boots"
	} | tee "$work/boot"
	cat "$work/boot" >>"$work/log"
	[ ! -e "$work/status.$boots" ] || rig_status=$(cat "$work/status.$boots")
	left=$(awk -v names="$left" '
		/^guest\| @end / { done[$3] = 1 }
		END { n = split(names, all); for (i = 1; i <= n; i++) if (!done[all[i]]) printf "%s ", all[i] }' "$work/boot")
	if [ $rig_status != 126 ] || [ $boots = 8 ]; then break; fi
	[ -n "$left" ] || { rig_status=0; break; }
	echo "run_rig: booting the rig once more for $left"
done
# One that failed in a boot that was lost later counts, too.
! grep -q '^guest| @end [a-z_]* [^0]' "$work/log" || rig_status=1
rig_sum

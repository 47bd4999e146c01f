#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run_together.sh RIG BUILD 'SUITE [ARG...]'...: several run_*.sh that use rig_run, one
# after the other in one boot of a rig, as a boot of Xen takes most of the time of many.
# First each packs what it wants in the machines; then each finds hostd.conf with its own
# devices, its own /share, and no process or module of an earlier one in the driver domain.
# One that destroys the guest has to be the last. Those whose rig dies boot one of their
# own. Prints "N passed, N failed, N skipped", and the same for each SUITE
# before; that also to the descriptor PROGRESS_FD, if there is one.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/rig.sh
. "$top/tests/rig.sh"
shift 2
together=$work/together
share=$together/share
mkdir -p "$share"
rig_device zero /dev/zero paradice/zero

# suite, side
cat >"$share/enter.sh" <<'EOF'
mount --bind "/suites/$1" /share || exit 1
[ -e /sys/module/mmhelper ] || insmod "/lib/modules/$(uname -r)/updates/mmhelper.ko"
if [ "$2" = guest ]; then
	systemctl restart paradice-guestd && exec sh /share/guest-run
	exit
fi
systemctl stop paradice-hostd
sed -i '/^}/q' /etc/paradice/hostd.conf # the guest's section is the first
cat /share/hostd.conf >>/etc/paradice/hostd.conf
# What the one before has left running, and loaded; a module that others use goes in the next round.
if [ -e /run/rig-modules ]; then
	systemctl kill --signal=KILL suite.scope 2>/dev/null
	systemctl reset-failed suite.scope 2>/dev/null
	for _ in 1 2 3 4 5; do
		loaded=$(cut -d ' ' -f 1 /proc/modules | grep -vxFf /run/rig-modules) || break
		rmmod $loaded 2>/dev/null || sleep 0.5
	done
else
	cut -d ' ' -f 1 /proc/modules >/run/rig-modules
fi
systemd-run --quiet --scope --unit=suite sh /share/host-run && systemctl start paradice-hostd
EOF

# script, arguments
suite() {
	script=$1
	shift
	"$top/tests/$script.sh" "$rig" "$build" "$@"
}

for words; do
	echo "$words" >>"$work/suites"
	# shellcheck disable=SC2086 # several words
	RIG_TOGETHER=$together suite $words >"$work/pack" 2>&1 || cat "$work/pack"
done
set --
[ ! -e "$together/qemu-args" ] || while read -r word; do
	set -- "$@" --qemu-arg "$word"
done <"$together/qemu-args"
mount='mountpoint -q /suites || { mkdir -p /suites && mount --bind /share /suites && mount --make-private /suites; }'
rig_run --keep --qmp "$together/qmp" "$@" --host-run "$mount" --guest-run "$mount"
[ "$rig_dir" ] || rig_sum
echo "$rig_dir" >"$together/rig"

while read -r words <&3; do
	status=126
	# shellcheck disable=SC2086 # several words
	if [ -e "$rig_dir/rig" ] && [ -e "$share/${words%% *}" ]; then
		status=0
		RIG_TOGETHER=$together suite $words >"$work/suite" 2>&1 || status=$?
		[ $status = 0 ] || [ -e "$rig_dir/rig" ] || status=126
	fi
	if [ $status = 126 ]; then
		echo "run_together: booting the rig once more for $words"
		rig_dir=
		# shellcheck disable=SC2086 # several words
		suite $words >"$work/suite" 2>&1 || :
	fi
	sed '$d' "$work/suite"
	sum=$(tail -n 1 "$work/suite")
	case $sum in
	*" skipped") ;;
	*) sum="0 passed, 1 failed, 0 skipped" ;;
	esac
	echo "${words%% *}: $sum"
	[ -z "${PROGRESS_FD:-}" ] || echo "check:         ${words%% *}, rig $rig: $sum" >&"$PROGRESS_FD"
	echo "$sum" >>"$work/sums"
done 3<"$work/suites"
awk '{ p += $1; f += $3; s += $5 } END { printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f != 0 }' "$work/sums"

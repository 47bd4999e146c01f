#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run_pictures.sh RIG BUILD: what programs show on the screen of a virtio-gpu of the
# driver domain, in a rig of tools/vm: a dumb buffer drawn by hand, modetest with a mode
# set, and Mesa (EGL and GBM, which falls back to its software renderer). Each runs
# unmodified on the device itself and through the guest's node, in one boot, and what
# QEMU says is on the screen must be the same; where the program knows what it has drawn,
# that too. Prints "N passed, N failed, N skipped". Needs a build with --enable-kmod.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
rig=$1
build=$(cd "$2" && pwd)
seconds=${RIG_TIMEOUT:-900}

if [ ! -x "$build/tests/mesa_picture" ]; then
	echo "SKIP: mesa_picture is not built: install libegl-dev, libgles-dev and libgbm-dev"
	echo "0 passed, 0 failed, 1 skipped"
	exit 77
fi
work=$(mktemp -d)
vm=
clean() {
	if [ "$vm" ]; then
		kill $vm 2>/dev/null || :
		wait $vm || :
	fi
	rm -rf --one-file-system "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM HUP
share=$work/share
mkdir "$share"
cp "$build/tests/dumb_picture" "$build/tests/mesa_picture" "$share"

prefix=
[ "$rig" != loopback ] || prefix=paradice/
cat >"$work/hostd.conf" <<EOF
device "card" {
	path = "/dev/dri/card*"
	name = "${prefix}dri/*"
	guests = { "guest" }
}
EOF

# side, program: starts it, and ends when all is shown: when it waits in a read of its
# standard input. Where both sides share one /dev, the guest's programs see its nodes there.
cat >"$share/show.sh" <<'EOF'
if [ "$1$PARADICE_RIG" = guestloopback ] && [ -z "${UNSHARED:-}" ]; then
	UNSHARED=1 exec unshare --mount sh "$0" "$@"
fi
[ -z "${UNSHARED:-}" ] || mount --bind /dev/paradice/dri /dev/dri || exit 1
cd /tmp
rm -f go shown.ppm shown.log
mkfifo go
case $2 in
modetest)
	set -- modetest -M virtio_gpu
	connector=$("$@" -c | awk '$3 == "connected" { print $1; exit }')
	set -- "$@" -s "$connector:640x480"
	;;
*) set -- /share/$2 /dev/dri/card0 shown.ppm ;;
esac
"$@" <>go >shown.log 2>&1 &
echo $! >shown.pid
until grep -q '^0 0x0 ' /proc/$!/syscall; do
	if ! kill -0 $! 2>/dev/null; then
		cat shown.log
		exit 1
	fi
	sleep 0.2
done
grep -v -e '^MESA-LOADER' shown.log
[ ! -e shown.ppm ] || echo "DRAWN $(md5sum <shown.ppm)"
EOF
cat >"$share/hide.sh" <<'EOF'
cd /tmp
echo >go
while kill -0 "$(cat shown.pid)" 2>/dev/null; do sleep 0.1; done
EOF

"$top/tools/vm" --rig "$rig" --build "$build" --share "$share" --hostd-conf "$work/hostd.conf" \
	--timeout "$seconds" --qmp "$work/qmp" --host-run 'modprobe virtio-gpu' --keep >"$work/log" 2>&1 &
vm=$!
until dir=$(sed -n 's/.*tools\/vm --attach \([^ ]*\) .*/\1/p' "$work/log") && [ "$dir" ]; do
	if ! kill -0 $vm 2>/dev/null; then
		cat "$work/log"
		exit 1
	fi
	sleep 0.5
done
cat "$work/log"

passed=0 failed=0
# what, wanted, is
same() {
	if [ "$2" ] && [ "$2" = "$3" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAILED: $1: \"$3\", not \"$2\""
	fi
}
tool() {
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$top/tools" python3 -m "$@"
}
# side, command: its output is in $work/said too
run_there() {
	run="--$1-run"
	[ "$1" = guest ] || set -- "$1" "$2" --guest-run true
	"$top/tools/vm" --attach "$dir" --timeout 300 "$run" "$2" ${3:+"$3" "$4"} >"$work/said" 2>&1 ||
		echo "FAILED: in the $1: $2"
	grep -v '^vm|' "$work/said" || :
}
sum() {
	md5sum <"$1" | cut -d ' ' -f 1
}

for side in host guest; do
	for program in dumb_picture modetest mesa_picture; do
		run_there $side "sh /share/show.sh $side $program"
		drawn=$(sed -n 's/.*| DRAWN \([0-9a-f]*\).*/\1/p' "$work/said")
		shown=$work/$program-$side.ppm
		tool rig.screendump "$work/qmp" "$shown"
		[ "$program" = modetest ] || same "$program, $side: on the screen, as drawn" "$drawn" "$(sum "$shown")"
		run_there $side "sh /share/hide.sh"
	done
done
for program in dumb_picture modetest mesa_picture; do
	native=$work/$program-host.ppm
	same "$program: a picture" yes "$(tool rig.picture "$work/png" <"$native" && echo yes)"
	same "$program: the same as on the device" "$(sum "$native")" "$(sum "$work/$program-guest.ppm")"
done
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]

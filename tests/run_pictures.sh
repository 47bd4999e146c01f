#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run_pictures.sh RIG BUILD: what programs show on the screen of a virtio-gpu of the
# driver domain, in a rig of tools/vm: a dumb buffer drawn by hand, modetest with a mode
# set, at once and by an atomic commit, and Mesa (EGL and GBM, which falls back to its software renderer). Each runs
# unmodified on the device itself and through the guest's node, in one boot, and what
# QEMU says is on the screen must be the same; where the program knows what it has drawn,
# that too. Prints "N passed, N failed, N skipped". Needs a build with --enable-kmod.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/rig.sh
. "$top/tests/rig.sh"

if [ ! -x "$build/tests/mesa_picture" ]; then
	echo "SKIP: mesa_picture is not built: install libegl-dev, libgles-dev and libgbm-dev"
	echo "0 passed, 0 failed, 1 skipped"
	exit 77
fi
rig_take dumb_picture mesa_picture

prefix=
[ "$rig" != loopback ] || prefix=paradice/
rig_device card "/dev/dri/card*" "${prefix}dri/*"

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
modetest*)
	atomic=${2#modetest}
	set -- modetest -M virtio_gpu
	connector=$("$@" -c | awk '$3 == "connected" { print $1; exit }')
	crtc=$("$@" -p | awk '$1 == "CRTCs:" { getline; getline; print $1; exit }')
	plane=$("$@" -p | awk '$1 == "Planes:" { getline; getline; print $1; exit }')
	if [ "$atomic" ]; then
		set -- "$@" -a -s "$connector@$crtc:640x480" -P "$plane@$crtc:640x480"
	else
		set -- "$@" -s "$connector:640x480"
	fi
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

rig_run --qmp "$rig_qmp" --host-run 'modprobe virtio-gpu' --keep
[ $rig_status = 0 ] || rig_sum

tool() {
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$top/tools" python3 -m "$@"
}
sum() {
	md5sum <"$1" | cut -d ' ' -f 1
}

programs="dumb_picture modetest modetest_atomic mesa_picture"
for side in host guest; do
	for program in $programs; do
		rig_attach $side "sh /share/show.sh $side $program"
		drawn=$(sed -n 's/.*| DRAWN \([0-9a-f]*\).*/\1/p' "$work/said")
		shown=$work/$program-$side.ppm
		tool rig.screendump "$rig_qmp" "$shown"
		[ -z "$drawn" ] && [ "${program%_atomic}" = modetest ] || same "$program, $side: on the screen, as drawn" "$drawn" "$(sum "$shown")"
		rig_attach $side "sh /share/hide.sh"
	done
done
for program in $programs; do
	native=$work/$program-host.ppm
	same "$program: a picture" yes "$(tool rig.picture "$work/png" <"$native" && echo yes)"
	same "$program: the same as on the device" "$(sum "$native")" "$(sum "$work/$program-guest.ppm")"
done
rig_sum

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run_mapping.sh RIG BUILD: mmap, lseek and SIGIO through the guest's nodes, on
# real drivers, in a rig of tools/vm: tests/mapping on vivid, then v4l2-ctl, aplay and
# arecord with their buffers mapped, each compared with the same program on the device
# itself in the same boot. Prints "N passed, N failed, N skipped". Needs a build with
# --enable-kmod.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
rig=$1
build=$(cd "$2" && pwd)

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 130' INT TERM HUP
share=$work/share
mkdir "$share"
cp "$build/tests/mapping" "$share"
ldd "$share/mapping" | sed -n 's/.*libsubunit.* => \([^ ]*\).*/\1/p' | xargs -r -I{} cp {} "$share"

# v4l2-ctl wants a node named video…; where both sides share one /dev, another one.
case $rig in
loopback) camera=video90 prefix=paradice/ ;;
*) camera=video0 prefix= ;;
esac
cat >"$work/hostd.conf" <<EOF
device "camera" {
	path = "/dev/video0"
	name = "$camera"
	guests = { "guest" }
}
device "pcm" {
	path = "/dev/snd/pcm*"
	name = "${prefix}snd/*"
	guests = { "guest" }
}
device "control" {
	path = "/dev/snd/control*"
	name = "${prefix}snd/*"
	guests = { "guest" }
}
device "input" {
	path = "/dev/input/event*"
	name = "${prefix}input/*"
	guests = { "guest" }
}
EOF

# Everything that moves in vivid's picture stands still.
cat >"$share/host.sh" <<'EOF'
modprobe vivid n_devs=1 && modprobe snd-aloop || exit 1
v4l2-ctl -d /dev/video0 -c test_pattern=0,osd_text_mode=2 || exit 1
sh /share/programs.sh video0
EOF

cat >"$share/programs.sh" <<'EOF'
camera=$1
for size in 640x480 1920x1080; do
	file=/tmp/frames-$camera-$size
	timeout 120 v4l2-ctl -d /dev/$camera --set-fmt-video=width=${size%x*},height=${size#*x},pixelformat=YUYV \
		--stream-mmap --stream-count=5 --stream-to=$file >/tmp/v4l2-ctl.log 2>&1 || cat /tmp/v4l2-ctl.log
	echo "SAME frames-$size $(stat -c %s $file) $(md5sum <$file)"
	rm -f $file
done
[ -e /tmp/sound.raw ] || python3 -c '
import struct
open("/tmp/sound.raw", "wb").write(b"".join(
    struct.pack("<hh", (i * 37) & 0x7fff, -((i * 53) & 0x7fff)) for i in range(96000)))'
# What aplay plays into one end of the loop comes out of the other.
rm -f /tmp/recorded.raw
timeout 60 arecord -q -M -D hw:Loopback,1,0 -t raw -f S16_LE -c 2 -r 48000 -d 4 /tmp/recorded.raw >/tmp/arecord.log 2>&1 &
sleep 1
timeout 60 aplay -q -M -D hw:Loopback,0,0 -t raw -f S16_LE -c 2 -r 48000 /tmp/sound.raw >/tmp/aplay.log 2>&1 || cat /tmp/aplay.log
wait
cat /tmp/arecord.log
python3 -c '
import os
sent = open("/tmp/sound.raw", "rb").read()
got = open("/tmp/recorded.raw", "rb").read() if os.path.exists("/tmp/recorded.raw") else b""
start = got.find(sent[:400])
print("SAME sound", start >= 0 and got[start:start + len(sent)] == sent, len(sent))'
EOF

cat >"$share/guest.sh" <<'EOF'
export LD_LIBRARY_PATH=/share
dev=/dev native=
if [ "$PARADICE_RIG" = loopback ]; then
	dev=/dev/paradice native=/dev/video0
fi
[ "$PARADICE_RIG" != xen-pv ] || export PARADICE_PV=1
PARADICE_PLAIN=$(ls $dev/input/event* | head -n 1)
export PARADICE_PLAIN
/share/mapping /dev/$CAMERA $native
status=$?
if [ "$PARADICE_RIG" = loopback ]; then
	unshare --mount sh -c "mount --bind /dev/paradice/snd /dev/snd; sh /share/programs.sh $CAMERA"
else
	sh /share/programs.sh $CAMERA
fi
exit $status
EOF

status=0
"$top/tools/vm" --rig "$rig" --build "$build" --share "$share" --hostd-conf "$work/hostd.conf" \
	--install v4l-utils,alsa-utils,libdrm-tests --timeout "${RIG_TIMEOUT:-900}" --host-run 'sh /share/host.sh' \
	--guest-run "CAMERA=$camera sh /share/guest.sh" >"$work/log" 2>&1 || status=$?
cat "$work/log"

passed=0 failed=0
for what in frames-640x480 frames-1920x1080 sound; do
	theirs=$(sed -n "s/^host| SAME $what //p" "$work/log")
	ours=$(sed -n "s/^guest| SAME $what //p" "$work/log")
	if [ "$ours" ] && [ "$ours" = "$theirs" ] && [ "${ours%% *}" != False ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "run_mapping: $what: on the device \"$theirs\", through the node \"$ours\""
	fi
done
# shellcheck disable=SC2046 # numbers
set -- $(sed -n 's/^guest| \([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p' "$work/log") 0 0 0
[ "$status" = 0 ] || [ "$2" != 0 ] || failed=$((failed + 1))
echo "$((passed + $1)) passed, $((failed + $2)) failed, $3 skipped"
[ "$status" = 0 ] && [ "$failed" = 0 ]

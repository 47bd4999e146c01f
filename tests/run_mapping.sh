#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run_mapping.sh RIG BUILD [CYCLES]: mmap, lseek and SIGIO through the guest's nodes,
# on real drivers, in a rig of tools/vm: misuse of the module on both sides, tests/mapping
# on vivid and mapping_kinds on our own driver, then v4l2-ctl, aplay and arecord with their
# buffers mapped, each compared with the same program on the device itself in the same
# boot, DRM dumb buffers, the death of each party while a program has mapped, once and then
# CYCLES times with what is left counted (2, in xen-pvh 1, in xen-pv 0), and between domains
# that of the guest's domain. Prints "N passed, N failed, N skipped". Needs a build with --enable-kmod.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/rig.sh
. "$top/tests/rig.sh"
rig_take dumb_buffer mapping mapping_hold mapping_kinds mmhelper_misuse seek_sigio
release=$("$top/tests/image_release.sh")
"$top/tests/build_memops.sh" "$release" "$build/memops"
cp "$build/memops/mapops.ko" "$top/tests/mapping_cycles.sh" "$share"

# v4l2-ctl wants a node named video…; where both sides share one /dev, another one.
case $rig in
loopback) camera=video90 prefix=paradice/ ;;
*) camera=video0 prefix= ;;
esac
rig_device camera /dev/video0 "$camera"
rig_device pcm "/dev/snd/pcm*" "${prefix}snd/*"
rig_device control "/dev/snd/control*" "${prefix}snd/*"
rig_device card "/dev/dri/card*" "${prefix}dri/*"
rig_device kmsg /dev/kmsg paradice/kmsg
rig_device mapops /dev/mapops "${prefix}mapops"
rig_device input "/dev/input/event*" "${prefix}input/*"

# Everything that moves in vivid's picture stands still.
cat >"$share/host.sh" <<'EOF'
export LD_LIBRARY_PATH=/share
modprobe vivid n_devs=1 && modprobe snd-aloop && modprobe virtio-gpu && insmod /share/mapops.ko || exit 1
modprobe -q fuse
module=/lib/modules/$(uname -r)/updates/mmhelper.ko
[ -e /sys/module/mmhelper ] || insmod $module || exit 1
if [ "$PARADICE_RIG" = loopback ]; then
	/share/mmhelper_misuse || exit 1
else
	PARADICE_DOMID=1 /share/mmhelper_misuse /dev/video0 || exit 1
	sh /share/ears.sh >/tmp/ears.log 2>&1 &
fi
v4l2-ctl -d /dev/video0 -c test_pattern=0,osd_text_mode=2 || exit 1
sh /share/programs.sh video0
[ "$PARADICE_RIG" != loopback ] || /share/mapping_kinds /dev/mapops || exit 1
EOF

rig_there

# Either daemon dies while a program has mapped a buffer (150 pages).
cat >"$share/death.sh" <<'EOF'
. /share/there.sh
node=/dev/$CAMERA
same "pages before" 0 "$(soon 0 exported)"
for victim in guestd session module; do
	v4l2-ctl -d $node --set-fmt-video=width=640,height=480,pixelformat=YUYV >/dev/null 2>&1
	/share/mapping_hold $node 10 >/tmp/hold.log &
	holder=$!
	for _ in $(seq 100); do
		! grep -q . /tmp/hold.log || break
		sleep 0.1
	done
	same "$victim: mapped" holding "$(cat /tmp/hold.log)"
	[ "$PARADICE_RIG" = loopback ] || same "$victim: pages exported" 150 "$(exported)"
	case $victim in
	guestd) kill -9 "$(systemctl show -P MainPID paradice-guestd)" ;;
	session) there 'pkill -9 -f "paradice-hostd: session guest"' >/dev/null ;;
	module)
		rmmod mmhelper 2>/tmp/rmmod.log
		same "unloaded under a mapping" 1 $?
		kill -9 $holder
		;;
	esac
	wait $holder
	status=$?
	# On one kernel the program has the device itself.
	case $PARADICE_RIG-$victim in
	*-module) same "$victim: program" 137 $status ;;
	loopback-*) same "$victim: program" 2 $status ;;
	*) same "$victim: program" 0 $status ;;
	esac
	same "$victim: pages left" 0 "$(soon 0 exported)"
	# Both come back, and nothing needs a restart.
	for _ in $(seq 100); do
		/share/mapping_hold $node 1 >/tmp/hold.log
		! grep -q "still there" /tmp/hold.log || break
		sleep 0.3
	done
	same "$victim: again" "holding still there" "$(echo $(cat /tmp/hold.log))"
done
systemctl stop paradice-guestd
rmmod mmhelper
same "unloaded" 0 $?

# Without the module on either side, mmap says ENODEV and one line of the log what to do.
module=/lib/modules/$(uname -r)/updates/mmhelper.ko
lines() {
	echo "journalctl -q _SYSTEMD_INVOCATION_ID=\$(systemctl show -P InvocationID paradice-$1) | grep -c 'modprobe mmhelper'"
}
node_there() {
	systemctl start paradice-guestd
	for _ in $(seq 100); do
		! v4l2-ctl -d $node -D >/dev/null 2>&1 || break
		sleep 0.3
	done
}
node_there
for _ in 1 2; do
	same "without the module: mmap" "mmap: No such device" "$(/share/mapping_hold $node 0)"
done
same "without the module: lines of the log" 1 "$(eval "$(lines guestd)")"
systemctl stop paradice-guestd
insmod $module
if [ "$PARADICE_RIG" != loopback ]; then
	there "systemctl stop paradice-hostd; rmmod mmhelper; systemctl start paradice-hostd" >/dev/null
	node_there
	same "without the module there: mmap" "mmap: No such device" "$(/share/mapping_hold $node 0)"
	same "without the module there: lines of the log" 1 "$(there "$(lines hostd)")"
	there "systemctl stop paradice-hostd; insmod $module; systemctl start paradice-hostd" >/dev/null
fi
node_there
dmesg | grep -E "BUG|WARNING|Oops|Bad page" >/tmp/bad.log
same "kernel log" "" "$(cat /tmp/bad.log)"
same "kernel log there" "" "$(there 'dmesg | grep -E "BUG|WARNING|Oops|Bad page"')"
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
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
# What aplay plays into one end of the loop comes out of the other. The buffers hold
# all of it, so that a busy machine makes no gaps.
rm -f /tmp/recorded.raw
form="-q -M -t raw -f S16_LE -c 2 -r 48000"
timeout 90 arecord $form -D hw:Loopback,1,0 --buffer-size=240000 -d 12 /tmp/recorded.raw >/tmp/arecord.log 2>&1 &
if [ -e /proc/asound/Loopback/pcm1c ]; then
	for _ in $(seq 100); do
		! grep -q RUNNING /proc/asound/Loopback/pcm1c/sub0/status || break
		sleep 0.1
	done
else
	sleep 5
fi
timeout 60 aplay $form -D hw:Loopback,0,0 --buffer-size=96000 /tmp/sound.raw >/tmp/aplay.log 2>&1 || cat /tmp/aplay.log
wait
cat /tmp/arecord.log
python3 -c '
import os
sent = open("/tmp/sound.raw", "rb").read()
got = open("/tmp/recorded.raw", "rb").read() if os.path.exists("/tmp/recorded.raw") else b""
start = got.find(sent[:400])
same = 0
while start >= 0 and same < len(sent) and got[start + same:start + same + 1] == sent[same:same + 1]:
    same += 1
print("sound: recorded", len(got), "bytes, from", start, "on", same, "are those played")
print("SAME sound", same == len(sent), len(sent))'
EOF

cat >"$share/guest.sh" <<'EOF'
export LD_LIBRARY_PATH=/share
dev=/dev native=
if [ "$PARADICE_RIG" = loopback ]; then
	dev=/dev/paradice native=/dev/video0
fi
[ "$PARADICE_RIG" != xen-pv ] || export PARADICE_PV=1
[ "$PARADICE_RIG" = loopback ] || export PARADICE_LIMIT=67108864 PARADICE_XEN=1
PARADICE_PLAIN=$(ls $dev/input/event* | head -n 1)
export PARADICE_PLAIN
/share/mapping /dev/$CAMERA $native
status=$?
if [ "$PARADICE_RIG" = loopback ]; then
	unshare --mount sh -c "mount --bind /dev/paradice/snd /dev/snd; sh /share/programs.sh $CAMERA"
else
	sh /share/programs.sh $CAMERA
fi
keyboard=$(grep -l Keyboard /sys/class/input/event*/device/name | sed -n '1s,.*/\(event[0-9]*\)/.*,\1,p')
[ "$keyboard" ] || keyboard=event1
/share/mapping_kinds $dev/mapops || status=1
/share/dumb_buffer $dev/dri/card0 || status=1
/share/seek_sigio $dev/input/$keyboard /dev/paradice/kmsg || status=1
/share/mmhelper_misuse || status=1
[ $CYCLES = 0 ] || sh /share/mapping_cycles.sh $CYCLES || status=1
sh /share/death.sh || status=1
# For what comes next: a domain that has mapped.
if [ "$PARADICE_RIG" != loopback ]; then
	setsid /share/mapping_hold /dev/$CAMERA 1000 >/tmp/hold.log 2>&1 &
	until grep . /tmp/hold.log; do sleep 0.2; done
fi
exit $status
EOF

# In dom0: the domain is destroyed while it has mapped.
cat >"$share/destroy.sh" <<'EOF'
PARADICE_RIG=loopback # "there" is here
. /share/there.sh
sessions() {
	pgrep -f -c 'paradice-hostd: session guest'
}
same "destroyed: pages before" 150 "$(exported)"
same "destroyed: sessions before" 1 "$(sessions)"
xl destroy guest
same "destroyed: pages left" 0 "$(soon 0 exported)"
for _ in $(seq 40); do
	[ "$(sessions)" != 0 ] || break
	sleep 0.3
done
same "destroyed: sessions left" 0 "$(sessions)"
same "destroyed: users of the driver" 0 "$(cat /sys/module/vivid/refcnt)"
same "destroyed: hostd" active "$(systemctl is-active paradice-hostd)"
v4l2-ctl -d /dev/video0 --stream-mmap --stream-count=3 >/tmp/v4l2-ctl.log 2>&1
same "destroyed: the driver works" 0 $?
dmesg | grep -E "BUG|WARNING|Oops|Bad page" >/tmp/bad.log
same "destroyed: kernel log" "" "$(cat /tmp/bad.log)"
echo "$passed passed, $failed failed, 0 skipped"
EOF

case $rig in
loopback) keep= cycles=2 ;;
xen-pvh) keep=--keep cycles=1 ;;
xen-pv) keep=--keep cycles=0 ;;
esac
rig_run $keep --host-run 'sh /share/host.sh' --guest-run "CAMERA=$camera CYCLES=${3:-$cycles} sh /share/guest.sh"
if [ "$keep" ] && [ "$rig_dir" ]; then
	rig_attach host 'sh /share/destroy.sh'
	grep -q '^host| [0-9]* passed, 0 failed' "$work/said" || failed=$((failed + 1))
fi

for what in frames-640x480 frames-1920x1080 sound; do
	theirs=$(sed -n "s/^host| SAME $what //p" "$work/log")
	ours=$(sed -n "s/^guest| SAME $what //p" "$work/log")
	[ "${ours%% *}" != False ] || ours=
	same "$what on the device and through the node" "$theirs" "$ours"
done
rig_sum

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run_descriptors.sh RIG BUILD: ioctls that return and take descriptors, in a rig of
# tools/vm: tests/descriptors on the devices and through the guest's nodes, v4l2-ctl with
# buffers of one device in the other, the same as on the devices, and what is left open on
# the host after that and after the death of a program and of guestd. Prints
# "N passed, N failed, N skipped". Needs a build with --enable-kmod.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/rig.sh
. "$top/tests/rig.sh"
rig_take descriptors

# v4l2-ctl wants a node named video…; where both sides share one /dev, other ones.
case $rig in
loopback) camera=video90 output=video91 media=paradice/media0 dri=paradice/dri ;;
*) camera=video0 output=video1 media=media0 dri=dri ;;
esac
rig_device camera /dev/video0 "$camera"
rig_device output /dev/video1 "$output"
rig_device media /dev/media0 "$media"
rig_device dri "/dev/dri/card*" "$dri/*"

# Everything that moves in vivid's picture stands still.
cat >"$share/host.sh" <<'EOF'
export LD_LIBRARY_PATH=/share
modprobe vivid n_devs=1 && modprobe vgem && modprobe virtio-gpu || exit 1
echo on | tee /sys/class/drm/card*-Virtual-2/status >/dev/null # a second screen
v4l2-ctl -d /dev/video0 -c test_pattern=0,osd_text_mode=2 || exit 1
# Once is enough, and where a domain is being made at the same time, too much.
[ "$PARADICE_RIG" != loopback ] ||
	CAMERA=/dev/video0 OUTPUT=/dev/video1 MEDIA=/dev/media0 DRI=/dev/dri /share/descriptors || exit 1
sh /share/programs.sh video0 video1
EOF

cat >"$share/programs.sh" <<'EOF'
file=/tmp/frames-$1
for size in 640x480 1920x1080; do
	form=width=${size%x*},height=${size#*x},pixelformat=YUYV
	v4l2-ctl -d /dev/$2 --set-fmt-video-out=$form
	timeout 200 v4l2-ctl -d /dev/$1 --set-fmt-video=$form --stream-dmabuf --export-device /dev/$2 \
		--stream-count=5 --stream-to=$file >/tmp/v4l2-ctl.log 2>&1 || cat /tmp/v4l2-ctl.log
	echo "SAME frames-$size $(stat -c %s $file) $(md5sum <$file)"
	rm -f $file
done
EOF

cat >"$share/guest.sh" <<'EOF'
export LD_LIBRARY_PATH=/share
dri=/dev/dri media=/dev/media0
[ "$PARADICE_RIG" != xen-pv ] || export PARADICE_PV=1
[ "$PARADICE_RIG" != loopback ] || dri=/dev/paradice/dri media=/dev/paradice/media0
PARADICE_NODES=$(ls -d /dev/paradice/descriptor-* | tr '\n' ' ')
export PARADICE_NODES
CAMERA=/dev/$CAMERA OUTPUT=/dev/$OUTPUT MEDIA=$media DRI=$dri /share/descriptors
status=$?
sh /share/programs.sh $CAMERA $OUTPUT
CAMERA=/dev/$CAMERA MEDIA=$media sh /share/deaths.sh
exit $status
EOF

cat >"$share/deaths.sh" <<'EOF'
sessions() { pgrep -P "$(systemctl show -P MainPID paradice-hostd)"; }

# Descriptors that sessions have of what devices made; in another domain nobody can see it.
left() {
	n=0
	for pid in $(sessions); do
		n=$((n + $(ls -l /proc/$pid/fd 2>/dev/null | grep -c -e dmabuf -e sync_file -e request)))
	done
	echo $n
}

# A program that has some; its process is $holder.
held() {
	[ -z "${holder:-}" ] || kill -9 $holder 2>/dev/null
	rm -f /tmp/held
	/share/descriptors hold >/tmp/held 2>&1 &
	holder=$!
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		grep -q held /tmp/held && return 0
		sleep 0.5
	done
	cat /tmp/held
	return 1
}

# Within some seconds a command is true.
soon() {
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		"$@" && return 0
		sleep 0.5
	done
	return 1
}

none_left() { [ "$(left)" = 0 ]; }
gone() { ! kill -0 "$1" 2>/dev/null; }
nodes_back() { [ -e $CAMERA ] && v4l2-ctl -d $CAMERA -D >/dev/null 2>&1; }
say() { echo "DEATH $1 $2"; }

ok=failed
held && { [ "$PARADICE_RIG" != loopback ] || [ "$(left)" = 3 ]; } && kill -9 $holder && soon none_left && ok=ok
say program $ok

ok=failed
daemon=$(systemctl show -P MainPID paradice-guestd)
giver=$(pgrep -P $daemon)
held && kill -9 $daemon && soon gone $daemon && soon gone $giver && soon gone $holder && soon none_left &&
	systemctl restart paradice-guestd && soon nodes_back && held && kill -9 $holder && soon none_left && ok=ok
say guestd $ok

ok=failed
daemon=$(systemctl show -P MainPID paradice-guestd)
# What it had given stays; more is refused; the rest goes on.
held && kill -9 $(pgrep -P $daemon) && sleep 1 && kill -0 $holder && kill -9 $holder && soon none_left &&
	! /share/descriptors hold >/tmp/refused 2>&1 && grep -q 'Inappropriate ioctl' /tmp/refused &&
	v4l2-ctl -d $CAMERA -D >/dev/null && systemctl restart paradice-guestd && soon nodes_back && held && kill -9 $holder && ok=ok
say giver $ok

if [ "$PARADICE_RIG" = loopback ]; then
	ok=failed
	held && kill -9 $(sessions) && soon gone $holder && soon nodes_back && held && kill -9 $holder &&
		soon none_left && ok=ok
	say session $ok
fi
EOF

rig_run --host-run 'sh /share/host.sh' --guest-run "CAMERA=$camera OUTPUT=$output sh /share/guest.sh"

for size in 640x480 1920x1080; do
	same "frames of $size on the device and through the node" \
		"$(sed -n "s/^host| SAME frames-$size //p" "$work/log")" \
		"$(sed -n "s/^guest| SAME frames-$size //p" "$work/log")"
done
case $rig in
loopback) deaths="program guestd giver session" ;;
*) deaths="program guestd giver" ;;
esac
for death in $deaths; do
	same "death of $death" 1 "$(grep -c "^guest| DEATH $death ok$" "$work/log")"
done
rig_sum

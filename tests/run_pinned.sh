#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run_pinned.sh RIG BUILD [CASE...]: programs' memory in which drivers of the host
# work, in a rig of tools/vm. Cases: transfer (large reads and writes, on the driver
# tests/kmod-transfer, and what they cost), userptr (V4L2 buffers of one and of several
# planes on vivid), frames and compliance (v4l2-ctl and v4l2-compliance, each compared
# with the same program on the device itself in the same boot), death (of either daemon
# meanwhile), hostile (a guest that makes grant references up; between domains); all of
# them by default. Prints "N passed, N failed, N skipped". Needs a
# build with --enable-kmod, and the kernel headers of the rig's machines.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/rig.sh
. "$top/tests/rig.sh"
shift 2
cases=${*:-transfer userptr frames compliance death hostile}
rig_take transfer transfer_speed userptr mmhelper_misuse pages_hostile

release=$("$top/tests/image_release.sh")
"$top/tests/build_module.sh" "$release" "$top/tests/kmod-transfer" "$work/kmod"
cp "$work/kmod/transfer.ko" "$share"

# v4l2-ctl wants nodes named video…; where both sides share one /dev, other ones.
case $rig in
loopback) first=video90 second=video91 ;;
*) first=video0 second=video1 ;;
esac
rig_device transfer /dev/transfer paradice/transfer
rig_device camera /dev/video0 "$first"
rig_device planes /dev/video1 "$second"

rig_there
# Everything that moves in vivid's picture stands still.
cat >"$share/host.sh" <<'EOF'
set -e
modprobe vivid n_devs=2 node_types=0x1,0x1 multiplanar=1,2 vid_cap_nr=0,1
modprobe -q fuse || true
[ -e /sys/module/mmhelper ] || insmod /lib/modules/$(uname -r)/updates/mmhelper.ko
insmod /share/transfer.ko
if [ "$PARADICE_RIG" != loopback ]; then
	sh /share/ears.sh >/tmp/ears.log 2>&1 &
	# As if there were many guests: hostd has to ask for more.
	case " $CASES " in *" hostile "*) echo 100 >/sys/module/xen_gntalloc/parameters/limit ;; esac
fi
for camera in video0 video1; do
	v4l2-ctl -d /dev/$camera -c test_pattern=0,osd_text_mode=2
done
case " $CASES " in *" frames "*) sh /share/frames.sh video0 video1 ;; esac
case " $CASES " in *" compliance "*) sh /share/compliance.sh video0 video1 ;; esac
EOF

cat >"$share/frames.sh" <<'EOF'
n=0
for camera in "$@"; do
	n=$((n + 1))
	for size in 640x480 1920x1080; do
		file=/tmp/frames
		format=YUYV
		[ $n = 1 ] || format=NM16
		rm -f $file
		timeout 200 v4l2-ctl -d /dev/$camera --stream-user=3 --stream-count=5 --stream-to=$file \
			--set-fmt-video=width=${size%x*},height=${size#*x},pixelformat=$format \
			>/tmp/v4l2-ctl.log 2>&1 || cat /tmp/v4l2-ctl.log
		echo "SAME frames-$n-$size $(stat -c %s $file) $(md5sum <$file)"
	done
done
rm -f /tmp/frames
EOF

cat >"$share/compliance.sh" <<'EOF'
n=0
for camera in "$@"; do
	n=$((n + 1))
	timeout 600 v4l2-compliance -d /dev/$camera -s5 >/tmp/compliance.log 2>&1
	echo "SAME compliance-$n $(tr '\r' '\n' </tmp/compliance.log | grep -o 'test USERPTR.*' | tr '\n' ' ')"
	tr '\r' '\n' </tmp/compliance.log | grep -B3 'test USERPTR.*FAIL' || true
done
EOF

# Either daemon dies while a driver has a program's memory.
cat >"$share/death.sh" <<'EOF'
. /share/there.sh
pinned() {
	echo 1 >/proc/sys/vm/stat_refresh
	awk '/nr_foll_pin_acquired/ { n += $2 } /nr_foll_pin_released/ { n -= $2 } END { print n }' /proc/vmstat
}
# Pinned, and granted to the other domain.
held() {
	echo "$(($(pinned) - before)) $(cat /sys/module/mmhelper/parameters/exported_pages)"
}
# The reader's 514 pages, and buffers.
both_pinned() {
	echo $(($(pinned) - before > 514))
}
before=$(pinned)
same "granted before" "0 0" "$(held)"
for victim in guestd session module; do
	python3 -c 'import os
try:
    os.read(os.open("/dev/paradice/transfer", os.O_RDWR), 2 * 1048576 + 8192)
except OSError as error:
    print(error.errno)' >/tmp/reader.log 2>&1 &
	reader=$!
	v4l2-ctl -d /dev/$FIRST --stream-user=3 --stream-count=100000 >/tmp/stream.log 2>&1 &
	streamer=$!
	for _ in $(seq 100); do
		! grep -q fps /tmp/stream.log || break
		sleep 0.2
	done
	same "$victim: something is pinned" 1 "$(soon 1 both_pinned)"
	case $victim in
	guestd) kill -9 "$(systemctl show -P MainPID paradice-guestd)" ;;
	session) there 'pkill -9 -f "paradice-hostd: session guest"' ;;
	module)
		rmmod mmhelper 2>/tmp/rmmod.log
		same "unloaded meanwhile" 1 $?
		kill -9 $reader $streamer
		;;
	esac
	wait $reader
	# ECONNABORTED is what CUSE says when its daemon is gone.
	case $victim in
	guestd) same "$victim: reader" 103 "$(cat /tmp/reader.log)" ;;
	session) same "$victim: reader" 5 "$(cat /tmp/reader.log)" ;;
	esac
	kill -9 $streamer 2>/dev/null
	wait $streamer
	same "$victim: left" "0 0" "$(soon "0 0" held)"
	# Both come back, and nothing needs a restart.
	for _ in $(seq 100); do
		! v4l2-ctl -d /dev/$FIRST --stream-user=3 --stream-count=2 >/tmp/again.log 2>&1 || break
		sleep 0.3
	done
	same "$victim: again" 0 "$(grep -c -i fail /tmp/again.log)"
	same "$victim: left again" "0 0" "$(soon "0 0" held)"
done
systemctl stop paradice-guestd
rmmod mmhelper
same "unloaded" 0 $?
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
EOF

cat >"$share/limit.sh" <<'EOF'
. /share/there.sh
limit=/sys/module/xen_gntalloc/parameters/limit
same "limit of gntalloc" 229 "$(there "cat $limit; echo 1024 >$limit")"
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
EOF

cat >"$share/guest.sh" <<'EOF'
export LD_LIBRARY_PATH=/share
native=
[ "$PARADICE_RIG" != loopback ] || native=/dev
status=0
/share/mmhelper_misuse || status=1
for case in $CASES; do
	case $case in
	transfer)
		/share/transfer /dev/paradice/transfer || status=1
		/share/transfer_speed /dev/paradice/transfer ${native:+$native/transfer} || status=1
		;;
	userptr)
		/share/userptr /dev/$FIRST ${native:+$native/video0} || status=1
		/share/userptr /dev/$SECOND ${native:+$native/video1} || status=1
		;;
	death) sh /share/death.sh || status=1 ;;
	hostile)
		[ "$PARADICE_RIG" != loopback ] || continue
		systemctl stop paradice-guestd
		modprobe xen-gntalloc
		/share/pages_hostile || status=1
		sh /share/limit.sh || status=1
		;;
	*) sh /share/$case.sh $FIRST $SECOND ;;
	esac
done
! dmesg | grep -E "BUG|WARNING|Oops|Bad page" || status=1
exit $status
EOF

rig_run --host-run "CASES='$cases' sh /share/host.sh" \
	--guest-run "CASES='$cases' FIRST=$first SECOND=$second sh /share/guest.sh"
for what in $(sed -n 's/^host| SAME \([^ ]*\).*/\1/p' "$work/log"); do
	same "$what" "$(sed -n "s/^host| SAME $what //p" "$work/log")" \
		"$(sed -n "s/^guest| SAME $what //p" "$work/log")"
done
rig_sum

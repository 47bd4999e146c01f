#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run_video.sh RIG BUILD [CASE...]: cameras of the driver domain (vivid), in a rig of
# tools/vm: all that v4l2-compliance has, streaming in all formats included, and the
# frame rate of v4l2-ctl, each compared with the same program on the device itself in
# the same boot. Cases: hdmi and tv (v4l2-compliance -s -f on an input of that kind), rate;
# all of them by default. And webcam: six sizes up to 3840x2160 with up to twelve rates
# each, which takes very long.
# vivid's scaler and composer are off (ccs_cap_mode=1) but for the webcam's: with them
# v4l2-compliance -f streams at 16384x8640 in each of 83 formats, with three buffers of 270
# to 540 MiB, for which a machine of the rig has not the memory, on the device itself.
# Prints RATIO lines and "N passed, N failed, N skipped". Needs a build with --enable-kmod.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/rig.sh
. "$top/tests/rig.sh"
# shellcheck source=tests/drivers_video.sh
. "$top/tests/drivers_video.sh"
shift 2
cases=${*:-hdmi tv rate}

# v4l2-ctl wants nodes named video…; where both sides share one /dev, other ones.
case $rig in
loopback) first=9 ;;
*) first= ;;
esac
for n in 0 1 2 3; do
	rig_device "video$n" "/dev/video$n" "video$first$n"
done

# Cameras with one input each: video0 webcam, video1 TV, video2 HDMI; video3 is an output.
cat >"$share/host.sh" <<'EOF'
modprobe vivid n_devs=4 node_types=0x1,0x1,0x1,0x100 vid_cap_nr=0,1,2,-1 vid_out_nr=-1,-1,-1,3 \
	num_inputs=1,1,1,1 num_outputs=1,1,1,1 input_types=0,1,3,3 output_types=0,0,0,1 \
	ccs_cap_mode=-1,1,1,-1 || exit 1
for kind in $COMPLIANCE; do sh /share/compliance.sh $kind; done
EOF

# kind: by lines, because it forks with what it has not written yet
cat >"$share/compliance.sh" <<'EOF'
case $1 in
webcam) node=0 ;;
tv) node=1 ;;
hdmi) node=2 ;;
esac
echo "COMPLIANCE $1 begin"
stdbuf -oL v4l2-compliance -d /dev/video$FIRST$node -e /dev/video${FIRST}3 -s5 -f5 -P -C never 2>&1
echo "COMPLIANCE $1 end"
EOF

# node, width, height, frames: how many came in a second, by the driver's own clock
cat >"$share/rate.sh" <<'EOF'
v4l2-ctl -d /dev/$1 --stream-mmap=4 --stream-count=$4 --verbose \
	--set-fmt-video=width=$2,height=$3,pixelformat=YUYV >/tmp/rate.log 2>&1 || cat /tmp/rate.log
awk '/dqbuf: .* ts: / {
		for (i = 1; i < NF; i++) if ($i == "ts:") last = $(i + 1)
		if (!n++) first = last
	}
	END { if (last > first) print "RATE", (n - 1) / (last - first) }' /tmp/rate.log
EOF

compliance=
for case in $cases; do
	[ "$case" = rate ] || compliance="$compliance $case"
done
rig_run --keep --host-run "COMPLIANCE='$compliance' FIRST= sh /share/host.sh" \
	--guest-run "for kind in $compliance; do FIRST=$first sh /share/compliance.sh \$kind; done"
[ $rig_status = 0 ] || rig_sum

# side, kind: what v4l2-compliance said, with the node's own name and without what daemons
# said meanwhile; its warnings about
# the read-only control come from the test of requests, which filter_compliance leaves out
said() {
	sed -n "s/\r*$//; /^$1| COMPLIANCE $2 begin/,/^$1| COMPLIANCE $2 end/s/^$1| //p" "$work/log" |
		grep -v -e '^paradice-' -e '^systemd: ' | filter_compliance | sed -e "s,/dev/video9\([0-3]\),/dev/video\1,g" -e '/warn: .*vivid_ro_ctrl/d' \
		>"$work/$2-$1"
	grep -c ': OK *$' "$work/$2-$1" || :
}
for kind in $compliance; do
	n=$(said host "$kind")
	same "$kind: tests that succeed" "$n" "$(said guest "$kind")"
	diff -u "$work/$kind-host" "$work/$kind-guest" >"$work/diff" || head -n 40 "$work/diff"
	same "$kind: lines of v4l2-compliance that differ" 0 "$(grep -c '^[-+][^-+]' "$work/diff" || :)"
	echo "$kind: $n tests succeed"
done

# A turn on the device, a turn through the node; the medians count.
# name, number of the node, width, height, frames
rate() {
	rm -f "$work/rates-host" "$work/rates-guest"
	for turn in 1 2 3 4 5; do
		for side in host guest; do
			[ $side = host ] && prefix= || prefix=$first
			rig_attach $side "sh /share/rate.sh video$prefix$2 $3 $4 $5" >/dev/null
			sed -n 's/.*| RATE \([0-9.]*\).*/\1/p' "$work/said" >>"$work/rates-$side"
		done
	done
	for side in host guest; do
		sort -n "$work/rates-$side" >"$work/sorted"
		same "$1: turns, $side" 5 "$(grep -c . "$work/sorted")"
		sed -n 3p "$work/sorted" >"$work/median-$side"
	done
	echo "$1: $(tr '\n' ' ' <"$work/rates-host")frames a second on the device," \
		"$(tr '\n' ' ' <"$work/rates-guest")through the node"
	paste "$work/median-guest" "$work/median-host" | awk -v name="$1" '{ printf "RATIO %s %.3f >=0.98\n", name, $1 / $2 }'
}
case " $cases " in
*" rate "*)
	rate frame-rate-640x480 0 640 480 75
	rate frame-rate-1080p 0 1920 1080 15
	# The picture of this one is 1280x720, at 60 Hz.
	rate frame-rate-720p60 2 1280 720 60
	;;
esac
rig_sum

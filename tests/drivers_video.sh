# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# Cases of run_drivers.sh for V4L2, media, CEC (vivid); see drivers_cases.sh.
#
# The compliance tests leave the driver in some state; cases that show the state make
# one first, and the others put back what they change.

VIDEO="video0 video1 video2 video3 radio0 radio1 vbi0 vbi1 swradio0 v4l-touch0"

# A node in the guest has no parent in sysfs, where v4l2-ctl looks for the media
# device; the driver computes a volatile control anew at each look, and counts in the
# read-only one how often it has streamed.
filter_v4l2() {
	awk '/^(Media Driver Info|Interface Info|Entity Info):/ { skip = 1; next } /^[^\t ]/ { skip = 0 } !skip' |
		sed '/flags=.*volatile/s/value=[-0-9]*//; /read_only_integer/s/value=[0-9]*//; /^$/d'
}

# Every control of a node to its default, as far as it can be set now.
controls_reset() {
	v4l2-ctl -d "$1" -l | grep -v 'read-only\|write-only\|inactive\|volatile\|dims=' |
		sed -n 's/^ *\([a-z0-9_]*\) 0x.* default=\([^ ]*\) value=\([^ ]*\).*/\1 \2 \3/p' |
		while read -r control default value; do
			[ $((default)) = $((value)) ] || v4l2-ctl -d "$1" -c "$control=$default"
		done
}

v4l2_reset() {
	# Choosing another input sets controls, and which of them are inactive.
	v4l2-ctl -d /dev/video0 --set-input 3 >/dev/null
	v4l2-ctl -d /dev/video0 --set-input 0 >/dev/null
	controls_reset /dev/video0
	controls_reset /dev/video1
	v4l2-ctl -d /dev/video0 --set-input 0 --set-fmt-video width=640,height=360,pixelformat=YUYV --set-parm 30
	v4l2-ctl -d /dev/video1 --set-output 0
	v4l2-ctl -d /dev/video2 --set-parm 25
}

case_v4l2_all() {
	v4l2_reset
	for node in $VIDEO; do
		v4l2-ctl -d "/dev/$node" --all
	done
}
filter_v4l2_all() { filter_v4l2; }

case_v4l2_formats() {
	v4l2_reset
	for node in video0 video1 video2 video3 vbi0 swradio0; do
		v4l2-ctl -d "/dev/$node" --list-formats-ext --list-formats-out-ext --list-formats-sdr \
			--list-formats-meta --list-formats-vbi --list-formats-overlay
	done
	v4l2-ctl -d /dev/video0 --list-inputs --list-standards --list-dv-timings --list-fields \
		--list-framesizes YUYV --list-frameintervals width=320,height=180,pixelformat=YUYV
	v4l2-ctl -d /dev/video1 --list-outputs --list-audio-outputs
	v4l2-ctl -d /dev/radio0 --list-freq-bands --list-tuners
}

case_v4l2_controls() {
	v4l2_reset
	for node in $VIDEO; do
		v4l2-ctl -d "/dev/$node" --list-ctrls-menus
	done
}
filter_v4l2_controls() { filter_v4l2; }

case_v4l2_set_get() {
	v4l2_reset
	v4l2-ctl -d /dev/video0 -c brightness=77,contrast=13,hue=-100,menu=4,bitmask=0x80000010
	v4l2-ctl -d /dev/video0 -C brightness,contrast,hue,menu,bitmask
	v4l2-ctl -d /dev/video0 -c integer_64_bits=-1234567890123,string=ab
	v4l2-ctl -d /dev/video0 -C integer_64_bits,string
	v4l2-ctl -d /dev/video0 -c string=a
	v4l2-ctl -d /dev/video0 -c brightness=100000
	v4l2-ctl -d /dev/video0 -C no_such_control
	v4l2-ctl -d /dev/video0 -c brightness=128,contrast=128,hue=0,menu=3,bitmask=0x80002000
	v4l2-ctl -d /dev/video0 -c integer_64_bits=0,string='  '
	v4l2-ctl -d /dev/video0 --set-input 0 --set-fmt-video width=640,height=360,pixelformat=NV12 --get-fmt-video
	v4l2-ctl -d /dev/video0 --try-fmt-video width=1,height=1,pixelformat=RGB3
	v4l2-ctl -d /dev/video0 --set-fmt-video width=320,height=180,pixelformat=YUYV --set-parm 10 --get-parm
	v4l2-ctl -d /dev/video0 --set-input 3
	v4l2-ctl -d /dev/video0 --set-dv-bt-timings index=4
	v4l2-ctl -d /dev/video0 --get-selection target=crop --get-cropcap
	v4l2-ctl -d /dev/video0 --set-selection target=crop,width=100,height=90 --get-selection target=crop
	v4l2-ctl -d /dev/video0 --set-dv-bt-timings index=5 --get-dv-timings --get-dv-timings-cap
	v4l2-ctl -d /dev/video0 --query-dv-timings
	v4l2-ctl -d /dev/video0 --set-dv-bt-timings index=0 --get-dv-timings
	v4l2-ctl -d /dev/video0 --set-input 0 --get-priority
}

case_v4l2_compound() {
	v4l2_reset
	v4l2-ctl -d /dev/video0 -C area,u8_pixel_array,u16_8x16_matrix,u8_2x3x4x5_array,u32_1_element_array
	v4l2-ctl -d /dev/video0 -C u32_dynamic_array
	v4l2-ctl -d /dev/video0 -c u32_1_element_array=99,u16_8x16_matrix=500,u8_2x3x4x5_array=17
	v4l2-ctl -d /dev/video0 --subset u16_8x16_matrix,2,2,1,2 -c u16_8x16_matrix=99
	v4l2-ctl -d /dev/video0 -C u16_8x16_matrix,u8_2x3x4x5_array,u32_1_element_array
	v4l2-ctl -d /dev/video0 --subset u16_8x16_matrix,1,3,0,4 -C u16_8x16_matrix
	v4l2-ctl -d /dev/video0 -c u16_8x16_matrix=100000
	v4l2-ctl -d /dev/video0 -c u32_1_element_array=24,u16_8x16_matrix=24,u8_2x3x4x5_array=24
}

# v4l2-ctl prints more elements of a dynamic array than it got.
filter_v4l2_compound() { sed '/^u32_dynamic_array/s/\(: *[0-9]*\),.*/\1/'; }

case_v4l2_edid() {
	v4l2-ctl -d /dev/video0 --set-edid pad=3,type=vga
	v4l2-ctl -d /dev/video0 --get-edid pad=3,format=hex
	v4l2-ctl -d /dev/video0 --set-edid pad=3,type=hdmi-4k-300mhz --fix-edid-checksums
	v4l2-ctl -d /dev/video0 --get-edid pad=3,format=raw,file="$scratch/edid"
	md5sum <"$scratch/edid"
	v4l2-ctl -d /dev/video0 --get-edid pad=3,format=hex,startblock=1,blocks=1
	v4l2-ctl -d /dev/video0 --clear-edid pad=3
	v4l2-ctl -d /dev/video0 --get-edid pad=3,format=hex
	v4l2-ctl -d /dev/video0 --set-edid pad=3,type=hdmi
	v4l2-ctl -d /dev/video0 --set-edid pad=0,type=hdmi
	v4l2-ctl -d /dev/video1 --get-edid pad=1,format=hex
}

case_v4l2_vbi() {
	v4l2-ctl -d /dev/vbi0 --set-input 1 --get-fmt-vbi --get-fmt-sliced-vbi --get-sliced-vbi-cap
	v4l2-ctl -d /dev/vbi0 --set-standard ntsc --get-standard --get-fmt-vbi
	v4l2-ctl -d /dev/vbi0 --set-standard pal --set-fmt-sliced-vbi teletext,wss
	v4l2-ctl -d /dev/vbi0 --set-input 0
	v4l2-ctl -d /dev/vbi1 --get-fmt-vbi-out --get-fmt-sliced-vbi-out
}

case_v4l2_audio() {
	v4l2-ctl -d /dev/video0 --set-input 1 --list-audio-inputs --get-audio-input --set-audio-input 1 --get-audio-input
	v4l2-ctl -d /dev/video0 --set-freq 64.25 --get-freq
	v4l2-ctl -d /dev/video0 --set-freq 175.25 --get-freq
	v4l2-ctl -d /dev/video0 --set-audio-input 0
	v4l2-ctl -d /dev/video0 --set-input 0
	for node in radio0 radio1; do
		before=$(v4l2-ctl -d /dev/$node --get-freq | sed 's/.*(\(.*\) MHz)/\1/')
		v4l2-ctl -d /dev/$node --set-freq 90.5 --get-freq
		v4l2-ctl -d /dev/$node --set-freq "$before" --get-freq
	done
	v4l2-ctl -d /dev/radio1 --get-modulator
}

# The picture changes from frame to frame: their sizes are compared.
case_v4l2_read() {
	v4l2-ctl -d /dev/video0 --set-input 0 --set-fmt-video width=320,height=180,pixelformat=YUYV
	dd if=/dev/video0 of="$scratch/frame" bs=115200 count=3 2>/dev/null
	wc -c <"$scratch/frame"
}

case_v4l2_32() {
	need_32 v4l2-ctl
	v4l2_reset
	program_32 v4l2-ctl -d /dev/video0 --all --list-ctrls-menus
	program_32 v4l2-ctl -d /dev/video1 --list-formats-ext
	program_32 v4l2-ctl -d /dev/video0 -C u16_8x16_matrix,u8_2x3x4x5_array,string
	program_32 v4l2-ctl -d /dev/video0 -c integer_64_bits=5,string=xy
	program_32 v4l2-ctl -d /dev/video0 -C integer_64_bits,string
	program_32 v4l2-ctl -d /dev/video0 -c integer_64_bits=0,string='  '
	program_32 v4l2-ctl -d /dev/video0 --set-edid pad=3,type=hdmi
	program_32 v4l2-ctl -d /dev/video0 --get-edid pad=3,format=hex
}
filter_v4l2_32() { filter_v4l2; }

case_media() {
	media-ctl -d /dev/media0 -p
	media-ctl -d /dev/media0 --print-dot
}
# media-ctl takes the names of nodes from sysfs, where the guest has none for the
# driver domain's device numbers, or those of other devices.
filter_media() {
	sed -e '/device node name/d' -e 's,\\n/dev/[a-z0-9/-]*,,' -e 's, | /dev/[a-z0-9/-]*,,'
}

case_cec() {
	cec-ctl -d /dev/cec0 --tv
	cec-ctl -d /dev/cec1 --playback
	cec-ctl -d /dev/cec0
	cec-ctl -d /dev/cec1
	cec-ctl -d /dev/cec0 --clear
	cec-ctl -d /dev/cec1 --clear
}

# Media tests need the sysfs parent (see filter_v4l2), requests the media device that
# is found there; so the totals differ, and with them the exit status, which only says
# whether something failed.
filter_compliance() {
	filter_v4l2 | sed -e '/Media Controller ioctls:/,/^$/d' -e '/MC information/d' \
		-e '/test Requests/d' -e '/media_fd < 0/d' -e '/^Total for/d' -e '/^Grand Total/d' \
		-e '/^exit status 1$/d'
}

# By lines: it forks with what it has not written yet.
case_v4l2_compliance() {
	stdbuf -oL v4l2-compliance -d /dev/video0
}
filter_v4l2_compliance() { filter_compliance; }

case_v4l2_compliance_more() {
	for node in video1 radio0 radio1 vbi0 swradio0; do
		stdbuf -oL v4l2-compliance -d "/dev/$node"
	done
}
filter_v4l2_compliance_more() { filter_compliance; }

# A picture without a text in it is the same in each frame.
case_v4l2_stream() {
	v4l2_reset
	v4l2-ctl -d /dev/video0 -c osd_text_mode=2
	for way in --stream-mmap --stream-mmap=2; do
		v4l2-ctl -d /dev/video0 $way --stream-count=3 --stream-to="$scratch/frames"
		echo "$way: status $?"
		md5sum <"$scratch/frames"
	done
	v4l2-ctl -d /dev/video0 -c osd_text_mode=0
	head -c 829440 /dev/zero >"$scratch/frames"
	v4l2-ctl -d /dev/video1 --stream-out-mmap --stream-count=3 --stream-from="$scratch/frames"
	echo "status $?"
}
# How many frames a second there were.
filter_v4l2_stream() { tr -d '<>' | sed 's/[0-9.]* fps//g'; }

# Another size in the same open file, after polls.
case_v4l2_resize() {
	v4l2_reset
	program v4l2-resize /dev/video0
}

# Buffers of one device are imported by the other.
case_v4l2_dmabuf() {
	v4l2_reset
	v4l2-ctl -d /dev/video0 -c osd_text_mode=2
	v4l2-ctl -d /dev/video0 --export-device /dev/video1 --stream-dmabuf --stream-count=3 \
		--stream-to="$scratch/frames"
	echo "status $?"
	md5sum <"$scratch/frames"
	v4l2-ctl -d /dev/video0 -c osd_text_mode=0
}
filter_v4l2_dmabuf() { filter_v4l2_stream; }

case_v4l2_odd() {
	v4l2_reset
	v4l2-ctl -d /dev/video0 --log-status >/dev/null # the driver domain's kernel log
	echo "status $?"
	v4l2-ctl -d /dev/video0 --get-dv-timings-cap --list-dv-timings
	v4l2-ctl -d /dev/video0 --set-input 3 --query-dv-timings --set-input 0
	v4l2-ctl -d /dev/video0 --get-selection target=compose_bounds --set-selection target=native_size,width=7
	v4l2-ctl -d /dev/video0 --get-sliced-vbi-cap --get-jpeg-comp --get-fbuf --get-fmt-overlay --get-ctrl 77
	v4l2-ctl -d /dev/video0 --list-fields --get-output --get-modulator --freq-seek dir=1
	v4l2-ctl -d /dev/video1 --get-output-parm --get-fmt-video-out --get-cropcap-output
	v4l2-ctl -d /dev/radio0 --freq-seek dir=1,wrap=1 --get-freq
	v4l2-dbg -d /dev/video0 --info --list-registers
	v4l2-compliance -d /dev/media0
}
filter_v4l2_odd() { filter_compliance; }

# An event of a control that another program sets.
case_v4l2_event() {
	v4l2-ctl -d /dev/video0 -c brightness=128
	stdbuf -oL v4l2-ctl -d /dev/video0 --poll-for-event ctrl=brightness >"$scratch/out" &
	waiting=$!
	await 60 seen 1 'ctrl: brightness' "$scratch/out"
	v4l2-ctl -d /dev/video0 -c brightness=99
	await 60 seen 2 'ctrl: brightness' "$scratch/out"
	v4l2-ctl -d /dev/video0 -c brightness=128
	await 60 seen 3 'ctrl: brightness' "$scratch/out"
	kill $waiting
	cat "$scratch/out"
}
# When it was, and how many more were waiting.
filter_v4l2_event() { sed 's/^[0-9.]*: event [0-9]*, pending [0-9]*//'; }

case_cec_messages() {
	cec-ctl -d /dev/cec0 --tv
	cec-ctl -d /dev/cec1 --playback
	cec-ctl -d /dev/cec0 --give-osd-name --to 4
	cec-ctl -d /dev/cec0 --image-view-on --standby --to 4
	cec-ctl -d /dev/cec1 --poll --to 0
	cec-ctl -d /dev/cec0 --clear
	cec-ctl -d /dev/cec1 --clear
}
# Numbers of messages, and when they went.
filter_cec_messages() { sed '/Sequence: \|Approximate response time: /d'; }

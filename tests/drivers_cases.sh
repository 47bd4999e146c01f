# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# The cases of run_drivers.sh: each runs unmodified programs on devices by their
# usual names, first in the driver domain on the devices themselves, then in the
# guest on its nodes, and must print the same. case_NAME is what runs; a filter_NAME
# takes out what must differ, and says why. Cases end with one that only proves
# something about the guest's side where that is not seen in the output.
#
# They find: $share, their own files; $scratch, an empty directory; $side, "native"
# or the engine.

CASES="
	v4l2_compliance v4l2_compliance_more v4l2_all v4l2_formats v4l2_controls v4l2_set_get v4l2_compound
	v4l2_edid v4l2_vbi v4l2_audio v4l2_read v4l2_32 media cec
	amixer_contents amixer_set alsactl_store alsactl_restore alsa_list alsa_parameters alsa_loop alsa_loop_32
	alsa_rawmidi alsa_sequencer
	evtest evtest_32 evemu_describe evemu_record fftest uinput
	modetest drm_render
	stty shell
	tun hidraw rtc sg i2c
	memops memops_32
"

program() {
	python3 "$share/drivers_programs.py" "$@"
}

# 32-bit programs come with their libraries.
program_32() {
	name=$1
	shift
	[ -x "$share/i386/bin/$name" ] || skip "no 32-bit $name was fetched"
	"$share/i386/lib/ld-linux.so.2" --library-path "$share/i386/lib" "$share/i386/bin/$name" "$@"
}

skip() {
	echo "SKIP: $1"
	exit 77
}

# The file of the input device of that name.
input() {
	program find-input "$1" || skip "no input device \"$1\""
}

# ---- V4L2, media, CEC (vivid) ----
#
# The compliance tests leave the driver in some state; cases that show the state make
# one first, and the others put back what they change.

VIDEO="video0 video1 video2 video3 radio0 radio1 vbi0 vbi1 swradio0 v4l-touch0"

# A node in the guest has no parent in sysfs, where v4l2-ctl looks for the media
# device; the driver computes a volatile control anew at each look.
filter_v4l2() {
	awk '/^(Media Driver Info|Interface Info|Entity Info):/ { skip = 1; next } /^[^\t ]/ { skip = 0 } !skip' |
		sed '/flags=.*volatile/s/value=[-0-9]*//; /^$/d'
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
	controls_reset /dev/video0
	controls_reset /dev/video1
	v4l2-ctl -d /dev/video0 --set-input 0
	v4l2-ctl -d /dev/video0 --set-fmt-video width=640,height=360,pixelformat=YUYV --set-parm 30
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
	cksum <"$scratch/edid"
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
	program_32 v4l2-ctl -d /dev/video0 --all --list-ctrls-menus
	program_32 v4l2-ctl -d /dev/video0 --list-formats-ext
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
	sed -e '/device node name/d' -e 's,\\n/dev/[a-z0-9-]*,,' -e 's, | /dev/[a-z0-9-]*,,'
}

case_cec() {
	cec-ctl -d /dev/cec0 --tv
	cec-ctl -d /dev/cec1 --playback
	cec-ctl -d /dev/cec0
	cec-ctl -d /dev/cec1
	cec-ctl -d /dev/cec0 --clear
	cec-ctl -d /dev/cec1 --clear
}

# Media tests need the sysfs parent (see filter_v4l2); EXPBUF and requests return
# descriptors, which the guest does not get yet; so the totals differ, too.
filter_compliance() {
	filter_v4l2 | sed -e '/Media Controller ioctls:/,/^$/d' -e '/MC information/d' -e '/VIDIOC_EXPBUF/d' \
		-e '/test Requests/d' -e '/media_fd < 0/d' -e '/^Total for/d' -e '/^Grand Total/d'
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

# ---- ALSA (snd-dummy, snd-aloop, snd-virmidi) ----

case_amixer_contents() {
	amixer -q -c Dummy sset Master 0 nocap
	amixer -c Dummy contents
	amixer -c Loopback contents
	amixer -c Dummy scontents
	amixer -c Dummy info
}

case_amixer_set() {
	amixer -c Dummy cset name='Master Volume' 33,44
	amixer -c Dummy cget name='Master Volume'
	amixer -c Dummy sset Master 10 mute cap
	amixer -c Dummy sget Master
	amixer -c Dummy cset name='No Such' 1
	amixer -c Loopback cset iface=PCM,name='PCM Notify',device=0 on
	amixer -c Loopback cget iface=PCM,name='PCM Notify',device=0
	amixer -c Loopback cset iface=PCM,name='PCM Notify',device=0 off
	amixer -q -c Dummy sset Master 0 nocap
}

case_alsactl_store() {
	alsactl -f "$scratch/state" -O "$scratch/lock" store
	cat "$scratch/state"
}

case_alsactl_restore() {
	amixer -q -c Dummy cset name='Synth Volume' 21,22
	alsactl -f "$scratch/state" -O "$scratch/lock" store
	amixer -q -c Dummy cset name='Synth Volume' 1,2
	alsactl -f "$scratch/state" -O "$scratch/lock" restore Dummy
	amixer -c Dummy cget name='Synth Volume'
	amixer -q -c Dummy cset name='Synth Volume' 0,0
}

case_alsa_list() {
	aplay -l
	arecord -l
	amidi -l
}

case_alsa_parameters() {
	aplay -D hw:Dummy --dump-hw-params -d 1 -f S16_LE -r 44100 -c 2 /dev/zero 2>&1
	arecord -D hw:Loopback,1 --dump-hw-params -d 1 -f S32_LE -r 96000 -c 4 -v "$scratch/out.wav" 2>&1
}
# What the hardware had done at that moment, and the names of scratch files.
filter_alsa_parameters() {
	sed -e 's,/tmp/[^ ]*/out.wav,out.wav,' -e '/appl_ptr\|hw_ptr/d'
}

# Play into one end, record from the other; the sound must come out as it went in. A
# tail of silence follows it, since the driver drops what has not passed when the
# player stops.
sound_loop() {
	program make-sound "$scratch/in.wav" "$1" "$2"
	$recorder -D hw:Loopback,1,0 -q -f "$1" -r 48000 -c "$2" -d 3 --buffer-size=48000 "$scratch/out.wav" &
	recording=$!
	sleep 0.5
	$player -D hw:Loopback,0,0 -q --buffer-size=48000 "$scratch/in.wav"
	wait $recording
	program compare-sound "$scratch/in.wav" "$scratch/out.wav"
}

case_alsa_loop() {
	player=aplay recorder=arecord
	sound_loop S16_LE 2
	sound_loop S32_LE 1
}

case_alsa_loop_32() {
	player="program_32 aplay" recorder="program_32 aplay -C"
	sound_loop S16_LE 2
}

# Between the two ports of the driver runs a cable of the sequencer's.
case_alsa_rawmidi() {
	amidi -p hw:VirMIDI,1 -d -t 3 >"$scratch/out" &
	listening=$!
	sleep 1
	aconnect 'Virtual Raw MIDI 2-0:0' 'Virtual Raw MIDI 2-1:0' && aconnect -l
	amidi -p hw:VirMIDI,0 -S '90 40 7f 80 40 00 f0 7e 7f 06 01 f7'
	wait $listening
	cat "$scratch/out"
	aconnect -d 'Virtual Raw MIDI 2-0:0' 'Virtual Raw MIDI 2-1:0'
}
filter_alsa_rawmidi() { sed 's/,pid=[0-9]*//'; }

case_alsa_sequencer() {
	aconnect -i
	aconnect -o
	aplaymidi -l
	aseqdump -l
	aconnect 'Virtual Raw MIDI 2-0:0' 'No such client:0'
}
# The number of the asking program.
filter_alsa_sequencer() { sed 's/,pid=[0-9]*//'; }

# ---- Input ----

# A cycle of events of drivers_host.py from its first one on, without times and the
# lines whose number is chance.
cycle() {
	sed -n 's/^Event: time [0-9.]*, //p; s/^E: [0-9.]* //p' | awk '
		/KEY_F1\), value 1|^0001 003b 0*1\>/ { n++ }
		n == 2 { exit }
		n == 1'
}

case_evtest() {
	device=$(input "Paradice test input")
	: >"$scratch/out"
	timeout 60 stdbuf -oL evtest "$device" >"$scratch/out" &
	pid=$!
	while kill -0 $pid 2>/dev/null && [ "$(grep -c 'KEY_F1), value 1' "$scratch/out")" -lt 2 ]; do
		sleep 0.2
	done
	kill $pid
	sed '/^Testing/,$d' "$scratch/out"
	cycle <"$scratch/out"
	evtest --query "$device" EV_KEY KEY_F12
	echo "KEY_F12: $?"
}

# Where the axes just were.
filter_evtest() { sed 's/^\( *Value *\)-*[0-9]*$/\1/'; }

case_evtest_32() {
	device=$(input "Paradice test input")
	[ -x "$share/i386/bin/evtest" ] || skip "no 32-bit evtest was fetched"
	program_32 evtest --query "$device" EV_KEY KEY_F12
	echo "KEY_F12: $?"
	(program_32 evtest "$device" || :) >"$scratch/out" &
	sleep 6
	kill $!
	# Not flushed: the description comes with the first block of output.
	sed '/^Testing/,$d' "$scratch/out"
}

filter_evtest_32() { filter_evtest; }

case_evemu_describe() {
	evemu-describe "$(input "Paradice test input")"
	evemu-describe "$(input "QEMU QEMU USB Keyboard")"
	evemu-describe "$(input "QEMU QEMU USB Mouse")"
}
# The kernel's name and release of the machine that the program runs on.
filter_evemu_describe() { sed '/^# Kernel:\|^# DMI:/d'; }

case_evemu_record() {
	device=$(input "Paradice test input")
	: >"$scratch/out"
	timeout 60 stdbuf -oL evemu-record "$device" >"$scratch/out" &
	pid=$!
	while kill -0 $pid 2>/dev/null && [ "$(grep -c '^E: .* 0001 003b 0*1' "$scratch/out")" -lt 2 ]; do
		sleep 0.2
	done
	kill $pid
	sed '/^E: /,$d' "$scratch/out"
	cycle <"$scratch/out"
}
filter_evemu_record() { sed '/^# Kernel:\|^# DMI:\|Waiting for events/d'; }

case_fftest() {
	printf '0\n1\n2\n3\n4\n5\n-1\n' | fftest "$(input "Paradice test input")"
	program force-feedback "$(input "Paradice test input")"
}

case_uinput() {
	program uinput /dev/uinput
}

# ---- DRM (virtio-gpu) ----

case_modetest() {
	modetest -M virtio_gpu
	program drm-version /dev/dri/card0
}

case_drm_render() {
	program drm-version /dev/dri/renderD128
}

# ---- Terminals (ptyA and ptyB are two ends of one line) ----

case_stty() {
	stty -F /dev/ptyA sane rows 24 cols 80
	stty -F /dev/ptyA -a
	stty -F /dev/ptyA raw -echo rows 40 cols 132 min 3 time 7
	stty -F /dev/ptyA -a
	stty -F /dev/ptyA size
	stty -F /dev/ptyA speed
	stty -F /dev/ptyA sane 38400
	stty -F /dev/ptyA -g
}

case_shell() {
	stty -F /dev/ptyA sane rows 24 cols 80 -echo
	stty -F /dev/ptyB raw -echo
	cat /dev/ptyB >"$scratch/out" &
	reader=$!
	(PS1='prompt> ' exec sh -i </dev/ptyA >/dev/ptyA 2>&1) &
	shell=$!
	sleep 1
	printf 'stty size\necho $((6 * 7)); tty -s && echo terminal\nexit\n' >/dev/ptyB
	wait $shell
	sleep 1
	kill $reader
	cat "$scratch/out"
}

# ---- The rest ----

case_tun() {
	program tun /dev/net/tun
}

case_hidraw() {
	for node in /dev/hidraw0 /dev/hidraw1; do
		program hidraw $node
	done
}

case_rtc() {
	hwclock --rtc /dev/rtc0 --show >"$scratch/now" || cat "$scratch/now"
	rtc=$(date -d "$(cat "$scratch/now")" +%s)
	[ $(($(date +%s) - rtc)) -lt 10 ] && [ $((rtc - $(date +%s))) -lt 10 ] && echo "the clock is right"
	program rtc /dev/rtc0
}

case_sg() {
	sg_inq /dev/sg0
	sg_inq --page=0x83 /dev/sg0
	sg_readcap --long /dev/sg0
	sg_modes --all /dev/sg0
	sg_luns /dev/sg0
	sg_turs -n 3 /dev/sg0
	# 128 blocks. Not sg_dd: it writes requests with pointers in them, for which the
	# driver wants the opener to be the caller (sg_check_file_access).
	dd if=/dev/urandom of="$scratch/in" bs=64k count=1 2>/dev/null
	sg_raw -s 65536 -i "$scratch/in" /dev/sg0 2a 00 00 00 00 08 00 00 80 00 2>&1
	sg_raw -r 65536 -o "$scratch/out" /dev/sg0 28 00 00 00 00 08 00 00 80 00 2>&1
	cmp "$scratch/in" "$scratch/out" && echo "what was written was read"
	sg_raw -r 36 /dev/sg0 12 00 00 00 24 00 2>&1
	sg_raw -r 512 /dev/sg0 28 00 7f ff ff ff 00 00 01 00 2>&1
}
# sg_raw names the scratch file that it writes to.
filter_sg() { sed 's,/tmp/[^ ]*/out,out,'; }

case_i2c() {
	# The stub is the last adapter.
	bus=$(for node in /dev/i2c-*; do echo "${node#/dev/i2c-}"; done | sort -n | tail -n 1)
	i2cdetect -F "$bus"
	i2cset -y "$bus" 0x48 0x10 0xab
	i2cset -y "$bus" 0x48 0x12 0xbeef w
	i2cget -y "$bus" 0x48 0x10
	i2cget -y "$bus" 0x48 0x12 w
	i2cset -y "$bus" 0x48 0x20 1 2 3 4 5 i
	i2cdump -y "$bus" 0x48 b
	i2cdetect -y "$bus"
	i2ctransfer -y "$bus" r4@0x48 2>&1
}

# Counts only: what failed stands in the whole output.
case_memops() {
	"$share/memops_test" /dev/memops
}

case_memops_32() {
	[ -x "$share/memops_test32" ] || skip "no 32-bit compiler"
	"$share/memops_test32" /dev/memops
}

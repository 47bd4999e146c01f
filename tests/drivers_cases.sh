# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154
# The cases of run_drivers.sh: each runs unmodified programs on devices by their
# usual names, first in the driver domain on the devices themselves, then in the
# guest on its nodes, and must print the same. case_NAME is what runs; a filter_NAME
# takes out what must differ, and says why. Cases end with one that only proves
# something about the guest's side where that is not seen in the output.
#
# They find: $share, their own files; $scratch, an empty directory; $side, "native"
# or the engine.

# Cases of one lane run one after another, because they share a device; the lanes run
# side by side.
LANES="video sound memory"
lane_video="
	v4l2_compliance v4l2_compliance_more v4l2_all v4l2_formats v4l2_controls v4l2_set_get v4l2_compound
	v4l2_edid v4l2_vbi v4l2_audio v4l2_read v4l2_32 v4l2_stream v4l2_resize v4l2_dmabuf v4l2_odd v4l2_event media
"
lane_sound="
	amixer_contents amixer_set alsactl_store alsactl_restore alsa_list alsa_parameters alsa_loop alsa_loop_32
	alsa_rawmidi alsa_sequencer alsa_events alsa_plug alsa_link alsa_open_waits alsa_midi_file
	udev libinput evtest evtest_32 evemu_describe evemu_record fftest uinput joystick lsinput python_evdev
	uhid hidraw usb lsusb usbhid
"
lane_memory="
	modetest drm_info drm_render stty shell stopped picocom serial console tun rtc hwclock rtcwake i2c gpio spi heap lirc
	watchdog loop random sg sg_more mtd memops memops_32 cec cec_messages
"

# What tools/check runs in a Xen rig, where an emulated machine takes five times as long:
# of each class of devices the case with the most kinds of operations for its time, and
# the test driver's own tests, which touch memory in each way that there is.
SHORT="
	v4l2_edid media alsactl_store alsa_loop alsa_link alsa_open_waits udev libinput evtest fftest hidraw usb
	modetest stty shell stopped tun rtc i2c gpio spi lirc watchdog sg mtd memops memops_32
"

# lane, CASE...: those of its cases that are among the CASEs, or all without any
lane_cases() {
	eval "all=\$lane_$1"
	shift
	# shellcheck disable=SC2154 # set by eval
	for name in $all; do
		case " $* " in
		"  " | *" $name "*) echo "$name" ;;
		esac
	done
}

program() {
	python3 "$share/drivers_programs.py" "$@"
}

# 32-bit programs come with their libraries. In place of the shell, so that a signal to
# it is one to the program.
exec_32() {
	program=$1
	shift
	exec "$share/i386/lib/ld-linux.so.2" --library-path "$share/i386/lib" "$share/i386/bin/$program" "$@"
}

# Some programs look for a device in sysfs first, and between domains that is the guest's.
need_sys() {
	[ "$PARADICE_RIG" = loopback ] || skip "$1 looks for devices in /sys, which is the guest's own"
}

need_32() {
	[ -x "$share/i386/bin/$1" ] || skip "no 32-bit $1 was fetched"
}

program_32() {
	(exec_32 "$@")
}

skip() {
	echo "SKIP: $1"
	exit 77
}

# seconds, command...: until it succeeds
await() {
	n=$(($1 * 10))
	shift
	until "$@"; do
		n=$((n - 1))
		[ $n -gt 0 ] || { echo "in vain: $*"; return 1; }
		sleep 0.1
	done
}

# file, bytes
larger_than() {
	[ "$(stat -c %s "$1" 2>/dev/null || echo 0)" -gt "$2" ]
}

# times, pattern, file
seen() {
	[ "$(grep -c -e "$2" "$3")" -ge "$1" ]
}

# process, part of a file's name: it has that open
opened() {
	ls -l "/proc/$1/fd" 2>/dev/null | grep -q "$2"
}

# The file of the input device of that name.
input() {
	program find-input "$1" || skip "no input device \"$1\""
}

for part in video sound input others; do
	# shellcheck source=/dev/null # one of those beside this file
	. "$share/drivers_$part.sh"
done

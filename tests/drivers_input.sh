# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# Cases of run_drivers.sh for input; see drivers_cases.sh.

# A cycle of events of drivers_host.py from its first one on, without times and the
# lines whose number is chance.
cycle() {
	sed -n 's/^Event: time [0-9.]*, //p; s/^E: [0-9.]* //p' | awk '
		/KEY_F1\), value 1|^0001 003b 0*1\>/ { n++ }
		n == 2 { exit }
		n == 1'
}

# What a device is, by udev. Not where it is.
case_udev() {
	udevadm settle
	for name in "Paradice test input" "QEMU QEMU USB Keyboard" "QEMU QEMU USB Mouse"; do
		udevadm info --query=property "$(input "$name")"
	done
	for node in video0 video1 radio0 media0 snd/controlC0 dri/card0 i2c-0 mtd0; do
		echo "$node"
		udevadm info --query=property "/dev/$node"
	done
}
filter_udev() { grep '^[a-z]\|^ID_\|^LIBINPUT_\|^MOUSE_' | grep -v '^ID_PATH\|^ID_FOR_SEAT'; }

# It asks udev what kind of device it is.
case_libinput() {
	device=$(input "Paradice test input")
	udevadm settle
	timeout 60 stdbuf -oL libinput debug-events --show-keycodes --device "$device" >"$scratch/out" 2>&1 &
	testing=$!
	await 60 seen 3 'KEY_F1 ' "$scratch/out"
	kill $testing
	grep -m 1 DEVICE_ADDED "$scratch/out"
	grep -m 2 'KEY_F1 ' "$scratch/out"
}
# The name of the file, and when.
filter_libinput() { sed 's/^[- ][^ ]* *//; s/+[0-9.]*s//; s/[ \t]\+/ /g'; }

case_evtest() {
	device=$(input "Paradice test input")
	: >"$scratch/out"
	timeout 60 stdbuf -oL evtest "$device" >"$scratch/out" &
	pid=$!
	await 60 seen 2 'KEY_F1), value 1' "$scratch/out"
	kill $pid
	sed '/^Testing/,$d' "$scratch/out"
	cycle <"$scratch/out"
	evtest --query "$device" EV_KEY KEY_F12
	echo "KEY_F12: $?"
}

# Where the axes just were.
filter_evtest() { sed 's/^\(#* *Value\) *-*[0-9]*$/\1/'; }

case_evtest_32() {
	device=$(input "Paradice test input")
	need_32 evtest
	program_32 evtest --query "$device" EV_KEY KEY_F12
	echo "KEY_F12: $?"
	: >"$scratch/out"
	exec_32 evtest "$device" >"$scratch/out" &
	# Not flushed: the description comes with the first block of output.
	await 60 grep -q '^Testing' "$scratch/out"
	kill $!
	sed '/^Testing/,$d' "$scratch/out"
}

filter_evtest_32() { filter_evtest; }

case_evemu_describe() {
	evemu-describe "$(input "Paradice test input")"
	evemu-describe "$(input "QEMU QEMU USB Keyboard")"
	evemu-describe "$(input "QEMU QEMU USB Mouse")"
}
# The kernel's name and release of the machine that the program runs on.
filter_evemu_describe() { filter_evtest | sed '/^# Kernel:\|^# DMI:/d'; }

case_evemu_record() {
	device=$(input "Paradice test input")
	: >"$scratch/out"
	timeout 60 stdbuf -oL evemu-record "$device" >"$scratch/out" &
	pid=$!
	await 60 seen 2 '^E: .* 0001 003b 0*1' "$scratch/out"
	kill $pid
	sed '/^E: /,$d' "$scratch/out"
	cycle <"$scratch/out"
}
filter_evemu_record() { filter_evtest | sed '/^# Kernel:\|^# DMI:\|Waiting for events/d'; }

case_fftest() {
	printf '0\n1\n2\n3\n4\n5\n-1\n' | fftest "$(input "Paradice test input")"
	program force-feedback "$(input "Paradice test input")"
}

case_uinput() {
	program uinput /dev/uinput
}

case_joystick() {
	js=$(find /dev/input/js* | head -n 1)
	jscal -q "$js"
	jscal -p "$js"
	stdbuf -oL jstest --event "$js" >"$scratch/out" &
	testing=$!
	await 60 seen 4 '^Event' "$scratch/out"
	kill $testing
	head -n 8 "$scratch/out"
	device=$(input "Paradice test input")
	evdev-joystick --showcal "$device"
	evdev-joystick --evdev "$device" --axis 0 --fuzz 3
	evdev-joystick --evdev "$device" --axis 0 --fuzz 2
}
# Where the axes just were, and when.
filter_joystick() {
	sed -e 's/value:* -*[0-9]*//; s/time -*[0-9]*//' -e 's/^Event device file: .*//'
}

case_lsinput() {
	lsinput
	device=$(input "QEMU QEMU USB Keyboard")
	input-kbd "${device#/dev/input/event}"
}

case_python_evdev() {
	python3 - <<-'END'
	import evdev
	for path in sorted(evdev.list_devices()):
	    device = evdev.InputDevice(path)
	    if "QEMU" in device.name or "Paradice" in device.name:
	        print(device.name, device.phys, device.uniq, device.info, device.version)
	        print(device.capabilities(verbose=True), device.leds())
	        device.active_keys() # what is held changes meanwhile
	        print(device.input_props(), device.ff_effects_count)
	        device.grab()
	        device.ungrab()
	END
}
filter_python_evdev() { sed 's/value=-*[0-9]*, *//g; s/value -*[0-9]*, *//g'; }

case_uhid() {
	program uhid /dev/uhid
}

case_hidraw() {
	for node in /dev/hidraw0 /dev/hidraw1; do
		program hidraw $node
	done
}

# Not the state of a hub's ports.
case_usb() {
	for device in /dev/bus/usb/001/*; do
		program usb "$device"
	done
}

case_lsusb() {
	need_sys lsusb
	for device in /dev/bus/usb/001/*; do
		lsusb -v -D "$device"
	done
}
filter_lsusb() { sed '/^ *Port [0-9]*: /d'; }

# By libusb: takes the mouse from its driver and gives it back.
case_usbhid() {
	need_sys libusb
	usbhid-dump -e descriptor -a 1:3
}
filter_usbhid() { sed 's/[0-9]*\.[0-9]*$//'; }

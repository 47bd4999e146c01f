#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run_drivers.sh RIG BUILD [ENGINES [CASE...]]: runs unmodified programs on real
# drivers, in the driver domain on the devices and in a guest on its nodes, in one
# boot of a rig of tools/vm, and compares what they print (drivers_cases.sh). ENGINES
# are values of "ioctls" in hostd.conf, with commas between: "declared,on-demand". For
# the CASE "short", those of SHORT; the others are skipped, and said to be so.
# Prints "N passed, N failed, N skipped". What differed is left in BUILD/drivers-RIG.
# Environment: HOSTD_OPTIONS for paradice-hostd, ROUNDS in the guest, RIG_OPTIONS for
# tools/vm, NATIVE=0: no native pass; EXTRA_HOST, EXTRA_GUEST: commands that run at the
# end of the preparations and before the guest's cases; EXTRA_FILES: what they find in
# /share; EXTRA_DEVICES: more devices, "name path name-in-the-guest" a line.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/rig.sh
. "$top/tests/rig.sh"
engines=$(echo "${3:-declared,on-demand}" | tr , ' ')
shift 2
[ $# = 0 ] || shift
in_machines=$share
share=$top/tests
# shellcheck source=tests/drivers_cases.sh
. "$share/drivers_cases.sh"
share=$in_machines
cases=$*
[ "$cases" != short ] || cases=$SHORT
# shellcheck disable=SC2086 # a list
set -- $cases
for name; do
	type "case_$name" >/dev/null || { echo "run_drivers: there is no case $name" >&2; exit 2; }
done
cases=$*

results=$build/drivers-$rig
rm -rf "$results"
mkdir -p "$results"

# The driver must be built for the kernel of the rig's image.
release=$("$top/tests/image_release.sh")
"$top/tests/build_memops.sh" "$release" "$build/memops"
cp "$build/memops/memops.ko" "$build"/memops/memops_test* "$share"
if "$top/tests/drivers_i386.sh" "$build/i386" >"$build/i386.log" 2>&1; then
	cp -r "$build/i386" "$share"
else
	echo "run_drivers: no 32-bit programs from Debian, see $build/i386.log" >&2
fi
cp "$top"/tests/drivers_* "$share"
# shellcheck disable=SC2086 # a list
[ -z "${EXTRA_FILES:-}" ] || cp $EXTRA_FILES "$share"

cat >"$share/host.sh" <<'EOF_HOST'
modprobe -a vivid snd-aloop snd-dummy snd-virmidi snd-seq uinput virtio-gpu tun hidraw i2c-dev sg scsi_debug \
	rtc-cmos rc-loopback ir-nec-decoder joydev uhid hid-mcp2221 loop mtdram parport_pc spi-lm70llp \
	2>/dev/null
modprobe softdog soft_noboot=1
modprobe nandsim id_bytes=0x20,0xaa,0x00,0x15
insmod /share/memops.ko || exit 1
ip tuntap add dev partun0 mode tun
ip addr add 10.77.0.1/24 dev partun0
ip link set partun0 up
python3 /share/drivers_host.py /run/drivers-ready >/tmp/drivers-host.log 2>&1 &
n=0
until [ -e /run/drivers-ready ]; do
	n=$((n + 1))
	[ $n -lt 300 ] || { cat /tmp/drivers-host.log; exit 1; }
	sleep 0.1
done
udevadm settle --timeout=60
# A bus at the parallel port, whose only chip is none of Linux's own drivers' here.
for chip in /sys/bus/spi/devices/*; do
	[ -e $chip ] || continue
	[ ! -e $chip/driver ] || echo ${chip##*/} >$chip/driver/unbind
	echo spidev >$chip/driver_override
	echo ${chip##*/} >/sys/bus/spi/drivers/spidev/bind
done
# The chip is asked by the driver's probe, which nothing waits for.
for _ in $(seq 100); do
	[ ! -e /sys/module/hid_mcp2221 ] || [ -e /dev/gpiochip0 ] && break
	sleep 0.1
done
# It has an I2C bus, too, and case_i2c takes the last one.
modprobe i2c-stub chip_addr=0x48
udevadm settle
[ "$NATIVE" = 0 ] || sh /share/drivers_side.sh native $CASES
[ -z "$EXTRA_HOST" ] || sh -c "$EXTRA_HOST"
EOF_HOST
cat >"$share/guest.sh" <<'EOF_GUEST'
modprobe -q tun
for engine in $ENGINES; do
	# All nodes are there when no more come.
	n=0 before=
	until [ -e "/dev/paradice/$engine/memops" ] && [ "$before" = "$(find "/dev/paradice/$engine")" ]; do
		n=$((n + 1))
		[ $n -lt 60 ] || { echo "no nodes of $engine"; exit 1; }
		before=$(find "/dev/paradice/$engine" 2>/dev/null)
		sleep 1
	done
	[ -z "$EXTRA_GUEST" ] || ENGINE=$engine sh -c "$EXTRA_GUEST"
	round=0
	while [ $round -lt $ROUNDS ]; do
		sh /share/drivers_side.sh "$engine" $CASES
		round=$((round + 1))
	done
done
EOF_GUEST
if [ -n "${HOSTD_OPTIONS:-}" ]; then
	cat >>"$share/host.sh" <<-END
	mkdir -p /etc/systemd/system/paradice-hostd.service.d
	command=\$(sed -n 's/^ExecStart=//p' "\$(systemctl show -P FragmentPath paradice-hostd)")
	printf '[Service]\nExecStart=\nExecStart=%s $HOSTD_OPTIONS\n' "\$command" \
		>/etc/systemd/system/paradice-hostd.service.d/options.conf
	systemctl daemon-reload
	END
fi

# name, path, name in the guest; without a table of ioctls where other=yes
other=
device() {
	for engine in $engines; do
		ioctls=$engine
		[ "$engine-$other" != declared-yes ] || ioctls=any
		cat <<-END
			device "$1-$engine" {
				path = "$2"
				name = "paradice/$engine/$3"
				guests = { "guest" }
				ioctls = "$ioctls"
			}
		END
	done
}
{
	# Emulated machines are slow, above all beside others.
	echo "page-timeout-ms = 5000"
	device video "/dev/video*" "*"
	device radio "/dev/radio*" "*"
	device vbi "/dev/vbi*" "*"
	device swradio "/dev/swradio*" "*"
	device touch "/dev/v4l-touch*" "*"
	device media "/dev/media*" "*"
	device cec "/dev/cec*" "*"
	device control "/dev/snd/control*" "snd/*"
	device pcm "/dev/snd/pcm*" "snd/*"
	device midi "/dev/snd/midi*" "snd/*"
	device sequencer /dev/snd/seq snd/seq
	device timer /dev/snd/timer snd/timer
	device input "/dev/input/event*" "input/*"
	device uinput /dev/uinput uinput
	device card "/dev/dri/card*" "dri/*"
	device render "/dev/dri/render*" "dri/*"
	device hidraw "/dev/hidraw*" "*"
	device rtc /dev/rtc0 rtc0
	device tun /dev/net/tun net/tun
	device ptyA /dev/ptyA ptyA
	device ptyB /dev/ptyB ptyB
	device i2c "/dev/i2c-*" "*"
	device joystick "/dev/input/js*" "input/*"
	device watchdog "/dev/watchdog*" "*"
	device console "/dev/tty[0-9]" "*"
	device serial /dev/ttyS1 ttyS1
	device gpio /dev/gpiochip0 gpiochip0
	device random /dev/random random
	device spi /dev/spidev0.0 spidev0.0
	device heap /dev/dma_heap/system dma_heap/system
	other=yes
	device sg "/dev/sg*" "*"
	device lirc "/dev/lirc*" "*"
	device mtd "/dev/mtd*" "*"
	device loop /dev/loop-control loop-control
	device usb "/dev/bus/usb/001/*" "bus/usb/001/*"
	device uhid /dev/uhid uhid
	device vcs "/dev/vcs*" "*"
	device hwrng /dev/hwrng hwrng
	device memops /dev/memops memops
	other=
	echo "${EXTRA_DEVICES:-}" | while read -r name path node; do
		[ -z "$name" ] || device "$name" "$path" "$node"
	done
} >"$work/hostd.conf"


RIG_TIMEOUT=${RIG_TIMEOUT:-2400}
cases_run=${cases:-$(for lane in $LANES; do lane_cases "$lane"; done | tr '\n' ' ')}
# shellcheck disable=SC2086 # several words
rig_run --qemu-arg -serial --qemu-arg null --qemu-arg -parallel --qemu-arg null ${RIG_OPTIONS:-} \
	--host-run "CASES='$cases_run' NATIVE='${NATIVE:-}' EXTRA_HOST='${EXTRA_HOST:-}' sh /share/host.sh" \
	--guest-run "CASES='$cases_run' ENGINES='$engines' ROUNDS=${ROUNDS:-1} EXTRA_GUEST='${EXTRA_GUEST:-}' sh /share/guest.sh" \
	>/dev/null
cp "$work/log" "$results/log"
if [ $rig_status != 0 ]; then
	tail -n 30 "$results/log"
	echo "run_drivers: the rig ended with status $rig_status"
fi
# shellcheck disable=SC2086 # lists
"$top/tests/drivers_compare.sh" "$results" "$engines" $cases || rig_status=1
exit $rig_status

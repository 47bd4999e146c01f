#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run_bar.sh RIG BUILD: mmap of the memory of a PCI device (QEMU's ivshmem-plain with
# the driver of tests/kmod-bar), by tests/bar on the device and through the guest's node.
# In xen-pvh also the death of everybody while a program has it mapped, and a guestd that
# lies about the frames: each time all must be as before, in the driver and in Xen.
# Prints "N passed, N failed, N skipped". Needs a build with --enable-kmod.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/rig.sh
. "$top/tests/rig.sh"

release=$("$top/tests/image_release.sh")
"$top/tests/build_module.sh" "$release" "$top/tests/kmod-bar" "$build/bar-$release"
cp "$build/bar-$release/bar.ko" "$share"
rig_take bar bar_misuse
${CC:-gcc} -std=gnu11 -O2 -Wall -Wextra -Werror -shared -fPIC -I"$top" "$top/tests/frame_lie.c" -o "$share/frame_lie.so"

case $rig in
loopback) node=paradice/paradice-bar ;;
*) node=paradice-bar ;;
esac
rig_device bar /dev/paradice-bar "$node"
echo "export LD_LIBRARY_PATH=/share NODE=/dev/$node" >"$share/environment"

cat >"$share/host.sh" <<'EOF'
. /share/environment
module=/lib/modules/$(uname -r)/updates/mmhelper.ko
[ -e /sys/module/mmhelper ] || insmod $module || exit 1
insmod /share/bar.ko || exit 1
PARADICE_RIG=native /share/bar /dev/paradice-bar
[ $PARADICE_RIG = loopback ] || PARADICE_DOMID=1 /share/bar_misuse /dev/paradice-bar
# What failed is counted.
true
EOF

# In the driver domain: waits until N frames are placed, and with 0 until the driver has
# no open file; says how many files and mappings it has, how many frames are placed, and
# what I/O memory Xen lets the guest have.
cat >"$share/state.sh" <<'EOF'
placed=/sys/module/mmhelper/parameters/placed_frames
users=/sys/module/bar/parameters/users
for _ in $(seq 60); do
	if [ "$(cat $placed)" = "$1" ] && { [ "$1" != 0 ] || [ "$(cat $users)" = 0 ]; }; then break; fi
	sleep 0.3
done
iomem=gone
if domid=$(xl domid guest 2>/dev/null); then
	xl dmesg -c >/tmp/xen.log
	xl debug-keys q
	iomem=$(xl dmesg | sed -n "/General information for domain $domid:/,/Memory pages/s/.*I\/O Memory *//p")
fi
echo OUT $(cat $users /sys/module/bar/parameters/mappings $placed) "$iomem"
EOF

# In the guest: a program maps it (so many pages; else all) and holds on to that.
cat >"$share/hold.sh" <<'EOF'
. /share/environment
rm -f /tmp/hold.log
(
	/share/bar $NODE hold 120 $1 >/tmp/hold.log 2>&1
	echo "status $?" >>/tmp/hold.log
) </dev/null >/dev/null 2>&1 &
for _ in $(seq 100); do
	! grep -q . /tmp/hold.log 2>/dev/null || break
	sleep 0.1
done
echo OUT $(cat /tmp/hold.log)
EOF

# In the guest: waits for the end of that.
cat >"$share/held.sh" <<'EOF'
for _ in $(seq 100); do
	! grep -q status /tmp/hold.log || break
	sleep 0.2
done
# The shell says "Killed" itself.
echo OUT $(grep -v Killed /tmp/hold.log)
EOF

# In the guest: until a program can map it, so many times at most.
cat >"$share/try.sh" <<'EOF'
. /share/environment
for _ in $(seq $1); do
	/share/bar $NODE hold 1 >/tmp/try.log 2>&1
	! grep -q "still there" /tmp/try.log || break
	sleep 0.5
done
echo OUT $(cat /tmp/try.log)
EOF

# In the guest: a page of RAM that is in use, and stays so, is what guestd tells the host.
cat >"$share/ram.py" <<'EOF'
import ctypes
import mmap
import struct
import time
page = mmap.mmap(-1, 4096)
page[:4096] = b"R" * 4096
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
ctypes.CDLL(None).mlock(ctypes.c_void_p(address), 4096)
with open("/proc/self/pagemap", "rb") as pagemap:
    pagemap.seek(address // 4096 * 8)
    frame = struct.unpack("<Q", pagemap.read(8))[0] & ((1 << 55) - 1)
with open("/run/paradice-frame-lie", "w") as lie:
    lie.write(hex(frame))
time.sleep(100000)
EOF

rig_run --keep --qemu-arg -object --qemu-arg memory-backend-ram,id=bar,size=1M,share=on --qemu-arg -device \
	--qemu-arg ivshmem-plain,memdev=bar --host-run 'sh /share/host.sh' \
	--guest-run '. /share/environment; /share/bar $NODE; [ $PARADICE_RIG != xen-pvh ] || /share/bar_misuse; true'
[ "$rig_dir" ] || rig_sum

# side, command: what it says behind OUT
out() {
	"$top/tools/vm" --attach "$rig_dir" --timeout 300 "--$1-run" "$2" >"$work/said" 2>&1 || :
	sed -n "s/^$1| OUT //p" "$work/said"
}
nothing='0 0 0 { }'
all='1 1 256 { fea00-feaff }'
state() {
	out host "sh /share/state.sh $1" | sed 's/{ *}/{ }/'
}
clean_log() {
	same "kernel log, $1" none "$(out "$1" 'echo OUT $(dmesg | grep -E "BUG|WARNING|Oops|Bad page|Call Trace" || echo none)')"
}
# what: nothing is left of it, and a program can map again
as_before() {
	same "$1: left" "$nothing" "$(state 0)"
	same "$1: again" "holding still there" "$(out guest 'sh /share/try.sh 60')"
	same "$1: left after that" "$nothing" "$(state 0)"
}

deaths() {
	same "before" "$nothing" "$(state 0)"
	for victim in program guestd session supervisor; do
		same "$victim: mapped" holding "$(out guest 'sh /share/hold.sh')"
		same "$victim: state" "$all" "$(state 256)"
		wanted="holding SIGBUS status 0"
		case $victim in
		program)
			out guest 'pkill -9 -x bar'
			wanted="holding status 137"
			;;
		guestd) out guest 'kill -9 $(systemctl show -P MainPID paradice-guestd)' ;;
		session) out host 'pkill -9 -f "[p]aradice-hostd: session guest"' ;;
		supervisor) out host 'kill -9 $(systemctl show -P MainPID paradice-hostd)' ;;
		esac
		same "$victim: program" "$wanted" "$(out guest 'sh /share/held.sh')"
		as_before "$victim"
	done
}

# what, frame, what the program shall say
lie() {
	same "lie: $1" "$3" "$(out guest "echo $2 >/run/paradice-frame-lie; sh /share/try.sh 1")"
	same "lie: $1: left" "$nothing" "$(state 0)"
}

lies() {
	out guest 'd=/run/systemd/system/paradice-guestd.service.d; mkdir -p $d
		printf "[Service]\nEnvironment=LD_PRELOAD=/share/frame_lie.so\n" >$d/lie.conf
		systemctl daemon-reload; systemctl restart paradice-guestd'
	as_before "preloaded"
	refused="/dev/$node: mmap: Invalid argument"
	lie "none" 0 "$refused"
	lie "huge" 0x10000000000 "$refused"
	lie "wraps" 0xffffffffffffffff "$refused"
	lie "beyond its address space" 0x8000000000 "/dev/$node: mmap: No such device"
	# Where it does not look itself is its own affair.
	lie "another" 0x200000 "holding still there"
	same "lie: twice: the first" holding \
		"$(out guest 'echo 0x200000 >/run/paradice-frame-lie; sh /share/hold.sh')"
	same "lie: twice" "$refused" "$(out guest 'sh /share/try.sh 1')"
	same "lie: twice: the first has it" "$all" "$(state 256)"
	out guest 'pkill -9 -x bar'
	same "lie: twice: left" "$nothing" "$(state 0)"
	same "lie: RAM" holding "$(out guest 'rm /run/paradice-frame-lie
		python3 /share/ram.py </dev/null >/dev/null 2>&1 &
		until [ -s /run/paradice-frame-lie ]; do sleep 0.1; done; sh /share/hold.sh 1')"
	same "lie: RAM: state" "1 1 1 { fea00 }" "$(state 1)"
	out guest 'pkill -9 -x bar; rm /run/paradice-frame-lie'
	as_before "lie: RAM"
	out guest 'rm -r /run/systemd/system/paradice-guestd.service.d
		systemctl daemon-reload; systemctl restart paradice-guestd'
	as_before "honest again"
}

case $rig in
xen-pvh)
	deaths
	lies
	clean_log guest
	same "destroyed: mapped" holding "$(out guest 'sh /share/hold.sh')"
	# The rig must not take the domain's end for its own.
	same "destroyed" "0 0 0 gone" \
		"$(out host 'pkill -9 -f "[d]omu-start"; xl destroy guest; sh /share/state.sh 0')"
	same "destroyed: domains" 1 "$(out host 'echo OUT $(($(xl list | wc -l) - 1))')"
	;;
xen-pv)
	same "says why" 1 "$(out guest 'echo OUT $(journalctl -u paradice-guestd | grep -c "only a PVH or HVM guest can have it")')"
	clean_log guest
	;;
esac
clean_log host
rig_sum

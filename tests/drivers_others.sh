# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# Cases of run_drivers.sh for all other devices; see drivers_cases.sh.

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
	await 60 seen 1 '^prompt> ' "$scratch/out"
	printf 'stty size\necho $((6 * 7)); tty -s && echo terminal\nexit\n' >/dev/ptyB
	wait $shell
	await 60 seen 3 "^prompt> " "$scratch/out"
	kill $reader
	cat "$scratch/out"
}

# As by Ctrl-Z and fg.
case_stopped() {
	stty -F /dev/ptyA raw -echo
	stty -F /dev/ptyB raw -echo
	head -c 5 /dev/ptyA >"$scratch/out" &
	sleep 1
	kill -STOP $!
	sleep 1
	kill -CONT $!
	sleep 1
	printf hello >/dev/ptyB
	wait $!
	echo "status $?, $(cat "$scratch/out")"
	stty -F /dev/ptyA sane 38400
}

# ---- The rest ----

case_tun() {
	program tun /dev/net/tun
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

case_gpio() {
	[ -c /dev/gpiochip0 ] || skip "this kernel has no hid-mcp2221 with lines"
	python3 "$share/drivers_buses.py" gpio /dev/gpiochip0
}

case_spi() {
	[ -c /dev/spidev0.0 ] || skip "this kernel has no spi-lm70llp"
	python3 "$share/drivers_buses.py" spi /dev/spidev0.0
}

case_heap() {
	[ -c /dev/dma_heap/system ] || skip "this kernel has no DMA heap (Debian's 6.12 has)"
	python3 "$share/drivers_buses.py" heap /dev/dma_heap/system
}

# Counts only: what failed stands in the whole output.
case_memops() {
	"$share/memops_test" /dev/memops
}

case_memops_32() {
	[ -x "$share/memops_test32" ] || skip "no 32-bit compiler"
	"$share/memops_test32" /dev/memops
}

case_lirc() {
	ir-ctl -d /dev/lirc0 --features
	timeout 20 ir-ctl -d /dev/lirc0 --receive --one-shot --mode2 >"$scratch/out" &
	sleep 1
	ir-ctl -d /dev/lirc0 -S nec:0x1234 --carrier=38000 --emitters=1
	wait
	cat "$scratch/out"
}

case_watchdog() {
	wdctl /dev/watchdog0
	wdctl --settimeout 45 /dev/watchdog0
	wdctl --settimeout 60 /dev/watchdog0
	wdctl -O /dev/watchdog0
	program watchdog /dev/watchdog0
}

# It looks for the device's description in sysfs, and prints an address. What is
# connected is known once somebody has asked the driver.
case_drm_info() {
	modetest -M virtio_gpu -c >/dev/null
	drm_info /dev/dri/card0
	modeprint virtio_gpu
	proptest -M virtio_gpu
}
filter_drm_info() {
	sed -e '/^drmGetDevice/d' -e '/───Device: /d' -e '/Available nodes: /d' -e '/^\tmode *: 0x/d'
}

case_picocom() {
	stty -F /dev/ptyA sane
	stty -F /dev/ptyB raw -echo
	picocom -b 19200 -f n -p e --noreset -q -x 100 -t 'hello' /dev/ptyA
	head -c 5 /dev/ptyB
	stty -F /dev/ptyA -a
	stty -F /dev/ptyA sane 38400 -clocal
}

case_serial() {
	setserial -a /dev/ttyS1
	stty -F /dev/ttyS1 raw 57600 crtscts -echo
	stty -F /dev/ttyS1 -a
	program serial /dev/ttyS1
	stty -F /dev/ttyS1 sane 9600 -crtscts
}

case_console() {
	kbd_mode -C /dev/tty1
	dumpkeys -C /dev/tty1 | md5sum
	setleds -F </dev/tty1
	setmetamode </dev/tty1
	kbdinfo -C /dev/tty1 getmode
	kbdinfo -C /dev/tty1 gkbmeta
	stty -F /dev/tty1 size
	printf 'on the screen\n' >/dev/tty2
	dd if=/dev/vcs2 bs=2000 count=1 2>/dev/null | tr -s ' '
	dd if=/dev/vcsa2 bs=4 count=1 2>/dev/null | od -An -tx1
	printf '\033c' >/dev/tty2
}

# The times of the clock and of this machine's last adjustment.
case_hwclock() {
	hwclock --rtc /dev/rtc0 --verbose --show --noadjfile --utc
	hwclock --rtc /dev/rtc0 --param-get=features
}
filter_hwclock() { sed '/[0-9]\{4\}[-/][0-9][0-9]\|[0-9]\{9\}/d'; }

case_rtcwake() {
	need_sys rtcwake
	rtcwake -d /dev/rtc0 -m show
}
filter_rtcwake() { filter_hwclock; }

case_loop() {
	program loop-control /dev/loop-control
}

case_random() {
	program random /dev/random
	dd if=/dev/hwrng bs=64 count=1 iflag=fullblock 2>/dev/null | wc -c
}

case_sg_more() {
	sg_vpd --page=bl /dev/sg0
	sg_logs -a /dev/sg0
	sg_opcodes /dev/sg0
	sdparm --all /dev/sg0
	sg_scan /dev/sg0
	sg_senddiag -t /dev/sg0
	sg_requests /dev/sg0
	sg_verify --lba=0 --count=8 /dev/sg0
	sg_write_same --lba=16 --num=8 --xferlen=512 /dev/sg0
	sg_get_lba_status --lba=0 /dev/sg0
	sg_persist -k /dev/sg0
	sg_stream_ctl /dev/sg0
}

# The tools that look in sysfs find nothing in another machine.
case_mtd() {
	mtd_debug info /dev/mtd0
	head -c 5000 /dev/urandom >"$scratch/in"
	mtd_debug erase /dev/mtd0 0 131072
	mtd_debug write /dev/mtd0 4096 5000 "$scratch/in"
	mtd_debug read /dev/mtd0 4096 5000 "$scratch/out"
	cmp "$scratch/in" "$scratch/out" && echo "what was written was read"
	flashcp -v "$scratch/in" /dev/mtd0
	mtd_debug erase /dev/mtd0 0 393216
	program positions /dev/mtd0
	flash_otp_info -u /dev/mtd0
	# Whole blocks of flash that takes whole pages only, from a buffer that begins at none.
	[ ! -c /dev/mtd1 ] || nandtest --length 524288 /dev/mtd1 2>&1
}
filter_mtd() { sed 's,/tmp/[^ ]*/,,'; }

# SPDX-License-Identifier: GPL-2.0-or-later
# mapping_cycles.sh N [PARTY…]: in the guest of run_mapping.sh and run_cycles.sh: N times for
# each party, a program maps a buffer (150 pages), the party is killed (the module unloaded)
# and started again, and the node works. What is left is counted before and after: grants, open
# descriptors, CUSE devices, users of the modules, processes, memory.
. /share/there.sh
n_cycles=$1
shift
parties=${*:-program guestd session hostd module}
node=/dev/$CAMERA
config=/etc/paradice
module=/lib/modules/$(uname -r)/updates/mmhelper.ko
: >/tmp/there.log
mkfifo /tmp/held && exec 3<>/tmp/held
# Systemd's own restarts take long, and end after some.
systemctl stop paradice-guestd

descriptors() {
	n=0
	for fd in $(pgrep -f 'paradice-(guestd|hostd)' | sed 's,.*,/proc/&/fd/*,'); do
		[ ! -L "$fd" ] || n=$((n + 1))
	done
	echo $n
}
users() {
	for module in mmhelper vivid cuse; do
		[ ! -e /sys/module/$module/refcnt ] || echo "$module $(cat /sys/module/$module/refcnt)"
	done
}
counts() {
	echo "here: $(echo $(users)), $(pgrep -c 'paradice') processes, $(descriptors) descriptors," \
		"$(ls /sys/class/cuse | wc -l) nodes"
	[ "$PARADICE_RIG" = loopback ] ||
		echo "there: $(there 'echo vivid $(cat /sys/module/vivid/refcnt), mmhelper $(cat /sys/module/mmhelper/refcnt)')"
	echo "$(soon 0 exported) pages exported"
}
# The first grant of the rings: one hostd grants them once.
ring_ref() {
	[ "$PARADICE_RIG" = loopback ] || there 'xenstore-read data/paradice/$domid/ring-ref'
}
# kB that are in nobody's use but the kernel's
kernel_memory() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^(SUnreclaim|VmallocUsed|PageTables):/ { n += $2 } END { print n }' /proc/meminfo
}

# The kB that are free in the driver domain: grants of pages that Linux does not get back are not.
memory_there() {
	[ "$PARADICE_RIG" = loopback ] || there \
		"sync; echo 3 >/proc/sys/vm/drop_caches; awk '/^MemFree:/ { print \$2 }' /proc/meminfo"
}

here_start() {
	paradice-guestd --foreground --config $config/guestd.conf >>/tmp/guestd.log 2>&1 &
	guestd=$!
}
hostd_start() {
	paradice-hostd --foreground --config $config/hostd.conf >>/tmp/hostd.log 2>&1 &
	hostd=$!
}
hostd_kill() {
	kill -9 $hostd
	wait $hostd
} 2>/dev/null
# In the driver domain systemd starts it again.
hostd_restart() {
	if [ "$PARADICE_RIG" = loopback ]; then
		hostd_kill
		hostd_start
	else
		there 'pkill -9 -o -x paradice-hostd; pidwait -f "paradice-hostd: session"' >/dev/null
	fi
}
session_kill() {
	there "pkill -9 -f 'paradice-hostd: session guest'" >/dev/null
}
guestd_kill() {
	kill -9 $guestd
	wait $guestd
} 2>/dev/null
# The module goes with the last mapping of a program, and the daemon's file.
module_swap="for _ in \$(seq 100); do ! rmmod mmhelper || break; sleep 0.1; done 2>/dev/null; insmod $module 2>&1"
# False if it could not be unloaded. Both domains at the same time: each has a processor.
module_reload() {
	if [ "$PARADICE_RIG" != loopback ]; then
		there "systemctl stop paradice-hostd; $module_swap; systemctl start paradice-hostd" >/tmp/there.log &
		reloading=$!
	fi
	guestd_kill
	[ "$PARADICE_RIG" != loopback ] || hostd_kill
	kill -9 $holder
	eval "$module_swap" >/tmp/here.log
	[ "$PARADICE_RIG" = loopback ] && hostd_start || wait $reloading
	here_start
	! grep . /tmp/here.log /tmp/there.log
} 2>/dev/null

# Without another program where the shell has the means: under emulation those are
# what a cycle takes its time for.
map() {
	/share/mapping_hold $node 1000 >&3 2>&1 &
	holder=$!
	while read -r said <&3; do
		case $said in
		holding) return 0 ;;
		SIG*) ;; # the last words of one before
		*) echo "mapping_hold: $said" && return 1 ;;
		esac
	done
}
works() {
	tries=600
	while [ $tries -gt 0 ]; do
		/share/mapping_hold $node 0 >/tmp/works.log 2>&1
		[ $? != 2 ] || return 0 # "still there"
		sleep 0.05
		tries=$((tries - 1))
	done
	cat /tmp/works.log
	return 1
}
cycle() {
	map || return 1
	case $1 in
	program) kill -9 $holder ;;
	guestd) guestd_kill; here_start ;;
	session) session_kill ;;
	hostd) hostd_restart ;;
	module) module_reload || return 1 ;;
	esac
	kill -9 $holder 2>/dev/null
	wait $holder 2>/dev/null
	works
}

if [ "$PARADICE_RIG" = loopback ]; then
	systemctl stop paradice-hostd
	hostd_start
else
	# A second a cycle would be systemd's pause.
	there 'cd /run/systemd/system; mkdir paradice-hostd.service.d; (echo "[Service]"; echo "RestartSec=100ms") \
		>paradice-hostd.service.d/cycles.conf; systemctl daemon-reload' >/dev/null
fi
here_start
works || exit 1
for party in $parties; do
	cycle $party # what is made once is made
done
started=$(date +%s)
before=$(counts) memory=$(kernel_memory) free=$(memory_there)
for party in $parties; do
	bad=0 since=$(date +%s) ref=$(ring_ref)
	for n in $(seq "$n_cycles"); do
		cycle $party || bad=$((bad + 1))
		[ $((n % 100)) != 0 ] || echo "mapping_cycles: $n of $party in $(($(date +%s) - since)) s"
	done
	same "$n_cycles cycles of $party: that failed" 0 $bad
	# What dies lets go a moment later.
	for _ in $(seq 50); do
		after=$(counts)
		[ "$after" != "$before" ] || break
		sleep 0.2
	done
	same "$n_cycles cycles of $party: counts" "$before" "$after"
	case $PARADICE_RIG-$party in
	loopback-* | *-hostd | *-module) ;;
	*) same "$n_cycles cycles of $party: rings" "$ref" "$(ring_ref)" ;;
	esac
	echo "mapping_cycles: $n_cycles of $party in $(($(date +%s) - since)) s"
done
grown=$(($(kernel_memory) - memory))
echo "mapping_cycles: $n_cycles of each in $(($(date +%s) - started)) s; $(echo $after); the kernel has $grown kB more"
# A page for each cycle would be more.
same "memory" "less than a page a cycle" "$([ $grown -lt $((4096 + n_cycles * 4)) ] && echo less than a page a cycle)"
if [ "$free" ]; then
	lost=$((free - $(memory_there)))
	echo "mapping_cycles: the driver domain has $lost kB less"
	# A domain's rings are 129 pages; the journal takes some kB for each cycle.
	same "memory there" "less than 16 pages a cycle" \
		"$([ $lost -lt $((32768 + n_cycles * 64)) ] && echo less than 16 pages a cycle)"
fi
guestd_kill
if [ "$PARADICE_RIG" = loopback ]; then
	hostd_kill
	systemctl start paradice-hostd
fi
systemctl start paradice-guestd
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]

# SPDX-License-Identifier: GPL-2.0-or-later
# rig.sh: what the run_*.sh for the rigs have in common. They source it with their own
# arguments, RIG BUILD…, and top set. Afterwards there are rig, build, work (goes at the
# end) and share (is /share in the machines). RIG_KERNEL=VERSION: the machines have
# another kernel (tools/vm --kernel). RIG_TOGETHER=DIR: see run_together.sh.
rig=$1
build=$(cd "$2" && pwd)
work=$(mktemp -d)
share=$work/share
mkdir "$share"
rig_name=$(basename "$0" .sh)
rig_vm= rig_dir=
rig_qmp=${RIG_TOGETHER:-$work}/qmp # for those that want tools/vm --qmp
rig_clean() {
	if [ "$rig_vm" ]; then
		kill "$rig_vm" 2>/dev/null || :
		wait "$rig_vm" || :
	fi
	rm -rf --one-file-system "$work"
}
trap rig_clean EXIT
trap 'exit 130' INT TERM HUP

# program…: those of the build go to /share, and libcheck's only library that a Debian
# machine does not have anyway
rig_take() {
	for program; do
		cp "$build/tests/$program" "$share"
		ldd "$build/tests/$program" | sed -n 's/.*libsubunit.* => \([^ ]*\).*/\1/p' | xargs -r -I{} cp {} "$share"
	done
}

# name, path, name in the guest: one more device that the guest may use
rig_device() {
	cat >>"$work/hostd.conf" <<EOF
device "$1" {
	path = "$2"
	name = "$3"
	guests = { "guest" }
}
EOF
}

# Writes /share/there.sh, which a script in the guest sources, and /share/ears.sh, which
# the driver domain has to run meanwhile (but for loopback).
rig_there() {
	cat >"$share/there.sh" <<'EOF'
# "there COMMAND" runs it in the driver domain, through the guest's part of xenstore.
there() {
	if [ "$PARADICE_RIG" = loopback ]; then
		eval "$1"
		return
	fi
	n_asked=$(($(cat /tmp/asked 2>/dev/null || echo 0) + 1))
	echo $n_asked >/tmp/asked
	xenstore-write data/ask "$n_asked $1"
	answer_tries=200
	while [ $answer_tries -gt 0 ]; do
		answer=$(xenstore-read data/answer 2>/dev/null || true)
		if [ "${answer%% *}" = "$n_asked" ]; then
			echo "${answer#* }"
			return
		fi
		sleep 0.1
		answer_tries=$((answer_tries - 1))
	done
	echo "no answer"
}
# pages that the driver domain's module has granted
exported() {
	there 'cat /sys/module/mmhelper/parameters/exported_pages'
}
# wanted, command: until it prints that, or does not for long; prints what it said last
soon() {
	for _ in $(seq 60); do
		is=$(eval "$2")
		[ "$is" != "$1" ] || break
		sleep 0.3
	done
	echo "$is"
}
passed=0 failed=0
# what, wanted, is
same() {
	if [ "$2" = "$3" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAILED: $1: \"$3\", not \"$2\""
	fi
}
EOF
	cat >"$share/ears.sh" <<'EOF'
until domid=$(xl domid guest 2>/dev/null); do sleep 1; done
data=/local/domain/$domid/data last=
xenstore-watch $data/ask | while read -r _; do
	ask=$(xenstore-read $data/ask 2>/dev/null) || continue
	[ "$ask" != "$last" ] || continue
	last=$ask
	xenstore-write $data/answer "${ask%% *} $(eval "${ask#* }")"
done
EOF
}

# options of tools/vm…: runs a rig to its end, or with --keep until it is ready, with
# the devices of rig_device; its status is in rig_status, what it said in $work/log.
rig_run() {
	rig_status=0
	if [ "${RIG_TOGETHER:-}" ] && [ ! -e "$RIG_TOGETHER/rig" ]; then
		rig_pack "$@"
		exit 0
	fi
	if [ "${RIG_TOGETHER:-}" ]; then
		rig_enter
		return
	fi
	set -- "$top/tools/vm" --rig "$rig" --build "$build" --share "$share" --hostd-conf "$work/hostd.conf" --boots 5 \
		${RIG_KERNEL:+--kernel "$RIG_KERNEL"} --timeout "${RIG_TIMEOUT:-1500}" "$@"
	case " $* " in
	*" --keep "*) rig_start "$@" ;;
	*) "$@" >"$work/log" 2>&1 || rig_status=$? ;;
	esac
	grep -v '^[a-z]*| OUT ' "$work/log" || :
	# After a boot from the beginning (tools/vm), only what came since counts.
	sed -n -i '/booting the rig once more/{h;d};H;${g;p}' "$work/log"
}

# Ends when the rig is ready, and rig_dir is what --attach wants, or has failed.
rig_start() {
	"$@" >"$work/log" 2>&1 &
	rig_vm=$!
	until rig_dir=$(sed -n 's/.*tools\/vm --attach \([^ ]*\) .*/\1/p' "$work/log") && [ "$rig_dir" ]; do
		if ! kill -0 $rig_vm 2>/dev/null; then
			wait $rig_vm || rig_status=$?
			[ $rig_status != 0 ] || rig_status=1
			rig_vm=
			return
		fi
		sleep 0.5
	done
	rig_status=$(sed -n 's/.*the guest command ended with status //p' "$work/log" | tail -n 1)
	rig_status=${rig_status:-0}
}

# Leaves in RIG_TOGETHER what this script wants in the machines, and its commands.
rig_pack() {
	cp "$work/hostd.conf" "$share"
	echo true | tee "$share/host-run" >"$share/guest-run"
	while [ $# != 0 ]; do
		case $1 in
		--host-run | --guest-run) echo "$2" >"$share/${1#--}" ;;
		--qemu-arg) echo "$2" >>"$RIG_TOGETHER/qemu-args" ;;
		esac
		shift
	done
	mv "$share" "$RIG_TOGETHER/share/$rig_name"
}

# What rig_run does, in the rig that runs in RIG_TOGETHER.
rig_enter() {
	rig_dir=$(cat "$RIG_TOGETHER/rig")
	"$top/tools/vm" --attach "$rig_dir" --timeout "${RIG_TIMEOUT:-1500}" \
		--host-run "sh /suites/enter.sh $rig_name host" --guest-run "sh /suites/enter.sh $rig_name guest" \
		>"$work/log" 2>&1 || rig_status=$?
	grep -v '^[a-z]*| OUT ' "$work/log" || :
}

# side, command: runs it in a kept rig; what it says is in $work/said, and joins $work/log
rig_attach() {
	"$top/tools/vm" --attach "$rig_dir" --timeout "${RIG_TIMEOUT:-1500}" "--$1-run" "$2" >"$work/said" 2>&1 ||
		echo "FAILED: in the $1: $2"
	grep -v -e '^vm|' -e '^[a-z]*| OUT ' "$work/said" || :
	cat "$work/said" >>"$work/log"
}

passed=0 failed=0
# what, wanted, is
same() {
	if [ "$2" ] && [ "$2" = "$3" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAILED: $1: \"$3\", not \"$2\""
	fi
}

# True if the emulation has ended the domain: in each of its boots, or when the rig was
# kept (BootError in tools/rig/report.py).
rig_emulation() {
	[ "$rig_status" = 126 ] || { [ "$rig_dir" ] && grep -qs "Triple fault" "$rig_dir/logs/console.log"; }
}

# Ends the script with the sum of our own passed and failed and of those that programs in
# the rig have printed. A rig that failed without a failed test counts as one. The status
# is 126 where the emulation is to blame.
rig_sum() {
	# shellcheck disable=SC2046 # three numbers
	set -- $(sed -n 's/^[hg][a-z]*| \([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p' "$work/log" |
		awk -v p=$passed -v f=$failed -v s="$rig_status" '
			{ p += $1; f += $2; k += $3 } END { if (s != 0 && f == 0) f = 1; print p, f + 0, k + 0 }')
	echo "$1 passed, $2 failed, $3 skipped"
	[ "$2" != 0 ] || exit 0
	rig_emulation && exit 126
	exit 1
}

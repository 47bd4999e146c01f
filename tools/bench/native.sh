#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What `make bench` runs: both daemons on this kernel (unix transport, FUSE front
# end) around /dev/zero and /dev/null, once with poll-us = auto and once with 0, and
# paradice-bench on them. Prints its tables and RATIO lines, takes about a minute
# and a half. Needs /dev/fuse and root. Exits with 1 when something could not be
# measured, not when a target was missed.
#
# HOSTD, GUESTD and BENCH name the programs; SECONDS_EACH scales the time.
set -u

HOSTD=${HOSTD:-src/hostd/paradice-hostd}
GUESTD=${GUESTD:-src/guestd/paradice-guestd}
BENCH=${BENCH:-tools/bench/paradice-bench}
SECONDS_EACH=${SECONDS_EACH:-0.5}

dir=
hostd=
guestd=
bench=

say() {
	echo "bench: $*" >&2
}

die() {
	say "$*"
	for log in hostd guestd; do
		[ -n "$dir" ] && [ -s "$dir/$log.log" ] && sed "s/^/bench: $log.log: /" "$dir/$log.log" >&2
	done
	exit 1
}

# Ends one process that we started; waits 3 s before it is killed.
end() {
	[ -n "$1" ] || return 0
	kill -TERM "$1" 2>/dev/null
	tries=0
	while kill -0 "$1" 2>/dev/null && [ $tries -lt 30 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
	kill -0 "$1" 2>/dev/null && kill -KILL "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

stop_daemons() {
	end "$guestd"
	guestd=
	end "$hostd"
	hostd=
	# only after a crash is it still mounted; never remove files through a mount
	if [ -n "$dir" ] && grep -q " $dir/dev " /proc/mounts; then
		umount -l "$dir/dev"
	fi
	[ -z "$dir" ] || rm -f "$dir/guest.sock"
}

# shellcheck disable=SC2317 # called by the trap
clean() {
	status=$?
	trap - EXIT INT TERM HUP
	end "$bench"
	stop_daemons
	if [ -n "$dir" ]; then
		rm -f "$dir/hostd.conf" "$dir/hostd.log" "$dir/guestd.log" "$dir/out"
		rmdir "$dir/dev" "$dir" 2>/dev/null || say "left behind: $dir"
	fi
	exit "$status"
}

# All processes below $1, one pid a line.
descendants() {
	for stat in /proc/[0-9]*/stat; do
		# the name may hold blanks: fields count from after its bracket
		read -r line 2>/dev/null <"$stat" || continue
		pid=${line%% *}
		rest=${line##*) }
		parent=${rest#* }
		parent=${parent%% *}
		[ "$parent" = "$1" ] || continue
		echo "$pid"
		descendants "$pid"
	done
}

# Starts both daemons with poll-us = $1 and waits for the nodes.
start_daemons() {
	cat >"$dir/hostd.conf" <<-END
		poll-us = $1
		guest "bench" { socket = "$dir/guest.sock" }
		device "zero" { path = "/dev/zero" guests = { "bench" } }
		device "null" { path = "/dev/null" guests = { "bench" } }
		device "declared" { path = "/dev/tty0" name = "declared" ioctls = "declared" guests = { "bench" } }
		device "on-demand" { path = "/dev/tty0" name = "on-demand" ioctls = "on-demand" guests = { "bench" } }
	END
	"$HOSTD" --foreground --config "$dir/hostd.conf" 2>"$dir/hostd.log" >&2 &
	hostd=$!
	tries=0
	until [ -S "$dir/guest.sock" ]; do
		kill -0 $hostd 2>/dev/null || die "paradice-hostd ended at once"
		[ $tries -lt 100 ] || die "paradice-hostd offers no socket after 10 s"
		sleep 0.1
		tries=$((tries + 1))
	done
	"$GUESTD" --foreground --host "unix:$dir/guest.sock" --frontend fuse \
		--mount "$dir/dev" --poll-us "$1" 2>"$dir/guestd.log" >&2 &
	guestd=$!
	tries=0
	until [ -e "$dir/dev/zero" ]; do
		kill -0 $guestd 2>/dev/null || die "paradice-guestd ended at once"
		[ $tries -lt 100 ] || die "paradice-guestd serves no zero after 10 s"
		sleep 0.1
		tries=$((tries + 1))
	done
}

# Runs the bench in the background, so that a signal reaches us while it runs. It
# has to print the RATIOs in $expected.
run_bench() {
	"$BENCH" "$@" "$dir/dev/zero" >"$dir/out" &
	bench=$!
	wait $bench
	result=$?
	bench=
	cat "$dir/out"
	echo
	for name in $expected; do
		if ! grep -q "^RATIO $name " "$dir/out"; then
			say "no RATIO $name"
			result=1
		fi
	done
	return $result
}

for program in "$HOSTD" "$GUESTD" "$BENCH"; do
	[ -x "$program" ] || die "$program: not there: run make first"
done
[ -w /dev/fuse ] || die "/dev/fuse: not there or not writable: load fuse, run as root"
dir=$(mktemp -d "${TMPDIR:-/tmp}/paradice-bench.XXXXXX") || exit 1
trap clean EXIT
trap 'exit 130' INT TERM HUP
mkdir "$dir/dev"

failed=0
say "poll-us = auto"
start_daemons auto
sessions=
for pid in $(descendants "$hostd"); do
	sessions="$sessions --pid-session $pid"
done
expected="ioctl-vs-fuse-adaptive read-1MiB-vs-fuse ops-16-threads-vs-naive
	guestd-rss-vs-8MiB session-rss-vs-8MiB idle-cpu-ticks"
terminals=
if [ -c /dev/tty0 ]; then
	terminals="--declared $dir/dev/declared --on-demand $dir/dev/on-demand --terminal /dev/tty0"
	expected="$expected ioctl-nested-vs-flat ioctl-on-demand-vs-flat"
else
	say "no virtual terminal /dev/tty0 here: nested ioctls and ioctls on demand are not measured"
fi
# shellcheck disable=SC2086
run_bench --label "poll-us = auto" --pid-hostd "$hostd" --pid-guestd "$guestd" \
	$sessions $terminals --native /dev/zero --floor fuse --seconds "$SECONDS_EACH" || failed=1
stop_daemons
say "poll-us = 0"
start_daemons 0
expected=ioctl-vs-fuse-poll0
run_bench --label "poll-us = 0" --poll-us 0 --floor fuse --threads 1 --only ioctl \
	--seconds "$(echo "$SECONDS_EACH" | awk '{ print 4 * $1 }')" || failed=1
[ $failed = 0 ] || die "not everything could be measured"
exit 0

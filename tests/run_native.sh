#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Runs the integration tests on one kernel: puppet, paradice-hostd over the unix
# transport, and paradice-guestd with a FUSE mount. Environment (defaults: the
# build tree this is run in): HOSTD, GUESTD, PUPPET, INTEGRATION; FRONTEND (fuse
# or cuse), KEEP (keep the folder), IOCTLS (the devices' policy for ioctls: declared).
# Exits 77 with the reason if it cannot run here.

HOSTD=$(realpath "${HOSTD:-src/hostd/paradice-hostd}")
GUESTD=$(realpath "${GUESTD:-src/guestd/paradice-guestd}")
PUPPET=$(realpath "${PUPPET:-tests/puppet}")
INTEGRATION=$(realpath "${INTEGRATION:-tests/integration}")
FRONTEND=${FRONTEND:-fuse}
LIMIT=1200 # seconds; only a hang takes that long
dir= puppet= guestd= integration=

skip() {
	echo "SKIP: run_native: $1"
	exit 77
}

fail() {
	echo "FAIL: run_native: $1"
	exit 1
}

alive() {
	[ -n "$1" ] && kill -0 "$1" 2>/dev/null
}

# Waits until the command succeeds, at most about 20 seconds.
wait_until() {
	n=0
	until "$@" 2>/dev/null; do
		n=$((n + 1))
		[ $n -lt 200 ] || return 1
		sleep 0.1
	done
}

gone() {
	! alive "$1"
}

end_process() {
	alive "$1" || return 0
	kill -TERM "$1" 2>/dev/null
	wait_until gone "$1" || kill -KILL "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

unmount() {
	umount -l "$1" 2>/dev/null || fusermount3 -uz "$1" 2>/dev/null
}

cleanup() {
	status=$?
	trap - EXIT
	# guestd first: its end ends whatever a test may hang in.
	end_process "$guestd"
	end_process "$integration"
	end_process "$puppet"
	[ -n "$dir" ] || exit $status
	if grep -q " $dir/dev " /proc/self/mounts; then
		unmount "$dir/dev"
	fi
	if [ $status -ne 0 ] && [ $status -ne 77 ]; then
		for log in hostd guestd; do
			echo "---- the end of $log's log:"
			tail -n 40 "$dir/$log.log"
		done
	fi
	if [ -n "$KEEP" ]; then
		echo "kept: $dir"
	else
		rm -rf --one-file-system "$dir"
	fi
	exit $status
}

ask() {
	"$PUPPET" --ask "$control" "$1"
}

# The word of the puppet's answer after its name.
ask_number() {
	ask "$1" | sed 's/^[^ ]* //'
}

no_session() {
	[ "$(ask_number sessions)" = 0 ]
}

idle_again() {
	[ "$(ask_number count-fds)" = "$idle_fds" ]
}

start_guestd() {
	"$GUESTD" --foreground --host "unix:$dir/host.sock" --frontend "$FRONTEND" --mount "$dir/dev" \
		>>"$dir/guestd.log" 2>&1 &
	guestd=$!
	wait_until test -e "$nodes/$prefix/control" || fail "no node $nodes/$prefix/control appears"
}

for program in "$HOSTD" "$GUESTD" "$PUPPET" "$INTEGRATION"; do
	[ -x "$program" ] || fail "$program is not there: make check builds it"
done
if [ "$FRONTEND" = cuse ]; then
	[ -w /dev/cuse ] || skip "no /dev/cuse, or not allowed to open it"
else
	[ -e /dev/fuse ] || skip "no /dev/fuse"
	{ : <>/dev/fuse; } 2>/dev/null || skip "not allowed to open /dev/fuse"
	[ "$(id -u)" = 0 ] || command -v fusermount3 >/dev/null || skip "no fusermount3, and not root"
fi

trap cleanup EXIT
trap 'exit 130' INT TERM HUP
dir=$(mktemp -d /tmp/paradice-native.XXXXXX) || fail "mktemp"
chmod 0755 "$dir"
mkdir "$dir/dev"
prefix=ptest
nodes=$dir/dev
if [ "$FRONTEND" = cuse ]; then
	prefix=ptest$$
	nodes=/dev
fi
cat >"$dir/hostd.conf" <<-END
	log-level = "info"
	guest "guest" { socket = "$dir/host.sock" max-handles = 200 }
END

"$PUPPET" --conf "$dir/hostd.conf" --prefix "$prefix" --pidfile "$dir/puppet.pid" \
	--control "$dir/control" --ioctls "${IOCTLS:-declared}" \
	--hostd-command "exec '$HOSTD' --foreground --config '$dir/hostd.conf' >>'$dir/hostd.log' 2>&1" &
puppet=$!
wait_until test -s "$dir/control" || fail "the puppet does not start"
control=$(cat "$dir/control")
ask start-hostd >/dev/null || fail "the puppet does not answer"
wait_until test -S "$dir/host.sock" || fail "hostd does not listen"
idle_fds=$(ask_number count-fds)
start_guestd

[ -z "$IOCTLS" ] || export PARADICE_IOCTLS="$IOCTLS"
PARADICE_DEV=$nodes PARADICE_PREFIX=$prefix PARADICE_TRANSPORT=unix "$INTEGRATION" &
integration=$!
seconds=0
while alive $integration; do
	sleep 1
	seconds=$((seconds + 1))
	[ $seconds -lt $LIMIT ] || fail "the tests hang"
done
wait $integration
result=$?
integration=
[ $result -eq 0 ] || exit $result
alive "$guestd" || fail "guestd has ended"

# A guest that dies leaves nothing behind.
exec 9<>"$nodes/$prefix/tty0"
[ "$(ask_number '@tty0 count-open')" = 1 ] || fail "hostd does not have tty0 open once"
kill -KILL "$guestd"
wait "$guestd" 2>/dev/null
exec 9>&-
guestd=
unmount "$nodes"
wait_until no_session || fail "the session of a dead guest stays: $(ask sessions)"
[ "$(ask_number '@tty0 count-open')" = 0 ] || fail "tty0 stays open for a dead guest"
# Mirrors end a moment after their session, and the supervisor watches each.
wait_until idle_again || fail "hostd had $idle_fds descriptors before the guest and has $(ask_number count-fds) after it"
start_guestd
echo "PASS: a guest that dies leaves nothing behind, and the next one is served"
exit 0

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# run_native.sh without root: sessions keep the user, and fusermount3 mounts.
# Environment as there; NATIVE is that script, USER_ID the user (65534).

NATIVE=$(realpath "${NATIVE:-$(dirname "$0")/run_native.sh}")
USER_ID=${USER_ID:-65534}

skip() {
	echo "SKIP: run_native_user: $1"
	exit 77
}

[ "$(id -u)" = 0 ] || skip "not root: run_native.sh has run without root already"
command -v setpriv >/dev/null || skip "no setpriv (util-linux) to become another user"
as_user() {
	setpriv --reuid="$USER_ID" --regid="$USER_ID" --clear-groups "$@"
}
for program in "$NATIVE" "$(realpath "${HOSTD:-src/hostd/paradice-hostd}")" \
	"$(realpath "${GUESTD:-src/guestd/paradice-guestd}")"; do
	as_user test -r "$program" || skip "user $USER_ID may not read $program"
done
as_user test -w /dev/fuse || skip "user $USER_ID may not open /dev/fuse"
[ -u "$(command -v fusermount3)" ] || skip "no fusermount3 that may mount for users"
as_user sh "$NATIVE"

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# drivers_side.sh SIDE [CASE...]: one pass of run_drivers.sh inside a machine. SIDE is
# "native" (or begins with it) or the engine whose nodes, /dev/paradice/SIDE/…, stand in for /dev's. What
# a case prints comes out packed, between "@case SIDE NAME" and "@end STATUS SECONDS".
#	drivers_side.sh SIDE --one CASE
# is for itself.
export LC_ALL=C PYTHONDONTWRITEBYTECODE=1
side=$1
shift
share=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/drivers_cases.sh
. "$share/drivers_cases.sh"

if [ "${1:-}" = --one ]; then
	scratch=$(mktemp -d /tmp/case-XXXXXX)
	cd "$scratch" || exit 1
	trap 'rm -rf --one-file-system "$scratch"' EXIT
	"case_$2"
	status=$?
	[ $status = 0 ] || echo "exit status $status"
	[ $status != 77 ] || exit 77
	exit 0
fi

case $side in native*) native=1 ;; *) native= ;; esac
if [ -z "$native" ] && [ -z "${DRIVERS_UNSHARED:-}" ]; then
	DRIVERS_UNSHARED=1 exec unshare --mount --propagation private sh "$0" "$side" "$@"
fi
[ -n "$native" ] || python3 "$share/drivers_programs.py" make-dev "/dev/paradice/$side" || exit 1
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT

# CASE...: runs them one after another
run_lane() {
	for name; do
		started=$(date +%s)
		timeout -k 5 "${CASE_SECONDS:-600}" sh "$0" "$side" --one "$name" >"$work/$name" 2>&1 </dev/null
		status=$?
		{
			echo "@case $side $name"
			gzip -9 <"$work/$name" | base64
			echo "@end $status $(($(date +%s) - started))"
		} >"$work/$name.record"
		flock "$work" cat "$work/$name.record"
	done
}

for lane in $LANES; do
	# shellcheck disable=SC2046 # a list
	run_lane $(lane_cases "$lane" "$@") &
done
wait

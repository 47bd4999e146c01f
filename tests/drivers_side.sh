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

# A /dev of our own, in which the nodes have the names of the devices. In the Xen
# rigs nodes could have them anyway, but not those of two engines at once.
make_dev() {
	new=$(mktemp -d /tmp/dev-XXXXXX)
	mount -t tmpfs -o mode=755 dev "$new" || return
	cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /dev/fd /dev/stdin /dev/stdout \
		/dev/stderr "$new"
	# Where the machine has a tun driver of its own, that is own-tun.
	[ ! -c /dev/net/tun ] || mknod "$new/own-tun" c 10 200
	for node in $(cd "/dev/paradice/$side" && find . -type c); do
		mkdir -p "$new/${node%/*}"
		numbers=$(stat -c '%Hr %Lr' "/dev/paradice/$side/$node")
		# shellcheck disable=SC2086 # two numbers
		mknod -m 600 "$new/$node" c $numbers
		name_in_sysfs "${node#./}" "$(echo "$numbers" | tr ' ' :)"
	done
	mkdir -p "$new/pts" "$new/shm"
	mount --bind /dev/pts "$new/pts"
	mount --move "$new" /dev
}

# libmedia looks in sysfs for the name of a node, to see what class of device it is.
name_in_sysfs() {
	grep -v '^DEVNAME=' "/sys/dev/char/$2/uevent" >"/tmp/uevent-$2"
	echo "DEVNAME=$1" >>"/tmp/uevent-$2"
	mount --bind "/tmp/uevent-$2" "/sys/dev/char/$2/uevent"
}

case $side in native*) native=1 ;; *) native= ;; esac
if [ -z "$native" ] && [ -z "${DRIVERS_UNSHARED:-}" ]; then
	DRIVERS_UNSHARED=1 exec unshare --mount --propagation private sh "$0" "$side" "$@"
fi
[ -n "$native" ] || make_dev || exit 1
# shellcheck disable=SC2086 # a list
[ $# -gt 0 ] || set -- $CASES
for name; do
	echo "@case $side $name"
	started=$(date +%s)
	timeout -k 5 "${CASE_SECONDS:-180}" sh "$0" "$side" --one "$name" >/tmp/case-output 2>&1 </dev/null
	status=$?
	gzip -9 </tmp/case-output | base64
	echo "@end $status $(($(date +%s) - started))"
done

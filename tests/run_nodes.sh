#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/run_nodes.sh RIG BUILD: in a rig of tools/vm, devices whose names something in the
# guest's /dev has already: a static node, which makes room where guestd.conf says so and is
# back afterwards, a device of the guest's own, and a file.
# Prints "N passed, N failed, N skipped".
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/rig.sh
. "$top/tests/rig.sh"
rig_there
for name in static own file; do
	rig_device $name /dev/zero ptest-$name
done

cat >"$share/guest.sh" <<'EOF'
. /share/there.sh
conf=/etc/paradice/guestd.conf
cp $conf /tmp/guestd.conf
systemctl stop paradice-guestd
cd /dev
# No driver has the first number; the second is /dev/full's.
mknod -m 640 ptest-static c 10 253
mknod ptest-own c 1 7
echo content >ptest-file
is() {
	stat -c '%F %t:%T' "ptest-$1"
}
zeros() {
	head -c 4 ptest-static | od -An -tx1
}
before=$(stat -c '%F %t:%T %a %i' ptest-static)
systemctl start paradice-guestd
same "kept" "$before" "$(stat -c '%F %t:%T %a %i' ptest-static)"
same "what is said" 1 "$(journalctl -b -u paradice-guestd | grep -c 'ptest-static exists already.*static-nodes = replace')"
echo 'static-nodes = "replace"' >>$conf
systemctl restart paradice-guestd
same "replaced" " 00 00 00 00" "$(zeros)"
same "one with a driver" "character special file 1:7" "$(is own)"
same "a file" content "$(head -c 7 ptest-file)"
systemctl kill --signal=KILL paradice-guestd
same "after a killed guestd" " 00 00 00 00" "$(soon ' 00 00 00 00' 'zeros 2>/dev/null')"
systemctl stop paradice-guestd
same "back" "$before" "$(stat -c '%F %t:%T %a %i' ptest-static)"
same "nothing is left" 0 "$(ls -A | grep -c '^\.ptest')"
rm ptest-static ptest-own ptest-file
cp /tmp/guestd.conf $conf
systemctl start paradice-guestd
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
EOF

rig_run --host-run true --guest-run 'sh /share/guest.sh'
rig_sum

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The one-way rule: tests, tools -> guestd | hostd -> proto -> libc. Looks at what
# each source file includes. Prints what breaks it.
set -eu

cd "${srcdir:-.}"
failed=0

# none_of WHAT PATTERN FILE…: no #include in the files matches the extended regular
# expression.
none_of()
{
	what=$1
	pattern=$2
	shift 2
	for file in "$@"; do
		[ -e "$file" ] || continue
		if grep -nHE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]($pattern)" "$file"; then
			echo "$what" >&2
			failed=1
		fi
	done
}

none_of "guestd must not include hostd" '(\.\./)*hostd/' src/guestd/*.[ch]
none_of "hostd must not include guestd" '(\.\./)*guestd/' src/hostd/*.[ch]
none_of "proto must not include a daemon" '(\.\./)*(guestd|hostd)/' src/proto/*.[ch]
none_of "proto must not include libfuse" '(fuse|fuse3/|fuse_|cuse_)' src/proto/*.[ch]
none_of "hostd must not include libfuse" '(fuse|fuse3/|fuse_|cuse_)' src/hostd/*.[ch]
none_of "nothing in src may include tests or tools" '(\.\./)*(tests|tools)/' src/*/*.[ch]
none_of "only daemons may include the kernel helper's header" '.*mmhelper' src/proto/*.[ch]
none_of "only daemons may use their libraries" '(confuse|seccomp|cap-ng|liburing|systemd/)' src/proto/*.[ch]
for file in src/*/*.[ch]; do
	case $file in
	src/proto/transport_vchan.c | src/hostd/domains*.[ch] | src/guestd/mapping.c | src/hostd/pages.c | \
		src/hostd/guest_frames_xen.c | src/hostd/vchan_rings.c) ;;
	*) none_of "Xen headers stand in transport_vchan.c, domains*.c, guestd's mapping.c, hostd's pages.c, guest_frames_xen.c and vchan_rings.c only" '(xen|libxen)' "$file" ;;
	esac
done
# A test that found no file at all would always pass.
for file in src/proto/proto.h src/guestd/guest.h src/hostd/session.h; do
	[ -e "$file" ] || { echo "$file: not found" >&2; failed=1; }
done
exit $failed

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What mirror_core.c promises: its code is one section that refers to nothing outside
# itself, needs no other section, and fits its pages. Looks at what each compiler that
# is there makes of it, with and without optimisation. Environment: srcdir, and
# CORE_CFLAGS as the build has them.

srcdir=${srcdir:-.}
header=$srcdir/src/hostd/mirror_core.h
dir= status=0 n=0

number() {
	sed -n "s/^#define $1 \([0-9]*\)u.*/\1/p" "$header"
}

wrong() {
	echo "FAIL: $what: $1"
	status=1
}

# The names that stand in the section, and those that it refers to.
inside() {
	objdump -t "$1" | awk '/ mirror_core\t/ { print $NF }'
}
referred() {
	objdump -r -j mirror_core "$1" | awk '$2 ~ /^R_/ { sub(/[-+]0x[0-9a-f]+$/, "", $3); print $2, $3 }'
}

check() {
	size=$((0x$(objdump -h "$1" | awk '$2 == "mirror_core" { print $3 }')))
	[ "$size" -gt 0 ] || wrong "no section mirror_core"
	[ "$size" -le "$most" ] || wrong "$size bytes of code, but room for $most"
	# What is only for debuggers and linkers is not loaded.
	others=$(objdump -h "$1" | awk '$1 ~ /^[0-9]+$/ && $3 !~ /^0+$/ &&
		$2 !~ /^(mirror_core|\.comment|\.note.*|\.debug.*|\.llvm.*)$/ { print $2 }')
	[ -z "$others" ] || wrong "it needs other sections: $others"
	inside "$1" >"$dir/inside"
	bad=$(referred "$1" | awk 'NR == FNR { known[$1] = 1; next }
		!known[$2] || $1 !~ /^R_X86_64_(PC32|PLT32)$/' "$dir/inside" -)
	[ -z "$bad" ] || wrong "it refers to something outside: $bad"
	n=$((n + 1))
}

command -v objdump >/dev/null || {
	echo "SKIP: check_mirror_core: no objdump"
	exit 77
}
most=$(($(number MIRROR_CODE_PAGES) * $(number MIRROR_PAGE)))
[ "$most" -gt 0 ] || {
	echo "FAIL: no size in $header"
	exit 1
}
[ -n "$CORE_CFLAGS" ] || {
	echo "FAIL: CORE_CFLAGS is not set"
	exit 1
}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
for cc in gcc clang; do
	command -v $cc >/dev/null || continue
	for level in -O0 -O1 -O2 -O3 -Os; do
		what="$cc $level"
		$cc -I"$srcdir/src" $CORE_CFLAGS -g $level -c "$srcdir/src/hostd/mirror_core.c" \
			-o "$dir/core.o" || {
			wrong "it is not compiled"
			continue
		}
		check "$dir/core.o"
	done
done
[ $n -gt 0 ] || {
	echo "SKIP: check_mirror_core: neither gcc nor clang"
	exit 77
}
[ $status -eq 0 ] && echo "PASS: mirror_core.c, built in $n ways"
exit $status

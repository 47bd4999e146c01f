#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The structures of DESCRIPTOR rows in the layout tables are the same for 32-bit programs:
# their commands, sizes and the members that the tables name, as a 64-bit compiler sees
# them, are checked by a 32-bit one. LAYOUT_CFLAGS are the tables' own. Exits 77 with the
# reason where there are no 32-bit headers.
# shellcheck disable=SC2086 # LAYOUT_CFLAGS is a list
set -eu

cd "${srcdir:-.}"
cc=${CC:-cc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! echo '#include <string.h>' | $cc -m32 -x c -fsyntax-only - 2>/dev/null; then
	echo "SKIP: check_compat: no headers for -m32: install libc6-dev-i386"
	exit 77
fi

for file in src/proto/layout_*.c; do
	rows=$(sed -n 's/^\tDESCRIPTOR(\([A-Z0-9_]*\), \([^,]*\), .*/\1 \2/p' "$file")
	[ -n "$rows" ] || continue
	{
		printf '#include <stddef.h>\n#include <stdio.h>\n#include <linux/ioctl.h>\n'
		grep '^#include <' "$file"
		echo 'int main(void) {'
		echo "$rows" | while read -r command type; do
			echo "T(\"$command == \", (unsigned int)$command)"
			echo "T(\"sizeof($type) == \", sizeof($type))"
			sed -n "s/.*[A-Z_]*(\($type\), \([a-z][a-z_0-9.]*\)[,)].*/\1 \2/p" "$file" | sort -u |
				while read -r _ words; do
					member=${words##* }
					echo "T(\"offsetof($type, $member) == \", offsetof($type, $member))"
				done
		done
		echo '}'
	} >"$work/rows.c"
	$cc $LAYOUT_CFLAGS '-DT(text, value)=printf("_Static_assert(%s%zuu, \"\");\n", text, (size_t)(value));' \
		"$work/rows.c" -o "$work/rows"
	{
		printf '#include <stddef.h>\n#include <linux/ioctl.h>\n'
		grep '^#include <' "$file"
		"$work/rows"
	} >"$work/checks.c"
	n=$(grep -c _Static_assert "$work/checks.c")
	echo "$file: $n checks"
	$cc -m32 $LAYOUT_CFLAGS -fsyntax-only "$work/checks.c"
done

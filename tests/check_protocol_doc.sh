#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Compares the tables in docs/PROTOCOL.md with those of src/proto/proto.h, as
# tests/protocol_tables prints them. With --update, writes them there.
set -eu

doc=${srcdir:-.}/docs/PROTOCOL.md
tables=${PROTOCOL_TABLES:-tests/protocol_tables}
begin='<!-- tables of src/proto/proto.h: begin; written by make update-protocol-doc -->'
end='<!-- tables: end -->'
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

for mark in "$begin" "$end"; do
	if [ "$(grep -cxF -- "$mark" "$doc")" != 1 ]; then
		echo "$doc: there must be one line: $mark" >&2
		exit 1
	fi
done
"$tables" >"$tmp/tables"
{
	sed "\|^$begin\$|q" "$doc"
	echo
	cat "$tmp/tables"
	echo
	sed -n "\|^$end\$|,\$p" "$doc"
} >"$tmp/doc"

if [ "${1:-}" = --update ]; then
	cmp -s "$tmp/doc" "$doc" || cat "$tmp/doc" >"$doc"
elif ! diff -u "$doc" "$tmp/doc"; then
	echo "docs/PROTOCOL.md is not what src/proto/proto.h says: make update-protocol-doc" >&2
	exit 1
fi

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Compares the tables in docs/LAYOUTS.md with the layout tables and the list of rows
# that were observed, as tests/layout_coverage prints them, and prints the COVERAGE
# lines. With --update, writes them there.
set -eu

doc=${srcdir:-.}/docs/LAYOUTS.md
list=${srcdir:-.}/tests/layout_observed.txt
coverage=${LAYOUT_COVERAGE:-tests/layout_coverage}
begin='<!-- rows: begin; written by make update-layouts-doc -->'
end='<!-- rows: end -->'
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

for mark in "$begin" "$end"; do
	if [ "$(grep -cxF -- "$mark" "$doc")" != 1 ]; then
		echo "$doc: there must be one line: $mark" >&2
		exit 1
	fi
done
"$coverage" "$list"
"$coverage" --doc "$list" >"$tmp/rows"
{
	sed "\|^$begin\$|q" "$doc"
	echo
	cat "$tmp/rows"
	echo
	sed -n "\|^$end\$|,\$p" "$doc"
} >"$tmp/doc"

if [ "${1:-}" = --update ]; then
	cmp -s "$tmp/doc" "$doc" || cat "$tmp/doc" >"$doc"
elif ! diff -u "$doc" "$tmp/doc"; then
	echo "docs/LAYOUTS.md is not what the tables say: make update-layouts-doc" >&2
	exit 1
fi

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# docs/LAYOUTS.md must name exactly the rows of the layout tables, as
# tests/layout_list prints them, each with a status, and its counts must be those of
# the statuses. tools/verify-layouts writes it.
set -eu

doc=${srcdir:-.}/docs/LAYOUTS.md
list=${LAYOUT_LIST:-tests/layout_list}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

"$list" | awk -F '\t' '{ printf "| `%s` | `%s` | %s | %s | %s |\n", $2, $3, $4, $5, $6 }' >"$tmp/rows"
grep '^| `' "$doc" | sed 's/|[^|]*|$/|/' >"$tmp/named"
if ! diff -u "$tmp/named" "$tmp/rows"; then
	echo "docs/LAYOUTS.md does not name the rows of the tables: tools/verify-layouts --update --log /dev/null" >&2
	exit 1
fi

# The counts: rows, verified, in part, never observed, disagree.
awk -F ' *[|] *' '
	/^### / { table = substr($0, 5) }
	/^[|] `/ {
		status = $7
		n[table]++
		if (status ~ /^verified/) v[table]++
		else if (status ~ /^in part/) p[table]++
		else if (status ~ /^never observed/ || status == "refused") o[table]++
		else if (status ~ /^(missing|wrong|superfluous): /) d[table]++
		else { print "docs/LAYOUTS.md: " $2 " has the status \"" status "\""; exit }
	}
	/^[|] [a-z0-9]+ [|]/ && $2 != "table" && $2 != "command" && $2 != "status" && NF == 8 {
		said[$2] = $3 " " $4 " " $5 " " $6 " " $7
	}
	END {
		for (t in n) {
			all = n[t] + 0 " " v[t] + 0 " " p[t] + 0 " " o[t] + 0 " " d[t] + 0
			if (said[t] != all) print "docs/LAYOUTS.md: " t ": counts " said[t] ", there are " all
			N += n[t]; V += v[t]; P += p[t]; O += o[t]; D += d[t]
		}
		all = N " " V " " P " " O " " D
		if (said["all"] != all) print "docs/LAYOUTS.md: all: counts " said["all"] ", there are " all
	}' "$doc" >"$tmp/faults"
if [ -s "$tmp/faults" ]; then
	cat "$tmp/faults" >&2
	exit 1
fi

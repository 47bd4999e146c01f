#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# drivers_compare.sh RESULTS ENGINES [CASE...]: takes apart the log of a run of
# run_drivers.sh, compares the guest's outputs with the native ones, and counts. Where
# only some CASEs ran, the others count as skipped.
set -eu
tests=$(cd "$(dirname "$0")" && pwd)
results=$1
engines=$2
shift 2
share=$tests
# shellcheck source=tests/drivers_cases.sh
. "$tests/drivers_cases.sh"
passed=0 failed=0 skipped=0

# RESULTS/SIDE/CASE has what the case printed, CASE.status its status.
sed -n 's/^\(host\|guest\)| //p' "$results/log" | awk -v results="$results" '
	/^@case / {
		directory = results "/" $2
		if (!(directory in made)) { system("mkdir -p " directory); made[directory] = 1 }
		file = directory "/" $3
		print $2, $3 >(results "/ran")
		next
	}
	/^@end / { close(file ".packed"); print $2 >(file ".status"); print $3, file >(results "/seconds"); close(file ".status"); file = ""; next }
	file != "" && /^[A-Za-z0-9+\/=]+$/ { print >(file ".packed") }'
for packed in "$results"/*/*.packed; do
	[ ! -e "$packed" ] || base64 -d "$packed" | gzip -d >"${packed%.packed}" || :
	rm -f "$packed"
done

filtered() {
	if type "filter_$2" >/dev/null 2>&1; then
		"filter_$2" <"$1/$2" >"$1/$2.filtered"
	else
		cp "$1/$2" "$1/$2.filtered"
	fi
}

for name in $(sed -n 's/^native //p' "$results/ran"); do
	native=$results/native
	native_status=$(cat "$native/$name.status" 2>/dev/null || echo none)
	[ ! -e "$native/$name" ] || filtered "$native" "$name"
	for engine in $engines; do
		guest=$results/$engine
		status=$(cat "$guest/$name.status" 2>/dev/null || echo none)
		if [ "$native_status" = 77 ] || [ "$status" = 77 ]; then
			skipped=$((skipped + 1))
			side=$native
			[ "$native_status" = 77 ] || side=$guest
			echo "SKIP: $name ($engine): $(sed -n 's/^SKIP: //p' "$side/$name")"
			continue
		fi
		[ ! -e "$guest/$name" ] || filtered "$guest" "$name"
		if [ "$native_status" = 0 ] && [ "$status" = 0 ] &&
			diff -u "$native/$name.filtered" "$guest/$name.filtered" >"$guest/$name.diff"; then
			passed=$((passed + 1))
			echo "PASS: $name ($engine): $(wc -l <"$native/$name.filtered") lines are the same"
		else
			failed=$((failed + 1))
			echo "FAIL: $name ($engine): status $native_status and $status," \
				"$(grep -c '^[-+][^-+]' "$guest/$name.diff" 2>/dev/null || :) lines differ:"
			head -n "${DIFF_LINES:-12}" "$guest/$name.diff" 2>/dev/null | cut -c 1-160
		fi
	done
done
if [ ! -e "$results/ran" ]; then
	failed=$((failed + 1))
	echo "FAIL: no case has run"
fi
if [ $# -gt 0 ]; then
	left_out=
	for name in $(for lane in $LANES; do lane_cases "$lane"; done); do
		case " $* " in *" $name "*) continue ;; esac
		left_out="$left_out $name"
		for engine in $engines; do skipped=$((skipped + 1)); done
	done
	[ -z "$left_out" ] || echo "SKIP:$left_out: not among the cases that were asked for"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/build_memops.sh RELEASE DIR: builds memops.ko and mapops.ko for that kernel
# release (build_module.sh), memops_test and, where the compiler can, the 32-bit
# memops_test32 in DIR.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
release=$1
dir=$2

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
# Another rig may want them at the same time.
exec 9>"$dir/lock"
flock 9
"$top/tests/build_module.sh" "$release" "$top/tests/kmod-memops" "$dir/kmod-$release"
cp "$dir/kmod-$release/memops.ko" "$dir/kmod-$release/mapops.ko" "$dir"

# bits, program
program() {
	${CC:-gcc} "-m$1" -std=gnu11 -O2 -g -Wall -Wextra -Wno-format-zero-length -Werror -static -pthread \
		-I"$top/tests" "$top"/tests/memops_*.c -o "$dir/$2"
}
program 64 memops_test
if echo 'int main(void) { return 0; }' | ${CC:-gcc} -m32 -static -x c -o "$dir/probe32" - 2>/dev/null; then
	program 32 memops_test32
else
	echo "build_memops: no 32-bit programs: install libc6-dev-i386 and gcc-multilib" >&2
fi

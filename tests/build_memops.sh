#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/build_memops.sh RELEASE DIR: builds memops.ko and mapops.ko for that kernel
# release (its linux-headers package must be installed), memops_test and, where the
# compiler can, the 32-bit memops_test32 in DIR. What is there and up to date stays.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
release=$1
dir=$2
headers=${KERNEL_HEADERS:-/lib/modules/$release/build}

mkdir -p "$dir/kmod"
dir=$(cd "$dir" && pwd)
# Another rig may want them at the same time.
exec 9>"$dir/lock"
flock 9
if [ ! -e "$headers/Makefile" ]; then
	echo "build_memops: no kernel headers in $headers: install linux-headers-$release" >&2
	exit 1
fi
# Kbuild writes beside the sources, so it gets links to them.
for source in Kbuild mapops.c mapops.h memops.c memops.h; do
	ln -sf "$top/tests/kmod-memops/$source" "$dir/kmod/$source"
done
make -s -C "$headers" M="$dir/kmod" W=1 modules >"$dir/kmod.log" 2>&1 || {
	cat "$dir/kmod.log" >&2
	exit 1
}
if grep -i 'warning:' "$dir/kmod.log" >&2; then
	exit 1
fi
cp "$dir/kmod/memops.ko" "$dir/kmod/mapops.ko" "$dir"

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

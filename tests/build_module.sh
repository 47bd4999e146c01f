#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/build_module.sh RELEASE SOURCE DIR: builds the modules of SOURCE in DIR for that
# kernel release, by this machine's headers of it (or KERNEL_HEADERS), or else by those of
# tools/kernels. A warning is a failure.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
release=$1
headers=${KERNEL_HEADERS:-/lib/modules/$release/build}

mkdir -p "$3"
dir=$(cd "$3" && pwd)
# Kbuild writes beside the sources, so it gets links to them.
ln -sf "$(cd "$2" && pwd)"/* "$dir"
if [ -e "$headers/Makefile" ]; then
	make -s -C "$headers" M="$dir" W=1 KCFLAGS=-Werror modules >"$dir/log" 2>&1
else
	"$top/tools/kernels" --modules "$dir" "$release" >"$dir/log" 2>&1
fi || {
	cat "$dir/log" >&2
	exit 1
}

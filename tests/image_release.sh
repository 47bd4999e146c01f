#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/image_release.sh: prints the kernel release of the rigs' image, which is made if
# need be; sees to it that modules can be built for it. RIG_KERNEL=VERSION: that of
# tools/vm --kernel VERSION.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
release=$(python3 -B -c '
import sys
sys.path.insert(0, sys.argv[1])
from rig import debian, image, kernels
debian.install_tools()
kernel = sys.argv[2] and kernels.find(sys.argv[2])[0]
print((image.get([], kernel) / "release").read_text().strip())' "$top/tools" "${RIG_KERNEL:-}" | tail -n 1)
if [ -z "${RIG_KERNEL:-}" ] && [ ! -e "/lib/modules/$release/build/Makefile" ] && [ "$(id -u)" = 0 ]; then
	DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "linux-headers-$release" >&2
fi
echo "$release"

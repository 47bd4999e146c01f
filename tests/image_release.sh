#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/image_release.sh: prints the kernel release of the rigs' image, which is made if
# need be; sees to it that modules can be built for it.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
release=$(python3 -B -c '
import sys
sys.path.insert(0, sys.argv[1])
from rig import image
image.install_tools()
print((image.get([]) / "release").read_text().strip())' "$top/tools" | tail -n 1)
if [ ! -e "/lib/modules/$release/build/Makefile" ] && [ "$(id -u)" = 0 ]; then
	DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "linux-headers-$release" >&2
fi
echo "$release"

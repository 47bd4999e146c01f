#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/image_release.sh: prints the kernel release of the rigs' image, which is made if
# need be. RIG_KERNEL=VERSION: that of tools/vm --kernel VERSION.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
said=$(python3 -B -c '
import sys
sys.path.insert(0, sys.argv[1])
from rig import debian, image, kernels
debian.install_tools()
kernel = sys.argv[2] and kernels.find(sys.argv[2])[0]
print((image.get([], kernel) / "release").read_text().strip())' "$top/tools" "${RIG_KERNEL:-}")
echo "$said" | tail -n 1

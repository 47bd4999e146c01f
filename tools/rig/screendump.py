# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes what a machine's screen shows as PPM, as QEMU has it:
python3 -m rig.screendump SOCKET FILE"""
import pathlib
import sys

from .qmp import Qmp

if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    Qmp(sys.argv[1]).command(
        "screendump", filename=str(pathlib.Path(sys.argv[2]).absolute()))

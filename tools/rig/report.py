# SPDX-License-Identifier: GPL-2.0-or-later
"""What tools/vm says: exit codes, errors, stages with elapsed times."""
import sys
import time

USAGE = 121        # wrong options, or this machine lacks something
IMAGE = 122        # the images could not be made
HOST_RUN = 123     # the --host-run command failed
TIMEOUT = 124      # --timeout is over
RIG = 125          # QEMU, Xen, the boot or a daemon failed
EMULATION = 126    # each boot ended as BootError says

PROGRAM = "vm"     # who says it
START = time.monotonic()


class RigError(Exception):
    """A failure of the rig itself: one line that names the remedy."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class BootError(RigError):
    """The guest domain died before it was up, or by a triple fault at any time, or
    one of the domains hangs. Under emulation machines did so now and then, and the
    next one did not, until PVH guests were kept off the first processor (guest_cfg()
    in payload.py). A trace of one (QEMU's log of "in_asm", which has VMRUN and VMEXIT)
    ends with two VMEXITs in a row: the flag that the guest's memory is nested was
    still set after the first.
    """

    def __init__(self, text):
        super().__init__(EMULATION, text)


def say(text):
    """One line of our own, with the seconds since the start."""
    elapsed = time.monotonic() - START
    sys.stdout.flush()
    sys.stderr.write(f"{PROGRAM}| {elapsed:6.1f}s {text}\n")
    sys.stderr.flush()


class Lines:
    """Prints byte streams line by line, each line marked with its side."""

    def __init__(self, side, copy):
        self.copy = copy
        self.mark = side.encode() + b"| "
        self.partial = {}

    def write(self, data, stream=0):
        """Print the lines that are whole; keep the rest per stream."""
        data = self.partial.pop(stream, b"") + data
        *lines, rest = data.split(b"\n")
        for line in lines:
            self.line(line)
        if rest:
            self.partial[stream] = rest

    def line(self, line):
        """Print one line."""
        line = self.mark + line.rstrip(b"\r") + b"\n"
        self.copy.write(line)
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()

    def flush(self, stream=0):
        """Print a last line that has no newline."""
        rest = self.partial.pop(stream, b"")
        if rest:
            self.line(rest)

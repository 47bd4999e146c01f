# SPDX-License-Identifier: GPL-2.0-or-later
"""The user's commands in a rig that runs, and the loop that serves them.

Everything happens in one thread, in pump(): it forwards what the machines
say until what the caller waits for is true, the rig is dead or time is up.
"""
import fcntl
import os
import selectors
import signal
import struct
import sys
import termios
import time
import tty

from .report import HOST_RUN, RIG, RigError, say

ESCAPE = b"\x1d"        # Ctrl-]


class Timeout(Exception):
    """The user's --timeout is over."""


class Runner:
    """Runs commands through two channels, host and guest, that its heirs
    set; they have check() raise when the rig is dead."""

    host = guest = None

    def __init__(self, options):
        self.options = options
        self.deadline = None
        self.selector = selectors.DefaultSelector()

    def start_clock(self):
        """From here --timeout counts."""
        if self.options.timeout:
            self.deadline = time.monotonic() + self.options.timeout

    def check(self):
        """Raise RigError if the rig is dead."""

    def pump(self, until, seconds=None, late=None):
        """Forward what the machines say until until() is true."""
        end = None if seconds is None else time.monotonic() + seconds
        while not until():
            self.check()
            now = time.monotonic()
            if self.deadline is not None and now > self.deadline:
                raise Timeout
            if end is not None and now > end:
                raise RigError(RIG, late)
            for key, _ in self.selector.select(0.5):
                key.data()

    def host_run(self):
        """The user's command in the driver domain."""
        if not self.options.host_run:
            return
        say("running the host command")
        command = self.host.start(self.options.host_run,
                                  env=self.environment())
        self.pump(lambda: command.status is not None)
        if command.status:
            raise RigError(HOST_RUN, "the host command ended with status "
                           f"{command.status}: correct --host-run")

    def user_commands(self):
        """The guest command and the shell; the first one's status counts."""
        status = None
        if self.options.guest_run:
            say("running the guest command")
            command = self.guest.start(self.options.guest_run,
                                       env=self.environment())
            self.pump(lambda: command.status is not None)
            status = command.status
            say(f"the guest command ended with status {status}")
        if self.options.shell:
            shell = self.shell(self.options.shell)
            status = shell if status is None else status
        return status or 0

    def environment(self):
        """What the user's commands find in their environment."""
        rig = self.options.rig
        return {"PARADICE_RIG": rig, "PARADICE_DEV":
                "/dev/paradice" if rig == "loopback" else "/dev"}

    def shell(self, side):
        """An interactive shell; with no terminal here, a script's input."""
        channel = self.host if side == "host" else self.guest
        terminal = os.isatty(0)
        if terminal:
            say(f"a shell in the {side}; it ends with exit, or Ctrl-]")

        def on_output(data):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

        command = channel.start("exec bash" + (" -il" if terminal else ""),
                                on_output if terminal else None,
                                tty=terminal, stdin=True,
                                env=self.environment(), **window())
        left = []

        def on_input():
            data = os.read(0, 256)
            if terminal and ESCAPE in data:
                left.append(True)
            elif data:
                channel.send(op="in", id=command.number,
                             data=data.decode("latin-1"))
            else:
                channel.send(op="eof", id=command.number)
                if 0 in self.selector.get_map():
                    self.selector.unregister(0)
            return data

        saved = termios.tcgetattr(0) if terminal else None
        try:
            if terminal:
                tty.setraw(0)
                signal.signal(signal.SIGWINCH, lambda *_: channel.send(
                    op="size", id=command.number, **window()))
            try:
                self.selector.register(0, selectors.EVENT_READ, on_input)
            except PermissionError:     # a file: epoll takes none
                while on_input():
                    self.pump(lambda: True)
            self.pump(lambda: command.status is not None or left)
        finally:
            if 0 in self.selector.get_map():
                self.selector.unregister(0)
            if saved:
                signal.signal(signal.SIGWINCH, signal.SIG_DFL)
                termios.tcsetattr(0, termios.TCSADRAIN, saved)
        return command.status or 0


def window():
    """The size of our terminal."""
    if not os.isatty(0):
        return {}
    rows, cols, _, _ = struct.unpack(
        "HHHH", fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))
    return {"rows": rows or 24, "cols": cols or 80}

# SPDX-License-Identifier: GPL-2.0-or-later
"""The outer end of one side's channel to its agent, and commands over it."""
import pathlib
import selectors
import socket
import time

from . import wire
from .report import Lines

PING_SECONDS = 10


class Command:
    """A command running in the machine; status is None until it ended."""

    def __init__(self, number, on_output, on_exit=None):
        self.number = number
        self.on_output = on_output
        self.on_exit = on_exit
        self.status = None


class Channel:
    """Requests to one agent, and its answers printed as that side's output.

    A Unix socket of QEMU's; registered with the rig's selector.
    """

    def __init__(self, side, logs):
        self.side = side
        self.lines = Lines(side, open(pathlib.Path(logs) / f"{side}.log",
                                      "wb", buffering=0))
        self.parser = wire.Parser()
        self.commands = {}
        self.ready = False      # the agent is there
        self.gone = False       # its domain has ended
        self.on_gone = []       # to be called then
        self.socket = self.selector = None
        self.last = 0
        self.asked = time.monotonic()
        self.unanswered = 0     # pings

    def connect(self, path, selector, check):
        """Connect to QEMU's socket as soon as it is there."""
        end = time.monotonic() + 10
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(str(path))
                break
            except OSError:
                self.socket.close()
                check()
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        self.selector = selector
        selector.register(self.socket, selectors.EVENT_READ, self.on_data)

    def send(self, **request):
        """Send one request."""
        self.socket.sendall(wire.encode(request))

    def silence(self):
        """For how many seconds the agent has not answered; call it often.

        Counted in pings, so that a pause of ours is no silence.
        """
        now = time.monotonic()
        if self.ready and not self.gone and now > self.asked + PING_SECONDS:
            self.asked = now
            self.unanswered += 1
            self.send(op="ping")
        return self.unanswered * PING_SECONDS

    def busy(self):
        """Is a command still running?"""
        return any(command.status is None
                   for command in self.commands.values())

    def start(self, text, on_output=None, on_exit=None, **more):
        """Start a shell command; output is printed unless on_output is given.
        """
        self.last += 1
        command = Command(self.last, on_output, on_exit)
        self.commands[self.last] = command
        self.send(op="run", id=self.last, cmd=text, **more)
        return command

    def on_data(self):
        """Bytes from the agent, or from a console."""
        self.unanswered = 0
        data = self.socket.recv(65536)
        if not data:
            self.selector.unregister(self.socket)
        for kind, value in self.parser.feed(data):
            if kind == "text":
                self.lines.line(b"[console] " + value)
            elif "hello" in value:
                self.ready = True
            elif "gone" in value:
                self.gone = True
                for tell in self.on_gone:
                    tell()
            elif "log" in value:
                text = f"{value['log']}: {value['text']}"
                self.lines.line(text.encode("utf-8", "replace"))
            elif "out" in value:
                self.on_out(value["id"], value["out"].encode("latin-1"))
            elif "exit" in value:
                self.on_exit(value["id"], value["exit"])

    def on_out(self, number, data):
        """A command's output."""
        command = self.commands[number]
        if command.on_output:
            command.on_output(data)
        else:
            self.lines.write(data, number)
            if command.status is not None:
                self.lines.flush(number)

    def on_exit(self, number, status):
        """A command ended; what it left behind may still write."""
        self.lines.flush(number)
        command = self.commands[number]
        command.status = status
        if command.on_exit:
            command.on_exit(status)

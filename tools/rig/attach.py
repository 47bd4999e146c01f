# SPDX-License-Identifier: GPL-2.0-or-later
"""More commands in a rig that --keep left running.

The run that keeps it listens on two Unix sockets in its work directory and
relays the agents' frames, with the identifiers of its own channels in place
of the client's. `tools/vm --attach DIR` is the client.
"""
import pathlib
import selectors
import signal
import socket
import tempfile

from . import wire
from .channel import Channel
from .commands import Runner, Timeout
from .report import EMULATION, RIG, TIMEOUT, USAGE, RigError


def listen(work, rig, selector, channels):
    """Accept clients for these channels, in the selector's loop."""
    (work / "rig").write_text(rig)
    for channel in channels:
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(work / f"{channel.side}-attach.sock"))
        server.listen()
        selector.register(
            server, selectors.EVENT_READ,
            lambda s=server, c=channel: Relay(s.accept()[0], c, selector))


class Relay:
    """One client of one channel; lives as long as its connection."""

    def __init__(self, client, channel, selector):
        self.client = client
        self.channel = channel
        self.selector = selector
        self.parser = wire.Parser()
        self.commands = {}
        selector.register(client, selectors.EVENT_READ, self.on_data)
        channel.on_gone.append(lambda: self.send(gone=True))
        if channel.gone:
            self.send(gone=True)

    def send(self, **frame):
        """Send a frame to the client, if it is still there."""
        try:
            self.client.sendall(wire.encode(frame))
        except OSError:
            pass

    def on_data(self):
        """Requests of the client, or its end: its commands end with it."""
        try:
            data = self.client.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.selector.unregister(self.client)
            self.client.close()
            for command in self.commands.values():
                if command.status is None:
                    self.channel.send(op="signal", id=command.number,
                                      signal=signal.SIGHUP)
        for kind, request in self.parser.feed(data):
            if kind == "frame":
                self.on_request(request)

    def on_request(self, request):
        """Pass one request on, with our identifier."""
        number = request.pop("id")
        operation = request.pop("op")
        if operation == "run":
            self.commands[number] = self.channel.start(
                request.pop("cmd"),
                lambda data: self.send(id=number, out=data.decode("latin-1")),
                lambda status: self.send(id=number, exit=status), **request)
        else:
            self.channel.send(op=operation,
                              id=self.commands[number].number, **request)


class Attached(Runner):
    """The client."""

    def __init__(self, options):
        super().__init__(options)
        self.work = pathlib.Path(options.attach)
        try:
            options.rig = (self.work / "rig").read_text()
        except OSError as error:
            raise RigError(USAGE, f"no rig is kept in {self.work}: give "
                           "--attach the directory that --keep named"
                           ) from error

    def check(self):
        """The run that keeps the rig removes its directory at its end."""
        if not self.work.exists():
            raise RigError(RIG, "the rig has ended: start another")
        if self.guest and self.guest.gone and self.guest.busy():
            raise RigError(EMULATION, "the guest domain has ended: start "
                           "another rig")

    def run(self):
        """Run the commands; return their status."""
        with tempfile.TemporaryDirectory(prefix="paradice-vm-") as logs:
            self.host = Channel("host", logs)
            self.guest = Channel("guest", logs)
            for channel in (self.host, self.guest):
                channel.connect(self.work / f"{channel.side}-attach.sock",
                                self.selector, self.check)
            self.start_clock()
            try:
                self.host_run()
                return self.user_commands()
            except Timeout:
                raise RigError(TIMEOUT, f"--timeout {self.options.timeout:g}"
                               " s is over: give more") from None

# SPDX-License-Identifier: GPL-2.0-or-later
"""The rig's servant inside a machine: runs commands, follows journals.

It speaks frames (rig/wire.py, delivered beside this file) over one byte
channel: a virtio-serial port, or the Xen console hvc0. Requests:

    {"op": "run", "id": N, "cmd": TEXT, "tty": BOOL, "rows": R, "cols": C,
     "env": {}, "stdin": BOOL}
    {"op": "in", "id": N, "data": TEXT}     {"op": "eof", "id": N}
    {"op": "size", "id": N, "rows": R, "cols": C}
    {"op": "signal", "id": N, "signal": S}  {"op": "follow", "units": [..]}
    {"op": "ping"}

Answers: {"hello": ROLE}, {"id": N, "out": TEXT}, {"id": N, "exit": STATUS},
{"log": IDENTIFIER, "text": TEXT}, {"pong": true}. Bytes travel as latin-1
text. A command's output is forwarded beyond its exit for as long as a process
it left behind holds it.
"""
import fcntl
import json
import os
import selectors
import signal
import struct
import subprocess
import sys
import termios
import time
import tty

import wire

CHUNK = 2048


def open_channel(role):
    """Open the role's port: the virtio one, or the console in a Xen guest."""
    port = "/dev/virtio-ports/paradice." + role
    with open("/proc/cmdline") as f:
        if "paradice.channel=hvc0" in f.read().split():
            port = "/dev/hvc0"
    for _ in range(600):
        try:
            fd = os.open(port, os.O_RDWR | os.O_NOCTTY)
            break
        except OSError:
            time.sleep(0.1)
    else:
        sys.exit(f"no channel {port}")
    if os.isatty(fd):
        tty.setraw(fd)
    return fd


class Job:
    """One running command; fd is where its output comes from."""

    def __init__(self, request):
        self.id = request["id"]
        self.tty = bool(request.get("tty"))
        env = dict(os.environ, **request.get("env", {}))
        if self.tty:
            self.fd, slave = os.openpty()
            self.resize(request)
            self.input = self.fd
            streams = dict(stdin=slave, stdout=slave, stderr=slave)
        else:
            self.fd, slave = os.pipe()
            self.input = None
            stdin = subprocess.DEVNULL
            if request.get("stdin"):
                stdin, self.input = os.pipe()
            streams = dict(stdin=stdin, stdout=slave, stderr=slave)
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", request["cmd"]], cwd="/root", env=env,
            preexec_fn=self.become_leader, **streams)
        os.close(slave)
        if not self.tty and self.input is not None:
            os.close(stdin)

    def become_leader(self):
        """In the child: an own session, and the terminal where there is one."""
        os.setsid()
        if self.tty:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def resize(self, request):
        """Give the command's terminal the size of the user's."""
        size = struct.pack("HHHH", request.get("rows", 24),
                           request.get("cols", 80), 0, 0)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, size)


class Agent:
    """The loop over the channel, the commands' outputs and the journals."""

    def __init__(self, role):
        self.channel = open_channel(role)
        self.parser = wire.Parser()
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.channel, selectors.EVENT_READ,
                               self.on_channel)
        self.jobs = {}
        self.send({"hello": role})

    def send(self, frame):
        """Write one frame, all of it."""
        data = wire.encode(frame)
        while data:
            data = data[os.write(self.channel, data):]

    def on_channel(self):
        """Requests came in (or nobody is connected: then wait a little)."""
        data = os.read(self.channel, 4096)
        if not data:
            time.sleep(0.1)
        for kind, value in self.parser.feed(data):
            if kind == "frame":
                getattr(self, "op_" + value["op"])(value)

    def op_run(self, request):
        """Start a command."""
        job = Job(request)
        self.jobs[job.id] = job
        self.selector.register(job.fd, selectors.EVENT_READ,
                               lambda: self.on_output(job))

    def op_in(self, request):
        """Bytes for a command's standard input."""
        job = self.jobs.get(request["id"])
        if job and job.input is not None:
            try:
                os.write(job.input, request["data"].encode("latin-1"))
            except OSError:
                pass

    def op_eof(self, request):
        """The end of a command's standard input."""
        job = self.jobs.get(request["id"])
        if job and job.input is not None and not job.tty:
            os.close(job.input)
            job.input = None

    def op_size(self, request):
        """The user's terminal changed its size."""
        job = self.jobs.get(request["id"])
        if job and job.tty:
            job.resize(request)

    def op_signal(self, request):
        """Send a signal to a command's process group."""
        job = self.jobs.get(request["id"])
        if job:
            try:
                os.killpg(job.process.pid, request["signal"])
            except ProcessLookupError:
                pass

    def op_ping(self, _request):
        """Show that this machine runs."""
        self.send({"pong": True})

    def op_follow(self, request):
        """Stream the journal of some units from now on, with what it has."""
        args = ["journalctl", "--follow", "--lines=all", "--output=json",
                "--output-fields=SYSLOG_IDENTIFIER,MESSAGE"]
        args += ["--unit=" + unit for unit in request["units"]]
        process = subprocess.Popen(args, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, bufsize=0)
        rest = bytearray()
        self.selector.register(process.stdout, selectors.EVENT_READ,
                               lambda: self.on_journal(process.stdout, rest))

    def on_output(self, job):
        """A command wrote something, or closed its output."""
        try:
            data = os.read(job.fd, CHUNK)
        except OSError:
            data = b""
        if data:
            self.send({"id": job.id, "out": data.decode("latin-1")})
        else:
            self.selector.unregister(job.fd)
            if job.input is not job.fd:
                os.close(job.fd)
            job.fd = None

    def on_journal(self, stream, rest):
        """Lines of JSON from journalctl."""
        data = stream.read(65536)
        if not data:
            self.selector.unregister(stream)
            return
        rest += data
        *lines, last = bytes(rest).split(b"\n")
        rest[:] = last
        for line in lines:
            entry = json.loads(line)
            text = entry.get("MESSAGE", "")
            if isinstance(text, list):
                text = bytes(text).decode("utf-8", "replace")
            self.send({"log": entry.get("SYSLOG_IDENTIFIER", "?"),
                       "text": text})

    def reap(self):
        """Report the commands that have ended, after what they wrote."""
        for job in list(self.jobs.values()):
            status = job.process.poll()
            if status is None:
                continue
            while job.fd is not None and self.readable(job.fd):
                self.on_output(job)
            self.send({"id": job.id,
                       "exit": status if status >= 0 else 128 - status})
            del self.jobs[job.id]

    @staticmethod
    def readable(fd):
        """Is there something to read right now?"""
        with selectors.SelectSelector() as one:
            one.register(fd, selectors.EVENT_READ)
            return bool(one.select(0))

    def serve(self):
        """Never returns."""
        wake_r, wake_w = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_w, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.selector.register(wake_r, selectors.EVENT_READ,
                               lambda: os.read(wake_r, 512))
        while True:
            for key, _ in self.selector.select():
                key.data()
            self.reap()


if __name__ == "__main__":
    Agent(sys.argv[1]).serve()

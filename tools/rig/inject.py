# SPDX-License-Identifier: GPL-2.0-or-later
"""Injects input into a machine that QEMU runs, through its QMP socket:
python3 -m rig.inject SOCKET key:a move:10,5 button:left ...  Keys are QEMU's qcode
names (QAPI type QKeyCode). Each action is followed by a short pause, so that the
emulated device reports them one by one."""
import json
import socket
import sys
import time

PAUSE_S = 0.15


class Qmp:
    """One connection to a QMP socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(30)
        self.socket.connect(path)
        self.lines = self.socket.makefile("r", encoding="utf-8")
        self.lines.readline()  # the greeting
        self.command("qmp_capabilities")

    def command(self, name, **arguments):
        """Runs one command; raises RuntimeError with QEMU's own words."""
        request = {"execute": name, "arguments": arguments}
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        while True:
            answer = json.loads(self.lines.readline())
            if "error" in answer:
                raise RuntimeError(f"{name}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def events(self, *events):
        """Sends input events, which the device reports together."""
        self.command("input-send-event", events=list(events))


def key(qmp, name):
    """Presses and releases a key."""
    for down in (True, False):
        code = {"type": "qcode", "data": name}
        qmp.events({"type": "key", "data": {"down": down, "key": code}})
        time.sleep(PAUSE_S)


def move(qmp, where):
    """Moves the mouse by X,Y."""
    x, y = (int(value) for value in where.split(","))
    qmp.events({"type": "rel", "data": {"axis": "x", "value": x}},
               {"type": "rel", "data": {"axis": "y", "value": y}})
    time.sleep(PAUSE_S)


def button(qmp, name):
    """Presses and releases a mouse button."""
    for down in (True, False):
        qmp.events({"type": "btn", "data": {"down": down, "button": name}})
        time.sleep(PAUSE_S)


ACTIONS = {"key": key, "move": move, "button": button}


def main(path, *actions):
    """Does all actions in order."""
    qmp = Qmp(path)
    for action in actions:
        kind, _, what = action.partition(":")
        ACTIONS[kind](qmp, what)


if __name__ == "__main__":
    if len(sys.argv) < 3 or any(a.partition(":")[0] not in ACTIONS for a in sys.argv[2:]):
        sys.exit(__doc__)
    main(*sys.argv[1:])

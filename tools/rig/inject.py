# SPDX-License-Identifier: GPL-2.0-or-later
"""Injects input into a machine that QEMU runs, through its QMP socket:
python3 -m rig.inject SOCKET key:a move:10,5 button:left ...  Keys are QEMU's qcode
names (QAPI type QKeyCode). Each action is followed by a short pause, so that the
emulated device reports them one by one."""
import sys
import time

from .qmp import Qmp

PAUSE_S = 0.15


def send(qmp, *events):
    """Sends input events, which the device reports together."""
    qmp.command("input-send-event", events=list(events))


def key(qmp, name):
    """Presses and releases a key."""
    for down in (True, False):
        code = {"type": "qcode", "data": name}
        send(qmp, {"type": "key", "data": {"down": down, "key": code}})
        time.sleep(PAUSE_S)


def move(qmp, where):
    """Moves the mouse by X,Y."""
    x, y = (int(value) for value in where.split(","))
    send(qmp, {"type": "rel", "data": {"axis": "x", "value": x}},
         {"type": "rel", "data": {"axis": "y", "value": y}})
    time.sleep(PAUSE_S)


def button(qmp, name):
    """Presses and releases a mouse button."""
    for down in (True, False):
        send(qmp, {"type": "btn", "data": {"down": down, "button": name}})
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

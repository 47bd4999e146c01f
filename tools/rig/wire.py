# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames over a byte channel that kernels may also print on.

A frame is a record separator, one line of ASCII JSON, a newline (RFC 7464).
Everything else on the channel is text: a console's messages. Used on both
ends, so it imports nothing of the rig.
"""
import json

MARK = b"\x1e"


def encode(frame):
    """The bytes of one frame. It begins on a line of its own."""
    return MARK + json.dumps(frame, separators=(",", ":")).encode() + b"\n"


class Parser:
    """Splits a byte stream into ("frame", dict) and ("text", bytes) items."""

    def __init__(self):
        self.rest = b""

    def feed(self, data):
        """Return the items that these bytes complete."""
        items = []
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            before, mark, body = line.rpartition(MARK)
            if not mark:
                before, body = line, b""
            frame = None
            if body:
                try:
                    frame = json.loads(body)
                except ValueError:
                    before += body
            before = before.replace(MARK, b"").strip(b"\r")
            if before:
                items.append(("text", before))
            if isinstance(frame, dict):
                items.append(("frame", frame))
        return items

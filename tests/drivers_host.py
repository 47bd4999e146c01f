#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the driver domain has for run_drivers.sh besides real drivers.

    drivers_host.py READY

An input device of uinput's ("Paradice test input") that repeats a cycle of events
and takes force feedback effects, two terminals, /dev/ptyA and /dev/ptyB, that are the
ends of one line, and the device of a GPIO driver (hid-mcp2221), a HID device of uhid's.
Makes the file READY when they are there; runs forever.
"""
import fcntl
import os
import selectors
import struct
import sys
import time
import tty

# linux/uinput.h, linux/input-event-codes.h
UI_DEV_CREATE = 0x5501
UI_DEV_SETUP = 0x405c5503
UI_ABS_SETUP = 0x401c5504
UI_SET_EVBIT = 0x40045564
UI_SET_KEYBIT = 0x40045565
UI_SET_RELBIT = 0x40045566
UI_SET_ABSBIT = 0x40045567
UI_SET_FFBIT = 0x4004556b
UI_BEGIN_FF_UPLOAD = 0xc06855c8
UI_END_FF_UPLOAD = 0x406855c9
UI_BEGIN_FF_ERASE = 0xc00c55ca
UI_END_FF_ERASE = 0x400c55cb
EV_SYN, EV_KEY, EV_REL, EV_ABS, EV_FF, EV_UINPUT = 0, 1, 2, 3, 0x15, 0x101
UI_FF_UPLOAD, UI_FF_ERASE = 1, 2
KEYS = (30, 48, 46, 59, 88, 0x130)         # A B C F1 F12 BTN_SOUTH
ABS = {0: (-100, 100, 2, 5), 1: (0, 4095, 0, 0), 0x10: (-1, 1, 0, 0)}
# RUMBLE PERIODIC CONSTANT SPRING FRICTION DAMPER INERTIA RAMP, SQUARE TRIANGLE SINE
# SAW_UP SAW_DOWN CUSTOM, GAIN AUTOCENTER
FF = range(0x50, 0x62)
N_EFFECTS = 16

CYCLE = (
    ((EV_KEY, 59, 1),), ((EV_KEY, 59, 0),),
    ((EV_ABS, 0, 50), (EV_ABS, 1, 4000)), ((EV_ABS, 0, -50), (EV_ABS, 1, 1)),
    ((EV_REL, 0, 7), (EV_REL, 1, -7)), ((EV_KEY, 30, 1), (EV_KEY, 48, 1)),
    ((EV_KEY, 30, 0), (EV_KEY, 48, 0)), ((EV_KEY, 0x130, 1),),
    ((EV_KEY, 0x130, 0), (EV_REL, 8, -1)),
)
PERIOD = 0.1


def make_input():
    """The device; returns its descriptor."""
    fd = os.open("/dev/uinput", os.O_RDWR | os.O_NONBLOCK)
    for kind in (EV_KEY, EV_REL, EV_ABS, EV_FF):
        fcntl.ioctl(fd, UI_SET_EVBIT, kind)
    for key in KEYS:
        fcntl.ioctl(fd, UI_SET_KEYBIT, key)
    for axis in (0, 1, 8):
        fcntl.ioctl(fd, UI_SET_RELBIT, axis)
    for effect in FF:
        fcntl.ioctl(fd, UI_SET_FFBIT, effect)
    for axis, (low, high, fuzz, flat) in ABS.items():
        fcntl.ioctl(fd, UI_ABS_SETUP, struct.pack(
            "=Hxx6i", axis, 0, low, high, fuzz, flat, 0))
    fcntl.ioctl(fd, UI_DEV_SETUP, struct.pack(
        "=HHHH80sI", 3, 0x1234, 0x5678, 9, b"Paradice test input", N_EFFECTS))
    fcntl.ioctl(fd, UI_DEV_CREATE)
    return fd


def serve_effects(fd):
    """Take the effects that were uploaded or erased, whatever they are."""
    while True:
        try:
            data = os.read(fd, 24)
        except BlockingIOError:
            return
        _, _, kind, code, value = struct.unpack("=qqHHi", data)
        if kind != EV_UINPUT:
            continue
        if code == UI_FF_UPLOAD:
            upload = bytearray(struct.pack("=Ii", value, 0) + bytes(96))
            fcntl.ioctl(fd, UI_BEGIN_FF_UPLOAD, upload)
            fcntl.ioctl(fd, UI_END_FF_UPLOAD, upload)
        elif code == UI_FF_ERASE:
            erase = bytearray(struct.pack("=IiI", value, 0, 0))
            fcntl.ioctl(fd, UI_BEGIN_FF_ERASE, erase)
            fcntl.ioctl(fd, UI_END_FF_ERASE, erase)


def emit(fd, packet):
    """Write one packet of events."""
    for kind, code, value in (*packet, (EV_SYN, 0, 0)):
        os.write(fd, struct.pack("=qqHHi", 0, 0, kind, code, value))


def make_line(selector):
    """Two terminals; what is written to one comes out of the other."""
    masters = []
    for name in ("/dev/ptyA", "/dev/ptyB"):
        master, slave = os.openpty()
        tty.setraw(slave)
        # The slave stays open here, so that the line outlives its users.
        path = os.ttyname(slave)
        os.chmod(path, 0o666)
        if os.path.islink(name):
            os.unlink(name)
        os.symlink(path, name)
        masters.append(master)
    for this, other in (masters, reversed(masters)):
        selector.register(
            this, selectors.EVENT_READ,
            lambda a=this, b=other: os.write(b, os.read(a, 4096)))


# ---- MCP2221A: four lines; its commands are in the data sheet, 3.1.11 and 3.1.12 ----

# linux/uhid.h
UHID_OUTPUT, UHID_CREATE2, UHID_INPUT2 = 6, 11, 12
REPORT = 64
# A vendor's own page, with an input and an output report of 64 bytes.
DESCRIPTOR = bytes.fromhex("0600ff0901a1010903150026ff0075089540810209041500"
                           "26ff00750895409102c0")
GPIO_SET, GPIO_GET = 0x50, 0x51


class Chip:
    """The device's state: of each line its value, and 1 for an input."""

    def __init__(self):
        self.values, self.inputs = [0, 1, 0, 1], [1] * 4
        self.fd = os.open("/dev/uhid", os.O_RDWR)
        os.write(self.fd, struct.pack(
            "=I128s64s64sHHIIII4096s", UHID_CREATE2, b"MCP2221", b"", b"",
            len(DESCRIPTOR), 3, 0x04d8, 0x00dd, 0x100, 0, DESCRIPTOR))

    def set_lines(self, asked):
        """What to change: for each line four bytes, of value and direction."""
        for line in range(4):
            change, value, turn, way = asked[2 + 4 * line:6 + 4 * line]
            if change:
                self.values[line] = value
            if turn:
                self.inputs[line] = way
        return bytes([asked[0], 0]) + asked[2:]

    def get_lines(self, asked):
        """Value and direction of each line."""
        return bytes([asked[0], 0]) + bytes(
            byte for pair in zip(self.values, self.inputs) for byte in pair)

    def serve(self):
        """One event of the kernel's."""
        event = os.read(self.fd, 4380)
        if struct.unpack_from("=I", event)[0] != UHID_OUTPUT:
            return
        size = struct.unpack_from("=H", event, 4 + 4096)[0]
        asked = event[4:4 + size][-REPORT:]
        answer = {GPIO_SET: self.set_lines, GPIO_GET: self.get_lines}.get(
            asked[0], lambda asked: asked[:1])(asked)
        os.write(self.fd, struct.pack("=IH4096s", UHID_INPUT2, REPORT, answer))


def main():
    """Serve until killed."""
    selector = selectors.DefaultSelector()
    fd = make_input()
    selector.register(fd, selectors.EVENT_READ, lambda: serve_effects(fd))
    make_line(selector)
    chip = Chip()
    selector.register(chip.fd, selectors.EVENT_READ, chip.serve)
    with open(sys.argv[1], "w", encoding="ascii"):
        pass
    n, due = 0, time.monotonic()
    while True:
        for key, _ in selector.select(max(0, due - time.monotonic())):
            key.data()
        if time.monotonic() >= due:
            emit(fd, CYCLE[n % len(CYCLE)])
            n, due = n + 1, time.monotonic() + PERIOD


if __name__ == "__main__":
    main()

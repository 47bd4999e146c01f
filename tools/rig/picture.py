# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes a frame of a camera as a PNG: python3 -m rig.picture WIDTH HEIGHT FILE
reads one frame in V4L2's YUYV format (two pixels in four bytes: Y U Y V) from
standard input. Exits with 1 if it is no whole frame, or if it is of one colour."""
import struct
import sys
import zlib


def pixel(luma, blue, red):
    """RGB of one pixel (ITU-R BT.601, limited range)."""
    luma = 1.164 * (luma - 16)
    blue -= 128
    red -= 128
    return bytes(
        min(255, max(0, round(value)))
        for value in (luma + 1.596 * red,
                      luma - 0.813 * red - 0.392 * blue,
                      luma + 2.017 * blue))


def rows(frame, width, height):
    """The picture's rows, each with the byte of PNG's filter in front."""
    known = {}
    for y in range(height):
        row = bytearray(b"\0")
        line = frame[y * width * 2:(y + 1) * width * 2]
        for x in range(0, len(line), 4):
            pair = line[x:x + 4]
            if pair not in known:
                first, blue, second, red = pair
                known[pair] = pixel(first, blue, red) + pixel(second, blue,
                                                              red)
            row += known[pair]
        yield bytes(row)


def chunk(kind, data):
    """One chunk of a PNG file (ISO/IEC 15948, 5.3)."""
    crc = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def main():
    """The exit status."""
    width, height, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    frame = sys.stdin.buffer.read()
    if len(frame) != width * height * 2:
        print(f"picture: {len(frame)} bytes are no frame of {width} x "
              f"{height} in YUYV", file=sys.stderr)
        return 1
    if len({frame[i:i + 4] for i in range(0, len(frame), 4)}) < 2:
        print("picture: the frame is of one colour", file=sys.stderr)
        return 1
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    with open(path, "wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
                  + chunk(b"IDAT", zlib.compress(
                      b"".join(rows(frame, width, height))))
                  + chunk(b"IEND", b""))
    return 0


if __name__ == "__main__":
    sys.exit(main())

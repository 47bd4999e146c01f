# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes a picture from standard input as a PNG. python3 -m rig.picture FILE takes a
PPM; python3 -m rig.picture WIDTH HEIGHT FILE takes one frame of a camera in V4L2's
YUYV format (two pixels in four bytes: Y U Y V). Exits with 1 if it is no whole
picture, or if it is of one colour."""
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


def from_yuyv(frame, width, height):
    """A frame of a camera as RGB."""
    if len(frame) != width * height * 2:
        raise ValueError(f"{len(frame)} bytes are no frame of {width} x "
                         f"{height} in YUYV")
    known = {}
    pixels = bytearray()
    for at in range(0, len(frame), 4):
        pair = frame[at:at + 4]
        if pair not in known:
            first, blue, second, red = pair
            known[pair] = pixel(first, blue, red) + pixel(second, blue, red)
        pixels += known[pair]
    return bytes(pixels), width, height


def from_ppm(data):
    """A PPM of one byte a colour, as QEMU and our programs write it."""
    parts = data.split(b"\n", 3)
    if parts[0] != b"P6" or len(parts) != 4:
        raise ValueError("this is no PPM")
    width, height = (int(word) for word in parts[1].split())
    if len(parts[3]) != width * height * 3:
        raise ValueError("the PPM is not whole")
    return parts[3], width, height


def chunk(kind, data):
    """One chunk of a PNG file (ISO/IEC 15948, 5.3)."""
    crc = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def write_png(path, pixels, width, height):
    """A PNG file of RGB pixels, each row without a filter."""
    rows = (b"\0" + pixels[y * width * 3:(y + 1) * width * 3]
            for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    with open(path, "wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
                  + chunk(b"IDAT", zlib.compress(b"".join(rows)))
                  + chunk(b"IEND", b""))


def main():
    """The exit status."""
    data = sys.stdin.buffer.read()
    try:
        if len(sys.argv) == 2:
            pixels, width, height = from_ppm(data)
        else:
            pixels, width, height = from_yuyv(data, int(sys.argv[1]),
                                              int(sys.argv[2]))
        if pixels == pixels[:3] * (width * height):
            raise ValueError("the picture is of one colour")
    except ValueError as error:
        print(f"picture: {error}", file=sys.stderr)
        return 1
    write_png(sys.argv[-1], pixels, width, height)
    return 0


if __name__ == "__main__":
    sys.exit(main())

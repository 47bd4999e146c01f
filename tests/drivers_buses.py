#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Small programs for drivers_cases.sh: GPIO lines, SPI transfers, memory of a DMA heap."""
import ctypes
import errno
import fcntl
import mmap
import os
import select
import struct
import sys

from drivers_programs import BOTH, IN, OUT, code, text, tried


def printed(fd, name, request, size, form):
    """Do an ioctl that only tells something, and print that."""
    data = tried(fd, name, request, bytearray(size))
    print(struct.unpack_from(form, data))


# ---- GPIO: linux/gpio.h ----

GPIO = "\xb4"


def lines_request(version, offsets, flags):
    """The request of lines for a consumer "Paradice", and its command."""
    if version == 1:
        data = bytearray(364)           # struct gpiohandle_request
        struct.pack_into(f"={len(offsets)}I", data, 0, *offsets)
        struct.pack_into("=I", data, 256, flags)
        data[324:332] = b"Paradice"
        struct.pack_into("=I", data, 356, len(offsets))
        return code(BOTH, GPIO, 0x03, 364), data
    data = bytearray(592)               # struct gpio_v2_line_request
    struct.pack_into(f"={len(offsets)}I", data, 0, *offsets)
    data[256:264] = b"Paradice"
    struct.pack_into("=Q", data, 288, flags)
    struct.pack_into("=I", data, 560, len(offsets))
    return code(BOTH, GPIO, 0x07, 592), data


def lines(fd, version, offsets, flags):
    """A descriptor of lines, or None."""
    request, data = lines_request(version, offsets, flags)
    tried(fd, f"lines {offsets} by version {version}", request, data)
    line = struct.unpack_from("=i", data, len(data) - 4)[0]
    return line if line > 0 else None


def watched(fd):
    """Print the changes of watched lines that come."""
    while select.select([fd], [], [], 1)[0]:
        change = os.read(fd, 4096)
        print("change", len(change), text(change[32:64]),
              *struct.unpack_from("=I", change, 256 + 8))


def gpio(path):
    """Lines of a chip without interrupts, by both versions of the interface."""
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    chip = tried(fd, "chip", code(OUT, GPIO, 0x01, 68), bytearray(68))
    print(text(chip[32:64]), *struct.unpack_from("=I", chip, 64))
    # Not what an earlier one has left.
    line = lines(fd, 2, [0, 1, 2, 3], 8)    # outputs
    tried(line, "set all", code(BOTH, GPIO, 0x0f, 16), struct.pack("=QQ", 9, 15))
    os.close(line)
    os.close(lines(fd, 2, [0, 1, 2, 3], 4))
    for offset in (0, 3, 4, 2**31):
        info = bytearray(256)           # struct gpio_v2_line_info
        struct.pack_into("=I", info, 64, offset)
        tried(fd, f"line {offset}", code(BOTH, GPIO, 0x05, 256), info)
        print(struct.unpack_from("=IIQ", info, 64))
        info = bytearray(72)            # struct gpioline_info
        struct.pack_into("=I", info, 0, offset)
        tried(fd, f"line {offset} by version 1", code(BOTH, GPIO, 0x02, 72), info)
        print(struct.unpack_from("=II", info))
    watch = bytearray(256)
    struct.pack_into("=I", watch, 64, 1)
    tried(fd, "watch", code(BOTH, GPIO, 0x06, 256), watch)
    tried(fd, "watch again", code(BOTH, GPIO, 0x06, 256), watch)
    values = (code(BOTH, GPIO, 0x08, 64), code(BOTH, GPIO, 0x09, 64))
    line = lines(fd, 1, [0, 1], 2)      # outputs
    lines(fd, 1, [1], 1)                # is taken
    printed(line, "values", values[0], 64, "=2B")
    tried(line, "set values", values[1], bytes([0, 1]).ljust(64, b"\0"))
    printed(line, "values", values[0], 64, "=2B")
    watched(fd)
    config = bytearray(84)              # struct gpiohandle_config: inputs
    struct.pack_into("=I", config, 0, 1)
    tried(line, "inputs", code(BOTH, GPIO, 0x0a, 84), config)
    tried(line, "set values of inputs", values[1], bytes(64))
    os.close(line)
    watched(fd)
    line = lines(fd, 2, [2, 3], 4)
    get, put = code(BOTH, GPIO, 0x0e, 16), code(BOTH, GPIO, 0x0f, 16)
    for mask in (3, 1, 0, 8):
        data = tried(line, f"values {mask}", get, struct.pack("=QQ", 0, mask))
        print(struct.unpack("=QQ", data))
    config = bytearray(272)             # struct gpio_v2_line_config: outputs
    struct.pack_into("=Q", config, 0, 8)
    tried(line, "outputs", code(BOTH, GPIO, 0x0d, 272), config)
    tried(line, "set values", put, struct.pack("=QQ", 2, 3))
    print(struct.unpack("=QQ", tried(line, "values", get, struct.pack("=QQ", 0, 3))))
    child = os.fork()
    if not child:
        tried(line, "set values in a child", put, struct.pack("=QQ", 1, 3))
        os._exit(0)
    os.waitpid(child, 0)
    print(struct.unpack("=QQ", tried(line, "values", get, struct.pack("=QQ", 0, 3))))
    os.close(line)
    event = bytearray(48)               # struct gpioevent_request
    struct.pack_into("=III", event, 0, 0, 1, 3)
    tried(fd, "events", code(BOTH, GPIO, 0x04, 48), event)
    for _ in range(2):
        tried(fd, "watch no more", code(BOTH, GPIO, 0x0c, 4), struct.pack("=I", 1))
    return 0


# ---- SPI: linux/spi/spidev.h ----

def transfer(sent, received, length, last=0):
    """struct spi_ioc_transfer; buffers are ctypes arrays, addresses, or 0."""
    words = [one if isinstance(one, int) else ctypes.addressof(one)
             for one in (sent, received)]
    return struct.pack("=QQIIHBBBBBB", *words, length, 0, 0, 8, last, 0, 0, 0, 0)


def message(fd, name, *transfers):
    """Do the transfers of one message."""
    data = b"".join(transfers)
    tried(fd, name, code(IN, "k", 0, len(data)), data)


def spi(path):
    """A bus on which nobody answers."""
    fd = os.open(path, os.O_RDWR)
    for value in (0, 3, 0):
        tried(fd, f"set mode {value}", code(IN, "k", 1, 1), bytes([value]))
        printed(fd, "mode", code(OUT, "k", 1, 1), 1, "=B")
        printed(fd, "mode, 32 bits", code(OUT, "k", 5, 4), 4, "=I")
    tried(fd, "set mode, 32 bits", code(IN, "k", 5, 4), struct.pack("=I", 1 << 31))
    for value in (1, 0):
        tried(fd, "set order", code(IN, "k", 2, 1), bytes([value]))
    printed(fd, "order", code(OUT, "k", 2, 1), 1, "=B")
    for value in (9, 77, 8):
        tried(fd, f"set bits {value}", code(IN, "k", 3, 1), bytes([value]))
        printed(fd, "bits", code(OUT, "k", 3, 1), 1, "=B")
    tried(fd, "set speed", code(IN, "k", 4, 4), struct.pack("=I", 500000))
    printed(fd, "speed", code(OUT, "k", 4, 4), 4, "=I")
    sent = (ctypes.c_ubyte * 4)(0x12, 0x34, 0x56, 0x78)
    received = (ctypes.c_ubyte * 4)(1, 2, 3, 4)
    large = (ctypes.c_ubyte * 4096)()
    message(fd, "both ways", transfer(sent, received, 4))
    print(bytes(received).hex())
    received[:] = (1, 2, 3, 4)
    message(fd, "first out, then in", transfer(sent, 0, 2, 1), transfer(0, received, 2))
    print(bytes(received).hex())
    tried(fd, "half a transfer more", code(IN, "k", 0, 48), bytes(48))
    message(fd, "from nowhere", transfer(8, received, 4))
    message(fd, "to nowhere", transfer(sent, 8, 4))
    message(fd, "too much", *[transfer(large, large, len(large))] * 2)
    print(os.read(fd, 4).hex(), os.write(fd, bytes(sent)))
    return 0


# ---- A DMA heap: linux/dma-heap.h, linux/dma-buf.h ----

def allocated(fd, length, flags=os.O_RDWR | os.O_CLOEXEC, heap_flags=0, given=0):
    """A buffer's descriptor, or None."""
    data = tried(fd, f"{length} bytes", code(BOTH, "H", 0, 24),
                 struct.pack("=QIIQ", length, given, flags, heap_flags))
    buffer = struct.unpack_from("=I", data, 8)[0]
    return buffer if buffer > given else None


def fence(buffer):
    """Of a buffer that nobody works on."""
    data = tried(buffer, "export a fence", code(BOTH, "b", 2, 8),
                 struct.pack("=Ii", 3, -1))
    number = struct.unpack("=Ii", data)[1]
    poll = select.poll()
    poll.register(number, select.POLLIN)
    print("ready", [mask for _, mask in poll.poll(1000)])
    tried(buffer, "import it", code(IN, "b", 3, 8), struct.pack("=Ii", 2, number))
    os.close(number)


def heap(path):
    """Buffers that are mapped by two processes."""
    size = 1 << 20
    fd = os.open(path, os.O_RDWR)
    for arguments in ((0,), (size, os.O_RDWR | os.O_NONBLOCK), (size, os.O_RDWR, 1),
                      (size, os.O_RDWR, 0, 5)):
        allocated(fd, *arguments)
    buffer = allocated(fd, size)
    print("close on exec", fcntl.fcntl(buffer, fcntl.F_GETFD), "bytes", os.lseek(buffer, 0, 2))
    mapped = mmap.mmap(buffer, size)
    for flags in (2 | 1, 4 | 2 | 1, 64):    # begin and end of reading and writing
        tried(buffer, f"synchronise {flags}", code(IN, "b", 0, 8), struct.pack("=Q", flags))
        mapped[:5], mapped[-5:] = b"first", b"final"
    child = os.fork()
    if not child:
        again = mmap.mmap(buffer, size, mmap.MAP_SHARED, mmap.PROT_READ)
        print(mapped[:5], again[-5:], again[4096:4100])
        mapped[4096:4100] = b"mine"
        os._exit(0)
    os.waitpid(child, 0)
    print(mapped[4096:4100])
    for length, offset in ((2 * size, 0), (4096, size)):
        try:
            mmap.mmap(buffer, length, offset=offset)
        except OSError as error:
            print(errno.errorcode[error.errno])
    name = ctypes.create_string_buffer(b"Paradice")
    tried(buffer, "name", code(IN, "b", 1, 8), struct.pack("=Q", ctypes.addressof(name)))
    fence(buffer)
    # The mapping outlives the descriptor, and other buffers.
    os.close(buffer)
    for _ in range(20):
        os.close(allocated(fd, size))
    print(mapped[:5], mapped[4096:4100], mapped[-5:])
    return 0


def main():
    """Returns the program's exit status."""
    sys.stdout.reconfigure(line_buffering=True)
    return {"gpio": gpio, "spi": spi, "heap": heap}[sys.argv[1]](sys.argv[2])


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Small programs for drivers_cases.sh, where Debian has none that fits."""
import ctypes
import errno
import fcntl
import glob
import os
import random
import select
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
import wave


def code(direction, kind, number, size):
    """A command's number: asm-generic/ioctl.h."""
    return direction << 30 | size << 16 | ord(kind) << 8 | number


IN, OUT, BOTH = 1, 2, 3         # from the program's point of view: _IOW, _IOR


LIBC = ctypes.CDLL(None, use_errno=True)


def tried(fd, name, request, argument=0):
    """Do an ioctl and print its result or errno; returns the argument after.

    By libc: fcntl.ioctl copies small buffers and takes no large numbers.
    """
    if isinstance(argument, (bytes, bytearray)):
        if isinstance(argument, bytes):
            argument = bytearray(argument)
        raw = ctypes.byref((ctypes.c_char * len(argument)).from_buffer(argument))
    else:
        raw = ctypes.c_ulong(argument)
    result = LIBC.ioctl(ctypes.c_int(fd), ctypes.c_ulong(request), raw)
    if result < 0:
        result = errno.errorcode[ctypes.get_errno()]
    print(f"{name}: {result}")
    return argument


def text(data):
    """A string in a buffer of the kernel's."""
    return bytes(data).split(b"\0")[0].decode("latin-1")


# ---- Input ----

def find_input(name):
    """Print the event node of the input device of that name."""
    for path in sorted(glob.glob("/dev/input/event*")):
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        found = bytearray(256)
        try:
            fcntl.ioctl(fd, code(OUT, "E", 0x06, 256), found)
        except OSError:
            pass
        os.close(fd)
        if text(found) == name:
            print(path)
            return 0
    return 1


class Effect(ctypes.Structure):
    """struct ff_effect with a periodic effect of linux/input.h."""
    _fields_ = [("type", ctypes.c_uint16), ("id", ctypes.c_int16),
                ("direction", ctypes.c_uint16), ("trigger", ctypes.c_uint16 * 2),
                ("replay", ctypes.c_uint16 * 2), ("padding", ctypes.c_uint16),
                ("waveform", ctypes.c_uint16), ("period", ctypes.c_uint16),
                ("magnitude", ctypes.c_int16), ("offset", ctypes.c_int16),
                ("phase", ctypes.c_uint16), ("envelope", ctypes.c_uint16 * 4),
                ("custom_len", ctypes.c_uint32),
                ("custom_data", ctypes.c_void_p)]


def force_feedback(path):
    """Upload, play and erase effects; the driver refuses custom waveforms."""
    samples = (ctypes.c_int16 * 64)(*range(64))
    fd = os.open(path, os.O_RDWR)
    ids = []
    for waveform in (0x58, 0x5a, 0x5d):
        effect = Effect(type=0x51, id=-1, direction=0x4000, waveform=waveform,
                        period=100, magnitude=1000, custom_len=64,
                        custom_data=ctypes.addressof(samples))
        data = bytearray(effect)
        tried(fd, f"upload 0x{waveform:x}", code(IN, "E", 0x80, len(data)),
              data)
        ids.append(struct.unpack_from("=h", data, 2)[0])
        print("effect", ids[-1])
    for number in ids:
        if number >= 0:
            os.write(fd, struct.pack("=qqHHi", 0, 0, 0x15, number, 1))
            tried(fd, "erase", code(IN, "E", 0x81, 4), number)
    tried(fd, "erase 77", code(IN, "E", 0x81, 4), 77)
    n = bytearray(4)
    tried(fd, "effects at a time", code(OUT, "E", 0x84, 4), n)
    print(struct.unpack("=i", n)[0])
    return 0


def uinput(path):
    """Make a device, write events, take it away."""
    fd = os.open(path, os.O_RDWR)
    version = tried(fd, "version", code(OUT, "U", 45, 4), bytearray(4))
    print(struct.unpack("=I", version)[0])
    for name, number, values in (("event", 100, (1, 3)), ("key", 101, (30, 31)),
                                 ("axis", 103, (0,))):
        for value in values:
            tried(fd, f"{name} {value}", code(IN, "U", number, 4), value)
    tried(fd, "phys", code(IN, "U", 108, 8), string_address("test/0"))
    tried(fd, "abs setup", code(IN, "U", 4, 28),
          struct.pack("=Hxx6i", 0, 0, -5, 5, 0, 0, 0))
    tried(fd, "create too early", code(0, "U", 1, 0))
    tried(fd, "setup", code(IN, "U", 3, 92), struct.pack(
        "=HHHH80sI", 3, 1, 2, 3, b"Paradice made in a test", 0))
    tried(fd, "create", code(0, "U", 1, 0))
    # The result is its length, which its number may change.
    name = bytearray(64)
    LIBC.ioctl(fd, ctypes.c_ulong(code(OUT, "U", 44, 64)), ctypes.byref(
        (ctypes.c_char * 64).from_buffer(name)))
    print("sysname", text(name).rstrip("0123456789"))
    for kind, number, value in ((1, 30, 1), (0, 0, 0), (1, 30, 0), (0, 0, 0)):
        print(os.write(fd, struct.pack("=qqHHi", 0, 0, kind, number, value)))
    tried(fd, "destroy", code(0, "U", 2, 0))
    tried(fd, "unknown", code(IN, "U", 99, 4), 0)
    return 0


STRINGS = []


def string_address(value):
    """The address of a string that lives on."""
    STRINGS.append(ctypes.create_string_buffer(value.encode()))
    return ctypes.addressof(STRINGS[-1])


# ---- Sound ----

FRAMES = 8000
SILENCE = 800


def make_sound(path, sample, channels):
    """A second of noise without a silent frame."""
    width = {"S16_LE": 2, "S32_LE": 4}[sample]
    noise = random.Random(7)
    with wave.open(path, "wb") as out:
        out.setparams((int(channels), width, 8000, 0, "NONE", ""))
        out.writeframes(noise.randbytes(
            FRAMES * width * int(channels)).replace(b"\0", b"\1"))
        out.writeframes(bytes(SILENCE * width * int(channels)))
    return 0


def compare_sound(sent_path, received_path):
    """After silence, the recording is what was played."""
    with wave.open(sent_path) as sent, wave.open(received_path) as received:
        wanted = sent.readframes(FRAMES)
        got = received.readframes(received.getnframes()).lstrip(b"\0")
    if got.startswith(wanted):
        print(f"{FRAMES} frames came out as they went in")
        return 0
    same = len(os.path.commonprefix([wanted, got]))
    print(f"{same} bytes of {len(wanted)} came out as they went in; the next "
          f"ones are at {got.find(wanted[same:same + 64], same)}")
    return 1


# ---- The rest ----

def sound_card(name):
    """The number of the sound card of that id."""
    for path in glob.glob("/dev/snd/controlC*"):
        fd = os.open(path, os.O_RDWR)
        info = bytearray(376)           # struct snd_ctl_card_info
        fcntl.ioctl(fd, code(OUT, "U", 0x01, 376), info)
        os.close(fd)
        if text(info[8:24]) == name:
            return struct.unpack_from("=i", info)[0]
    raise SystemExit(f"there is no card {name}")


def pcm_open(path):
    """Open a PCM node and choose a second of 16-bit stereo at 8 kHz for it."""
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    data = bytearray(608)               # struct snd_pcm_hw_params: any
    data[4:260] = b"\xff" * 256
    for i in range(12):
        struct.pack_into("=III", data, 260 + 12 * i, 0, 0xffffffff, 0)
    struct.pack_into("=I28xI", data, 4, 1 << 3, 1 << 2)     # RW_INTERLEAVED, S16_LE
    for i, value in ((2, 2), (3, 8000), (5, 2000), (9, 8000)):
        struct.pack_into("=III", data, 260 + 12 * i, value, value, 4)
    struct.pack_into("=I", data, 512, 0xffffffff)
    tried(fd, "parameters", code(BOTH, "A", 0x11, len(data)), data)
    return fd


def pcm_state(fd):
    """Print the state of a PCM."""
    status = tried(fd, "status", code(OUT, "A", 0x20, 152), bytes(152))
    print("state", struct.unpack_from("=i", status)[0])


def pcm_link(name):
    """Linked, the first sound that is written starts the recording too."""
    card = sound_card(name)
    play, record = (pcm_open(f"/dev/snd/pcmC{card}D0{way}") for way in "pc")
    link, unlink = code(IN, "A", 0x60, 4), code(0, "A", 0x61, 0)
    tried(play, "link with itself", link, play)
    tried(play, "link with nothing", link, 999)
    tried(play, "link with -1", link, 2**64 - 1)
    null = os.open("/dev/null", os.O_RDWR)
    # EBADFD from the driver, EINVAL where it is none of the host's files.
    print("link with another", LIBC.ioctl(play, ctypes.c_ulong(link), null))
    tried(play, "link", link, record)
    tried(play, "link again", link, record)
    tried(play, "prepare", code(0, "A", 0x40, 0))
    pcm_state(record)
    print("written", os.write(play, bytes(8000)))
    pcm_state(record)
    tried(play, "stop", code(0, "A", 0x43, 0))
    pcm_state(record)
    tried(record, "unlink", unlink)
    tried(record, "unlink again", unlink)
    tried(record, "prepare", code(0, "A", 0x40, 0))
    pcm_state(play)
    os.close(play)
    os.close(record)
    return 0


def pcm_wait(name):
    """An open waits for a free substream, and outlasts signals and a stop."""
    path = f"/dev/snd/pcmC{sound_card(name)}D0p"
    held = []
    while True:
        try:
            held.append(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
        except OSError as error:
            print(len(held), "substreams, then", error.strerror)
            break
    signal.signal(signal.SIGUSR1, lambda *_: None)
    signal.siginterrupt(signal.SIGUSR1, False)
    program = os.getpid()
    child = os.fork()
    if not child:
        for number in (signal.SIGUSR1, signal.SIGUSR1, signal.SIGSTOP,
                       signal.SIGCONT):
            time.sleep(0.5)
            os.kill(program, number)
        os._exit(0)
    threading.Timer(4, os.close, (held.pop(),)).start()
    # Not os.open(), which begins it anew itself.
    fd = LIBC.open(path.encode(), os.O_WRONLY)
    print("opened" if fd >= 0 else os.strerror(ctypes.get_errno()))
    os.waitpid(child, 0)
    # A handler without SA_RESTART ends it.
    signal.siginterrupt(signal.SIGUSR1, True)
    threading.Timer(1, os.kill, (program, signal.SIGUSR1)).start()
    ended = LIBC.open(path.encode(), os.O_WRONLY)
    print("opened" if ended >= 0 else os.strerror(ctypes.get_errno()))
    for one in held + [fd]:
        os.close(one)
    return 0


def drm_version(path):
    """DRM_IOCTL_VERSION: three strings, by the pattern of two calls."""
    fd = os.open(path, os.O_RDWR)
    name, date, description = (ctypes.create_string_buffer(64)
                               for _ in range(3))
    for size in (0, 64):
        call = bytearray(struct.pack(
            "=3i4x6Q", 0, 0, 0, size, ctypes.addressof(name), size,
            ctypes.addressof(date), size, ctypes.addressof(description)))
        tried(fd, "version", code(BOTH, "d", 0, 64), call)
        values = struct.unpack("=3i4x6Q", call)
        print(values[:3], values[3::2], name.value, date.value,
              description.value)
    for capability in range(1, 0x15):
        call = bytearray(struct.pack("=QQ", capability, 0))
        tried(fd, f"capability {capability}", code(BOTH, "d", 0x0c, 16), call)
        print(struct.unpack("=QQ", call)[1])
    return 0


def hidraw(path):
    """The descriptor and names of a HID device."""
    fd = os.open(path, os.O_RDWR)
    size = tried(fd, "size", code(OUT, "H", 1, 4), bytearray(4))
    descriptor = tried(fd, "descriptor", code(OUT, "H", 2, 4100),
                       size + bytearray(4096))
    n = struct.unpack_from("=I", size)[0]
    print(bytes(descriptor[4:4 + n]).hex())
    print(bytes(tried(fd, "info", code(OUT, "H", 3, 8), bytearray(8))).hex())
    for what, number in (("name", 4), ("phys", 5), ("uniq", 8)):
        print(text(tried(fd, what, code(OUT, "H", number, 256),
                         bytearray(256))))
    for report in (0, 1):
        print(bytes(tried(fd, f"feature {report}", code(BOTH, "H", 7, 8),
                          bytearray([report] + [0] * 7))).hex())
    return 0


def rtc(path):
    """Alarms, periodic interrupts, and what this clock cannot do."""
    fd = os.open(path, os.O_RDONLY)
    now = tried(fd, "read", code(OUT, "p", 9, 36), bytearray(36))
    print(struct.unpack("=9i", now)[5] > 120)
    tried(fd, "set alarm", code(IN, "p", 7, 36),
          struct.pack("=9i", 5, 6, 7, 0, 0, 0, 0, 0, 0))
    alarm = tried(fd, "alarm", code(OUT, "p", 8, 36), bytearray(36))
    print(struct.unpack("=9i", alarm)[:3])
    for number in (32, 0, 64):  # above 64 is for the privileged
        tried(fd, f"set rate {number}", code(IN, "p", 0x0c, 8), number)
        rate = tried(fd, "rate", code(OUT, "p", 0x0b, 8), bytearray(8))
        print(struct.unpack("=Q", rate)[0])
    tried(fd, "updates on", code(0, "p", 3, 0))
    print("interrupt", os.read(fd, 8)[0] & 0x10)
    tried(fd, "updates off", code(0, "p", 4, 0))
    tried(fd, "parameter", code(IN, "p", 0x13, 24), bytearray(24))
    return 0


UHID_DESCRIPTOR = bytes.fromhex("05010906a101050719e029e71500250175019508810295"
                                "0175088101c0")


def uhid(path):
    """A HID device made by writing structures; what the kernel tells of it."""
    fd = os.open(path, os.O_RDWR)
    print(os.write(fd, struct.pack(
        "=I128s64s64sHHIIII4096s", 11, b"Paradice made a HID device", b"phys",
        b"uniq", len(UHID_DESCRIPTOR), 3, 1, 2, 3, 4, UHID_DESCRIPTOR)))
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    seen = []
    while poll.poll(3000) and len(seen) < 3:
        event = os.read(fd, 4380)
        seen.append(struct.unpack_from("=I", event)[0])
    print(seen[:2])
    print(os.write(fd, struct.pack("=IH4096s", 12, 1, b"\x02")))
    print(os.write(fd, struct.pack("=I", 1)))
    try:
        print(os.write(fd, struct.pack("=I", 99)))
    except OSError as error:
        print(errno.errorcode[error.errno])
    return 0


def serial(path):
    """Modem lines, queues, breaks of a serial port."""
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    for name, request in (("lines", 0x5415), ("unread", 0x541b),
                          ("unwritten", 0x5411), ("discipline", 0x5424)):
        print(struct.unpack("=i", tried(fd, name, request, bytearray(4)))[0])
    tried(fd, "set lines", 0x5416, struct.pack("=i", 6))
    tried(fd, "clear lines", 0x5417, struct.pack("=i", 2))
    print(struct.unpack("=i", tried(fd, "lines", 0x5415, bytearray(4)))[0])
    tried(fd, "count", 0x545d, bytearray(80))
    tried(fd, "break", 0x5409, 0)
    tried(fd, "flush", 0x540b, 2)
    tried(fd, "exclusive", 0x540c)
    tried(fd, "not exclusive", 0x540d)
    tried(fd, "rs485", 0x542e, bytearray(32))
    print(os.write(fd, b"words"))
    return 0


def watchdog(path):
    """What a watchdog tells; it is stopped before the file is closed."""
    fd = os.open(path, os.O_WRONLY)
    support = tried(fd, "support", code(OUT, "W", 0, 40), bytearray(40))
    print(text(support[8:]))
    for name, number in (("status", 1), ("boot status", 2), ("timeout", 7),
                         ("pretimeout", 9)):
        print(struct.unpack("=i", tried(fd, name, code(OUT, "W", number, 4),
                                        bytearray(4)))[0])
    tried(fd, "keep alive", code(OUT, "W", 5, 4), bytearray(4))
    tried(fd, "set timeout", code(BOTH, "W", 6, 4), struct.pack("=i", 100000))
    tried(fd, "options", code(OUT, "W", 4, 4), struct.pack("=i", 64))
    print(os.write(fd, b"V"))
    return 0


def usb(path):
    """Control transfers, by each of usbdevfs's ways."""
    fd = os.open(path, os.O_RDWR)
    print(hex(struct.unpack("=I", tried(
        fd, "capabilities", code(OUT, "U", 26, 4), bytearray(4)))[0]))
    info = tried(fd, "connection", code(IN, "U", 17, 8), bytearray(8))
    print(info[4])
    driver = bytearray(struct.pack("=I256s", 0, b""))
    print(text(tried(fd, "driver", code(IN, "U", 8, 260), driver)[4:]))
    data = (ctypes.c_uint8 * 18)()
    control = struct.pack("=BBHHHI4xQ", 0x80, 6, 0x100, 0, 18, 1000,
                          ctypes.addressof(data))
    tried(fd, "control", code(BOTH, "U", 0, 24), control)
    print(bytes(data).hex())
    # An URB: the driver fills the buffer when it is reaped.
    setup = (ctypes.c_uint8 * 26)(*struct.pack("=BBHHH", 0x80, 6, 0x100, 0, 18))
    urb = bytearray(struct.pack(
        "=BB2xiI4xQ5iIQ", 2, 0, 0, 0, ctypes.addressof(setup), 26, 0, 0, 0, 0,
        0, 77))
    raw = (ctypes.c_char * 56).from_buffer(urb)
    print("submit", LIBC.ioctl(fd, ctypes.c_ulong(code(OUT, "U", 10, 56)),
                               ctypes.byref(raw)))
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    print("poll", len(poll.poll(5000)))
    back = ctypes.c_uint64(0)
    print("reap", LIBC.ioctl(fd, ctypes.c_ulong(code(IN, "U", 12, 8)),
                             ctypes.byref(back)))
    print(back.value == ctypes.addressof(raw), bytes(setup[8:]).hex())
    tried(fd, "speed", code(0, "U", 31, 0))
    tried(fd, "claim 99", code(OUT, "U", 15, 4), struct.pack("=I", 99))
    return 0


def loop_control(path):
    """The next free loop device, one made, one removed."""
    fd = os.open(path, os.O_RDWR)
    tried(fd, "free", 0x4c82)
    tried(fd, "add", 0x4c80, 99)
    tried(fd, "add again", 0x4c80, 99)
    tried(fd, "remove", 0x4c81, 99)
    return 0


def positions(path):
    """Reads and writes at a place leave the file's own position alone."""
    fd = os.open(path, os.O_RDWR)
    os.lseek(fd, 100, os.SEEK_SET)
    print(os.pwrite(fd, b"one two", 7), os.pwritev(fd, [b"th", b"ree"], 4000))
    print(os.pread(fd, 7, 7), os.pread(fd, 5, 4000), os.lseek(fd, 0, 1))
    one, two = bytearray(3), bytearray(9)
    print(os.preadv(fd, [one, two], 9), one, two)
    print(len(os.read(fd, 10)), os.lseek(fd, 0, 1))
    # More than one request of FUSE's.
    data = bytes(n * 7 % 251 for n in range(300000))
    print(os.pwrite(fd, data, 1000), os.pread(fd, 300000, 1000) == data,
          os.pread(fd, 300000, 1001) == data[1:] + b"\xff")
    end = os.lseek(fd, 0, os.SEEK_END)
    print(os.lseek(fd, -5000, os.SEEK_END) == end - 5000,
          os.lseek(fd, -100000, os.SEEK_CUR) == end - 105000)
    print(len(os.pread(fd, 500, end - 20)), os.pread(fd, 500, end + 4096))
    # What fails on the way leaves nothing behind.
    os.lseek(fd, 7, os.SEEK_SET)
    for read in (lambda: os.pread(fd, 1, -1),
                 lambda: LIBC.pread(fd, ctypes.c_void_p(8), 16,
                                    ctypes.c_long(2000))):
        try:
            print(read(), os.strerror(ctypes.get_errno()))
        except OSError as error:
            print(error.strerror)
        print(os.read(fd, 4))
    return 0


def entropy(path):
    """The kernel's random numbers; only a privileged opener may add to them."""
    fd = os.open(path, os.O_RDWR)
    print(struct.unpack("=i", tried(fd, "count", code(OUT, "R", 0, 4),
                                    bytearray(4)))[0])
    print(len(os.read(fd, 1000)))
    return 0


def tun(path):
    """Ping the driver domain's end of a tun interface through this node.

    Packets go between the node and an interface of our own, in a network
    namespace of our own, which has the other address.
    """
    def attach(device, name):
        fd = os.open(device, os.O_RDWR)
        request = bytearray(struct.pack("=16sH22x", name, 0x1001))
        tried(fd, f"attach {name.decode()}", code(IN, "T", 202, 4), request)
        print(text(request[:16]))
        return fd

    theirs = attach(path, b"partun0")
    features = tried(theirs, "features", code(OUT, "T", 207, 4), bytearray(4))
    print(hex(struct.unpack("=I", features)[0]))
    name = tried(theirs, "name", code(OUT, "T", 210, 4), bytearray(40))
    print(text(name[:16]))
    size = tried(theirs, "buffer", code(OUT, "T", 211, 4), bytearray(4))
    print(struct.unpack("=i", size)[0])
    tried(theirs, "other name", code(IN, "T", 202, 4),
          bytearray(struct.pack("=16sH22x", b"partun9", 0x1001)))
    if ctypes.CDLL(None).unshare(0x40000000):
        print("no network namespace")
        return 1
    ours = attach("/dev/own-tun" if os.path.exists("/dev/own-tun") else path,
                  b"ours0")
    for command in ("addr add 10.77.0.2/24 dev ours0", "link set ours0 up"):
        subprocess.run(["ip", *command.split()], check=True)
    ping = subprocess.Popen(["ping", "-n", "-c", "5", "-i", "0.3", "-s", "1000",
                             "-w", "60", "10.77.0.1"],
                            stdout=subprocess.PIPE, text=True)
    poll = select.poll()
    for fd in (theirs, ours):
        poll.register(fd, select.POLLIN)
    while ping.poll() is None:
        for fd, _ in poll.poll(200):
            os.write(ours if fd == theirs else theirs, os.read(fd, 2048))
    # With a deadline it asks again for answers that are late.
    received = [line for line in ping.stdout if "received" in line][0]
    print("answers:", received.split(", ")[1])
    return 0


def v4l2_resize(path):
    """Pictures of two sizes, waited for by select, from one open file."""
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    capture, mmap_memory = 1, 1
    video = struct.pack("=i", capture)
    for width, height in ((640, 360), (320, 180), (640, 360)):
        pixels = bytearray(208)
        struct.pack_into("=I4xIII", pixels, 0, capture, width, height,
                         0x56595559)
        tried(fd, "format", code(BOTH, "V", 5, 208), pixels)
        print(struct.unpack_from("=II", pixels, 8))
        buffers = tried(fd, "buffers", code(BOTH, "V", 8, 20),
                        struct.pack("=IIIII", 2, capture, mmap_memory, 0, 0))
        for index in range(struct.unpack("=I16x", buffers)[0]):
            buffer = bytearray(88)
            struct.pack_into("=II52xI", buffer, 0, index, capture, mmap_memory)
            tried(fd, "queue", code(BOTH, "V", 15, 88), buffer)
        tried(fd, "start", code(IN, "V", 18, 4), video)
        print("ready", len(select.select([fd], [], [fd], 20)[0]))
        buffer = bytearray(88)
        struct.pack_into("=II52xI", buffer, 0, 0, capture, mmap_memory)
        tried(fd, "take", code(BOTH, "V", 17, 88), buffer)
        print("bytes", struct.unpack_from("=I", buffer, 8)[0])
        tried(fd, "stop", code(IN, "V", 19, 4), video)
        tried(fd, "no buffers", code(BOTH, "V", 8, 20),
              struct.pack("=IIIII", 0, capture, mmap_memory, 0, 0))
    return 0


# ---- The guest's /dev ----

OWN = ("null", "zero", "full", "urandom", "tty")
MS_BIND, MS_MOVE = 0x1000, 0x2000


def mount(source, target, kind=None, flags=0, data=None):
    """mount(2)."""
    words = [word and word.encode() for word in (source, target, kind, data)]
    if LIBC.mount(*words[:3], ctypes.c_ulong(flags), words[3]):
        raise OSError(ctypes.get_errno(), f"mount {target}")


def name_in_sysfs(name, numbers):
    """Libmedia asks sysfs for a node's name, to see what class of device it is."""
    original = f"/sys/dev/char/{numbers}/uevent"
    changed = f"/tmp/uevent-{numbers}"
    with open(original, encoding="ascii") as data:
        lines = [line for line in data if not line.startswith("DEVNAME=")]
    with open(changed, "w", encoding="ascii") as out:
        out.writelines([*lines, f"DEVNAME={name}\n"])
    mount(changed, os.path.realpath(original), flags=MS_BIND)


def make_dev(nodes):
    """Mount a /dev in which the guest's nodes have the names of the devices.

    In the Xen rigs nodes could have them anyway, but not those of two engines at
    once. In one process, since there are many nodes.
    """
    new = tempfile.mkdtemp(prefix="dev-")
    mount("dev", new, "tmpfs", 0, "mode=755")
    for name in OWN:
        os.mknod(f"{new}/{name}", stat.S_IFCHR | 0o666,
                 os.stat(f"/dev/{name}").st_rdev)
    for name in ("fd", "stdin", "stdout", "stderr"):
        os.symlink(os.readlink(f"/dev/{name}"), f"{new}/{name}")
    if os.path.exists("/dev/net/tun"):  # this machine's own driver
        os.mknod(f"{new}/own-tun", stat.S_IFCHR | 0o600,
                 os.stat("/dev/net/tun").st_rdev)
    for folder, _, names in os.walk(nodes):
        for name in names:
            node = os.path.join(folder, name)
            short = os.path.relpath(node, nodes)
            number = os.stat(node).st_rdev
            os.makedirs(os.path.dirname(f"{new}/{short}"), exist_ok=True)
            os.mknod(f"{new}/{short}", stat.S_IFCHR | 0o600, number)
            name_in_sysfs(short, f"{os.major(number)}:{os.minor(number)}")
    for name in ("pts", "shm"):
        os.mkdir(f"{new}/{name}")
    mount("/dev/pts", f"{new}/pts", flags=MS_BIND)
    mount(new, "/dev", flags=MS_MOVE)
    return 0


def main():
    """Returns the program's exit status."""
    programs = {"find-input": find_input, "force-feedback": force_feedback,
                "uinput": uinput, "make-sound": make_sound,
                "compare-sound": compare_sound, "drm-version": drm_version,
                "hidraw": hidraw, "rtc": rtc, "tun": tun,
                "uhid": uhid, "serial": serial, "watchdog": watchdog,
                "usb": usb, "loop-control": loop_control, "random": entropy,
                "positions": positions, "v4l2-resize": v4l2_resize,
                "pcm-link": pcm_link, "pcm-wait": pcm_wait,
                "make-dev": make_dev}
    sys.stdout.reconfigure(line_buffering=True)
    return programs[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())

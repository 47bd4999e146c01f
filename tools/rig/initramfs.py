# SPDX-License-Identifier: GPL-2.0-or-later
"""The small initramfs of all machines: busybox, a few modules, inside/init."""
import pathlib
import stat

INSIDE = pathlib.Path(__file__).parent / "inside"


class Cpio:
    """A cpio archive in the kernel's format (newc), in memory."""

    def __init__(self):
        self.data = bytearray()
        self.inode = 0

    def add(self, name, mode, content=b"", device=(0, 0)):
        """Append one entry; names have no leading slash."""
        self.inode += 1
        fields = [self.inode, mode, 0, 0, 1, 0, len(content), 0, 0,
                  device[0], device[1], len(name) + 1, 0]
        self.data += b"070701"
        self.data += "".join(f"{field:08X}" for field in fields).encode()
        self.data += name.encode() + b"\0"
        self.pad()
        self.data += content
        self.pad()

    def pad(self):
        """Entries and contents begin at multiples of four."""
        self.data += bytes(-len(self.data) % 4)


def make(image):
    """Return the initramfs for an image directory, as bytes."""
    cpio = Cpio()
    for name in ("bin", "dev", "proc", "sys", "root"):
        cpio.add(name, stat.S_IFDIR | 0o755)
    cpio.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
    cpio.add("bin/busybox", stat.S_IFREG | 0o755,
             (image / "busybox").read_bytes())
    cpio.add("init", stat.S_IFREG | 0o755, (INSIDE / "init").read_bytes())
    for path in sorted((image / "modules").iterdir()):
        cpio.add(path.name, stat.S_IFREG | 0o644, path.read_bytes())
    cpio.add("TRAILER!!!", 0)
    return bytes(cpio.data)

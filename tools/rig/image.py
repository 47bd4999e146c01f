# SPDX-License-Identifier: GPL-2.0-or-later
"""The machines' root file system, made from this machine's Debian sources.

One image serves every role: dom0, domU, and both in one. It is a plain
Debian 12 with the packages below; everything that makes a rig of it comes
with the payload at boot, so it is remade only for another package set. The
demonstration and all tests use the same one.

An image directory holds: root.img (ext4), vmlinux (uncompressed, for QEMU,
Xen and xl alike), xen (uncompressed), busybox and modules/ (for the
initramfs), release (the kernel's version).
"""
import gzip
import hashlib
import json
import lzma
import os
import pathlib
import re
import shutil
import struct
import subprocess

from . import cache, debian, kernels
from .report import IMAGE, RigError, say

RECIPE = 1    # count up when the making below changes
SPARE_MIB = 2048

PACKAGES = """
    systemd systemd-sysv udev kmod python3 busybox-static procps iproute2
    linux-image-amd64
    xen-hypervisor-4.17-amd64 xen-utils-4.17 xenstore-utils
    fuse3 libfuse3-3 libconfuse2 libseccomp2 libcap-ng0 liburing2 libsystemd0
    libjson-c5 libdrm2 libxenmisc4.17 libxengnttab1 libxenevtchn1
    libxenstore4 libxenforeignmemory1 libxencall1
    evtest strace gdb
    v4l-utils alsa-utils evemu-tools libdrm-tests joystick iputils-ping
    util-linux-extra sg3-utils i2c-tools
    libegl1 libgles2 libgbm1 libgl1-mesa-dri
    libinput-tools drm-info gpiod usbutils dvb-tools mtd-utils picocom
    setserial kbd python3-evdev input-utils ddcutil linuxptp ir-keytable ppp
    fbset sdparm
""".split()

# The order of loading; what they depend on goes before them.
INITRAMFS_MODULES = """
    crc32c_generic virtio_pci virtio_blk xen-blkfront ext4
""".split()

def get(extra, kernel=None):
    """Return the image directory for these extra packages; make it if new.

    kernel: the release of another kernel (kernels.py) than Debian 12's own.
    """
    packages = set(PACKAGES) | set(extra)
    if kernel:
        packages.remove("linux-image-amd64")
    packages = sorted(packages)
    recipe = [RECIPE, packages] + ([kernel] if kernel else [])
    key = hashlib.sha256(json.dumps(recipe).encode())
    path = cache.root() / "images" / ("image-" + key.hexdigest()[:16])
    return cache.build_directory(path,
                                 lambda work: make(work, packages, kernel))


def make(work, packages, kernel):
    """Make an image in the directory work."""
    if os.geteuid() != 0:
        raise RigError(IMAGE, "making a root file system takes root: run "
                       "this once as root with the same --install")
    say("making the root file system (cached afterwards)")
    tree = work / "tree"
    bootstrap(work, tree, packages)
    if kernel:
        kernels.install(kernel, tree)
    say("making the disk image")
    boot = tree / "boot"
    release = sorted(path.name for path in
                     (tree / "lib/modules").iterdir())[-1]
    vmlinuz = boot / f"vmlinuz-{release}"
    if not vmlinuz.exists():    # newer packages
        vmlinuz = tree / "lib/modules" / release / "vmlinuz"
    (work / "release").write_text(release + "\n")
    (work / "vmlinux").write_bytes(uncompressed_kernel(vmlinuz.read_bytes()))
    xen = sorted(boot.glob("xen-*-amd64.gz"))[-1]
    (work / "xen").write_bytes(gzip.decompress(xen.read_bytes()))
    shutil.copy(tree / "bin/busybox", work / "busybox")
    copy_modules(tree / "lib/modules" / release, work / "modules")
    (tree / "etc/fstab").write_text("")
    (tree / "etc/hostname").write_text("paradice\n")
    (tree / "etc/machine-id").write_text("0123456789abcdef" * 2 + "\n")
    disk_from_tree(tree, work / "root.img", SPARE_MIB)
    shutil.rmtree(tree)


def bootstrap(work, tree, packages):
    """Run mmdebstrap; its log stays in the cache only if it failed."""
    command = ["mmdebstrap", "--mode=root", "--variant=essential",
               "--format=directory", "--include=" + ",".join(packages)]
    for part in ("man", "doc", "locale", "info"):
        command.append(f"--dpkgopt=path-exclude=/usr/share/{part}/*")
    command += ["--aptopt=" + option for option in debian.apt_options()]
    command += ["bookworm", str(tree), *debian.sources()]
    log = work.parent / "mmdebstrap.log"
    if debian.run_whole(command, dict(os.environ, INITRD="No"), log):
        lost = re.findall(r"Unable to locate package (\S+)", log.read_text())
        if lost:
            raise RigError(IMAGE, "Debian 12 has no package "
                           + ", ".join(lost) + ": correct --install")
        raise RigError(IMAGE, f"mmdebstrap failed, see {log}; if sources are "
                       "out of date: apt-get update")
    log.unlink()


def uncompressed_kernel(image):
    """The vmlinux in a bzImage (Documentation/x86/boot.rst, protocol 2.08).

    Uncompressed, it spares an emulated machine the decompression; QEMU, Xen
    and xl all take it. A kernel that is not packed with xz stays as it is.
    """
    sectors = image[0x1f1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (sectors + 1) * 512 + offset
    payload = image[start:start + length]
    if not payload.startswith(b"\xfd7zXZ"):
        return image
    return lzma.LZMADecompressor().decompress(payload)


def copy_modules(source, target):
    """Copy what the initramfs loads, flat, with the order in modules.list."""
    depends = {}
    for line in (source / "modules.dep").read_text().splitlines():
        module, _, rest = line.partition(":")
        depends[module] = rest.split()
    by_name = {pathlib.Path(module).name.partition(".")[0]: module
               for module in depends}
    order = []
    for name in INITRAMFS_MODULES:
        # What is no module is part of the kernel, or gone.
        module = by_name.get(name)
        for path in [*reversed(depends[module]), module] if module else ():
            if path not in order:
                order.append(path)
    target.mkdir()
    names = []
    for path in order:
        content = (source / path).read_bytes()
        if path.endswith(".xz"):
            content = lzma.decompress(content)
        names.append(pathlib.Path(path).name.removesuffix(".xz"))
        (target / names[-1]).write_bytes(content)
    (target / "modules.list").write_text(
        "".join(f"/{name}\n" for name in names))


def disk_from_tree(tree, disk, spare_mib):
    """Make an ext4 image of a directory, with some space to spare."""
    size = files = 0
    for folder, folders, names in os.walk(tree):
        files += len(folders) + len(names)
        for name in names:
            size += os.lstat(os.path.join(folder, name)).st_size + 4096
    blocks = size // 1024 * 11 // 10 + spare_mib * 1024 + files + 4096
    done = subprocess.run(
        ["mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal",
         "-m", "0", "-N", str(files + spare_mib * 32 + 64),
         "-E", "root_owner=0:0",
         "-d", str(tree), str(disk), f"{blocks}k"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False)
    if done.returncode:
        raise RigError(IMAGE, f"mke2fs could not pack {tree}: "
                       + " ".join(done.stderr.split())
                       + "; make its files readable, and check free space")
    subprocess.run(["debugfs", "-w", "-R", "rmdir lost+found", str(disk)],
                   stdin=subprocess.DEVNULL, capture_output=True, check=False)

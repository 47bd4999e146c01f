# SPDX-License-Identifier: GPL-2.0-or-later
"""The QEMU process of a rig, and whether it may use KVM."""
import ctypes
import os
import pathlib
import shlex
import signal
import subprocess
import tempfile
import time

from . import cache, initramfs
from .report import RIG, RigError, say

BINARY = "qemu-system-x86_64"
PROBE_SECONDS = 15
DOM0_MIB = 1280
XEN_SPARE_MIB = 512
PR_SET_PDEATHSIG = 1

LIBC = ctypes.CDLL(None)


def die_with_parent():
    """In the child: do not outlive this program, however it ends."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def start(command, log, tmpdir):
    """Start QEMU, away from our terminal and its signals."""
    env = dict(os.environ, TMPDIR=str(tmpdir))
    with open(log, "w") as out:
        out.write(shlex.join(command) + "\n\n")
        out.flush()
        return subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL,
                                stdout=out, stderr=subprocess.STDOUT,
                                start_new_session=True,
                                preexec_fn=die_with_parent)


def stop(process):
    """End the QEMU process that we started."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def kvm_runs(image):
    """Does KVM run a guest here? Tried once per boot of this machine.

    /dev/kvm may exist, and even make machines, and yet run none.
    """
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    answer = cache.root() / f"accel-{boot}"
    with cache.lock("accel"):
        if not answer.exists():
            say("trying whether KVM runs a guest here")
            works = kvm_probe(image)
            answer.write_text("kvm\n" if works else "tcg\n")
    return answer.read_text() == "kvm\n"


def kvm_probe(image):
    """Boot a kernel to userspace under KVM, within a bound."""
    with tempfile.TemporaryDirectory(prefix="paradice-vm-") as name:
        work = pathlib.Path(name)
        (work / "initrd").write_bytes(initramfs.make(image))
        console = work / "console"
        process = start(
            [BINARY, "-accel", "kvm", "-cpu", "host", "-m", "256",
             "-nodefaults", "-display", "none", "-no-reboot",
             "-kernel", str(image / "vmlinux"), "-initrd",
             str(work / "initrd"), "-append",
             "console=ttyS0 quiet paradice.probe",
             "-serial", f"file:{console}"], work / "log", work)
        try:
            end = time.monotonic() + PROBE_SECONDS
            while time.monotonic() < end:
                if (console.exists()
                        and b"PARADICE-PROBE-OK" in console.read_bytes()):
                    return True
                if process.poll() is not None:
                    return False
                time.sleep(0.1)
            return False
        finally:
            stop(process)


def kvm_nests():
    """Does this machine's KVM let a guest use virtualisation?"""
    for name in ("kvm_intel", "kvm_amd"):
        path = pathlib.Path(f"/sys/module/{name}/parameters/nested")
        if path.exists():
            return path.read_text().strip() in ("1", "Y")
    return False


def accelerator(choice, rig, image):
    """Return kvm or tcg. A PVH domain needs virtualisation inside KVM."""
    if choice != "auto":
        return choice
    if rig == "xen-pvh" and not kvm_nests():
        return "tcg"
    return "kvm" if kvm_runs(image) else "tcg"


def command_line(options, image, work, logs, accel):
    """The whole QEMU command of a rig."""
    xen = options.rig != "loopback"
    memory = options.memory
    if xen:
        memory += DOM0_MIB + XEN_SPARE_MIB
    if accel == "kvm":
        command = [BINARY, "-accel", "kvm", "-cpu", "host"]
    else:
        # Xen under emulation: with smap a PV dom0 dies at its first iret;
        # AVX in a PVH domU is now and then an invalid opcode (the kernel's
        # ciphers test themselves with it), and needs xsave.
        command = [BINARY, "-accel", "tcg,thread=multi",
                   "-cpu", "max,-smap,-aes,-xsave" if xen else "max"]
    # Without PS/2, the USB keyboard and mouse get what QMP injects.
    command += ["-machine", "pc,i8042=off", "-m", str(memory), "-smp", "2",
                "-no-reboot", "-nodefaults",
                "-display", "none", "-vga", "none",
                "-serial", f"file:{logs / 'console.log'}"]
    command += boot_arguments(options, image, work, xen)

    def disk(name):
        return ["-drive", f"file={name},format=raw,if=virtio,snapshot=on,"
                "cache=unsafe"]

    command += disk(image / "root.img")
    if xen:
        command += disk(image / "root.img")
    command += disk(work / "payload.img")
    if options.share:
        command += disk(work / "share.img")

    command += ["-device", "virtio-serial-pci"]
    for side in ("host", "guest"):
        command += ["-chardev", f"socket,id={side},server=on,wait=off,"
                    f"path={work / side}.sock",
                    "-device", f"virtserialport,chardev={side},"
                    f"name=paradice.{side}"]
    # Else the driver tells it of a dumb buffer's pages by dom0's numbers of
    # them, which are not the machine's (virtio_has_dma_quirk() in Linux).
    gpu = ("virtio-gpu-pci,max_outputs=2"
           + (",iommu_platform=on" if xen else ""))
    command += ["-device", "virtio-rng-pci", "-device", gpu,
                "-device", "qemu-xhci", "-device", "usb-kbd",
                "-device", "usb-mouse"]
    if options.qmp:
        command += ["-qmp", f"unix:{options.qmp},server=on,wait=off"]
    return command + options.qemu_arg


def boot_arguments(options, image, work, xen):
    """Kernel, initramfs and command lines."""
    linux = ("root=/dev/vda loglevel=4 mitigations=off panic=-1 "
             "drm_kms_helper.fbdev_emulation=0 "
             "systemd.unit=paradice-rig.target ")
    share = " paradice.share=/dev/"
    if not xen:
        linux += ("console=ttyS0 paradice.role=both "
                  "paradice.payload=/dev/vdb")
        linux += share + "vdc" if options.share else ""
        return ["-kernel", str(image / "vmlinux"),
                "-initrd", str(work / "initrd"), "-append", linux]
    linux += "console=hvc0 paradice.role=host paradice.payload=/dev/vdc"
    linux += share + "vdd" if options.share else ""
    # Without eager-fpu, emulation mixes up the domains' SSE registers.
    return ["-kernel", str(image / "xen"), "-append",
            f"console=com1 com1=115200,8n1 dom0_mem={DOM0_MIB}M,"
            f"max:{DOM0_MIB}M spec-ctrl=eager-fpu",
            "-initrd", f"{image / 'vmlinux'} {linux},{work / 'initrd'}"]


def check_alive(process, logs):
    """Raise if QEMU has gone."""
    if process.poll() is None:
        return
    if process.returncode == 0:
        raise RigError(RIG, "the driver domain has stopped or crashed: see "
                       "console.log")
    lines = (logs / "qemu.log").read_text(errors="replace").splitlines()
    raise RigError(RIG, f"QEMU failed: {lines[-1]}; correct --qemu-arg, "
                   "--qmp or --memory")

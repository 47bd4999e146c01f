# SPDX-License-Identifier: GPL-2.0-or-later
"""The payload: one read-only disk with all that makes a rig of an image.

    stage/     copied over / at boot, before systemd: what `make install`
               put there, the rig's units and the daemons' configuration
    rig/       the agent; for a domU its kernel and initramfs
"""
import pathlib
import shutil
import subprocess

from . import image, initramfs, kernels
from .report import RIG, USAGE, RigError

SHARED_CODE = pathlib.Path(__file__).parent

MASKED = """
    timers.target getty.target remote-fs.target
    systemd-firstboot.service systemd-random-seed.service
    systemd-pcrphase.service systemd-pcrphase-sysinit.service
    systemd-repart.service systemd-machine-id-commit.service
    systemd-binfmt.service proc-sys-fs-binfmt_misc.automount
    systemd-update-utmp.service systemd-update-done.service
    systemd-hwdb-update.service systemd-journal-catalog-update.service
    systemd-journal-flush.service systemd-pstore.service ldconfig.service
    systemd-boot-system-token.service systemd-sysusers.service
    systemd-ask-password-console.path systemd-ask-password-wall.path
    systemd-remount-fs.service dev-hugepages.mount dev-mqueue.mount
    sys-kernel-tracing.mount systemd-initctl.socket
    systemd-journald-audit.socket hwclock.service
    systemd-tmpfiles-clean.timer
""".split()

GENERATORS = """
    systemd-fstab-generator systemd-gpt-auto-generator
    systemd-sysv-generator systemd-rc-local-generator
    systemd-getty-generator systemd-cryptsetup-generator
    systemd-veritysetup-generator systemd-integritysetup-generator
    systemd-hibernate-resume-generator systemd-bless-boot-generator
    systemd-system-update-generator systemd-run-generator
    systemd-debug-generator
""".split()

UNLOADED = """
    pcspkr aesni_intel ghash_clmulni_intel polyval_clmulni sha1_ssse3
    sha256_ssse3 sha512_ssse3 crct10dif_pclmul crc32_pclmul crc32c_intel
    powernow_k8
""".split()

FILES = {
    "etc/systemd/system/paradice-rig.target": """\
[Unit]
Description=Paradice rig
Requires=basic.target
After=basic.target
AllowIsolate=yes
""",
    "etc/systemd/system/paradice-rig-agent@.service": """\
[Unit]
Description=Paradice rig agent (%i)
[Service]
ExecStart=/usr/bin/python3 -S /payload/rig/agent.py %i
Environment=HOME=/root TERM=linux PYTHONDONTWRITEBYTECODE=1
WorkingDirectory=/root
KillMode=process
OOMScoreAdjust=-900
TasksMax=infinity
""",
    "etc/systemd/journald.conf.d/paradice-rig.conf": """\
[Journal]
Storage=volatile
RateLimitIntervalSec=0
ForwardToSyslog=no
""",
    # The speaker's event node would stand where the driver domain's belong;
    # the ciphers test themselves for long under emulation.
    "etc/modprobe.d/paradice-rig.conf": "".join(
        f"blacklist {name}\n" for name in UNLOADED),
    "etc/systemd/system.conf.d/paradice-rig.conf": """\
[Manager]
DefaultTimeoutStartSec=240s
ShowStatus=no
""",
}

GUEST_CFG = """\
name = "guest"
type = "{type}"
kernel = "/payload/rig/vmlinux"
ramdisk = "/payload/rig/initrd"
cmdline = "{cmdline}"
memory = {memory}
vcpus = {vcpus}
{extra}disk = [ {disks} ]
on_poweroff = "destroy"
on_reboot = "destroy"
on_crash = "destroy"
"""

# name, in the Xen rigs | name, where both sides share one /dev
DEVICES = (
    ("hwrng", "/dev/hwrng", "hwrng", "paradice/hwrng"),
    ("rtc", "/dev/rtc0", "rtc0", "paradice/rtc0"),
    ("input", "/dev/input/event*", "input/*", "paradice/input/*"),
    ("zero", "/dev/zero", "paradice/zero", "paradice/zero"),
    ("null", "/dev/null", "paradice/null", "paradice/null"),
    ("full", "/dev/full", "paradice/full", "paradice/full"),
)


def hostd_conf(rig, user_file):
    """The host daemon's configuration: the devices, and this rig's guest."""
    if user_file:
        devices = pathlib.Path(user_file).read_text()
    else:
        devices = "".join(
            f'device "{section}" {{\n\tpath = "{path}"\n'
            f'\tname = "{shared if rig == "loopback" else plain}"\n'
            '\tguests = { "guest" }\n}\n'
            for section, path, plain, shared in DEVICES)
    where = ('socket = "/run/paradice/guest.sock"' if rig == "loopback"
             else 'xen = "guest"')
    return f'guest "guest" {{\n\t{where}\n}}\n{devices}'


def guestd_conf(rig):
    """The guest daemon's configuration."""
    host = ("unix:/run/paradice/guest.sock" if rig == "loopback"
            else "xen:0")
    return f'host = "{host}"\n'


def guest_cfg(rig, memory, vcpus, share, emulated):
    """The domain's configuration for xl."""
    disks = [("vdb", "xvda", "rw"), ("vdc", "xvdb", "ro")]
    # It has no PCI, and each port that it asks leaves nested emulation, where a
    # PVH domain now and then does not come back.
    cmdline = ("root=/dev/xvda paradice.payload=/dev/xvdb "
               "paradice.role=guest paradice.channel=hvc0 console=hvc0 "
               "quiet loglevel=0 mitigations=off panic=-1 pci=off "
               "systemd.unit=paradice-rig.target")
    if share:
        disks.append(("vdd", "xvdc", "ro"))
        cmdline += " paradice.share=/dev/xvdc"
    specs = (f'"format=raw,backendtype=phy,script=/payload/rig/block-phy,'
             f'vdev={vdev},access={access},target=/dev/{disk}"'
             for disk, vdev, access in disks)
    extra = ""
    if rig == "xen-pvh":
        # Without native TSC, Xen emulates rdtscp and complains endlessly.
        extra += 'tsc_mode = "native"\n'
        # At an fxrstor on any processor QEMU changes flags of the first one
        # (cpu_clear_ignne() in target/i386), without a lock: beside those by
        # which it enters and leaves a guest, one of which is lost now and then.
        # The guest triple-faults then, or a domain hangs.
        extra += 'cpus = "1"\n' if emulated else ""
    return GUEST_CFG.format(type=rig.removeprefix("xen-"), cmdline=cmdline,
                            memory=memory, vcpus=vcpus, extra=extra,
                            disks=", ".join(specs))


def stage_build(build, stage, logs):
    """Install the built project into the stage."""
    if not (build / "Makefile").exists():
        raise RigError(USAGE, f"nothing is built in {build}: run ./configure "
                       "&& make there, or give --build DIR (--build none for "
                       "a rig without the daemons)")
    log = logs / "make-install.log"
    with open(log, "w") as out:
        done = subprocess.run(
            ["make", "-C", str(build), "install", f"DESTDIR={stage}"],
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            check=False)
    if done.returncode:
        raise RigError(RIG, f"make -C {build} install failed: run it to see "
                       "why, make first")
    # The images' /lib and the like are links into /usr.
    for name in ("bin", "sbin", "lib", "lib64"):
        if (stage / name).is_dir():
            shutil.copytree(stage / name, stage / "usr" / name,
                            symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(stage / name)


def stage_module(build, stage, release, logs):
    """Where make install has put modules for this machine's kernels, put one
    for the machines' kernel there too, of the same sources."""
    modules = stage / "usr/lib/modules"
    target = modules / release / "updates/mmhelper.ko"
    if target.exists() or not any(modules.glob("*/updates/mmhelper.ko")):
        return
    release, tree = kernels.find(release)
    source = shutil.copytree(next((build / "kmod").iterdir()),
                             stage.parent / "kmod")
    status, said = kernels.build(tree, release, source)
    if status:
        (logs / "module.log").write_text(said)
        raise RigError(RIG, f"mmhelper cannot be built for {release}: see "
                       "module.log")
    target.parent.mkdir(parents=True)
    subprocess.run(["strip", "-g", "-o", str(target),
                    str(source / "mmhelper.ko")], check=True)
    shutil.rmtree(source)


def write(path, text):
    """Write a file, with the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def mask(stage):
    """Put aside what a rig has no use for and would wait for."""
    units = stage / "etc/systemd/system"
    units.mkdir(parents=True, exist_ok=True)
    generators = stage / "etc/systemd/system-generators"
    generators.mkdir(parents=True, exist_ok=True)
    for folder, names in ((units, MASKED), (generators, GENERATORS)):
        for name in names:
            path = folder / name
            if not path.is_symlink():
                path.symlink_to("/dev/null")


def make(options, image_dir, work, logs, accel):
    """Make payload.img, initrd and (with --share) share.img in work."""
    stage = work / "payload/stage"
    rig = work / "payload/rig"
    stage.mkdir(parents=True)
    rig.mkdir()
    if options.build:
        stage_build(options.build, stage, logs)
        stage_module(options.build, stage,
                     (image_dir / "release").read_text().strip(), logs)
    for path, text in FILES.items():
        write(stage / path, text)
    mask(stage)
    write(stage / "etc/paradice/hostd.conf",
          hostd_conf(options.rig, options.hostd_conf))
    write(stage / "etc/paradice/guestd.conf", guestd_conf(options.rig))

    shutil.copy(SHARED_CODE / "wire.py", rig)
    for name in ("agent.py", "domu-start", "block-phy"):
        shutil.copy(initramfs.INSIDE / name, rig)
    initrd = initramfs.make(image_dir)
    (work / "initrd").write_bytes(initrd)
    if options.rig != "loopback":
        write(stage / "etc/paradice-rig/guest.cfg",
              guest_cfg(options.rig, options.memory, options.guest_vcpus,
                        bool(options.share), accel == "tcg"))
        (rig / "initrd").write_bytes(initrd)
        shutil.copy(image_dir / "vmlinux", rig)
    image.disk_from_tree(work / "payload", work / "payload.img", 4)
    shutil.rmtree(work / "payload")
    if options.share:
        image.disk_from_tree(options.share, work / "share.img", 4)


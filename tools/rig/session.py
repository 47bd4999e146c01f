# SPDX-License-Identifier: GPL-2.0-or-later
"""One run of a rig: boot, daemons, the user's commands, the end."""
import os
import pathlib
import shutil
import tempfile
import time

from . import attach, cache, machine, payload
from .channel import Channel
from .commands import Runner, Timeout
from .report import RIG, TIMEOUT, BootError, RigError, say

BOOT_SECONDS = 300      # each stage of ours is bounded by this
HUNG_SECONDS = 120      # a machine that answers nothing for so long hangs

# The buses of USB devices are scanned long after udev says that it is done.
AWAIT_INPUT = """
n=0
until [ -e /dev/input/by-id/usb-QEMU_QEMU_USB_Keyboard*-event-kbd ] &&
      [ -e /dev/input/by-id/usb-QEMU_QEMU_USB_Mouse*-event-mouse ]; do
	n=$((n + 1))
	[ $n -lt 100 ] || break
	sleep 0.3
done
udevadm settle --timeout=30
for node in /dev/input/event*; do
	[ -e $node ] && echo "$node: $(cat /sys/class/input/${node##*/}/device/name)"
done
true
"""

PREPARE = """
modprobe -qa cuse fuse uinput evdev
[ -z "$(ls /usr/lib/sysusers.d/paradice* 2>/dev/null)" ] ||
	systemd-sysusers /usr/lib/sysusers.d/paradice*
[ -z "$(ls /usr/lib/tmpfiles.d/paradice* 2>/dev/null)" ] ||
	systemd-tmpfiles --create /usr/lib/tmpfiles.d/paradice*
# depmod would take a quarter of a minute under emulation.
module=/lib/modules/$(uname -r)/updates/mmhelper.ko
if [ -e $module ] && ! [ -e /sys/module/mmhelper ]; then insmod $module; fi
udevadm settle --timeout=30
"""
PREPARE_XEN_GUEST = PREPARE + """
modprobe -qa xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xenfs
# Debian's kernel makes /dev/hwrng also where there is no generator; here it is in
# the way of the driver domain's.
if [ "$(cat /sys/class/misc/hw_random/rng_current 2>/dev/null)" = none ]; then rm -f /dev/hwrng; fi
mountpoint -q /proc/xen || mount -t xenfs xenfs /proc/xen
"""

STATE = """
systemctl --no-pager -l status paradice-hostd paradice-guestd
journalctl -b --no-pager -o short-monotonic
[ ! -e /run/xenstored.pid ] || { xl list; xl dmesg; tail /var/log/xen/*; }
"""


class Session(Runner):
    """A rig that runs, from QEMU's start to its end."""

    def __init__(self, options, image):
        super().__init__(options)
        self.image = image
        self.xen = options.rig != "loopback"
        self.accel = machine.accelerator(options.accel, options.rig, image)
        self.process = None
        self.may_end = False    # the guest domain, without our failing
        self.done = False       # what remains is the user's end of it
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="paradice-vm-"))
        self.logs = self.work / "logs"
        self.logs.mkdir()
        self.host = Channel("host", self.logs)
        self.guest = Channel("guest", self.logs)

    def run(self):
        """Run the rig; return tools/vm's exit status."""
        try:
            status = self.run_stages()
            self.done = True
            return status
        except Timeout:
            self.done = False
            self.collect()
            raise RigError(TIMEOUT, f"--timeout {self.options.timeout:g} s "
                           "is over: give more, or see the logs") from None
        except RigError:
            self.done = False
            self.collect()
            raise
        finally:
            if self.process:
                machine.stop(self.process)
            if not self.done:
                name = (f"{self.options.rig}-"
                        f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}")
                say(f"logs are in {cache.keep_logs(self.logs, name)}")
            shutil.rmtree(self.work, ignore_errors=True)

    def run_stages(self):
        """All stages in order."""
        options = self.options
        say("packing what the machines need")
        payload.make(options, self.image, self.work, self.logs, self.accel)
        self.boot()
        if self.xen:
            toolstack = self.host.start("exec /payload/rig/domu-start")
        self.finish(self.host, AWAIT_INPUT, "waiting for the input devices")
        self.host_run()
        if self.xen:
            self.wait_command(toolstack, "creating the domain")
        if options.build:
            self.host.send(op="follow", units=["paradice-hostd.service"])
            self.finish(self.host, PREPARE, "preparing the host")
            self.finish(self.host, "systemctl start paradice-hostd",
                        "starting paradice-hostd")
        self.pump(lambda: self.guest.ready, BOOT_SECONDS,
                  "the guest does not boot: see guest.log")
        say("the guest is up")
        if options.build:
            self.guest.send(op="follow", units=["paradice-guestd.service"])
            self.finish(self.guest, PREPARE_XEN_GUEST if self.xen
                        else PREPARE, "preparing the guest")
            self.finish(self.guest, "systemctl start paradice-guestd",
                        "starting paradice-guestd")
        status = self.user_commands()
        if options.keep:
            self.keep()
        return status

    def failure(self, text, emulated=False):
        """The error for this text; emulated: that may be why it happened.

        So is each triple fault that Xen has spoken of.
        """
        console = self.logs / "console.log"
        if console.exists() and b"Triple fault" in console.read_bytes():
            emulated = True
        if emulated and self.xen:
            return BootError(text)
        return RigError(RIG, text)

    def boot(self):
        """Start QEMU and wait for the driver domain's agent."""
        command = machine.command_line(self.options, self.image, self.work,
                                       self.logs, self.accel)
        say(f"booting {self.options.rig} in QEMU with {self.accel}")
        self.process = machine.start(command, self.logs / "qemu.log",
                                     self.work)
        self.start_clock()
        for channel in (self.host, self.guest):
            channel.connect(self.work / f"{channel.side}.sock",
                            self.selector, self.check)
        self.pump(lambda: self.host.ready, BOOT_SECONDS,
                  "the driver domain does not boot: see console.log")
        say("the driver domain is up")

    def finish(self, channel, text, what):
        """Run a command of ours to its end; it must succeed."""
        say(what)
        self.wait_command(channel.start(text), what)

    def wait_command(self, command, what):
        """Wait for a command of ours; it must succeed."""
        self.pump(lambda: command.status is not None, BOOT_SECONDS,
                  f"{what} takes too long: see the logs")
        if command.status:
            raise self.failure(f"{what} failed (status {command.status}): "
                               "see the messages above and the logs")

    def check(self):
        """Raise if QEMU or the guest domain is dead."""
        machine.check_alive(self.process, self.logs)
        if self.may_end:
            return
        if self.guest.gone:
            raise self.failure("the guest domain has ended: see guest.log "
                               "and host-journal.log", not self.guest.ready)
        for channel in (self.host, self.guest):
            if channel.silence() > HUNG_SECONDS:
                raise self.failure(f"the {channel.side} hangs (no answer for "
                                   f"{HUNG_SECONDS} s): see "
                                   f"{channel.side}.log", True)

    def collect(self):
        """After a failure: fetch what the machines know into the logs."""
        self.deadline = None
        self.may_end = True
        for channel in (self.host, self.guest):
            if (not channel.ready or channel.gone
                    or self.process.poll() is not None):
                continue
            with open(self.logs / f"{channel.side}-journal.log", "wb") as f:
                command = channel.start(STATE, f.write)
                try:
                    self.pump(lambda: command.status is not None, 30, "")
                except (RigError, OSError):
                    pass

    def keep(self):
        """Leave the machines running until the user ends us."""
        attach.listen(self.work, self.options.rig, self.selector,
                      (self.host, self.guest))
        say(f"still running; use it with: tools/vm --attach {self.work} "
            "--shell guest (or host, --guest-run, --host-run)")
        say(f"it ends with Ctrl-C, or kill {os.getpid()}")
        self.done = True
        self.may_end = True     # the user's tests may destroy it
        self.pump(lambda: False)

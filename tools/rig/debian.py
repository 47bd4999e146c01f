# SPDX-License-Identifier: GPL-2.0-or-later
"""What is asked of this machine's Debian: its sources, and mmdebstrap."""
import os
import re
import shutil
import signal
import subprocess

from .report import IMAGE, USAGE, RigError, say

SUITES = ("bookworm", "bookworm-updates", "bookworm-security")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
TOOLS = {"qemu-system-x86_64": "qemu-system-x86", "mmdebstrap": "mmdebstrap",
         "mke2fs": "e2fsprogs", "debugfs": "e2fsprogs"}


def install_tools():
    """Install the packages that this program needs and that are missing."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    os.environ["PATH"] = path
    missing = sorted({package for tool, package in TOOLS.items()
                      if not shutil.which(tool)})
    if not missing:
        return
    command = ["apt-get", "install", "-y", "--no-install-recommends",
               *missing]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise RigError(USAGE, f"missing: {' '.join(missing)}; run as root: "
                       + " ".join(command))
    say("installing " + " ".join(missing))
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    for attempt in (command, ["apt-get", "update"], command):
        done = subprocess.run(attempt, env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, check=False)
        if attempt is command and done.returncode == 0:
            return
    raise RigError(USAGE, "apt-get could not install " + " ".join(missing)
                   + ": install them by hand, then run this again")


def sources():
    """This machine's own Debian 12 sources, as lines of a sources.list."""
    form = "$(ORIGIN)|$(CODENAME)|$(RELEASE)|$(COMPONENT)|$(REPO_URI)"

    def ask():
        out = subprocess.run(
            ["apt-get", "indextargets", "--format", form,
             "Created-By: Packages", "Architecture: amd64"],
            capture_output=True, text=True, check=False).stdout
        lines = set()
        for line in out.splitlines():
            origin, _, release, component, uri = line.split("|")
            if origin == "Debian" and release in SUITES:
                lines.add((uri, release, component))
        return lines

    found = ask()
    if not any(release == "bookworm" for _, release, _ in found):
        subprocess.run(["apt-get", "update"], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, check=False)
        found = ask()
    if not any(release == "bookworm" for _, release, _ in found):
        raise RigError(IMAGE, "no Debian 12 (bookworm) source in "
                       "/etc/apt/sources.list*: add one, apt-get update")
    signed = f"[signed-by={KEYRING}] " if os.path.exists(KEYRING) else ""
    return sorted(f"deb {signed}{uri} {release} {component}"
                  for uri, release, component in found)


def apt_options():
    """This machine's apt settings for reaching its sources, proxies above."""
    out = subprocess.run(["apt-config", "dump"], capture_output=True,
                         text=True, check=False).stdout
    wanted = re.compile(r"Acquire::(https?::|Retries|ForceIPv)")
    return [line for line in out.splitlines()
            if wanted.match(line) and '""' not in line]


def run_whole(command, env, log):
    """Run a command; if we are interrupted, end it with all its children.

    A mount namespace of its own sees to it that nothing of this machine is
    still mounted in a tree that is removed afterwards.
    """
    with open(log, "w") as out:
        process = subprocess.Popen(
            ["unshare", "--mount", *command], env=env, stdout=out,
            stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT,
            start_new_session=True)
    try:
        return process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        raise

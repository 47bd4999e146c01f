# SPDX-License-Identifier: GPL-2.0-or-later
"""Modules for kernels that are not this machine's, and such kernels for rigs.

For each Debian release there is a tree: a small system with its compiler,
sparse, and the headers of its kernels, the newest of each series, in which
modules are built. apt verifies what it fetches, by the keys of
debian-archive-keyring. The trees are renewed when that is asked for, or when a
kernel is wanted that they do not have.
"""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from . import cache, debian
from .report import IMAGE, USAGE, RigError, say

# The suites whose kernels a release is tried with.
RELEASES = {
    "bookworm": ["bookworm", "bookworm-backports"],
    "trixie": ["trixie"],
    "sid": ["sid"],
}
HEADERS = ("linux-headers-", "linux-kbuild-")
KERNEL = ("linux-image-", "linux-binary-", "linux-modules-")
# /proc is for objtool.
ENTER = 'mount --rbind /proc "$0/proc" && exec chroot "$0" "$@"'


class Unavailable(RigError):
    """There is no tree, and none can be made here and now."""


def inside(tree, command):
    """Run a command in a tree, as root there; return how it ended."""
    enter = ["unshare", "--mount"]
    if os.geteuid() != 0:
        enter.append("--map-root-user")
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
           "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(
        [*enter, "sh", "-c", ENTER, str(tree), *command], env=env, text=True,
        check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)


def must(tree, command):
    """Run a command that may not fail; return what it said."""
    done = inside(tree, command)
    if done.returncode:
        raise RigError(IMAGE, f"in {tree}: {' '.join(command)} failed:\n"
                       + done.stdout[-2000:])
    return done.stdout


def stanzas(tree, package):
    """What the tree's apt knows of a package, as dictionaries."""
    text = must(tree, ["apt-cache", "show", package])
    return [dict(re.findall(r"^([\w-]+): (.*)$", part, re.MULTILINE))
            for part in text.strip().split("\n\n")]


def depends(stanza):
    """The packages that one depends on; of alternatives the first."""
    return [part.split()[0] for part in stanza.get("Depends", "").split(",")
            if part.strip()]


def together(tree, package, parts):
    """A package and those of its parts, and what else they need."""
    wanted, needed = [package], set()
    for name in wanted:
        for other in depends(stanzas(tree, name)[0]):
            if not other.startswith(parts):
                needed.add(other)
            elif other not in wanted:
                wanted.append(other)
    return wanted, needed


def unpack(tree, packages, target):
    """Put the files of packages, which the tree's apt fetches, in target.

    Installed, headers would want their kernel, and a kernel an initramfs.
    """
    with tempfile.TemporaryDirectory(dir=tree / "tmp") as work:
        must(tree, ["sh", "-c", 'cd "$0" && apt-get download "$@"',
                    "/tmp/" + pathlib.Path(work).name, *packages])
        for deb in pathlib.Path(work).glob("*.deb"):
            with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)],
                                  stdout=subprocess.PIPE) as packed:
                subprocess.run(
                    ["tar", "-x", "-C", str(target),
                     "--keep-directory-symlink"], stdin=packed.stdout,
                    check=True)


def newest(tree):
    """The headers packages of the newest kernel of each series."""
    found = {}
    for stanza in stanzas(tree, "linux-headers-amd64"):
        package = next(name for name in depends(stanza)
                       if name.startswith("linux-headers-"))
        version = [int(n) for n in re.findall(r"\d+", stanza["Version"])]
        series = package.split(".")[:2]
        found[str(series)] = max(found.get(str(series), ([], "")),
                                 (version, package))
    return [package for _, package in found.values()]


def renew(tree):
    """Put the headers of kernels that are new into a tree."""
    must(tree, ["apt-get", "-q", "update"])
    for package in newest(tree):
        if (tree / "usr/src" / package).is_dir():
            continue
        wanted, needed = together(tree, package, HEADERS)
        needed = [name for name in needed
                  if not name.startswith(("linux-image-", "linux-base"))]
        must(tree, ["apt-get", "install", "-qy", "--no-install-recommends",
                    *sorted(needed)])
        unpack(tree, wanted, tree)


def sources(name):
    """A release's lines of a sources.list, by this machine's mirror."""
    own = debian.sources()
    form = next(line for line in own if " bookworm main" in line)
    lines = {form.replace(" bookworm ", f" {suite} ")
             for suite in RELEASES[name]}
    return sorted(lines.union(own if name == "bookworm" else ()))


def reachable(source):
    """Can a line's mirror be reached?"""
    uri, suite = source.split()[-3:-1]
    with tempfile.TemporaryDirectory() as work:
        return subprocess.run(
            ["/usr/lib/apt/apt-helper", "download-file",
             f"{uri.rstrip('/')}/dists/{suite}/InRelease", work + "/file"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, check=False).returncode == 0


def make(work, name):
    """Make a release's tree in the directory work."""
    lines = sources(name)
    if not reachable(lines[0]):
        raise Unavailable(IMAGE, f"no kernels of {name} here, and the mirror "
                          + lines[0].split()[-3] + " cannot be reached")
    say(f"making a system to build modules for {name} (cached afterwards)")
    # A mirror that stands still has no newer kernels, but no wrong ones.
    command = ["mmdebstrap", "--mode=root", "--variant=apt",
               "--format=directory", "--include=make,sparse",
               "--skip=cleanup/apt/lists",
               "--aptopt=Acquire::Check-Valid-Until false"]
    command += ["--aptopt=" + option for option in debian.apt_options()]
    for part in ("man", "doc", "locale", "info"):
        command.append(f"--dpkgopt=path-exclude=/usr/share/{part}/*")
    tree = work / "tree"
    log = work.parent / f"mmdebstrap-{name}.log"
    if debian.run_whole([*command, name, str(tree), *lines],
                       dict(os.environ), log):
        raise RigError(IMAGE, f"mmdebstrap failed, see {log}")
    log.unlink()
    shutil.copy("/etc/resolv.conf", tree / "etc/resolv.conf")
    renew(tree)


def place(name):
    """Where the tree of a release is, or will be."""
    return cache.root() / "kernels" / name


def get(name):
    """Return the tree of a release; make it if it is not there."""
    path = place(name)
    if not path.is_dir() and os.geteuid() != 0:
        raise Unavailable(USAGE, f"no kernels of {name} here, and making a "
                          f"system takes root: tools/kernels {name}")
    return cache.build_directory(path, lambda work: make(work, name)) / "tree"


def renewed(name):
    """The same, with what Debian has now."""
    if place(name).is_dir():
        say(f"renewing the kernels of {name}")
        with cache.lock(name):
            renew(get(name))
    return get(name)


def here(tree):
    """The kernels that a tree has the headers of."""
    return sorted(path.name.removeprefix("linux-headers-") for path in
                  (tree / "usr/src").glob("linux-headers-*-amd64"))


def find(version):
    """A kernel whose release begins so, and the tree that it is in.

    If none has it, Debian may have published it since they were made.
    """
    def matching(tree):
        return [(release, tree) for release in here(tree)
                if (release + ".").startswith(
                    (version + ".", version + "+", version + "-"))]

    for name in RELEASES:
        if found := place(name).is_dir() and matching(get(name)):
            return found[0]
    if os.geteuid() != 0:
        raise RigError(USAGE, f"no kernel {version} here: as root, "
                       "tools/kernels --renew fetches what is new")
    for name in RELEASES:
        if found := matching(renewed(name)):
            return found[0]
    raise RigError(USAGE, f"no kernel {version}, here or in Debian now")


def build(tree, release, source, *arguments):
    """Build the modules of a directory for a kernel, and put them there.

    Returns make's status, and what it said.
    """
    with tempfile.TemporaryDirectory(dir=tree / "tmp") as work:
        for path in source.iterdir():
            if path.suffix in (".c", ".h") or path.name == "Kbuild":
                shutil.copy(path, work)
        done = inside(tree, [
            "make", "-C", f"/lib/modules/{release}/build",
            "M=/tmp/" + pathlib.Path(work).name, *arguments, "modules"])
        for path in pathlib.Path(work).glob("*.ko"):
            shutil.copy(path, source)
    return done.returncode, done.stdout


def install(release, root):
    """Put a kernel and its modules into a root file system."""
    release, tree = find(release)
    packages, _ = together(tree, f"linux-image-{release}", KERNEL)
    unpack(tree, packages, root)
    must(root, ["depmod", release])

# SPDX-License-Identifier: GPL-2.0-or-later
"""The cache directory and what it holds: made once, atomically, under a lock.

    images/KEY/   a root file system and its kernel, see image.py
    accel-BOOT    the answer of the KVM probe, for one boot of this machine
    logs/         what failed runs left
"""
import contextlib
import fcntl
import os
import pathlib
import shutil
import tempfile

from .report import USAGE, RigError, say

KEEP_LOGS = 10


def root():
    """The cache directory, made if it is not there."""
    path = pathlib.Path(os.environ.get("PARADICE_CACHE")
                        or "/var/cache/paradice").absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RigError(USAGE, f"cannot make the cache directory {path} "
                       f"({error.strerror}): run once as root, or set "
                       "PARADICE_CACHE to a writable directory") from error
    return path


@contextlib.contextmanager
def lock(name):
    """Hold the lock of that name against other runs of this program."""
    path = root() / (name + ".lock")
    try:
        handle = open(path, "a")
    except OSError as error:
        raise RigError(USAGE, f"cannot write {path} ({error.strerror}): set "
                       "PARADICE_CACHE to a writable directory") from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another run that holds {path}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def build_directory(path, fill):
    """Return path; if it is not there, have fill(temporary) make its content.

    A half-made directory never gets the name.
    """
    if path.is_dir():
        return path
    with lock(path.name):
        if path.is_dir():
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        work = pathlib.Path(tempfile.mkdtemp(prefix=".making-",
                                             dir=path.parent))
        try:
            fill(work)
            work.chmod(0o755)
            work.rename(path)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return path


def keep_logs(logs, name):
    """Copy a failed run's logs into the cache; return where they are."""
    base = root() / "logs"
    base.mkdir(exist_ok=True)
    target = base / name
    shutil.copytree(logs, target, dirs_exist_ok=True)
    old = sorted(base.iterdir(), key=lambda p: p.stat().st_mtime)
    for path in old[:-KEEP_LOGS]:
        shutil.rmtree(path, ignore_errors=True)
    return target

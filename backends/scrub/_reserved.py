"""The blocks that ext4 keeps back for itself, lent for as long as free space is filled."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Waits until nobody holds the other end of its input any more, then gives the blocks back.
_GUARDIAN = 'cat >/dev/null; printf %s "$1" >"$2"'


def device_name(folder: int) -> str:
    """Return the kernel's name of the device beneath a folder; empty if it is not shown."""
    number = os.fstat(folder).st_dev
    told = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}/uevent")
    try:
        name = re.search("^DEVNAME=(.+)$", told.read_text("utf-8", "replace"), re.MULTILINE)
    except OSError:
        return ""
    return name[1] if name else ""


@contextmanager
def lent(folder: int, kind: str) -> Iterator[None]:
    """Set ``reserved_clusters`` (ext4(5), sysfs) to 0 for a while, where root may.

    Another process gives them back, also if this one is killed. Until then it holds a lock, as
    whoever read 0 there would give back nothing: who does not get that borrows none. Raises
    OSError where they cannot be given back.
    """
    setting = Path("/sys/fs", kind, device_name(folder).replace("/", "!"), "reserved_clusters")
    if os.geteuid() != 0 or not setting.is_file():
        yield
        return
    with setting.open("rb") as locked:
        try:
            fcntl.flock(locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield
            return
        with _given_back(setting, locked.fileno()):
            yield


@contextmanager
def _given_back(setting: Path, locked: int) -> Iterator[None]:
    before = setting.read_text("ascii").strip()
    guardian = subprocess.Popen(
        ["/bin/sh", "-c", _GUARDIAN, "sh", before, setting],
        stdin=subprocess.PIPE,
        pass_fds=[locked],
        start_new_session=True,  # what is typed at the terminal does not reach it
    )
    try:
        setting.write_text("0", "ascii")
        yield
    finally:
        guardian.communicate()
        if guardian.returncode != 0:
            setting.write_text(before, "ascii")

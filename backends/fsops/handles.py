"""Who else has a file open or mapped, as /proc shows it: for where the kernel grants no lease.

Of processes that are not this user's only root is shown anything; another machine's are never seen.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path

_PROC = Path("/proc")
_FLAGS = re.compile(r"^flags:\s*([0-7]+)$", re.MULTILINE)
# proc_pid_maps(5): what may be done with a mapping, its device, its inode.
_MAPPING = re.compile(rb"^\S+ (\S{4}) \S+ ([0-9a-f]+):([0-9a-f]+) (\d+)", re.MULTILINE)


class Use(IntEnum):
    """What another process has of a file, the stronger the larger."""

    NONE_SEEN = 0
    READING = 1
    WRITING = 2


def use_of(status: os.stat_result) -> Use:
    """Return the strongest use of a file by another process that can be seen."""
    strongest = Use.NONE_SEEN
    for process in _others():
        for use in (*_open(process, status), *_mapped(process, status)):
            strongest = max(strongest, use)
            if strongest is Use.WRITING:
                return strongest
    return strongest


def _others() -> Iterator[Path]:
    own = str(os.getpid())
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and entry.name != own:
            yield entry


def _open(process: Path, status: os.stat_result) -> Iterator[Use]:
    try:
        entries = list((process / "fd").iterdir())
    except OSError:  # gone, or not ours to see
        return
    for entry in entries:
        try:
            found = entry.stat()
            if (found.st_dev, found.st_ino) != (status.st_dev, status.st_ino):
                continue
            flags = _FLAGS.search((process / "fdinfo" / entry.name).read_text("ascii"))
        except OSError:
            continue
        reading = flags is not None and int(flags[1], 8) & os.O_ACCMODE == os.O_RDONLY
        yield Use.READING if reading else Use.WRITING


def _mapped(process: Path, status: os.stat_result) -> Iterator[Use]:
    """Tell of mappings. Of btrfs they name another device than stat(2) does, so it is not asked."""
    try:
        text = (process / "maps").read_bytes()
    except OSError:
        return
    for rights, major, minor, inode in _MAPPING.findall(text):
        device = os.makedev(int(major, 16), int(minor, 16))
        if int(inode) == status.st_ino and (device == status.st_dev or not os.major(device)):
            yield Use.WRITING if rights[1:2] == b"w" and rights[3:] == b"s" else Use.READING

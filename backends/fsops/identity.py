"""Which inode a name stood for, and in which state."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass

_VERSION = re.compile(r"(\d+):(\d+):(\d+):(-?\d+):(-?\d+)(?::([0-9a-f]+))?")
# Inode times advance in jiffies, 10 ms at the coarsest, where the file system keeps fractions.
_GRAIN, _COARSE_GRAIN = 20_000_000, 2_000_000_000  # nanoseconds; FAT counts two seconds


@dataclass(frozen=True, slots=True)
class Version:
    """A file's state: ``device:inode:size:mtime:ctime`` (times in ns), and a content digest.

    The digest is keyed and empty in a listing, which does not read content.
    """

    device: int
    inode: int
    size: int
    mtime: int
    ctime: int
    digest: str = ""

    @classmethod
    def of(cls, status: os.stat_result, digest: str = "") -> Version:
        """Return the version that a stat shows."""
        return cls(
            status.st_dev,
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
            digest,
        )

    @classmethod
    def parse(cls, text: str) -> Version:
        """Return the version that a text states. Raises ValueError."""
        found = _VERSION.fullmatch(text)
        if found is None:
            raise ValueError("not the version of a file")
        device, inode, size, mtime, ctime = map(int, found.groups()[:5])
        return cls(device, inode, size, mtime, ctime, found[6] or "")

    def __str__(self) -> str:
        numbers = f"{self.device}:{self.inode}:{self.size}:{self.mtime}:{self.ctime}"
        return f"{numbers}:{self.digest}" if self.digest else numbers

    def same_inode(self, status: os.stat_result) -> bool:
        """Whether a stat is of this very file, in whatever state."""
        return (self.device, self.inode) == (status.st_dev, status.st_ino)

    def same_state(self, status: os.stat_result) -> bool:
        """Whether a stat shows this state: nobody has written since, as far as times tell."""
        return (self.device, self.inode, self.size, self.mtime, self.ctime) == (
            status.st_dev,
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
        )


def let_time_pass(status: os.stat_result) -> None:
    """Wait until a later write must show in the file's times.

    A file that was written within the same tick of the clock as the look at it could be
    written once more without its times moving. Clocks of file servers may differ from ours:
    there the size, and the digest at the next reading, are what is left.
    """
    whole_seconds = status.st_ctime_ns % 1_000_000_000 == 0
    age = time.time_ns() - status.st_ctime_ns
    grain = _COARSE_GRAIN if whole_seconds else _GRAIN
    if 0 <= age < grain:
        time.sleep((grain - age) / 1e9)

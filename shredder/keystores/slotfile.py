"""The file of slots: locked, grown and written in place, never renamed and never copied."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from backends.fsops.extents import extents_of
from backends.fsops.ground import Ground, survey, unreached
from backends.fsops.overwrite import (
    CutShort,
    ReadBackDiffers,
    overwrite_range,
    read_from_medium,
)
from shredder import durable
from shredder.keystores.errors import StoreBusy, StoreDamaged
from shredder.keystores.material import wipe
from shredder.keystores.slot import FREE, SLOT, Content, Read, packed, unpacked

_AT_ONCE = 64  # slots that the file grows by
_OPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
CACHED = "read-back-cached"
MOVED = "blocks-moved"


@dataclass(frozen=True, slots=True)
class Slots:
    """The file, open and locked; a context manager that closes it.

    Keys that were read from it or written to it are zeroed then.
    """

    fd: int
    given: list[bytearray] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for key in self.given:
            wipe(key)
        os.close(self.fd)  # and with it the lock goes

    @property
    def count(self) -> int:
        """How many slots it has, the last of them perhaps cut short by a crash."""
        return -(-os.fstat(self.fd).st_size // SLOT)

    @property
    def inode(self) -> int:
        """Which file it is: a copy that was put in its place is another."""
        return os.fstat(self.fd).st_ino

    def read(self, number: int) -> Read:
        """What a slot holds."""
        slot = bytearray(SLOT)
        os.preadv(self.fd, [slot], number * SLOT)
        found = unpacked(slot)
        wipe(slot)
        if found.content and found.content.wrapped:
            self.given.append(found.content.wrapped.data)
        return found

    def read_all(self) -> Iterator[tuple[int, Read]]:
        """Every slot with its number."""
        for number in range(self.count):
            yield number, self.read(number)

    def medium(self, number: int) -> tuple[bytes, bool]:
        """A slot's bytes, and whether they came from the medium and not out of a cache."""
        return read_from_medium(self.fd, SLOT, number * SLOT)

    def write(self, number: int, content: Content) -> None:
        """Write a slot, durably, and read it back. Raises StoreDamaged."""
        data = self._packed(content)
        done = 0
        while done < SLOT:
            done += os.pwrite(self.fd, memoryview(data)[done:], number * SLOT + done)
        os.fdatasync(self.fd)
        if self.medium(number)[0] != data:
            raise _differs(number)

    def replace(self, number: int, content: Content, blocks: str) -> tuple[str, ...]:
        """Put a slot's content in the place of another, one half after the other, each durably.

        Returns why what was there may still be somewhere. `blocks` is where the slot lay when the
        key was written. Raises StoreDamaged.
        """
        data = self._packed(content)
        before = survey(self.fd)
        for at in (0, SLOT // 2):
            done, end = at, at + SLOT // 2
            while done < end:
                done += os.pwrite(self.fd, memoryview(data)[done:end], number * SLOT + done)
            os.fdatasync(self.fd)
        found, direct = self.medium(number)
        if found != data:
            raise _differs(number)
        codes = [*unreached(before, self.fd), *before.limitations]
        codes += [] if direct else [CACHED]
        codes += [] if self.blocks(number) == blocks else [MOVED]
        return tuple(dict.fromkeys(codes))

    def _packed(self, content: Content) -> bytearray:
        data = packed(content)
        self.given.append(data)
        if content.wrapped:
            self.given.append(content.wrapped.data)
        return data

    def erase(self, number: int, blocks: str) -> tuple[str, ...]:
        """Overwrite a slot by what nobody can make again; why that may not have reached its key.

        `blocks` is where the slot lay when the key was written. Raises StoreDamaged.
        """
        before = survey(self.fd)
        try:
            done = overwrite_range(self.fd, number * SLOT, (number + 1) * SLOT)
        except CutShort as error:
            raise error.cause from None
        except ReadBackDiffers:
            raise _differs(number) from None
        codes = [*unreached(before, self.fd), *before.limitations]
        if not done.direct:
            codes.append(CACHED)
        if self.blocks(number) != blocks:
            codes.append(MOVED)
        return tuple(dict.fromkeys(codes))

    def blocks(self, number: int) -> str:
        """Where a slot lies: the file's inode, and places and lengths in bytes on the device."""
        start, end = number * SLOT, (number + 1) * SLOT
        parts = []
        for each in extents_of(self.fd) or ():
            first, last = max(start, each.logical), min(end, each.logical + each.length)
            if first < last:
                parts.append(f"{each.physical + first - each.logical}+{last - first}")
        return f"{self.inode}:{','.join(parts)}"

    def ground(self) -> Ground:
        """What lies beneath the file."""
        return survey(self.fd)

    def grow(self) -> None:
        """Add free slots, durably; those that are there stay where they are."""
        first = self.count
        for number in range(first, first + _AT_ONCE):
            os.pwrite(self.fd, FREE, number * SLOT)
        os.fsync(self.fd)


def open_slots(path: Path, *, exclusive: bool) -> Slots:
    """Open the file and lock it. Raises StoreBusy, StoreDamaged, OSError.

    FileNotFoundError: there is none.
    """
    fd = os.open(path, _OPEN)
    try:
        _check(fd)
        fcntl.flock(fd, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise StoreBusy(
            "another run uses the key store", hint="wait for it; nothing was touched"
        ) from None
    except BaseException:
        os.close(fd)
        raise
    return Slots(fd)


def _check(fd: int) -> None:
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        raise StoreDamaged(
            "the file of keys is no regular file with a single name",
            hint="a second name is a way to the keys that nobody watches: remove it",
        )
    if status.st_mode & 0o077 or status.st_uid not in {os.geteuid(), 0}:
        raise StoreDamaged(
            "the file of keys is open to others",
            hint="chmod 600 it, and find out who could read it",
        )


def make(path: Path) -> None:
    """Make an empty file of no slots, durably. Raises FileExistsError, OSError."""
    os.close(os.open(path, _OPEN | os.O_CREAT | os.O_EXCL, 0o600))
    durable.sync_directory(path.parent)


def _differs(number: int) -> StoreDamaged:
    return StoreDamaged(
        f"slot {number} of the key store does not give back what was written to it",
        hint="the medium is failing, or is none: look to it before anything else is written",
    )

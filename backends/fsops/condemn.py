"""From a file under its name to no file: each step durable before the next relies on it.

The way of a file that is overwritten, with the crash points between the steps::

    name            content         on the next attempt
    original        planned         starts from the beginning
    ── rename, fsync of the folder ─────────────────────────────────────────────
    condemned       planned         known by its name, made from the order's id, and its inode:
    condemned       half keystream    goes on with the overwriting, under a new key
    condemned       keystream
    ── read back, attributes blotted out, truncate, fsync ──────────────────────
    condemned       empty           goes on with the unlinking
    blank           empty           likewise; this name is as long as the original one was
    ── unlink, fsync of the folder ─────────────────────────────────────────────
    none            none            already absent

Without the condemned name, a file that we had half overwritten could not be told from one that
somebody else had changed. Once a name is condemned, nobody's program opens the file by
accident, and a new file that appears under the original name is left alone.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

from backends.contract import Result, Tell, untold
from backends.fsops import attributes, btrfs, linux
from backends.fsops.ground import (
    ATTRIBUTES_UNKNOWN,
    READ_ONLY_FILE_SYSTEM,
    READ_ONLY_SNAPSHOT,
    survey,
    unreached,
)
from backends.fsops.handles import Use, use_of
from backends.fsops.identity import Version
from backends.fsops.keystream import CutShort, ReadBackDiffers
from backends.fsops.overwrite import Overwritten, overwrite
from backends.fsops.reasons import reason_for

_SHORTEST_BLANK = 8  # hex digits
_OPEN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Left(Exception):
    """An order ends here, with nothing (more) destroyed."""

    def __init__(self, result: Result, reason: str = "") -> None:
        super().__init__(result, reason)
        self.result = result
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Names:
    """The names that a file has on its way, all in its own folder."""

    original: bytes
    condemned: bytes
    fresh: bytes  # its successor's, before the two are exchanged
    blank: bytes  # the condemned one, if the original is so short that chance could make it

    @classmethod
    def of(cls, original: bytes, order: str, version: str) -> Names:
        """Return the names for an order: always the same, and no other order's."""
        tag = hashlib.sha256(f"{order}\0{version}\0".encode() + original).digest()
        condemned = b".shredder-" + tag[:12].hex().encode()
        blank = hashlib.shake_128(tag).hexdigest(len(original)).encode()[: len(original)]
        short = len(original) < _SHORTEST_BLANK
        return cls(original, condemned, condemned + b".new", condemned if short else blank)


@dataclass(slots=True)
class Opened:
    """The planned file, open for writing, with what is to be said about that."""

    fd: int
    codes: tuple[str, ...]


def condemned_name(folder: int, names: Names, version: Version) -> bytes | None:
    """Return the name under which an earlier attempt left the planned file; None: it did not.

    Only the inode number is compared: after a restart a device may have another number.
    """
    for name in (names.fresh, names.condemned, names.blank):
        status = linux.stat_of(name, folder)
        if status and stat.S_ISREG(status.st_mode) and status.st_ino == version.inode:
            return name
    if linux.exists(names.condemned, folder):
        raise Left(Result.FAILED, "name-taken")
    return None


def open_condemned(folder: int, name: bytes, version: Version) -> Opened:
    """Open the file that an earlier attempt condemned. Raises Left."""
    opened = _open(folder, name, alone=False)
    if os.fstat(opened.fd).st_ino != version.inode:
        os.close(opened.fd)
        raise Left(Result.FAILED, "name-taken")
    return opened


def open_planned(
    folder: int, name: bytes, version: Version, digest: Callable[[int], str], *, alone: bool
) -> Opened:
    """Open the file that was planned, in the state that was planned. Raises Left.

    If only the times differ (a chmod, a link made or removed), `digest` of the content decides.
    With a lease nobody writes from here on. Where there are no leases, somebody who writes
    between this look and the overwriting loses what was written; the codes tell so.
    `alone` makes it a failure that anybody else has the file open.
    """
    status = linux.stat_of(name, folder)
    if status is None:
        raise Left(Result.ALREADY_ABSENT)
    if not stat.S_ISREG(status.st_mode) or not version.same_inode(status):
        raise Left(Result.CHANGED, "another-file")
    opened = _open(folder, name, alone=alone)
    try:
        problem = _altered(opened.fd, version, digest)
    except BaseException:
        os.close(opened.fd)
        raise
    if problem:
        os.close(opened.fd)
        raise Left(Result.CHANGED, problem)
    return opened


def _altered(fd: int, version: Version, digest: Callable[[int], str]) -> str:
    """Return the code of what differs from the plan; empty if nothing does."""
    status = os.fstat(fd)
    if not version.same_inode(status):
        return "another-file"
    if version.same_state(status) or emptied(version, status):
        return ""
    same = status.st_size == version.size and digest(fd) == version.digest
    return "" if same and Version.of(status).same_state(os.fstat(fd)) else "content-changed"


def _open(folder: int, name: bytes, *, alone: bool) -> Opened:
    """Open for reading and writing, with a lease if there are any. Raises Left."""
    try:
        reading = os.open(name, os.O_RDONLY | _OPEN, dir_fd=folder)
        try:
            problem = _obstacle(reading)
        finally:
            os.close(reading)
        fd = -1 if problem else os.open(name, os.O_RDWR | _OPEN, dir_fd=folder)
    except FileNotFoundError:
        raise Left(Result.ALREADY_ABSENT) from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Left(Result.CHANGED, "path-replaced") from None
        raise Left(Result.FAILED, reason_for(error)) from None
    if problem:
        raise Left(Result.FAILED, problem)
    lease = linux.take_lease(fd)
    codes = _LEASE_CODES[lease]
    use = use_of(os.fstat(fd)) if lease is linux.Lease.UNKNOWN else Use.NONE_SEEN
    if use is Use.READING:
        codes = (*_LEASE_CODES[linux.Lease.SHARED], *codes)
    if use is Use.WRITING or (alone and (use or lease is linux.Lease.SHARED)):
        os.close(fd)
        raise Left(Result.FAILED, "in-use")
    return Opened(fd, codes)


_LEASE_CODES: dict[linux.Lease, tuple[str, ...]] = {
    linux.Lease.ALONE: (),
    linux.Lease.SHARED: ("open-elsewhere",),
    linux.Lease.UNKNOWN: ("writers-not-excluded",),
}


def _obstacle(reading: int) -> str:
    """Return the code of what stands against writing to a file that is open for reading."""
    if flag := linux.lock_flag(reading):
        return flag
    if not os.access(f"/proc/self/fd/{reading}", os.W_OK, effective_ids=True):
        if os.fstatvfs(reading).f_flag & os.ST_RDONLY:
            return READ_ONLY_FILE_SYSTEM
        within = btrfs.subvolume_of(reading)
        return READ_ONLY_SNAPSHOT if within and within.read_only else "read-only-file"
    return "in-use" if linux.has_writers(reading) else ""


def condemn(folder: int, names: Names, version: Version) -> None:
    """Take the planned file's name away from it, durably. Raises Left; nothing is lost then."""
    try:
        linux.rename_to_free(names.original, names.condemned, folder)
    except FileNotFoundError:
        raise Left(Result.ALREADY_ABSENT) from None
    except OSError as error:
        locked = error.errno == errno.EPERM and linux.lock_flag(folder)
        raise Left(Result.FAILED, locked or reason_for(error)) from None
    status = linux.stat_of(names.condemned, folder)
    if status is None or not version.same_inode(status):
        # Between the look and the renaming somebody put another file under the name (editors
        # save so). It gets its name back. Has that been taken too, the file stays where it is,
        # whole, and the order fails until somebody has looked.
        restore(folder, names)
        raise Left(Result.CHANGED, "another-file")
    if status.st_size not in {version.size, 0}:  # 0: see emptied()
        restore(folder, names)
        raise Left(Result.CHANGED, "content-changed")
    os.fsync(folder)


def restore(folder: int, names: Names) -> None:
    """Give a condemned file its name back. Raises Left if somebody has taken that."""
    try:
        linux.rename_to_free(names.condemned, names.original, folder)
        os.fsync(folder)
    except FileExistsError:
        raise Left(Result.FAILED, "name-taken") from None
    except OSError as error:
        raise Left(Result.FAILED, reason_for(error)) from None


@dataclass(frozen=True, slots=True)
class Finished:
    """What was done to a file that is no more.

    `unproved`: codes of why its content's blocks are not shown to be overwritten; none: they are.
    """

    overwritten: Overwritten
    unproved: tuple[str, ...]
    limitations: tuple[str, ...]  # codes


def finish(
    folder: int, at: bytes, fd: int, names: Names, version: Version, tell: Tell = untold
) -> Finished:
    """Overwrite a condemned file, empty it and unlink it. Raises Left, CutShort, OSError."""
    before = survey(fd)
    status = os.fstat(fd)
    try:
        done = overwrite(fd, status.st_size, tell)
    except ReadBackDiffers:
        raise Left(Result.FAILED, "read-back-differs") from None
    if os.fstat(fd).st_size != status.st_size:  # what was added meanwhile is not overwritten
        raise CutShort(OSError(errno.EBUSY, os.strerror(errno.EBUSY)), done.written)
    unproved = list(unreached(before, fd))
    if status.st_size < version.size:
        unproved.append("emptied-before")  # by an attempt that broke off after its overwriting
    if not done.direct and done.written:
        unproved.append("read-back-cached")
    if attributes.names_of_data(fd):
        unproved.append(ATTRIBUTES_UNKNOWN)
    if not attributes.blot_out(fd):
        raise Left(Result.FAILED, "attributes-left")
    os.ftruncate(fd, 0)
    if os.fstat(fd).st_nlink > 1:
        with contextlib.suppress(PermissionError):  # only its owner may; see emptied()
            os.utime(fd, (_mark(version), _mark(version)))
    os.fsync(fd)
    if names.blank not in {at, names.original}:
        # Makes it likely, no more, that the old name's place in the folder is written over.
        with contextlib.suppress(FileExistsError):
            linux.rename_to_free(at, names.blank, folder)
            at = names.blank
    gone = linux.stat_of(at, folder)
    if gone is None or gone.st_ino != version.inode:
        raise Left(Result.FAILED, "another-file")
    os.unlink(at, dir_fd=folder)
    os.fsync(folder)
    return Finished(done, tuple(unproved), before.limitations)


def emptied(version: Version, status: os.stat_result) -> bool:
    """Whether a file is empty because an order for another of its names destroyed it.

    All names of a file share one inode, so the second order finds it in another state than
    planned. An empty file with a modification time that is a hash of the planned content is
    our own doing: no program sets that time by accident.
    """
    return (
        version.same_inode(status)
        and status.st_size == 0
        and status.st_mtime_ns == _mark(version) * 1_000_000_000
    )


def _mark(version: Version) -> int:
    """A time in whole seconds, in the range that every file system can store."""
    tag = hashlib.sha256(f"{version.inode}:{version.size}:{version.digest}".encode()).digest()
    return (1 << 30) | int.from_bytes(tag[:4], "big") >> 2


__all__ = [
    "CutShort",
    "Finished",
    "Left",
    "Names",
    "Opened",
    "condemn",
    "condemned_name",
    "emptied",
    "finish",
    "open_condemned",
    "open_planned",
    "restore",
]

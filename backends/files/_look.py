"""Reading one file in one piece, though others may write to it."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backends.contract import Matcher
from backends.errors import ChangedWhileRead, CouldNotTell, Vanished
from backends.files._attributes import with_attributes
from backends.files._upto import UpTo
from backends.files.reader import Content, Reader
from backends.fsops import by_handle, linux
from backends.fsops.attributes import names_of_data
from backends.fsops.ground import ATTRIBUTES_UNKNOWN, BLOCKS_SHARED, survey
from backends.fsops.identity import Version, let_time_pass
from backends.fsops.reasons import told
from backends.fsops.sharing import WITH_EARLIER, limit_of
from backends.fsops.tree import Parts, descend

_ATTEMPTS = 3
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Sight:
    """A file as it was read."""

    version: Version
    links: int
    folder_device: int
    content: Content
    handle: str = ""  # of a holding: by which the file is found again
    ground: tuple[str, ...] = ()  # codes, of a holding: what lies beneath it
    shared: bool = False  # others have its blocks, or may have it as it was
    barred: str = ""  # a code, of a holding: nobody may write to it, or take it away


class Memory(Protocol):
    """Remembers the content of files with several names: each is read once."""

    def recall(self, version: Version, matcher: Matcher) -> Content | None:
        """Return what a file in this state holds, if it has been read."""

    def keep(self, version: Version, matcher: Matcher, content: Content) -> None:
        """Remember what a file in this state holds."""


def look(
    path: Path,
    parts: Parts,
    reader: Reader,
    matcher: Matcher,
    where: str,
    memory: Memory | None = None,
) -> Sight:
    """Read a file below a root. Raises BackendError; `where` is for its message.

    Before and after the reading, the file and what its name leads to must be the same, else it
    is read again.
    """
    for _ in range(_ATTEMPTS):
        try:
            with descend(path, parts[:-1]) as way:
                if way.missing:
                    raise Vanished(f"{where}: a folder is not there any more")
                sight = look_at(way.fd, parts[-1], reader, matcher, memory)
        except OSError as error:
            raise told(error, where) from None
        if sight is not None:
            return sight
    raise ChangedWhileRead(
        f"{where}: a file changed while it was read, {_ATTEMPTS} times in a row",
        hint="stop the program that writes to it, then sweep again",
    )


def look_at(
    folder: int, name: bytes, reader: Reader, matcher: Matcher, memory: Memory | None = None
) -> Sight | None:
    """Read a file once; None: it changed meanwhile. Raises OSError."""
    fd = open_to_read(folder, name)
    try:
        before = os.fstat(fd)
        if not stat.S_ISREG(before.st_mode):
            raise FileNotFoundError
        state = Version.of(before)
        shared = memory if before.st_nlink > 1 else None
        content = shared.recall(state, matcher) if shared else None
        longer = False
        if content is None:
            content, longer = content_of(fd, before.st_size, reader, matcher)
        ground: tuple[str, ...] = ()
        handle, shared_blocks, barred = "", False, ""
        if content.reading.evidence.verdict is not None:
            handle, ground, shared_blocks, barred = _beneath(fd)
            barred = barred or linux.lock_flag(folder)
            let_time_pass(before)
        after, named = os.fstat(fd), linux.stat_of(name, folder)
    finally:
        os.close(fd)
    if named is None or not state.same_state(after) or not state.same_state(named):
        return None
    if longer:
        raise CouldNotTell("a file goes on after its end", reason="longer-than-its-size")
    if shared:
        shared.keep(state, matcher, content)
    version = Version.of(before, content.reading.digest)
    device = os.fstat(folder).st_dev
    return Sight(version, before.st_nlink, device, content, handle, ground, shared_blocks, barred)


def content_of(fd: int, size: int, reader: Reader, matcher: Matcher) -> tuple[Content, bool]:
    """Read a file, and say whether it is longer than its size; a holding once more.

    Few files are holdings, and the digest of a version costs a sixth of what reading does. What
    counts of a holding is what that second reading finds, of the very bytes that are digested.
    Raises OSError.
    """
    for digested in (False, True):
        with UpTo(fd, size) as file:
            file.seek(0)
            content = with_attributes(reader.read(file, matcher, digested=digested), fd, matcher)
            longer = file.is_longer()
        if content.reading.evidence.verdict is None:
            break
    return content, longer


def _beneath(fd: int) -> tuple[str, tuple[str, ...], bool, str]:
    ground = survey(fd)
    codes = (*ground.codes, ATTRIBUTES_UNKNOWN) if names_of_data(fd) else ground.codes
    shared = BLOCKS_SHARED in codes or ground.kind in WITH_EARLIER
    limit = limit_of(fd, ground.kind) if shared else ""
    handle = by_handle.handle_of(fd, ground.kind)
    return handle, (*codes, limit) if limit else codes, shared, ground.barred


def open_to_read(folder: int, name: bytes) -> int:
    """Open for reading, without a trace in the access time where that is allowed."""
    try:
        return os.open(name, _OPEN | os.O_NOATIME, dir_fd=folder)
    except PermissionError:
        return os.open(name, _OPEN, dir_fd=folder)

"""Where desktops keep what users threw away, and small pictures of what they looked at.

The Trash specification 1.0 and the Thumbnail Managing Standard of freedesktop.org. Whose they are
may write there as they like, so nothing in them is believed: every way down is by descriptors,
without symlinks, and what is read of a note is bounded.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import unquote_to_bytes

from backends.errors import CouldNotTell
from backends.files._neighbours import thumbnail
from backends.fsops import linux
from backends.fsops.reasons import RootUnavailable
from backends.fsops.tree import Found, Parts, Walk, descend, parts_of_path

_DATA, _CACHE = (b".local", b"share"), (b".cache",)
_SIZES = (b"normal", b"large", b"x-large", b"xx-large")
_NOTE = b".trashinfo"
_LONGEST_NOTE = 16 << 10  # bytes
_MOST = 100_000  # files in a trash
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = _OPEN | os.O_DIRECTORY
# A folder that is not ours to enter, or a link in its place: as if it were not there.
_BARRED = frozenset({errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENOTDIR, errno.ENOENT})


@dataclass(slots=True)
class Trash:
    """A user's trash: by the folder and the name that files had, where they lie, from ``/``."""

    _folders: dict[bytes, dict[bytes, list[Parts]]] = field(default_factory=dict)
    _count: int = 0

    def add(self, origin: bytes, at: Parts) -> None:
        """Take in a file. Raises CouldNotTell if there are too many."""
        self._count += 1
        if self._count > _MOST:
            raise CouldNotTell("a trash holds too many files", reason="trash-too-large")
        folder, _, name = origin.rpartition(b"/")
        self._folders.setdefault(folder, {}).setdefault(name, []).append(at)

    def of(self, folder: bytes, name: bytes) -> Sequence[Parts]:
        """Return what had a path."""
        return self._folders.get(folder, {}).get(name, ())

    def all_of(self, folder: bytes) -> Iterator[Parts]:
        """Yield what was in a folder."""
        for places in self._folders.get(folder, {}).values():
            yield from places


def read_trashes(owner: int, top: bytes, roots: Sequence[bytes]) -> Trash:
    """Read the trashes of a user, at home and at the top of a mount, for what was below some roots.

    One that may not be entered is as one that is not there. Raises OSError, CouldNotTell.
    """
    found = Trash()
    places = [((*home, b"Trash"), b"/") for home in _homes(owner, "XDG_DATA_HOME", _DATA)]
    mount = parts_of_path(top)
    places += [((*mount, b".Trash-%d" % owner), top), ((*mount, b".Trash", b"%d" % owner), top)]
    for trash, base in places:
        with _opened(trash) as fd:
            for origin, at in () if fd is None else _read(fd, trash, base, roots):
                found.add(origin, at)
    return found


def _read(
    fd: int, trash: Parts, base: bytes, roots: Sequence[bytes]
) -> Iterator[tuple[bytes, Parts]]:
    """Yield where each file in one trash was, and where it is; notes are relative to `base`."""
    origins = {
        name: was
        for name, was in _notes(fd, base)
        if any(_within(was, root) or _within(root, was) for root in roots)
    }
    if not origins:
        return
    walk = Walk(excluded=lambda parts: parts[0] not in origins)
    with contextlib.suppress(RootUnavailable):
        for found in walk.files(Path(f"/proc/self/fd/{fd}/files")):
            if isinstance(found, Found):
                origin = origins[found.parts[0]]
                was = b"/".join((origin, *found.parts[1:]))
                yield was, (*trash, b"files", *found.parts)


def _notes(trash: int, base: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the names of what was thrown away, and where it was."""
    try:
        folder = os.open(b"info", _FOLDER, dir_fd=trash)
    except OSError as error:
        if error.errno in _BARRED:
            return
        raise
    try:
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if number >= _MOST:
                    raise CouldNotTell("a trash holds too many files", reason="trash-too-large")
                name = os.fsencode(entry.name)
                path = _path_in(folder, name) if name.endswith(_NOTE) else b""
                if path:
                    yield name.removesuffix(_NOTE), _joined(base, path)
    finally:
        os.close(folder)


def _path_in(folder: int, name: bytes) -> bytes:
    try:
        fd = os.open(name, _OPEN, dir_fd=folder)
    except OSError:
        return b""
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return b""
        text = os.pread(fd, _LONGEST_NOTE, 0)
    finally:
        os.close(fd)
    for line in text.splitlines():
        key, _, value = line.partition(b"=")
        if key.strip() == b"Path":
            path = unquote_to_bytes(value.strip())
            return b"" if b"\0" in path else path
    return b""


class Thumbnails:
    """The small pictures that a user's desktop keeps. A context manager."""

    def __init__(self, owner: int) -> None:
        self._stack = contextlib.ExitStack()
        self._folders: list[tuple[Parts, int]] = []
        places = [(*home, b"thumbnails") for home in _homes(owner, "XDG_CACHE_HOME", _CACHE)]
        places += [(*home, b".thumbnails") for home in _homes(owner, "HOME", ())]  # before 2012
        for place in places:
            for size in _SIZES:
                fd = self._stack.enter_context(_opened((*place, size)))
                if fd is not None:
                    self._folders.append(((*place, size), fd))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def of(self, path: bytes) -> Iterator[Parts]:
        """Yield where the thumbnails of an absolute path lie, from ``/``."""
        name = thumbnail(path) if self._folders else b""
        for place, fd in self._folders:
            if linux.exists(name, fd):
                yield (*place, name)


def _homes(owner: int, variable: str, default: Parts) -> list[Parts]:
    """Return where a user's files of a kind lie: for ourselves as the environment says."""
    if owner == os.geteuid() and os.environ.get(variable, "").startswith("/"):
        return [parts_of_path(os.path.realpath(os.fsencode(os.environ[variable])))]
    try:
        home = pwd.getpwuid(owner).pw_dir
    except KeyError:
        return []
    if owner == os.geteuid():
        home = os.environ.get("HOME") or home
    return [(*parts_of_path(os.path.realpath(os.fsencode(home))), *default)] if home else []


@contextlib.contextmanager
def _opened(folder: Parts) -> Iterator[int | None]:
    """Open a folder from ``/`` on, without symlinks; None: it is not there, or not for us."""
    with contextlib.ExitStack() as stack:
        try:
            way = stack.enter_context(descend(Path("/"), folder))
        except OSError as error:
            if error.errno not in _BARRED:
                raise
            yield None
            return
        yield None if way.missing else way.fd


def _within(path: bytes, folder: bytes) -> bool:
    return path.startswith(folder.rstrip(b"/") + b"/") or path == folder


def _joined(base: bytes, path: bytes) -> bytes:
    whole = path if path.startswith(b"/") else base + b"/" + path
    return b"/" + os.path.normpath(whole).lstrip(b"/")

"""Files written so that a crash leaves the old content or the new; files destroyed."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_BLOCK = 1 << 16  # bytes read or written at a time


def sync_directory(path: Path) -> None:
    """Make a directory's entries durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write(path: Path, chunks: Iterable[bytes], *, mode: int = 0o600) -> None:
    """Write a file of ours whole and durably, or not at all.

    A crash before the rename leaves a ``.partial``, which the next write destroys; after an error
    that is overwritten and unlinked. After the rename the new content stands.
    """
    # One that is there may be open elsewhere, or another file's second name: it is not written to.
    _overwrite_and_unlink(_partial(path))
    _write(path, chunks, mode, Path.replace)


def hand_over(
    path: Path, chunks: Iterable[bytes], *, mode: int = 0o600, replacing: bool = True
) -> None:
    """The same in a folder that is not ours, where a ``.partial`` may be anybody's, and stays.

    Raises FileExistsError where one is; not `replacing`, also where a file has the name by then.
    """
    _write(path, chunks, mode, Path.replace if replacing else _take_name)


def _partial(path: Path) -> Path:
    return path.with_name(path.name + ".partial")


def _write(
    path: Path, chunks: Iterable[bytes], mode: int, rename: Callable[[Path, Path], object]
) -> None:
    partial = _partial(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(partial, flags, mode)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            os.fchmod(descriptor, mode)
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(descriptor)
        rename(partial, path)
    except BaseException:
        with suppress(OSError):
            _overwrite(descriptor)
            # Whoever may write to the folder may have put something else there meanwhile.
            if os.path.samestat(os.fstat(descriptor), partial.lstat()):
                partial.unlink()
                sync_directory(path.parent)
        raise
    finally:
        os.close(descriptor)
    sync_directory(path.parent)


def _take_name(partial: Path, path: Path) -> None:
    """Rename a file, unless the name is taken. A crash in between leaves it both names."""
    try:
        os.link(partial, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without second names: one that comes now is replaced
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path) from None
        partial.replace(path)
    else:
        partial.unlink()


def blocks(path: Path) -> Iterator[bytes]:
    """A file's content, some of it in memory at a time."""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def make_private_directory(path: Path) -> None:
    """Make a directory of mode 0700, durably; one that is there already is left as it is."""
    if not path.is_dir():
        path.mkdir(mode=0o700)
    sync_directory(path.parent)  # also if a crash came between the two


def destroy(path: Path) -> bool:
    """Overwrite a file of ours with zeros, durably, and unlink it; False if there is none.

    What an overwrite reaches is up to the file system and the medium: one that copies on write,
    or a flash translation layer, may keep the old blocks. Repeatable after a crash.
    """
    return _overwrite_and_unlink(path)


def _overwrite_and_unlink(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    try:
        _overwrite(descriptor)
    finally:
        os.close(descriptor)
    path.unlink()
    sync_directory(path.parent)
    return True


def _overwrite(descriptor: int) -> None:
    """Write zeros over a file, durably, unless it has a second name: what that has is left."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        return
    at = 0
    while at < status.st_size:
        at += os.pwrite(descriptor, bytes(min(status.st_size - at, _BLOCK)), at)
    os.fsync(descriptor)

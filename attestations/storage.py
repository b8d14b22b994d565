"""Files that are whole or not there: temporary file, fsync, rename, fsync of the directory."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from attestations.errors import Code, Malformed, Unreadable


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_atomically(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Put `data` at `path`, durable on return; a crash leaves the old file or the new one.

    Raises :class:`Unreadable`.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(fd)
            # Killed here: a temporary file stays, the old one is untouched.
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        # Killed here: the rename may be undone by a power cut, never torn.
        sync_directory(path.parent)
    except OSError as error:
        raise Unreadable(f"a file cannot be written: {error.strerror}") from None


def read_limited(path: Path, limit: int, what: str) -> bytes:
    """Read a regular file of at most `limit` bytes. Raises Unreadable, or E_LIMIT."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a FIFO does not hang the caller
        with os.fdopen(fd, "rb") as file:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise Unreadable(f"{what}: not a regular file")
            if status.st_size > limit:
                raise Malformed(Code.E_LIMIT, f"{what}: more than {limit} bytes")
            data = file.read(limit + 1)
    except OSError as error:
        raise Unreadable(f"{what}: cannot be read: {error.strerror}") from None
    if len(data) > limit:
        raise Malformed(Code.E_LIMIT, f"{what}: more than {limit} bytes")
    return data

"""Removing closed files of the server's log on its host: overwritten, read back, unlinked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from backends.fsops.overwrite import CutShort, ReadBackDiffers, overwrite
from backends.postgres._catalog import one
from backends.postgres._session import Connection
from backends.postgres.raw.access import HostFiles, writable_files

_FOLDER = "SELECT (SELECT setting FROM pg_settings WHERE name = 'log_directory')"


@contextmanager
def log_folder(connection: Connection, directory: str) -> Iterator[LogFolder | None]:
    """Lend the log's folder; None: it cannot be written to from here.

    `directory`: the server's data directory, as the store names it.
    """
    with writable_files(connection, directory) as files:
        fd = _opened(connection, files) if files else None
        try:
            yield LogFolder(fd, files) if files and fd is not None else None
        finally:
            if fd is not None:
                os.close(fd)


@dataclass(frozen=True, slots=True)
class LogFolder:
    """The open folder of a server's log, and the data directory whose owner writes it."""

    fd: int
    files: HostFiles


def _opened(connection: Connection, files: HostFiles) -> int | None:
    told = one(connection, _FOLDER)[0] or ""
    try:
        # Elsewhere than in the data directory it is this server's by its own word alone: the owner
        # of the folder, and of each file in it, is asked of the file system.
        absolute = told.startswith("/")
        fd = os.open(told, os.O_RDONLY | os.O_DIRECTORY) if absolute else files.folder(told)
    except OSError:
        return None
    if files.owns(fd) and os.access(f"/proc/self/fd/{fd}", os.W_OK):
        return fd
    os.close(fd)
    return None


def remove(log: LogFolder, name: str) -> str:
    """Overwrite a file of the folder and unlink it; why that failed, or nothing."""
    folder = log.fd
    try:
        fd = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:
        return "log-not-removed"
    try:
        status = os.fstat(fd)
        if not log.files.owns(fd):
            return "log-not-removed"
        overwrite(fd, status.st_size)
        now = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if (now.st_dev, now.st_ino) != (status.st_dev, status.st_ino):
            return "log-not-removed"
        os.unlink(name, dir_fd=folder)
        os.fsync(folder)
    except (OSError, CutShort, ReadBackDiffers):
        return "log-not-removed"
    finally:
        os.close(fd)
    return ""

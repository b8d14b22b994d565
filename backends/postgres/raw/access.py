"""Ways to the bytes of a server's data directory: the host's files, or the server's own functions.

The host's are opened below a directory descriptor, by plain names; a symlink is followed only
where Postgres makes one: `pg_wal`, and the tablespaces. That the directory is this server's, and no
copy of it, is shown by what both say of themselves before anything of it is believed. What is
written to must be the server's own besides: who rules the server can have its settings and links
lead anywhere, and this process may be root.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psycopg

from backends.errors import CouldNotTell
from backends.postgres._catalog import one
from backends.postgres._session import Connection

_LINKS = ("pg_wal", "pg_tblspc/")  # where the server itself follows symlinks
_TRIES = 5
_CLOCK_S = 2
_CONTROL = struct.Struct("<Q24xQ")  # system identifier; place of the last checkpoint
_SERVER_SAYS = """
SELECT (SELECT system_identifier FROM pg_control_system())::text,
       (SELECT checkpoint_lsn - '0/0' FROM pg_control_checkpoint())::bigint,
       floor(extract(epoch FROM pg_postmaster_start_time()))::bigint
"""
_DIRECTORY = "SELECT (SELECT setting FROM pg_settings WHERE name = 'data_directory')"
_RIGHTS = """
SELECT current_setting('is_superuser') = 'on' OR (
  has_function_privilege('pg_catalog.pg_read_binary_file(text,bigint,bigint,boolean)', 'EXECUTE')
  AND has_function_privilege('pg_catalog.pg_ls_dir(text,boolean,boolean)', 'EXECUTE')
  AND has_function_privilege('pg_catalog.pg_stat_file(text,boolean)', 'EXECUTE'))
"""
NOT_READABLE = "server-files-not-readable"
NEEDS = (
    "a superuser, or GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_binary_file(text,bigint,bigint,"
    "boolean), pg_catalog.pg_ls_dir(text,boolean,boolean), pg_catalog.pg_stat_file(text,boolean)"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, by its path below the data directory."""

    path: str
    size: int


class Files(Protocol):
    """The files of a data directory; a path is relative to it."""

    def walk(self, below: str) -> Iterator[Entry]:
        """Yield the files in a folder and the folders in it, by name; nothing if it is not there.

        Raises CouldNotTell for what cannot be listed.
        """

    def size(self, path: str) -> int | None:
        """Return the size of a file; None: there is none."""

    def read(self, path: str, offset: int, size: int) -> bytes:
        """Return bytes of a file: fewer at its end, none if it is not there (any more)."""

    def close(self) -> None:
        """Let go of what is held open."""


class HostFiles:
    """The files as this host has them."""

    def __init__(self, directory: Path) -> None:
        """Raises OSError."""
        self._root = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        self._owner = os.fstat(self._root).st_uid

    def close(self) -> None:
        """Let go of the directory."""
        os.close(self._root)

    def open(self, path: str, flags: int = os.O_RDONLY) -> int:
        """Open a file. Raises OSError."""
        *folders, name = path.split("/")
        folder = self.folder("/".join(folders))
        try:
            return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        finally:
            os.close(folder)

    def open_own(self, path: str) -> int:
        """Open a file for writing that is the server's and nobody else's. Raises OSError."""
        fd = self.open(path, os.O_RDWR)
        if not self.owns(fd):
            os.close(fd)
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        return fd

    def owns(self, fd: int) -> bool:
        """Whether an open file, under one name, or a folder is the data directory's owner's."""
        status = os.fstat(fd)
        alone = stat.S_ISDIR(status.st_mode) or (
            # A second name: another cluster's, too, as pg_upgrade --link leaves it.
            stat.S_ISREG(status.st_mode) and status.st_nlink == 1
        )
        return alone and status.st_uid == self._owner

    def folder(self, path: str) -> int:
        """Open a folder. Raises OSError."""
        fd = os.dup(self._root)
        walked = ""
        for name in filter(None, path.split("/")):
            walked = f"{walked}/{name}".lstrip("/")
            link = walked == _LINKS[0] or (walked.startswith(_LINKS[1]) and walked.count("/") == 1)
            flags = os.O_RDONLY | os.O_DIRECTORY | (0 if link else os.O_NOFOLLOW)
            try:
                below = os.open(name, flags, dir_fd=fd)
            finally:
                os.close(fd)
            fd = below
        return fd

    def walk(self, below: str) -> Iterator[Entry]:
        """See the protocol."""
        try:
            fd = self.folder(below)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unreadable(error) from None
        try:
            names = sorted(os.listdir(fd))  # noqa: PTH208 - by descriptor
            found = []
            for name in names:
                with suppress(FileNotFoundError):
                    found.append((name, os.stat(name, dir_fd=fd, follow_symlinks=False)))
        finally:
            os.close(fd)
        for name, status in found:
            path = f"{below}/{name}".lstrip("/")
            if stat.S_ISREG(status.st_mode):
                yield Entry(path, status.st_size)
            elif stat.S_ISDIR(status.st_mode) or (
                stat.S_ISLNK(status.st_mode) and path.startswith(_LINKS)
            ):
                yield from self.walk(path)

    def size(self, path: str) -> int | None:
        """See the protocol."""
        try:
            fd = self.open(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable(error) from None
        try:
            return os.fstat(fd).st_size
        finally:
            os.close(fd)

    def read(self, path: str, offset: int, size: int) -> bytes:
        """See the protocol."""
        try:
            fd = self.open(path)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise _unreadable(error) from None
        try:
            return os.pread(fd, size, offset)
        except OSError as error:
            raise _unreadable(error) from None
        finally:
            os.close(fd)


class ServerFiles:
    """The files as the server hands them out (``pg_read_binary_file``)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def close(self) -> None:
        """See the protocol."""

    def walk(self, below: str) -> Iterator[Entry]:
        """See the protocol."""
        query = """
            SELECT name, (s).size, (s).isdir
              FROM (SELECT name, pg_stat_file(%s || '/' || name, true) AS s
                      FROM pg_ls_dir(%s, true, false) name) x
             WHERE (s).size IS NOT NULL ORDER BY name COLLATE "C"
        """
        folder = below or "."
        for name, size, is_folder in self._connection.execute(query, [folder, folder]).fetchall():
            path = f"{below}/{name}".lstrip("/")
            if is_folder:
                yield from self.walk(path)
            else:
                yield Entry(path, size)

    def size(self, path: str) -> int | None:
        """See the protocol."""
        found = one(self._connection, "SELECT (pg_stat_file(%s, true)).size", [path])[0]
        return None if found is None else int(found)

    def read(self, path: str, offset: int, size: int) -> bytes:
        """See the protocol."""
        query = "SELECT pg_read_binary_file(%s, %s, %s, true)"
        with self._connection.cursor(binary=True) as cursor:
            row = cursor.execute(query, [path, offset, size]).fetchone()
        return bytes(row[0]) if row and row[0] is not None else b""


def host_files(connection: Connection, directory: str = "") -> HostFiles | None:
    """Open the server's data directory on this host; None: it is not here, or not to be read.

    `directory`: where it is told to be; else where the server says, if that is this server's.
    Raises CouldNotTell where it is told and not this server's.
    """
    told = directory or one(connection, _DIRECTORY)[0]
    if not told:
        return None
    try:
        files = HostFiles(Path(told))
    except OSError:
        files = None
    if files is not None and is_servers(connection, files):
        return files
    if files is not None:
        files.close()
    if directory:
        raise CouldNotTell(
            "data_directory is not to be read here, or another server's",
            reason="data-directory-not-this-servers",
            hint="name the directory that `SHOW data_directory` tells, as its owner or root",
        )
    return None


@contextmanager
def writable_files(connection: Connection, directory: str = "") -> Iterator[HostFiles | None]:
    """Lend the data directory on this host; None: nothing of it can be written to from here."""
    try:
        files = host_files(connection, directory)
    except CouldNotTell:
        files = None
    try:
        yield files
    finally:
        if files is not None:
            files.close()


def is_servers(connection: Connection, files: Files) -> bool:
    """Whether files are those of the server that the connection leads to.

    The system identifier is the same in every copy; the time of the start, and the place of the
    last checkpoint, are this server's own.
    """
    return any(_says_the_same(connection, files) for _ in range(_TRIES))  # a checkpoint may come


def _says_the_same(connection: Connection, files: Files) -> bool:
    try:
        with connection.transaction():
            said = one(connection, _SERVER_SAYS)
    except psycopg.errors.InsufficientPrivilege:
        return False
    try:
        control = files.read("global/pg_control", 0, _CONTROL.size)
        lines = files.read("postmaster.pid", 0, 4096).decode("utf-8", "replace").splitlines()
    except CouldNotTell:
        return False
    if len(control) < _CONTROL.size or len(lines) < 4 or not lines[2].isdigit():
        return False
    identifier, checkpoint = _CONTROL.unpack(control)
    # The server reads its clock a moment before it writes the line.
    started = abs(int(lines[2]) - int(said[2])) <= _CLOCK_S
    return str(identifier) == said[0] and checkpoint == said[1] and started


def files_of(connection: Connection, directory: str = "") -> Files:
    """Return the best way to the server's files. Raises CouldNotTell, reason and hint in it."""
    if (found := host_files(connection, directory)) is not None:
        return found
    if one(connection, _RIGHTS)[0]:
        return ServerFiles(connection)
    raise CouldNotTell("the server's files are not to be read", reason=NOT_READABLE, hint=NEEDS)


def _unreadable(error: OSError) -> CouldNotTell:
    denied = isinstance(error, PermissionError)
    code = NOT_READABLE if denied else "server-file-unreadable"
    return CouldNotTell(f"a file of the server's cannot be read (errno {error.errno})", reason=code)

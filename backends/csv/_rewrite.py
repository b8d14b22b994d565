"""Taking records out of a delimited file.

The successor is written beside the file, then the two exchange their names in one step, then
the old file is destroyed as any other::

    original   .shredder-ID.new   on the next attempt
    old        none               starts from the beginning
    old        part of the new    removes that, and starts from the beginning
    old        the new, synced    likewise
    ── exchange of the names, fsync of the folder ──────────────────────────────
    new        old                known by its inode: goes on with destroying it
    ── as in backends.fsops.condemn ────────────────────────────────────────────
    new        none               nothing of the dataset in it: already absent

Whatever happens, the original name leads to a file with every foreign record at all times.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from itertools import pairwise
from typing import BinaryIO, Protocol

from backends.content import Block, Reading, Sink
from backends.contract import Destruction, Digest, Matcher, RecordClass, Result, Step
from backends.csv import _gzip
from backends.csv._guard import Guard
from backends.delimited import Format
from backends.files.claims import destroyed
from backends.files.reader import Task
from backends.fsops import attributes, linux
from backends.fsops import condemn as steps
from backends.fsops.condemn import Left, Opened
from backends.fsops.identity import Version
from backends.fsops.reasons import reason_for

_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_RECORD = bytes([RecordClass.RECORD])


class Passes(Protocol):
    """What rewriting needs of the reader."""

    def detect(self, file: BinaryIO) -> Format | None:
        """Return the format of a file."""

    def pass_over(
        self,
        file: BinaryIO,
        matcher: Matcher,
        form: Format,
        sink: Sink,
        *,
        promoted: bool = False,
    ) -> Reading:
        """Read a file in a known format."""

    def obstacle(self, file: BinaryIO, reading: Reading, form: Format) -> str:
        """Return the code of what stands against parting a file."""


class Kept:
    """Collects what is not a record: counted, digested, and handed on if there is a taker."""

    def __init__(self, digest: Digest, take: Callable[[bytes], None] | None = None) -> None:
        self._digest = digest
        self._take = take
        self.windows = 0
        self.size = 0

    def sink(self, block: Block, classes: bytes) -> None:
        """Take a block apart."""
        pieces = block.data
        if _RECORD in classes:
            pieces = b"".join(
                block.data[start:end]
                for (start, end), kind in zip(pairwise([0, *block.ends]), classes, strict=True)
                if kind != RecordClass.RECORD
            )
        self.windows += len(classes) - classes.count(_RECORD)
        self.size += len(pieces)
        self._digest.update(pieces)
        if self._take:
            self._take(pieces)

    def summary(self) -> tuple[int, int, str]:
        """Return the number of windows, of bytes (as UTF-8, if wide), and their digest."""
        return self.windows, self.size, self._digest.hexdigest()


def rewrite(task: Task, reader: Passes) -> Destruction:
    """Carry out an order. Raises Left, CutShort, OSError."""
    folder, names, version = task.folder, task.names, task.version
    at = steps.condemned_name(folder, names, version)
    named = linux.stat_of(names.original, folder)
    if at and named and version.same_inode(named):
        # _replace_by_link() got no further than to its link: the file still has its own name.
        os.unlink(at, dir_fd=folder)
        os.fsync(folder)
        at = None
    if at:
        opened = steps.open_condemned(folder, at, version)
        try:
            os.fsync(folder)  # the exchange was made, but was it durable?
            return _destroy_old(task, opened, at, {})
        finally:
            os.close(opened.fd)
    _remove_stale(task)
    try:
        opened = steps.open_planned(folder, names.original, version, task.digest_of, alone=True)
    except Left as left:
        if left.result is Result.CHANGED and _is_done(task, reader):
            raise Left(Result.ALREADY_ABSENT) from None
        raise
    try:
        if os.fstat(opened.fd).st_nlink > 1:
            raise Left(Result.FAILED, "hard-linked")
        return _replace(task, opened, reader)
    finally:
        os.close(opened.fd)


def _remove_stale(task: Task) -> None:
    """Remove an unfinished successor of an earlier attempt: it holds foreign records only."""
    status = linux.stat_of(task.names.fresh, task.folder)
    if status is not None:
        os.unlink(task.names.fresh, dir_fd=task.folder)
        os.fsync(task.folder)


def _is_done(task: Task, reader: Passes) -> bool:
    """Whether the file that has the name now is free of the dataset: a successor, most likely."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    fd = os.open(task.names.original, flags, dir_fd=task.folder)
    try:
        status = os.fstat(fd)
        if task.version.same_inode(status):
            return False  # the planned file itself, altered
        with open(fd, "rb", buffering=0, closefd=False) as file:
            form = reader.detect(file)
            if form is None:
                return False
            reading = reader.pass_over(file, task.matcher, form, _ignore)
        return not (reading.reason or reading.evidence.matched)
    finally:
        os.close(fd)


def _ignore(block: Block, classes: bytes) -> None:
    del block, classes


def _replace(task: Task, opened: Opened, reader: Passes) -> Destruction:
    folder, names = task.folder, task.names
    status = os.fstat(opened.fd)
    state = Version.of(status)
    try:
        removed = _write(task, opened.fd, status, reader)
        _require_alone(opened, state)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(names.fresh, dir_fd=folder)
        raise
    at = _exchange(task)
    os.fsync(folder)
    try:
        _require_alone(opened, state, renamed=True)
    except Left:
        _take_back(task, at)
        raise
    return _destroy_old(task, opened, at, {"records-removed": removed})


def _write(task: Task, old: int, status: os.stat_result, reader: Passes) -> int:
    """Write the successor and make it durable; return how many windows were left out.

    Raises Left if it is not exactly right.
    """
    with open(old, "rb", buffering=0, closefd=False) as file:
        form = reader.detect(file)
        if form is None:
            raise Left(Result.FAILED, "not-delimited")
        head = _gzip.header(file) if form.gzip else b""
        if head is None:
            raise Left(Result.FAILED, "gzip-extra-field")
        fd = os.open(task.names.fresh, _CREATE, 0o600, dir_fd=task.folder)
        try:
            removed = _fill(task, reader, file, form, head, fd)
            attributes.carry_over(old, status, fd)
            attributes.carry_times(status, fd)
            os.fsync(fd)
        finally:
            os.close(fd)
    return removed


def _fill(task: Task, reader: Passes, file: BinaryIO, form: Format, head: bytes, fd: int) -> int:
    with open(fd, "r+b", buffering=1 << 20, closefd=False) as new:
        packer = _gzip.Writer(new, head) if form.gzip else None
        take = packer.write if packer else new.write
        take(form.bom)

        def encoded(data: bytes) -> None:
            take(data.decode().encode(form.encoding) if form.encoding else data)

        kept, guard = Kept(task.matcher.digest(), encoded), Guard(form)

        def sink(block: Block, classes: bytes) -> None:
            task.tell(Step("rewriting", file.tell(), task.version.size, size=True))
            guard.watch(block, classes)
            kept.sink(block, classes)

        # The file is, by its digest, what the plan saw: so what counted then counts now.
        promoted = bool(task.order.holding.details.get("promoted"))
        reading = reader.pass_over(file, task.matcher, form, sink, promoted=promoted)
        if reading.digest != task.version.digest:
            raise Left(Result.CHANGED, "content-changed")
        if problem := guard.problem or reader.obstacle(file, reading, form):
            raise Left(Result.FAILED, problem)
        if packer:
            packer.finish()
        new.flush()
        os.fsync(fd)
        # What is checked is what the file system gives back, not what was handed to it.
        task.tell(Step("reading-back"))
        again = Kept(task.matcher.digest())
        second = reader.pass_over(new, task.matcher, form, again.sink, promoted=promoted)
    if second.evidence.matched or second.reason or again.summary() != kept.summary():
        raise Left(Result.FAILED, "successor-differs")
    return reading.evidence.matched


def _require_alone(opened: Opened, state: Version, *, renamed: bool = False) -> None:
    """Raise Left if anybody has written to the file since it was read, or waits to."""
    status = os.fstat(opened.fd)
    now = Version.of(status)
    if (now.size, now.mtime) != (state.size, state.mtime) or (
        not renamed and now.ctime != state.ctime
    ):
        raise Left(Result.CHANGED, "content-changed")
    if not opened.codes and not linux.keeps_lease(opened.fd):
        raise Left(Result.FAILED, "in-use")


def _exchange(task: Task) -> bytes:
    """Give the successor the name, and return the one that the old file has now."""
    folder, names, version = task.folder, task.names, task.version
    try:
        linux.exchange(names.fresh, names.original, folder)
    except linux.ExchangeUnsupported:
        return _replace_by_link(task)
    except OSError as error:
        os.unlink(names.fresh, dir_fd=folder)
        raise Left(Result.FAILED, reason_for(error)) from None
    status = linux.stat_of(names.fresh, folder)
    if status is None or not version.same_inode(status):
        # Somebody had put another file under the name: it gets it back.
        _take_back(task, names.fresh)
        raise Left(Result.CHANGED, "another-file")
    return names.fresh


def _replace_by_link(task: Task) -> bytes:
    """The same in two steps, for file systems that cannot exchange names.

    A crash between them leaves the old file under both names: that starts from the beginning.
    A file that somebody puts under the name between the look and the renaming is lost; only
    programs that replace files without locking can do that, in that instant.
    """
    folder, names = task.folder, task.names
    os.link(
        names.original, names.condemned, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False
    )
    status = linux.stat_of(names.original, folder)
    if status is None or not task.version.same_inode(status):
        os.unlink(names.condemned, dir_fd=folder)
        os.unlink(names.fresh, dir_fd=folder)
        raise Left(Result.CHANGED, "another-file")
    os.rename(names.fresh, names.original, src_dir_fd=folder, dst_dir_fd=folder)
    return names.condemned


def _take_back(task: Task, at: bytes) -> None:
    """Give the file that has the name `at` its name back, and remove the successor."""
    folder, names = task.folder, task.names
    if at == names.condemned:
        os.rename(at, names.original, src_dir_fd=folder, dst_dir_fd=folder)
    else:
        linux.exchange(at, names.original, folder)
        os.unlink(at, dir_fd=folder)
    os.fsync(folder)


def _destroy_old(task: Task, opened: Opened, at: bytes, numbers: dict[str, int]) -> Destruction:
    done = steps.finish(task.folder, at, opened.fd, task.names, task.version, task.tell)
    return destroyed(task, opened, done, numbers)

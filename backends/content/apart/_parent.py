"""The side that has the document: starts reading processes, answers them, bounds them."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import BinaryIO, cast

from backends.content._bounds import Bounds, Stop
from backends.content._opener import Beside, Member, Opaque, Part, Raw, Rows
from backends.content._source import CHUNK, Source
from backends.content.apart import _found
from backends.content.apart._found import Block, Found, Inner, Loose, Names, Unread

_ROOM = 4  # times the memory that a document may be held in: it, its values, their text
_IDLE = 4  # processes that wait for a next document
_DOCUMENTS = 500  # that a process reads: libraries leak, above all at what is damaged
_OVER = 16  # times that all of a document may be asked for
_FREE = 64 << 20  # bytes asked for, that are not counted


def read_apart(
    reader: str, file: BinaryIO, bounds: Bounds, settings: Mapping[str, int] | None = None
) -> Iterator[Part]:
    """Yield what a reader finds in a document. Raises Stop where it could not read on.

    `settings` are what the reader must know beside the document. The reason is ``reader-lost``
    where the process was: the library crashed, or took more time or memory than there is for it.
    """
    yield from as_parts(_read(reader, file, bounds, settings or {}), bounds)


def as_parts(all_found: Iterator[Found], bounds: Bounds) -> Iterator[Part]:
    """Yield what was found as the parts of a container."""
    events = _Events(all_found)
    while (found := events.peek()) is not None:
        if isinstance(found, Block):
            yield Rows(events.blocks(Block))
            events.skip(Block, bounds)
        elif isinstance(found, Names):
            yield Beside(events.blocks(Names))
            events.skip(Names, bounds)
        elif isinstance(found, Inner):
            pieces = events.pieces()
            yield Member(Source(pieces))
            for piece in pieces:
                bounds.unpacked(len(piece))
        else:
            events.take()
            yield _part(found)


def _part(found: Loose | Unread) -> Part:
    if isinstance(found, Unread):
        return Opaque(found.reason)
    return Raw(iter((found.data,)), freed=found.freed)


class _Process(subprocess.Popen[bytes]):
    """A reading process."""

    documents = 0


class _Events:
    """What was found, with a look at what comes next."""

    def __init__(self, found: Iterator[Found]) -> None:
        self._found = found
        self._next: Found | None = None

    def peek(self) -> Found | None:
        if self._next is None:
            self._next = next(self._found, None)
        return self._next

    def take(self) -> None:
        self._next = None

    def blocks(self, kind: type[Block | Names]) -> Iterator[tuple[bytes, list[int]]]:
        """Yield those that follow one another."""
        while isinstance(found := self.peek(), kind):
            self.take()
            yield found.data, list(found.ends)

    def pieces(self) -> Iterator[bytes]:
        """Yield those of a document."""
        while isinstance(found := self.peek(), Inner):
            self.take()
            yield found.data
            if not found.more:
                return

    def skip(self, kind: type[Block | Names], bounds: Bounds) -> None:
        """Leave out what nobody asked for. Raises Stop: of that, too, there is an end."""
        for data, _ in self.blocks(kind):
            bounds.unpacked(len(data))


def _read(
    reader: str, file: BinaryIO, bounds: Bounds, settings: Mapping[str, int]
) -> Iterator[Found]:
    size = file.seek(0, os.SEEK_END)
    memory = _ROOM * bounds.limits.memory
    request = {"reader": reader, "size": size, "memory": memory, "settings": dict(settings)}
    process = _idle.take()
    left = _OVER * size + _FREE
    whole = False
    try:
        _say(process, b"R", json.dumps(request).encode())
        while True:
            message = _found.receive(cast("BinaryIO", process.stdout), bounds.limits.memory)
            if message is None:
                raise Stop("reader-lost")
            mark, payload = message
            if mark == _found.WANTED:
                offset, wanted = struct.unpack("<QQ", payload)
                left -= wanted
                if left < 0:
                    raise Stop("bomb-limit")
                _say(process, b"D", _bytes(file, offset, wanted))
            elif mark == _found.END:
                reason = payload.decode()
                whole = reason != "bomb-limit"  # what is left of its memory nobody knows
                if reason:
                    raise Stop(reason)
                return
            elif (found := _found.unpack(mark, payload)) is not None:
                yield found
            else:
                raise Stop("reader-lost")
    finally:
        if whole:
            _idle.give_back(process)
        else:
            _end(process)


def _say(process: _Process, mark: bytes, payload: bytes) -> None:
    try:
        _found.send(cast("BinaryIO", process.stdin), mark, payload)
    except BrokenPipeError:
        raise Stop("reader-lost") from None


def _bytes(file: BinaryIO, offset: int, size: int) -> bytes:
    """Return what lies at an offset; less than `size` at the end only."""
    file.seek(offset)
    pieces = []
    while size:
        piece = file.read(min(size, CHUNK))
        if not piece:
            break
        size -= len(piece)
        pieces.append(piece)
    return b"".join(pieces)


def _end(process: _Process) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(BrokenPipeError):
            cast("BinaryIO", pipe).close()
    process.wait()


class _Idle:
    """Processes that have read a document and may read others: to start one takes half a second.

    A process that was forked from this one starts its own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[_Process] = []
        os.register_at_fork(after_in_child=self._forget)
        atexit.register(self._end_all)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._waiting = []

    def take(self) -> _Process:
        with self._lock:
            while self._waiting:
                process = self._waiting.pop()
                if process.poll() is None:
                    return process
                _end(process)
        return _Process(
            [sys.executable, "-P", "-m", "backends.content.apart"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # libraries tell what they have seen
            env={**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1"},
        )

    def give_back(self, process: _Process) -> None:
        with self._lock:
            process.documents += 1
            if len(self._waiting) < _IDLE and process.documents < _DOCUMENTS:
                self._waiting.append(process)
                return
        _end(process)

    def _end_all(self) -> None:
        while self._waiting:
            _end(self._waiting.pop())


_idle = _Idle()

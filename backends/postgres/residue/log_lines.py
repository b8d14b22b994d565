"""Lines of the server's log: those that hold a record, and what is put in their place.

A line keeps its length, its punctuation and what the server says of itself at its head (time, role,
severity), so that it can still be read as what it is: stderr's lines, csvlog's rows, jsonlog's
objects. Of the rest, letters become ``x`` and digits ``1``.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from struct import Struct
from typing import BinaryIO, Final, cast

import numpy as np

from backends.contract import Matcher, RecordClass, Scan
from backends.errors import CouldNotTell

_PIECE = 256 << 10  # bytes that are looked through at once; more where a line is longer
_LONGEST = 16 << 20  # of a line
_MASK: Final = bytes(
    ord("1") if chr(byte).isdigit() and byte < 128
    else ord("x") if byte >= 128 or chr(byte).isalpha()
    else byte
    for byte in range(256)
)  # fmt: skip
_MASKS = np.frombuffer(_MASK, np.uint8)
# What begins a line, by the end of the file's name; else a prefix, the severity, and two spaces.
# A line that goes on with what was said before has no head: it is told by its tab, or, of a row, by
# no time at its beginning.
_HEADS = {
    "csv": re.compile(rb'[0-9-]{10} [0-9:.]{12} [^",]+,(?:(?:"(?:[^"]++|"")*+"|[^",]*),){12}'),
    "json": re.compile(rb'\{.{0,2000}?"message":'),
}
_HEAD = re.compile(rb"(?!\t).{0,500}?:  ")
_ESCAPED = re.compile(rb"\\u[0-9A-Fa-f]{4}|\\.|[^\\]+", re.DOTALL)

_SPILL = 1 << 22  # bytes of what is masked that are kept in memory
_AT_ONCE = 1 << 20  # bytes that stay, and are one part
_PART = Struct("<QQ?")

Read = Callable[[int, int], bytes]  # at an offset, so many bytes; fewer at the end
Part = tuple[int, int, bytes | None]  # offset, length, what replaces it; None: nothing does


class Masking:
    """Masks the lines of one file that hold a record."""

    def __init__(self, name: str, matcher: Matcher, *, promoted: bool) -> None:
        """`promoted`: see :meth:`backends.contract.Matcher.scan`."""
        self._scan: Scan = matcher.scan(promoted=promoted)
        self._form = name.rpartition(".")[2]
        self.lines = 0

    def parts(self, at: int, piece: bytes) -> Iterator[Part]:
        """Yield whole lines, which begin at an offset, in parts."""
        ends = _ends(piece)
        kept = start = 0
        for end, kind in zip(ends, self._scan.feed(piece, ends), strict=True):
            if kind == RecordClass.RECORD:
                if kept < start:
                    yield at + kept, start - kept, None
                yield at + start, end - start, self._masked(piece[start:end])
                self.lines += 1
                kept = end
            start = end
        if kept < start:
            yield at + kept, start - kept, None

    def _masked(self, line: bytes) -> bytes:
        found = _HEADS.get(self._form, _HEAD).match(line)
        head = found[0] if found else b""
        (kind,) = self._scan.feed(head, [len(head)]) if head else (RecordClass.BLANK,)
        if kind not in {RecordClass.BLANK, RecordClass.FOREIGN}:
            head = b""
        rest = line[len(head) :]
        if self._form != "json":
            return head + rest.translate(_MASK)
        return head + b"".join(
            part if part.startswith(b"\\") else part.translate(_MASK)
            for part in _ESCAPED.findall(rest)
        )


class Parts:
    """The parts of a file in order, those that stay joined; beyond some memory they lie on disk."""

    def __init__(self) -> None:
        self._file = cast("BinaryIO", tempfile.SpooledTemporaryFile(_SPILL))  # noqa: SIM115
        self._stays = 0, 0

    def noted(self, parts: Iterable[Part]) -> Iterator[Part]:
        """Yield parts, and keep them."""
        for offset, length, instead in parts:
            begin, size = self._stays
            if instead is None and size and size + length <= _AT_ONCE:
                self._stays = begin, size + length
            elif instead is None:
                self._put(self._stays, None)
                self._stays = offset, length
            else:
                self._put(self._stays, None)
                self._stays = 0, 0
                self._put((offset, length), instead)
            yield offset, length, instead

    def _put(self, where: tuple[int, int], instead: bytes | None) -> None:
        if where[1]:
            self._file.write(_PART.pack(*where, instead is not None) + (instead or b""))

    def __iter__(self) -> Iterator[Part]:
        """Yield what was kept."""
        self._put(self._stays, None)
        self._stays = 0, 0
        self._file.seek(0)
        while head := self._file.read(_PART.size):
            offset, length, masked = _PART.unpack(head)
            yield offset, length, self._file.read(length) if masked else None

    def batches(self, size: int) -> Iterator[list[Part]]:
        """Yield what was kept, in lists of so many bytes, or of a part's more."""
        batch: list[Part] = []
        filled = 0
        for part in self:
            batch.append(part)
            filled += part[1]
            if filled >= size:
                yield batch
                batch, filled = [], 0
        if batch:
            yield batch

    def close(self) -> None:
        """Free what it holds."""
        self._file.close()


def pieces(read: Read) -> Iterator[tuple[int, bytes]]:
    """Yield offsets and whole lines from there on; the last line may have no end.

    Raises CouldNotTell for a line that is too long.
    """
    at, size = 0, _PIECE
    while data := read(at, size):
        end = data.rfind(b"\n") + 1
        if not end and len(data) == size:
            if size >= _LONGEST:
                raise CouldNotTell("a file of the log is not of lines", reason="log-not-of-lines")
            size *= 2
            continue
        end = end or len(data)
        yield at, data[:end]
        at, size = at + end, _PIECE


def comes_from(masked: bytes, stands: bytes) -> bool:
    """Whether some bytes are masked ones of a file that has these in their place.

    Zeros stand where a file system has lost what was written.
    """
    if masked == stands:
        return True
    if len(masked) != len(stands):
        return False
    here, there = np.frombuffer(masked, np.uint8), np.frombuffer(stands, np.uint8)
    return bool(np.all((here == there) | (here == _MASKS[there]) | (there == 0)))


def _ends(piece: bytes) -> list[int]:
    ends = (np.flatnonzero(np.frombuffer(piece, np.uint8) == ord("\n")) + 1).tolist()
    if not ends or ends[-1] < len(piece):
        ends.append(len(piece))
    return ends

"""Sorting more rows than memory should hold.

Rows are gathered, sorted and spilled as runs into one file that has no name: it goes when it is
closed, and with the process however that ends. It holds keyed hashes and numbers, never a value.
Runs are merged by ranges of the key, which is a hash, so that ranges are about equally full.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from shredder.fingerprint.siphash import Hashes

Rows = npt.NDArray[Any]

RUN = 1 << 25  # bytes of rows that are gathered before they are spilled
_RANGE_BITS = 12
_EDGES = np.arange(1, 1 << _RANGE_BITS, dtype=np.uint64) << np.uint64(64 - _RANGE_BITS)


class Scratch:
    """A folder for unnamed files, which all go with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[BinaryIO] = []

    def file(self) -> BinaryIO:
        """Open a file for writing and reading."""
        made = cast("BinaryIO", tempfile.TemporaryFile(dir=self._folder, buffering=0))  # noqa: SIM115
        self._files.append(made)
        return made

    def close(self) -> None:
        """Let go of every file."""
        for file in self._files:
            file.close()


class Sorter:
    """Takes rows in any order, and gives them back sorted by their first field, a hash.

    Rows of equal hash come in the order in which they were added, unless they have a field
    ``record``: then in the order of that.
    """

    def __init__(self, scratch: Scratch, kind: np.dtype[Any], run: int = RUN) -> None:
        self._scratch = scratch
        self._kind = kind
        self._key = (kind.names or ("",))[0]
        self._most = max(1, run // kind.itemsize)
        self._run = run
        self._held: list[Rows] = []
        self._size = 0
        self._file: BinaryIO | None = None
        self._runs: list[npt.NDArray[np.int64]] = []  # where each range starts in the file, rows
        self.count = 0

    def add(self, rows: Rows) -> None:
        """Take in rows."""
        if rows.size:
            self._held.append(rows)
            self._size += rows.size
            self.count += rows.size
        if self._size >= self._most:
            self._spill()

    def _spill(self) -> None:
        rows = self._sorted(self._held)
        self._held, self._size = [], 0
        if self._file is None:
            self._file = self._scratch.file()
        start = self._file.seek(0, 2) // self._kind.itemsize
        inner = np.searchsorted(rows[self._key], _EDGES)
        self._runs.append(np.concatenate(([0], inner, [rows.size])) + start)
        _write(self._file, rows)

    def _sorted(self, pieces: list[Rows]) -> Rows:
        rows = np.concatenate(pieces) if pieces else np.empty(0, self._kind)
        if "record" in (self._kind.names or ()):
            order = np.lexsort((rows["record"], rows[self._key]))
        else:
            order = np.argsort(rows[self._key], kind="stable")
        return np.asarray(rows[order])

    def blocks(self) -> Iterator[Rows]:
        """Yield all rows in order; no two blocks share a hash. May be called again."""
        if self._file is None:
            if self._size:
                self._held = [self._sorted(self._held)]
                yield self._held[0].copy()
            return
        if self._size:
            self._spill()
        first = 0
        while first < 1 << _RANGE_BITS:
            last, size = first, 0
            while last < 1 << _RANGE_BITS and (last == first or size < self._run):
                size += sum(int(run[last + 1] - run[last]) for run in self._runs) * (
                    self._kind.itemsize
                )
                last += 1
            pieces = [self._read(int(run[first]), int(run[last])) for run in self._runs]
            rows = self._sorted(pieces)
            if rows.size:
                yield rows
            first = last

    def _read(self, start: int, end: int) -> Rows:
        assert self._file is not None
        rows = np.empty(end - start, self._kind)
        self._file.seek(start * self._kind.itemsize)
        _fill(self._file, rows)
        return rows


class Column:
    """One long array on disk, written at its end, read from its beginning, in pieces."""

    def __init__(self, scratch: Scratch, kind: str) -> None:
        self.kind = np.dtype(kind)
        self.count = 0
        self._file = scratch.file()

    def add(self, values: npt.NDArray[Any]) -> None:
        """Append values."""
        values = np.ascontiguousarray(values, self.kind)
        _write(self._file, values)
        self.count += values.size

    def pieces(self, size: int = RUN) -> Iterator[npt.NDArray[Any]]:
        """Yield all of it, `size` bytes at a time."""
        self._file.seek(0)
        step = max(1, size // self.kind.itemsize)
        for at in range(0, self.count, step):
            values = np.empty(min(step, self.count - at), self.kind)
            _fill(self._file, values)
            yield values


def _write(file: BinaryIO, rows: Rows) -> None:
    left = np.ascontiguousarray(rows).view(np.uint8).reshape(-1).data
    while left:
        left = left[file.write(left) :]


def _fill(file: BinaryIO, rows: Rows) -> None:
    left = rows.view(np.uint8).reshape(-1).data
    while left:
        count = file.readinto(left)  # type: ignore[attr-defined]
        if not count:
            raise OSError("a scratch file is shorter than what was written to it")
        left = left[count:]


def runs_of(hashes: Hashes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return where each run of equal hashes starts, and its size."""
    new = np.ones(hashes.size, np.bool_)
    new[1:] = hashes[1:] != hashes[:-1]
    starts = np.flatnonzero(new)
    return starts, np.diff(starts, append=hashes.size)

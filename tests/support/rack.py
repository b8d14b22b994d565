"""A store of as many units as wanted, none of which is in memory or on the disk.

A file has a byte for each unit: 1 as long as it is there. What is in unit n is line n of the
store's lines, which are gone through again and again. So a store of a million costs a megabyte,
outlives the process that destroys it, and whatever grows while it is worked on is not its own.

Where it is told of `sealed` bytes, one of these is in each unit in the place of a line, and the store
removes nothing: what it holds ends with its key.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, ClassVar

from backends.contract import (
    Context,
    Destruction,
    Examination,
    Matcher,
    Order,
    Scope,
    Setting,
    SourceRows,
    SourceSpec,
    Technique,
    Unit,
)
from backends.whole import Entry, WholeStore

SCOPE = "projects/of-some-years-ago"
_PAGE = 256  # units listed at a time


def fill(path: Path, units: int) -> None:
    """Make a rack of so many units."""
    path.write_bytes(b"\1" * units)


def left(path: Path) -> int:
    """How many units are there."""
    return path.read_bytes().count(1)


def bind(path: Path, sealed: Iterable[bytes]) -> None:
    """Write the file of what is sealed: each behind its length in four bytes."""
    path.write_bytes(b"".join(len(each).to_bytes(4, "big") + each for each in sealed))


def _bound(path: Path) -> Iterator[bytes]:
    stream = io.BytesIO(path.read_bytes())
    while size := stream.read(4):
        yield stream.read(int.from_bytes(size, "big"))


def _number(name: str) -> int:
    """Which unit it is. By no Path: each of those leaves its name in the interpreter's memory."""
    return int(name[-13:-4])


@dataclass(frozen=True)
class Source:
    """The lines as a source's records."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    locator: str = ""

    def __iter__(self) -> Iterator[tuple[str | None, ...]]:
        return iter(self.rows)


class RackStore(WholeStore):
    kind = "record-file"
    technique = Technique.FORGET
    blind_spots = ("freed-memory",)
    batch: ClassVar[int] = 500

    def __init__(
        self, name: str, path: Path, lines: Sequence[bytes], sealed: Sequence[bytes] = ()
    ) -> None:
        """The first line is a header, and stands in no unit."""
        super().__init__(name, f"rack:{name}")
        self._header, *self._lines = lines
        self._sealed = sealed
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def scopes(self) -> Sequence[Scope]:
        return [Scope(SCOPE)]

    def entries(self, scope: str, after: str) -> Iterator[Entry]:
        first = _number(after) + 1 if after else 0
        while page := os.pread(self._file, _PAGE, first):
            for number, there in enumerate(page, start=first):
                if there:
                    yield Entry(f"{scope}/{number:09}.csv", "1", len(self._content(number)))
            first += len(page)

    def examine(self, unit: Unit, matcher: Matcher) -> Examination:
        seen = super().examine(unit, matcher)
        if not self._sealed:
            return seen
        opened = "sealed" in [code for each in seen.holdings for code in each.limitations]
        holdings = (replace(each, sealed=opened, whole=None) for each in seen.holdings)
        return replace(seen, holdings=tuple(holdings))

    def read(self, name: str) -> tuple[str, BinaryIO] | None:
        number = _number(name)
        there = os.pread(self._file, 1, number) == b"\1"
        return ("1", io.BytesIO(self._content(number))) if there else None

    def remove(self, name: str, version: str) -> bool:
        os.pwrite(self._file, b"\0", _number(name))
        return True

    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        done = super().destroy(orders, matcher)
        os.fdatasync(self._file)
        return done

    def source(self, spec: SourceSpec) -> SourceRows:
        columns, *rows = csv.reader(line.decode() for line in (self._header, *self._lines))
        return Source(tuple(columns), tuple(map(tuple, rows)))

    def close(self) -> None:
        os.close(self._file)

    def _content(self, number: int) -> bytes:
        contents = self._sealed or self._lines
        return contents[number % len(contents)]


class RackBackend:
    """``units`` is the file with a byte for each; ``lines``, ``sealed``: those of what is in them."""

    settings: ClassVar[Mapping[str, Setting]] = {
        "units": Setting.TEXT,
        "lines": Setting.TEXT,
        "sealed": Setting.TEXT,
    }
    required = frozenset({"units", "lines"})

    def open(self, name: str, settings: Mapping[str, object], context: Context) -> RackStore:
        lines = (context.base / str(settings["lines"])).read_bytes().splitlines(keepends=True)
        path = settings.get("sealed")
        sealed = tuple(_bound(context.base / str(path))) if path else ()
        return RackStore(name, context.base / str(settings["units"]), lines, sealed)


BACKEND = RackBackend()

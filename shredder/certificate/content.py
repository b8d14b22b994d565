"""What a certificate holds, apart from how it looks: banner, sections, and blocks in them.

Both renderers read this and nothing else, so that HTML and PDF cannot say different things.
Every text goes through :class:`Inline`, which leaves nothing in it that steers, hides or reorders.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from attestations import Tally
from attestations.text import format_time, shown

_LONGEST = 20_000  # characters: above any text of a statement, so that nothing is cut


class Kind(StrEnum):
    """What a piece of text is."""

    PLAIN = "plain"
    NAME = "name"  # of the operator's choice: kept apart from the text around it
    MONO = "mono"  # a code, a digest, a command
    STRONG = "strong"
    BREAK = "break"


@dataclass(frozen=True, slots=True)
class Inline:
    """A piece of text, safe to show by construction."""

    text: str
    kind: Kind = Kind.PLAIN

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", shown(self.text, _LONGEST))


Cell: TypeAlias = tuple[Inline, ...]

BREAK = Inline("", Kind.BREAK)


def plain(text: object) -> Inline:
    """Words of ours, or a number."""
    return Inline(f"{text:,}" if isinstance(text, int) else str(text))


def name(text: str) -> Inline:
    """A text that the operator chose."""
    return Inline(text, Kind.NAME)


def mono(text: str) -> Inline:
    """A code, a digest or a command."""
    return Inline(text, Kind.MONO)


def strong(text: str) -> Inline:
    """Words that weigh more."""
    return Inline(text, Kind.STRONG)


def moment(time: datetime | None, never: str = "not stated") -> Inline:
    """A time to the second, rounded down; the statement has the rest."""
    if time is None:
        return Inline(never)
    return Inline(format_time(time.replace(microsecond=0)).replace("T", " ").replace("Z", " UTC"))


def figures(title: str) -> Column:
    """A column of numbers."""
    return Column(title, 0, number=True)


def cell(*parts: Inline | str | int) -> Cell:
    """One cell of pieces, words or numbers."""
    return tuple(part if isinstance(part, Inline) else plain(part) for part in parts)


def counted(count: int, one: str) -> str:
    """``1 scope``, ``2 scopes``."""
    return f"{count:,} {one if count == 1 else one + 's'}"


def lines(*of: Cell) -> Cell:
    """One cell of several lines."""
    joined: list[Inline] = []
    for line in of:
        joined += [BREAK, *line] if joined else line
    return tuple(joined)


def listed(parts: Iterable[Inline]) -> Cell:
    """Pieces with commas between."""
    joined: list[Inline | str] = []
    for part in parts:
        joined += [", ", part] if joined else [part]
    return cell(*joined)


def tallies(of: Sequence[Tally]) -> Cell:
    """Codes with their counts, one a line."""
    return lines(*(cell(mono(each.code), " ", each.count) for each in of)) or cell("-")


def codes(of: Sequence[str]) -> Cell:
    """Codes, one a line."""
    return lines(*(cell(mono(code)) for code in of)) or cell("-")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    text: Cell


@dataclass(frozen=True, slots=True)
class Facts:
    """Questions and their answers."""

    rows: tuple[tuple[str, Cell], ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A table's column; `share` is of the width that is left, 0 for what its words need."""

    title: str
    share: int = 2
    number: bool = False  # to the right


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of a table under one heading; the first cell of a row is its header."""

    rows: tuple[tuple[Cell, ...], ...]
    title: Cell = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a caption; every row has a cell for each column."""

    caption: str
    columns: tuple[Column, ...]
    groups: tuple[Group, ...]
    total: tuple[Cell, ...] = ()

    def __post_init__(self) -> None:
        rows = [row for group in self.groups for row in group.rows]
        for row in (*rows, *((self.total,) if self.total else ())):
            if len(row) != len(self.columns):
                raise ValueError(f"a row of {len(row)} cells for {len(self.columns)} columns")


@dataclass(frozen=True, slots=True)
class Commands:
    """What is typed, line by line."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Digest:
    """The bundle's SHA-256: as text, and as a QR code of the same text."""

    text: str
    caption: str


Block: TypeAlias = Paragraph | Facts | Table | Commands | Digest


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what is under it."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Banner:
    """What must be read if nothing else is: the largest words, then sentences."""

    good: bool
    words: tuple[str, ...]
    sentences: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Certificate:
    """The whole. `issued` is the time of the statement that it renders."""

    title: str
    subtitle: Cell
    attestation_id: str
    issued: datetime
    banner: Banner
    sections: tuple[Section, ...]

"""What the operator rules on single holdings: a file to fill in, and to plan with.

CSV, a line a holding, as `shredder plan --undecided FILE` writes it: in the first column stands
the ruling. It counts for the very version of the holding that the line names; what has changed
since is undecided again. Such a file holds locators, so it is private.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path

from backends.contract import Holding
from shredder.errors import UsageError
from shredder.plan.model import Decision, Item

_PLACE = ("store", "locator", "version")
_TOLD = ("verdict", "records", "foreign_records", "reason")
COLUMNS = ("ruling", *_PLACE, *_TOLD)
_MOST = 1 << 20  # characters of a line


class Ruling(StrEnum):
    """What is ruled on one holding."""

    NONE = ""  # not ruled on yet
    DESTROY = "destroy"  # it is the dataset's; foreign records in it are spared, or it waits
    DESTROY_WHOLE = "destroy-whole"  # all of it goes, with whatever else is in it
    DISMISS = "dismiss"  # it is not the dataset's
    RETAIN = "retain"  # it stays, by decision; the outcome is not complete then


Place = tuple[str, str, str]


def place_of(holding: Holding) -> Place:
    """What a ruling names: store, locator and version."""
    return holding.store, holding.locator, holding.version


def undecided(items: Iterable[Item]) -> Iterator[bytes]:
    """The file for the holdings of a plan that wait for a decision, with no ruling yet."""
    yield _line(COLUMNS)
    for item in items:
        if item.decision is Decision.UNDECIDED:
            found = item.holding
            told = (found.verdict.value, found.records, found.foreign_records, item.reason)
            yield _line(("", *place_of(found), *("" if t is None else t for t in told)))


def read_rulings(path: Path) -> Iterator[tuple[Place, Ruling]]:
    """The rulings in a file, those that are none left out. Raises UsageError for a line."""
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            yield from _read(csv.reader(file, strict=True), path)
    except OSError as error:
        raise UsageError(f"the decisions in {path} cannot be read: {error.strerror}") from error
    except csv.Error as error:
        raise UsageError(f"{path} is no CSV: {error}", hint="quote texts with commas") from error


def _read(rows: Iterator[list[str]], path: Path) -> Iterator[tuple[Place, Ruling]]:
    head = next(rows, [])
    if tuple(head[: len(COLUMNS)]) != COLUMNS:
        raise UsageError(
            f"{path} does not begin with the columns of a decision file",
            hint="make one with `shredder plan DATASET --undecided FILE`",
        )
    for number, row in enumerate(rows, start=2):
        if not row:
            continue
        if len(row) < 1 + len(_PLACE):
            raise UsageError(f"{path}, line {number}: columns are missing")
        word = row[0].strip().lower()
        if word not in {ruling.value for ruling in Ruling}:
            known = ", ".join(ruling.value for ruling in Ruling if ruling)
            raise UsageError(f"{path}, line {number}: no ruling is called {word!r}", hint=known)
        if word:
            store, locator, version = row[1 : 1 + len(_PLACE)]
            yield (store, locator, version), Ruling(word)


def _line(cells: Iterable[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode("utf-8", "surrogateescape")

"""The list of what ends with a dataset's key, beside its plan, whose header has the digest.

JSON Lines: a line for each holding, in the form of the plan's own. They come before these in the
inventory, so that its tree and that of the results go on from what the header has of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TypeAlias

from backends.contract import Holding, Known
from shredder import answers
from shredder.errors import Refused
from shredder.plan.codec import parse_item
from shredder.plan.file import read_header, read_items, read_lines
from shredder.plan.keyed import CLEAR
from shredder.plan.model import ByKey, ByKeyGroup, Item

MOST_LIMITATIONS = 64  # that one holding's line, and its group in a statement, can name


@dataclass(slots=True)
class _Sum:
    """What is added up over a group."""

    holdings: int = 0
    records: int = 0
    unknown_records: int = 0
    foreign: int = 0
    unknown_foreign: int = 0
    until: str = ""
    limitations: set[str] = field(default_factory=set)

    def add(self, holding: Holding) -> None:
        self.holdings += 1
        self.records += holding.records or 0
        self.unknown_records += holding.records is None
        self.foreign += holding.foreign_records or 0
        self.unknown_foreign += holding.foreign_records is None
        self.until = max(self.until, holding.retained_until)
        self.limitations.update(holding.limitations)


Alike: TypeAlias = tuple[str, str, bool, str]


def alike(item: Item) -> Alike:
    """What those of one group have in common."""
    holding = item.holding
    return holding.store, holding.kind, item.whole, str(holding.details[CLEAR])


class Sums:
    """Sums up what ends with the key, by store, kind, and what a statement tells apart."""

    def __init__(self) -> None:
        self._groups: dict[Alike, _Sum] = {}

    def add(self, item: Item) -> None:
        """One more line of the list."""
        self._groups.setdefault(alike(item), _Sum()).add(item.holding)

    def groups(self) -> tuple[ByKeyGroup, ...]:
        """All of them, in order."""
        return tuple(_group(each, self._groups[each]) for each in sorted(self._groups))


def _group(of: Alike, total: _Sum) -> ByKeyGroup:
    store, kind, whole, clear = of
    return ByKeyGroup(
        store=store,
        kind=kind,
        whole=whole,
        clear=Known(clear),
        holdings=total.holdings,
        records=total.records,
        unknown_records=total.unknown_records,
        foreign=total.foreign,
        unknown_foreign=total.unknown_foreign,
        retained_until=total.until,
        limitations=answers.codes(total.limitations, MOST_LIMITATIONS),
    )


def list_beside(plan: Path) -> Path:
    """Where the list of a plan lies, whether there is one or not."""
    return plan.with_name(plan.name + ".by-key")


def lies_there(plan: Path, by_key: ByKey | None) -> bool:
    """Whether a plan's list lies beside it, as far as its size tells."""
    try:
        return by_key is None or list_beside(plan).stat().st_size == by_key.size
    except FileNotFoundError:
        return False


def by_key_lines(plan: Path) -> Iterator[bytes]:
    """The lines of a plan's list, with their line ends; none if it has none.

    Raises Refused where it is not there, or after the last line if it is not the plan's.
    """
    by_key = read_header(plan).by_key
    if by_key is None:
        return
    digest = hashlib.sha256()
    try:
        with list_beside(plan).open("rb") as file:
            for line in file:
                digest.update(line)
                yield line
    except FileNotFoundError:
        raise _not_its() from None
    if f"sha256:{digest.hexdigest()}" != by_key.digest:
        raise _not_its()


def by_key_items(plan: Path) -> Iterator[Item]:
    """The same as items. Raises Refused, also for a line that is damaged."""
    return map(parse_item, by_key_lines(plan))


def inventory_lines(plan: Path) -> Iterator[bytes]:
    """All that was found, in the order of the inventory's leaves. Raises Refused."""
    return chain(by_key_lines(plan), read_lines(plan))


def every_item(plan: Path) -> Iterator[Item]:
    """All that was found, in the order of execution. Raises Refused."""
    return chain(read_items(plan), by_key_items(plan))


def _not_its() -> Refused:
    return Refused(
        "the list of what ends with the key is not the plan's",
        hint="restore the file beside the plan, of its name and `.by-key`, from a copy",
    )

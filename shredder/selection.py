"""Chosen records of a dataset, which go without the rest: a dataset of their own.

They are named by what identifies them, a value of a private column, and recognised by a fingerprint
of their own, taken from the same sources. For its sweeps the dataset's other records are foreign,
as anybody's. The name is the dataset's with a keyed digest of the chosen identifiers behind it: the
same choice is the same selection, and its name shows none of them.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from backends.contract import SourceRows
from shredder.config import DatasetConfig
from shredder.config.names import LONGEST, MARK
from shredder.enrolment import take
from shredder.errors import Refused, UsageError
from shredder.fingerprint import Role
from shredder.keys import fingerprint_key
from shredder.run.work import Work

_LABEL = b"shredder selection v1\0"
_DIGITS = 12  # of the digest


def select(work: Work, dataset: str, names: Collection[str]) -> str:
    """Choose records, and take their fingerprint if that was not done before; returns its name.

    Raises UsageError where one of them is in no source, NotEnrolled where the dataset is not.
    """
    whole = work.dataset(dataset)
    if MARK in dataset:
        raise UsageError(f"{dataset} are chosen records already", hint="choose from the dataset")
    roles = {each.name: each.role for each in work.matcher(dataset).report.columns}
    chosen = sorted(set(names))
    digest = hmac.digest(
        fingerprint_key(work.state, dataset), _LABEL + "\0".join(chosen).encode(), "sha256"
    )
    name = f"{dataset}{MARK}{digest.hex()[:_DIGITS]}"
    if len(name) > LONGEST:
        raise UsageError(
            f"the name of {dataset} is too long for chosen records, by {len(name) - LONGEST}",
            hint="give it a shorter one",
        )
    if work.state.fingerprint_destroyed(name).exists():
        raise Refused(
            f"these records of {dataset} were destroyed, and so was what recognised them",
            hint="to look for them again, enter them into the sources and choose them with another",
        )
    if not work.state.catalogue(name).exists():
        _enrol(work, replace(whole, name=name), roles, chosen)
    if work.state.key_records.exists():
        _note_keys(work, dataset, name, chosen)
    return name


def _note_keys(work: Work, dataset: str, name: str, chosen: Collection[str]) -> None:
    """Note where the records' own keys are, if they have any. Raises KeyStoreError."""
    from shredder.keystores import KeyDestroyed, NoKey  # noqa: PLC0415 - cryptography takes time
    from shredder.sealing.keys import record_keys  # noqa: PLC0415
    from shredder.sealing.places import Places, read_places, write_places  # noqa: PLC0415

    try:
        keys = record_keys(work.config, work.state, dataset)
    except (NoKey, KeyDestroyed):
        return
    if not keys.made:
        return
    file, places = work.state.record_paths(name), Places(keys.dataset_key, keys.paths(chosen))
    try:
        known = replace(read_places(file), last=0)
    except (FileNotFoundError, ValueError):
        known = None  # without the last tree all keys that wait are waited for
    if known != places:
        write_places(file, places)


def _enrol(
    work: Work, selection: DatasetConfig, roles: Mapping[str, Role], chosen: Collection[str]
) -> None:
    seen: set[str] = set()

    def parted(rows: SourceRows) -> SourceRows:
        return _Chosen(rows, roles, frozenset(chosen), seen)

    take(work, selection, roles=roles, parted=parted, found=lambda _: _require_all(chosen, seen))


def _require_all(chosen: Collection[str], seen: Collection[str]) -> None:
    """Raise UsageError where a record was not met: what would recognise it is not known."""
    missing = len(set(chosen).difference(seen))
    if missing:
        raise UsageError(
            f"{missing:,} of {len(chosen):,} chosen records are in no source of the dataset",
            hint="they are named by what stands in a private column, letter by letter",
        )


class _Chosen:
    """The rows of a source that are of chosen records."""

    def __init__(
        self,
        rows: SourceRows,
        roles: Mapping[str, Role],
        chosen: frozenset[str],
        seen: set[str],
    ) -> None:
        self._rows = rows
        self._chosen = chosen
        self._seen = seen
        self._places = [
            place for place, name in enumerate(rows.columns) if roles.get(name) is Role.PRIVATE
        ]

    @property
    def columns(self) -> tuple[str, ...]:
        """The column names."""
        return self._rows.columns

    @property
    def locator(self) -> str:
        """The locator of the unit that is the source."""
        return self._rows.locator

    def __iter__(self) -> Iterator[tuple[str | None, ...]]:
        """Yield the rows in which a private value is one of those that were chosen."""
        for row in self._rows:
            named = {(row[place] or "").strip() for place in self._places} & self._chosen
            if named:
                self._seen |= named
                yield row

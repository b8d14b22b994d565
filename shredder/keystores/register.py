"""The records of keys: a file for each, written before and after each step of a key's life.

A record is replaced whole (``durable.write``), so that a crash leaves the old one or the new one.
None is ever removed: what is left of a destroyed key's is its tombstone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from shredder import clock, durable, values
from shredder.keystores.contract import KeyRecord, KeyState
from shredder.keystores.errors import NoKey, StoreDamaged, told
from shredder.keystores.probe import is_probe
from shredder.values import NotOfItsType

_SUFFIX = ".json"
_RECORDS = "the records of keys"
_ID, _DIGEST = re.compile("[0-9a-f]{32}"), re.compile("[0-9a-f]{64}")


class Register:
    """The records in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def records(self) -> list[KeyRecord]:
        """All of them, oldest first. Raises StoreDamaged if one cannot be read."""
        with told(_RECORDS):
            try:
                names = sorted(path.name for path in self._folder.iterdir())
            except FileNotFoundError:
                return []
            found = [self._read(name) for name in names if name.endswith(_SUFFIX)]
        return sorted(found, key=lambda record: (record.created, record.id))

    def record(self, key: str) -> KeyRecord:
        """One of them. Raises NoKey, StoreDamaged."""
        name = f"{key}{_SUFFIX}"
        with told(_RECORDS), suppress(FileNotFoundError):
            if _ID.fullmatch(key):
                return self._read(name)
        raise NoKey(f"no key {key} is known here", hint="see `shredder key show DATASET`")

    def put(self, record: KeyRecord) -> KeyRecord:
        """Write a record, durably; what a destroyed key's says stays said."""
        with told(_RECORDS):
            durable.make_private_directory(self._folder)
            durable.write(self._folder / f"{record.id}{_SUFFIX}", [values.dumps(record)])
        return record

    def _read(self, name: str) -> KeyRecord:
        try:
            record = values.loads(KeyRecord, (self._folder / name).read_bytes())
        except NotOfItsType:
            record = None
        if record is None or not _in_form(record) or f"{record.id}{_SUFFIX}" != name:
            raise StoreDamaged(
                f"the record {name} of a key is damaged; no key is used or made until it is whole",
                hint="take it from a backup of the state directory: it holds no secret",
            )
        return record


class Registered:
    """A key store that has the records of its keys in a folder."""

    def __init__(self, folder: Path) -> None:
        self._register = Register(folder)

    def records(self) -> Sequence[KeyRecord]:
        """What is known of every key, oldest first."""
        return self._register.records()

    def record(self, key: str) -> KeyRecord:
        """What is known of one key."""
        return self._register.record(key)


def _in_form(record: KeyRecord) -> bool:
    digests = (record.public, record.check)
    whole = bool(_ID.fullmatch(record.id)) and all(map(_DIGEST.fullmatch, digests))
    return whole and is_probe(record.probe)


def newest(records: list[KeyRecord]) -> KeyRecord | None:
    """The record that counts for a dataset: of the key that lives, else of its latest one."""
    living = [record for record in records if record.state is KeyState.LIVE]
    return living[-1] if living else records[-1] if records else None


def moment(record: KeyRecord) -> str:
    """The present, not before the record was made."""
    return clock.now(after=record.created)

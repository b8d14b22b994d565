"""Keys of single records: the dataset's key tree, kept so that a record's key can be destroyed.

The tree lies in a file, encrypted under two keys together: the dataset's, and one of the key store
that belongs to this state of the tree alone. To destroy records' keys is to write the pruned tree
under a new such key, and then to destroy the old one where it lies: every copy of the file as it
was goes with it, also in blocks that the file system has freed. Order, and what a crash leaves::

    the first time: a file that names no key of the tree
    a new key         crash: it encrypts nothing; the next change destroys it
    the pruned tree   crash: that counts; the next change destroys the old key
    the old key gone  or pending: it opens nothing then, and can be brought back until it is gone

The file: a magic line, the ids of the dataset's key and of the tree's (16 bytes each), a nonce
(24), and XAES-256-GCM of the tree; the associated data is all before the nonce.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from backends.contract import Finding
from backends.sealedvalue import KeyTree, Values, tree_opened, tree_sealed
from shredder import durable
from shredder.keystores import (
    Declared,
    KeyDestruction,
    KeyFinding,
    KeyRecord,
    KeyState,
    KeyStore,
    NoKey,
    StoreDamaged,
)
from shredder.plan.keyed import WINDOW

_MAGIC = b"shredder key tree v1\n"
_ID, _NONCE = 16, 24
_HEADER = len(_MAGIC) + 2 * _ID
_NO_KEY = "0" * 2 * _ID  # a tree was begun, and nothing was ever sealed under it


@dataclass(frozen=True, slots=True)
class RecordsDestroyed:
    """What destroying the keys of records came to."""

    records: int  # that were asked for
    before: int  # of them, whose keys were gone already
    key: KeyDestruction  # of the tree as it was
    finding: KeyFinding  # of looking for that key, and into the tree, again
    until: str = (
        ""  # RFC 3339 UTC, where keys of earlier trees are pending: when all are to be gone
    )


@dataclass(frozen=True, slots=True)
class Looked:
    """What looking for destroyed keys of records gave."""

    living: frozenset[bytes]  # of the paths that were asked for, those that have a key
    key: KeyFinding  # of looking for the keys that the tree was under before


class RecordKeys:
    """The key tree of one dataset. Whoever changes it holds the state directory's lock."""

    def __init__(self, store: KeyStore, folder: Path, record: KeyRecord) -> None:
        """`record`: of the dataset's key, which lives."""
        self._store = store
        self._path = folder / record.dataset
        self._record = record

    @property
    def made(self) -> bool:
        """Whether the dataset's records have keys of their own, under the key that it has now."""
        header = self._header()
        return header is not None and header[0] == self._record.id and header[1] != _NO_KEY

    @property
    def dataset_key(self) -> str:
        """The id of the dataset's key."""
        return self._record.id

    @property
    def key(self) -> str:
        """The id of the key that the tree is under now. Raises StoreDamaged."""
        return self._live()[1]

    @property
    def number(self) -> int:
        """Which of the dataset's trees it is now, counted from 1. Raises StoreDamaged."""
        return _number(self._store.record(self.key))

    def make(self) -> bool:
        """Give every record a key of its own; False: they had one. Raises KeyStoreError."""
        if self.made:
            self._settle(self._live()[1])
            return False
        if self._header() is None and (left := self._others("")):
            raise StoreDamaged(
                f"the file of the key tree of {self._record.dataset} is not there, and {len(left)} "
                "of its keys live: what is sealed under single records cannot be opened",
                hint="bring back a copy of its last state: it need not be kept secret",
            )
        with self._store.using(self._record.id) as key:
            kept = bytearray(key)
        try:
            self._write(_MAGIC + bytes.fromhex(self._record.id + _NO_KEY))
            self._replace(KeyTree.made(), kept)
        finally:
            kept[:] = bytes(len(kept))
        return True

    def tree(self, key: bytearray) -> KeyTree | None:
        """The tree, by the dataset's key; None where there is none. Raises KeyStoreError."""
        if not self.made:
            return None
        header, current = self._live()
        with self._store.using(current) as second:
            sealed = self._path.read_bytes()[_HEADER:]
            try:
                return tree_opened(bytes(key), bytes(second), sealed, header)
            except ValueError:
                raise StoreDamaged(
                    f"the file of the key tree of {self._record.dataset} was altered or cut short",
                    hint="bring back a copy of its last state: it need not be kept secret",
                ) from None

    def required_tree(self, key: bytearray) -> KeyTree:
        """The same where there must be one. Raises NoKey, KeyStoreError."""
        tree = self.tree(key)
        if tree is None:
            raise NoKey(
                f"the records of {self._record.dataset} have no keys of their own",
                hint=f"they have from `shredder key records {self._record.dataset}` on",
            )
        return tree

    def paths(self, records: Iterable[str]) -> list[bytes]:
        """The places of records in the tree, by name. Raises KeyStoreError."""
        with self._store.using(self._record.id) as key, Values(key) as values:
            return [values.path(name) for name in dict.fromkeys(records)]

    def living(self, paths: Sequence[bytes]) -> list[bytes]:
        """Which of these keys can be derived, by all that is shown. Raises KeyStoreError.

        While a key of an earlier tree is left, as a crash leaves it, that may be any of them; one
        that is pending opens none.
        """
        with self._store.using(self._record.id) as key:
            tree = self.required_tree(key)
        try:
            if any(each.state is not KeyState.PENDING for each in self._others(self.key)):
                return list(paths)
            return [path for path in paths if tree.has(path)]
        finally:
            tree.close()

    def destroy(self, records: Iterable[str]) -> RecordsDestroyed:
        """Destroy the keys of records by name, durably; repeatable. Raises KeyStoreError."""
        return self.destroy_paths(self.paths(records))

    def waiting(self, last: int = 0) -> list[KeyRecord]:
        """The keys of earlier trees that are pending: of the first `last` trees, or of all."""
        pending = (e for e in self._others(self.key) if e.state is KeyState.PENDING)
        return [each for each in pending if not last or _number(each) <= last]

    def destroy_paths(self, paths: Sequence[bytes], last: int = 0) -> RecordsDestroyed:
        """Destroy the keys of records by their places; at least one.

        `last`: of the trees, the last that had any of them, as far as that is known.
        """
        with self._store.using(self._record.id) as key:
            kept, tree = bytearray(key), self.required_tree(key)
        try:
            living = [path for path in paths if tree.has(path)]
            done = self._settle(self._live()[1])
            if living:
                done = self._replace(tree.without(living), kept)
        finally:
            tree.close()
            kept[:] = bytes(len(kept))
        done = done or self._store.destroy(self._last()[0].id)  # also if it was put back
        last = 0 if living else last
        found = self.look(paths, last)
        finding = found.key
        if found.living:
            finding = replace(finding, finding=Finding.RESIDUE, reason="key-lives")
        until = max((each.until for each in self.waiting(last)), default="")
        return RecordsDestroyed(len(paths), len(paths) - len(living), done, finding, until)

    def look(self, paths: Sequence[bytes], last: int = 0) -> Looked:
        """Read the tree again, and look for the keys that it was under before; `last` as above."""
        living = self.living(paths)
        found = self.look_for(self.waiting(last) or self._last())
        return Looked(frozenset(living), replace(found, looked=("key-tree", *found.looked)))

    def look_for(self, keys: Sequence[KeyRecord]) -> KeyFinding:
        """Look for keys of earlier trees; what is worst of any holds for all."""
        found = [self._store.verify(each.id) for each in keys]
        return min(found, key=lambda each: (_WORST.index(each.finding), each.reason == WINDOW))

    # --- the file ---

    def _header(self) -> tuple[str, str] | None:
        """The ids of the dataset's key and of the tree's. Raises StoreDamaged."""
        try:
            with self._path.open("rb") as file:
                data = file.read(_HEADER)
        except FileNotFoundError:
            return None
        ids = data[len(_MAGIC) :]
        known = any(each.id == ids[:_ID].hex() for each in self._store.records())
        if len(data) < _HEADER or not data.startswith(_MAGIC) or not known:
            raise StoreDamaged(
                f"the file of the key tree of {self._record.dataset} is damaged",
                hint="bring back a copy of its last state: it need not be kept secret",
            )
        return ids[:_ID].hex(), ids[_ID:].hex()

    def _live(self) -> tuple[bytes, str]:
        """The header, and the tree's key, which must live. Raises StoreDamaged."""
        header = self._header()
        assert header is not None
        if not self._alive(header[1]):
            raise StoreDamaged(
                f"the file of the key tree of {self._record.dataset} is an old one: its key is "
                "destroyed",
                hint="bring back a copy of its last state: it need not be kept secret",
            )
        return _MAGIC + bytes.fromhex("".join(header)), header[1]

    def _alive(self, key: str) -> bool:
        return any(each.id == key and each.state is KeyState.LIVE for each in self._store.records())

    def _replace(self, tree: KeyTree, key: bytearray) -> KeyDestruction | None:
        """Let a tree take the place of what was there, and destroy the key of that."""
        number = len(self._all()) + 1
        made = self._store.create(
            f"{self._record.dataset}/records/{number}",
            escrowed=Declared.NO,
            backed_up=self._record.backed_up,
            in_clear=self._record.in_clear,
        )
        header = _MAGIC + bytes.fromhex(self._record.id + made.id)
        nonce = secrets.token_bytes(_NONCE)
        with self._store.using(made.id) as second:
            sealed = tree_sealed(tree, bytes(key), bytes(second), nonce, header)
        tree.close()
        self._write(header, nonce, sealed)
        return self._settle(made.id)

    def _write(self, *parts: bytes) -> None:
        durable.make_private_directory(self._path.parent)
        durable.write(self._path, parts)

    def _settle(self, current: str) -> KeyDestruction | None:
        """Destroy every key of the tree but the one that it is under now."""
        done = None
        for each in self._others(current):
            done = self._store.destroy(each.id)
        return done

    def _all(self) -> list[KeyRecord]:
        prefix = f"{self._record.dataset}/records/"
        return [each for each in self._store.records() if each.dataset.startswith(prefix)]

    def _others(self, current: str) -> list[KeyRecord]:
        gone = KeyState.DESTROYED
        return [each for each in self._all() if each.id != current and each.state is not gone]

    def _last(self) -> list[KeyRecord]:
        """The key that was destroyed last. Raises StoreDamaged where none ever was."""
        gone = [each for each in self._all() if each.state is KeyState.DESTROYED]
        if not gone:
            raise StoreDamaged(
                f"no state of the key tree of {self._record.dataset} was ever destroyed",
                hint="bring back the state directory as it was",
            )
        return [max(gone, key=lambda each: each.destroyed)]


_WORST: Final = (Finding.RESIDUE, Finding.INCONCLUSIVE, Finding.ABSENT)


def _number(record: KeyRecord) -> int:
    """Which of a dataset's trees a key belongs to."""
    return int(record.dataset.rpartition("/")[2])

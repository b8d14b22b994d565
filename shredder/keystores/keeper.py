"""What a keeper answers to: it holds wrapping keys, of which none ever leaves it.

A token is one; so is a server or a service of keys. It makes a wrapping key for each dataset's key,
encrypts that key, and gives out what comes of it: that lies in the key's record, and is worth
nothing without the keeper.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from shredder.keystores.contract import KeyRecord, Wrapping


@dataclass(frozen=True, slots=True)
class KeeperTraits:
    """What is said of a keeper, fixed for its life."""

    kind: str  # the key store's name in the configuration
    noun: str  # what it is called in messages
    wrapping: Wrapping
    limitations: tuple[str, ...]  # codes: what it cannot promise of any key
    looked: tuple[str, ...]  # codes: where it looks for a wrapping key
    counted: str  # a code: the wrapping keys that it was told to destroy, and did
    waits: int = 0  # days until what it is told to destroy is gone; 0: it is gone at once


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A key as a keeper encrypted it, and what else its record has to keep for the keeper."""

    data: bytes
    place: Mapping[str, str] = field(default_factory=dict)


class Presence(StrEnum):
    """How far a wrapping key is gone."""

    HERE = "here"
    GOING = "going"  # it does nothing any more, and waits to be gone; that can be cancelled
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Kept:
    """What a keeper has of a wrapping key."""

    presence: Presence
    until: str = ""  # RFC 3339 UTC, with GOING: when it is to be gone, at the earliest

    @classmethod
    def whether(cls, there: bool, /) -> Kept:
        """Of a keeper that has a key or has it not."""
        return cls(Presence.HERE if there else Presence.GONE)


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of having a keeper destroy a wrapping key."""

    keys: int  # how many there were
    until: str = ""  # as with GOING; empty: they are gone
    place: Mapping[str, str] = field(default_factory=dict)  # what its record is to keep of that


class Keeper(Protocol):
    """Holds wrapping keys, one for each record's key. Every method raises KeyStoreError."""

    @property
    def traits(self) -> KeeperTraits:
        """What is said of it."""

    def identity(self) -> str:
        """What tells it from another one of its kind, found out anew; it must be there."""

    def where(self) -> Mapping[str, str]:
        """What a record keeps of where its wrapping key is to be made, from before it is."""

    def wrap(self, record: KeyRecord, key: bytes) -> Wrapped:
        """Make a wrapping key, and encrypt by it. Raises NotErasable if it could leave its keeper.

        The record is `making`, and durable.
        """

    def unwrap(self, record: KeyRecord, data: bytes) -> bytearray | None:
        """Decrypt; None: the wrapping key is not there, or did not encrypt this for this record."""

    def holds(self, record: KeyRecord) -> Kept:
        """Say whether it has a record's wrapping key."""

    def altered(self, record: KeyRecord) -> tuple[str, ...]:
        """Codes of what is not as it was when a record's wrapping key was made, if it is there."""

    def destroy(self, record: KeyRecord) -> Ended:
        """Destroy a record's wrapping key, if it is there, and look."""


def bound(record: KeyRecord) -> bytes:
    """What a wrapped key is bound to, so that it counts in no other record."""
    parts = map(bytes.fromhex, (record.id, record.check, record.public))
    return b"".join((b"shredder wrapped key v1\0", *parts))

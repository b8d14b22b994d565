"""The contract of a key store: what it keeps, what it can honestly claim, what is known of a key.

A dataset's key is 32 random bytes. A store keeps them in a form of its own, gives them out for as
long as they are needed, and destroys them. Of each key there is a record, which holds no secret
and outlives the key: a tombstone, by which the key is refused if a copy of it is restored.

States, and what a crash leaves between them::

    making ──▶ live ──▶ destroying ──▶ pending ──▶ destroyed
      │                     └──────────────────────▶ ▲
      └──────── never given out ─────────────────────┘

A record says `making` before a store is given a key, and `destroying` before it takes one away;
it says `live` and `destroyed` only when that is durable and was read back. It is `pending` where
whoever keeps what opens the key was told to delete that, and has a waiting period.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from backends.contract import Finding

KEY_BYTES = 32


class KeyState(StrEnum):
    """How far a key's life has come."""

    MAKING = "making"  # begun, never given out; it can only be destroyed
    LIVE = "live"
    DESTROYING = "destroying"  # begun, so that it is not used any more
    PENDING = "pending"  # it opens nothing any more; a provider's waiting period runs
    DESTROYED = "destroyed"


class Wrapping(StrEnum):
    """What a key is encrypted with where it lies."""

    NONE = "none"
    PASSPHRASE = "passphrase"  # noqa: S105 - a word, and no passphrase
    KEYRING = "keyring"  # random bytes that the desktop session's keyring holds
    TOKEN = "token"  # noqa: S105 - a word; a key that never leaves a PKCS#11 token
    KMS = "kms"  # a key that never leaves AWS KMS
    VAULT = "vault"  # a key that never leaves a server: OpenBao or HashiCorp Vault


class Declared(StrEnum):
    """What the operator says of what no store can know."""

    NO = "no"
    YES = "yes"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class KeyTraits:
    """What a store can honestly claim of its keys, fixed for a store's life."""

    kind: str  # its name in the configuration
    exportable: bool  # who may use a key can copy it, and nobody sees that
    erased_in_place: bool  # refuses to make a key that it could not overwrite where it lies
    wrappings: frozenset[Wrapping]
    strength_bits: int  # of the key's cipher: NIST SP 800-57 part 1, table 2
    entropy_bits: int  # of what it was made of
    limitations: tuple[str, ...]  # codes: what it cannot promise of any key
    waits: int = 0  # days that a provider waits until its keys are gone; 0: they go at once
    overwrites: bool = False  # it can show that the bytes of a key were overwritten


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is known of one key, from before it was made until after it is gone; no secret."""

    id: str  # 32 hexadecimal digits, random
    dataset: str
    state: KeyState
    public: str  # its X25519 public key (RFC 7748), 64 hexadecimal digits
    check: str  # what only this key under this id gives: see check_value()
    wrapping: Wrapping
    escrowed: Declared  # a copy of it was given to somebody
    backed_up: Declared  # copies of the store are made
    in_clear: Declared  # what is sealed by it lay in the clear where it is to lie sealed
    probe: str  # random bytes sealed to it, in base64: who opens them has the key
    created: str  # RFC 3339 UTC
    destroyed: str = ""  # the same; empty while it lives
    until: str = ""  # the same, while it is pending: when it is to be gone, at the earliest
    limitations: tuple[str, ...] = ()  # codes: what cannot be promised of it where it lies
    place: Mapping[str, str | int] = field(default_factory=dict)  # the store's own


@dataclass(frozen=True, slots=True)
class KeyDestruction:
    """What destroying a key came to."""

    record: KeyRecord  # destroyed, or pending
    before: bool  # it was gone already
    in_place: bool  # shown: the blocks that held it were overwritten, and read back
    numbers: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeyFinding:
    """What looking for a destroyed key gave."""

    finding: Finding
    looked: tuple[str, ...] = ()  # codes: where was looked
    reason: str = ""  # a code, where not ABSENT


@runtime_checkable
class KeyStore(Protocol):
    """Where the keys of datasets lie. Every method raises KeyStoreError, and never half-way."""

    @property
    def traits(self) -> KeyTraits:
        """What it can honestly claim."""

    def records(self) -> Sequence[KeyRecord]:
        """Return what is known of every key, oldest first; needs no secret."""

    def record(self, key: str) -> KeyRecord:
        """Return what is known of one key. Raises NoKey."""

    def create(
        self, dataset: str, *, escrowed: Declared, backed_up: Declared, in_clear: Declared
    ) -> KeyRecord:
        """Make a dataset's key, durably. Raises KeyExists if it has one that lives.

        A key whose making was broken off is destroyed first. Before it is called live, what was
        read back opens its probe.
        """

    def using(self, key: str) -> AbstractContextManager[bytearray]:
        """Give out a key's 32 bytes for as long as the context lasts; they are zeroed at its end.

        `key` is the record's id. Raises KeyDestroyed for one that has a tombstone, wherever its
        bytes have come from.
        """

    def destroy(self, key: str) -> KeyDestruction:
        """Destroy a key, durably. Repeatable: after a crash, and where it was restored."""

    def settle(self, key: str) -> KeyRecord:
        """Call a pending key destroyed if its provider has none of it any more; destroys nothing.

        Returns the record, which is as it was if the wait goes on, or the deletion was cancelled.
        """

    def verify(self, key: str) -> KeyFinding:
        """Look for a destroyed key where it lay; trusts nothing that destroy() said.

        Nothing that lies there opens the key's probe.
        """

    def inspect(self, key: str) -> tuple[str, ...]:
        """Return codes of what is wrong with a key now; none: nothing is."""

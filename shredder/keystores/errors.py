"""Errors of the key stores.

::

    KeyStoreError
    ├── NoKey             2   the dataset has no key, or none of this id
    ├── WrongPassphrase   2   none was given, or another than the key is wrapped with
    ├── WrongPin          2   none was given, or the token does not take it
    ├── NoAccess          2   the key service does not know who asks, or that may not do this
    ├── KeyExists         6   the dataset has a key that lives
    ├── KeyDestroyed      6   it has a tombstone: it is refused, wherever its bytes come from
    ├── StoreBusy         6   somebody else uses the store
    ├── NotErasable       6   a key could not be overwritten where it lies, or could leave its token
    ├── StoreDamaged      8   what is there cannot be read, or is not what the record tells of
    ├── KeyringUnusable   8   the session's keyring is not there, is locked, or does not do its part
    ├── ServiceUnusable   8   the key service is not to be asked, or does not do what it is told
    └── TokenUnusable     8   the token is not there, or does not do what it is told

They name a dataset and a slot, and never a key.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from shredder.errors import ExitCode, ShredderError


class KeyStoreError(ShredderError):
    """Base of all."""


class NoKey(KeyStoreError):
    """There is no such key."""

    exit_code = ExitCode.USAGE


class WrongPassphrase(KeyStoreError):
    """The key is wrapped, and the passphrase is missing or another."""

    exit_code = ExitCode.USAGE


class WrongPin(KeyStoreError):
    """The token's PIN is missing, or is not taken."""

    exit_code = ExitCode.USAGE


class NoAccess(KeyStoreError):
    """The key service does not know who asks, or who asks may not do this."""

    exit_code = ExitCode.USAGE


class KeyExists(KeyStoreError):
    """The dataset has a key that lives: another one would leave it half under each."""

    exit_code = ExitCode.REFUSED


class KeyDestroyed(KeyStoreError):
    """The key has a tombstone."""

    exit_code = ExitCode.REFUSED


class StoreBusy(KeyStoreError):
    """Somebody else uses the store."""

    exit_code = ExitCode.REFUSED


class NotErasable(KeyStoreError):
    """A key could not be overwritten where it would lie, or could leave the token that wraps it."""

    exit_code = ExitCode.REFUSED


class StoreDamaged(KeyStoreError):
    """What is there cannot be read, or is not what the record tells of."""

    exit_code = ExitCode.INCONCLUSIVE


class KeyringUnusable(KeyStoreError):
    """The session's keyring is not there, is locked, or does not do what it is told."""

    exit_code = ExitCode.INCONCLUSIVE


class ServiceUnusable(KeyStoreError):
    """The key service is not to be asked, refuses, or does not do what it is told."""

    exit_code = ExitCode.INCONCLUSIVE


class TokenUnusable(KeyStoreError):
    """The token is not there, or does not do what it is told."""

    exit_code = ExitCode.INCONCLUSIVE


@contextmanager
def told(what: str) -> Iterator[None]:
    """The system's refusals of what is used here, as ours; their texts could name a path."""
    try:
        yield
    except OSError as error:
        raise StoreDamaged(
            f"{what} cannot be used: {error.strerror or 'input/output error'}",
            hint="what was begun goes on when the command is repeated",
        ) from error

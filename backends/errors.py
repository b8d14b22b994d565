"""Errors of the backends.

::

    BackendError                 something is wrong, or could not be told; owns an exit code
    ├── SettingError        2    the configuration of a store does not make sense
    ├── SourceError         2    a declared source is not there or not of this store's kind
    ├── MissingDriver       2    the backend's extra is not installed
    └── CouldNotTell        8    nothing is known: never to be read as absence
        ├── Unreachable     8    the store did not answer
        ├── AccessDenied    8    it answered and refused
        ├── Vanished        8    it was there and is not any more, in mid-work
        └── ChangedWhileRead 8   what was read does not hang together

A message is one line: what, where (store and scope, never a locator), and what to do. It never
holds record content, a locator or a secret. `reason` is a code for coverage and attestation.
"""

from __future__ import annotations

from typing import ClassVar, Final

# A limitation of holdings whose records are told, in part, by what only counts together with the
# rest of the unit: a single one of them may be another's by chance. Such records are taken out
# one by one only where the operator rules so.
BY_VALUES: Final = "records-by-values"


class BackendError(Exception):
    """Base of all; `hint` says what to do, where there is something to be done."""

    exit_code: ClassVar[int] = 1
    reason: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str = "", reason: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = reason or self.reason


class SettingError(BackendError):
    """The configuration of a store does not make sense."""

    exit_code = 2
    reason = "setting"


class SourceError(BackendError):
    """A declared source is not there, or not of a kind that this store can read."""

    exit_code = 2
    reason = "source"


class MissingDriver(BackendError):
    """The backend's extra is not installed."""

    exit_code = 2
    reason = "missing-driver"


class CouldNotTell(BackendError):
    """Nothing is known. Never to be read as absence."""

    exit_code = 8
    reason = "could-not-tell"


class Unreachable(CouldNotTell):
    """The store did not answer."""

    reason = "unreachable"


class AccessDenied(CouldNotTell):
    """The store answered and refused."""

    reason = "access-denied"


class Vanished(CouldNotTell):
    """It was there and is not any more."""

    reason = "vanished"


class ChangedWhileRead(CouldNotTell):
    """What was read does not hang together, again and again."""

    reason = "changed-while-read"

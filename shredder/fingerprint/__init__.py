"""Recognising a dataset's records anywhere, by keyed hashes of their tokens.

::

    enrol(sources, roles=…, key=…, path=…) -> EnrolReport      once, from the sources
    FingerprintMatcher(path, key)                              satisfies backends.contract.Matcher

The catalogue at `path` holds no plaintext and is of no use without the key, which lies apart.
Importing this package loads nothing; numpy and numba load when a name is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shredder.fingerprint.catalogue import unfinished
    from shredder.fingerprint.enrolment import enrol
    from shredder.fingerprint.errors import (
        CatalogueDamaged,
        NoEvidence,
        NotEnrolled,
        TooManyRecords,
        UnknownColumn,
    )
    from shredder.fingerprint.matcher import FingerprintMatcher
    from shredder.fingerprint.report import ColumnReport, EnrolReport
    from shredder.fingerprint.roles import Role, guess
    from shredder.fingerprint.values import Reason

__all__ = [
    "CatalogueDamaged",
    "ColumnReport",
    "EnrolReport",
    "FingerprintMatcher",
    "NoEvidence",
    "NotEnrolled",
    "Reason",
    "Role",
    "TooManyRecords",
    "UnknownColumn",
    "enrol",
    "guess",
    "unfinished",
]

_HOME = {
    "CatalogueDamaged": "errors",
    "ColumnReport": "report",
    "EnrolReport": "report",
    "FingerprintMatcher": "matcher",
    "NoEvidence": "errors",
    "NotEnrolled": "errors",
    "Reason": "values",
    "Role": "roles",
    "TooManyRecords": "errors",
    "UnknownColumn": "errors",
    "enrol": "enrolment",
    "guess": "roles",
    "unfinished": "catalogue",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)

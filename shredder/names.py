"""The names behind staff references: a private file that `names` in the configuration points to.

::

    [names]              # by staff reference
    staff-17 = "Ada Example"

    [validators]         # who may come to accept a result: named in every annex
    staff-9 = "Grace Example"
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shredder.errors import UsageError
from shredder.statable import not_a_label, not_an_identifier

_LONGEST_FILE = 2**16
_TABLES = ("names", "validators")
_MOST_VALIDATORS = 48  # beside an operator and the approvers, in an annex of 64


@dataclass(frozen=True, slots=True)
class Names:
    """Names by staff reference."""

    people: Mapping[str, str]
    validators: Mapping[str, str]


def load_names(path: Path) -> Names:
    """Read the file. Raises UsageError, also if others may read or write it; repeats no name."""
    try:
        document = tomllib.loads(_read_private(path).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValueError, RecursionError):
        raise UsageError(f"the file of names {path} is not TOML that can be read") from None
    for table in document:
        if table not in _TABLES:
            known = f"known: {', '.join(_TABLES)}"
            raise UsageError(f"the file of names {path} has a table that is not known", hint=known)
    people, validators = (_table(path, name, document.get(name, {})) for name in _TABLES)
    if len(validators) > _MOST_VALIDATORS:
        raise UsageError(f"the file of names {path} has more than {_MOST_VALIDATORS} validators")
    return Names(people, validators)


def _table(path: Path, table: str, entries: object) -> dict[str, str]:
    if not isinstance(entries, dict):
        raise UsageError(f"the file of names {path}: {table} must be a table")
    found: dict[str, str] = {}
    for place, (reference, name) in enumerate(entries.items(), start=1):
        where = f"the file of names {path}: [{table}], entry {place}"
        if trouble := not_an_identifier(reference):
            raise UsageError(f"{where}: the staff reference {trouble}")
        if not isinstance(name, str):
            raise UsageError(f"{where}: a name must be a string")
        if trouble := not_a_label(name):
            raise UsageError(f"{where}: a name {trouble}")
        found[reference] = name
    return found


def _read_private(path: Path) -> bytes:
    try:
        # Non-blocking, so that a FIFO in the file's place does not hang the caller.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise UsageError(f"the file of names {path} is not a regular file")
            if status.st_mode & 0o077:
                raise UsageError(
                    f"the file of names {path} can be read or written by others",
                    hint="it holds names: chmod 600 it",
                )
            data = file.read(_LONGEST_FILE + 1)
    except OSError as error:
        raise UsageError(f"the file of names {path} cannot be read: {error.strerror}") from None
    if len(data) > _LONGEST_FILE:
        raise UsageError(f"the file of names {path} is too long to be one")
    return data

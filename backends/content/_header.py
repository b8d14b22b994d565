"""Whether a text's first record names columns rather than holding data.

To take a foreign record for a header would be to destroy it: every doubt says no.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from backends.content._dialect import Dialect
from backends.content._fields import fields_of, guess_dialect

_SAMPLE = 50  # records
_LONG = 64 << 10  # bytes; a longer first record is no header
_NAME = re.compile(r"[^\W\d][\w .\-/()#?]*")
_DATA = re.compile(r"[0-9@]")


def is_header(
    data: bytes, ends: Sequence[int], columns: frozenset[str], dialect: Dialect | None
) -> bool:
    """Whether the first of these records is a header.

    It is, if half of its fields, and at least two, are known column names; or if it is made of
    distinct names and, in half of the columns, all records after it hold digits or ``@`` and
    it does not. A single field must be a known name above single fields.
    """
    edges = [0, *ends[: _SAMPLE + 1]]
    if edges[1] > _LONG:
        return False
    records = [data[a:b] for a, b in pairwise(edges)]
    dialect = dialect or guess_dialect(records[0])
    first = fields_of(records[0], dialect)
    known = sum(field.lower() in columns for field in first)
    enough = 2 * known >= len(first) and known >= min(2, len(first))
    if not enough and not (len(first) >= 2 and _names(first)):
        return False  # whatever the others are, which take longer to part
    others: list[list[str]] = []
    for record in records[1:]:
        row = fields_of(record, dialect)
        if any(row):
            if len(row) != len(first):
                return False
            others.append(row)
    return enough or (len(others) >= 3 and _differs(first, others))


def _names(first: Sequence[str]) -> bool:
    names = {field.lower() for field in first}
    return len(names) == len(first) and all(_NAME.fullmatch(field) for field in first)


def _differs(first: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    typed = 0
    for name, *values in zip(first, *others, strict=True):
        if name in values:
            return False
        typed += not _DATA.search(name) and all(_DATA.search(value) for value in values)
    return 2 * typed >= len(first)

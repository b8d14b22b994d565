"""Which record has which token: gathered in chunks, then settled as a whole.

Some values are seen to be no evidence only beside all the others; :func:`settle` drops them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from shredder.fingerprint.catalogue import INTEGER, PERSON_TOKEN, PRIVATE_TOKEN
from shredder.fingerprint.raw import UUID_BYTES
from shredder.fingerprint.siphash import Hashes
from shredder.fingerprint.values import Reason

# A token of more records than this says nothing: a shared value, a placeholder.
FREQUENT = 64
# Of numbers of d digits a column may use up one in this many of the 10**d there are, so that a
# foreign number of that length is taken for one of them no oftener than that.
SPARSE = 100_000
# A private column with more values of several words than this is free text.
FREE_TEXT = 0.2

RAW = 192
WEAK = 255  # a tag; 1 to 254 are the digits of a number; 0 is neither

ROW = np.dtype(
    [
        ("hash", "u8"),
        ("row", "u4"),  # of the sources
        ("record", "u4"),  # the first row that says the same
        ("column", "u2"),
        ("tag", "u1"),
        ("role", "u1"),
        ("length", "u1"),  # of the token, bytes; RAW + its length for a binary form
    ]
)
Rows = npt.NDArray[np.void]


@dataclass(slots=True)
class Column:
    """What was counted of a column while its values went by."""

    private: bool
    values: int = 0
    unused: Counter[Reason] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Settled:
    """The rows of a catalogue, sorted by hash, then record; and the counts."""

    hashes: Hashes
    records: npt.NDArray[np.uint32]
    roles: npt.NDArray[np.uint8]
    recognisable: int
    lengths: tuple[int, ...]  # that tokens have, bytes
    usable: tuple[int, ...]  # values, by column
    raw: Hashes
    raw_records: npt.NDArray[np.uint32]
    raw_kinds: npt.NDArray[np.uint8]
    widths: tuple[int, ...]  # that integers have, bytes


def settle(rows: Rows, columns: list[Column]) -> Settled:
    """Drop what is no evidence; note the reasons in `columns`."""
    own = np.array([PRIVATE_TOKEN if c.private else PERSON_TOKEN for c in columns], np.uint8)
    rows = _without_words_of_free_text(rows, columns)
    rows = _without_dense_numbers(rows, columns)
    rows = rows[np.lexsort((rows["record"], rows["hash"]))]
    starts, sizes = _runs(rows["hash"])
    # What is a person's in one place is a person's in all: it occurs elsewhere honestly.
    role = np.maximum.reduceat(rows["role"], starts) if rows.size else rows["role"]
    rows["role"] = np.repeat(role, sizes)
    _note(rows[rows["role"] != own[rows["column"]]], columns, Reason.PERSON)
    rows = _without_frequent(rows, columns, starts, sizes)
    usable = rows[rows["role"] == own[rows["column"]]]
    counts = np.bincount(_values(usable)["column"], minlength=len(columns))
    new = np.ones(rows.size, np.bool_)
    new[1:] = (rows["hash"][1:] != rows["hash"][:-1]) | (rows["record"][1:] != rows["record"][:-1])
    rows = rows[new]
    rows, raw = rows[rows["length"] < RAW], rows[rows["length"] >= RAW]
    integers = raw["length"] < RAW + UUID_BYTES
    # An integer that points to a person only is in no binary data beyond chance, and told by none.
    raw, integers = (part[~integers | (raw["role"] == PRIVATE_TOKEN)] for part in (raw, integers))
    return Settled(
        hashes=np.ascontiguousarray(rows["hash"]),
        records=np.ascontiguousarray(rows["record"]),
        roles=np.ascontiguousarray(rows["role"]),
        recognisable=np.unique(rows["record"][rows["role"] == PRIVATE_TOKEN]).size,
        lengths=tuple(np.unique(rows["length"]).tolist()),
        usable=tuple(counts.tolist()),
        raw=np.ascontiguousarray(raw["hash"]),
        raw_records=np.ascontiguousarray(raw["record"]),
        raw_kinds=np.where(integers, np.uint8(INTEGER), raw["role"]),
        widths=tuple((np.unique(raw["length"][integers]).astype(int) - RAW).tolist()),
    )


def _without_words_of_free_text(rows: Rows, columns: list[Column]) -> Rows:
    texts = [
        number
        for number, column in enumerate(columns)
        if column.private and column.unused[Reason.SEVERAL_TOKENS] > FREE_TEXT * column.values
    ]
    word = np.isin(rows["column"], texts) & (rows["tag"] != 0)
    _note(rows[word], columns, Reason.FREE_TEXT)
    return np.asarray(rows[~word])


def _without_dense_numbers(rows: Rows, columns: list[Column]) -> Rows:
    numbers = rows[(rows["tag"] != 0) & (rows["tag"] != WEAK)]
    dense = np.zeros(rows.size, np.bool_)
    shortest = _values(numbers)  # of the forms of one value
    for column in np.unique(shortest["column"]):
        mine = shortest[shortest["column"] == column]
        for digits in np.unique(mine["tag"]):
            count = np.unique(mine["hash"][mine["tag"] == digits]).size
            if count * SPARSE > 10 ** int(digits):
                dense |= (rows["column"] == column) & (rows["tag"] == digits)
    _note(rows[dense], columns, Reason.DENSE)
    return rows[~dense]


def _without_frequent(
    rows: Rows, columns: list[Column], starts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]
) -> Rows:
    """Drop the tokens of too many records; `rows` are sorted, and parted by hash."""
    if not rows.size:
        return rows
    changed = np.ones(rows.size, np.bool_)
    changed[1:] = rows["record"][1:] != rows["record"][:-1]
    changed[starts] = True
    frequent = np.repeat(np.add.reduceat(changed, starts, dtype=np.int64) > FREQUENT, sizes)
    _note(rows[frequent], columns, Reason.FREQUENT)
    return rows[~frequent]


def _runs(hashes: Hashes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return where each run of equal hashes starts, and its size."""
    new = np.ones(hashes.size, np.bool_)
    new[1:] = hashes[1:] != hashes[:-1]
    starts = np.flatnonzero(new)
    return starts, np.diff(starts, append=hashes.size)


def _values(rows: Rows) -> Rows:
    """Return one row for each value: a value has a token for each of its forms."""
    value = rows["column"].astype(np.uint64) << np.uint64(32) | rows["row"]
    _, first = np.unique(value, return_index=True)
    return rows[first]


def _note(rows: Rows, columns: list[Column], reason: Reason) -> None:
    for number, count in enumerate(np.bincount(_values(rows)["column"], minlength=len(columns))):
        columns[number].unused[reason] += int(count)

"""Which record has which token: gathered in any order, then settled as a whole.

Some values are seen to be no evidence only beside all the others; :func:`settle` drops them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shredder.fingerprint.catalogue import INTEGER, PERSON_TOKEN, PRIVATE_TOKEN
from shredder.fingerprint.columns import Column
from shredder.fingerprint.raw import UUID_BYTES
from shredder.fingerprint.sorter import Column as Long
from shredder.fingerprint.sorter import Scratch, Sorter, runs_of
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
        ("column", "u2"),
        ("tag", "u1"),
        ("role", "u1"),
        ("length", "u1"),  # of the token, bytes; RAW + its length for a binary form
        ("first", "?"),  # of a value's forms
    ]
)
Rows = npt.NDArray[np.void]
Records = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Settled:
    """The table of tokens, as long arrays on disk, and the counts."""

    hashes: Long
    records: Long
    roles: Long
    raw: Long
    raw_records: Long
    raw_kinds: Long
    recognisable: npt.NDArray[np.bool_]  # by record: whether it has a private token
    persons: npt.NDArray[np.bool_]  # by record: whether it has a person's
    lengths: tuple[int, ...]  # that tokens have, bytes
    widths: tuple[int, ...]  # that integers have, bytes
    usable: tuple[int, ...]  # values, by column


def settle(
    gathered: Sorter, record_of: Records, records: int, columns: Sequence[Column], scratch: Scratch
) -> Settled:
    """Drop what is no evidence; note the reasons in `columns`. `record_of`: by row."""
    own = np.array([PRIVATE_TOKEN if c.private else PERSON_TOKEN for c in columns], np.uint8)
    numbered = len(columns)
    hashes, numbers, roles = Long(scratch, "<u8"), Long(scratch, "<u4"), Long(scratch, "|u1")
    raw, raw_records, raw_kinds = Long(scratch, "<u8"), Long(scratch, "<u4"), Long(scratch, "|u1")
    recognisable, persons = np.zeros(records, np.bool_), np.zeros(records, np.bool_)
    lengths = np.zeros(256, np.bool_)
    usable = np.zeros(numbered, np.int64)
    for found in _without_dense_numbers(gathered, columns):
        starts, sizes = runs_of(found["hash"])
        # What is a person's in one place is a person's in all: it occurs elsewhere honestly.
        found["role"] = np.repeat(np.maximum.reduceat(found["role"], starts), sizes)
        _note(found[found["role"] != own[found["column"]]], columns, Reason.PERSON)
        unsorted = record_of[found["row"]]
        order = np.lexsort((unsorted, found["hash"]))
        sorted_rows, sorted_records = found[order], unsorted[order]
        new = first_of_pairs(sorted_rows["hash"], sorted_records)
        often = np.repeat(np.add.reduceat(new, starts, dtype=np.int64) > FREQUENT, sizes)
        _note(sorted_rows[often], columns, Reason.FREQUENT)
        left = sorted_rows[~often]
        counted = left[left["first"] & (left["role"] == own[left["column"]])]
        usable += np.bincount(counted["column"], minlength=numbered)
        new &= ~often
        rows, record = sorted_rows[new], sorted_records[new]
        private = rows["role"] == PRIVATE_TOKEN
        recognisable[record[private]] = True
        persons[record[~private]] = True
        tokens, binary = rows["length"] < RAW, rows["length"] >= RAW
        integers = binary & (rows["length"] < RAW + UUID_BYTES)
        # An integer that points to a person only is in binary data by chance, and told by none.
        binary &= ~integers | private
        hashes.add(rows["hash"][tokens])
        numbers.add(record[tokens])
        roles.add(rows["role"][tokens])
        raw.add(rows["hash"][binary])
        raw_records.add(record[binary])
        kinds = np.where(integers, np.uint8(INTEGER), rows["role"])
        raw_kinds.add(kinds[binary])
        lengths[rows["length"][tokens | binary]] = True
    every = np.flatnonzero(lengths)
    return Settled(
        hashes,
        numbers,
        roles,
        raw,
        raw_records,
        raw_kinds,
        recognisable,
        persons,
        tuple(every[every < RAW].tolist()),
        tuple((every[(every >= RAW) & (every < RAW + UUID_BYTES)] - RAW).tolist()),
        tuple(usable.tolist()),
    )


def first_of_pairs(hashes: npt.NDArray[np.uint64], records: Records) -> npt.NDArray[np.bool_]:
    """Tell of sorted pairs which are new."""
    new = np.ones(hashes.size, np.bool_)
    new[1:] = (hashes[1:] != hashes[:-1]) | (records[1:] != records[:-1])
    return new


def _without_dense_numbers(gathered: Sorter, columns: Sequence[Column]) -> Iterator[Rows]:
    """Yield the rows in order of hashes, less the words of free text and dense numbers."""
    texts = [
        column.number
        for column in columns
        if column.private
        and column.passages + column.unused[Reason.SEVERAL_TOKENS] > FREE_TEXT * column.values
    ]
    counts: Counter[tuple[int, int]] = Counter()
    for rows in gathered.blocks():
        numbers = rows[rows["first"] & (rows["tag"] != 0) & (rows["tag"] != WEAK)]
        kinds = numbers[["hash", "column", "tag"]]
        for column, digits in np.unique(kinds)[["column", "tag"]].tolist():
            counts[column, digits] += 1
    dense = [pair for pair, count in counts.items() if count * SPARSE > 10 ** pair[1]]
    for rows in gathered.blocks():
        word = np.isin(rows["column"], texts) & (rows["tag"] != 0)
        _note(rows[word], columns, Reason.FREE_TEXT)
        drop = word.copy()
        for number, digits in dense:
            drop |= (rows["column"] == number) & (rows["tag"] == digits)
        _note(rows[drop & ~word], columns, Reason.DENSE)
        if not drop.all():
            yield rows[~drop]


def _note(rows: Rows, columns: Sequence[Column], reason: Reason) -> None:
    """Count the values that some rows come from: each has one row that is its first."""
    found = np.bincount(rows["column"][rows["first"]], minlength=len(columns))
    for column, count in zip(columns, found.tolist(), strict=True):
        if count:
            column.unused[reason] += count

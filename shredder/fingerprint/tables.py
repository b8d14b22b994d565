"""From what was gathered to the sections of a catalogue: a pass over each sorted file."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from shredder.fingerprint.catalogue import Content, FilterWriter, Traits
from shredder.fingerprint.columns import Columns
from shredder.fingerprint.confirm import chances, likely_enough
from shredder.fingerprint.gathering import Gathered
from shredder.fingerprint.keys import Keys
from shredder.fingerprint.postings import FREQUENT, Records, first_of_pairs, settle
from shredder.fingerprint.report import EnrolReport
from shredder.fingerprint.sorter import Column as Long
from shredder.fingerprint.sorter import Scratch, Sorter, runs_of
from shredder.fingerprint.starts import veiled

ENOUGH_PASSAGES = 2
_PIECE = 1 << 18  # records
_NEAR = 16  # numbers that a density is taken over
_DENSEST = 0.1  # the share of places that may be denser than what is called the density


class Made:
    """The sections of a catalogue, on disk, and what they say of the records."""

    def __init__(self, scratch: Scratch, keys: Keys) -> None:
        self._scratch = scratch
        self._keys = keys
        self._density = 1.0
        self.sections: dict[str, Long] = {}
        self._lengths: tuple[int, ...] = ()
        self._widths: tuple[int, ...] = ()
        self._start_lengths: tuple[int, ...] = ()
        self.records = 0
        self.usable: tuple[int, ...] = ()
        self.by_ids = self.by_passages = self.by_values = self.recognisable = 0

    def settle(self, gathered: Gathered, columns: Columns) -> None:
        """Drop what is no evidence, and sort out the rest."""
        record_of = self._distinct(gathered)
        tokens = settle(gathered.tokens, record_of, self.records, columns.all(), self._scratch)
        self.usable, self._lengths = tokens.usable, tokens.lengths
        self._table("tokens", tokens.hashes, tokens.records)
        self.sections["roles"] = tokens.roles
        anchored = tokens.persons
        passages = np.zeros(self.records, np.uint16)
        for name in ("names", "passages", "numbers"):
            hashes, records = Long(self._scratch, "<u8"), Long(self._scratch, "<u4")
            # What several people say is a set phrase; two sources may tell of one person.
            most = columns.sources if name == "passages" else FREQUENT
            for found, record in _postings(getattr(gathered, name), record_of, most):
                hashes.add(found)
                records.add(record)
                if name == "passages":
                    np.add.at(passages, record, 1)
                else:
                    anchored[record] = True
            self._table(name, hashes, records)
        for name in ("raw", "raw_records", "raw_kinds"):
            self.sections[name] = getattr(tokens, name)
        self._filter("raw", tokens.raw)
        self._widths = tokens.widths
        self._start_lengths = tuple(sorted(gathered.start_lengths))
        for name in ("name_words", "text_words", "starts"):
            self._words(name, getattr(gathered, name))
        pieces = self.sections.pop("starts.filter").pieces()
        self.sections["starts"] = self._long(veiled(np.concatenate([*pieces]), self._keys), "<u8")
        texts = np.minimum(passages, 255).astype(np.uint8)
        self.sections["texts"] = self._long(texts, "|u1")
        self._density = _density(gathered.digits)
        by_values = self._values(gathered, record_of, columns.value_columns) & anchored
        by_passages = passages >= ENOUGH_PASSAGES
        self.by_ids = int(np.count_nonzero(tokens.recognisable))
        self.by_passages = int(np.count_nonzero(by_passages))
        self.by_values = int(np.count_nonzero(by_values))
        every = tokens.recognisable | by_passages | by_values
        self.recognisable = int(np.count_nonzero(every))

    def content(self, report: EnrolReport, columns: Columns, *, mixed: bool) -> Content:
        """Return what the catalogue is written from."""
        traits = Traits(
            lengths=self._lengths,
            start_lengths=self._start_lengths,
            widths=self._widths,
            mixed=mixed,
            value_columns=columns.value_columns,
            number_density=self._density,
            number_values=tuple(c.value_column for c in columns.all() if c.numbers),
            number_columns=tuple(c.name.lower() for c in columns.all() if c.short),
        )
        return Content(report, traits, self.sections)

    def _long(self, values: npt.NDArray[np.generic], kind: str) -> Long:
        column = Long(self._scratch, kind)
        column.add(values)
        return column

    def _table(self, name: str, hashes: Long, records: Long) -> None:
        self.sections[f"{name}.hashes"] = hashes
        self.sections[f"{name}.records"] = records
        self._filter(name, hashes)

    def _filter(self, name: str, hashes: Long) -> None:
        writer = FilterWriter(self._scratch, hashes.count)
        for piece in hashes.pieces():
            writer.add(piece)
        self.sections[f"{name}.filter"] = writer.finish()

    def _words(self, name: str, words: Sorter) -> None:
        hashes = Long(self._scratch, "<u8")
        for rows in words.blocks():
            hashes.add(np.unique(rows["hash"]))
        self._filter(name, hashes)

    def _distinct(self, gathered: Gathered) -> Records:
        """Return each row's record: rows that say the same are one; in source order from 0."""
        first = np.arange(gathered.count, dtype=np.uint32)
        for rows in gathered.digests.blocks():
            starts, sizes = runs_of(rows["hash"])
            # Rows of equal digest come in the order in which they were read.
            first[rows["row"]] = np.repeat(rows["row"][starts], sizes)
        own = first == np.arange(gathered.count, dtype=np.uint32)
        self.records = int(np.count_nonzero(own))
        numbers = np.cumsum(own, dtype=np.uint32)
        numbers -= np.uint32(1)
        return np.asarray(numbers[first])

    def _values(self, gathered: Gathered, record_of: Records, width: int) -> npt.NDArray[np.bool_]:
        """Write the plain values by record; return which records have a rare enough set."""
        keys, counts = Long(self._scratch, "<u8"), Long(self._scratch, "<u4")
        for rows in gathered.value_counts.blocks():
            starts, _ = runs_of(rows["hash"])
            keys.add(rows["hash"][starts])
            counts.add(np.add.reduceat(rows["count"], starts))
        self.sections["value_keys"], self.sections["value_counts"] = keys, counts
        known = np.concatenate([*keys.pieces(), np.empty(0, np.uint64)])
        number = np.concatenate([*counts.pieces(), np.empty(0, np.uint32)])
        self.sections["values"] = values = Long(self._scratch, "<u4")
        fit = np.zeros(self.records, np.bool_)
        done, highest = 0, -1
        for matrix in _matrices(gathered, width):
            record = record_of[done : done + len(matrix)].astype(np.int64)
            before = np.maximum.accumulate(np.concatenate(([highest], record)))
            new = record > before[:-1]  # the first row that says so
            done, highest = done + len(matrix), int(before[-1])
            values.add(matrix[new].reshape(-1))
            shares = chances(known, number, matrix[new], gathered.count)
            fit[record[new]] = likely_enough(shares)
        return fit


def _postings(
    gathered: Sorter, record_of: Records, most: int
) -> Iterator[tuple[npt.NDArray[np.uint64], Records]]:
    """Yield hashes in order with their records, each pair once, if no more than `most` have it."""
    for rows in gathered.blocks():
        record = record_of[rows["row"]]
        order = np.lexsort((record, rows["hash"]))
        hashes, record = rows["hash"][order], record[order]
        new = first_of_pairs(hashes, record)
        hashes, record = hashes[new], record[new]
        _, sizes = runs_of(hashes)
        kept = np.repeat(sizes <= most, sizes)
        yield hashes[kept], record[kept]


def _matrices(gathered: Gathered, width: int) -> Iterator[npt.NDArray[np.uint32]]:
    """Yield the plain values by row, some rows at a time; 0 where a source had no such column."""
    pieces = [_padded(first, long, gathered.count) for first, long in gathered.values]
    for at in range(0, gathered.count, _PIECE):
        size = min(_PIECE, gathered.count - at)
        matrix = np.zeros((size, width), np.uint32)
        for number, column in enumerate(pieces):
            matrix[:, number] = next(column)
        yield matrix


def _padded(first: int, long: Long, count: int) -> Iterator[npt.NDArray[np.uint32]]:
    """Yield a column of all rows in pieces: none before `first`, none after its end."""
    held = np.zeros(first, np.uint32)
    source = long.pieces(4 * _PIECE)
    for at in range(0, count, _PIECE):
        size = min(_PIECE, count - at)
        while held.size < size:
            more = next(source, np.zeros(size - held.size, np.uint32))
            held = np.concatenate((held, more))
        yield held[:size]
        held = held[size:]


def _density(digits: npt.NDArray[np.uint8] | None) -> float:
    """How likely a number near an id is one, too: where they lie densely, but for a few places."""
    if digits is None:
        return 1.0
    used = np.flatnonzero(digits)
    bits = np.unpackbits(digits[used][:, None], axis=1, bitorder="little")
    numbers = (used[:, None] * 8 + np.arange(8))[bits.astype(np.bool_)]
    if numbers.size <= _NEAR:
        return 1.0
    spans = numbers[_NEAR:] - numbers[:-_NEAR]
    return float(min(1.0, _NEAR / np.quantile(spans, _DENSEST)))

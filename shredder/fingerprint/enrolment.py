"""Enrolment: reading a dataset's sources once, and keeping what recognises its records.

Rows are read in chunks and not kept; what stays in memory is 21 bytes for each token and 8 for
each row, until the catalogue is written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from backends.contract import SourceRows
from shredder.fingerprint import catalogue
from shredder.fingerprint.catalogue import PERSON_TOKEN, PRIVATE_TOKEN, Content
from shredder.fingerprint.errors import NoEvidence, TooManyRecords, UnknownColumn
from shredder.fingerprint.keys import Keys, derive
from shredder.fingerprint.postings import RAW, ROW, WEAK, Column, Rows, settle
from shredder.fingerprint.report import ColumnReport, EnrolReport
from shredder.fingerprint.roles import Role, guess
from shredder.fingerprint.siphash import PADDING, Bytes, Offsets, siphash24_many
from shredder.fingerprint.starts import Starts
from shredder.fingerprint.values import Reason, weigh

_CHUNK = 8192  # rows
_SAMPLE = 1000  # rows that roles are guessed from
_MOST_RECORDS = 1 << 32


def enrol(
    sources: Iterable[SourceRows],
    *,
    roles: Mapping[str, Role],
    key: bytes,
    path: Path,
    progress: Callable[[int], None] | None = None,
) -> EnrolReport:
    """Take the fingerprint of a dataset and write its catalogue to `path`, all or nothing.

    `roles` are the operator's, by column name; a column left out gets a guess. `key`: 32 bytes.
    `progress` is told the number of rows read so far, every few thousand. Raises UnknownColumn,
    NoEvidence, TooManyRecords, and what the sources raise.
    """
    sources = list(sources)
    known = {column for source in sources for column in source.columns}
    strange = sorted(set(roles) - known)
    if strange:
        raise UnknownColumn(
            f"no source has a column {strange[0]!r}",
            hint=f"the sources have: {', '.join(sorted(known))}",
        )
    gathering = _Gathering(roles, derive(key))
    try:
        for source in sources:
            for rows in gathering.read(source):
                if progress is not None:
                    progress(rows)
        return gathering.finish(path)
    finally:
        gathering.close()


class _Gathering:
    """What has been seen of all sources so far."""

    def __init__(self, roles: Mapping[str, Role], keys: Keys) -> None:
        self._keys = keys
        self._given = roles
        self._roles: dict[str, Role] = {}
        self._numbers: dict[str, int] = {}  # of columns, by name
        self._columns: list[Column] = []
        self._chunks: list[Rows] = []
        self._rows: list[npt.NDArray[np.uint64]] = []  # a keyed digest of each row
        self._count = 0
        self._mixed = False
        self._starts = Starts(keys.starts)

    def read(self, source: SourceRows) -> Iterator[int]:
        """Take in a source; yield the number of rows so far after each chunk."""
        rows = iter(source)
        sample = list(islice(rows, _SAMPLE))
        guesses = guess(source.columns, sample)
        for name in source.columns:
            role = self._roles.setdefault(name, self._given.get(name, guesses[name]))
            if name not in self._numbers:
                self._numbers[name] = len(self._columns)
                self._columns.append(Column(private=role is Role.PRIVATE))
        rows = chain(sample, rows)
        while chunk := list(islice(rows, _CHUNK)):
            if self._count + len(chunk) > _MOST_RECORDS:
                raise TooManyRecords("a dataset may have 4,294,967,296 records at the most")
            self._take(source.columns, chunk)
            self._count += len(chunk)
            yield self._count

    def _take(self, names: Sequence[str], chunk: list[tuple[str | None, ...]]) -> None:
        self._rows.append(self._row_digests(names, chunk))
        tokens: list[bytes] = []
        raw: list[bytes] = []
        postings: list[tuple[int, int, int, int, int, int, int]] = []
        raw_postings: list[tuple[int, int, int, int, int, int, int]] = []
        for at, name in enumerate(names):
            number, role = self._numbers[name], self._roles[name]
            column = self._columns[number]
            for row, values in enumerate(chunk, self._count):
                value = values[at]
                if value is None or not value or value.isspace():
                    continue
                column.values += 1
                if role is Role.QUASI:
                    continue
                weight = weigh(value, person=role is Role.PERSON)
                if weight.reason:
                    column.unused[weight.reason] += 1
                    continue
                tag = min(weight.digits, WEAK - 1) or WEAK * weight.weak
                kind = PERSON_TOKEN if weight.person or role is Role.PERSON else PRIVATE_TOKEN
                tokens += weight.tokens
                raw += weight.raw
                posting = (0, row, row, number, tag, kind, 0)
                postings += [posting] * len(weight.tokens)
                raw_postings += [posting] * len(weight.raw)
        if tokens:
            text, starts, lengths = _laid_out(tokens)
            self._mixed = self._mixed or bool((text >= np.uint8(0x80)).any())
            rows = np.array(postings, ROW)
            rows["length"] = lengths
            rows["hash"] = siphash24_many(self._keys.tokens, text, starts, lengths)
            self._chunks.append(rows)
            self._starts.add(text, starts, lengths)
        if raw:
            text, starts, lengths = _laid_out(raw)
            rows = np.array(raw_postings, ROW)
            rows["length"] = RAW + lengths
            rows["hash"] = siphash24_many(self._keys.starts, text, starts, lengths)
            self._chunks.append(rows)

    def _row_digests(
        self, names: Sequence[str], chunk: list[tuple[str | None, ...]]
    ) -> npt.NDArray[np.uint64]:
        """Digest each row, whatever the order of its columns."""
        order = sorted(range(len(names)), key=lambda at: names[at])
        head = "\0".join(names[at] for at in order)
        keyed = hashlib.blake2b(head.encode(), key=self._keys.rows, digest_size=8)

        def digest(values: tuple[str | None, ...]) -> bytes:
            # repr() sets the values apart, and None from every text
            one = keyed.copy()
            one.update(repr([values[at] for at in order]).encode("utf-8", "surrogatepass"))
            return one.digest()

        return np.frombuffer(b"".join(map(digest, chunk)), "<u8")

    def finish(self, path: Path) -> EnrolReport:
        """Settle what was gathered, and write the catalogue."""
        first, records = self._distinct()
        rows = np.concatenate(self._chunks) if self._chunks else np.empty(0, ROW)
        self._chunks.clear()
        rows["record"] = first[rows["row"]]
        settled = settle(rows, self._columns)
        report = EnrolReport(
            records=records,
            repeated=self._count - records,
            recognisable=settled.recognisable,
            tokens=settled.hashes.size,
            columns=tuple(
                self._report(name, column, usable)
                for name, column, usable in zip(
                    self._numbers, self._columns, settled.usable, strict=True
                )
            ),
        )
        if records and not report.tokens:
            why = "; ".join(f"{c.name}: {c.reason}" for c in report.columns)
            raise NoEvidence(
                "no value of the sources would be recognised anywhere",
                hint=f"{why}. Is a column private to the dataset? Say so in its columns",
            )
        starts, start_lengths = self._starts.finish(settled.raw)
        content = Content(
            report=report,
            lengths=settled.lengths,
            mixed=self._mixed,
            hashes=settled.hashes,
            records=settled.records,
            roles=settled.roles,
            starts=starts,
            start_lengths=start_lengths,
            raw=settled.raw,
            raw_records=settled.raw_records,
            raw_kinds=settled.raw_kinds,
            widths=settled.widths,
        )
        catalogue.write(path, content, self._keys.seal)
        return report

    def close(self) -> None:
        """Let go of what was gathered."""
        self._starts.close()

    def _distinct(self) -> tuple[npt.NDArray[np.uint32], int]:
        """Return each row's record: rows that say the same are one; in source order from 0."""
        if not self._rows:
            return np.empty(0, np.uint32), 0
        _, first, inverse = np.unique(
            np.concatenate(self._rows), return_index=True, return_inverse=True
        )
        self._rows.clear()
        numbers = np.empty(first.size, np.uint32)
        numbers[np.argsort(first)] = np.arange(first.size, dtype=np.uint32)
        return numbers[inverse], first.size

    def _report(self, name: str, column: Column, usable: int) -> ColumnReport:
        role = self._roles[name]
        reason = Reason.NONE
        if not column.values:
            reason = Reason.EMPTY
        elif role is Role.QUASI:
            reason = Reason.QUASI
        elif usable < column.values and column.unused:
            reason = column.unused.most_common(1)[0][0]
        return ColumnReport(
            name=name,
            role=role,
            guessed=name not in self._given,
            values=column.values,
            usable=usable,
            reason=reason,
        )


def _laid_out(tokens: list[bytes]) -> tuple[Bytes, Offsets, Offsets]:
    """Return tokens as one text, where each starts, and their lengths."""
    lengths = np.fromiter(map(len, tokens), np.int64, len(tokens))
    text = np.frombuffer(b"".join(tokens) + bytes(PADDING), np.uint8)
    return text, np.cumsum(lengths) - lengths, lengths

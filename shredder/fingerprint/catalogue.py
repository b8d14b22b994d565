"""The catalogue: what a fingerprint keeps on disk, mapped into memory to look things up.

Layout, all numbers little-endian::

    8   magic, with the version of the layout
    4   length of the header
    …   header: JSON in ASCII; counts, columns, and where each section lies
    …   sections, each at a multiple of 64 bytes, zeros between
    32  seal: HMAC-SHA256 over all before it

Sections, by name; a *table* is two of them and a filter:

    .hashes   uint64  ascending; equal ones side by side
    .records  uint32  the number of the record that has it, in source order
    .filter   uint64  three bits of each hash, in the word that its highest bits choose

    tokens    table   SipHash-2-4 of each token
    roles     uint8   of each row of it PRIVATE_TOKEN or PERSON_TOKEN; the same for equal hashes
    names     table   SipHash-2-4 of two words' hashes
    passages  table   SipHash-2-4 of five words' hashes
    numbers   table   the hashes of short numbers, as words
    name_words.filter, text_words.filter    of the words in names and passages
    texts     uint8   by record: how many passages it has in all, 255 at the most
    values    uint32  by record and value column: 32 bits of the hash of its plain value; 0: none
    starts    uint64  a filter of the first bytes of tokens, veiled, see `starts`
    raw       uint64  SipHash-2-4 of each value's binary forms, see `raw`, ascending; raw_records
              uint32 and raw_kinds uint8: PRIVATE_TOKEN, PERSON_TOKEN or INTEGER; raw.filter
    value_keys, value_counts    column << 32 | such a hash, ascending; how many records have it

There is no value in it, in any form but its keyed hash; with the key, low-entropy values could be
guessed, so key and catalogue together are personal data, and the key lies elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import mmap
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shredder import durable
from shredder.fingerprint.errors import CatalogueDamaged, NotEnrolled
from shredder.fingerprint.report import ColumnReport, EnrolReport
from shredder.fingerprint.roles import Role
from shredder.fingerprint.siphash import Hashes
from shredder.fingerprint.sorter import Column, Scratch
from shredder.fingerprint.values import Reason

_MAGIC = b"SHRDFP\x00\x02"
_ALIGN = 64
_SEAL_BYTES = 32
_CHUNK = 1 << 24

PRIVATE_TOKEN, PERSON_TOKEN, INTEGER = 1, 2, 3

_AGAIN = "enrol the dataset again from its sources: `shredder enroll`"


@dataclass(frozen=True, slots=True)
class Filter:
    """A blocked Bloom filter."""

    words: Hashes = field(repr=False)
    shift: int  # a hash shifted right by it is its word


@dataclass(frozen=True, slots=True)
class Table:
    """Hashes with the records that have them."""

    hashes: Hashes = field(repr=False)
    records: npt.NDArray[np.uint32] = field(repr=False)
    filter: Filter


@dataclass(frozen=True, slots=True)
class Traits:
    """What a scan has to know of a dataset as a whole."""

    lengths: tuple[int, ...]  # of the tokens, bytes
    mixed: bool  # whether a token has a byte of 0x80 or above
    start_lengths: tuple[int, ...]  # of the starts of tokens, bytes
    widths: tuple[int, ...]  # of the integers in binary form, bytes
    value_columns: int
    number_density: float  # the most of the numbers about one that is an id are ids, too
    number_values: tuple[int, ...]  # the value columns that are such numbers
    number_columns: tuple[str, ...]  # the names of the columns that short numbers come from


@dataclass(frozen=True, slots=True)
class Catalogue:
    """An open catalogue. The arrays are views of the mapped file."""

    report: EnrolReport
    traits: Traits
    tokens: Table
    roles: npt.NDArray[np.uint8] = field(repr=False)
    names: Table
    passages: Table
    numbers: Table
    name_words: Filter
    text_words: Filter
    starts: Hashes = field(repr=False)
    raw: Hashes = field(repr=False)
    raw_filter: Hashes = field(repr=False)
    raw_records: npt.NDArray[np.uint32] = field(repr=False)
    raw_kinds: npt.NDArray[np.uint8] = field(repr=False)
    texts: npt.NDArray[np.uint8] = field(repr=False)
    values: npt.NDArray[np.uint32] = field(repr=False)  # of records, value columns
    value_keys: Hashes = field(repr=False)
    value_counts: npt.NDArray[np.uint32] = field(repr=False)

    @property
    def hashes(self) -> Hashes:
        """Those of the tokens."""
        return self.tokens.hashes

    @property
    def records(self) -> npt.NDArray[np.uint32]:
        """Of each row of the tokens, its record."""
        return self.tokens.records

    @property
    def filter(self) -> Hashes:
        """Of the tokens."""
        return self.tokens.filter.words

    @property
    def shift(self) -> int:
        """A token's hash shifted right by it is its word in the filter."""
        return self.tokens.filter.shift

    @property
    def lengths(self) -> tuple[int, ...]:
        """Of the tokens, in bytes."""
        return self.traits.lengths

    @property
    def mixed(self) -> bool:
        """Whether a token has a byte of 0x80 or above."""
        return self.traits.mixed

    @property
    def start_lengths(self) -> tuple[int, ...]:
        """Of the starts of tokens, in bytes."""
        return self.traits.start_lengths

    @property
    def widths(self) -> tuple[int, ...]:
        """Of the integers in binary form, in bytes."""
        return self.traits.widths

    @property
    def has_phrases(self) -> bool:
        """Whether there is anything to look for beside tokens."""
        return any(t.hashes.size for t in (self.names, self.passages, self.numbers))


@dataclass(frozen=True, slots=True)
class Content:
    """What a catalogue is written from: its sections, as long arrays on disk."""

    report: EnrolReport
    traits: Traits
    sections: Mapping[str, Column]


def unfinished(path: Path) -> Path:
    """Where a catalogue is while it is written; a crash can leave it there.

    The next enrolment overwrites it. Whoever destroys a fingerprint must look here too.
    """
    return path.with_name(path.name + ".partial")


def write(path: Path, content: Content, seal: bytes) -> str:
    """Write a catalogue, durable and all at once, mode 0600; return its commitment."""
    digest = hmac.new(seal, digestmod=hashlib.sha256)
    try:
        durable.write(path, _sealed(_header(content), content.sections, digest))
    except BaseException:
        unfinished(path).unlink(missing_ok=True)
        raise
    return "sha256:" + digest.hexdigest()


def _sealed(header: bytes, sections: Mapping[str, Column], digest: hmac.HMAC) -> Iterator[bytes]:
    """Yield the file's content; `digest` is then the seal."""
    start = _MAGIC + len(header).to_bytes(4, "little") + header
    digest.update(start)
    yield start
    for column in sections.values():
        for values in column.pieces(_CHUNK):
            piece = values.tobytes()
            digest.update(piece)
            yield piece
        gap = bytes(-column.count * column.kind.itemsize % _ALIGN)
        digest.update(gap)
        yield gap
    yield digest.digest()


def read(path: Path, seal: bytes) -> tuple[Catalogue, str]:
    """Open a catalogue and check its seal; return it with its commitment.

    Raises NotEnrolled or CatalogueDamaged. The whole file is read once: a damaged catalogue
    would otherwise only find less, and a sweep would call that absence.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
    except FileNotFoundError:
        raise NotEnrolled(
            "the dataset has no fingerprint yet", hint="take it with `shredder enroll`"
        ) from None
    except OSError as problem:
        raise CatalogueDamaged(
            f"the fingerprint's catalogue cannot be read: {problem.strerror}",
            hint="see to the state directory's rights and its disk",
        ) from problem
    view = memoryview(whole)
    expected = hmac.digest(seal, view[:-_SEAL_BYTES], "sha256") if size > _SEAL_BYTES else b""
    if not hmac.compare_digest(expected, view[-_SEAL_BYTES:]):
        raise CatalogueDamaged(
            "the fingerprint's catalogue is damaged or belongs to another key", hint=_AGAIN
        )
    if bytes(view[: len(_MAGIC)]) != _MAGIC:
        raise CatalogueDamaged(
            "the fingerprint's catalogue was written by another version", hint=_AGAIN
        )
    return _parse(view), "sha256:" + expected.hex()


def _parse(view: memoryview) -> Catalogue:
    """Take apart what the seal has proved to be what `write` wrote."""
    start = len(_MAGIC) + 4
    length = int.from_bytes(view[len(_MAGIC) : start], "little")
    header = json.loads(bytes(view[start : start + length]))
    arrays = {
        name: np.frombuffer(view, kind, count, offset)
        for name, (kind, offset, count) in header["sections"].items()
    }
    columns = tuple(
        ColumnReport(**{**column, "role": Role(column["role"]), "reason": Reason(column["reason"])})
        for column in header["report"].pop("columns")
    )
    report = EnrolReport(columns=columns, **header["report"])
    told: Any = {k: tuple(v) if isinstance(v, list) else v for k, v in header["traits"].items()}
    traits = Traits(**told)

    def known(name: str) -> Filter:
        words = arrays[f"{name}.filter"]
        return Filter(words, 64 - (words.size.bit_length() - 1))

    def table(name: str) -> Table:
        return Table(arrays[f"{name}.hashes"], arrays[f"{name}.records"], known(name))

    return Catalogue(
        report=report,
        traits=traits,
        roles=arrays["roles"],
        starts=arrays["starts"],
        raw=arrays["raw"],
        raw_filter=arrays["raw.filter"],
        raw_records=arrays["raw_records"],
        raw_kinds=arrays["raw_kinds"],
        texts=arrays["texts"],
        values=arrays["values"].reshape(report.records, traits.value_columns),
        value_keys=arrays["value_keys"],
        value_counts=arrays["value_counts"],
        tokens=table("tokens"),
        names=table("names"),
        passages=table("passages"),
        numbers=table("numbers"),
        name_words=known("name_words"),
        text_words=known("text_words"),
    )


def _header(content: Content) -> bytes:
    """Return the header, padded so that the first section can follow at once.

    The offsets in it depend on its own length, so that is settled first.
    """

    def text(at: int) -> bytes:
        places = {}
        for name, column in content.sections.items():
            places[name] = (column.kind.str, at, column.count)
            size = column.count * column.kind.itemsize
            at += size + -size % _ALIGN
        header = {
            "report": asdict(content.report),
            "traits": asdict(content.traits),
            "sections": places,
        }
        return json.dumps(header, ensure_ascii=True, separators=(",", ":")).encode()

    before = len(_MAGIC) + 4
    # Offsets of a header this long have no more digits than those of one twice as long.
    room = len(text(2 * len(text(0)) + (1 << 20)))
    room += -(before + room) % _ALIGN
    return text(before + room).ljust(room)


class FilterWriter:
    """Builds a filter from ascending hashes: 16 to 32 bits each, three of them set, in one word."""

    def __init__(self, scratch: Scratch, count: int) -> None:
        self._size = 1 << max(4, int(count / 4).bit_length())
        self._shift = np.uint64(64 - (self._size.bit_length() - 1))
        self._next = 0  # the word that is open
        self._open = np.zeros(1, np.uint64)  # hashes of the next piece may fall into it, too
        self.column = Column(scratch, "<u8")

    def add(self, hashes: Hashes) -> None:
        """Take in hashes none of which is below those before: words are in the order of hashes."""
        if not hashes.size:
            return
        bits = np.zeros(hashes.size, np.uint64)
        for place in (0, 6, 12):
            bits |= np.uint64(1) << ((hashes >> np.uint64(place)) & np.uint64(63))
        at = (hashes >> self._shift).astype(np.int64)
        starts = np.flatnonzero(np.concatenate(([True], at[1:] != at[:-1])))
        words = np.zeros(int(at[-1]) + 1 - self._next, np.uint64)
        words[at[starts] - self._next] = np.bitwise_or.reduceat(bits, starts)
        words[0] |= self._open[0]
        self.column.add(words[:-1])
        self._open = words[-1:]
        self._next = int(at[-1])

    def finish(self) -> Column:
        """Return the filter."""
        self.column.add(self._open)
        for at in range(self._next + 1, self._size, _CHUNK // 8):
            self.column.add(np.zeros(min(self._size - at, _CHUNK // 8), np.uint64))
        return self.column

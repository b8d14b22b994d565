"""The catalogue: what a fingerprint keeps on disk, mapped into memory to look things up.

Layout, all numbers little-endian::

    8   magic, with the version of the layout
    4   length of the header
    …   header: JSON in ASCII; counts, columns, and where each section lies
    …   sections, each at a multiple of 64 bytes, zeros between:
          hashes   uint64[n]  SipHash-2-4 of each token, ascending; equal ones side by side
          records  uint32[n]  the number of the record that has the token, in source order
          roles    uint8[n]   PRIVATE_TOKEN or PERSON_TOKEN; the same for equal hashes
          filter   uint64[m]  three bits of each hash, in the word that its highest bits choose
          starts   uint64[m]  a filter of the first bytes of tokens, see `starts`
          raw      uint64[r]  likewise of each value's binary forms, see `raw`, ascending
          raw_records uint32[r], raw_kinds uint8[r]: PRIVATE_TOKEN, PERSON_TOKEN or INTEGER
    32  seal: HMAC-SHA256 over all before it

A reader looks sections up by name, so later ones can be added. There is no token in it, in any
form but its keyed hash; with the key, low-entropy values could be guessed, so key and catalogue
together are personal data, and the key lies elsewhere.
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
from shredder.fingerprint import starts
from shredder.fingerprint.errors import CatalogueDamaged, NotEnrolled
from shredder.fingerprint.report import ColumnReport, EnrolReport
from shredder.fingerprint.roles import Role
from shredder.fingerprint.siphash import Hashes
from shredder.fingerprint.values import Reason

_MAGIC = b"SHRDFP\x00\x01"
_ALIGN = 64
_SEAL_BYTES = 32
_CHUNK = 1 << 24
_TYPES = {
    "hashes": "<u8",
    "records": "<u4",
    "roles": "|u1",
    "filter": "<u8",
    "starts": "<u8",
    "raw": "<u8",
    "raw_records": "<u4",
    "raw_kinds": "|u1",
}

PRIVATE_TOKEN, PERSON_TOKEN, INTEGER = 1, 2, 3

_AGAIN = "enrol the dataset again from its sources: `shredder enroll`"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """An open catalogue. The arrays are views of the mapped file."""

    report: EnrolReport
    lengths: tuple[int, ...]  # of the tokens in it, bytes
    mixed: bool  # whether a token has a byte of 0x80 or above
    hashes: Hashes = field(repr=False)
    records: npt.NDArray[np.uint32] = field(repr=False)
    roles: npt.NDArray[np.uint8] = field(repr=False)
    filter: Hashes = field(repr=False)
    shift: int  # a hash shifted right by it is its word in the filter
    starts: Hashes = field(repr=False)
    start_lengths: tuple[int, ...]  # of the starts that are in it, bytes
    raw: Hashes = field(repr=False)
    raw_records: npt.NDArray[np.uint32] = field(repr=False)
    raw_kinds: npt.NDArray[np.uint8] = field(repr=False)
    widths: tuple[int, ...]  # of the integers in it, bytes


@dataclass(frozen=True, slots=True)
class Content:
    """What a catalogue is written from; rows sorted by hash, then record; each pair once."""

    report: EnrolReport
    lengths: tuple[int, ...]
    mixed: bool
    hashes: Hashes
    records: npt.NDArray[np.uint32]
    roles: npt.NDArray[np.uint8]
    starts: Hashes
    start_lengths: tuple[int, ...]
    raw: Hashes
    raw_records: npt.NDArray[np.uint32]
    raw_kinds: npt.NDArray[np.uint8]
    widths: tuple[int, ...]


def unfinished(path: Path) -> Path:
    """Where a catalogue is while it is written; a crash can leave it there.

    The next enrolment overwrites it. Whoever destroys a fingerprint must look here too.
    """
    return path.with_name(path.name + ".partial")


def write(path: Path, content: Content, seal: bytes) -> str:
    """Write a catalogue, durable and all at once, mode 0600; return its commitment."""
    sections: dict[str, npt.NDArray[Any]] = {
        "hashes": content.hashes,
        "records": content.records,
        "roles": content.roles,
        "filter": _filter(content.hashes),
        "starts": content.starts,
        "raw": content.raw,
        "raw_records": content.raw_records,
        "raw_kinds": content.raw_kinds,
    }
    digest = hmac.new(seal, digestmod=hashlib.sha256)
    try:
        durable.write(path, _sealed(_header(content, sections), sections, digest))
    except BaseException:
        unfinished(path).unlink(missing_ok=True)
        raise
    return "sha256:" + digest.hexdigest()


def _sealed(
    header: bytes, sections: Mapping[str, npt.NDArray[Any]], digest: hmac.HMAC
) -> Iterator[bytes]:
    """Yield the file's content; `digest` is then the seal."""
    start = _MAGIC + len(header).to_bytes(4, "little") + header
    digest.update(start)
    yield start
    for name, array in sections.items():
        data = np.ascontiguousarray(array, dtype=_TYPES[name]).view(np.uint8)
        for at in range(0, data.size, _CHUNK):
            piece = data[at : at + _CHUNK].tobytes()
            digest.update(piece)
            yield piece
        gap = bytes(-data.size % _ALIGN)
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
        name: np.frombuffer(view, _TYPES[name], count, offset)
        for name, (offset, count) in header["sections"].items()
    }
    columns = tuple(
        ColumnReport(**{**column, "role": Role(column["role"]), "reason": Reason(column["reason"])})
        for column in header["report"].pop("columns")
    )
    return Catalogue(
        report=EnrolReport(columns=columns, **header["report"]),
        lengths=tuple(header["lengths"]),
        mixed=header["mixed"],
        shift=starts.shift_of(arrays["filter"]),
        start_lengths=tuple(header["start_lengths"]),
        widths=tuple(header["widths"]),
        **arrays,
    )


def _header(content: Content, sections: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return the header, padded so that the first section can follow at once.

    The offsets in it depend on its own length, so that is settled first.
    """

    def text(at: int) -> bytes:
        places = {}
        for name, array in sections.items():
            places[name] = (at, array.size)
            size = array.size * np.dtype(_TYPES[name]).itemsize
            at += size + -size % _ALIGN
        header = {
            "report": asdict(content.report),
            "lengths": content.lengths,
            "mixed": content.mixed,
            "start_lengths": content.start_lengths,
            "widths": content.widths,
            "sections": places,
        }
        return json.dumps(header, ensure_ascii=True, separators=(",", ":")).encode()

    before = len(_MAGIC) + 4
    # Offsets of a header this long have no more digits than those of one twice as long.
    room = len(text(2 * len(text(0)) + (1 << 20)))
    room += -(before + room) % _ALIGN
    return text(before + room).ljust(room)


def _filter(hashes: Hashes) -> Hashes:
    words = starts.room(hashes.size)
    starts.insert(words, hashes)
    return words

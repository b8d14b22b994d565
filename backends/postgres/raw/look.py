"""Looking for the dataset in raw bytes: what rows that are seen hold, and all the rest, apart.

Each byte is looked at as it is, and once more with the values in it told apart, so that a value is
found beside its header and a name in its two words. What is compressed is opened; of TOAST tables
the values are put together. In trees of expressions a literal is the numbers of its bytes
(``outDatum`` in ``outfuncs.c``), which are put together, too.
"""

from __future__ import annotations

import re
from dataclasses import astuple, dataclass
from typing import NamedTuple

import numpy as np

from backends import content
from backends.contract import Matcher, Signs, Verdict, strongest
from backends.postgres.raw import packed, toast
from backends.postgres.raw.compiled import Mask, Numbers
from backends.postgres.raw.pages import FREED, PAGE, ROW, Reader, Windows
from backends.postgres.raw.separate import separated
from backends.postgres.raw.transactions import Transactions
from backends.postgres.raw.wal import Stretch

_XMIN_COMMITTED, _XMIN_INVALID, _XMAX_INVALID = 0x100, 0x200, 0x800  # of an infomask
_XMAX_COMMITTED, _XMAX_MULTI, _LOCKED_ONLY, _LOCKED_SOMEHOW = 0x400, 0x1000, 0x80, 0x50
_NO_LIBRARY = "opener-not-installed"
# Signed or not, as the machine has it; the end may be written over.
_SPELLED = re.compile(rb"\[ ((?:-?[0-9]{1,3} ){4,})")
_BATCH = 512 << 10  # bytes of values that are looked at together


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found of the dataset."""

    verdict: Verdict | None
    records: int  # distinct ones, at least
    signs: Signs
    bytes_read: int
    reason: str  # why it was not looked at in full; a code

    @property
    def record(self) -> bool:
        """Whether a record is there, or enough that counts together."""
        return self.verdict in {Verdict.COPY, Verdict.LIKELY}


class Look:
    """A look at one kind of bytes."""

    def __init__(self, matcher: Matcher) -> None:
        self._scan = matcher.scan()
        self._others = matcher.scan()  # probes another run of bytes
        self._values = content.Examiner(matcher)
        self._gatherer = toast.Gatherer()
        self._opened: list[bytes] = []
        self._size = 0  # of these
        self._bytes = 0
        self._reason = ""

    def note(self, reason: str) -> None:
        """Keep the first reason why something was not looked at."""
        self._reason = self._reason or reason

    def windows(self, text: bytes, ends: Numbers) -> None:
        """Look at windows."""
        if ends.size:
            self._scan.feed(text, ends)  # type: ignore[arg-type]  # an array is a sequence of numbers

    def raw(self, data: bytes) -> None:
        """Look at the next bytes of a run as they are; none ends it."""
        self._bytes += len(data)
        self._scan.probe(data)
        self._spelled(data)

    def _spelled(self, text: bytes) -> None:
        for found in _SPELLED.finditer(text):
            self.value(bytes(int(each) & 0xFF for each in found[1].split()))

    def value(self, data: bytes) -> None:
        """Look at a value that was put together, or opened: one window, and as it is."""
        self._opened.append(data + b"\n")
        self._size += len(data) + 1
        if self._size >= _BATCH:
            self._look_at_opened()

    def _look_at_opened(self) -> None:
        ends = np.cumsum([len(each) for each in self._opened], dtype=np.int64)
        together = b"".join(self._opened)
        self._opened, self._size = [], 0
        self.windows(together, ends)
        self._others.probe(together)
        self._spelled(together)

    def document(self, data: bytes) -> None:
        """Look at a value that was put together: it may be a file of any kind."""
        head = data[: content.HEAD]
        if any(opener.recognises(head) for opener in content.installed_openers()):
            self._values.take(data)
        else:
            self.value(data)

    def chunk(self, number: int, part: int, data: bytes) -> None:
        """Take in a chunk of a value that lies in a TOAST table."""
        try:
            for whole in self._gatherer.take(number, part, data):
                self.document(whole)
        except packed.NoLibrary:
            self.note(_NO_LIBRARY)

    def packed(self, block: bytes, pairs: Numbers) -> None:
        """Look at what may be compressed in a block, at these places and of these lengths."""
        try:
            for _, data in packed.values(block, pairs):
                self.value(data)
        except packed.NoLibrary:
            self.note(_NO_LIBRARY)

    def bytes(self, data: bytes) -> None:
        """Look at bytes of which nothing is known but that they hang together."""
        stops = np.array([len(data)], np.int64)
        text, ends, pairs = separated(data, stops)
        self.windows(text, ends)
        self.packed(data, pairs)
        self.raw(data)

    def seen(self) -> Seen:
        """Sum up."""
        try:
            for whole in self._gatherer.rest():
                self.document(whole)
        except packed.NoLibrary:
            self.note(_NO_LIBRARY)
        while self._opened:  # a literal in what was opened comes after it
            self._look_at_opened()
        inside = self._values.reading()
        found = [self._scan.evidence(), self._others.evidence()]
        found += [inside.evidence] if inside else []
        return Seen(
            strongest(each.verdict for each in found),
            max(each.records for each in found),
            Signs(*map(sum, zip(*(astuple(each.signs) for each in found), strict=True))),
            self._bytes,
            self._reason or (inside.reason if inside else ""),
        )


class Both(NamedTuple):
    """What the rows that are seen hold, and what everything else does."""

    rows: Seen
    rest: Seen


class RelationLook:
    """A look at the files of one table, with its TOAST table and its indexes."""

    def __init__(self, matcher: Matcher, transactions: Transactions | None, reader: Reader) -> None:
        """Without `transactions` no row is taken for one that is seen."""
        self._rows, self._rest = Look(matcher), Look(matcher)
        self._transactions = transactions
        self._reader = reader

    def pages(self, data: bytes, *, chunks: bool = False) -> None:
        """Look at the next pages of a file; `chunks`: it is a TOAST table's."""
        whole = len(data) // PAGE * PAGE
        for at in range(0, whole, self._reader.bytes):
            self._pages(data[at : min(at + self._reader.bytes, whole)], chunks=chunks)
        if whole < len(data):  # torn off in mid-page
            self._rest.bytes(data[whole:])

    def end_of_file(self) -> None:
        """End a run of bytes."""
        self._rows.raw(b"")
        self._rest.raw(b"")

    def seen(self) -> Both:
        """Sum up."""
        return Both(self._rows.seen(), self._rest.seen())

    def note(self, reason: str) -> None:
        """Keep why something was not looked at."""
        self._rest.note(reason)

    def _pages(self, block: bytes, *, chunks: bool) -> None:
        if not block.strip(b"\0"):
            self.end_of_file()
            return
        found = self._reader.read(block)
        rows = self._visible(found)
        for look, those in ((self._rows, rows), (self._rest, ~rows)):
            if those.any():
                look.windows(*_some(found, those))
                pairs = found.packed.reshape(-1, 2)[those[found.owners]]
                look.packed(block, pairs.ravel())
        if chunks:
            self._chunks(block, found, rows)
        if rows.any():
            used, block = _parted(block, found, rows)
            self._rows.raw(used)
        self._rest.raw(block)

    def _visible(self, found: Windows) -> Mask:
        """Whether each window is of a row that somebody sees, or will."""
        rows = found.kinds == ROW
        if self._transactions is None or not rows.any():
            return np.zeros(rows.size, np.bool_)
        masks = found.masks
        frozen = masks & (_XMIN_COMMITTED | _XMIN_INVALID) == _XMIN_COMMITTED | _XMIN_INVALID
        begun = (masks & _XMIN_COMMITTED != 0) | self._transactions.may_commit(found.xmins)
        begun &= frozen | (masks & _XMIN_INVALID == 0)
        locked = (masks & _LOCKED_ONLY != 0) | (masks & (_XMAX_MULTI | _LOCKED_SOMEHOW) == 0x40)
        ended = (found.xmaxes != 0) & (masks & _XMAX_INVALID == 0) & ~locked
        plain = masks & _XMAX_MULTI == 0
        ended &= (
            ~plain | (masks & _XMAX_COMMITTED != 0) | self._transactions.committed(found.xmaxes)
        )
        seen: Mask = rows & begun & ~ended
        return seen

    def _chunks(self, block: bytes, found: Windows, rows: Mask) -> None:
        for number in np.flatnonzero(found.chunks).tolist():
            begin, stop = int(found.begins[number]), int(found.stops[number])
            at = begin + block[begin + 22]
            value = int.from_bytes(block[at : at + 4], "little")
            part = int.from_bytes(block[at + 4 : at + 8], "little")
            head = block[at + 8]
            place = int(found.chunks[number])
            size = (head >> 1) - 1 if head & 1 else _word(block, at + 8) // 4 - 4
            look = self._rows if rows[number] else self._rest
            if found.kinds[number] != FREED or place + size <= stop:
                look.chunk(value, part, block[place : min(place + size, stop)])


def look_at_stretch(look: Look, stretch: Stretch, reader: Reader) -> None:
    """Look at a stretch of the write-ahead log."""
    if stretch.begins:
        look.raw(b"")
    text, ends, pairs = separated(stretch.data, stretch.ends)
    look.windows(text, ends)
    look.packed(stretch.data, pairs)
    look.raw(stretch.data)
    pages = []
    for image in stretch.images:
        try:
            page = packed.page(image)
        except packed.NoLibrary:
            look.note(_NO_LIBRARY)
            continue
        if page is not None:
            pages.append(page)
    if not pages:
        return
    look.raw(b"")
    whole = b"".join(pages)
    for at in range(0, len(whole), reader.bytes):
        block = whole[at : at + reader.bytes]
        found = reader.read(block)
        look.windows(found.text, found.ends)
        look.packed(block, found.packed)
        look.raw(block)
    look.raw(b"")


def _some(found: Windows, those: Mask) -> tuple[bytes, Numbers]:
    """Return some of the windows."""
    if those.all():
        return found.text, found.ends
    sizes = np.diff(found.ends, prepend=0)
    text = np.frombuffer(found.text, np.uint8)[np.repeat(those, sizes)]
    return text.tobytes(), np.cumsum(sizes[those])


def _parted(block: bytes, found: Windows, rows: Mask) -> tuple[bytes, bytes]:
    """Return a block with nothing but some rows, and with zeros in their place."""
    edges = np.zeros(len(block) + 1, np.int32)
    np.add.at(edges, found.begins[rows], 1)
    np.add.at(edges, found.stops[rows], -1)
    used = np.cumsum(edges[:-1]) > 0
    data = np.frombuffer(block, np.uint8)
    return (data * used).tobytes(), (data * ~used).tobytes()


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")

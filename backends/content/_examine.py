"""One stream, from bytes to evidence."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from backends.content import _compound
from backends.content._base64 import Encoded
from backends.content._bounds import Bounds, Limits, Stop, counted, counted_rows
from backends.content._dialect import Dialect
from backends.content._encoding import (
    SAMPLE,
    UTF8_BOM,
    Narrow,
    ebcdic,
    is_binary,
    to_utf8,
    wide_encoding,
)
from backends.content._fields import fields_of, guess_dialect, has_inner_break
from backends.content._header import is_header
from backends.content._opener import HEAD, Beside, Declined, Member, Opener, Part, Raw, Rows
from backends.content._reading import AGE, Reading
from backends.content._records import Block, blocks
from backends.content._registry import installed_openers, lacking
from backends.content._several import has_joint, holds_several
from backends.content._source import CHUNK, Meter, Readable, Source
from backends.content._structure import structure_of
from backends.content._sums import added, without
from backends.content._unopened import why_unopened
from backends.contract import Matcher, RecordClass, Scan
from backends.sealedvalue import is_sealed

Sink = Callable[[Block, bytes], None]
"""Takes each block with the class of each of its records; a header's is BLANK."""


def examine_stream(
    stream: Readable,
    matcher: Matcher,
    *,
    limits: Limits | None = None,
    dialect: Dialect | None = None,
    encoding: str = "",
    sink: Sink | None = None,
    promoted: bool = False,
    digested: bool = True,
) -> Reading:
    """Read a stream to its end and say what of the dataset is in it.

    Containers that an opener recognises are opened, also within one another; of what cannot be
    opened the bytes are looked at as they are, and the reading has a reason. Only
    ``stream.read(n)`` is used, and ``seek()`` where the stream has it; nothing is unpacked to
    disk, and memory does not grow with the stream. What the stream raises goes through.

    With a `dialect` the text is delimited: a record is what RFC 4180 says, and only that. An
    `encoding` is told for texts that are neither supersets of ASCII nor tell theirs by
    themselves. A `sink` gets the text as it was classified, without its byte order mark.
    `promoted`: see :meth:`backends.contract.Matcher.scan`. Not `digested`: for a store that tells
    versions apart without the digest.
    """
    bounds = Bounds(limits or Limits(), matcher.identities)
    meter = Meter(stream, matcher.digest() if digested else None, bounds)
    examination = _Examination(meter, bounds, matcher, dialect, encoding, sink, promoted=promoted)
    examination.document(meter.source(), 0)
    meter.drain()
    return examination.reading()


@dataclass(frozen=True, slots=True)
class Shape:
    """How many fields the records of a text have, by its first one."""

    dialect: Dialect
    fields: int
    nulls: int  # NULs, if these stand between fields

    @classmethod
    def of(cls, record: bytes, dialect: Dialect | None) -> Shape:
        """Return the shape of a text that begins with this record."""
        dialect = dialect or guess_dialect(record)
        nulls = record.count(0) if record.endswith((b"\n", b"\r")) else 0
        return cls(dialect, len(fields_of(record, dialect)), nulls)

    def fits(self, record: bytes) -> bool:
        """Whether a record has as many fields."""
        return len(fields_of(record, self.dialect)) == self.fields


class Examiner:
    """Examines several documents as parts of one unit, such as the values of a table."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self._examination: _Examination | None = None

    def take(self, data: bytes) -> None:
        """Examine a document."""
        examination, meter = self._begun(data)
        examination.document(meter.source(), 0)

    def take_within(self, text: bytes) -> None:
        """Examine what a text says in base64; who calls examines the text itself."""
        examination, meter = self._begun(text)
        meter.drain()
        examination.said_within(text)

    def _begun(self, data: bytes) -> tuple[_Examination, Meter]:
        bounds = Bounds(Limits(), self._matcher.identities)
        meter = Meter(io.BytesIO(data), None, bounds)
        if self._examination is None:
            self._examination = _Examination(meter, bounds, self._matcher, None, "", None)
        self._examination.begin(meter, bounds)
        return self._examination, meter

    def reading(self) -> Reading | None:
        """Sum up what is in all of them; None if there was none. Nothing is digested."""
        return self._examination.reading() if self._examination else None


class _Examination:
    """What is gathered while a stream is read."""

    def __init__(
        self,
        meter: Meter,
        bounds: Bounds,
        matcher: Matcher,
        dialect: Dialect | None,
        encoding: str,
        sink: Sink | None,
        *,
        promoted: bool = False,
    ) -> None:
        self._meter = meter
        self._bounds = bounds
        self._matcher = matcher
        self._dialect = dialect
        self._encoding = encoding
        self._sink = sink
        self._promoted = promoted
        self._scan = matcher.scan(promoted=promoted)
        self._second: Scan | None = None  # wide texts once more, byte by byte
        self._texts = 0
        self._headers = 0
        self._no_records: Counter[int] = Counter()  # windows of texts beside records, by class
        self._divided = True
        self._regular = True
        self._reason = ""
        self._layers: list[str] = []
        self._outermost: list[str] = []  # what the stream is: openers, and texts as ""

    def begin(self, meter: Meter, bounds: Bounds) -> None:
        """Go on with another document."""
        self._meter, self._bounds = meter, bounds

    def said_within(self, text: bytes) -> None:
        """Examine what a whole text says in base64."""
        self._within(Encoded(self._bounds), text, 0, last=True)

    def note(self, reason: str) -> None:
        """Keep the first reason why something was not examined."""
        self._reason = self._reason or reason

    def document(self, source: Source, depth: int) -> None:
        """Examine one text or container, and what follows it."""
        while head := source.peek(HEAD):
            if not self._opened(source, head, depth):
                self._is("", depth)
                self._text(source, depth)
                return
            _skip_zeros(source)

    def _is(self, what: str, depth: int) -> None:
        if not depth and len(self._outermost) < _SEVERAL:
            self._outermost.append(what)

    def _opened(self, source: Source, head: bytes, depth: int) -> bool:
        """Examine what a container holds; False: its bytes are to be looked at as they are."""
        for opener in installed_openers():
            if not opener.recognises(head):
                continue
            if depth == self._bounds.limits.depth:
                self.note("bomb-limit")
                return False
            if lacking(opener):
                self.note("opener-not-installed")
                return False
            taken = source.taken
            try:
                whole = self._parts(opener, source, depth)
            except Declined:
                continue
            self._is(opener.name, depth)
            if whole and source.sought:
                source.drop()
            return source.taken > taken
        self.note(why_unopened(head))
        return False

    def _parts(self, opener: Opener, source: Source, depth: int) -> bool:
        """Examine the parts of a container; whether they were all of it. Raises Declined."""
        upto = _UpTo(self._meter, self.note)
        if opener.name not in self._layers:
            self._layers.append(opener.name)
        try:
            for part in upto.damage(opener.open(source, self._bounds)):
                self._part(part, depth)
        except Declined:
            self._layers.remove(opener.name)
            raise
        return upto.whole

    def _part(self, part: Part, depth: int) -> None:
        upto = _UpTo(self._meter, self.note)
        if isinstance(part, Member):
            chunks = upto.damage(counted(part.source.chunks(), self._bounds))
            self.document(Source(chunks, self._bounds), depth + 1)
        elif isinstance(part, Rows):
            self._texts += 1
            self._rows(upto.damage(counted_rows(part.blocks, self._bounds)), depth)
        elif isinstance(part, Beside):
            self._beside(upto.damage(counted_rows(part.blocks, self._bounds)))
        elif isinstance(part, Raw):
            self._texts += 1
            for chunk in upto.damage(counted(part.chunks, self._bounds)):
                if chunk:
                    self._scan.probe(chunk)
                    # Nobody can tell where a record ends.
                    self._divided = self._divided and part.freed
            self._scan.probe(b"")
        else:
            self.note(part.reason)

    def _rows(self, rows: Iterator[tuple[bytes, list[int]]], depth: int) -> None:
        first = True
        encoded = Encoded(self._bounds)
        for data, ends in rows:
            if not ends:
                continue
            classes = self._scan.feed(data, ends)
            if (
                first
                and classes[0] == RecordClass.FOREIGN
                and is_header(data, ends, self._matcher.columns, _of_rows(data))
            ):
                self._headers += 1
            first = False
            self._judge_rows(data, ends, classes)
            self._within(encoded, data, depth, last=True)

    def _judge_rows(self, data: bytes, ends: list[int], classes: bytes) -> None:
        """Find out whether a value of a row that is a record might hold others, too."""
        if not self._divided or _OURS.isdisjoint(classes):
            return
        mark = b"\x1f" if b"\x1f" in data else b"\t"
        for (start, end), kind in zip(pairwise([0, *ends]), classes, strict=True):
            if kind in _OURS and any(map(holds_several, data[start : end - 1].split(mark))):
                self._divided = False
                return

    def _beside(self, rows: Iterator[tuple[bytes, list[int]]]) -> None:
        for data, ends in rows:
            if ends:
                self._no_records.update(self._scan.feed(data, ends))

    def _within(self, encoded: Encoded, data: bytes, depth: int, *, last: bool = False) -> None:
        """Examine what a text says in base64. None of it can be taken out of the text."""
        upto = _UpTo(self._meter, self.note)
        texts: list[bytes] = []
        for packed, said in upto.damage(encoded.take(data, last=last)):
            if depth == self._bounds.limits.depth:
                self.note("bomb-limit")
                return
            if packed:
                if not is_sealed(said):  # one value, and of the record that it stands in
                    self._told_in_base64()
                outer = self._dialect, self._sink
                self._dialect = self._sink = None  # they are the text's round it
                self.document(Source(iter((said,)), self._bounds), depth + 1)
                self._dialect, self._sink = outer
            else:
                texts.append(said)
        if not texts:
            return
        inner, narrow = Encoded(self._bounds), Narrow()
        for block in blocks(Source(iter((b"\n".join(texts),)))):
            classes = self._scan.feed(*narrow.utf8(block.data, block.ends))
            self._no_records.update(classes)
            if not _SHOWN.isdisjoint(classes):
                self._told_in_base64()
            self._within(inner, block.data, depth + 1)
        self._within(inner, b"", depth + 1, last=True)

    def _told_in_base64(self) -> None:
        self._divided = False
        if _BASE64 not in self._layers:
            self._layers.append(_BASE64)

    def _text(self, source: Source, depth: int) -> None:
        self._texts += 1
        head = source.peek(SAMPLE)
        encoding, bom = wide_encoding(head)
        encoding = encoding or self._encoding
        guessed = "" if encoding else ebcdic(head)
        encoding = encoding or guessed
        if not encoding:
            if source.peek(len(UTF8_BOM)) == UTF8_BOM:
                source.exactly(len(UTF8_BOM))
            if self._dialect is None and self._sink is None:
                source = Source(_without_holes(source))
            probed = self._dialect is None and is_binary(head)
            self._records(Source(self._probed(source)) if probed else source, depth)
            if probed:
                self._scan.probe(b"")
            return
        # Text in several encodings is not rare where scripts append to files. What the first
        # bytes promise need not hold for the rest, so the bytes are looked at as they are, too.
        source.exactly(bom)
        self._second = second = self._second or self._matcher.scan(promoted=self._promoted)

        def looked_at() -> Iterator[bytes]:
            for chunk in source.chunks():
                for block in blocks(Source(iter((chunk,)))):
                    second.feed(block.data, block.ends)
                yield chunk

        text = to_utf8(Source(looked_at()), encoding, next_line=bool(guessed))
        self._records(Source(text), depth)

    def _probed(self, source: Source) -> Iterator[bytes]:
        """Yield bytes that are no text, of whatever kind, having looked at every place in them."""
        self._divided = False
        for chunk in source.chunks():
            self._scan.probe(chunk)
            yield chunk

    def _records(self, source: Source, depth: int) -> None:
        begins = True
        encoded = Encoded(self._bounds)
        first_record = b""
        narrow = Narrow()
        for block in blocks(source, self._dialect):
            # A byte order mark in mid-text (files that were joined) would stick to a token.
            data, fed = block.data, (block.data, block.ends)
            if not data.isascii():
                data = data.replace(UTF8_BOM, b"   ")
                fed = narrow.utf8(data, block.ends)
            classes = self._scan.feed(*fed)
            if begins:
                first_record = data[: block.ends[0]]
            if (
                begins
                and classes[0] == RecordClass.FOREIGN
                and is_header(data, block.ends, self._matcher.columns, self._dialect)
            ):
                self._headers += 1
                classes = bytes([RecordClass.BLANK]) + classes[1:]
            self._regular = self._regular and block.regular
            self._judge(data, block, classes, first_record, begins=begins)
            begins = False
            if self._sink:
                self._sink(block, classes)
            self._within(encoded, data, depth)
        self._within(encoded, b"", depth, last=True)

    def _judge(
        self, data: bytes, block: Block, classes: bytes, first_record: bytes, *, begins: bool
    ) -> None:
        """Find out whether a window that holds a record might hold others, too."""
        if not self._divided or not (_RECORD in classes or _TRACE in classes):
            return
        shape = Shape.of(first_record, self._dialect)
        strict = self._dialect is not None and block.regular
        for (start, end), kind in zip(pairwise([0, *block.ends]), classes, strict=True):
            if kind not in _OURS:
                continue
            window = data[start:end]
            if block.structure:
                first = begins and not start
                self._divided = not _compound.separated(window, 0) and block.structure.alone(
                    window, first=first
                )
                if not self._divided:
                    return
                continue
            if has_inner_break(window) and not shape.fits(window):
                self._divided = False  # two stray quote marks can make one record of two
                return
            nested = (begins and len(block.ends) == 1) or window.lstrip().startswith(b"[")
            if (
                has_joint(window)
                or (nested and self._dialect and _is_list(window))
                or (not strict and _compound.undivided(window, shape.nulls))
            ):
                self._divided = False
                return

    def reading(self) -> Reading:
        """Sum up."""
        evidence = self._scan.evidence()
        evidence = without(evidence, self._no_records, self._headers)
        divided = self._divided
        if self._second:
            evidence, more = added(evidence, self._second.evidence())
            divided = divided and not more
        return Reading(
            evidence=evidence,
            bytes_read=self._meter.bytes_read,
            digest=self._meter.hexdigest(),
            reason=self._reason,
            layers=tuple(self._layers),
            divided=divided,
            regular=self._regular,
            texts=self._texts,
            sealed=self._outermost == [AGE] and not self._bounds.shared,
        )


_SEVERAL = 2
_HOLE = bytes(CHUNK)
_RECORD, _TRACE = bytes([RecordClass.RECORD]), bytes([RecordClass.TRACE])
_OURS = {RecordClass.RECORD, RecordClass.TRACE}
_SHOWN = {*_OURS, RecordClass.PERSON}
_BASE64 = "base64"


_T = TypeVar("_T")


class _UpTo:
    """Ends what others produce at the first error in it, and names the reason."""

    def __init__(self, meter: Meter, note: Callable[[str], None]) -> None:
        self._meter = meter
        self._note = note
        self.whole = True

    def damage(self, items: Iterator[_T]) -> Iterator[_T]:
        """Yield what could be made out before the damage, which so gets examined.

        Libraries raise what they like at bytes that are made to break them. What the stream
        itself raised goes through.
        """
        while True:
            try:
                item = next(items)
            except StopIteration:
                return
            except Declined:
                raise
            except Exception as error:
                if self._meter.failed:
                    raise
                self._note(_reason(error))
                self.whole = False
                return
            yield item


def _without_holes(source: Source) -> Iterator[bytes]:
    """Yield a text with one NUL for each chunk of nothing else: of sparse files that is most."""
    for chunk in source.chunks():
        yield chunk[:1] if chunk == _HOLE[: len(chunk)] else chunk


def _is_list(text: bytes) -> bool:
    """Whether a text that was taken for one line is JSON or XML of several records."""
    found = structure_of(text, complete=True)
    return found is not None and len(found.ends(text)) > 1


def _of_rows(data: bytes) -> Dialect:
    return Dialect(b"\x1f" if b"\x1f" in data else b"\t", b"")


def _reason(error: Exception) -> str:
    if isinstance(error, Stop):
        return error.reason
    return "bomb-limit" if isinstance(error, RecursionError | MemoryError) else "damaged-container"


def _skip_zeros(source: Source) -> None:
    """Skip padding after a container."""
    while data := source.peek(CHUNK):
        rest = data.lstrip(b"\x00")
        source.exactly(len(data) - len(rest))
        if rest:
            return

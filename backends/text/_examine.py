"""One stream, from bytes to evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, replace
from itertools import pairwise

from backends.contract import Evidence, Matcher, RecordClass, Scan, Signs, Verdict
from backends.text import _compound
from backends.text._compressed import decompressed
from backends.text._dialect import Dialect
from backends.text._encoding import SAMPLE, UTF8_BOM, to_utf8, wide_encoding
from backends.text._fields import fields_of, guess_dialect, has_inner_break
from backends.text._header import is_header
from backends.text._magic import HEAD, identify
from backends.text._reading import Limits, Reading
from backends.text._records import Block, blocks
from backends.text._source import CHUNK, Meter, Readable, Source, Stop, raw
from backends.text._tar import tar_members
from backends.text._zip import zip_members

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
) -> Reading:
    """Read a stream to its end and say what of the dataset is in it.

    gzip, bz2, xz, zip and tar are opened, also within one another; of what cannot be opened the
    bytes are looked at as they are, and the reading has a reason. Only ``stream.read(n)`` is
    used; nothing is unpacked to disk, and memory does not grow with the stream. What the stream
    raises goes through.

    With a `dialect` the text is delimited: a record is what RFC 4180 says, and only that. An
    `encoding` is told for texts that are neither supersets of ASCII nor tell theirs by
    themselves. A `sink` gets the text as it was classified, without its byte order mark.
    `promoted`: see :meth:`backends.contract.Matcher.scan`.
    """
    meter = Meter(stream, matcher.digest(), limits or Limits())
    examination = _Examination(meter, matcher, dialect, encoding, sink, promoted=promoted)
    try:
        examination.document(raw(meter), 0)
    except Stop as stop:
        examination.note(stop.reason)
    meter.drain()
    return examination.reading()


@dataclass(frozen=True, slots=True)
class Shape:
    """How many fields the records of a text have, by its first one."""

    dialect: Dialect
    fields: int

    @classmethod
    def of(cls, record: bytes, dialect: Dialect | None) -> Shape:
        """Return the shape of a text that begins with this record."""
        dialect = dialect or guess_dialect(record)
        return cls(dialect, len(fields_of(record, dialect)))

    def fits(self, record: bytes) -> bool:
        """Whether a record has as many fields."""
        return len(fields_of(record, self.dialect)) == self.fields


class _Examination:
    """What is gathered while a stream is read."""

    def __init__(
        self,
        meter: Meter,
        matcher: Matcher,
        dialect: Dialect | None,
        encoding: str,
        sink: Sink | None,
        *,
        promoted: bool,
    ) -> None:
        self._meter = meter
        self._matcher = matcher
        self._dialect = dialect
        self._encoding = encoding
        self._sink = sink
        self._promoted = promoted
        self._scan = matcher.scan(promoted=promoted)
        self._second: Scan | None = None  # wide texts once more, byte by byte
        self._texts = 0
        self._headers = 0
        self._windows = 0
        self._divided = True
        self._joint = False
        self._regular = True
        self._reason = ""
        self._layers: list[str] = []

    def note(self, reason: str) -> None:
        """Keep the first reason why something was not examined."""
        self._reason = self._reason or reason

    def document(self, source: Source, depth: int) -> None:
        """Examine one text or container, and what follows it. Raises Stop."""
        while head := source.peek(HEAD):
            kind, reason = identify(head)
            self.note(reason)
            if not kind:
                self._text(source)
                return
            if depth == self._meter.limits.depth:
                raise Stop("bomb-limit")
            if kind not in self._layers:
                self._layers.append(kind)
            if kind == "zip":
                self._members(zip_members(source, self._meter, self.note), depth)
            elif kind == "tar":
                self._members(tar_members(source, self._meter, self.note), depth)
            else:
                self._inner(Source(decompressed(kind, source, self._meter)), depth)
            _skip_zeros(source)

    def _members(self, members: Iterator[Source], depth: int) -> None:
        for member in members:
            self._inner(member, depth)

    def _inner(self, source: Source, depth: int) -> None:
        """Examine what a container holds, up to where it is damaged or a limit is hit."""
        self.document(Source(_until_damage(source, self.note)), depth + 1)

    def _text(self, source: Source) -> None:
        self._texts += 1
        encoding, bom = wide_encoding(source.peek(SAMPLE))
        encoding = encoding or self._encoding
        if not encoding:
            if source.peek(len(UTF8_BOM)) == UTF8_BOM:
                source.exactly(len(UTF8_BOM))
            self._records(source)
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

        self._records(Source(to_utf8(Source(looked_at()), encoding)))

    def _records(self, source: Source) -> None:
        shape: Shape | None = None
        for block in blocks(source, self._dialect):
            # A byte order mark in mid-text (files that were joined) would stick to a token.
            data = block.data.replace(UTF8_BOM, b"   ") if UTF8_BOM in block.data else block.data
            classes = self._scan.feed(data, block.ends)
            first = shape is None
            if shape is None:
                shape = Shape.of(data[: block.ends[0]], self._dialect)
            if (
                first
                and classes[0] == RecordClass.FOREIGN
                and is_header(data, block.ends, self._matcher.columns, self._dialect)
            ):
                self._headers += 1
                classes = bytes([RecordClass.BLANK]) + classes[1:]
            self._regular = self._regular and block.regular
            self._windows += len(block.ends)
            self._judge(data, block, classes, shape)
            if self._sink:
                self._sink(block, classes)

    def _judge(self, data: bytes, block: Block, classes: bytes, shape: Shape) -> None:
        """Find out whether a window that holds a record might hold others, too."""
        if not self._divided or not (_RECORD in classes or _TRACE in classes):
            return
        strict = self._dialect is not None and block.regular
        for (start, end), kind in zip(pairwise([0, *block.ends]), classes, strict=True):
            if kind not in _OURS:
                continue
            window = data[start:end]
            if has_inner_break(window) and not shape.fits(window):
                self._divided = False  # two stray quote marks can make one record of two
                return
            if not strict:
                if _compound.undivided(window):
                    self._divided = False
                    return
                self._joint = self._joint or (self._windows == 1 and _compound.has_joint(window))

    def reading(self) -> Reading:
        """Sum up."""
        evidence = self._scan.evidence()
        evidence = replace(
            evidence,
            foreign=evidence.foreign - self._headers,
            blank=evidence.blank + self._headers,
        )
        divided = self._divided and not (self._joint and self._windows == 1)
        if self._second:
            evidence, added = _added(evidence, self._second.evidence())
            divided = divided and not added
        return Reading(
            evidence=evidence,
            bytes_read=self._meter.bytes_read,
            digest=self._meter.hexdigest(),
            reason=self._reason,
            layers=tuple(self._layers),
            divided=divided,
            regular=self._regular,
            texts=self._texts,
        )


_RECORD, _TRACE = bytes([RecordClass.RECORD]), bytes([RecordClass.TRACE])
_OURS = {RecordClass.RECORD, RecordClass.TRACE}
_STRONGEST = tuple(Verdict)


def _until_damage(source: Source, note: Callable[[str], None]) -> Iterator[bytes]:
    """Yield what a container holds up to the damage: what was readable gets examined."""
    try:
        yield from source.chunks()
    except Stop as stop:
        note(stop.reason)


def _added(first: Evidence, second: Evidence) -> tuple[Evidence, bool]:
    """Return the evidence of both looks at the same bytes, if the second one saw something."""
    if second.verdict is None and not second.matched:
        return first, False
    if first.verdict is None:
        return second, True
    return (
        Evidence(
            windows=first.windows + second.matched + second.person + second.trace,
            matched=first.matched + second.matched,
            records=max(first.records, second.records),  # they may be the same ones
            person=first.person + second.person,
            foreign=first.foreign,
            blank=first.blank,
            verdict=min(first.verdict, second.verdict or first.verdict, key=_STRONGEST.index),
            trace=first.trace + second.trace,
            promoted=first.promoted or second.promoted,
            signs=Signs(*map(sum, zip(astuple(first.signs), astuple(second.signs), strict=True))),
        ),
        True,
    )


def _skip_zeros(source: Source) -> None:
    """Skip padding after a container."""
    while data := source.peek(CHUNK):
        rest = data.lstrip(b"\x00")
        source.exactly(len(data) - len(rest))
        if rest:
            return

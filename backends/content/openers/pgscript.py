"""Scripts of pg_dump, and rows as COPY has them: for the sake of the binary values in them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backends.content import (
    HEAD,
    SAMPLE,
    Bounds,
    Member,
    Opaque,
    Opener,
    Part,
    Source,
    Stop,
    identify,
    is_binary,
    wide_encoding,
)

_SCRIPT = re.compile(rb"--\r?\n(?=-- PostgreSQL database (?:cluster )?dump)")
_ROWS = 1 << 20  # bytes of rows that are looked through for binary values at once
# A bytea in hexadecimal, alone in its field; COPY doubles the backslash.
_HEX = re.compile(rb"(?<![^\t\n])\\\\x((?:[0-9a-f]{2})+)(?=[\t\n])")
# The same among the first bytes of a document, where it may go on beyond these.
_FIELD = re.compile(rb"(?:\A|[\t\n])\\\\x(?:[0-9a-f]{2})+(?:[\t\n]|[0-9a-f]?\Z)")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


class Script(Opener):
    """Opens a script of SQL and COPY blocks for the sake of its binary values."""

    name = "pg_dump-script"
    precedes = frozenset({"copy-rows"})

    def recognises(self, head: bytes) -> bool:
        """Tell by the comment at the top."""
        return _SCRIPT.match(head) is not None

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        """Yield the text, then the files in it."""
        found = _SCRIPT.match(source.peek(4))
        source.exactly(found.end() if found else 3)  # or the rest would be taken for another one
        yield from CopyRows(source.chunks(), bounds).parts()


class Rows(Opener):
    """Opens rows as COPY and pg_dump's folders have them, for the same sake."""

    name = "copy-rows"

    def recognises(self, head: bytes) -> bool:
        """Tell by a field that is a binary value in hexadecimal, doubled backslash and all."""
        return _FIELD.search(head) is not None

    def open(self, source: Source, bounds: Bounds) -> Iterator[Part]:
        """Yield the text, then the files in it."""
        yield from CopyRows(source.chunks(), bounds).parts()


SCRIPT, ROWS = Script(), Rows()


class CopyRows:
    """Rows in COPY's text form, whose binary values are read or kept to be opened."""

    def __init__(self, chunks: Iterator[bytes], bounds: Bounds) -> None:
        self._chunks = chunks
        self._bounds = bounds
        self._documents: list[bytes] = []
        self._held = 0
        self._missed = False

    def parts(self) -> Iterator[Part]:
        """Yield the rows as text, then what has to be opened."""
        try:
            yield Member(Source(self._text()))
            for document in self._documents:
                self._bounds.member()
                yield Member(Source(iter([document])))
        finally:
            self._bounds.hold(-self._held)
        if self._missed:
            yield Opaque("too-large-to-open")

    def _text(self) -> Iterator[bytes]:
        kept = b""
        try:
            for chunk in self._chunks:
                kept += chunk
                if len(kept) < _ROWS:
                    continue
                end = kept.rfind(b"\n") + 1
                if not end and len(kept) <= self._bounds.limits.memory // 4:
                    continue
                self._missed = self._missed or not end
                end = end or len(kept)
                yield self._read(kept[:end])
                kept = kept[end:]
        except Stop:
            yield self._read(kept)  # what came before the damage
            raise
        yield self._read(kept)

    def _read(self, rows: bytes) -> bytes:
        return _HEX.sub(self._value, rows) if b"\\\\x" in rows else rows

    def _value(self, found: re.Match[bytes]) -> bytes:
        """Return a binary value as the text that it is; keep for later what is to be opened."""
        data = bytes.fromhex(found[1].decode("ascii"))
        head = data[:SAMPLE]
        if not any(identify(data[:HEAD])) and not wide_encoding(head)[0] and not is_binary(head):
            return _CONTROL.sub(b" ", data)
        try:
            self._bounds.hold(len(data))
        except Stop:
            self._missed = True
        else:
            self._held += len(data)
            self._documents.append(data)
        return b" "

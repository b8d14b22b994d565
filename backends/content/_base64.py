r"""Base64 (RFC 4648, sections 4 and 5) within other text: a field, a token of a URL, a data URI.

A run is sixteen characters and more; it goes on over the ends of lines of forty and more, which
may be written as ``\n``, and from one block into the next. It is looked into if it begins as text
does (of any encoding that has ASCII in it, or UTF-16), or as a container of the usual kinds; what
else is made of these characters, a digest or a picture, is passed over.
"""

from __future__ import annotations

import binascii
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from backends.content._bounds import Bounds
from backends.content._encoding import wide_encoding
from backends.content._lines import ENCODED_BEGINS, route
from backends.content._opener import HEAD
from backends.content._registry import identify

if TYPE_CHECKING:
    from backends.content._base64_fast import Texts

_LINES = 40  # characters of a line that goes on, and more
_ALPHABET = b"+-/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
_LINE = rb"(?=[0-9A-Za-z+/_-]++={0,2}+(?:[\r\n\"'<\\]|\Z))"  # a line of nothing else
_BREAK = rb"(?:\r?\n[ \t]*+|\\r\\n|\\n)"
_LONG_LINE = rb"[0-9A-Za-z+/_-]{%d,}+" % _LINES
_RUN = re.compile(
    rb"(?:" + _LONG_LINE + _BREAK + rb"(?:" + _LINE + rb"|\Z))*+[0-9A-Za-z+/_-]*+={0,2}"
)
_MORE = re.compile(rb"(?:" + _BREAK + _LINE + rb")?+" + _RUN.pattern)
_MORE_LINES = re.compile(_LINE + _RUN.pattern)
_BREAKS = re.compile(rb"[\r\n \t]|\\r|\\n")
_PLAIN = bytes.maketrans(b"-_", b"+/")
_CONTROLS = bytes([*range(9), 11, 12, *range(14, 32), 127])
_PRINTED = bytes([9, 10, 13, *range(32, 127)])
_HEAD = 1024  # characters by which it is told whether a run is text
_LEAST = 12  # bytes of a text
_OTHERS = 20  # in a hundred bytes of a text are no ASCII, if it is not UTF-8
_REACH = 256  # bytes before a run that may belong to it
_LONGEST = 1 << 20  # bytes of a line of what is said; a longer one is cut between words
_WORD_END = re.compile(rb"[^0-9A-Za-z@._+\x80-\xff-](?=[0-9A-Za-z@._+\x80-\xff-]*\Z)")


@dataclass(slots=True)
class _Open:
    """A run that goes on."""

    packed: bool  # a container
    wide: str = ""  # the encoding, if it is UTF-16
    left: bytes = b""  # characters that wait for others
    at_line: bool = False  # it goes on with a line
    said: bytearray = field(default_factory=bytearray)

    def add(self, run: bytes) -> None:
        self.at_line = run.endswith((b"\n", b" ", b"\t", b"\\n"))
        encoded = self.left + _clean(run)
        whole = len(encoded) // 4 * 4
        self.left = encoded[whole:]
        self.said += binascii.a2b_base64(encoded[:whole])

    def end(self) -> None:
        if len(self.left) > 1:
            self.said += binascii.a2b_base64(self.left.ljust(4, b"="))
        self.left = b""


class Encoded:
    """Finds base64 in the blocks of one text, which come in order."""

    def __init__(self, bounds: Bounds, *, fast: bool = True) -> None:
        """Not `fast`: without compiled code, to the same result."""
        self._bounds = bounds
        self._open: _Open | None = None
        self._texts = compiled_texts() if fast else None

    def take(self, block: bytes, *, last: bool = False) -> Iterator[tuple[bool, bytes]]:
        """Yield what is said in base64, and whether it is a container; of a text, whole lines.

        Raises Stop where a container is too large to be held.
        """
        at = 0
        if self._open is not None:
            run = (_MORE_LINES if self._open.at_line else _MORE).match(block)
            more = run[0] if run else b""
            at = len(more)
            ended = last or at < len(block) or more.endswith(b"=")
            yield from self._go_on(self._open, more, ended=ended)
        places = route().encoded(block)
        number = 0
        while number < places.size:
            if self._texts is not None:
                said, number, at = self._texts.take(block, places, number, at)
                if said:
                    yield False, said
                if number == places.size:
                    return
            place = int(places[number])
            number += 1
            if place < at:
                continue
            start = _from(block, place, at)
            run = _RUN.match(block, start)
            assert run is not None
            at, whole = run.end(), run[0]
            opened = _begun(whole) if start < place else None
            if opened is None:
                whole = whole[place - start :]
                opened = _begun(whole)
            if opened is not None:
                ended = last or at < len(block) or whole.endswith(b"=")
                yield from self._go_on(opened, whole, ended=ended)

    def _go_on(self, run: _Open, more: bytes, *, ended: bool) -> Iterator[tuple[bool, bytes]]:
        before = len(run.said)
        run.add(more)
        if ended:
            run.end()
        if run.packed:
            self._bounds.hold(len(run.said) - before)
        self._open = None if ended else run
        if ended:
            if run.packed:
                self._bounds.hold(-len(run.said))
            if run.said:
                yield run.packed, _utf8(run.said, run.wide)
        elif not run.packed and (done := _whole_lines(run)):
            said = bytes(run.said[:done])
            del run.said[:done]
            yield False, _utf8(said, run.wide)


@functools.cache
def compiled_texts() -> Texts | None:
    """Return what decodes most of what is text; None without the extra ``fast``."""
    try:
        from backends.content._base64_fast import Texts  # noqa: PLC0415 - numba takes its time
    except ImportError:
        return None
    return Texts(ENCODED_BEGINS, _CONTROLS, (_REACH, _LINES, _HEAD, _LEAST, _OTHERS))


def may_hold_base64(data: bytes) -> bool:
    """Whether there may be base64 within a text, as far as the beginnings of its runs tell."""
    return bool(route().encoded(data).size)


def _from(block: bytes, place: int, least: int) -> int:
    """Return where a run begins that has a place in it: the characters before are all of its.

    As far as :data:`_REACH`, and by whole groups of four, so that what is said stays the same.
    """
    first = place
    while first > max(least, place - _REACH) and block[first - 1] in _ALPHABET:
        first -= 1
    return place - (place - first) // 4 * 4


def _begun(run: bytes) -> _Open | None:
    """Return a run that was begun, if it is looked into."""
    head = _clean(run[:_HEAD])
    size = len(head) // 4 * 4
    said = binascii.a2b_base64(head[:size] + _padded(head[size:]))
    if not run.startswith(ENCODED_BEGINS):
        line = said[: len(_clean(_BREAKS.split(run[:_HEAD], 1)[0])) // 4 * 3] or said
        wide, _ = wide_encoding(line)
        if len(line) >= _LEAST and (wide or _is_text(line)):
            return _Open(packed=False, wide=wide)
    return _Open(packed=True) if identify(said[:HEAD])[0] else None


def _clean(run: bytes) -> bytes:
    """Return the characters of a run alone, those of section 5 as those of section 4."""
    if b"\n" in run or b"\\" in run:
        run = _BREAKS.sub(b"", run)
    return run.translate(_PLAIN, b"=\\\r")  # halves of an end, too: a head may be cut there


def _padded(rest: bytes) -> bytes:
    return rest.ljust(4, b"=") if len(rest) > 1 else b""


def _is_text(said: bytes) -> bool:
    if len(said.translate(None, _CONTROLS)) < len(said):
        return False
    if len(said.translate(None, _PRINTED)) <= len(said) * (_OTHERS / 100):
        return True
    try:
        said.decode()
    except UnicodeDecodeError as error:
        return error.end == len(said) and error.reason == "unexpected end of data"
    return True


def _utf8(said: bytes | bytearray, wide: str) -> bytes:
    return bytes(said).decode(wide, "replace").encode() if wide else bytes(said)


def _whole_lines(run: _Open) -> int:
    """Return how much of what was said so far can be handed on: up to a line's end."""
    said = run.said
    done = said.rfind(b"\n\0" if run.wide == "utf-16-le" else b"\n") + 1
    if done and run.wide:
        done += done % 2
    if not done and len(said) > _LONGEST:
        cut = _WORD_END.search(said, len(said) - (_LONGEST >> 4))
        done = cut.end() if cut else len(said)
        done -= done % 2 if run.wide else 0
    return done

r"""Texts whose records are nested: JSON and XML, in one line or in many.

What a record is, is told by the first block: in JSON (RFC 8259) the objects or arrays that follow
one another at the least depth, in XML the elements that follow one another under one name. Every
record then ends where its last bracket or its closing tag does.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

_Positions = NDArray[np.int64]

_JSON = re.compile(rb'\s*(?:\[\s*(?:\{\s*"|\[)|\{\s*")')
_NEXT = re.compile(
    rb'\s*(?:,\s*)?(?:("(?:[^"\\]|\\.)*"\s*:)\s*)?([{\[])\s*("(?:[^"\\]|\\.)*")?', re.DOTALL
)
_LINE_JOINT = re.compile(rb"[ \t\r]*\n\s*\{")
_KEY = rb'"(?:[^"\\]|\\.)*"\s*:\s*'
_JSON_BEGIN = re.compile(
    rb"(?:[\s\[{\]},]|" + _KEY + rb"(?:-?[\d.eE+\-]{1,8}|true|false|null|(?=[\[{]|\Z)))*", re.DOTALL
)
_JSON_END = re.compile(rb"[\s\]},]*")

_XML = re.compile(rb"\s*<[A-Za-z_?!]")
_HTML = re.compile(rb"<(?:html|!doctype html|table)\b", re.IGNORECASE)
_TAG = re.compile(rb"<(/?)([\w:.\-]+)(?=[\s/>])([^<>]*)>")
_HIDDEN = {b"<!--": b"-->", b"<![CDATA[": b"]]>"}
_HIDES = re.compile(rb"<!--|<!\[CDATA\[")
_XML_BEGIN = re.compile(
    rb"(?:\s|</[^<>]*>|<[\w:.\-]+(?:\s+xmlns[^<>]*)?>|<\?[^<>]*\?>|<!DOCTYPE[^<>]*>)*"
)
_XML_END = re.compile(rb"(?:\s|</[^<>]*>)*")

_SAMPLE = 256 << 10  # bytes of XML in which siblings are looked for
_DEPTHS, _TRIED = 16, 20  # where siblings are looked for in JSON, and pairs that are tried
_ONE_RECORD = 4096  # bytes; a text so short, without siblings, is taken for a single record


class Structure(Protocol):
    """Tells where records end; blocks come in order, each from where a record begins."""

    def ends(self, data: bytes) -> _Positions:
        """Return the ends of the records that are complete in `data`."""

    def closes(self, tail: bytes) -> bool:
        """Whether what follows the last record only closes what lies round the records."""

    def alone(self, window: bytes, *, first: bool) -> bool:
        """Whether a window holds one record and nothing beside it; `first`: the text's first."""


def structure_of(data: bytes, *, complete: bool) -> Structure | None:
    """Return the structure of a text that begins so; None: its records are lines.

    `complete`: there is no more of it.
    """
    if _JSON.match(data):
        return _json(data, complete=complete)
    return _xml(data) if _XML.match(data) else None


class Nested:
    """JSON whose records are closed at one depth."""

    def __init__(self, depth: int) -> None:
        """`depth`: how many brackets are open when a record's last one is closed."""
        self._depth = depth
        self._open = 0  # brackets, at the beginning of the next block

    def ends(self, data: bytes) -> _Positions:
        """Return the ends; a comma belongs to the record before it."""
        array, places, depths = _brackets(data)
        closing = (depths + self._open == self._depth) & _closes(array, places)
        ends = places[closing] + 1
        if len(ends):
            self._open = self._depth
        commas = np.take(array, ends, mode="clip") == ord(",")
        after: _Positions = ends + (commas & (ends < len(data)))
        return after

    def closes(self, tail: bytes) -> bool:
        """Whether there are brackets only."""
        return _JSON_END.fullmatch(tail) is not None

    def alone(self, window: bytes, *, first: bool) -> bool:
        """Whether before the record's own bracket there are brackets, keys and numbers only."""
        if not first and window.lstrip()[:1] in _OPENING.values():
            return True
        array, places, depths = _brackets(window)
        own = depths[~_closes(array, places)] - 1
        depth = self._depth if first else 0
        at = np.flatnonzero(own == depth)
        if not len(at):
            return False
        return (
            _JSON_BEGIN.fullmatch(window, 0, int(places[~_closes(array, places)][at[-1]]))
            is not None
        )


@dataclass(frozen=True, slots=True)
class Elements:
    """XML whose records are elements of one name."""

    begin: re.Pattern[bytes]
    end: re.Pattern[bytes]

    @classmethod
    def called(cls, name: bytes, flags: int = 0) -> Elements:
        """Return the structure of a text whose records have this name."""
        tag = re.escape(name)
        return cls(
            re.compile(rb"<%s[\s/>]" % tag, flags),
            re.compile(rb"</%s\s*>|<%s(?:\s[^<>]*)?/>" % (tag, tag), flags),
        )

    def ends(self, data: bytes) -> _Positions:
        """Return the ends; what looks like one in a comment or in CDATA is none."""
        found = self.end.finditer(_shown(data))
        return np.fromiter((match.end() for match in found), np.int64)

    def closes(self, tail: bytes) -> bool:
        """Whether there are closing tags only."""
        return _XML_END.fullmatch(tail) is not None

    def alone(self, window: bytes, *, first: bool) -> bool:
        """Whether before the record's own tag there are tags only, and these without attributes."""
        del first
        own = self.begin.search(window)
        return own is not None and _XML_BEGIN.fullmatch(window, 0, own.start()) is not None


def is_one_value(window: bytes) -> bool:
    """Whether a window is an object or an array of JSON, from its beginning to its end."""
    text = window.strip(b" \t\r\n,")
    array, places, depths = _brackets(text)
    return (
        text[:1] in _OPENING.values()
        and len(depths) > 1
        and depths[-1] == 0
        and bool((depths[:-1] > 0).all())
        and array[places[-1]] == array[-1]
        and int(places[-1]) == len(text) - 1
    )


def _brackets(data: bytes) -> tuple[NDArray[np.uint8], _Positions, _Positions]:
    """Return the bytes, the places of brackets outside of strings, and the depth after each."""
    if b"\\" in data:  # of two backslashes the second escapes nothing
        data = data.replace(b"\\\\", b"__").replace(b'\\"', b"__")
    array = np.frombuffer(data, np.uint8)
    places = np.flatnonzero(_STEP[array])
    quotes = np.flatnonzero(array == ord('"'))
    places = places[np.searchsorted(quotes, places) % 2 == 0]
    return array, places, np.cumsum(_STEP[array[places]], dtype=np.int64)


def _closes(array: NDArray[np.uint8], places: _Positions) -> NDArray[np.bool_]:
    closes: NDArray[np.bool_] = _STEP[array[places]] < 0
    return closes


_STEP = np.zeros(256, np.int8)
_STEP[np.frombuffer(b"{[", np.uint8)] = 1
_STEP[np.frombuffer(b"}]", np.uint8)] = -1


def _json(data: bytes, *, complete: bool) -> Structure | None:
    array, places, depths = _brackets(data)
    closes = _closes(array, places)
    joints = np.flatnonzero(closes[:-1] & ~closes[1:])
    for keyed in (False, True):
        for depth in np.unique(depths[joints])[:_DEPTHS]:
            for joint in joints[depths[joints] == depth][:_TRIED]:
                at = int(places[joint])
                if _siblings(data, at, keyed=keyed):
                    if depth == 0 and _LINE_JOINT.match(data, at + 1) and b"\n" not in data[:at]:
                        return None  # a record a line
                    return Nested(int(depth))
    whole = complete and len(data) <= _ONE_RECORD and len(depths) and depths[-1] == 0
    return Nested(0) if whole else None


def _siblings(data: bytes, at: int, *, keyed: bool) -> bool:
    """Whether what a bracket closes is followed by another of its kind.

    In an object, values of the same form have the same first key: other values are the parts of
    one record.
    """
    found = _NEXT.match(data, at + 1)
    if found is None or found[2] != _OPENING[data[at : at + 1]]:
        return False
    if not keyed:
        return found[1] is None
    return found[1] is not None and found[3] is not None and data.count(found[3], 0, at) > 0


_OPENING = {b"}": b"{", b"]": b"["}


def _xml(data: bytes) -> Structure | None:
    if _HTML.search(data, 0, _ONE_RECORD):
        rows = re.search(rb"<tr\b", data, re.IGNORECASE)
        return Elements.called(b"tr", re.IGNORECASE) if rows else None
    pairs: Counter[tuple[int, bytes]] = Counter()
    depth, closed = 0, [b""]  # the element that was closed last, by depth
    for found in _TAG.finditer(_shown(data[:_SAMPLE])):
        closing, name, rest = found.groups()
        if closing:
            depth -= 1
            if depth < 0:
                break
            del closed[depth + 1 :]
            closed[depth] = name
            continue
        pairs[depth, name] += closed[depth] == name
        if rest.endswith(b"/"):
            closed[depth] = name
        else:
            depth += 1
            closed.append(b"")
    found_at = [(at, -times, name) for (at, name), times in pairs.items() if times]
    return Elements.called(min(found_at)[2]) if found_at else None


def _shown(data: bytes) -> bytes:
    """Return XML with spaces for what is no markup."""
    pieces, at = [], 0
    while hides := _HIDES.search(data, at):
        mark = _HIDDEN[hides[0]]
        end = data.find(mark, hides.end())
        if end < 0:
            break
        end += len(mark)
        pieces += [data[at : hides.start()], b" " * (end - hides.start())]
        at = end
    return b"".join([*pieces, data[at:]]) if pieces else data

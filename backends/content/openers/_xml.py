"""XML of office documents as a stream of elements, by expat; what declares a DTD is refused."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from xml.parsers import expat

from backends.content import Stop
from backends.content.apart import Names
from backends.content.readers.values import AFTER, BETWEEN

START, END, TEXT = "start", "end", "text"
Event = tuple[str, str, dict[str, str]]
"""What it is, an element's name without its prefix or a text, and attributes without theirs."""

_STEP = 64 << 10  # bytes that are parsed at once
_DEEP = 200  # elements within elements
_NAMES = 1000  # windows at once


def events(chunks: Iterator[bytes]) -> Iterator[Event]:
    """Yield the elements and texts in order. Raises Stop where it is no XML."""
    found: list[Event] = []
    parser = expat.ParserCreate()
    parser.buffer_text = True
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEP:
            raise Stop("bomb-limit")
        bare = {key.rpartition(":")[2]: value for key, value in attributes.items()}
        found.append((START, name.rpartition(":")[2], bare))

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        found.append((END, name.rpartition(":")[2], {}))

    def doctype(*_: object) -> None:
        raise Stop("bomb-limit")  # no office document has one: it is for entities

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = lambda text: found.append((TEXT, text, {}))
    parser.StartDoctypeDeclHandler = doctype
    try:
        for chunk in chunks:
            for at in range(0, len(chunk), _STEP):
                parser.Parse(chunk[at : at + _STEP], False)
                yield from found
                found.clear()
        parser.Parse(b"", True)
    except (expat.ExpatError, Stop) as error:
        yield from found
        raise error if isinstance(error, Stop) else Stop("damaged-container") from None
    yield from found


def root(head: bytes) -> str:
    """Return the name of the first element of what begins so; empty if it is no XML.

    ``!`` where that is not told, as there is a DTD before it.
    """
    try:
        for kind, name, _ in events(iter((head,))):
            if kind == START:
                return name
    except Stop as stop:
        return "!" if stop.reason == "bomb-limit" else ""
    return ""


def names(found: Iterator[Event]) -> Iterator[Names]:
    """Yield all texts and values of attributes, an element a window."""
    rows: list[bytes] = []
    for kind, name, attributes in found:
        if kind == START and attributes:
            rows.append(BETWEEN.join(v.encode() for v in attributes.values()) + AFTER)
        elif kind == TEXT and not name.isspace():
            rows.append(name.encode() + AFTER)
        if len(rows) >= _NAMES:
            yield Names(b"".join(rows), tuple(accumulate(map(len, rows))))
            rows = []
    if rows:
        yield Names(b"".join(rows), tuple(accumulate(map(len, rows))))

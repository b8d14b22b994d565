"""Sheets of OpenDocument (ISO/IEC 26300, part 1, section 9)."""

from __future__ import annotations

from collections.abc import Iterator

from backends.content import Stop
from backends.content.openers._xml import END, START, TEXT, Event
from backends.content.readers.values import AFTER, BETWEEN, text_of

_VALUES = ("value", "date-value", "time-value", "boolean-value", "string-value", "formula")
_CELLS = {"table-cell", "covered-table-cell"}
_WIDEST = 64 << 20  # bytes of a row
_BESIDE = 1000  # texts outside of sheets, at once


def sheets(found: Iterator[Event], beside: list[bytes]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield the name of each sheet and its rows, which are read before the next one is.

    `beside` gets texts and values outside of sheets, such as what was deleted while changes were
    tracked (section 9.9), and is emptied by who asks: if it has many, there is nothing to yield.
    """
    for kind, name, attributes in found:
        if kind == TEXT:
            if not name.isspace():
                beside.append(name.encode() + AFTER)
        elif name == "table" and kind == START:
            yield attributes.get("name", ""), _rows(found)
        elif kind == START:
            beside += (value + AFTER for value in _values(attributes))
        if len(beside) > _BESIDE:
            yield "", iter(())


def _rows(found: Iterator[Event]) -> Iterator[bytes]:
    """Yield the rows of a sheet, as often as they are repeated, with their cells' comments."""
    deep = 0  # tables within cells
    cells: list[bytes] = []
    pieces: list[str] = []
    inside, size, times = False, 0, 1
    for kind, name, attributes in found:
        if kind == TEXT:
            if inside:
                size += len(name)
                if size > _WIDEST:
                    raise Stop("bomb-limit")
                pieces.append(name)
        elif name == "table":
            deep += 1 if kind == START else -1
            if deep < 0:
                return
        elif name == "table-row":
            if kind == START:
                repeated = attributes.get("number-rows-repeated", "1")
                times = int(repeated) if repeated.isdecimal() and len(repeated) < 10 else 1
                cells, size = [], 0
            elif cells:
                row = BETWEEN.join(cells) + AFTER
                for _ in range(times):
                    yield row
        elif name in _CELLS:
            inside = kind == START
            if kind == START:
                pieces = []
                cells += _values(attributes)
            elif text := "".join(pieces).strip():
                cells.append(text.encode())
        elif inside:
            if name in {"p", "line-break", "tab", "creator"} and pieces:
                pieces.append("\n")
            elif name == "s" and kind == START:
                pieces.append(" ")
            elif name == "a" and kind == START:
                pieces.append(attributes.get("href", "") + "\n")
        elif kind == END:
            continue


def _values(attributes: dict[str, str]) -> Iterator[bytes]:
    for name in _VALUES:
        value = attributes.get(name)
        if value and name == "value":
            try:
                yield text_of(float(value))
            except (ValueError, OverflowError):
                yield value.encode()
        elif value:
            yield value.replace("T", " ").encode() if name == "date-value" else value.encode()

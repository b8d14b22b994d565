"""Parts of Office Open XML workbooks (ECMA-376 part 1, section 18): strings, formats, sheets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from backends.content import Bounds, Stop
from backends.content.openers._xml import END, START, TEXT, Event
from backends.content.readers.values import AFTER, BETWEEN, moment, text_of

_BUILT_IN_DATES = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}  # 18.8.30
_NOT_SHOWN = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?![hms]+\])[^\]]*\]', re.IGNORECASE)
_PARTS_OF_DATES = re.compile(r"[dmyhs]", re.IGNORECASE)
_PADDED = re.compile(r"0{2,}")
_INTEGER = re.compile(r"-?[0-9]{1,40}")
_ROW = re.compile(r"[A-Za-z]*([0-9]{1,9})")
_MARK = re.compile(r"&(?:[A-Za-z+\-]|\"[^\"]*\"|[0-9]{1,3})")  # in headers: 18.3.1.46
_BEGINNING, _BEGINNING_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)  # noqa: DTZ001
_LAST_DAY = 2_958_466  # of the year 9999
_WIDEST = 64 << 20  # bytes of a row
_OBJECT = 64  # bytes that a text takes beside its own


class Strings:
    """The texts that cells share."""

    def __init__(self) -> None:
        self._texts: list[bytes] = []
        self._used = bytearray()

    def take(self, found: Iterator[Event], bounds: Bounds) -> None:
        """Take in the table. Raises Stop where it is larger than what may be held."""
        for text in shared_texts(found):
            bounds.hold(len(text) + _OBJECT)
            self._texts.append(text)
        self._used = bytearray(len(self._texts))

    def text(self, index: str) -> bytes:
        """Return one of them."""
        number = int(index)
        if not 0 <= number < len(self._texts):
            raise Stop("damaged-container")
        self._used[number] = 1
        return self._texts[number]

    def unused(self) -> Iterator[bytes]:
        """Yield those that no cell has."""
        for text, used in zip(self._texts, self._used, strict=True):
            if not used:
                yield text + AFTER


def shared_texts(found: Iterator[Event]) -> Iterator[bytes]:
    """Yield the texts that cells share, each in one piece."""
    pieces: list[str] = []
    for kind, name, _ in found:
        if kind == TEXT:
            pieces.append(name)
        elif name == "si":
            if kind == END:
                yield "".join(pieces).encode()
            pieces.clear()


class Formats:
    """How numbers are shown, by the style of their cells."""

    def __init__(self) -> None:
        self._codes: dict[int, str] = {}
        self._styles: list[int] = []
        self.since_1904 = False

    def take(self, found: Iterator[Event]) -> None:
        """Take in the style sheet."""
        inside = False
        for kind, name, attributes in found:
            if name == "cellXfs":
                inside = kind == START
            elif kind == START and name == "numFmt":
                self._codes[int(attributes.get("numFmtId", "0"))] = attributes.get("formatCode", "")
            elif kind == START and name == "xf" and inside:
                self._styles.append(int(attributes.get("numFmtId", "0")))

    def shown(self, number: float, style: str) -> bytes:
        """Return how a number is shown, where that is as other than a number."""
        index = int(style) if style.isdecimal() and len(style) < 9 else 0
        format_ = self._styles[index] if index < len(self._styles) else 0
        code = self._codes.get(format_, "")
        if _PADDED.fullmatch(code) and number == int(number):
            return b"%0*d" % (min(len(code), 64), int(number))
        visible = _NOT_SHOWN.sub("", code)
        if format_ in _BUILT_IN_DATES or (visible and _PARTS_OF_DATES.search(visible)):
            return self._date(number)
        return b""

    def _date(self, number: float) -> bytes:
        if not 0 <= number < _LAST_DAY:
            return b""
        # 1900 has a leap day there that it had not.
        since = _BEGINNING_1904 if self.since_1904 else _BEGINNING + timedelta(days=number < 60)
        when = since + timedelta(seconds=round((number % 1) * 86400), days=int(number))
        return moment(when if when.time() != datetime.min.time() else when.date())


def comments(found: Iterator[Event], bounds: Bounds) -> Iterator[tuple[int, bytes]]:
    """Yield the texts of comments, with the numbers of their rows."""
    row, pieces = 0, list[str]()
    for kind, name, attributes in found:
        if kind == START and name in {"comment", "threadedComment"}:
            row, pieces = row_number(attributes.get("ref", "")), []
        elif kind == TEXT:
            pieces.append(name)
        elif kind == END and name in {"comment", "threadedComment"}:
            text = "".join(pieces).encode()
            bounds.hold(len(text) + _OBJECT)
            yield row, text


def row_number(reference: str) -> int:
    """Return the row of a cell; 0 where it is none."""
    match = _ROW.fullmatch(reference)
    return int(match[1]) if match else 0


def rows(
    found: Iterator[Event],
    strings: Strings,
    formats: Formats,
    notes: Mapping[int, Sequence[bytes]],
    beside: list[bytes],
) -> Iterator[bytes]:
    """Yield a sheet's rows, with what is noted at their cells; then notes at other rows.

    `beside` gets the texts outside of cells: headers and footers, rules, lists to choose from.
    """
    number, cells, size = 0, list[bytes](), 0
    cell: _Cell | None = None
    left = dict(notes)
    for kind, name, attributes in found:
        if kind == TEXT:
            size += len(name)
            if size > _WIDEST:
                raise Stop("bomb-limit")
            if cell:
                cell.pieces.append(name)
            elif not name.isspace():
                beside.append(_MARK.sub(" ", name).encode() + AFTER)
        elif name == "row":
            if kind == START:
                reference = attributes.get("r", "")
                number = int(reference) if reference.isdecimal() else number + 1
                cells, size = [], 0
            else:
                cells += left.pop(number, ())
                if cells:
                    yield BETWEEN.join(cells) + AFTER
        elif name == "c":
            if kind == START:
                cell = _Cell(attributes.get("t", "n"), attributes.get("s", ""))
            elif cell:
                cells += cell.texts(strings, formats)
                cell = None
        elif cell and name in {"v", "f", "t"}:
            cell.part(name, ended=kind == END)
    for texts in left.values():
        yield BETWEEN.join(texts) + AFTER


class _Cell:
    """A cell as far as it was read."""

    def __init__(self, kind: str, style: str) -> None:
        self._kind, self._style = kind, style
        self.pieces: list[str] = []
        self._value = ""
        self._texts: list[str] = []  # of an inline string
        self._formula = ""

    def part(self, name: str, *, ended: bool) -> None:
        """Begin or end its value, its formula, or a piece of its text."""
        text = "".join(self.pieces) if ended else ""
        self.pieces.clear()
        if name == "v":
            self._value = text
        elif name == "f":
            self._formula = text
        else:
            self._texts.append(text)

    def texts(self, strings: Strings, formats: Formats) -> Iterator[bytes]:
        """Yield what it holds, and how that is shown."""
        if self._formula:
            yield self._formula.encode()
        if self._texts:
            yield "".join(self._texts).encode()
        value = self._value
        if not value:
            return
        if self._kind == "s":
            yield strings.text(value)
        elif self._kind == "n":
            yield from self._number(value, formats)
        elif self._kind == "b":
            yield b"true" if value == "1" else b"false"
        elif self._kind == "d":
            yield value.replace("T", " ").encode()
        else:
            yield value.encode()

    def _number(self, value: str, formats: Formats) -> Iterator[bytes]:
        try:
            number = float(value)
            yield value.encode() if _INTEGER.fullmatch(value) else text_of(number)
            if shown := formats.shown(number, self._style):
                yield shown
        except (ValueError, OverflowError):
            yield value.encode()

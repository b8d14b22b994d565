r"""Windows that hold escapes, seen once more with these undone.

Known are those of JSON, JavaScript, C, Python, SQL's ``E''`` strings and COPY (``\u0040``,
``\x40``, ``\100``, ``\n``), of URLs (``%40``; ``+`` is then a space), of HTML and XML
(``&amp;``, ``&#64;``), of quoted-printable (``=40``, a line that goes on after ``=``), characters
that take no room (soft hyphen, zero-width space and joiners, word joiner, byte order mark), and
numbers in groups of three digits. What is escaped more than once is undone as often.

Undoing can destroy what was not escaped, so a window keeps its own text, too: the other forms are
set behind it, if there is anything in them. A window stays one window, and what it is, is the
strongest of what all show.
"""

from __future__ import annotations

import html
import re

import numpy as np

from shredder.fingerprint.siphash import Bytes, Offsets
from shredder.fingerprint.tokens import CLASSES, Mask

_TIMES = 3  # that escapes within escapes are undone
_LONGEST = 512  # bytes from where a window starts that soft line breaks are followed
_APART = b"\n\0\n"

_ESCAPE = re.compile(
    rb"\\(?:u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\}|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})"
    rb"|([0-3][0-7]{2})|([abfnrtv\"'/\\]))"
    rb"|%([0-9A-Fa-f]{2})"
    rb"|&(#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
    rb"|=([0-9A-F]{2})|=\r?\n",
    re.DOTALL,
)
_QUOTED_BYTE = 9  # its group there
_ROOMLESS = re.compile(
    b"|".join(c.encode() for c in "\u00ad\u200b\u200c\u200d\u2060\ufeff")
    + rb"|\xad(?=[0-9A-Za-z@._-])"
)
_SPACED = "\u00a0", "\u202f", "\u2009"
_GROUPED = re.compile(
    rb"(?<![0-9.,])[0-9]{1,3}(?:([, '._]|"
    + b"|".join(c.encode() for c in _SPACED)
    + rb")[0-9]{3})(?:\1[0-9]{3})+(?![0-9])"
)
_SOFT = re.compile(rb"[^=\s]=\r?\n\Z")
_GROUPED_WIDE = re.compile(b"[0-9](?:" + b"|".join(c.encode() for c in _SPACED) + b")[0-9]{3}")
_WHITE = re.compile(rb"\s")


def _table(*groups: bytes) -> Bytes:
    table = np.zeros(256, np.uint8)
    for bit, group in enumerate(groups):
        table[np.frombuffer(group, np.uint8)] |= np.uint8(1 << bit)
    return table


_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
HEX, LETTER, ESCAPED, BESIDE = 1, 2, 4, 8
KINDS = _table(
    b"0123456789ABCDEFabcdef",
    b"#" + _LETTERS,
    b"uUxabfnrtv0123",
    b"0123456789@._-" + _LETTERS,
)
NEAR = 33  # bytes from ``&`` to the ``;`` of the same character


def _quoted() -> Mask:
    """Return for each pair of bytes whether, after ``=``, it is likely to be quoted-printable.

    That is, what a mailer has to quote: its own mark, ``@``, punctuation of tokens, the first
    byte of a character in UTF-8, and the end of a line. ``=12`` is seen to in their company only.
    """
    pairs = [b"40", b"3D", b"2E", b"2D", b"5F", b"2B", b"\r\n"]
    pairs += [f"{byte:02X}".encode() for byte in range(0xC2, 0xF5)]
    table = np.zeros(1 << 16, np.bool_)
    table[[int.from_bytes(pair) for pair in pairs]] = True
    table[ord("\n") << 8 : (ord("\n") + 1) << 8] = True
    return table


QUOTED = _quoted()


Marks = tuple[Offsets, Offsets]
Forms = list[tuple[int, bytes]]


def unescaped(block: bytes, ends: Offsets, *, numbers: bool, marked: Marks | None = None) -> Forms:
    """Return, for each window that holds escapes, its number and what it says without.

    `numbers`: undo the grouping of digits, too. `marked`: what :func:`marks` says, if known.
    """
    found: Forms = []
    for window in _windows(block, ends, marked or marks(block), numbers=numbers).tolist():
        start, end = int(ends[window - 1]) if window else 0, int(ends[window])
        forms = _forms(block[start:end] + _rest(block, start, end), numbers=numbers)
        if forms:
            found.append((window, _APART + _APART.join(forms) + _APART))
    return found


def joined(block: bytes, ends: Offsets, forms: Forms) -> tuple[bytes, Offsets]:
    """Set behind each window its other forms; shift the ends."""
    pieces: list[bytes] = []
    sizes = np.zeros(ends.size, np.int64)
    done = 0
    for window, more in forms:
        end = int(ends[window])
        pieces += (block[done:end], more)
        sizes[window] = len(more)
        done = end
    pieces.append(block[done:])
    return b"".join(pieces), ends + np.cumsum(sizes)


def marks(block: bytes) -> Marks:
    """Return where escapes may begin, and where names or numbers of characters may.

    These still have to be looked at; the compiled route says the same.
    """
    text = np.frombuffer(block, np.uint8)
    places, named = [np.empty(0, np.int64)], np.empty(0, np.int64)
    if b"\\" in block:
        at = _places(text, b"\\", 1)
        places.append(at[(KINDS[text[at + 1]] & ESCAPED) != 0])
    if b"%" in block:
        at = _places(text, b"%", 2)
        places.append(at[(KINDS[text[at + 1]] & KINDS[text[at + 2]] & HEX) != 0])
    if b"&" in block and b";" in block:
        at = _places(text, b"&", 3)
        at = at[(KINDS[text[at + 1]] & LETTER) != 0]
        if at.size:
            semicolons = np.flatnonzero(text == ord(";"))
            after = np.searchsorted(semicolons, at)
            known = after < semicolons.size
            at, after = at[known], after[known]
            named = at[semicolons[after] - at <= NEAR]
    if b"=" in block:
        at = _places(text, b"=", 2)
        pair = text[at + 1].astype(np.uint16) << np.uint16(8) | text[at + 2]
        places.append(at[QUOTED[pair]])
    if not block.isascii():
        places.append(_all(_ROOMLESS, block))
    return np.sort(np.concatenate(places)), named


def _windows(block: bytes, ends: Offsets, marked: Marks, *, numbers: bool) -> Offsets:
    """Return which windows have something to undo; few others."""
    places = [marked[0]]
    if marked[1].size:
        named = [at for at in marked[1].tolist() if _ESCAPE.match(block, at)]
        places.append(np.array(named, np.int64))
    if numbers:
        places.append(_grouped(np.frombuffer(block, np.uint8)))
        if not block.isascii():
            places.append(_all(_GROUPED_WIDE, block))
    every = np.concatenate(places)
    return np.unique(np.searchsorted(ends, every, side="right")) if every.size else every


def _places(text: Bytes, mark: bytes, after: int) -> Offsets:
    """Return where a byte is that has so many after it."""
    return np.asarray(np.flatnonzero(text[: text.size - after] == mark[0]))


def _all(pattern: re.Pattern[bytes], block: bytes) -> Offsets:
    return np.fromiter((match.start() for match in pattern.finditer(block)), np.int64)


def _grouped(text: Bytes) -> Offsets:
    """Return where a digit, three more after any byte, and another three may be a number."""
    if text.size < 9:
        return np.empty(0, np.int64)
    digit: Mask = (text - np.uint8(0x30)) < np.uint8(10)
    last = text.size - 8
    found = digit[:last] & ~digit[1 : last + 1]
    for at in (2, 3, 4, 6, 7, 8):
        found &= digit[at : at + last]
    found &= ~digit[5 : last + 5]
    places = np.flatnonzero(found)
    same = text[places + 1] == text[places + 5]
    wide = text[places + 1] >= np.uint8(0x80)
    return np.asarray(places[same & ~wide])


def _rest(block: bytes, start: int, end: int) -> bytes:
    """Return what a window of quoted-printable goes on with after a soft line break."""
    if not block.endswith((b"=\n", b"=\r\n"), start, end):
        return b""
    line = at = end
    while at < min(len(block), start + _LONGEST) and (mark := _SOFT.search(block, start, at)):
        if not CLASSES[block[mark.start()]]:
            break
        line, at = at, block.find(b"\n", at) + 1 or len(block)
    white = _WHITE.search(block, line, at)  # only the word that was begun goes on
    return block[end : white.start() if white else at]


def _forms(window: bytes, *, numbers: bool) -> list[bytes]:
    """Return what a window says without escapes, each time that some were undone."""
    forms: list[bytes] = []
    for _ in range(_TIMES):
        url = b"%" in window and _URL.search(window) is not None
        # A field's value may look quoted (``income=25%2C000``): so that waits for the next time.
        plain = (
            _ESCAPE.sub(_unquoted, window.replace(b"+", b" "))
            if url
            else _ESCAPE.sub(_undone, window)
        )
        if not plain.isascii():
            plain = _ROOMLESS.sub(b"", plain)
        if numbers:
            plain = _GROUPED.sub(_joined, plain)
        if plain == window:
            break
        forms.append(plain)
        window = plain
    return forms


_URL = re.compile(rb"%[0-9A-Fa-f]{2}")
_NOT_A_DIGIT = re.compile(rb"[^0-9]")


def _joined(match: re.Match[bytes]) -> bytes:
    return _NOT_A_DIGIT.sub(b"", match[0])


def _unquoted(match: re.Match[bytes]) -> bytes:
    return match[0] if match.lastindex == _QUOTED_BYTE else _undone(match)


def _undone(match: re.Match[bytes]) -> bytes:
    group, text = match.lastindex, match[match.lastindex or 0]
    if group is None:  # the line goes on
        return b""
    if group in {1, 2, 3}:
        return _character(int(text, 16))
    if group in {4, 7, _QUOTED_BYTE}:
        return bytes([int(text, 16)])
    if group == 5:
        return bytes([int(text, 8)])
    if group == 6:
        return b" " if text in b"abfnrtv" else text
    named = html.unescape(f"&{text.decode()};")
    return (
        match[0] if named.startswith("&") and len(named) > 1 else named.encode("utf-8", "replace")
    )


def _character(number: int) -> bytes:
    """Return a character in UTF-8; half of a pair, or what is none, parts tokens as a space."""
    return chr(number).encode() if number <= 0x10FFFF and not 0xD800 <= number < 0xE000 else b" "

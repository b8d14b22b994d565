"""Text of any encoding turned into UTF-8.

Wide encodings and EBCDIC are decoded as streams. All others are supersets of ASCII: they are cut
into records as they are, and only windows that are not UTF-8 are decoded, each by itself.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from itertools import chain

import charset_normalizer
import numpy as np

from backends.content._source import Source

UTF8_BOM = codecs.BOM_UTF8
SAMPLE = 4096
_BOMS = (  # the longer ones first: UTF-32 little-endian begins as UTF-16 does
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_OFTEN, _HARDLY = 0.15, 0.02


def wide_encoding(head: bytes) -> tuple[str, int]:
    """Return the wide encoding of a text that begins so, and the length of its BOM.

    Without a BOM the places of NULs tell: in UTF-16 every other byte of most text is one. The
    encoding is empty for all other texts.
    """
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return encoding, len(bom)
    sample = np.frombuffer(head[: len(head) // 4 * 4], np.uint8)
    if not len(sample) or b"\0" not in head:
        # One UTF-16 character of ASCII is too little to tell; a record is never so short.
        return "", 0
    null = (sample.reshape(-1, 4) == 0).mean(axis=0)
    for encoding, text, nulls in (
        ("utf-32-le", (0,), (1, 2, 3)),
        ("utf-32-be", (3,), (0, 1, 2)),
        ("utf-16-le", (0, 2), (1, 3)),
        ("utf-16-be", (1, 3), (0, 2)),
    ):
        if all(null[i] <= _HARDLY for i in text) and all(null[i] >= _OFTEN for i in nulls):
            return encoding, 0
    return "", 0


# EBCDIC, as far as all of its code pages agree: letters, digits, space, tab and line ends; and what
# is usual in ASCII and rare in it.
_EBCDIC = np.zeros(256, np.bool_)
for _first, _last in ((0x81, 0x89), (0x91, 0x99), (0xA2, 0xA9), (0xF0, 0xF9), (0x6B, 0x6F)):
    _EBCDIC[_first : _last + 1] = True
for _first, _last in ((0xC1, 0xC9), (0xD1, 0xD9), (0xE2, 0xE9), (0x7A, 0x7F), (0x4B, 0x50)):
    _EBCDIC[_first : _last + 1] = True
_EBCDIC[[0x40, 0x60, 0x61, 0x5C, 0x5D, 0x05, 0x15, 0x25, 0x0D]] = True
_ASCII = np.zeros(256, np.bool_)
for _first, _last in ((0x20, 0x24), (0x26, 0x3F), (0x62, 0x69), (0x70, 0x79)):
    _ASCII[_first : _last + 1] = True
_NEARLY_ALL = 0.9


def ebcdic(head: bytes) -> str:
    """Return the EBCDIC code page of a text that begins so; empty if it is none."""
    if head.isascii():  # letters and digits are not
        return ""
    sample = np.frombuffer(head, np.uint8)
    if len(sample) < 16 or _ASCII[sample].mean() > _HARDLY:
        return ""
    if _EBCDIC[sample].mean() < _NEARLY_ALL:
        return ""
    pages = ("cp037", "cp500")  # they differ in a few marks
    return max(pages, key=lambda page: sum(map(head.decode(page).count, "|[]!")))


def is_binary(head: bytes) -> bool:
    """Whether bytes that are no wide text are no text at all: control characters are in them.

    A NUL between fields, a form feed or an escape are in texts, too, but not all over them.
    """
    controls = len(head) - len(head.translate(None, _CONTROLS))
    return controls > len(head) / 32 and controls > _NULS_APART * head.count(b"\0")


class Narrow:
    """Windows of a text in a superset of ASCII, as UTF-8; the first that is not tells in what."""

    def __init__(self) -> None:
        self._encoding = ""

    def utf8(self, data: bytes, ends: Sequence[int]) -> tuple[bytes, Sequence[int]]:
        """Return a block of windows and their ends."""
        if _is_utf8(data) or _BINARY.search(data):
            return data, ends
        stops = np.asarray(ends, np.int64)
        high = np.flatnonzero(np.frombuffer(data, np.uint8) >= 0x80)
        odd = np.unique(np.searchsorted(stops, high, side="right")).tolist()
        starts = [0, *stops.tolist()]
        windows = [data[starts[number] : starts[number + 1]] for number in odd]
        if not self._encoding:
            sample = b"".join(windows)
            sample = sample[: sample.rfind(b"\n", 0, _GUESSED) + 1] or sample[:_GUESSED]
            self._encoding = _narrow_encoding(sample)  # of whole characters
        sizes = np.diff(stops, prepend=0)
        pieces, at = [], 0
        for number, window in zip(odd, windows, strict=True):
            if not _is_utf8(window):
                decoded = window.decode(self._encoding, "replace").encode()
                pieces += [data[at : starts[number]], decoded]
                at = starts[number + 1]
                sizes[number] += len(decoded) - len(window)
        return b"".join([*pieces, data[at:]]), np.cumsum(sizes).tolist()


_CONTROLS = bytes([*range(0x09), *range(0x0E, 0x1B), *range(0x1C, 0x20)])
_NULS_APART = 1.02  # texts with NULs between fields have hardly any other control character
_BINARY = re.compile(rb"[\x00-\x08]")
_GUESSED = 4096  # bytes; the guess takes longer with more
_COMMONEST, _NO_BETTER = "cp1252", 0.02
_NARROW = [_COMMONEST, "shift_jis", "cp1250", "cp1251", "koi8_r", "euc_jp", "gb18030", "big5"]
_NARROW += ["euc_kr", "cp1253", "cp1254", "cp1255", "cp1256"]


def _narrow_encoding(sample: bytes) -> str:
    """Guess the encoding of a text: where others look no better, the commonest."""
    found = charset_normalizer.from_bytes(sample, cp_isolation=_NARROW)
    best = found.best()
    common = next((match for match in found if _COMMONEST in match.could_be_from_charset), None)
    if best is None or (common is not None and common.chaos <= best.chaos + _NO_BETTER):
        return _COMMONEST
    return best.encoding


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def to_utf8(source: Source, encoding: str, *, next_line: bool = False) -> Iterator[bytes]:
    """Yield a text as UTF-8; what is no character there becomes U+FFFD.

    `next_line`: U+0085 ends lines, as EBCDIC has them.
    """
    decode = codecs.getincrementaldecoder(encoding)("replace").decode
    for chunk in chain(source.chunks(), (b"",)):
        # A lone surrogate is "replaced" by the decoder, so what comes out can be encoded.
        if text := decode(chunk, not chunk):
            yield (text.replace("\x85", "\n") if next_line else text).encode()

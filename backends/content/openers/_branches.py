"""Filters for machine code that Python's lzma has not, or only before LZMA.

Such a filter makes absolute addresses of those that jumps have, so that they repeat. 7-Zip takes
them for programs, and for what it takes for one.
"""

from __future__ import annotations

import lzma
import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from backends.content import Source, Stop

_STORED = 1 << 16  # bytes of a stored chunk of LZMA2
_JUMP = re.compile(rb"[\xe8\xe9]|\x0f[\x80-\x8f]")
_CALL, _FAR, _NEAR = 0xE8, 256, 257  # calls are told by the byte before, others are not
_HALF, _BITS, _SHIFT = 1 << 10, 11, 5  # of a probability
_TOP = 1 << 24
_WORD = 0xFFFFFFFF
_BL, _ADRP = np.uint32(0x94000000), np.uint32(0x90000000)
_REACH = np.uint32(1 << 20)  # 512 MiB either way: pages further away are left alone


def stored(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield bytes as a stream of LZMA2 that stores them.

    liblzma has its filters only before LZMA: so they can be had for other methods, too.
    """
    control = b"\x01"  # forgets what was before
    for chunk in chunks:
        for at in range(0, len(chunk), _STORED):
            piece = chunk[at : at + _STORED]
            yield control + (len(piece) - 1).to_bytes(2, "big") + piece
            control = b"\x02"
    yield b"\x00"


STORED = {"id": lzma.FILTER_LZMA2, "dict_size": _STORED}
"""The filter that unpacks what :func:`stored` gives."""


def arm64(chunks: Iterator[bytes], start: int) -> Iterator[bytes]:
    """Yield code of 64-bit ARM that stood at `start`."""
    kept, place = b"", start
    for chunk in chunks:
        data = kept + chunk
        whole = len(data) // 4 * 4
        kept = data[whole:]
        words = np.frombuffer(data[:whole], "<u4").astype(np.uint32)
        places = (place + np.arange(0, whole, 4)).astype(np.uint32)
        yield _arm64(words, places).astype("<u4").tobytes()
        place = (place + whole) & _WORD
    yield kept


def swapped(chunks: Iterator[bytes], width: int) -> Iterator[bytes]:
    """Yield words of so many bytes with their bytes in the other order; what is left as it is."""
    kept = b""
    for chunk in chunks:
        data = kept + chunk
        whole = len(data) // width * width
        kept = data[whole:]
        yield np.frombuffer(data[:whole], f"<u{width}").byteswap().tobytes()
    yield kept


_Words = NDArray[np.uint32]


def _arm64(words: _Words, places: _Words) -> _Words:
    """Turn words back: BL has 26 bits of words, ADRP 21 of pages, its two lowest above the rest."""
    called = _BL | (words - (places >> 2)) & 0x03FFFFFF
    shifted = words - _ADRP + _REACH
    page = (shifted & 0xFFFFFFE0 | shifted >> 26) - (places >> 9 & 0xFFFFFFF8)
    paged = shifted & 0x1F | _ADRP | page << 26 | (page & 0x1FFFFF) - _REACH & 0x00FFFFE0
    are_calls = words & 0xFC000000 == _BL
    are_pages = (words & 0x9F000000 == _ADRP) & (shifted & 0x00E00000 == 0)
    return np.where(are_calls, called, np.where(are_pages, paged, words))


def bcj2(main: Source, calls: Source, jumps: Source, coded: Source, size: int) -> Iterator[bytes]:
    """Yield code of x86, whose jumps lie in streams of their own.

    `coded`, which a range coder has written, tells of each place that may be a jump whether it is.
    """
    decoder = _Bits(coded)
    done, before = 0, 0
    while done < size:
        data = main.read()
        if not data:
            raise Stop("damaged-container")
        out = bytearray()
        at = 0
        while at < len(data):
            near = before == 0x0F and data[at] & 0xF0 == 0x80
            found = None if near else _JUMP.search(data, at)
            end = found.end() if found else at + 1 if near else len(data)
            previous = data[end - 2] if end - at > 1 else before
            before = data[end - 1]
            out += data[at:end]
            at = end
            if done + len(out) >= size:
                break  # of a jump in the last byte nothing is told
            if not (near or found):
                continue
            called = before == _CALL
            if not decoder.bit(previous if called else _FAR if before == _CALL + 1 else _NEAR):
                continue
            address = int.from_bytes((calls if called else jumps).exactly(4), "big")
            address = (address - (done + len(out) + 4)) & _WORD
            out += address.to_bytes(4, "little")
            before = address >> 24
        data = bytes(out[: size - done])
        done += len(data)
        yield data


class _Bits:
    """Decodes bits of different models, as LZMA does it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._range, self._code = _WORD, int.from_bytes(source.exactly(5), "big")
        self._models = [_HALF] * 258

    def bit(self, model: int) -> bool:
        """Take a bit."""
        if self._range < _TOP:
            self._range = self._range << 8 & _WORD
            self._code = (self._code << 8 | self._source.exactly(1)[0]) & _WORD
        chance = self._models[model]
        bound = (self._range >> _BITS) * chance
        if self._code < bound:
            self._range = bound
            self._models[model] += ((1 << _BITS) - chance) >> _SHIFT
            return False
        self._range -= bound
        self._code -= bound
        self._models[model] -= chance >> _SHIFT
        return True

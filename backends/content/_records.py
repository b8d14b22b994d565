r"""A text cut into records, one block of about 1 MiB at a time.

A record is a line (``\n``, ``\r\n`` or a lone ``\r``); in delimited text a line break within
quotes does not end it (RFC 4180 section 2, rule 6). Where a quote mark stands out of place,
the rest of the text is cut at every line break. Where the cuts fall depends on the text alone,
never on the sizes in which it arrives: a rewriting finds the records that examining found.
"""

from __future__ import annotations

from array import array as packed
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backends.content import _compound
from backends.content._dialect import Dialect
from backends.content._lines import route
from backends.content._source import Source
from backends.content._structure import Structure, structure_of

BLOCK = 1 << 20
LONGEST = 1 << 20  # bytes; a longer record is cut
_NEWLINE, _RETURN = 10, 13
_DELIMITERS = b",;\t|"  # of a text whose dialect nobody told

_Positions = NDArray[np.int64]
_Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive records: `ends` as in :meth:`backends.contract.Scan.feed`."""

    data: bytes
    ends: Sequence[int]  # packed, so that a matcher can take them as they are
    regular: bool  # so far, every quote mark and line break was in its place
    structure: Structure | None = None  # records are cut by it, and not by lines


def blocks(source: Source, dialect: Dialect | None = None) -> Iterator[Block]:
    """Yield a text's records in order; together the blocks are all its bytes.

    Without a dialect the text may be anything: JSON and XML are cut where their records end,
    and lines that pack several records (an INSERT of many rows) between them.
    """
    cutter = _Cutter(dialect)
    pending = b""
    while True:
        pieces, size = [pending], 0
        while size < BLOCK and (piece := source.read(BLOCK - size)):
            pieces.append(piece)
            size += len(piece)
        data = b"".join(pieces)
        last = size < BLOCK
        if not data:
            return
        ends = cutter.cut(data, last=last)
        done = ends[-1] if ends else 0
        if done:
            yield Block(data[:done], ends, cutter.regular, cutter.structure)
        if last:
            return
        pending = data[done:]


class _Cutter:
    """Finds the ends of records; remembers between blocks what depends on earlier text."""

    def __init__(self, dialect: Dialect | None) -> None:
        quote = dialect.quote if dialect else b'"'
        self._free = dialect is None
        self._quote = quote[0] if quote else -1
        self._quoting = bool(quote)
        self._lone_returns: bool | None = None  # whether lines end in a lone CR
        self._packed = False  # the block begins within a line that packs records
        self.structure: Structure | None = None
        self._begun = not self._free
        self.regular = True
        beside = np.zeros(256, np.bool_)
        marks = (dialect.delimiter if dialect else _DELIMITERS) + quote + b"\r\n"
        beside[np.frombuffer(marks, np.uint8)] = True
        self._beside = beside
        self._route = route()

    def cut(self, data: bytes, *, last: bool) -> Sequence[int]:
        """Return the ends of the records that are complete in `data`; all of them, if `last`."""
        if not self._begun:
            self._begun = True
            self.structure = structure_of(data, complete=last)
        if self.structure:
            nested = self._by_structure(self.structure, data, last=last)
            if len(nested):
                return _packed(nested)
            self.structure = None
        array = np.frombuffer(data, np.uint8)
        seen = self._route.lines(data, self._quote if self._quoting else -1)
        ends = _with_returns(array, seen.newlines, last=last) if seen.returns else seen.newlines
        if len(seen.quotes):
            ends = self._outside_quotes(array, seen.quotes, ends, last=last)
        self._settle(array, ends)
        if self._free and seen.joints:
            inside = seen.quotes if self._quoting else seen.quotes[:0]
            ends, self._packed = _compound.split(data, ends, inside, packed=self._packed)
        elif self._free:
            self._packed = self._packed and not len(ends)
        done = int(ends[-1]) if len(ends) else 0
        if last:
            if done < len(data):
                ends = np.append(ends, len(data))
        elif len(data) - done > LONGEST:
            ends = np.append(ends, _between_tokens(array, len(data)))
            self.regular = self.regular and self._free
        return _packed(ends)

    def _by_structure(self, structure: Structure, data: bytes, *, last: bool) -> _Positions:
        """Return the ends of nested records; none, where the structure is not kept up."""
        ends = structure.ends(data)
        whole = np.full(1, len(data), np.int64)
        if not len(ends):
            return whole if last and structure.closes(data) else ends
        if not last:
            # The last one waits for the next block: what closes the text belongs to it.
            return ends[:-1] if len(ends) > 1 else ends
        done = int(ends[-1])
        if structure.closes(data[done:]):
            return np.concatenate([ends[:-1], whole])
        return np.concatenate([ends, whole]) if done < len(data) else ends

    def _settle(self, array: _Bytes, ends: _Positions) -> None:
        """Hold a delimited text to the kind of line end that its first record has.

        A stray CR within a field is data to some programs and a line end to others. Within
        quotes it is data to all of them.
        """
        if self._free or not len(ends):
            return
        lone = array[ends - 1] == _RETURN
        if self._lone_returns is None:
            self._lone_returns = bool(lone[0])
        if not (lone == self._lone_returns).all():
            self.regular = False

    def _outside_quotes(
        self, array: _Bytes, quotes: _Positions, lines: _Positions, *, last: bool
    ) -> _Positions:
        """Drop the line ends within quotes, up to where quoting turns out irregular."""
        ends, wrong = self._route.outside(array, quotes, lines, self._beside, last=last)
        done = int(ends[-1]) if len(ends) else 0
        if wrong >= 0:
            good = ends[ends <= wrong]
        elif len(array) - done > LONGEST or (last and len(quotes) % 2):
            good = ends  # a quote that is never closed
        else:
            return ends
        self._quoting = self.regular = False
        return np.concatenate([good, lines[lines > (good[-1] if len(good) else 0)]])


def _with_returns(array: _Bytes, newlines: _Positions, *, last: bool) -> _Positions:
    """Return the ends of lines where some end in CR, with a newline or alone."""
    returns = np.flatnonzero(array == _RETURN)
    if returns[-1] == len(array) - 1:
        # Whether a newline follows is seen with the next block.
        final, returns = returns[-1:], returns[:-1]
        final = final if last else final[:0]
    else:
        final = returns[:0]
    lone = np.concatenate([returns[array[returns + 1] != _NEWLINE], final]) + 1
    return np.sort(np.concatenate([newlines, lone]))


def _packed(ends: _Positions) -> Sequence[int]:
    return packed("q", ends.astype(np.int64, copy=False).tobytes())


_TOKEN = np.zeros(256, np.bool_)
_TOKEN[np.frombuffer(b"_.@+-%", np.uint8)] = True
_TOKEN[ord("0") : ord("9") + 1] = _TOKEN[ord("A") : ord("Z") + 1] = True
_TOKEN[ord("a") : ord("z") + 1] = _TOKEN[0x80:] = True
_REACH = 64 << 10


def _between_tokens(array: _Bytes, size: int) -> int:
    """Return where to cut a record that is too long: after white space, or between tokens.

    Nothing but a run of more than 64 KiB of token bytes is ever cut within.
    """
    low = size - _REACH
    tail = array[low:]
    for candidates in (tail <= ord(" "), ~_TOKEN[tail]):
        places = np.flatnonzero(candidates)
        if len(places):
            return low + int(places[-1]) + 1
    return size

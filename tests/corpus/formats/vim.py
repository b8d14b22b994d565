"""Swap files of Vim, as its memline.c lays them out: blocks of a page, lines from the end."""

from __future__ import annotations

import random
import struct

from tests.corpus.formats import delimited
from tests.corpus.tables import Table

_PAGE = 4096


def swap(rng: random.Random, table: Table) -> bytes:
    """A header block, a pointer block, and data blocks with the lines of a CSV file."""
    lines = [line.encode() for line in delimited.csv_plain(rng, table).split("\n")]
    blocks: list[list[bytes]] = [[]]
    room = _PAGE
    for line in lines:
        need = len(line) + 5
        if room - need < 64 and blocks[-1]:
            blocks.append([])
            room = _PAGE
        blocks[-1].append(line)
        room -= need
    head = b"b0VIM 9.0\0".ljust(12, b"\0") + struct.pack("<IIII", _PAGE, 0, 0, 1184)
    head += b"ann".ljust(40, b"\0") + b"host".ljust(40, b"\0") + b"~/respondents.csv"
    return head.ljust(_PAGE, b"\0") + _pointers(blocks) + b"".join(map(_data, blocks))


def _pointers(blocks: list[list[bytes]]) -> bytes:
    entries = b"".join(
        struct.pack("<qqii", 2 + at, len(lines), 1, 1) for at, lines in enumerate(blocks)
    )
    return (b"tp" + struct.pack("<HH", len(blocks), 170) + entries).ljust(_PAGE, b"\0")


def _data(lines: list[bytes]) -> bytes:
    size = max(_PAGE, -(-(sum(len(line) + 5 for line in lines) + 32) // _PAGE) * _PAGE)
    index, text, end = b"", b"", size
    for line in lines:
        end -= len(line) + 1
        index += struct.pack("<I", end)
        text = line + b"\0" + text
    head = b"ad" + struct.pack("<IIIq", 0, end, size, len(lines))
    return (head + index).ljust(end, b"\0") + text

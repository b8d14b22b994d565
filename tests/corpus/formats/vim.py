"""Swap files of Vim, as its memline.c lays them out: blocks of pages, lines from the end."""

from __future__ import annotations

import random
import struct

from tests.corpus.formats import delimited
from tests.corpus.tables import Table

_PAGE = 4096
_DATA_HEAD = 24


def swap(rng: random.Random, table: Table) -> bytes:
    """A header block, a pointer block, and data blocks with the lines of a CSV file."""
    blocks: list[list[bytes]] = [[]]
    room = _PAGE - _DATA_HEAD
    for line in delimited.csv_plain(rng, table).removesuffix("\n").split("\n"):
        text = line.encode() + b"\0"
        if room < len(text) + 4 and blocks[-1]:
            blocks.append([])
            room = _PAGE - _DATA_HEAD
        blocks[-1].append(text)
        room -= len(text) + 4
    data = [_data(lines) for lines in blocks]
    return _header() + _pointers(blocks, data) + b"".join(data)


def _header() -> bytes:
    """``struct block0``: version, page size, inode, process, who, where, which file, magics."""
    head = b"b0" + b"VIM 9.0".ljust(10, b"\0") + struct.pack("<IIII", _PAGE, 0, 0, 1184)
    head += b"ann".ljust(40, b"\0") + b"host".ljust(40, b"\0")
    head += b"a.csv".ljust(899, b"\0") + b"\x55"  # not saved
    head += struct.pack("<qihb", 0x30313233, 0x20212223, 0x1213, 0x55)
    return head.ljust(_PAGE, b"\0")


def _pointers(blocks: list[list[bytes]], data: list[bytes]) -> bytes:
    """``struct pointer_block``: of each block its number, lines and pages."""
    entries, at = b"", 2
    for lines, block in zip(blocks, data, strict=True):
        pages = len(block) // _PAGE
        entries += struct.pack("<qqqi4x", at, len(lines), 1, pages)
        at += pages
    return (b"tp" + struct.pack("<HH2x", len(blocks), 127) + entries).ljust(_PAGE, b"\0")


def _data(lines: list[bytes]) -> bytes:
    """``struct data_block``: the offset of each line, room, and the lines from the end."""
    need = _DATA_HEAD + sum(len(line) + 4 for line in lines)
    end = size = -(-need // _PAGE) * _PAGE
    index, text = b"", b""
    for line in lines:
        end -= len(line)
        index += struct.pack("<I", end)
        text = line + text
    free = end - _DATA_HEAD - len(index)
    head = b"ad" + struct.pack("<2xIIIq", free, end, size, len(lines))
    return (head + index).ljust(end, b"\0") + text

"""Gzip files written anew with the header they had (RFC 1952)."""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

_LONGEST = 4096
_HEADER_CRC, _EXTRA, _NAME, _COMMENT = 2, 4, 8, 16


def header(file: BinaryIO) -> bytes | None:
    """Return the header of a gzip file's first member: name, time and system are in it.

    None: it has extra fields, whose meaning for the rest of the file is not known (that of
    bgzip holds block sizes), or is not one.
    """
    file.seek(0)
    data = file.read(_LONGEST)
    file.seek(0)
    if len(data) < 10 or data[:3] != b"\x1f\x8b\x08" or data[3] & _EXTRA:
        return None
    at = 10
    for flag in (_NAME, _COMMENT):
        if data[3] & flag:
            end = data.find(b"\0", at)
            if end < 0:
                return None
            at = end + 1
    at += 2 if data[3] & _HEADER_CRC else 0
    return data[:at] if at <= len(data) else None


class Writer:
    """Writes one gzip member."""

    def __init__(self, file: BinaryIO, head: bytes) -> None:
        self._file = file
        self._deflate = zlib.compressobj(wbits=-15)
        self._crc = self._size = 0
        file.write(head)

    def write(self, data: bytes) -> None:
        """Write some content."""
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        self._file.write(self._deflate.compress(data))

    def finish(self) -> None:
        """Write what ends a member."""
        self._file.write(self._deflate.flush())
        self._file.write(struct.pack("<II", self._crc, self._size & 0xFFFFFFFF))

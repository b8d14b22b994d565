"""The armor: an age file as text, in lines of base64 between a first and a last line (RFC 7468)."""

from __future__ import annotations

import base64
import binascii
import io
from io import BufferedIOBase

from backends.agefile._errors import Damaged

BEGIN = b"-----BEGIN AGE ENCRYPTED FILE-----"
_END = b"-----END AGE ENCRYPTED FILE-----"
_COLUMNS = 64
_LONGEST = 1 << 10  # bytes of a line, with what space may stand round the whole
_SPACE = b" \t\r\n"


def is_armored(head: bytes) -> bool:
    """Whether what begins so is meant as an armor, in its strict form or not."""
    return head.lstrip(_SPACE).startswith(BEGIN[:5])


class Dearmored(io.RawIOBase):
    """The bytes that an armor holds. Reading raises Damaged where it is not in its strict form."""

    def __init__(self, source: BufferedIOBase) -> None:
        self._source = source
        self._left = b""
        self._short = False  # a line that is not full was read: it is the last
        self._ended = False
        while not (line := self._line(first=True)):
            pass  # white space may stand before it
        if line != BEGIN:
            raise Damaged("the armor does not begin as it must")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer as far as one line goes."""
        while not self._left and not self._ended:
            self._left = self._next()
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def _line(self, *, first: bool = False) -> bytes:
        line = self._source.readline(_LONGEST)
        if not line or (len(line) == _LONGEST and not line.endswith(b"\n")):
            raise Damaged("the armor is cut short, or has a line that is too long")
        line = line.removesuffix(b"\n").removesuffix(b"\r")
        return line.lstrip(_SPACE) if first else line

    def _next(self) -> bytes:
        line = self._line()
        if line.rstrip(_SPACE) == _END:
            self._ended = True
            while rest := self._source.read(_LONGEST):
                if rest.strip(_SPACE):
                    raise Damaged("something follows the armor")
            return b""
        if not line or self._short or len(line) > _COLUMNS:
            raise Damaged("the armor has a line that does not belong there")
        self._short = len(line) < _COLUMNS
        try:
            data = base64.b64decode(line, validate=True)
        except binascii.Error:
            data = b""
        if base64.b64encode(data) != line:
            raise Damaged("the armor is not canonical base64")
        return data

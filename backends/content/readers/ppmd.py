"""PPMd of variant H with 7z's range coder, by pyppmd."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import pyppmd

from backends.content import CHUNK, Stop
from backends.content.apart import Found, Inner


def decoded(file: BinaryIO, order: int, memory: int, length: int) -> Iterator[Found]:
    """Yield a document of so many bytes in pieces; the coder itself does not know its end."""
    decoder = pyppmd.Ppmd7Decoder(order, memory)
    left, ended = length, False
    while left:
        data = file.read(CHUNK) if decoder.needs_input and not ended else b""
        if decoder.needs_input and not data:
            if ended:
                raise Stop("damaged-container")
            data, ended = b"\0", True  # pyppmd looks one byte ahead
        piece = decoder.decode(data, min(left, CHUNK))
        if not piece and not data:
            raise Stop("damaged-container")
        left -= len(piece)
        if piece:
            yield Inner(piece, more=left > 0)

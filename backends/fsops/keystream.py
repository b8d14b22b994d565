"""What files are overwritten with, and what can go wrong in that."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Protocol

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

BLOCK = 1 << 20  # fastest of 64 KiB to 4 MiB, measured
AES_BLOCK = 16


class ReadBackDiffers(Exception):
    """What the file system gives back is not what was written."""


class CutShort(Exception):
    """The system refused in mid-work; `written` bytes of the file were overwritten by then."""

    def __init__(self, cause: OSError, written: int) -> None:
        super().__init__(cause.errno)
        self.cause = cause
        self.written = written


class Stream(Protocol):
    """Bytes that a file is overwritten with: any part of them, as often as it is asked for."""

    def blocks(self, start: int, end: int) -> Iterator[tuple[int, memoryview]]:
        """Yield (offset, bytes) for the places from `start` to `end`, in pieces.

        A piece is valid until the next one is asked for.
        """

    def fill(self, room: memoryview, at: int, size: int) -> None:
        """Put `size` bytes into `room`, from the place `at` on, a multiple of 16.

        Up to `BLOCK` bytes, with room for 16 more.
        """

    def is_in(self, data: memoryview, at: int, spare: bytearray) -> bool:
        """Whether `data` are the bytes from `at` on; `spare` has room as for `fill`."""


class Keystream:
    """AES-256 in counter mode (NIST SP 800-38A, 6.5) under a key that dies with this object.

    Any part of it can be made at any offset, so nothing needs to be kept for reading back.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._zeros = memoryview(bytes(BLOCK))

    def blocks(self, start: int, end: int) -> Iterator[tuple[int, memoryview]]:
        """See :class:`Stream`."""
        skipped = start % AES_BLOCK
        stream = self.at(start)
        stream.update(self._zeros[:skipped])
        buffer = bytearray(BLOCK + AES_BLOCK - 1)
        for offset in range(start, end, BLOCK):
            size = min(BLOCK, end - offset)
            stream.update_into(self._zeros[:size], buffer)
            yield offset, memoryview(buffer)[:size]

    def fill(self, room: memoryview, at: int, size: int) -> None:
        """See :class:`Stream`."""
        self.at(at).update_into(self._zeros[:size], room)

    def is_in(self, data: memoryview, at: int, spare: bytearray) -> bool:
        """See :class:`Stream`; what the keystream turns into zeros is the keystream."""
        self.at(at).update_into(data, spare)
        return spare.startswith(self._zeros[: len(data)])

    def at(self, offset: int) -> CipherContext:
        """Return what makes the keystream, or turns it into zeros, from a multiple of 16 on."""
        counter = (offset // AES_BLOCK).to_bytes(16, "big")
        return Cipher(AES256(self._key), CTR(counter)).encryptor()


class Zeros:
    """Zeros: for files whose reader takes them for nothing, should the overwriting end early."""

    def __init__(self) -> None:
        self._bytes = bytes(BLOCK)
        self._zeros = memoryview(self._bytes)

    def blocks(self, start: int, end: int) -> Iterator[tuple[int, memoryview]]:
        """See :class:`Stream`."""
        for offset in range(start, end, BLOCK):
            yield offset, self._zeros[: min(BLOCK, end - offset)]

    def fill(self, room: memoryview, at: int, size: int) -> None:
        """See :class:`Stream`."""
        del at
        room[:size] = self._zeros[:size]

    def is_in(self, data: memoryview, at: int, spare: bytearray) -> bool:
        """See :class:`Stream`."""
        del at, spare
        return self._bytes.startswith(data)

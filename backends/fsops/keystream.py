"""What files are overwritten with, and what can go wrong in that."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

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


class Keystream:
    """AES-256 in counter mode (NIST SP 800-38A, 6.5) under a key that dies with this object.

    Any part of it can be made at any offset, so nothing needs to be kept for reading back.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._zeros = bytes(BLOCK)

    def blocks(self, start: int, end: int) -> Iterator[tuple[int, memoryview]]:
        """Yield (offset, keystream) for the bytes from `start` to `end`, in pieces.

        A piece is valid until the next one is asked for.
        """
        skipped = start % AES_BLOCK
        stream = self.at(start)
        stream.update(self._zeros[:skipped])
        buffer = bytearray(BLOCK + AES_BLOCK - 1)
        for offset in range(start, end, BLOCK):
            size = min(BLOCK, end - offset)
            stream.update_into(self._zeros[:size] if size < BLOCK else self._zeros, buffer)
            yield offset, memoryview(buffer)[:size]

    def at(self, offset: int) -> CipherContext:
        """Return what makes the keystream, or turns it into zeros, from a multiple of 16 on."""
        counter = (offset // AES_BLOCK).to_bytes(16, "big")
        return Cipher(AES256(self._key), CTR(counter)).encryptor()


class Zeros:
    """Zeros: for files whose reader takes them for nothing, should the overwriting end early."""

    def blocks(self, start: int, end: int) -> Iterator[tuple[int, memoryview]]:
        """Yield (offset, zeros), see :class:`Keystream`."""
        zeros = memoryview(bytes(BLOCK))
        for offset in range(start, end, BLOCK):
            yield offset, zeros[: min(BLOCK, end - offset)]

"""The values of one dataset, sealed and opened for as long as somebody has its key."""

from __future__ import annotations

import secrets
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from backends.sealedvalue import _xaes
from backends.sealedvalue._errors import Altered, Misplaced, OtherKey
from backends.sealedvalue._form import NONCE, TAG, Cell, header, packed, parts, unpacked

_LABEL = b"shredder sealed value v1 "


class Values:
    """Seals values and opens them. A context manager: at its end the key is forgotten.

    Not for the dataset's key itself to encrypt with: a key is derived from it (HKDF-SHA-256,
    RFC 5869), so that nothing made here bears on the files that are sealed to the same key.
    """

    def __init__(self, key: bytes | bytearray) -> None:
        """`key`: the dataset's 32 bytes, as the key store gives them out."""
        if len(key) != 32:
            raise ValueError("a dataset's key has 32 bytes")
        self._key = bytearray(_derived(key, b"key", 32))
        self.tag = _derived(key, b"tag", TAG)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Zero the key. Copies that a library made of it are not reached."""
        self._key[:] = bytes(len(self._key))
        self._key = bytearray()

    def seal(self, value: str | bytes, cell: Cell) -> bytes:
        """Seal a value for its cell; the same value twice gives two that show nothing of it."""
        text = isinstance(value, str)
        data = value.encode() if isinstance(value, str) else value
        before, nonce = header(self.tag, b"", text=text), secrets.token_bytes(NONCE)
        sealed = _xaes.encrypted(self._live(), nonce, packed(cell, data), before)
        return b"".join((before, nonce, sealed))

    def open(self, sealed: bytes, cell: Cell) -> str | bytes:
        """Open the value of a cell; a text comes back as one. Raises SealedValueError."""
        found, value = self.found(sealed)
        if found != cell:
            raise Misplaced("it belongs to another cell than the one it is in")
        return value

    def found(self, sealed: bytes) -> tuple[Cell, str | bytes]:
        """Open a value wherever it was found: the cell that it belongs to, and the value.

        Raises NotSealed, OtherKey, Altered.
        """
        given = parts(sealed)
        if given.path or given.tag != self.tag:
            raise OtherKey("it is sealed under another key")
        try:
            data = _xaes.decrypted(self._live(), given.nonce, given.encrypted, given.header)
        except InvalidTag:
            raise Altered("it was altered or cut short") from None
        cell, value = unpacked(data)
        return cell, value.decode() if given.text else value

    def _live(self) -> bytes:
        if not self._key:
            raise ValueError("the key was closed")
        return bytes(self._key)


def _derived(key: bytes | bytearray, what: bytes, size: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=size, salt=None, info=_LABEL + what).derive(bytes(key))

"""The values of one dataset, sealed and opened for as long as somebody has its key."""

from __future__ import annotations

import hmac
import secrets
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from backends.sealedvalue import _xaes
from backends.sealedvalue._errors import Altered, Misplaced, OtherKey
from backends.sealedvalue._form import NONCE, PATH, TAG, Cell, header, packed, parts, unpacked
from backends.sealedvalue._tree import Tree

_LABEL = b"shredder sealed value v1 "


class Values:
    """Seals values and opens them, in several threads. A context manager: at its end keys go.

    Not for the dataset's key itself to encrypt with: a key is derived from it (HKDF-SHA-256,
    RFC 5869), so that nothing made here bears on the files that are sealed to the same key.
    """

    def __init__(self, key: bytes | bytearray, tree: Tree | None = None) -> None:
        """`key`: the dataset's 32 bytes, as the key store gives them out.

        `tree`: what the keys of single records are derived from; it is closed with this.
        """
        if len(key) != 32:
            raise ValueError("a dataset's key has 32 bytes")
        self._key = bytearray(_derived(key, b"key", 32))
        self._path_key = bytearray(_derived(key, b"path", 32))
        self._tree = tree
        self._latest = b"", bytearray()  # a row's values come one after the other: a path, its key
        self.tag = _derived(key, b"tag", TAG)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Zero the keys. Copies that were made of them in use are not reached."""
        for key in (self._key, self._path_key, self._latest[1]):
            key[:] = bytes(len(key))
        self._key = bytearray()
        if self._tree:
            self._tree.close()

    def path(self, record: str) -> bytes:
        """Where a record's key is in the tree: a pseudonym, which shows nothing without the key."""
        self._live()
        return hmac.digest(self._path_key, record.encode(), "sha256")[:PATH]

    def seal(self, value: str | bytes, cell: Cell, *, record: str = "") -> bytes:
        """Seal a value for its cell; the same value twice gives two that show nothing of it.

        `record` names the person, or whatever else may have to go alone: under a key of its own.
        Raises RecordDestroyed where that is destroyed.
        """
        text = isinstance(value, str)
        data = value.encode() if isinstance(value, str) else value
        path = self.path(record) if record else b""
        before, nonce = header(self.tag, path, text=text), secrets.token_bytes(NONCE)
        sealed = _xaes.encrypted(self._key_of(path), nonce, packed(cell, data), before)
        return b"".join((before, nonce, sealed))

    def open(self, sealed: bytes, cell: Cell) -> str | bytes:
        """Open the value of a cell; a text comes back as one. Raises SealedValueError."""
        found, value = self.found(sealed)
        if found != cell:
            raise Misplaced("it belongs to another cell than the one it is in")
        return value

    def found(self, sealed: bytes) -> tuple[Cell, str | bytes]:
        """Open a value wherever it was found: the cell that it belongs to, and the value.

        Raises NotSealed, OtherKey, RecordDestroyed, Altered.
        """
        given = parts(sealed)
        if given.tag != self.tag:
            raise OtherKey("it is sealed under another key")
        try:
            key = self._key_of(given.path)
            data = _xaes.decrypted(key, given.nonce, given.encrypted, given.header)
        except InvalidTag:
            raise Altered("it was altered or cut short") from None
        cell, value = unpacked(data)
        return cell, value.decode() if given.text else value

    def object_key(self, name: str) -> bytes:
        """The key of one object of an object store, 32 bytes, by its name there."""
        return _derived(self._live(), b"object " + name.encode(), 32)

    def _key_of(self, path: bytes) -> bytes:
        """What a value is encrypted with: the record's key counts only with the dataset's."""
        key = self._live()
        if not path:
            return key
        if self._tree is None:
            raise OtherKey("it is sealed under a record's own key, and there is no key tree")
        latest = self._latest  # taken once: another thread may put its own record's there
        if latest[0] != path:
            derived = _derived(self._tree.key(path), b"record", 32, salt=key)
            latest = self._latest = path, bytearray(derived)
        return bytes(latest[1])

    def _live(self) -> bytes:
        if not self._key:
            raise ValueError("the key was closed")
        return bytes(self._key)


def _derived(key: bytes | bytearray, what: bytes, size: int, *, salt: bytes | None = None) -> bytes:
    hkdf = HKDF(algorithm=SHA256(), length=size, salt=salt, info=_LABEL + what)
    return hkdf.derive(bytes(key))

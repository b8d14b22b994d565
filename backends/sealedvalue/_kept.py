"""The key tree as it is kept: encrypted under the dataset's key and one of its own, together."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from backends.sealedvalue import _xaes
from backends.sealedvalue._form import NONCE
from backends.sealedvalue._tree import KeyTree, PackedTree
from backends.sealedvalue._values import Values

_LABEL = b"shredder key tree v1 file"
_KEY = 32


def tree_sealed(tree: KeyTree, key: bytes, second: bytes, nonce: bytes, header: bytes) -> bytes:
    """Encrypt a tree; neither `key` nor `second`, 32 bytes each, opens it alone."""
    return _xaes.encrypted(_both(key, second), nonce, bytes(tree.packed()), header)


def tree_opened(key: bytes, second: bytes, sealed: bytes, header: bytes) -> KeyTree:
    """Decrypt one, from its nonce on. Raises ValueError where it is not what was written."""
    try:
        nonce, data = sealed[:NONCE], sealed[NONCE:]
        return KeyTree.unpacked(_xaes.decrypted(_both(key, second), nonce, data, header))
    except InvalidTag:
        raise ValueError("a key tree was altered") from None


def identity(key: bytes | bytearray, tree: KeyTree | None) -> bytes:
    """What opens all that is sealed to a dataset: its key, and behind it its key tree."""
    return bytes(key) + (bytes(tree.packed()) if tree else b"")


def values_of_identity(identity: bytes) -> Values:
    """The values that an identity opens; its tree is not copied."""
    key = identity[:_KEY]
    return Values(key, PackedTree(identity, _KEY) if len(identity) > _KEY else None)


def _both(key: bytes, second: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=key, info=_LABEL).derive(second)

"""A key's bytes: how they are made, told apart without being shown, and wrapped."""

from __future__ import annotations

import hmac
import os
import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from shredder.keystores.contract import KEY_BYTES, Wrapping
from shredder.keystores.errors import StoreDamaged, WrongPassphrase

PASSPHRASE = "SHREDDER_KEYS_PASSPHRASE"  # noqa: S105 - the name of the variable
SALT_BYTES, NONCE_BYTES = 16, 12
_TAG_BYTES = 16
COST = 17  # N = 2^17 with r = 8 and p = 1: 128 MiB, a third of a second
NEW_PASSPHRASE = "SHREDDER_KEYS_NEW_PASSPHRASE"  # noqa: S105 - the name of the variable
_MOST = 20  # a damaged slot must not ask for all memory


def passphrase(name: str = PASSPHRASE) -> bytes | None:
    """The passphrase of the key store, from the environment; None if there is none."""
    value = os.environ.get(name)
    return value.encode() if value else None


def make_key() -> bytearray:
    """32 bytes of the kernel's randomness."""
    return bytearray(secrets.token_bytes(KEY_BYTES))


def public_of(key: bytearray) -> bytes:
    """The X25519 public key (RFC 7748, 6.1) that belongs to a key."""
    return X25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw()


def check_value(key: bytearray, key_id: bytes) -> bytes:
    """Tell a key from every other without showing it: HMAC-SHA-256 under the key, of its id."""
    return hmac.digest(key, b"shredder key check v1\0" + key_id, "sha256")


def wipe(key: bytearray) -> None:
    """Zero a key's bytes. Copies that a library made of them are not reached."""
    key[:] = bytes(len(key))


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A key as it lies in a store, and how it was wrapped. `data` is for its owner to wipe."""

    wrapping: Wrapping
    cost: int
    salt: bytes
    nonce: bytes
    data: bytearray


def wrap(key: bytearray, wrapping: Wrapping, secret: bytes | None, bound: bytes) -> Wrapped:
    """Encrypt a key (AES-256-GCM), bound to a context.

    `secret`: a passphrase, which is stretched (scrypt, RFC 7914), or the 32 bytes of a keyring's
    item, which are the key of the cipher.
    """
    if wrapping is Wrapping.NONE:
        return Wrapped(wrapping, 0, bytes(SALT_BYTES), bytes(NONCE_BYTES), bytearray(key))
    assert secret is not None
    salt, nonce = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(NONCE_BYTES)
    stretched = wrapping is Wrapping.PASSPHRASE
    cipher = AESGCM(_derived(secret, salt, COST) if stretched else secret)
    data = bytearray(cipher.encrypt(nonce, key, bound))
    return Wrapped(wrapping, COST if stretched else 0, salt, nonce, data)


def unwrap(wrapped: Wrapped, secret: bytes | None, bound: bytes) -> bytearray:
    """Return the key. Raises WrongPassphrase, StoreDamaged."""
    if wrapped.wrapping is Wrapping.NONE:
        return bytearray(wrapped.data)
    if wrapped.wrapping is Wrapping.KEYRING:
        return _by_item(wrapped, secret or b"", bound)
    if secret is None:
        raise WrongPassphrase(
            "the key is wrapped by a passphrase, and none was given",
            hint=f"it is read from {PASSPHRASE}",
        )
    if wrapped.cost > _MOST:
        raise StoreDamaged("the key's wrapping asks for more memory than this program gives")
    try:
        return _decrypted(_derived(secret, wrapped.salt, wrapped.cost), wrapped, bound)
    except InvalidTag:
        raise WrongPassphrase(
            "the passphrase is not the one that the key is wrapped with; nothing was altered",
            hint=f"it is read from {PASSPHRASE}",
        ) from None


def _by_item(wrapped: Wrapped, secret: bytes, bound: bytes) -> bytearray:
    try:
        return _decrypted(secret, wrapped, bound)
    except (InvalidTag, ValueError):
        raise StoreDamaged(
            "the keyring's item is not the one that the key is wrapped with; nothing was altered",
            hint="bring back the keyring and the key store of one and the same time",
        ) from None


def _decrypted(secret: bytes, wrapped: Wrapped, bound: bytes) -> bytearray:
    """The key, with no copy of it that is not to be wiped. Raises InvalidTag."""
    key = bytearray(max(0, len(wrapped.data) - _TAG_BYTES))
    AESGCM(secret).decrypt_into(wrapped.nonce, wrapped.data, bound, key)
    return key


def _derived(passphrase: bytes, salt: bytes, cost: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=1 << cost, r=8, p=1).derive(passphrase)

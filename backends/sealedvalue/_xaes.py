"""XAES-256-GCM (c2sp.org/XAES-256-GCM): AES-256-GCM with nonces long enough to be random.

A key for each nonce is derived from its first half, by the KDF in counter mode of NIST SP 800-108
with CMAC; the second half is the nonce of AES-256-GCM (SP 800-38D). It takes 5 µs more than that.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFCMAC, CounterLocation, Mode

_HALF = 12


def encrypted(key: bytes, nonce: bytes, data: bytes, associated: bytes) -> bytes:
    """Encrypt, and append the tag of 16 bytes. `key`: 32 bytes, `nonce`: 24, never used before."""
    return AESGCM(_derived(key, nonce)).encrypt(nonce[_HALF:], data, associated)


def decrypted(key: bytes, nonce: bytes, data: bytes, associated: bytes) -> bytes:
    """The same back. Raises InvalidTag of `cryptography`."""
    return AESGCM(_derived(key, nonce)).decrypt(nonce[_HALF:], data, associated)


def _derived(key: bytes, nonce: bytes) -> bytes:
    return KBKDFCMAC(
        algorithm=AES,
        mode=Mode.CounterMode,
        length=32,
        rlen=2,
        llen=None,
        location=CounterLocation.BeforeFixed,
        label=None,
        context=None,
        fixed=b"X\0" + nonce[:_HALF],
    ).derive(key)

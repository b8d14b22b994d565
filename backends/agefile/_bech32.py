"""Keys in the form in which the age tool reads and prints them: Bech32 (BIP 173), of any length."""

from __future__ import annotations

from collections.abc import Iterable

_CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def recipient_text(public: bytes) -> str:
    """An X25519 public key as a recipient: ``age1…``."""
    return _encoded("age", public)


def identity_text(key: bytes) -> str:
    """An X25519 private key as an identity: ``AGE-SECRET-KEY-1…``."""
    return _encoded("age-secret-key-", key).upper()


def _encoded(prefix: str, data: bytes) -> str:
    digits = list(_fives(data))
    return f"{prefix}1" + "".join(_CHARSET[d] for d in (*digits, *_checksum(prefix, digits)))


def _fives(data: bytes) -> Iterable[int]:
    """The bits of data in groups of five, the last one filled up with zeros."""
    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % 5)
    return (int(bits[at : at + 5], 2) for at in range(0, len(bits), 5))


def _checksum(prefix: str, digits: list[int]) -> list[int]:
    spread = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    value = _polymod([*spread, *digits, 0, 0, 0, 0, 0, 0]) ^ 1
    return [(value >> 5 * (5 - place)) & 31 for place in range(6)]


def _polymod(values: Iterable[int]) -> int:
    value = 1
    for each in values:
        top = value >> 25
        value = (value & 0x1FFFFFF) << 5 ^ each
        for place, generator in enumerate(_GENERATOR):
            value ^= generator if top >> place & 1 else 0
    return value

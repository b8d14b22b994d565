"""What is sealed to a key when it is made, so that its end can be shown: by nothing opening it."""

from __future__ import annotations

import base64
import binascii
import io
import secrets

from backends.agefile import AgeError, NoMatch, decrypted, encrypted
from shredder.keystores.contract import KEY_BYTES
from shredder.keystores.errors import StoreDamaged

_BYTES = 32


def make_probe(public: bytes) -> str:
    """Random bytes sealed to a public key, in the format of age; in base64."""
    random = io.BytesIO(secrets.token_bytes(_BYTES))
    return base64.b64encode(b"".join(encrypted(random, public))).decode("ascii")


def is_probe(text: str) -> bool:
    """Whether a text can be one."""
    try:
        return bool(base64.b64decode(text, validate=True))
    except binascii.Error:
        return False


def opens(probe: str, key: bytes | bytearray) -> bool:
    """Whether a key opens a probe, to its last byte. Raises StoreDamaged for what is none."""
    sealed = io.BytesIO(base64.b64decode(probe))
    if len(key) != KEY_BYTES:
        return False
    try:
        opened = decrypted(io.BufferedReader(sealed), [key])
        return len(b"".join(opened)) == _BYTES
    except NoMatch:
        return False
    except AgeError:
        raise StoreDamaged(
            "the record of a key holds no probe, or a damaged one",
            hint="take it from a backup of the state directory: it holds no secret",
        ) from None

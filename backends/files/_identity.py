"""Who a store of files is: the same for the same roots of the same machine, and opaque."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

MACHINE_ID = Path("/etc/machine-id")
_PERSON = b"shredder/files"


def machine_digest(paths: Iterable[bytes]) -> str:
    """A digest of paths, keyed by the machine's id, 32 hex digits.

    An identity gets signed and shown, and a path can be personal. machine-id(5) is 128 random
    bits that should be shown to nobody, and says to use it as a key, so that nobody can try
    paths against the digest. Without one the identity is ``unidentified-machine``.
    """
    try:
        key = bytes.fromhex(MACHINE_ID.read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        key = b""
    if len(key) != 16:
        return "unidentified-machine"
    digest = hashlib.blake2b(key=key, person=_PERSON, digest_size=16)
    for path in paths:
        digest.update(len(path).to_bytes(4, "big") + path)
    return digest.hexdigest()

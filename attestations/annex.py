"""Step 16, the annex: the names behind staff references, in a private file of the operator's.

A statement commits to the exact bytes of the file by their SHA-256. The file has a salt of 32
random bytes in it, so that no guess of a name can be tried against the digest.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from attestations.destruction import Destruction
from attestations.errors import Code, Contradiction, Malformed
from attestations.plan import Plan
from attestations.schema import Identifier, Label, Many, Text, decode, encode
from attestations.storage import read_limited
from attestations.strict_json import Limits, dumps, loads
from attestations.text import decode_base64, encode_base64, sha256

MEDIA_TYPE: Final = "application/vnd.shredder.annex+json;version=1"
LIMITS = Limits(size=2**16, depth=4, items=400)

_SALT_SIZE = 32  # bytes

MediaType = Annotated[str, Text("media type", 100)]
Salt = Annotated[str, Text("base64", 44)]


@dataclass(frozen=True, slots=True)
class Named:
    """A person."""

    reference: Identifier
    name: Label


@dataclass(frozen=True, slots=True)
class Annex:
    """The whole file."""

    media_type: MediaType
    attestation_id: Identifier
    salt: Salt
    names: Annotated[tuple[Named, ...], Many(64, unique=True, least=1, by="reference")]

    @classmethod
    def new(cls, attestation_id: str, names: Mapping[str, str]) -> Annex:
        """Make one with a salt of its own; `names` are by reference."""
        return cls(
            media_type=MEDIA_TYPE,
            attestation_id=attestation_id,
            salt=encode_base64(os.urandom(_SALT_SIZE)),
            names=tuple(Named(reference, name) for reference, name in names.items()),
        )

    def by_reference(self) -> dict[str, str]:
        """Return the names by reference, in order."""
        return {each.reference: each.name for each in self.names}

    def to_bytes(self) -> bytes:
        """Write the file, with a line end. Raises Malformed for what no auditor would read."""
        try:
            data = dumps(encode(self)) + b"\n"
        except ValueError:
            raise Malformed(Code.E_JSON, "annex: text that is not Unicode") from None
        assert Annex.from_bytes(data) == self, "an annex reads as it was written"
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> Annex:
        """Read an annex, strictly. Raises :class:`Malformed`."""
        annex = decode(cls, loads(data, LIMITS, "annex"), "annex")
        if annex.media_type != MEDIA_TYPE:
            raise Malformed(Code.E_SCHEMA, f"annex: its mediaType is not {MEDIA_TYPE}")
        if len(decode_base64(annex.salt, "annex: salt")) != _SALT_SIZE:
            raise Malformed(Code.E_SCHEMA, f"annex: a salt that is not of {_SALT_SIZE} bytes")
        return annex


def read_annex(path: Path) -> bytes:
    """Return an annex's bytes. Raises Unreadable, Contradiction (E_DISCLOSURE)."""
    try:
        return read_limited(path, LIMITS.size, "annex")
    except Malformed as error:
        raise Contradiction(Code.E_DISCLOSURE, error.message) from None


def check_annex(data: bytes, plan: Plan, result: Destruction) -> dict[str, str]:
    """Hold an annex against verified statements; returns the names by reference.

    Raises Contradiction (E_DISCLOSURE).
    """
    if sha256(data) not in {plan.annex, result.annex}:
        raise Contradiction(Code.E_DISCLOSURE, "annex: not the one that was committed to")
    try:
        annex = Annex.from_bytes(data)
    except Malformed as error:
        raise Contradiction(Code.E_DISCLOSURE, error.message) from None
    if annex.attestation_id != result.attestation_id:
        raise Contradiction(Code.E_DISCLOSURE, "annex: of another attestation")
    return annex.by_reference()

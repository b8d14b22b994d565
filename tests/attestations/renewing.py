"""Renewals for the tests, made from the specification's words alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from attestations import Bundle, Sealed
from tests.attestations.forge import Forge


def covering(envelope: bytes, timestamps: Sequence[bytes], renewals: Sequence[bytes] = ()) -> bytes:
    """What a renewal is over: each part after a space, its kind and its length."""
    out = bytearray(b"shredder-renewal-v1")
    parts = [("envelope", envelope)]
    parts.extend(("timestamp", token) for token in timestamps)
    parts.extend(("renewal", token) for token in renewals)
    for kind, part in parts:
        out += f" {kind} {len(part)} ".encode() + part
    return bytes(out)


def renewed(sealed: Sealed, by: Forge, when: datetime) -> Sealed:
    """One renewal more, by this authority at this time."""
    message = covering(sealed.envelope, sealed.timestamps, sealed.renewals)
    return replace(sealed, renewals=(*sealed.renewals, by.renew(message, when)))


def both_renewed(bundle: Bundle, by: Forge, when: datetime) -> Bundle:
    return Bundle(plan=renewed(bundle.plan, by, when), result=renewed(bundle.result, by, when))

"""What an auditor holds beside the bundle: steps 15 and 16 look at it where it is supplied."""

from __future__ import annotations

from dataclasses import dataclass

from attestations.disclosure import NO_REQUEST, Request


@dataclass(frozen=True, slots=True)
class Supplied:
    """Files' bytes. `request` is what was asked of the disclosure.

    `others` are bundles of the same issuer's, at most 256.
    """

    others: tuple[bytes, ...] = ()
    disclosure: bytes | None = None
    annex: bytes | None = None
    request: Request = NO_REQUEST


NOTHING = Supplied()

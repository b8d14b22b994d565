"""Adding timestamps to a bundle that was made while no authority answered."""

from __future__ import annotations

from pathlib import Path

from attestations import Bundle, Sealed, request_timestamps
from shredder.config import Config


def add_timestamps(config: Config, path: Path) -> int:
    """Timestamp what has no timestamp yet, and write the bundle back; returns how many.

    Raises TimestampUnavailable, or what reading and writing a bundle raises. The envelopes
    stay as they are, byte for byte.
    """
    bundle = Bundle.load(path)
    added = 0

    def stamped(sealed: Sealed) -> Sealed:
        nonlocal added
        if sealed.timestamps:
            return sealed
        tokens = request_timestamps(
            sealed.envelope, config.authorities, timeout=config.timestamp_timeout
        )
        added += len(tokens)
        return sealed.with_timestamps(tokens)

    Bundle(plan=stamped(bundle.plan), result=stamped(bundle.result)).write(path)
    return added

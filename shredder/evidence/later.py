"""Adding timestamps to a bundle that was made while too few authorities answered."""

from __future__ import annotations

from pathlib import Path

from attestations import Bundle, Sealed, TimestampUnavailable, request_timestamps
from shredder.config import Config


def add_timestamps(config: Config, path: Path) -> int:
    """Timestamp what has fewer than are wanted, and write the bundle back; returns how many.

    What was given is written before an error is raised: TimestampUnavailable, or what reading
    and writing a bundle raises. The envelopes stay as they are, byte for byte.
    """
    bundle = Bundle.load(path)
    trouble: list[TimestampUnavailable] = []

    def stamped(sealed: Sealed) -> Sealed:
        try:
            return sealed.with_timestamps(missing_timestamps(config, sealed))
        except TimestampUnavailable as error:
            trouble.append(error)
            return sealed.with_timestamps(error.got)

    made = Bundle(plan=stamped(bundle.plan), result=stamped(bundle.result))
    if made != bundle:
        made.write(path)
    if trouble:
        raise trouble[0]
    return sum(
        len(after.timestamps) - len(before.timestamps)
        for before, after in ((bundle.plan, made.plan), (bundle.result, made.result))
    )


def missing_timestamps(config: Config, sealed: Sealed) -> tuple[bytes, ...]:
    """Tokens of further authorities, until there are as many as are wanted."""
    wanted = config.timestamps_wanted - len(sealed.timestamps)
    if wanted <= 0:
        return ()
    return request_timestamps(
        sealed.envelope,
        config.authorities,
        wanted=wanted,
        timeout=config.timestamp_timeout,
        policies=config.timestamp_policies,
        held=sealed.timestamps,
    )

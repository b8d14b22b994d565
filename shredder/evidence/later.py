"""Timestamps after a bundle was made: those that were missing, and renewals of those it has."""

from __future__ import annotations

from pathlib import Path

from attestations import (
    Bundle,
    Sealed,
    TimestampUnavailable,
    request_renewal,
    request_timestamps,
    told_end,
    told_time,
)
from attestations.bundle import MAX_RENEWALS
from shredder.config import Config
from shredder.errors import Refused, UsageError


def add_timestamps(config: Config, path: Path) -> int:
    """Timestamp what has fewer than are wanted, and write the bundle back; returns how many.

    What was given is written before an error is raised: TimestampUnavailable, or what reading
    and writing a bundle raises. The envelopes stay as they are, byte for byte. Raises Refused,
    with nothing written, where timestamps are missing below renewals, or where another command
    changed the bundle meanwhile.
    """
    bundle = Bundle.load(path)
    for sealed in (bundle.plan, bundle.result):
        if sealed.renewals and len(sealed.timestamps) < config.timestamps_wanted:
            raise Refused(
                f"the timestamps of {path} were renewed, so that none can be added to them",
                hint="`shredder timestamp --renew` adds a renewal",
            )
    trouble: list[TimestampUnavailable] = []

    def stamped(sealed: Sealed) -> Sealed:
        try:
            return sealed.with_timestamps(missing_timestamps(config, sealed))
        except TimestampUnavailable as error:
            trouble.append(error)
            return sealed.with_timestamps(error.got)

    made = Bundle(plan=stamped(bundle.plan), result=stamped(bundle.result))
    if made != bundle:
        _write_back(path, bundle, made)
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


def renew_timestamps(config: Config, path: Path) -> None:
    """Renew the timestamps of plan and result, and write the bundle back: both, or neither.

    Raises UsageError where there is nothing to renew; Refused for a renewal that an auditor would
    refuse, or where another command changed the bundle meanwhile; TimestampUnavailable; and what
    reading and writing a bundle raises.
    """
    bundle = Bundle.load(path)
    plan, result = (_renewed(config, each, path) for each in (bundle.plan, bundle.result))
    made = Bundle(plan=plan, result=result)
    Bundle.from_bytes(made.to_bytes())  # within the limits, still
    _write_back(path, bundle, made)


def _write_back(path: Path, before: Bundle, made: Bundle) -> None:
    """Authorities take their time: what another command wrote meanwhile is not undone."""
    if Bundle.load(path) != before:
        raise Refused(f"{path} was changed by another command meanwhile", hint="run this again")
    made.write(path)


def _renewed(config: Config, sealed: Sealed, path: Path) -> Sealed:
    if not sealed.timestamps:
        raise UsageError(
            f"{path} has no timestamps to renew",
            hint="`shredder timestamp` without --renew adds those that are missing",
        )
    if len(sealed.renewals) == MAX_RENEWALS:
        raise Refused(f"the timestamps of {path} were renewed {MAX_RENEWALS} times: no more fit")
    token = request_renewal(
        sealed,
        config.authorities,
        timeout=config.timestamp_timeout,
        policies=config.timestamp_policies,
    )
    ends, now = told_end(sealed), told_time(token)
    if ends is not None and now > ends:
        raise Refused(
            f"it is too late to renew {path}: a certificate behind it ended at {ends.isoformat()}",
            hint="its timestamps are judged as of their own time, and stay as they are",
        )
    return sealed.with_renewal(token)

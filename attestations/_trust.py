"""Steps 6 to 8: signatures, timestamps, and the keys' validity at that time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from attestations.bundle import Sealed
from attestations.envelope import Envelope
from attestations.errors import Code, TimeRefused, Untrusted
from attestations.policy import Policy, RoleThreshold, Strangers, Trust, TrustedKey
from attestations.renewal import DIGEST, check_chain, covered, standing
from attestations.timestamp import Stamp, UnknownAuthority, verify


@dataclass(frozen=True, slots=True)
class Signed:
    """Who signed one envelope: trusted keys, each once, and how many strangers."""

    keys: tuple[TrustedKey, ...]
    keyids: tuple[str, ...]
    strangers: int


@dataclass(frozen=True, slots=True)
class Stamped:
    """What the timestamps of one envelope say.

    `latest` is the moment by which as many authorities as the threshold asks for had seen it;
    None where there are not so many. `independent`: none of those is the operator's. `stamps`
    have one of each authority, `fallen` those that a compromise took the worth of. `renewals` are
    those by known authorities. `renew_before` is when the first certificate of the newest tokens
    ends; None where none is known.
    """

    stamps: tuple[Stamp, ...]
    fallen: tuple[Stamp, ...]
    renewals: tuple[Stamp, ...]
    unknown: int
    latest: datetime | None
    independent: bool
    renew_before: datetime | None


def check_signatures(
    envelope: Envelope, trust: Trust, thresholds: Sequence[RoleThreshold], what: str
) -> Signed:
    """Step 6. A keyid only hints: every trusted key is tried. E_SIG, E_THRESHOLD, E_ROLE."""
    trusted = {key.keyid: (entry, key) for entry, key in trust.keys}
    found: dict[str, TrustedKey] = {}
    strangers = 0
    makers = envelope.made_by([key for _, key in trusted.values()])
    for signature, maker in zip(envelope.signatures, makers, strict=True):
        if maker is not None:
            found[maker.keyid] = trusted[maker.keyid][0]
        elif signature.keyid in trusted:
            raise Untrusted(Code.E_SIG, f"{what}: a signature said to be a trusted key's is not")
        else:
            strangers += 1
    if not found:
        raise Untrusted(Code.E_SIG, f"{what}: no signature is a trusted key's")
    if len(found) < sum(threshold.count for threshold in thresholds):
        raise Untrusted(Code.E_THRESHOLD, f"{what}: fewer trusted keys signed than are asked for")
    if any(sum(map(each.counts, found.values())) < each.count for each in thresholds):
        raise Untrusted(Code.E_ROLE, f"{what}: a role that is asked for has not signed")
    return Signed(tuple(found.values()), tuple(found), strangers)


def check_timestamps(
    sealed: Sealed, policy: Policy, trust: Trust, now: datetime, what: str
) -> Stamped:
    """Step 7. Every token is good, or refused; an authority counts once. E_TS_…."""
    rules = policy.timestamps
    first = ((token, sealed.envelope) for token in sealed.timestamps)
    again = ((token, covered(sealed, number)) for number, token in enumerate(sealed.renewals))
    known = _by_known(first, "sha256", policy, trust, now)
    renewals = _by_known(again, DIGEST, policy, trust, now)
    unknown = len(sealed.timestamps) + len(sealed.renewals) - len(known) - len(renewals)
    check_chain(known, renewals, what)
    good, fallen = standing(known, renewals)
    stamps: dict[str, Stamp] = {}
    for stamp in good:
        earlier = stamps.get(stamp.authority)
        if earlier is None or stamp.latest < earlier.latest:
            stamps[stamp.authority] = stamp
    ordered = sorted(stamps.values(), key=lambda stamp: (stamp.operator_run, stamp.latest))
    counted = ordered[: rules.threshold] if rules.threshold else []
    enough = bool(counted) and len(counted) == rules.threshold
    if rules.required and not enough:
        raise TimeRefused(Code.E_TS_THRESHOLD, f"{what}: fewer timestamps than are asked for")
    return Stamped(
        stamps=tuple(ordered),
        fallen=tuple({stamp.authority: stamp for stamp in fallen}.values()),
        renewals=tuple(renewals),
        unknown=unknown,
        latest=max(stamp.latest for stamp in counted) if enough else None,
        independent=enough and not any(stamp.operator_run for stamp in counted),
        renew_before=min((stamp.until for stamp in renewals[-1:] or known), default=None),
    )


def check_key_times(signed: Signed, stamped: Stamped, now: datetime, what: str) -> None:
    """Step 8. Each key at the proven time; without one, now. E_KEY_TIME, E_KEY_COMPROMISED."""
    proven = stamped.latest
    when = proven or now
    for key in signed.keys:
        begin, end, lost = key.valid_from, key.valid_until, key.compromised_at
        if (begin is not None and when < begin) or (end is not None and when > end):
            raise Untrusted(Code.E_KEY_TIME, f"{what}: signed by a key outside of its validity")
        # Without a proven time, whoever has the key may have signed yesterday, or today.
        if lost is not None and (proven is None or proven >= lost):
            raise Untrusted(
                Code.E_KEY_COMPROMISED, f"{what}: not proven to be older than a key's compromise"
            )


def _by_known(
    tokens: Iterable[tuple[bytes, bytes]], digest: str, policy: Policy, trust: Trust, now: datetime
) -> list[Stamp]:
    """Verify tokens, each with what it is over; strangers' are refused, or left out."""
    refused = policy.timestamps.unknown_authorities is Strangers.REFUSE
    stamps = []
    for token, message in tokens:
        try:
            stamp = verify(token, message, trust.authorities, now=now + trust.skew, digest=digest)
        except UnknownAuthority:
            if trust.authorities and refused:
                raise
            continue
        stamps.append(stamp)
    return stamps

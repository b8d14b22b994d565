"""The auditor's trust policy: whom to believe, and what to ask for.

It is the auditor's own file, got from anywhere but the operator's bundle. It fails closed: a
policy without a key, a threshold or a pinned authority's certificate is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from attestations.errors import Code, Malformed, PolicyRefused
from attestations.keys import Algorithm, PublicKey
from attestations.log.note import Kind, VerifierKey
from attestations.parts import Method
from attestations.schema import Identifier, Label, Many, Name, Range, Text, decode, encode
from attestations.storage import read_limited, write_atomically
from attestations.strict_json import Limits, loads
from attestations.timestamp import Authority

MEDIA_TYPE: Final = "application/vnd.shredder.policy+json;version=1"
LIMITS = Limits(size=2**20, depth=8, items=5000)

OPERATOR: Final = "operator"  # signs plan and result
APPROVER: Final = "approver"  # another person: signs the plan, before anything is touched
VALIDATOR: Final = "validator"  # another person: signs a validation, after the result

_MIN_RSA_BITS = 2048
_MIN_EC_BITS = 256

Pem = Annotated[str, Text("PEM", 16384)]
Oid = Annotated[str, Text("OID", 128, r"[0-2](\.(0|[1-9][0-9]*))+")]
Vkey = Annotated[str, Text("verifier key", 300)]
MediaType = Annotated[str, Text("media type", 100)]
Threshold = Annotated[int, Range(1, 16)]


class Strangers(StrEnum):
    """What a timestamp by an authority outside of the policy does."""

    REFUSE = "refuse"
    IGNORE = "ignore"


class Signs(StrEnum):
    """Which envelopes a threshold is about."""

    BOTH = "both"
    PLAN = "plan"
    RESULT = "result"


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A key, whose it is, and when it may have signed."""

    name: Label
    role: Name
    algorithm: Algorithm
    public_key: Pem
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    compromised_at: datetime | None = None
    operator_run: bool = True


@dataclass(frozen=True, slots=True)
class RoleThreshold:
    """How many keys of a role must have signed; with an algorithm, only keys of it count.

    A hybrid is a role with two of them: one for the classical algorithm, one for ML-DSA. Who
    approves a plan signs nothing but the plan.
    """

    role: Name
    count: Threshold
    algorithm: Algorithm | None = None
    signs: Signs = Signs.BOTH

    def counts(self, key: TrustedKey) -> bool:
        """Whether a signature by `key` counts towards it."""
        return key.role == self.role and self.algorithm in {None, key.algorithm}


@dataclass(frozen=True, slots=True)
class TrustedAuthority:
    """A time-stamping authority: its roots, and its leaf certificates or policies, or both.

    From `compromised_at` on, its tokens prove nothing of themselves: another may make them.
    """

    name: Label
    roots: Annotated[tuple[Pem, ...], Many(16, least=1)]
    intermediates: Annotated[tuple[Pem, ...], Many(16)] = ()
    leaves: Annotated[tuple[Pem, ...], Many(16)] = ()
    policies: Annotated[tuple[Oid, ...], Many(16, unique=True)] = ()
    compromised_at: datetime | None = None
    operator_run: bool = False


@dataclass(frozen=True, slots=True)
class TimestampRules:
    """What is asked of the timestamps of each envelope. Seconds where so named."""

    threshold: Annotated[int, Range(0, 16)] = 0
    required: bool = False
    unknown_authorities: Strangers = Strangers.REFUSE
    clock_skew_seconds: Annotated[int, Range(0, 86400)] = 60
    max_lag_seconds: Annotated[int, Range()] | None = None
    plan_before_start: bool = False
    authorities: Annotated[tuple[TrustedAuthority, ...], Many(16)] = ()


@dataclass(frozen=True, slots=True)
class TrustedLog:
    """A transparency log: the first line of its heads, and the keys that sign them."""

    origin: Label
    keys: Annotated[tuple[Vkey, ...], Many(8, least=1, unique=True)]
    operator_run: bool = True


@dataclass(frozen=True, slots=True)
class TrustedWitness:
    """A witness, who saw that a log only grew."""

    name: Label
    key: Vkey
    operator_run: bool = False


@dataclass(frozen=True, slots=True)
class LogRules:
    """Which logs must have both envelopes, and how many witnesses must have signed the head."""

    quorum: Annotated[int, Range(0, 16)] = 0
    logs: Annotated[tuple[TrustedLog, ...], Many(16, unique=True, by="origin")] = ()
    witnesses: Annotated[tuple[TrustedWitness, ...], Many(16, unique=True, by="name")] = ()


@dataclass(frozen=True, slots=True)
class Expectations:
    """What the attestation must be about; null asks for nothing."""

    controller: Label | None = None
    dataset: Identifier | None = None
    challenge: Identifier | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """The whole file."""

    media_type: MediaType
    keys: Annotated[tuple[TrustedKey, ...], Many(64, least=1)]
    thresholds: Annotated[tuple[RoleThreshold, ...], Many(16, least=1)]
    timestamps: TimestampRules = TimestampRules()
    log: LogRules = LogRules()
    expect: Expectations = Expectations()
    stores: Annotated[tuple[Label, ...], Many(256, unique=True)] = ()
    lowest_method: Method = Method.LOGICAL_DELETE

    @classmethod
    def new(
        cls,
        *,
        keys: Iterable[TrustedKey],
        thresholds: Iterable[RoleThreshold] = (RoleThreshold(OPERATOR, 1),),
        timestamps: TimestampRules | None = None,
        log: LogRules | None = None,
        expect: Expectations | None = None,
        stores: Sequence[str] = (),
        lowest_method: Method = Method.LOGICAL_DELETE,
    ) -> Policy:
        """Make a policy and check it. Raises :class:`PolicyRefused`."""
        policy = cls(
            media_type=MEDIA_TYPE,
            keys=tuple(keys),
            thresholds=tuple(thresholds),
            timestamps=timestamps or TimestampRules(),
            log=log or LogRules(),
            expect=expect or Expectations(),
            stores=tuple(stores),
            lowest_method=lowest_method,
        )
        again = cls.from_bytes(policy.to_bytes())
        assert again == policy, "a policy reads as it was written"
        return again

    @classmethod
    def from_bytes(cls, data: bytes) -> Policy:
        """Read a policy, strictly, and check that it can be used. Raises PolicyRefused."""
        try:
            policy = decode(cls, loads(data, LIMITS, "policy"), "policy")
        except Malformed as error:
            raise PolicyRefused(Code.E_POLICY, error.message) from None
        prepare(policy)
        return policy

    @classmethod
    def load(cls, path: Path) -> Policy:
        """Read the policy at `path`. Raises PolicyRefused, Unreadable."""
        try:
            data = read_limited(path, LIMITS.size, "policy")
        except Malformed as error:
            raise PolicyRefused(Code.E_POLICY, error.message) from None
        return cls.from_bytes(data)

    def asked_of(self, envelope: Signs) -> tuple[RoleThreshold, ...]:
        """Return the thresholds that the plan's envelope must meet, or the result's."""
        return tuple(each for each in self.thresholds if each.signs in {Signs.BOTH, envelope})

    def to_bytes(self) -> bytes:
        """Write the policy as indented JSON, for it is meant to be read and edited."""
        import json  # noqa: PLC0415 -- only the maker of a policy needs the indenting writer

        return json.dumps(encode(self), indent=2, ensure_ascii=False).encode() + b"\n"

    def write(self, path: Path) -> None:
        """Put the policy at `path`, whole and durable. Raises Unreadable."""
        write_atomically(path, self.to_bytes())


@dataclass(frozen=True, slots=True)
class Trust:
    """A policy with its keys and certificates loaded."""

    keys: tuple[tuple[TrustedKey, PublicKey], ...]
    authorities: tuple[Authority, ...]
    skew: timedelta
    logs: tuple[tuple[TrustedLog, tuple[VerifierKey, ...]], ...] = ()
    witnesses: tuple[tuple[TrustedWitness, VerifierKey], ...] = ()


def trusted_key(
    key: PublicKey, *, name: str, role: str = OPERATOR, operator_run: bool = True
) -> TrustedKey:
    """Make a policy's entry for a key."""
    return TrustedKey(
        name=name,
        role=role,
        algorithm=key.algorithm,
        public_key=key.pem,
        operator_run=operator_run,
    )


def _check_thresholds(policy: Policy) -> None:
    """For an envelope, a role has one threshold, or several, each for an algorithm of its own."""
    for envelope in (Signs.PLAN, Signs.RESULT):
        asked = policy.asked_of(envelope)
        if not asked:
            raise PolicyRefused(Code.E_POLICY, f"policy: nobody must have signed the {envelope}")
        for role in {threshold.role for threshold in asked}:
            kinds = [threshold.algorithm for threshold in asked if threshold.role == role]
            if len(kinds) > 1 and (None in kinds or len(set(kinds)) != len(kinds)):
                raise PolicyRefused(Code.E_POLICY, "policy: a role has two thresholds")
    for threshold in policy.thresholds:
        if sum(map(threshold.counts, policy.keys)) < threshold.count:
            raise PolicyRefused(Code.E_POLICY, "policy: a role has fewer keys than its threshold")


def prepare(policy: Policy) -> Trust:
    """Load what the policy names: step 5. Raises PolicyRefused: E_POLICY, E_WEAK_KEY, E_DUP_KEY."""
    if policy.media_type != MEDIA_TYPE:
        raise PolicyRefused(Code.E_POLICY, f"policy: its mediaType is not {MEDIA_TYPE}")
    keys = tuple((entry, _key(entry)) for entry in policy.keys)
    if len({key.keyid for _, key in keys}) != len(keys):
        raise PolicyRefused(Code.E_DUP_KEY, "policy: one key stands there twice")
    _check_thresholds(policy)
    rules = policy.timestamps
    authorities = tuple(_authority(entry) for entry in _worst_first(rules.authorities))
    names = {authority.name for authority in authorities}
    if len(names) != len(authorities):
        raise PolicyRefused(Code.E_POLICY, "policy: two authorities of one name")
    if rules.threshold > len(authorities):
        raise PolicyRefused(Code.E_POLICY, "policy: fewer authorities than their threshold")
    if rules.threshold == 0 and (authorities or rules.required):
        raise PolicyRefused(Code.E_POLICY, "policy: timestamps without a threshold")
    skew = timedelta(seconds=rules.clock_skew_seconds)
    logs, witnesses = _log_keys(policy.log, {key.keyid for _, key in keys})
    return Trust(keys, authorities, skew, logs, witnesses)


def _log_keys(
    rules: LogRules, others: set[str]
) -> tuple[
    tuple[tuple[TrustedLog, tuple[VerifierKey, ...]], ...],
    tuple[tuple[TrustedWitness, VerifierKey], ...],
]:
    """Load the keys of logs and witnesses: each has one meaning, and one name."""
    logs = tuple(
        (entry, tuple(_vkey(key, Kind.LOG, "log's") for key in entry.keys)) for entry in rules.logs
    )
    witnesses = tuple(
        (entry, _vkey(entry.key, Kind.WITNESS, "witness's")) for entry in rules.witnesses
    )
    found = [key.key.keyid for _, keys in logs for key in keys]
    found += [key.key.keyid for _, key in witnesses]
    if len(set(found)) != len(found) or others & set(found):
        raise PolicyRefused(Code.E_DUP_KEY, "policy: one key stands there twice, by two names")
    if len({key.name for _, key in witnesses}) != len(witnesses):
        raise PolicyRefused(Code.E_POLICY, "policy: two witnesses whose keys have one name")
    if rules.quorum > len(witnesses):
        raise PolicyRefused(Code.E_POLICY, "policy: fewer witnesses than their quorum")
    if witnesses and not rules.quorum:
        raise PolicyRefused(Code.E_POLICY, "policy: witnesses without a quorum")
    if witnesses and not logs:
        raise PolicyRefused(Code.E_POLICY, "policy: witnesses without a log")
    return logs, witnesses


def _vkey(text: str, kind: Kind, whose: str) -> VerifierKey:
    key = VerifierKey.parse(text)
    if key.kind is not kind:
        raise PolicyRefused(Code.E_POLICY, f"policy: a verifier key that is not a {whose}")
    return key


def _key(entry: TrustedKey) -> PublicKey:
    key = PublicKey.from_pem(entry.public_key)
    if key.algorithm is not entry.algorithm:
        raise PolicyRefused(Code.E_POLICY, "policy: a key is not of the algorithm it is said to be")
    begin, end = entry.valid_from, entry.valid_until
    if begin is not None and end is not None and begin > end:
        raise PolicyRefused(Code.E_POLICY, "policy: a key whose validity ends before it begins")
    return key


def _worst_first(entries: Sequence[TrustedAuthority]) -> list[TrustedAuthority]:
    """Where several entries fit one token, it is the first one's: no entry hides a compromise."""
    lost = [(entry.compromised_at, n) for n, entry in enumerate(entries) if entry.compromised_at]
    order = [n for _, n in sorted(lost)]
    return [entries[n] for n in order] + [each for each in entries if not each.compromised_at]


def _authority(entry: TrustedAuthority) -> Authority:
    if not entry.leaves and not entry.policies:
        raise PolicyRefused(
            Code.E_POLICY,
            "policy: an authority with neither leaves nor policies pinned",
            hint="a root signs for many; name the authority's certificate or its policy OID",
        )
    return Authority(
        name=entry.name,
        roots=tuple(map(_certificate, entry.roots)),
        intermediates=tuple(map(_certificate, entry.intermediates)),
        leaves=tuple(map(_certificate, entry.leaves)),
        policies=frozenset(entry.policies),
        compromised_at=entry.compromised_at,
        operator_run=entry.operator_run,
    )


def _certificate(pem: str) -> x509.Certificate:
    try:
        (certificate,) = x509.load_pem_x509_certificates(pem.encode("utf-8"))
        key = certificate.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise PolicyRefused(Code.E_POLICY, "policy: not one PEM certificate") from None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _MIN_RSA_BITS:
        raise PolicyRefused(Code.E_WEAK_KEY, "policy: an authority's RSA key is too short")
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size < _MIN_EC_BITS:
        raise PolicyRefused(Code.E_WEAK_KEY, "policy: an authority's curve is too small")
    return certificate

"""Making a validation of a result, and the auditor's check of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from attestations._trust import check_key_times, check_signatures, check_timestamps
from attestations.bundle import LIMITS, Bundle, Sealed, read_sealed, write_sealed
from attestations.consistency import check_personal_data
from attestations.envelope import Envelope, seal
from attestations.errors import Code, Contradiction, Malformed, TimeRefused, Untrusted
from attestations.parts import Actor
from attestations.policy import VALIDATOR, Policy, RoleThreshold, TrustedKey, prepare
from attestations.procedure import verify
from attestations.schema import encode
from attestations.signers import Signer
from attestations.statement import from_payload, to_payload
from attestations.storage import read_limited
from attestations.strict_json import dumps, loads
from attestations.validation import Acceptance, Validation

MEDIA_TYPE: Final = "application/vnd.shredder.validation+json;version=1"


@dataclass(frozen=True, slots=True)
class Validated:
    """What an auditor learns of a validation. `latest` is its proven time; None without one."""

    decision: Acceptance
    by: tuple[TrustedKey, ...]
    validator: Actor
    latest: datetime | None


def issue_validation(
    result: Sealed,
    decision: Acceptance,
    validator: Actor,
    *,
    attestation_id: str,
    signers: Sequence[Signer],
    now: datetime | None = None,
) -> Sealed:
    """Sign what was decided of a sealed result. Raises :class:`attestations.errors.Refused`."""
    stated = Validation(
        attestation_id=attestation_id,
        result=result.digest,
        decision=decision,
        validator=validator,
        issued_at=now or datetime.now(UTC),
    )
    check_personal_data(encode(stated), "validation")
    return Sealed(seal(to_payload(stated), signers).raw)


def to_file(sealed: Sealed) -> bytes:
    """Write a validation's file, with a line end."""
    return dumps({"mediaType": MEDIA_TYPE, "validation": write_sealed(sealed)}) + b"\n"


def from_file(data: bytes) -> Sealed:
    """Read a validation's file, strictly. Raises :class:`Malformed`."""
    value = loads(data, LIMITS, "validation")
    if not isinstance(value, dict) or set(value) != {"mediaType", "validation"}:
        raise Malformed(Code.E_BUNDLE, "validation: not the fields of a validation")
    if value["mediaType"] != MEDIA_TYPE:
        raise Malformed(Code.E_BUNDLE, f"validation: its mediaType is not {MEDIA_TYPE}")
    sealed = read_sealed(value["validation"], "validation")
    if sealed.log is not None:
        raise Malformed(Code.E_BUNDLE, "validation: a log proof has no place in it")
    return sealed


def read_validation(path: Path) -> bytes:
    """Return the file's bytes, unparsed. Raises Unreadable, or E_LIMIT."""
    return read_limited(path, LIMITS.size, "validation")


def check_validation(
    data: bytes, bundle: bytes, policy: Policy, *, now: datetime | None = None
) -> Validated:
    """Verify the bundle, then the validation of its result. Raises Refused at the first fault.

    Steps 1 to 8, 10, 12 and 13 are carried out on the validation, too. It must be signed by a
    key of the role `validator` that signed neither plan nor result.
    """
    now = now or datetime.now(UTC)
    report = verify(bundle, policy, now=now)
    assert report.result is not None, "a bundle that verifies has a result"
    sealed = from_file(data)
    envelope = Envelope.from_bytes(sealed.envelope, "validation")
    trust = prepare(policy)
    signed = check_signatures(envelope, trust, (RoleThreshold(VALIDATOR, 1),), "validation")
    if {signer.keyid for signer in report.signers} & set(signed.keyids):
        raise Untrusted(Code.E_ROLE, "validation: signed by a key that signed plan or result")
    stamped = check_timestamps(sealed, policy, trust, now, "validation")
    check_key_times(signed, stamped, now, "validation")
    stated = from_payload(envelope.payload, Validation)
    if stated.issued_at > (stamped.latest or now) + trust.skew:
        raise TimeRefused(Code.E_TIME_ORDER, "validation: issued later than its timestamp, or now")
    if stated.issued_at + trust.skew < report.result.issued_at:
        raise TimeRefused(Code.E_TIME_ORDER, "validation: issued before the result")
    check_personal_data(encode(stated), "validation")
    of = (Bundle.from_bytes(bundle).result.digest, report.result.attestation_id)
    if of != (stated.result, stated.attestation_id):
        raise Contradiction(Code.E_REF, "validation: of another result")
    return Validated(stated.decision, signed.keys, stated.validator, stamped.latest)

"""Verifying an attestation of our own: that the bundle still stands and is ours.

This is no audit: the policy is made of our own public keys, and time is not asked about.
"""

from __future__ import annotations

from pathlib import Path

from attestations import AttestationError, Policy, TimestampRules, Verdict, check_file, trusted_key
from attestations.policy import Strangers
from shredder.errors import InvalidAttestation
from shredder.run.work import Work
from shredder.signing import known_keys


def verify_own(work: Work, path: Path) -> str:
    """The outcome of a bundle that a key of ours signed. Raises InvalidAttestation."""
    keys = [trusted_key(key, name="operator") for key in known_keys(work.state)]
    rules = TimestampRules(unknown_authorities=Strangers.IGNORE)
    policy = Policy.new(keys=keys, timestamps=rules)
    try:
        report = check_file(path, policy)
    except AttestationError as error:
        raise _invalid() from error
    if report.authentic is not Verdict.VALID or report.computed is None:
        raise _invalid()
    return report.computed.value


def _invalid() -> InvalidAttestation:
    return InvalidAttestation(
        "the attestation of an earlier run does not verify",
        hint="find out who changed it: the run's folder in the state directory has its parts",
    )

"""What both verifiers are given: bundles with their policies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import mldsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from attestations import Algorithm, Bundle, KeyFileSigner, Outcome, Policy, RoleThreshold
from tests.attestations import made
from tests.attestations.forge import Forge
from tests.attestations.kinds import Kind, issued, kinds
from tests.attestations.made import NOW, OPERATOR

USAGES = (ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING)

FORGE = Forge()
KINDS = kinds(FORGE)
GOOD = KINDS["complete"].bundle
TIMED = KINDS["complete"].policy
UNTIMED = made.policy()


# Beside the others: both algorithms are asked for, of one role.
LATTICE_KEY = mldsa.MLDSA65PrivateKey.from_seed_bytes(bytes(32))
LATTICE = KeyFileSigner(LATTICE_KEY)
HYBRID = Kind(
    name="hybrid",
    bundle=issued(signers=(OPERATOR, LATTICE), stamp=FORGE.plain),
    policy=replace(
        TIMED,
        keys=made.policy(OPERATOR, LATTICE).keys,
        thresholds=(
            RoleThreshold("operator", 1, Algorithm.ED25519),
            RoleThreshold("operator", 1, Algorithm.ML_DSA_65),
        ),
    ),
    outcome=Outcome.COMPLETE,
    signers=(OPERATOR, LATTICE),
)


@dataclass(frozen=True)
class Case:
    """What both are given: bytes of files, and what the auditor asked for."""

    name: str
    bundle: bytes
    policy: bytes
    now: datetime = NOW
    others: tuple[bytes, ...] = ()
    disclosure: bytes | None = None
    seed: str | None = None
    sample: int | None = None
    annex: bytes | None = None
    validation: bytes | None = None


def given(
    name: str, bundle: bytes | Bundle, policy: Policy | bytes = UNTIMED, **beside: Any
) -> Case:
    data = bundle if isinstance(bundle, bytes) else bundle.to_bytes()
    return Case(name, data, policy if isinstance(policy, bytes) else policy.to_bytes(), **beside)

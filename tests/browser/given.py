"""What both verifiers are given: bundles with their policies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.x509.oid import ExtendedKeyUsageOID

from attestations import (
    Bundle,
    Policy,
)
from tests.attestations import made
from tests.attestations.forge import Forge
from tests.attestations.kinds import kinds
from tests.attestations.made import NOW

USAGES = (ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING)

FORGE = Forge()
KINDS = kinds(FORGE)
GOOD = KINDS["complete"].bundle
TIMED = KINDS["complete"].policy
UNTIMED = made.policy()


@dataclass(frozen=True)
class Case:
    """What both are given."""

    name: str
    bundle: bytes
    policy: bytes
    now: datetime = NOW


def given(name: str, bundle: bytes | Bundle, policy: Policy | bytes = UNTIMED, **now: Any) -> Case:
    data = bundle if isinstance(bundle, bytes) else bundle.to_bytes()
    return Case(name, data, policy if isinstance(policy, bytes) else policy.to_bytes(), **now)

"""The issuer's side: nothing is signed that an auditor would refuse.

Before a statement is sealed, it goes through the auditor's own steps 10 and 12 to 16, so that
a fault shows while it can still be mended, and not in an auditor's hands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from attestations.bundle import Sealed
from attestations.consistency import (
    check_against_plan,
    check_order,
    check_personal_data,
    check_plan,
    check_result,
)
from attestations.destruction import Destruction
from attestations.envelope import Envelope, seal
from attestations.outcome import compute
from attestations.plan import Plan
from attestations.schema import encode
from attestations.signers import Signer
from attestations.statement import from_payload, to_payload


def issue_plan(plan: Plan, *, signers: Sequence[Signer]) -> Sealed:
    """Check and sign a plan. Raises :class:`attestations.errors.Refused`."""
    check_personal_data(encode(plan), "plan")
    check_plan(plan)
    return Sealed(seal(to_payload(plan), signers).raw)


def issue_result(result: Destruction, *, plan: Sealed, signers: Sequence[Signer]) -> Sealed:
    """Check and sign a result of a sealed plan, with its outcome computed and its plan named.

    What `result` says for `plan` and `outcome` is replaced. Raises Refused.
    """
    planned = from_payload(Envelope.from_bytes(plan.envelope, "plan").payload, Plan)
    result = replace(result, plan=plan.digest)
    result = replace(result, outcome=compute(planned, result).outcome)
    check_personal_data(encode(result), "result")
    check_order(planned, result)
    check_result(result)
    check_against_plan(planned, result)
    return Sealed(seal(to_payload(result), signers).raw)

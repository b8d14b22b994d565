"""Real bundles of several kinds, made by the issuer's API: good ones, each with its policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from attestations import (
    Bundle,
    Outcome,
    Policy,
    RoleThreshold,
    Sealed,
    Signer,
    Status,
    TimestampRules,
    issue_plan,
    issue_result,
    trusted_key,
)
from tests.attestations import made
from tests.attestations.forge import Forge
from tests.attestations.judge import timed
from tests.attestations.log import making as logging
from tests.attestations.renewing import both_renewed

Stamp = Callable[[bytes, datetime], bytes]


@dataclass(frozen=True)
class Kind:
    """A bundle, a policy that accepts it, and the outcome that it has."""

    name: str
    bundle: Bundle
    policy: Policy
    outcome: Outcome
    signers: tuple[Signer, ...]


def issued(
    *,
    signers: Sequence[Signer] = (made.OPERATOR,),
    stamp: Stamp | None = None,
    plan_changes: dict[str, Any] | None = None,
    changes: dict[str, Any] | None = None,
) -> Bundle:
    """What an issuer makes: nothing in it was signed that the issuer's own checks refuse."""
    plan = made.plan(**(plan_changes or {}))
    result = made.result(plan, **(changes or {}))
    first = issue_plan(plan, signers=signers)
    last = issue_result(result, plan=first, signers=signers)
    if stamp is None:
        return Bundle(plan=first, result=last)
    return Bundle(
        plan=_stamped(first, stamp, plan.issued_at), result=_stamped(last, stamp, result.issued_at)
    )


def _stamped(sealed: Sealed, stamp: Stamp, when: datetime) -> Sealed:
    return sealed.with_timestamps([stamp(sealed.envelope, when)])


def pending(**changes: Any) -> Any:
    return replace(made.left(Status.PENDING), until=made.at(600), technique="wait", **changes)


def upheld_by_renewals(bundle: Bundle, forge: Forge) -> tuple[Bundle, TimestampRules]:
    """A bundle with two renewals, and rules by which its timestamps stand by both together.

    The bundle's own authority was compromised after the first renewal, that one's after the second.
    """
    second, third = Forge(), Forge()
    twice = both_renewed(both_renewed(bundle, second, made.at(40)), third, made.at(50))
    authorities = (
        forge.trusted(name="first", compromised_at=made.at(45)),
        second.trusted(name="second", compromised_at=made.at(55)),
        third.trusted(name="third"),
    )
    return twice, TimestampRules(threshold=1, authorities=authorities)


def kinds(forge: Forge) -> dict[str, Kind]:
    """Complete, partial and pending ones; logged; with two signers; without timestamps; renewed."""
    one = (made.OPERATOR,)
    two = (made.OPERATOR, made.WITNESS)
    both = replace(
        timed(forge),
        keys=(
            trusted_key(made.OPERATOR.public_key, name="the operator"),
            trusted_key(
                made.WITNESS.public_key, name="the witness", role="witness", operator_run=False
            ),
        ),
        thresholds=(RoleThreshold("operator", 1), RoleThreshold("witness", 1)),
    )
    unstamped = made.policy(timestamps=TimestampRules())
    swept = made.result(made.plan()).sweep
    assert swept is not None
    partial = {"sweep": replace(swept, coverage=(made.unreachable_scope(),))}
    waiting = issued(
        stamp=forge.plain,
        plan_changes={"targets": (made.planned(technique="wait"),)},
        changes={"targets": (pending(),)},
    )
    logged = logging.logged(issued(stamp=forge.plain))
    in_log = replace(timed(forge), log=logging.rules())
    renewed, upheld = upheld_by_renewals(issued(stamp=forge.plain), forge)
    rows = [
        Kind("logged", logged, in_log, Outcome.COMPLETE, one),
        Kind("complete", issued(stamp=forge.plain), timed(forge), Outcome.COMPLETE, one),
        Kind("partial", issued(stamp=forge.plain, changes=partial), timed(forge), Outcome.PARTIAL, one),
        Kind("pending", waiting, timed(forge), Outcome.PENDING, one),
        Kind("two-signers", issued(stamp=forge.plain, signers=two), both, Outcome.COMPLETE, two),
        Kind("no-timestamps", issued(), unstamped, Outcome.COMPLETE, one),
        Kind("renewed", renewed, replace(made.policy(), timestamps=upheld), Outcome.COMPLETE, one),
    ]  # fmt: skip
    return {kind.name: kind for kind in rows}

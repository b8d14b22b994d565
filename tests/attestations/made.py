"""Made-up plans, results, bundles and policies for the tests: good ones, to be spoilt."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from attestations import (
    Actor,
    Bundle,
    Committer,
    Controller,
    Dataset,
    Decisions,
    Destruction,
    Finding,
    Found,
    KeyFileSigner,
    MerkleBuilder,
    Method,
    Outcome,
    Plan,
    PlanDecision,
    PlannedTarget,
    PlanTimes,
    Policy,
    Request,
    ScopeCoverage,
    Sealed,
    Signer,
    Status,
    Sweep,
    Tally,
    Target,
    Times,
    Tool,
    Tree,
    UnitStatus,
    Verification,
    compute,
    seal,
    to_payload,
    trusted_key,
)

NOW = datetime(2026, 10, 1, 12, 0, 0, tzinfo=UTC)
COMMITTER = Committer(bytes(range(32)))
NONE = "sha256:" + hashlib.sha256(b"").hexdigest()


def at(minute: float) -> datetime:
    """A time before NOW's hour is over; minutes count from 11:00."""
    return NOW + timedelta(minutes=minute - 60)


def ed25519_signer(seed: int = 1) -> KeyFileSigner:
    return KeyFileSigner(ed25519.Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


def p256_signer(seed: int = 1) -> KeyFileSigner:
    return KeyFileSigner(ec.derive_private_key(1000 + seed, ec.SECP256R1()))


OPERATOR = ed25519_signer(1)
WITNESS = p256_signer(2)


def tree(name: str, size: int) -> Tree:
    builder = MerkleBuilder()
    for index in range(size):
        builder.add(COMMITTER.leaf(name, index, b"record %d" % index))
    return Tree(root="sha256:" + builder.root().hex(), size=size)


def scope(store: str = "share", name: str = "root", **changes: Any) -> ScopeCoverage:
    good = ScopeCoverage(
        store=store,
        identity=f"files:{store}",
        scope=COMMITTER.name("scope", store, name),
        scope_label=None,
        status=UnitStatus.EXAMINED,
        units_total=10,
        units_examined=10,
        units_failed=0,
        units_unreachable=0,
        units_excluded=0,
    )
    return replace(good, **changes)


def unreachable_scope(store: str = "share", name: str = "root") -> ScopeCoverage:
    return scope(
        store,
        name,
        status=UnitStatus.UNREACHABLE,
        units_examined=9,
        units_unreachable=1,
        reasons=(Tally("unreachable", 1),),
    )


def planned(**changes: Any) -> PlannedTarget:
    good = PlannedTarget(
        store="share",
        kind="file",
        decision=PlanDecision.DESTROY,
        technique="overwrite",
        whole=True,
        reason=None,
        retained_until=None,
        holdings=3,
        records=120,
        holdings_unknown_records=0,
        foreign_records=0,
        holdings_unknown_foreign=0,
    )
    return replace(good, **changes)


def target(**changes: Any) -> Target:
    good = Target(
        store="share",
        kind="file",
        technique="overwrite",
        whole=True,
        method=Method.CLEAR,
        status=Status.DESTROYED_VERIFIED,
        reasons=(),
        until=None,
        verification=Verification(
            finding=Finding.ABSENT, looked=("content", "listing"), numbers=(Tally("bytes", 42),)
        ),
        erasure=None,
        limitations=("names-in-journal",),
        holdings=3,
        records=120,
        holdings_unknown_records=0,
        foreign_records_destroyed=0,
        holdings_unknown_foreign=0,
    )
    return replace(good, **changes)


def left(status: Status, **changes: Any) -> Target:
    """A target of which nothing was destroyed."""
    return target(
        status=status,
        method=None,
        reasons=(Tally("left", 1),),
        verification=Verification(finding=Finding.NOT_LOOKED),
        **changes,
    )


def plan(**changes: Any) -> Plan:
    operator = Actor(role="operator", reference="staff-17")
    good = Plan(
        attestation_id="20261001-110000-abcd",
        issued_at=at(5),
        controller=Controller(name="Example Research Ltd"),
        operator=operator,
        approvers=(Actor(role="data-protection-officer", reference="staff-3"),),
        tool=Tool(name="shredder", version="0.1.0", digest=NONE),
        request=Request(basis="retention-ended", challenge="nonce-1"),
        dataset=Dataset(
            label="survey-2018-05",
            title="User survey of May 2018",
            fingerprint_commitment=NONE,
            matcher_version="tokens-1",
            records_enrolled=40,
            records_recognisable=40,
        ),
        inventory=tree("inventory", 3),
        sweep=Sweep(started=at(1), finished=at(2), coverage=(scope(),), found=Found(copy=3)),
        targets=(planned(),),
        undecided=Decisions(),
        dismissed=Decisions(),
        limitations=("remapped-sectors",),
        times=PlanTimes(planned=at(3), approved=at(4)),
        manifest=NONE,
    )
    return replace(good, **changes)


def result(of: Plan, **changes: Any) -> Destruction:
    """A result of a plan; its outcome is the computed one, unless given."""
    good = Destruction(
        attestation_id=of.attestation_id,
        plan=NONE,
        previous=None,
        supersedes=None,
        issued_at=at(30),
        controller=of.controller,
        operator=of.operator,
        approvers=of.approvers,
        tool=of.tool,
        request=of.request,
        dataset=of.dataset,
        inventory=of.inventory,
        results=changes.get("results") or tree("results", of.inventory.size),
        targets=(target(),),
        undecided=of.undecided,
        dismissed=of.dismissed,
        sweep=Sweep(started=at(21), finished=at(22), coverage=of.sweep.coverage, found=Found()),
        limitations=("remapped-sectors",),
        residual_risks=(),
        recipients=(),
        times=Times(
            planned=of.times.planned,
            approved=of.times.approved,
            started=at(10),
            finished=at(20),
            verified=at(23),
        ),
        outcome=Outcome.FAILED,
        manifest=NONE,
    )
    changed = replace(good, **changes)
    if "outcome" not in changes:
        changed = replace(changed, outcome=compute(of, changed).outcome)
    return changed


def sealed(predicate: Plan | Destruction, signers: Sequence[Signer] = (OPERATOR,)) -> Sealed:
    """Signed without the issuer's own checks."""
    return Sealed(seal(to_payload(predicate), signers).raw)


def bundle(
    *,
    plan_of: Plan | None = None,
    changes: dict[str, Any] | None = None,
    signers: Sequence[Signer] = (OPERATOR,),
    approvers: Sequence[Signer] = (),
    stamp: Callable[[bytes, datetime], bytes] | None = None,
) -> Bundle:
    """A bundle; timestamped at the times its statements were issued, if `stamp` is given.

    `approvers` sign the plan, and not the result.
    """
    the_plan = plan_of or plan()
    first = sealed(the_plan, [*signers, *approvers])
    second = replace(
        result(the_plan, **(changes or {})), plan=(changes or {}).get("plan", first.digest)
    )
    last = sealed(second, signers)
    if stamp is not None:
        first = first.with_timestamps([stamp(first.envelope, the_plan.issued_at)])
        last = last.with_timestamps([stamp(last.envelope, second.issued_at)])
    return Bundle(plan=first, result=last)


def statements(of: Bundle) -> tuple[Any, Any]:
    """The two statements as plain JSON values, to be edited."""
    return json.loads(_payload(of.plan.envelope)), json.loads(_payload(of.result.envelope))


def resealed(
    plan_json: Any,
    result_json: Any,
    *,
    signers: Sequence[Signer] = (OPERATOR,),
    rebind: bool = True,
) -> bytes:
    """Sign edited statements again, as a lying issuer would; `rebind` names the new plan."""
    first = Sealed(seal(json.dumps(plan_json).encode(), signers).raw)
    if rebind:
        result_json["predicate"]["plan"] = first.digest
        for subject in result_json["subject"]:
            if subject["name"] == "destruction-plan":
                subject["digest"]["sha256"] = first.digest.removeprefix("sha256:")
    last = Sealed(seal(json.dumps(result_json).encode(), signers).raw)
    return Bundle(plan=first, result=last).to_bytes()


def policy(*signers: Signer, **changes: Any) -> Policy:
    keys = [
        trusted_key(signer.public_key, name=f"key {n}")
        for n, signer in enumerate(signers or (OPERATOR,))
    ]
    return Policy.new(**{"keys": keys, **changes})


def _payload(envelope: bytes) -> bytes:
    from attestations import Envelope

    return Envelope.from_bytes(envelope).payload

"""The auditor's procedure: offline, in this order, failing closed.

The steps carry the numbers of the specification (docs/attestation.md). Trust comes from the
policy alone, meaning from verified bytes alone. Authenticity, time and outcome are told apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from attestations._logged import Logged, check_log
from attestations._trust import Signed, Stamped, check_key_times, check_signatures, check_timestamps
from attestations.annex import check_annex
from attestations.bundle import LIMITS, Bundle
from attestations.chain import MAX_OTHERS, Link, check_chain
from attestations.consistency import (
    check_against_plan,
    check_order,
    check_personal_data,
    check_plan,
    check_result,
)
from attestations.destruction import Destruction
from attestations.disclosure import Disclosed, check_disclosure
from attestations.envelope import Envelope
from attestations.errors import (
    Code,
    Contradiction,
    LogRefused,
    Malformed,
    NotAsExpected,
    Refused,
    TimeRefused,
)
from attestations.outcome import Computed, compute
from attestations.parts import Method, ScopeCoverage
from attestations.plan import Plan
from attestations.policy import APPROVER, Expectations, Policy, Signs, Trust, prepare
from attestations.report import LogVerdict, Report, SignedBy, TimeVerdict, Verdict
from attestations.schema import encode
from attestations.statement import from_payload
from attestations.storage import read_limited
from attestations.supplied import NOTHING, Supplied
from attestations.text import format_time, shown


def check(
    bundle: bytes, policy: Policy, *, now: datetime | None = None, supplied: Supplied = NOTHING
) -> Report:
    """Verify, and turn the first refusal into a report that says invalid, with its code."""
    try:
        return verify(bundle, policy, now=now, supplied=supplied)
    except Refused as refused:
        return _refusal(refused)


def check_file(
    path: Path, policy: Policy, *, now: datetime | None = None, supplied: Supplied = NOTHING
) -> Report:
    """Verify the bundle in a file, which is not read if it is too long for one.

    Raises :class:`attestations.errors.Unreadable`.
    """
    try:
        data = read_limited(path, LIMITS.size, "bundle")
    except Refused as refused:
        return _refusal(refused)
    return check(data, policy, now=now, supplied=supplied)


def verify(
    bundle: bytes, policy: Policy, *, now: datetime | None = None, supplied: Supplied = NOTHING
) -> Report:
    """Carry out the procedure on a bundle's bytes. Raises :class:`Refused` at the first fault.

    `now` is the auditor's clock, aware; it only tells what lies in the future and, where no
    timestamp proves a time, whether keys are still valid. `supplied` is what the auditor holds
    beside the bundle.
    """
    now = now or datetime.now(UTC)

    # 1 limits, 2 strict JSON and exact keys, 3 base64
    opened = Bundle.from_bytes(bundle)

    # 4 envelopes and payload types (limits, JSON and base64 once more, inside)
    plan_envelope = Envelope.from_bytes(opened.plan.envelope, "plan")
    result_envelope = Envelope.from_bytes(opened.result.envelope, "result")

    # 5 the trust policy, never from the bundle
    trust = prepare(policy)

    # 6 signatures: unique trusted keys, thresholds by role
    plan_signed = check_signatures(plan_envelope, trust, policy.asked_of(Signs.PLAN), "plan")
    result_signed = check_signatures(
        result_envelope, trust, policy.asked_of(Signs.RESULT), "result"
    )

    # 7 timestamps
    plan_stamped = check_timestamps(opened.plan, policy, trust, now, "plan")
    result_stamped = check_timestamps(opened.result, policy, trust, now, "result")

    # 8 the keys' validity at that time
    check_key_times(plan_signed, plan_stamped, now, "plan")
    check_key_times(result_signed, result_stamped, now, "result")

    # 9 the log: both are in one that the policy names, under a head that witnesses signed
    logged = check_log(opened, policy, trust, now)

    # 10 the same verified bytes, parsed: type and schema
    plan = from_payload(plan_envelope.payload, Plan)
    result = from_payload(result_envelope.payload, Destruction)

    # 11 expected controller, dataset, challenge
    _check_expected(policy, result)

    # 12 order of times
    check_order(plan, result)
    _check_against_clocks(policy, trust, plan.issued_at, plan_stamped, now, "plan")
    _check_against_clocks(policy, trust, result.issued_at, result_stamped, now, "result")
    before_start = _is_before_start(plan_stamped, result, trust)
    if policy.timestamps.plan_before_start and not before_start:
        raise TimeRefused(Code.E_TIME_ORDER, "the plan is not proven to be older than the start")

    # 13 cross-checks, and what the policy asks of coverage and methods
    check_personal_data(encode(plan), "plan")
    check_personal_data(encode(result), "result")
    check_plan(plan)
    check_result(result)
    _check_demands(policy, plan, result)

    # 14 the outcome, recomputed
    computed = compute(plan, result)
    if computed.outcome is not result.outcome:
        raise Contradiction(
            Code.E_OUTCOME,
            f"the outcome is stated as {result.outcome}, and comes to {computed.outcome}",
        )

    # 15 chain and replay: among the issuer's other attestations, where they are supplied
    chain = check_chain(
        Link(result_envelope.digest, result, frozenset(result_signed.keyids)),
        _links(supplied.others, policy, now),
    )

    # 16 the plan: in every bundle, and bound by the digest of its exact bytes; what is disclosed
    if result.plan != plan_envelope.digest:
        raise Contradiction(Code.E_PLAN, "the plan in the bundle is not the result's")
    check_against_plan(plan, result)
    disclosed = None
    if supplied.disclosure is not None:
        disclosed = check_disclosure(
            supplied.disclosure, plan, result, result_envelope.digest, supplied.request
        )
    names = None if supplied.annex is None else check_annex(supplied.annex, plan, result)

    return _report(
        plan,
        result,
        computed,
        signed=(plan_signed, result_signed),
        stamped=(plan_stamped, result_stamped),
        before_start=before_start,
        logged=logged,
        chain=chain,
        disclosed=disclosed,
        names=names,
    )


def _links(others: Sequence[bytes], policy: Policy, now: datetime) -> Iterator[Link]:
    """Verify other bundles: by the same trust, but they may be about anything."""
    if len(others) > MAX_OTHERS:
        raise Malformed(Code.E_LIMIT, f"more than {MAX_OTHERS} other attestations")
    anything = replace(
        policy, expect=Expectations(), stores=(), lowest_method=Method.LOGICAL_DELETE
    )
    for number, data in enumerate(others, start=1):
        try:
            report = verify(data, anything, now=now)
        except Refused as error:
            where = f"other attestation {number} of {len(others)}"
            raise type(error)(error.verdict, f"{where}: {error.message}") from None
        assert report.result is not None
        keyids = frozenset(s.keyid for s in report.signers if "result" in s.signed)
        yield Link(Bundle.from_bytes(data).result.digest, report.result, keyids)


def _refusal(refused: Refused) -> Report:
    about_time, about_log = isinstance(refused, TimeRefused), isinstance(refused, LogRefused)
    return Report(
        authentic=Verdict.INVALID,
        time=TimeVerdict.INVALID if about_time else TimeVerdict.INDETERMINATE,
        log=LogVerdict.INVALID if about_log else LogVerdict.INDETERMINATE,
        codes=(refused.code,),
        findings=(shown(refused.message),),
    )


def _check_expected(policy: Policy, result: Destruction) -> None:
    expect = policy.expect
    if expect.controller is not None and expect.controller != result.controller.name:
        raise NotAsExpected(Code.E_SUBJECT, "another controller's attestation")
    if expect.dataset is not None and expect.dataset != result.dataset.label:
        raise NotAsExpected(Code.E_SUBJECT, "another dataset's attestation")
    if expect.challenge is not None and expect.challenge != result.request.challenge:
        raise NotAsExpected(Code.E_CHALLENGE, "not an answer to the auditor's challenge")


def _check_against_clocks(
    policy: Policy, trust: Trust, issued: datetime, stamped: Stamped, now: datetime, what: str
) -> None:
    bound = stamped.latest or now
    if issued > bound + trust.skew:
        raise TimeRefused(Code.E_TIME_ORDER, f"{what}: issued later than its timestamp, or now")
    lag = policy.timestamps.max_lag_seconds
    if lag is not None and stamped.latest is not None:
        behind = (stamped.latest - issued - trust.skew).total_seconds()
        if behind > lag:
            raise TimeRefused(Code.E_LAG, f"{what}: timestamped too long after it was issued")


def _check_demands(policy: Policy, plan: Plan, result: Destruction) -> None:
    sweeps = [plan.sweep] if result.sweep is None else [plan.sweep, result.sweep]
    for sweep in sweeps:
        missing = set(policy.stores) - _names(sweep.coverage)
        if missing:
            raise NotAsExpected(
                Code.E_POLICY, f"not covered, though asked for: {shown(', '.join(sorted(missing)))}"
            )
    for target in result.groups:
        if target.method is not None and target.method.rank < policy.lowest_method.rank:
            raise NotAsExpected(
                Code.E_POLICY, f"{target.method} is below the lowest method that is accepted"
            )


def _names(coverage: tuple[ScopeCoverage, ...]) -> set[str]:
    """Return stores by the name that the operator gave and by their identity."""
    return {name for scope in coverage for name in (scope.store, scope.identity)}


def _is_before_start(stamped: Stamped, result: Destruction, trust: Trust) -> bool:
    """Whether the plan is proven to be older than the destruction's own stated start."""
    return stamped.latest is not None and stamped.latest <= result.times.started + trust.skew


def _report(
    plan: Plan,
    result: Destruction,
    computed: Computed,
    *,
    signed: tuple[Signed, Signed],
    stamped: tuple[Stamped, Stamped],
    before_start: bool,
    logged: Logged,
    chain: tuple[str, ...],
    disclosed: Disclosed | None,
    names: Mapping[str, str] | None,
) -> Report:
    enough = all(each.latest is not None for each in stamped)
    independent = all(each.independent for each in stamped)
    who = shown(result.controller.name)
    findings = [
        f"{who} attests the dataset {result.dataset.label}: {computed.outcome}",
        *(f"not complete: {obstacle}" for obstacle in computed.obstacles),
        *_about_time(stamped, before_start=before_start),
    ]
    signers = _signers(signed)
    if all(signer.operator_run for signer in signers):
        findings.append("every signer is the operator's own: nobody else vouches for it")
    if _approvals_are_word_only(result, signers):
        findings.append(
            "no key of an approver's signed the plan: that it was approved is said only"
        )
    if any(each.strangers for each in signed):
        findings.append("there are signatures by keys that the policy does not name: not counted")
    findings += [*logged.findings, *chain]
    if disclosed is not None:
        findings += _about_disclosure(disclosed, result)
    if names is not None:
        acting = dict.fromkeys(
            (result.operator.reference, *(a.reference for a in result.approvers))
        )
        findings.append(f"annex: {len(names)} names are the ones that were committed to")
        findings += [f"annex: no name for {each}" for each in acting if each not in names]
    return Report(
        authentic=Verdict.VALID,
        time=TimeVerdict.VALID if enough and independent else TimeVerdict.INDETERMINATE,
        log=logged.verdict,
        stated=result.outcome,
        computed=computed.outcome,
        obstacles=computed.obstacles,
        codes=() if enough else (str(Code.E_TS_THRESHOLD),),
        signers=signers,
        findings=tuple(findings),
        no_later_than=stamped[1].latest,
        renew_before=min(filter(None, (each.renew_before for each in stamped)), default=None),
        plan_before_start=before_start,
        plan=plan,
        result=result,
        disclosed=disclosed,
        names=names,
    )


def _approvals_are_word_only(result: Destruction, signers: tuple[SignedBy, ...]) -> bool:
    """Whether others than the operator are said to have approved, and none of them signed."""
    others = any(actor != result.operator for actor in result.approvers)
    return others and not any(s.role == APPROVER and "plan" in s.signed for s in signers)


def _about_disclosure(disclosed: Disclosed, result: Destruction) -> list[str]:
    lines = [f"disclosure: {len(disclosed.holdings)} of {result.results.size} holdings are shown"]
    if disclosed.asked:
        lines.append(f"disclosure: {disclosed.sample} of them are those that the seed demands")
    else:
        lines.append("disclosure: no seed of the auditor's was compared: the operator chose")
    if disclosed.scopes:
        lines.append(f"disclosure: {len(disclosed.scopes)} scopes are named")
    return lines


def _about_time(stamped: tuple[Stamped, Stamped], *, before_start: bool) -> list[str]:
    lines = []
    for what, each in zip(("plan", "result"), stamped, strict=True):
        if each.latest is None:
            lines.append(f"{what}: no time is proven; too few timestamps by trusted authorities")
        else:
            names = ", ".join(shown(stamp.authority) for stamp in each.stamps)
            lines.append(f"{what}: no later than {format_time(each.latest)} (by {names})")
            if not each.independent:
                lines.append(f"{what}: its time is the operator's own word")
        lines += _about_renewals(what, each)
        if each.unknown:
            lines.append(f"{what}: {each.unknown} timestamps by unknown authorities, not counted")
    if stamped[0].latest is not None and not before_start:
        lines.append("the plan was timestamped after the destruction began: not proven to be older")
    return lines


def _about_renewals(what: str, stamped: Stamped) -> list[str]:
    lines = []
    if stamped.renewals:
        names = ", ".join(shown(stamp.authority) for stamp in stamped.renewals)
        last = format_time(stamped.renewals[-1].time)
        lines.append(f"{what}: its timestamps were renewed, last at {last} (by {names})")
    for stamp in stamped.stamps:
        if stamp.compromised_at is not None:
            since = format_time(stamp.compromised_at)
            lines.append(
                f"{what}: {shown(stamp.authority)} is compromised since {since}; "
                "a renewal before then upholds its timestamp"
            )
    for stamp in stamped.fallen:
        since = format_time(stamp.compromised_at) if stamp.compromised_at else ""
        lines.append(
            f"{what}: {shown(stamp.authority)} is compromised since {since}, and nobody renewed "
            "its timestamp before: not counted"
        )
    return lines


def _signers(signed: tuple[Signed, Signed]) -> tuple[SignedBy, ...]:
    seen: dict[str, SignedBy] = {}
    for what, each in zip(("plan", "result"), signed, strict=True):
        for keyid, key in zip(each.keyids, each.keys, strict=True):
            before = seen[keyid].signed if keyid in seen else ()
            seen[keyid] = SignedBy(
                shown(key.name), key.role, keyid, key.operator_run, (*before, what)
            )
    return tuple(seen.values())

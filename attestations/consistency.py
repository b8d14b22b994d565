"""Steps 13 and 16: whether a statement agrees with itself, and a result with its plan.

Pure functions over the typed predicates; each raises :class:`Contradiction`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise

from attestations.destruction import (
    Destruction,
    Finding,
    FingerprintStatus,
    KeyErasure,
    Known,
    Outcome,
    Status,
    Target,
)
from attestations.errors import Code, Contradiction, TimeRefused
from attestations.parts import Method, ScopeCoverage, Sweep, UnitStatus
from attestations.plan import FingerprintDecision, Plan, PlanDecision, PlannedTarget
from attestations.strict_json import Json

CRYPTOGRAPHIC_ERASE = "cryptographic-erase"
MIN_KEY_BITS = 128  # NIST SP 800-88r2: strength and entropy for a cryptographic erase

_EMAIL = re.compile(r"[^\s@<>\"]@[^\s@<>\"]+\.[^\s@<>\".]")


def check_personal_data(value: Json, what: str) -> None:
    """Refuse an e-mail address in any string, key or value (E_PII)."""
    todo = [value]
    while todo:
        each = todo.pop()
        if isinstance(each, str):
            if _EMAIL.search(each):
                raise Contradiction(Code.E_PII, f"{what}: a text holds an e-mail address")
        elif isinstance(each, list):
            todo.extend(each)
        elif isinstance(each, dict):
            todo.extend(each)
            todo.extend(each.values())


def check_plan(plan: Plan) -> None:
    """Refuse a plan that does not agree with itself (E_REF, E_COUNT, E_VERIFY_CLAIM)."""
    _check_dataset(plan)
    kept = plan.fingerprint.decision is FingerprintDecision.KEEP
    _claim(kept or plan.fingerprint.until is None, "plan: a fingerprint destroyed and kept")
    _check_sweep(plan.sweep, "plan.sweep")
    _check_stores((t.store for t in plan.targets), plan.sweep, "plan.targets")
    for n, target in enumerate(plan.targets):
        _check_planned(target, f"plan.targets[{n}]")
    total = sum(t.holdings for t in plan.targets) + plan.undecided.total + plan.dismissed.total
    _count(total == plan.inventory.size, "plan: targets and decisions are not the inventory")
    _count(
        plan.sweep.found.total == plan.inventory.size,
        "plan: what was found is not the inventory",
    )


def check_result(result: Destruction) -> None:
    """Refuse a result that does not agree with itself (E_REF, E_COUNT, E_VERIFY_CLAIM, E_CE)."""
    _check_dataset(result)
    if result.sweep is not None:
        _check_sweep(result.sweep, "sweep")
    for n, target in enumerate(result.targets):
        _check_target(target, f"targets[{n}]")
    for n, target in enumerate(result.settled):
        _check_target(target, f"settled[{n}]")
        _claim(target.technique is not None, f"settled[{n}]: pending, but by no technique")
        retained = target.status is Status.RETAINED
        _claim(not retained, f"settled[{n}]: retained, though it had been pending")
    if result.settled and result.supersedes is None:
        raise Contradiction(Code.E_REF, "settled: what was pending before, but in no result")
    total = sum(t.holdings for t in result.targets)
    total += result.undecided.total + result.dismissed.total
    _count(total == result.inventory.size, "targets and decisions are not the inventory")
    _count(result.results.size == result.inventory.size, "results and inventory differ in size")
    verified = any(t.status is Status.DESTROYED_VERIFIED for t in result.groups)
    _claim(not verified or result.times.verified is not None, "verified holdings, but no time")
    kept = result.fingerprint.status is FingerprintStatus.KEPT
    _claim(kept or result.fingerprint.until is None, "a fingerprint destroyed and kept")
    complete = result.outcome is Outcome.COMPLETE
    _claim(kept or complete, "a fingerprint destroyed that another run needs")


def check_against_plan(plan: Plan, result: Destruction) -> None:
    """Refuse a result that is not this plan's (E_PLAN)."""
    for name in ("attestation_id", "controller", "dataset", "request", "inventory"):
        _planned(getattr(plan, name) == getattr(result, name), f"not the plan's {name}")
    _planned(
        (plan.times.planned, plan.times.approved) == (result.times.planned, result.times.approved),
        "not the plan's times",
    )
    _planned(plan.approvers == result.approvers, "not the plan's approvers")
    _planned(plan.dismissed == result.dismissed, "not the plan's dismissals")
    _planned(plan.undecided == result.undecided, "not the plan's undecided holdings")
    _check_fingerprint(plan, result)
    before = Counter[tuple[str, str]]()
    allowed = Counter[tuple[str, str, str | None, bool]]()
    for planned in plan.targets:
        before[planned.store, planned.kind] += planned.holdings
        if planned.decision is PlanDecision.DESTROY:
            allowed[_technique(planned)] += planned.holdings
    after = Counter[tuple[str, str]]()
    done = Counter[tuple[str, str, str | None, bool]]()
    for target in result.targets:
        after[target.store, target.kind] += target.holdings
        if target.status.destroyed or target.status is Status.PENDING:
            done[_technique(target)] += target.holdings
    _planned(before == after, "not the plan's holdings by store and kind")
    _planned(done <= allowed, "something was destroyed that was not planned so")
    if result.sweep is not None:
        # A scope may come (a new database) or go (it was destroyed whole); a store may not.
        stores = _stores(result.sweep.coverage)
        _planned(_stores(plan.sweep.coverage) <= stores, "a store of the plan was not swept after")


def _check_fingerprint(plan: Plan, result: Destruction) -> None:
    """It is destroyed where that was planned and the outcome is complete, and only there."""
    goes = plan.fingerprint.decision is FingerprintDecision.DESTROY
    goes = goes and result.outcome is Outcome.COMPLETE
    gone = result.fingerprint.status is FingerprintStatus.DESTROYED
    same = plan.fingerprint.until == result.fingerprint.until
    _planned(same and gone == goes, "not the plan's decision on the fingerprint")


def check_order(plan: Plan, result: Destruction) -> None:
    """Refuse times that do not stand in order (E_TIME_ORDER), step 12."""
    times = result.times
    steps = [
        ("sweep started", plan.sweep.started),
        ("sweep finished", plan.sweep.finished),
        ("planned", plan.times.planned),
        ("approved", plan.times.approved),
        ("plan issued", plan.issued_at),
        ("started", times.started),
        ("finished", times.finished),
    ]
    after = [("issued", result.issued_at)]
    if times.verified is not None:
        after.insert(0, ("verified", times.verified))
    _check_ascending([*steps, *after])
    if result.sweep is not None:
        swept = [("second sweep started", result.sweep.started)]
        swept.append(("second sweep finished", result.sweep.finished))
        _check_ascending([("finished", times.finished), *swept, ("issued", result.issued_at)])


def _check_ascending(steps: list[tuple[str, datetime]]) -> None:
    for (earlier, first), (later, second) in pairwise(steps):
        if first > second:
            raise TimeRefused(Code.E_TIME_ORDER, f"'{later}' lies before '{earlier}'")


def _check_dataset(predicate: Plan | Destruction) -> None:
    dataset = predicate.dataset
    _count(
        dataset.records_recognisable <= dataset.records_enrolled,
        "dataset: more records recognisable than enrolled",
    )


def _check_sweep(sweep: Sweep, where: str) -> None:
    seen = set()
    for n, scope in enumerate(sweep.coverage):
        _check_scope(scope, f"{where}.coverage[{n}]")
        key = (scope.store, scope.scope)
        if key in seen:
            raise Contradiction(Code.E_REF, f"{where}.coverage[{n}]: the same scope once more")
        seen.add(key)


def _check_scope(scope: ScopeCoverage, where: str) -> None:
    gaps = {
        UnitStatus.UNREACHABLE: scope.units_unreachable,
        UnitStatus.FAILED: scope.units_failed,
        UnitStatus.EXCLUDED: scope.units_excluded,
    }
    missed = sum(gaps.values())
    worst = next((status for status, count in gaps.items() if count), UnitStatus.EXAMINED)
    if scope.units_total is None:
        _count(scope.status is not UnitStatus.EXAMINED, f"{where}: examined, but how many?")
    else:
        total = scope.units_examined + missed
        _count(total == scope.units_total, f"{where}: the units do not add up")
        _count(scope.status is worst, f"{where}: its status is not the worst of its units'")
    unread = scope.units_unchanged <= scope.units_examined
    _count(unread, f"{where}: more units unchanged than examined")
    if scope.status is not UnitStatus.EXAMINED:
        reasons = sum(tally.count for tally in scope.reasons)
        _count(reasons >= max(missed, 1), f"{where}: gaps without a reason")


def _check_stores(names: Iterable[str], sweep: Sweep, where: str) -> None:
    known = _stores(sweep.coverage)
    for name in names:
        if name not in known:
            raise Contradiction(Code.E_REF, f"{where}: a store that the coverage does not name")


def _check_planned(target: PlannedTarget, where: str) -> None:
    _check_numbers(target, where)
    if target.decision is PlanDecision.DESTROY:
        _claim(target.technique is not None, f"{where}: to be destroyed, but not how")
    else:
        _claim(target.reason is not None, f"{where}: to be retained, but not why")


def _check_target(target: Target, where: str) -> None:
    _check_numbers(target, where)
    finding = target.verification.finding
    if target.status.destroyed:
        _claim(target.technique is not None, f"{where}: destroyed, but not how")
        _claim(target.method is not None, f"{where}: destroyed by no method")
        _claim(finding is not Finding.RESIDUE, f"{where}: residue, yet called destroyed")
    else:
        _claim(target.method is None, f"{where}: a method, but nothing destroyed")
    if target.status is Status.DESTROYED_VERIFIED:
        _claim(finding is Finding.ABSENT, f"{where}: verified, but not found absent")
        _claim(bool(target.verification.looked), f"{where}: verified, but nowhere looked")
    if finding is Finding.NOT_LOOKED:
        _claim(not target.verification.looked, f"{where}: not looked, but places named")
    if target.status in {Status.FAILED, Status.RETAINED}:
        _claim(bool(target.reasons), f"{where}: {target.status}, but not why")
    if not target.whole and target.status.destroyed:
        _claim(target.foreign_records_destroyed == 0, f"{where}: foreign records, yet not whole")
    _count(
        sum(tally.count for tally in target.reasons) <= target.holdings,
        f"{where}: more reasons than holdings",
    )
    _check_erasure(target, where)


def _check_numbers(target: Target | PlannedTarget, where: str) -> None:
    _count(target.holdings > 0, f"{where}: a group of no holdings")
    unknown = max(target.holdings_unknown_records, target.holdings_unknown_foreign)
    _count(unknown <= target.holdings, f"{where}: more unknown than holdings")
    if target.holdings_unknown_records == target.holdings:
        _count(target.records == 0, f"{where}: records known of no holding")


def _check_erasure(target: Target, where: str) -> None:
    erasure = target.erasure
    by_key = target.technique == CRYPTOGRAPHIC_ERASE
    if by_key != (erasure is not None):
        raise Contradiction(Code.E_CE, f"{where}: an erase by key and its conditions go together")
    if erasure is not None:
        known = erasure.keys_destroyed + erasure.keys_scheduled
        if known > erasure.keys_total or erasure.keys_total == 0:
            raise Contradiction(Code.E_CE, f"{where}: more keys gone than there are, or none")
        if target.status.destroyed and erasure.keys_destroyed != erasure.keys_total:
            raise Contradiction(Code.E_CE, f"{where}: not every key is destroyed")
    if target.method is Method.PURGE and not (erasure and _purges(erasure)):
        raise Contradiction(Code.E_CE, f"{where}: purge without the conditions of an erase by key")


def _purges(erasure: KeyErasure) -> bool:
    facts = (erasure.ever_in_clear, erasure.escrowed, erasure.backed_up)
    bits = min(erasure.strength_bits, erasure.entropy_bits)
    return all(fact is Known.NO for fact in facts) and bits >= MIN_KEY_BITS


def _technique(target: Target | PlannedTarget) -> tuple[str, str, str | None, bool]:
    return (target.store, target.kind, target.technique, target.whole)


def _stores(coverage: Iterable[ScopeCoverage]) -> set[str]:
    return {scope.store for scope in coverage}


def _count(right: bool, message: str) -> None:
    if not right:
        raise Contradiction(Code.E_COUNT, message)


def _claim(right: bool, message: str) -> None:
    if not right:
        raise Contradiction(Code.E_VERIFY_CLAIM, message)


def _planned(right: bool, message: str) -> None:
    if not right:
        raise Contradiction(Code.E_PLAN, message)

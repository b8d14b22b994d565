"""Holdings of one store that fared alike, as one entry: a statement's size does not grow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from attestations import (
    Finding,
    KeyErasure,
    Known,
    Method,
    PlanDecision,
    PlannedTarget,
    Status,
    Target,
    Verification,
)
from backends.contract import Holding, Technique, Verdict
from backends.contract import KeyErasure as Conditions
from shredder import answers
from shredder.evidence.parts import moment, tallies
from shredder.plan import Decision, Item
from shredder.plan.by_key import MOST_LIMITATIONS
from shredder.plan.model import ByKey, ByKeyGroup
from shredder.run.ended import ByKeyOutcome
from shredder.run.results import Outcome
from shredder.run.results import Status as Came

MOST_GROUPS = 1000  # that a statement tells apart by limitations and by where was looked
_HERE_AND_THERE = "not-the-same-for-all"


@dataclass(slots=True)
class _Sum:
    """What is added up over a group."""

    holdings: int = 0
    records: int = 0
    unknown_records: int = 0
    foreign: int = 0
    unknown_foreign: int = 0
    until: str = ""
    reasons: Counter[str] = field(default_factory=Counter)
    numbers: Counter[str] = field(default_factory=Counter)

    def add(self, holding: Holding, until: str) -> None:
        self.holdings += 1
        if holding.records is None:
            self.unknown_records += 1
        else:
            self.records += holding.records
        if holding.foreign_records is None:
            self.unknown_foreign += 1
        else:
            self.foreign += holding.foreign_records
        self.until = max(self.until, until)

    def join(self, other: _Sum) -> None:
        self.holdings += other.holdings
        self.records += other.records
        self.unknown_records += other.unknown_records
        self.foreign += other.foreign
        self.unknown_foreign += other.unknown_foreign
        self.until = max(self.until, other.until)
        self.reasons.update(other.reasons)
        self.numbers.update(other.numbers)


def _stated(item: Item) -> bool:
    """Likely and maybe holdings that were left alone are counted elsewhere, by verdict."""
    left = item.decision in {Decision.UNDECIDED, Decision.DISMISSED}
    return not (left and item.holding.verdict is not Verdict.COPY)


def planned_targets(
    items: Iterable[Item], by_key: ByKey | None = None
) -> tuple[PlannedTarget, ...]:
    """The plan's holdings, grouped; last those that end with the key, `by_key`."""
    groups: dict[tuple[str, ...], tuple[Item, _Sum]] = {}
    for item in filter(_stated, items):
        holding = item.holding
        key = (
            holding.store,
            holding.kind,
            item.decision.value,
            item.technique or "",
            str(item.whole),
            item.reason,
        )
        groups.setdefault(key, (item, _Sum()))[1].add(holding, holding.retained_until)
    return tuple(
        PlannedTarget(
            store=item.holding.store,
            kind=item.holding.kind,
            decision=(
                PlanDecision.DESTROY if item.decision is Decision.DESTROY else PlanDecision.RETAIN
            ),
            technique=item.technique.value if item.technique else None,
            whole=item.whole,
            reason=item.reason or None,
            retained_until=moment(total.until) if total.until else None,
            holdings=total.holdings,
            records=total.records,
            holdings_unknown_records=total.unknown_records,
            foreign_records=total.foreign,
            holdings_unknown_foreign=total.unknown_foreign,
        )
        for _, (item, total) in sorted(groups.items(), key=lambda pair: pair[0])
    ) + tuple(map(_planned_by_key, by_key.groups if by_key else ()))


def _planned_by_key(group: ByKeyGroup) -> PlannedTarget:
    return PlannedTarget(
        store=group.store,
        kind=group.kind,
        decision=PlanDecision.DESTROY,
        technique=Technique.CRYPTOGRAPHIC_ERASE.value,
        whole=group.whole,
        reason=None,
        retained_until=moment(group.retained_until) if group.retained_until else None,
        holdings=group.holdings,
        records=group.records,
        holdings_unknown_records=group.unknown_records,
        foreign_records=group.foreign,
        holdings_unknown_foreign=group.unknown_foreign,
    )


_Key = tuple[object, ...]
_Groups = dict[_Key, tuple[Item, Outcome, _Sum]]


def targets(
    pairs: Iterable[tuple[Item, Outcome]], by_key: Iterable[ByKeyOutcome] = ()
) -> tuple[Target, ...]:
    """What became of the plan's holdings, grouped; last those that ended with the key, `by_key`.

    From the first group that a statement cannot hold on, those that differ in the last two
    parts of their keys alone are one, so that there are never more in memory either.
    """
    groups: _Groups = {}
    told_apart = True
    for item, outcome in pairs:
        if not _stated(item):
            continue
        holding = item.holding
        key: _Key = (
            holding.store,
            holding.kind,
            item.technique or "",
            item.whole,
            outcome.method or "",
            _status(outcome).value,
            outcome.finding or "",
            outcome.erasure,
        )
        total = _Sum()
        total.add(holding, outcome.until)
        if outcome.reason:
            total.reasons[outcome.reason] += 1
        total.numbers.update(outcome.numbers)
        total.numbers.update(outcome.residue)
        if told_apart:
            key = (*key, outcome.looked, outcome.limitations)
        _join(groups, key, (item, outcome, total))
        if told_apart and len(groups) > MOST_GROUPS:
            told_apart, groups = False, _merged(groups)
    return tuple(
        _target(item.holding.store, item.holding.kind, outcome, total, whole=item.whole)
        for _, (item, outcome, total) in sorted(groups.items(), key=lambda pair: str(pair[0]))
    ) + tuple(
        _target(each.group.store, each.group.kind, each.outcome, _sum(each), whole=each.group.whole)
        for each in by_key
    )


def _sum(ended: ByKeyOutcome) -> _Sum:
    group, outcome = ended.group, ended.outcome
    return _Sum(
        holdings=group.holdings,
        records=group.records,
        unknown_records=group.unknown_records,
        foreign=group.foreign,
        unknown_foreign=group.unknown_foreign,
        until=outcome.until,
        reasons=Counter({outcome.reason: group.holdings} if outcome.reason else {}),
    )


def _merged(groups: _Groups) -> _Groups:
    """The same groups, with those that differ in the last two parts of their keys as one."""
    merged: _Groups = {}
    for (*shared, _, _), group in groups.items():
        _join(merged, tuple(shared), group)
    return merged


def _join(groups: _Groups, key: _Key, group: tuple[Item, Outcome, _Sum]) -> None:
    """Have it in the group of its key.

    All limitations are told of each of a group; where was looked, only as far as in all of them.
    """
    if key not in groups:
        groups[key] = group
        return
    item, before, sums = groups[key]
    _, outcome, total = group
    sums.join(total)
    if (outcome.looked, outcome.limitations) == (before.looked, before.limitations):
        return
    looked = set(before.looked) & set(outcome.looked)
    every = set(before.limitations) | set(outcome.limitations)
    told = replace(
        before,
        looked=tuple(sorted(looked or {_HERE_AND_THERE} if before.looked else ())),
        limitations=answers.codes(every, MOST_LIMITATIONS),
    )
    groups[key] = item, told, sums


def _target(store: str, kind: str, outcome: Outcome, total: _Sum, *, whole: bool) -> Target:
    status = _status(outcome)
    # Foreign records go only with the operator's word, and only if the destruction happened.
    foreign = whole and status.destroyed
    return Target(
        store=store,
        kind=kind,
        technique=outcome.technique.value if outcome.technique else None,
        whole=whole,
        method=Method(outcome.method.value) if outcome.method and status.destroyed else None,
        status=status,
        reasons=tallies(dict(total.reasons)),
        until=moment(total.until) if total.until else None,
        verification=Verification(
            finding=Finding(outcome.finding.value) if outcome.finding else Finding.NOT_LOOKED,
            looked=tuple(sorted(outcome.looked)),
            numbers=tallies(dict(total.numbers)),
        ),
        erasure=_erasure(outcome.erasure),
        limitations=outcome.limitations,
        holdings=total.holdings,
        records=total.records,
        holdings_unknown_records=total.unknown_records,
        foreign_records_destroyed=total.foreign if foreign else 0,
        holdings_unknown_foreign=total.unknown_foreign if foreign else 0,
    )


def _erasure(of: Conditions | None) -> KeyErasure | None:
    """The conditions of an erase by key; a group has those of each of its holdings."""
    if of is None:
        return None
    return KeyErasure(
        ever_in_clear=Known(of.ever_in_clear.value),
        escrowed=Known(of.escrowed.value),
        backed_up=Known(of.backed_up.value),
        strength_bits=of.strength_bits,
        entropy_bits=of.entropy_bits,
        keys_total=of.keys,
        keys_destroyed=of.destroyed,
        keys_scheduled=of.scheduled,
    )


def _status(outcome: Outcome) -> Status:
    """A certain holding that waits for a decision is retained, by want of one."""
    if outcome.status in {Came.UNDECIDED, Came.DISMISSED}:
        return Status.RETAINED
    return Status(outcome.status.value)

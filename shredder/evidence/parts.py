"""The parts that the plan's statement and the result's share."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from attestations import (
    Actor,
    Committer,
    Controller,
    Dataset,
    Decisions,
    FingerprintDecision,
    Found,
    PlannedFingerprint,
    Request,
    ScopeCoverage,
    Sweep,
    Tally,
    UnitStatus,
)
from backends.contract import Verdict
from shredder import answers
from shredder.config import DESTROY, KEEP, Config, DatasetConfig
from shredder.plan import Decision, Header, Item
from shredder.sweep import ScopeCoverage as Covered
from shredder.sweep.coverage import WHOLE_STORE

_MOST_REASONS = 64  # codes a scope can name; the rest are summed up under "other"
_OTHER = "other"
MOST_CODES = 256  # that a statement can name of one kind
MOST_SCOPES = 2000  # that a statement tells apart: its size has a limit


def moment(text: str) -> dt.datetime:
    """A time of the journal's as a datetime."""
    return dt.datetime.fromisoformat(text)


def controller(config: Config) -> Controller:
    """Who is responsible."""
    return Controller(name=config.controller)


def operator(config: Config) -> Actor:
    """Who ran the tool: a role and a staff reference."""
    return Actor(role=config.operator.role, reference=config.operator.reference)


def request(dataset: DatasetConfig, committer: Committer, challenge: str) -> Request:
    """Why: the basis as a code; the case's reference as a commitment, for it may name a person."""
    reference = committer.name("reference", dataset.reference) if dataset.reference else None
    return Request(basis=dataset.basis, reference=reference, challenge=challenge or None)


def described(dataset: DatasetConfig, header: Header) -> Dataset:
    """What must go, and by what it was recognised."""
    return Dataset(
        label=dataset.name,
        title=dataset.title,
        fingerprint_commitment=header.fingerprint,
        matcher_version=header.matcher_version,
        records_enrolled=header.records_enrolled,
        records_recognisable=header.records_recognisable,
    )


def planned_fingerprint(header: Header) -> PlannedFingerprint:
    """What is to become of the fingerprint."""
    if header.fingerprint_after == DESTROY:
        return PlannedFingerprint(FingerprintDecision.DESTROY)
    if header.fingerprint_after == KEEP:
        return PlannedFingerprint()
    day = dt.date.fromisoformat(header.fingerprint_after)
    return PlannedFingerprint(until=dt.datetime.combine(day, dt.time(), dt.UTC))


def sweep(header: Header, committer: Committer) -> Sweep:
    """One sweep's coverage. Scope names are locators, so they are committed to."""
    return Sweep(
        started=moment(header.started),
        finished=moment(header.finished),
        coverage=tuple(_covered(entry, committer) for entry in told_apart(header.coverage)),
        found=Found(**header.found),
    )


def told_apart(coverage: Sequence[Covered]) -> Iterator[Covered]:
    """Name each scope of a store once: one may be called as the store as a whole is.

    More scopes than a statement can hold are summed up by store.
    """
    seen: Counter[tuple[str, str]] = Counter()
    for entry in coverage if len(coverage) <= MOST_SCOPES else _by_store(coverage):
        place = (entry.store, entry.scope)
        seen[place] += 1
        yield entry if seen[place] == 1 else replace(entry, scope=f"{entry.scope} ({seen[place]})")


def _by_store(coverage: Iterable[Covered]) -> Iterator[Covered]:
    sums: dict[str, Covered] = {}
    for entry in coverage:
        if (before := sums.get(entry.store)) is None:
            sums[entry.store] = replace(entry, scope=WHOLE_STORE, as_of="")
            continue
        reasons = Counter(dict(before.reasons)) + Counter(dict(entry.reasons))
        sums[entry.store] = replace(
            before,
            identity=before.identity or entry.identity,
            listed=before.listed and entry.listed,
            examined=before.examined + entry.examined,
            failed=before.failed + entry.failed,
            unreachable=before.unreachable + entry.unreachable,
            excluded=before.excluded + entry.excluded,
            unchanged=before.unchanged + entry.unchanged,
            reasons=tuple(reasons.most_common()),
        )
    yield from sums.values()


def _covered(entry: Covered, committer: Committer) -> ScopeCoverage:
    return ScopeCoverage(
        store=entry.store,
        identity=entry.identity or "unknown",
        scope=committer.name("scope", entry.store, entry.scope),
        scope_label=None,
        status=UnitStatus(entry.status.value),
        units_total=entry.units_total if entry.listed else None,
        units_examined=entry.examined,
        units_failed=entry.failed,
        units_unreachable=entry.unreachable,
        units_excluded=entry.excluded,
        units_unchanged=entry.unchanged,
        as_of=entry.as_of or None,
        reasons=tallies(dict(entry.reasons)),
    )


def tallies(counts: dict[str, int]) -> tuple[Tally, ...]:
    """Codes with their numbers, in order of code; beyond the most, summed up as ``other``."""
    ranked = sorted(counts.items(), key=lambda pair: (pair[0] == _OTHER, -pair[1], pair[0]))
    kept = dict(ranked[: _MOST_REASONS - 1])
    if len(ranked) > len(kept):
        kept[_OTHER] = sum(number for _, number in ranked[_MOST_REASONS - 1 :])
    return tuple(Tally(code=code, count=number) for code, number in sorted(kept.items()))


def blind_spots(headers: Iterable[Header]) -> tuple[str, ...]:
    """Where the swept stores cannot look, as codes."""
    spots = (code for each in headers for codes in each.blind_spots.values() for code in codes)
    return answers.codes(spots, MOST_CODES)


class Verdicts:
    """Counts what only looks like copies, by decision, as items are gone through for all else."""

    def __init__(self) -> None:
        self._counts = Counter[tuple[Decision, Verdict]]()

    def through(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the same, counted."""
        for item in items:
            self._counts[item.decision, item.holding.verdict] += 1
            yield item

    def of(self, decision: Decision) -> Decisions:
        """How many holdings that only look like copies came to a decision."""
        likely, maybe = ((decision, each) for each in (Verdict.LIKELY, Verdict.MAYBE))
        return Decisions(likely=self._counts[likely], maybe=self._counts[maybe])

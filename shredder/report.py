"""What a command found out, as JSON values: the same facts for scripts and for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import chain, starmap
from pathlib import Path
from typing import Any

from backends.contract import Finding, Holding, Verdict
from shredder.config import KEYS, RECORD_KEYS
from shredder.errors import ExitCode, Inconclusive
from shredder.evidence.attest import bundle_file
from shredder.journal import Phase, Run
from shredder.listed import Listed
from shredder.plan import Decision, Item, read_header, read_items
from shredder.plan.by_key import by_key_items, every_item
from shredder.plan.keyed import CANCELLED, UNTIL, WAITS_DAYS
from shredder.plan.model import ByKey, ByKeyGroup
from shredder.run.again import again_file
from shredder.run.ended import ByKeyOutcome, ended, status_of
from shredder.run.results import Outcome, Status, read_results
from shredder.run.settled import read_settled
from shredder.run.work import Work
from shredder.sealed import left_anything
from shredder.spool import Spool
from shredder.sweep import Problem, ScopeCoverage, could_look

Json = dict[str, Any]
_KEYS = {KEYS, RECORD_KEYS}


def holding_json(holding: Holding) -> Json:
    """One holding as found."""
    return {
        "store": holding.store,
        "scope": holding.scope,
        "locator": holding.locator,
        "version": holding.version,
        "kind": holding.kind,
        "verdict": holding.verdict.value,
        "records": holding.records,
        "foreign_records": holding.foreign_records,
        "size": holding.size,
        "signs": {kind: number for kind, number in asdict(holding.signs).items() if number},
        "retained_until": holding.retained_until or None,
        "cost": asdict(holding.cost) if holding.cost else None,
        "sealed": holding.sealed,
        "waits_days": holding.details.get(WAITS_DAYS) if holding.store in _KEYS else None,
        "until": (holding.details.get(UNTIL) or None) if holding.store in _KEYS else None,
    }


def item_json(item: Item) -> Json:
    """One line of a plan."""
    return holding_json(item.holding) | {
        "id": item.id,
        "decision": item.decision.value,
        "technique": item.technique.value if item.technique else None,
        "whole": item.whole,
        "reason": item.reason or None,
    }


def outcome_json(item: Item, outcome: Outcome) -> Json:
    """One line of a plan, and what became of it."""
    return item_json(item) | _came(outcome)


def _came(outcome: Outcome) -> Json:
    return {
        "status": outcome.status.value,
        "reason": outcome.reason or None,
        "method": outcome.method.value if outcome.method else None,
        "verification": outcome.finding.value if outcome.finding else None,
        "looked": list(outcome.looked),
        "limitations": list(outcome.limitations),
        "until": outcome.until or None,
    }


def coverage_json(coverage: Iterable[ScopeCoverage]) -> list[Json]:
    """A coverage statement; `units_total` is null where the listing did not end."""
    return [
        {
            "store": entry.store,
            "scope": entry.scope,
            "status": entry.status.value,
            "units_total": entry.units_total if entry.listed else None,
            "units_examined": entry.examined,
            "units_unchanged": entry.unchanged,
            "units_failed": entry.failed,
            "units_unreachable": entry.unreachable,
            "units_excluded": entry.excluded,
            "reason": entry.reason or None,
            "as_of": entry.as_of or None,
        }
        for entry in coverage
    ]


def holdings_json(holdings: Iterable[Holding]) -> Listed:
    """Holdings as found, one by one."""
    return Listed(lambda: map(holding_json, holdings))


def problems_json(problems: Sequence[Problem]) -> Listed:
    """What was not examined, one by one: for the operator's eyes."""
    return Listed(
        lambda: (
            {
                "store": problem.store,
                "scope": problem.gap.scope,
                "locator": problem.gap.locator or None,
                "status": problem.gap.status.value,
                "reason": problem.gap.reason,
            }
            for problem in problems
        )
    )


def items_json(path: Path) -> Listed:
    """All lines of a plan, those that end with the key last, one by one."""
    return Listed(
        lambda: map(item_json, every_item(path)), lambda: map(item_json, read_items(path))
    )


def groups_json(by_key: ByKey | None) -> list[Json]:
    """What is to end with the key, by store and kind."""
    return [_group_json(group) for group in (by_key.groups if by_key else ())]


def _group_json(group: ByKeyGroup) -> Json:
    return {
        "store": group.store,
        "kind": group.kind,
        "holdings": group.holdings,
        "records": group.records if group.unknown_records < group.holdings else None,
    }


def _ended_json(ended: Iterable[ByKeyOutcome]) -> list[Json]:
    """What was to end with the key, and what became of it, by store and kind."""
    return [_group_json(each.group) | _came(each.outcome) for each in ended]


def plan_json(work: Work, run: Run, problems: Sequence[Problem] = ()) -> Json:
    """A plan that stands."""
    path = work.plan_file(run.id)
    header = read_header(path)
    return {
        "dataset": run.dataset,
        "outcome": run.facts.get("outcome") or looked_outcome(header.found, header.coverage),
        "run": run.id,
        "plan": str(path),
        "digest": run.facts["plan_digest"],
        "fingerprint": header.fingerprint_after,
        "by_key": groups_json(header.by_key),
        "not_by_key": {store: list(codes) for store, codes in header.not_by_key.items()},
        "holdings": items_json(path),
        "coverage": coverage_json(header.coverage),
        "problems": problems_json(problems),
    }


def run_json(work: Work, run: Run) -> Json:
    """A run that has come to its attestation."""
    after = read_header(again_file(work, run.id))
    return {
        "dataset": run.dataset,
        "outcome": run.facts["outcome"],
        "run": run.id,
        "digest": run.facts["plan_digest"],
        "fingerprint": "destroyed" if "fingerprint_destroyed" in run.facts else "kept",
        "holdings": Listed(lambda: starmap(outcome_json, outcomes(work, run))),
        "by_key": _ended_json(ended(work, run.id)),
        "appeared": items_json(again_file(work, run.id)),
        "coverage": coverage_json(after.coverage),
        "attestation": str(bundle_file(work, run)),
        "time": "timestamped" if timestamped(run) else "indeterminate",
    }


def timestamped(run: Run) -> bool:
    """Whether both statements of a run were timestamped when they were made."""
    return bool(run.facts["plan_timestamps"] and run.facts["result_timestamps"])


def outcomes(work: Work, run: Run) -> Iterator[tuple[Item, Outcome]]:
    """Each item of the plan with what became of it; not what ends with the key."""
    return zip(read_items(work.plan_file(run.id)), read_results(work, run.id), strict=True)


def looked_outcome(found: Mapping[str, int], coverage: Iterable[ScopeCoverage]) -> str:
    """What a command says that only looks: found, nothing-found or inconclusive."""
    if not could_look(coverage):
        return "inconclusive"
    return "found" if any(found.values()) else "nothing-found"


LOOKED = {
    "found": ExitCode.COMPLETE,
    "nothing-found": ExitCode.NOTHING_FOUND,
    "inconclusive": ExitCode.INCONCLUSIVE,
}


def exit_code(work: Work, run: Run) -> ExitCode:
    """The exit code of a run that has come to its attestation.

    Residue comes before all else, then what could not be told, then what is left, then what is
    pending: the first that holds is the one a script must act on.
    """
    assert run.phase is Phase.ATTESTED
    residue, unverified = False, False
    for outcome in chain(
        read_results(work, run.id), (each.outcome for each in ended(work, run.id))
    ):
        residue |= outcome.reason == "residue" or outcome.finding is Finding.RESIDUE
        unverified |= outcome.status is Status.UNVERIFIED
    for settled in read_settled(work, run.id):
        residue |= settled.outcome.status is Status.FAILED
    after = read_header(again_file(work, run.id))
    if residue:
        return ExitCode.RESIDUE
    if unverified or not could_look(after.coverage):
        return ExitCode.INCONCLUSIVE
    return {
        "complete": ExitCode.COMPLETE,
        "pending": ExitCode.PENDING,
    }.get(run.facts["outcome"], ExitCode.PARTIAL)


def attested_runs(work: Work, dataset: str) -> list[Run]:
    """The runs of a dataset that ended with an attestation, oldest first."""
    return work.journal.attested(dataset)


def returned(
    work: Work, run: Run, holdings: Iterable[Holding], spool: Spool
) -> tuple[Sequence[Holding], int]:
    """What a sweep after a destruction found that the attested run did not leave there.

    Returns the holdings that are back (or new), and how many were left by the run's own word.
    Raises Inconclusive where the run's manifest is destroyed and would have told the two apart.
    """
    if run.forgotten:
        return _returned_to(work, run, holdings, spool), 0
    left, ruled_out = spool.new_set(), spool.new_set()
    for item, outcome in outcomes(work, run):
        place = item.holding.store, item.holding.locator, item.holding.version
        if item.decision is Decision.DISMISSED:
            ruled_out.add(*place)
        elif outcome.status not in {Status.VERIFIED, Status.UNVERIFIED}:
            left.add(*place)
    for each in read_settled(work, run.id):
        if each.outcome.status is Status.PENDING:
            left.add(each.item.holding.store, each.item.holding.locator, each.item.holding.version)
    ends = ended(work, run.id)
    if ends and status_of(ends) not in {Status.VERIFIED, Status.UNVERIFIED}:
        for item in by_key_items(work.plan_file(run.id)):
            left.add(item.holding.store, item.holding.locator, item.holding.version)
    dismissed = {v for v in Verdict if v in read_header(work.plan_file(run.id)).options.dismiss}
    back, known = spool.new_list(Holding), 0
    for holding in holdings:
        place = holding.store, holding.locator, holding.version
        if holding.verdict in dismissed or ruled_out.has(*place):
            continue
        if left.has(*place) and CANCELLED not in holding.limitations:
            known += 1
        else:
            back.append(holding)
    return back, known


def _returned_to(
    work: Work, run: Run, holdings: Iterable[Holding], spool: Spool
) -> Sequence[Holding]:
    """The same without the manifest: all that is found is back, if the run left nothing."""
    dismissed = work.options(run.id).dismiss
    found = spool.new_list(Holding)
    for holding in holdings:
        if holding.verdict not in dismissed:
            found.append(holding)
    if found and left_anything(bundle_file(work, run)):
        raise Inconclusive(
            f"{len(found)} holdings are there, and the manifest of run {run.id} is destroyed: "
            "it cannot be told which of them the run left",
            hint=f"to see them: `shredder locate {run.dataset}`",
        )
    return found

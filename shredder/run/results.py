"""What became of each holding: one status, from the plan, the journal and the second sweep.

The results file is JSON Lines beside the plan, a line for each of its items in the same order;
its lines are what the attestation's second Merkle tree commits to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from backends.contract import Finding, Method, Result, Technique
from shredder import durable
from shredder.journal import Entry
from shredder.plan import Decision, Item, read_items
from shredder.run.work import Work


class Status(StrEnum):
    """The outcomes of a holding, and the two decisions that leave it where it is."""

    VERIFIED = "destroyed-verified"
    UNVERIFIED = "destroyed-unverified"
    PENDING = "pending"
    RETAINED = "retained"
    FAILED = "failed"
    UNDECIDED = "undecided"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line of the results file. Holds no locator: the plan's line of this id does."""

    id: str
    store: str
    status: Status
    reason: str = ""  # a code, where the status is not destroyed-verified
    technique: Technique | None = None
    method: Method | None = None
    until: str = ""
    limitations: tuple[str, ...] = ()
    numbers: Mapping[str, int] = field(default_factory=dict)
    finding: Finding | None = None  # None: residue was not looked for
    looked: tuple[str, ...] = ()
    residue: Mapping[str, int] = field(default_factory=dict)


_BY_DECISION = {
    Decision.RETAINED: Status.RETAINED,
    Decision.UNDECIDED: Status.UNDECIDED,
    Decision.DISMISSED: Status.DISMISSED,
    Decision.IMPOSSIBLE: Status.FAILED,
}
_BY_RESULT = {
    Result.PENDING: (Status.PENDING, "pending"),
    Result.RETAINED: (Status.RETAINED, "retained"),
    Result.CHANGED: (Status.FAILED, "changed-since-plan"),
    Result.FAILED: (Status.FAILED, "failed"),
}
_BY_FINDING = {
    Finding.ABSENT: (Status.VERIFIED, ""),
    Finding.RESIDUE: (Status.FAILED, "residue"),
    Finding.INCONCLUSIVE: (Status.UNVERIFIED, "inconclusive"),
}


def outcome_of(item: Item, entry: Entry | None, resurfaced: frozenset[str]) -> Outcome:
    """Judge one item of the plan. What was not measured is never better than unverified."""
    holding = item.holding
    if item.decision is not Decision.DESTROY:
        status = _BY_DECISION[item.decision]
        until = holding.retained_until if status is Status.RETAINED else ""
        return Outcome(item.id, holding.store, status, item.reason, until=until)
    if entry is None or entry.destruction is None:
        return Outcome(item.id, holding.store, Status.FAILED, "not-carried-out", item.technique)
    done, seen = entry.destruction, entry.verification
    if done.result in _BY_RESULT:
        status, reason = _BY_RESULT[done.result]
        reason = done.reason or reason
    elif item.id in resurfaced:
        status, reason = Status.FAILED, "residue"
    elif seen is None:
        status, reason = Status.UNVERIFIED, "not-verified"
    else:
        status, reason = _BY_FINDING[seen.finding]
        reason = reason and (seen.reason or reason)
    limitations = set(holding.limitations) | set(done.limitations)
    if done.result is Result.ALREADY_ABSENT and entry.attempts == 1:
        # Not a repeat after a crash of ours: somebody else took it away after the plan.
        limitations.add("absent-before-destruction")
    gone = status in {Status.VERIFIED, Status.UNVERIFIED, Status.PENDING}
    return Outcome(
        id=item.id,
        store=holding.store,
        status=status,
        reason=reason,
        technique=item.technique,
        method=done.method if gone else None,
        until=done.until,
        limitations=tuple(sorted(limitations)),
        numbers=done.numbers,
        finding=seen.finding if seen else None,
        looked=seen.looked if seen else (),
        residue=seen.numbers if seen else {},
    )


def results_file(work: Work, run: str) -> Path:
    """Where the results of a run lie."""
    return work.state.run(run) / "results.jsonl"


def write_results(work: Work, run: str, resurfaced: frozenset[str]) -> None:
    """Judge every item and write the results durably; repeatable."""
    durable.write(
        results_file(work, run),
        (
            json.dumps(asdict(outcome), sort_keys=True, separators=(",", ":")).encode() + b"\n"
            for outcome in (
                outcome_of(item, work.journal.entry(run, item.id), resurfaced)
                for item in read_items(work.plan_file(run))
            )
        ),
    )


def read_result_lines(work: Work, run: str) -> Iterator[bytes]:
    """The lines as they are committed to."""
    with results_file(work, run).open("rb") as file:
        yield from file


def read_results(work: Work, run: str) -> Iterator[Outcome]:
    """The results, one at a time."""
    return map(_parse, read_result_lines(work, run))


def _parse(line: bytes) -> Outcome:
    fields: dict[str, Any] = json.loads(line)
    technique, method, finding = (fields[key] for key in ("technique", "method", "finding"))
    return Outcome(
        **fields
        | {
            "status": Status(fields["status"]),
            "technique": Technique(technique) if technique else None,
            "method": Method(method) if method else None,
            "finding": Finding(finding) if finding else None,
            "limitations": tuple(fields["limitations"]),
            "looked": tuple(fields["looked"]),
        }
    )

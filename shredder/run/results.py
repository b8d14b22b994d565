"""What became of each holding: one status, from the plan, the journal and the second sweep.

The results file is JSON Lines beside the plan, a line for each of its items in the same order;
its lines are what the attestation's second Merkle tree commits to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from backends.contract import Finding, KeyErasure, Method, Result, Technique
from shredder import answers, durable, values
from shredder.errors import Refused
from shredder.journal import Entry
from shredder.plan import Decision, Item, digest_of, read_items
from shredder.plan.by_key import MOST_LIMITATIONS
from shredder.run.work import Work
from shredder.spool import SpooledSet


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
    erasure: KeyErasure | None = None  # of every attempt to destroy by the end of a key


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


def outcome_of(item: Item, entry: Entry | None, *, resurfaced: bool) -> Outcome:
    """Judge one item of the plan. What was not measured is never better than unverified."""
    holding = item.holding
    if item.decision is not Decision.DESTROY:
        status = _BY_DECISION[item.decision]
        until = holding.retained_until if status is Status.RETAINED else ""
        reason = item.reason or status.value
        return Outcome(item.id, holding.store, status, reason, until=until)
    by_key = KeyErasure(destroyed=1) if item.technique is Technique.CRYPTOGRAPHIC_ERASE else None
    if entry is None or entry.destruction is None:
        return Outcome(
            item.id,
            holding.store,
            Status.FAILED,
            "not-carried-out",
            item.technique,
            erasure=by_key and KeyErasure(),
        )
    done, seen = entry.destruction, entry.verification
    finding = seen.finding if seen else None
    if done.result in _BY_RESULT:
        status, reason = _BY_RESULT[done.result]
        reason = done.reason or reason
    elif resurfaced:
        # Whatever the backend said of it: the sweep has found it.
        status, reason, finding = Status.FAILED, "residue", Finding.RESIDUE
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
        limitations=answers.codes(limitations, MOST_LIMITATIONS),
        numbers=done.numbers,
        finding=finding,
        looked=seen.looked if seen else (),
        residue=seen.numbers if seen else {},
        erasure=by_key and _shown(done.erasure or by_key, status),
    )


def _shown(erasure: KeyErasure, status: Status) -> KeyErasure:
    """The conditions of an erase, of which no key counts as destroyed that may not be."""
    gone = status in {Status.VERIFIED, Status.UNVERIFIED}
    return erasure if gone else replace(erasure, destroyed=0)


def results_file(work: Work, run: str) -> Path:
    """Where the results of a run lie."""
    return work.state.run(run) / "results.jsonl"


def write_results(work: Work, run: str, resurfaced: SpooledSet) -> str:
    """Judge every item and write the results durably; repeatable. Returns the file's digest.

    `resurfaced` has the ids of the orders whose holding the second sweep found again.
    """

    def lines() -> Iterator[bytes]:
        for item in read_items(work.plan_file(run)):
            entry = work.journal.entry(run, item.id)
            yield values.dumps(outcome_of(item, entry, resurfaced=resurfaced.has(item.id)))

    path = results_file(work, run)
    durable.write(path, lines())
    return digest_of(path)


def read_result_lines(work: Work, run: str) -> Iterator[bytes]:
    """The lines as they are committed to."""
    with results_file(work, run).open("rb") as file:
        yield from file


def read_results(work: Work, run: str) -> Iterator[Outcome]:
    """The results, one at a time. Raises Refused if a line is damaged."""
    for line in read_result_lines(work, run):
        try:
            yield values.loads(Outcome, line)
        except values.NotOfItsType:
            raise Refused(
                f"the results of run {run} are damaged",
                hint="the attestation stands: `shredder show` and `verify` do without them",
            ) from None

"""What became of that which ends with a dataset's key: as of one, by what became of the key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from backends.contract import KeyErasure, Method, Technique
from shredder import answers, values
from shredder.plan import read_header
from shredder.plan.by_key import MOST_LIMITATIONS, by_key_items
from shredder.plan.model import ByKey, ByKeyGroup
from shredder.run.results import Outcome, Status, read_result_lines, read_results
from shredder.run.work import Work

_BYTES_STAY = "sealed-bytes-stay"


@dataclass(frozen=True, slots=True)
class Ended:
    """The result of one holding, in its place in the tree. What was looked for is the key's."""

    id: str
    store: str
    status: Status
    key: str  # its id


@dataclass(frozen=True, slots=True)
class ByKeyOutcome:
    """What became of a group."""

    group: ByKeyGroup
    outcome: Outcome


def ended_line(item: str, store: str, key: str, status: Status) -> bytes:
    """The result of one holding as it is committed to, with a line end."""
    return values.dumps(Ended(item, store, status, key))


def ended(work: Work, run: str) -> Sequence[ByKeyOutcome]:
    """What became of each group of a run that was verified; none if it has none."""
    by_key = read_header(work.plan_file(run)).by_key
    if by_key is None:
        return ()
    key = next(each for each in read_results(work, run) if each.id == by_key.order)
    return [ByKeyOutcome(group, _outcome(group, key)) for group in by_key.groups]


def status_of(outcomes: Sequence[ByKeyOutcome]) -> Status:
    """That of all groups: there is one key, and at least one group."""
    (status,) = {each.outcome.status for each in outcomes}
    return status


def as_foreseen(outcomes: Sequence[ByKeyOutcome]) -> bool:
    """Whether the tree over the results is the one that the plan's header goes on with."""
    return bool(outcomes) and status_of(outcomes) is Status.VERIFIED


def every_result_line(work: Work, run: str) -> Iterator[bytes]:
    """All results, in the order of the leaves. Raises Refused if a file is not the run's."""
    by_key = read_header(work.plan_file(run)).by_key
    if by_key is not None:
        yield from ended_lines(work, run, by_key)
    yield from read_result_lines(work, run)


def ended_lines(work: Work, run: str, by_key: ByKey) -> Iterator[bytes]:
    """The results of all that ended with the key, a line each, made of the list."""
    status = status_of(ended(work, run))
    for item in by_key_items(work.plan_file(run)):
        yield ended_line(item.id, item.holding.store, by_key.key, status)


def _outcome(group: ByKeyGroup, key: Outcome) -> Outcome:
    """By the outcome of the key's own destruction: what it did not earn, nothing sealed did."""
    status = key.status
    erasure = replace(key.erasure or KeyErasure(), ever_in_clear=group.clear)
    touched = status in {Status.VERIFIED, Status.UNVERIFIED, Status.PENDING}
    return Outcome(
        id=key.id,
        store=group.store,
        status=status,
        reason=key.reason,
        technique=Technique.CRYPTOGRAPHIC_ERASE,
        method=_method(key.method, erasure) if touched else None,
        until=key.until,
        limitations=answers.codes(
            {*group.limitations, *((_BYTES_STAY,) if touched else ())}, MOST_LIMITATIONS
        ),
        finding=key.finding,
        looked=key.looked,
        erasure=erasure,
    )


def _method(of_key: Method | None, erasure: KeyErasure) -> Method | None:
    """A purge, if the key's bytes were seen to be overwritten and every condition holds."""
    if of_key is None or of_key is Method.LOGICAL_DELETE or not erasure.purges:
        return of_key and Method.LOGICAL_DELETE
    return Method.PURGE
